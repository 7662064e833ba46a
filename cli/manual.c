/**
 * troff reads lines: one that begins with a dot or an apostrophe is a request, a backslash begins an escape, and of the
 * other characters some become typographic ones, which cannot be copied into a shell. So text goes through put_text() here,
 * wherever it comes from; everything else is written as troff.
 *
 * Pages bear no date: one of the build would make every build different, and one by hand would be forgotten.
 */
#include "manual.h"
#include "help.h"
#include "mgm.h"
#include "text.h"

#include <ctype.h>
#include <string.h>

enum { MAX_TEXT = 1024, ELLIPSIS = 0x2026 /* which terminals without Unicode would leave out */ };

/* What may stand around an option. */
static const char marks[] = "[]()| ";

static const char program_summary[] =
    "mgm takes a photo and a rough mask, and makes a cutout with a real matte: hair stays hair, and what is half "
    "transparent "
    "stays half transparent. It runs on the processor, with a model that comes with it.";

static const char program_details[] =
    "What it does is chosen by COMMAND; each has a page of its own. Options may be shortened as long as they remain "
    "unambiguous, and stand before, between or after other arguments; what follows a bare -- is no option.";

static const struct {
    const char *name, *meaning;
} environment[] = {
    {"MGM_MODELS",
     "The folder in which models are looked for by their names. Where this is not set, or empty, they are looked for where "
     "they were installed, then in the source tree."},
    {"MGM_CUDA_MODULE",
     "The file of the module that computes on CUDA devices, if it is not where mgm was installed or built."},
    {"MGM_MPI_MODULE", "The same for the module that training in several processes needs."},
    {"OMP_WAIT_POLICY",
     "With the value passive, threads that have nothing to do sleep, which is kinder to other programs on the "
     "same machine. How many threads there are is a matter of --threads, not of OMP_NUM_THREADS."},
};

static const struct command_example program_examples[] = {
    {"Cut something out of a photo along a mask of the same size:", "mgm matte photo.jpg mask.png -o cutout.png"},
    {"Say how that command is used:", "mgm help matte"},
    {0},
};

/** Writes the code point of a character's first byte and those after it. @return the bytes that it has */
static size_t put_wide(FILE *stream, const char *text, size_t length)
{
    const unsigned char first = (unsigned char)text[0];
    const size_t expected = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    unsigned long point = first & (0x7Fu >> expected);
    size_t bytes = 1;
    for (; bytes < expected && bytes < length; bytes++)
        point = point << 6 | ((unsigned char)text[bytes] & 0x3Fu);
    if (point == ELLIPSIS)
        fputs("\\&...", stream);
    else
        fprintf(stream, "\\[u%04lX]", point);
    return bytes;
}

/** Any text, so that it is shown as it is. */
static void put_text(FILE *stream, struct text_part text)
{
    static const char *const escapes[128] = {['\\'] = "\\(rs", ['-'] = "\\-",   ['\''] = "\\(aq", ['"'] = "\\(dq",
                                             ['`'] = "\\(ga",  ['^'] = "\\(ha", ['~'] = "\\(ti"};
    for (size_t i = 0; i < text.length;) {
        const unsigned char c = (unsigned char)text.start[i];
        if (c >= 128) {
            i += put_wide(stream, text.start + i, text.length - i);
            continue;
        }
        if (c == '.' && i == 0)
            fputs("\\&.", stream); /* may stand at the beginning of a line */
        else if (escapes[c])
            fputs(escapes[c], stream);
        else
            fputc(c, stream);
        i++;
    }
}

static void put_styled(FILE *stream, char font, struct text_part text)
{
    fprintf(stream, "\\f%c", font);
    put_text(stream, text);
    fputs("\\fR", stream);
}

/** Length of an option's name that begins here: a minus or two, then letters, digits and minuses. 0: there is none */
static size_t option_length(struct text_part text)
{
    size_t minuses = 0, length;
    while (minuses < text.length && text.start[minuses] == '-')
        minuses++;
    for (length = minuses; length < text.length; length++) {
        if (!isalnum((unsigned char)text.start[length]) && text.start[length] != '-')
            break;
    }
    return minuses >= 1 && minuses <= 2 && length > minuses ? length : 0;
}

/** Length of the piece of a word that begins here: an option, one of the marks around options, or what stands between them.
 */
static size_t piece_length(struct text_part rest, bool begins)
{
    const size_t option = begins ? option_length(rest) : 0;
    size_t length = 1;
    if (option || strchr(marks, *rest.start))
        return option ? option : length;
    while (length < rest.length && !strchr(marks, rest.start[length]))
        length++;
    return length;
}

/** Options in bold type; in a synopsis also what stands for something else, PHOTO, in italics. */
static void put_word(FILE *stream, struct text_part word, bool synopsis)
{
    bool begins = true; /* nothing but marks stands before */
    while (word.length) {
        const struct text_part piece = {word.start, piece_length(word, begins)};
        if (*piece.start == ' ')
            fputs("\\ ", stream); /* within brackets, where a line is not to end */
        else if (begins && option_length(piece))
            put_styled(stream, 'B', piece);
        else if (begins && synopsis && isupper((unsigned char)*piece.start))
            put_styled(stream, 'I', piece);
        else
            put_text(stream, piece);
        begins = strchr(marks, *piece.start);
        word.start += piece.length;
        word.length -= piece.length;
    }
}

/** One line of source for each line that a writer made of it, so that pages can be compared. */
static void put_prose(FILE *stream, struct text_part text, bool synopsis)
{
    struct text_part word;
    int column = 0;
    while (text_next_word(&text, &word)) {
        const int columns = text_columns(word);
        if (column)
            fputc(column + columns < TEXT_WIDTH ? ' ' : '\n', stream);
        column = column && column + columns < TEXT_WIDTH ? column + 1 + columns : columns;
        put_word(stream, word, synopsis);
    }
    fputc('\n', stream);
}

static void put_details(FILE *stream, const char *details)
{
    struct text_block block;
    while (text_next_block(&details, &block)) {
        fputs(block.term.length ? ".TP\n" : ".PP\n", stream);
        if (block.term.length)
            put_prose(stream, block.term, false);
        put_prose(stream, block.body, false);
    }
}

static void put_option(FILE *stream, const struct command_option *option)
{
    char text[MAX_TEXT];
    fputs(".TP\n", stream);
    if (option->letter)
        fprintf(stream, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", stream);
    put_text(stream, text_whole(option->name));
    fputs("\\fR", stream);
    if (option->placeholder) {
        fputc(' ', stream);
        put_styled(stream, 'I', text_whole(option->placeholder));
    }
    fputc('\n', stream);
    help_explain_option(option, text, sizeof text);
    put_prose(stream, text_whole(text), false);
}

static void put_exit_statuses(FILE *stream)
{
    fputs(".SH EXIT STATUS\n", stream);
    for (const struct exit_status *entry = help_exit_statuses; entry->meaning; entry++) {
        fprintf(stream, ".TP\n\\fB%d\\fR\n", entry->status);
        put_prose(stream, text_whole(entry->meaning), false);
    }
}

static void put_examples(FILE *stream, const struct command_example *example)
{
    if (!example || !example->purpose)
        return;
    fputs(".SH EXAMPLES\n", stream);
    for (const char *before = ""; example->purpose; example++, before = ".PP\n") {
        fputs(before, stream);
        put_prose(stream, text_whole(example->purpose), false);
        fputs(".PP\n.RS 4\n.nf\n", stream);
        put_text(stream, text_whole(example->line));
        fputs("\n.fi\n.RE\n", stream);
    }
}

/** References to the pages of all commands but one; the last one of all without a comma. */
static void put_references(FILE *stream, const struct command *but, const struct command *const *table)
{
    fputs(".SH SEE ALSO\n", stream);
    if (but)
        fputs("\\fBmgm\\fR(1)", stream);
    for (bool first = !but; *table; table++) {
        if (*table == but)
            continue;
        fprintf(stream, "%s\\fBmgm\\-%s\\fR(1)", first ? "" : ",\n", (*table)->name);
        first = false;
    }
    fputc('\n', stream);
}

/** Title and name of "mgm" or, with a command's name, "mgm-NAME". */
static void put_head(FILE *stream, const char *command, const char *summary)
{
    fputs(".TH MGM", stream);
    if (command)
        fputs("\\-", stream);
    for (const char *c = command; c && *c; c++)
        fputc(toupper((unsigned char)*c), stream);
    fprintf(stream, " 1 \"\" \"mgm %s\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\nmgm%s%s \\- ", MGM_VERSION,
            command ? "\\-" : "", command ? command : "");
    put_prose(stream, text_whole(summary), false);
}

void manual_write_command(FILE *stream, const struct command *command, const struct command *const *table)
{
    const struct command_option *option;
    put_head(stream, command->name, command->summary);
    char sentence[MAX_TEXT];
    fprintf(stream, ".SH SYNOPSIS\n\\fBmgm %s\\fR\n", command->name);
    put_prose(stream, text_whole(command->synopsis), true);
    fprintf(stream, ".SH DESCRIPTION\n\\fBmgm %s\\fR\n", command->name);
    snprintf(sentence, sizeof sentence, "%s.", command->summary);
    put_prose(stream, text_whole(sentence), false);
    put_details(stream, command->details);
    fputs(".SH OPTIONS\n", stream);
    for (int i = 0; (option = command_option_at(command, i)); i++)
        put_option(stream, option);
    put_exit_statuses(stream);
    put_examples(stream, command->examples);
    put_references(stream, command, table);
}

void manual_write_program(FILE *stream, const struct command *const *table)
{
    put_head(stream, NULL, help_summary);
    fputs(".SH SYNOPSIS\n\\fBmgm\\fR \\fICOMMAND\\fR [\\fIargument\\fR ...]\n.SH DESCRIPTION\n", stream);
    put_prose(stream, text_whole(program_summary), false);
    put_details(stream, program_details);
    fputs(".SH COMMANDS\n", stream);
    for (const struct command *const *entry = table; *entry; entry++) {
        fprintf(stream, ".TP\n\\fBmgm\\-%s\\fR(1)\n", (*entry)->name);
        put_prose(stream, text_whole((*entry)->summary), false);
    }
    fputs(".SH OPTIONS\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nthe list of commands; after a command, how that is used\n"
          ".TP\n\\fB\\-\\-version\\fR\nthe version of the program\n",
          stream);
    put_exit_statuses(stream);
    fputs(".SH ENVIRONMENT\n", stream);
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
        fprintf(stream, ".TP\n\\fB%s\\fR\n", environment[i].name);
        put_prose(stream, text_whole(environment[i].meaning), false);
    }
    put_examples(stream, program_examples);
    put_references(stream, NULL, table);
}
