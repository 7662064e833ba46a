/**
 * What a subcommand is, and the one parser of their command lines.
 *
 * A command declares its options as a table that points into a struct of its own:
 *
 *     struct values { const char *output, *format; bool json; int threads; };
 *     static const char *const formats[] = {"png", "jpg", NULL};
 *     static const struct command_option options[] = {
 *         {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT", "where the result goes", .required = true},
 *         {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "one JSON object on stdout"},
 *         {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads to use", .low = 0, .high = 1024},
 *         {"format", 0, OPTION_CHOICE, offsetof(struct values, format), "FORMAT", "what is written", .choices = formats},
 *         {0},
 *     };
 *     static int run(int argc, char **argv)
 *     {
 *         struct values values = {.threads = 0};            // what is not given stays as it is
 *         struct operands operands;
 *         int status = command_parse(&cmd_thing, argc, argv, &values, &operands);
 *         if (status != COMMAND_GO_ON)
 *             return status;
 *         …
 *     }
 *
 * Exit statuses: 0 all went well, 1 the work failed, or a part of it, 2 the command line is wrong. Messages go to stderr.
 */
#ifndef MGM_CLI_COMMAND_H
#define MGM_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, COMMAND_GO_ON = -1 };

enum option_kind {
    OPTION_FLAG,   /* bool; takes no value */
    OPTION_TEXT,   /* const char * */
    OPTION_CHOICE, /* const char *, equal to one of the choices */
    OPTION_INT,    /* int in [low, high] */
    OPTION_REAL,   /* double in [low, high] */
    OPTION_SEED,   /* uint64_t */
    OPTION_BYTES,  /* uint64_t, above 0; on the command line a number, also with K, M, G or T (thousands) behind it */
    OPTION_LIST,   /* struct text_list; may be given many times */
};

/** What texts name: completions offer it. Only OPTION_TEXT, OPTION_LIST and operands look at this. */
enum takes {
    TAKES_FILE, /* what is not said is a file */
    TAKES_FOLDER,
    TAKES_COMMAND,  /* of mgm */
    TAKES_MODEL,    /* a file, or the name of one that is installed (models.h) */
    TAKES_ANYTHING, /* nothing can be offered */
};

enum { TEXT_LIST_MAX = 64 };

struct text_list {
    int count;
    const char *texts[TEXT_LIST_MAX]; /* in the order of the command line */
};

struct command_option {
    const char *name; /* long name; NULL ends the table */
    char letter;      /* short name, 0: none */
    enum option_kind kind;
    size_t offset;           /* of the variable in the command's struct of values */
    const char *placeholder; /* "PATH"; NULL for a flag */
    const char *help;        /* a few words; whoever shows them breaks lines */
    double low, high;        /* OPTION_INT and OPTION_REAL */
    bool required;
    const char *const *choices; /* OPTION_CHOICE; ends with NULL. Help lists them by itself */
    enum takes takes;
};

struct command_example {
    const char *purpose; /* what it is for: "the matte alone"; NULL ends the table */
    const char *line;    /* a command line for a shell; up to 74 columns, as help does not break it */
};

struct command {
    const char *name;
    const char *summary;  /* one line for `mgm help` */
    const char *synopsis; /* what follows the name: "PHOTO MASK -o OUT [options]" */
    const char *details;  /* paragraphs and lists, see text.h; "" if there is nothing to add */
    const struct command_option *options;
    const struct command_example *examples; /* NULL: none */
    int min_operands, max_operands;
    enum takes takes;                  /* what the operands are */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit status */
};

struct operands {
    int count;
    char **values;
};

/**
 * Fills values from the command line and gathers what is no option (argv is reordered). `--help` is understood everywhere.
 * @return COMMAND_GO_ON, or the exit status with which to end (the message has been printed)
 */
int command_parse(const struct command *command, int argc, char **argv, void *values, struct operands *operands);

/** What a file or its name says may hold what would move a terminal's cursor: replaced, in place. @return text */
char *command_printable(char *text);

/** Prints "mgm NAME: sentence" and where to read more. @return STATUS_USAGE */
int command_misused(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Prints "mgm NAME: sentence". @return STATUS_FAILED */
int command_failed(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The options as users see them: those of the table, then --help. @return NULL after the last one */
const struct command_option *command_option_at(const struct command *command, int index);

/** The whole table, in the order of `mgm help`; ends with NULL. */
extern const struct command *const command_table[];

/** @return NULL, after saying so on stderr, if there is no command of that name */
const struct command *command_find(const char *name);

#endif
