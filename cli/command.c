#include "command.h"
#include "help.h"
#include "report.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 64, FIRST_CODE = 256, HELP_CODE = FIRST_CODE + MAX_OPTIONS };

char *command_printable(char *text)
{
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    return text;
}

static void say(const struct command *command, const char *format, va_list arguments)
{
    char sentence[4096];
    vsnprintf(sentence, sizeof sentence, format, arguments);
    fprintf(stderr, "mgm %s: %s\n", command->name, command_printable(sentence));
}

int command_misused(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(command, format, arguments);
    va_end(arguments);
    fprintf(stderr, "usage: mgm %s %s\n'mgm help %s' says more.\n", command->name, command->synopsis, command->name);
    return STATUS_USAGE;
}

int command_failed(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(command, format, arguments);
    va_end(arguments);
    return STATUS_FAILED;
}

static int set_number(const struct command *command, const struct command_option *option, const char *text, void *target)
{
    char *end = NULL;
    errno = 0;
    double number = strtod(text, &end);
    bool whole = option->kind == OPTION_REAL || number == floor(number);
    if (end == text || *end || errno || !isfinite(number) || !whole || number < option->low || number > option->high)
        return command_misused(command, "--%s takes %s from %g to %g, not '%s'", option->name,
                               option->kind == OPTION_REAL ? "a number" : "a whole number", option->low, option->high, text);
    if (option->kind == OPTION_REAL)
        *(double *)target = number;
    else
        *(int *)target = (int)number;
    return COMMAND_GO_ON;
}

static int set_choice(const struct command *command, const struct command_option *option, const char *text, void *target)
{
    char list[256];
    for (const char *const *choice = option->choices; *choice; choice++) {
        if (strcmp(text, *choice) == 0) {
            *(const char **)target = *choice;
            return COMMAND_GO_ON;
        }
    }
    text_join(option->choices, list, sizeof list);
    return command_misused(command, "--%s takes %s, not '%s'", option->name, list, text);
}

static int set_seed(const struct command *command, const struct command_option *option, const char *text, void *target)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (end == text || *end || errno || strchr(text, '-'))
        return command_misused(command, "--%s takes a whole number from 0 to 2^64 - 1, not '%s'", option->name, text);
    *(uint64_t *)target = number;
    return COMMAND_GO_ON;
}

static int set_bytes(const struct command *command, const struct command_option *option, const char *text, void *target)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    errno = 0;
    double number = strtod(text, &end);
    const char *unit = end != text && *end ? strchr(units, *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end) : NULL;
    if (unit) {
        number *= pow(1000, (double)(unit - units) + 1);
        end++;
    }
    if (end == text || *end || errno || !(number >= 1 && number < 0x1p63))
        return command_misused(command, "--%s takes a number of bytes, such as 500M or 2G, not '%s'", option->name, text);
    *(uint64_t *)target = (uint64_t)number;
    return COMMAND_GO_ON;
}

static int add_text(const struct command *command, const struct command_option *option, const char *text, void *target)
{
    struct text_list *list = target;
    if (list->count == TEXT_LIST_MAX)
        return command_misused(command, "--%s may be given at most %d times", option->name, TEXT_LIST_MAX);
    list->texts[list->count++] = text;
    return COMMAND_GO_ON;
}

static int set_option(const struct command *command, const struct command_option *option, const char *text, void *values)
{
    void *target = (char *)values + option->offset;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)target = true;
        return COMMAND_GO_ON;
    case OPTION_TEXT:
        *(const char **)target = text;
        return COMMAND_GO_ON;
    case OPTION_CHOICE:
        return set_choice(command, option, text, target);
    case OPTION_SEED:
        return set_seed(command, option, text, target);
    case OPTION_BYTES:
        return set_bytes(command, option, text, target);
    case OPTION_LIST:
        return add_text(command, option, text, target);
    case OPTION_INT:
    case OPTION_REAL:
        return set_number(command, option, text, target);
    }
    return COMMAND_GO_ON;
}

/** Translates the table for getopt_long. @return number of options */
static int translate(const struct command_option *table, struct option *longs, char *shorts)
{
    int count = 0;
    *shorts++ = ':'; /* missing values are told apart from unknown options */
    for (; table && table[count].name && count < MAX_OPTIONS - 1; count++) {
        bool takes_value = table[count].kind != OPTION_FLAG;
        longs[count] =
            (struct option){table[count].name, takes_value ? required_argument : no_argument, NULL, FIRST_CODE + count};
        if (table[count].letter) {
            *shorts++ = table[count].letter;
            if (takes_value)
                *shorts++ = ':';
        }
    }
    longs[count] = (struct option){"help", no_argument, NULL, HELP_CODE};
    longs[count + 1] = (struct option){0};
    *shorts = '\0';
    return count;
}

/** Index in the table of what getopt_long returned. */
static int find_option(const struct command_option *table, int count, int code)
{
    if (code >= FIRST_CODE)
        return code - FIRST_CODE;
    for (int i = 0; i < count; i++) {
        if (table[i].letter == code)
            return i;
    }
    return -1;
}

static int complain(const struct command *command, int code, char **argv)
{
    if (code == ':' && optopt >= FIRST_CODE)
        return command_misused(command, "--%s needs a value", command->options[optopt - FIRST_CODE].name);
    if (code == ':')
        return command_misused(command, "-%c needs a value", optopt);
    if (optopt == HELP_CODE)
        return command_misused(command, "--help takes no value");
    if (optopt >= FIRST_CODE)
        return command_misused(command, "--%s takes no value", command->options[optopt - FIRST_CODE].name);
    if (optopt)
        return command_misused(command, "there is no option -%c", optopt);
    return command_misused(command, "there is no option %s (or more than one begins so)", argv[optind - 1]);
}

const struct command_option *command_option_at(const struct command *command, int index)
{
    static const struct command_option help = {"help", 0, OPTION_FLAG,
                                               .help = "say how the command is used, and do nothing else"};
    int count = 0;
    while (command->options && command->options[count].name)
        count++;
    return index < count ? &command->options[index] : index == count ? &help : NULL;
}

static int check_operands(const struct command *command, const struct operands *operands)
{
    if (operands->count < command->min_operands && operands->count == 0)
        return command_misused(command, "nothing was named to work on");
    if (operands->count < command->min_operands)
        return command_misused(command, "something is missing after '%s'", operands->values[operands->count - 1]);
    if (operands->count > command->max_operands)
        return command_misused(command, "'%s' is one argument too many", operands->values[command->max_operands]);
    return COMMAND_GO_ON;
}

int command_parse(const struct command *command, int argc, char **argv, void *values, struct operands *operands)
{
    struct option longs[MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 2];
    bool given[MAX_OPTIONS] = {false};
    int count = translate(command->options, longs, shorts);
    int code;
    optind = 0;
    opterr = 0;
    while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (code == HELP_CODE) {
            help_print_command(stdout, command);
            return report_finish();
        }
        int index = code == '?' || code == ':' ? -1 : find_option(command->options, count, code);
        if (index < 0)
            return complain(command, code, argv);
        int status = set_option(command, &command->options[index], optarg, values);
        if (status != COMMAND_GO_ON)
            return status;
        given[index] = true;
    }
    for (int i = 0; i < count; i++) {
        if (command->options[i].required && !given[i])
            return command_misused(command, "--%s %s is missing", command->options[i].name, command->options[i].placeholder);
    }
    *operands = (struct operands){argc - optind, argv + optind};
    return check_operands(command, operands);
}
