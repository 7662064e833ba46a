/** fish: one line for each thing that can be completed, with the condition under which it can. */
#include "completion.h"

static void put_quoted(FILE *stream, const char *text)
{
    fputc('\'', stream);
    completion_put_escaped(stream, text, "\\'");
    fputc('\'', stream);
}

/** What the value, or an operand, is completed to. */
static void put_action(FILE *stream, enum takes takes, const struct command *const *table)
{
    switch (takes) {
    case TAKES_FILE:
        fputs(" -F", stream);
        break;
    case TAKES_FOLDER:
        fputs(" -f -a '(__fish_complete_directories (commandline -ct))'", stream);
        break;
    case TAKES_COMMAND:
        fputs(" -f -a '", stream);
        completion_put_commands(stream, table);
        fputc('\'', stream);
        break;
    case TAKES_MODEL:
        fputs(" -F -a '", stream);
        completion_put_models(stream);
        fputc('\'', stream);
        break;
    case TAKES_ANYTHING:
        fputs(" -f", stream);
        break;
    }
}

static void put_option(FILE *stream, const struct command *command, const struct command_option *option,
                       const struct command *const *table)
{
    fprintf(stream, "complete -c mgm -n '__mgm_is %s'", command->name);
    if (option->letter)
        fprintf(stream, " -s %c", option->letter);
    fprintf(stream, " -l %s", option->name);
    if (option->kind == OPTION_CHOICE) {
        fputs(" -r -f -a '", stream);
        completion_put_words(stream, option->choices);
        fputc('\'', stream);
    } else if (option->kind != OPTION_FLAG) {
        fputs(" -r", stream);
        put_action(stream, completion_takes(option), table);
    }
    fputs(" -d ", stream);
    put_quoted(stream, option->help);
    fputc('\n', stream);
}

static void put_command(FILE *stream, const struct command *command, const struct command *const *table)
{
    const struct command_option *option;
    fprintf(stream, "\ncomplete -c mgm -n __mgm_begins -a %s -d ", command->name);
    put_quoted(stream, command->summary);
    fputc('\n', stream);
    for (int i = 0; (option = command_option_at(command, i)); i++)
        put_option(stream, command, option, table);
    if (command->max_operands) {
        fprintf(stream, "complete -c mgm -n '__mgm_is %s'", command->name);
        put_action(stream, command->takes, table);
        fputc('\n', stream);
    }
}

void completion_write_fish(FILE *stream, const struct command *const *table)
{
    fputs("# fish completion for mgm, printed by: mgm help --completion fish\n\n"
          "function __mgm_begins\n    test (count (commandline -opc)) -eq 1\nend\n\n"
          "function __mgm_is\n    set -l words (commandline -opc)\n    test (count $words) -gt 1; and test $words[2] = "
          "$argv[1]\n"
          "end\n\n"
          "complete -c mgm -f\n"
          "complete -c mgm -n __mgm_begins -l help -d 'list the commands'\n"
          "complete -c mgm -n __mgm_begins -l version -d 'print the version'\n",
          stream);
    for (const struct command *const *entry = table; *entry; entry++)
        put_command(stream, *entry, table);
}
