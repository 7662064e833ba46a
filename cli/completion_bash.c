/**
 * bash: one function that looks at the word before the cursor. It needs nothing of the package bash-completion, and leaves
 * files and folders to bash itself, which knows about quotes, spaces and tildes.
 */
#include "completion.h"

static const char head[] = "# bash completion for mgm, printed by: mgm help --completion bash\n"
                           "\n"
                           "_mgm_words() {\n"
                           "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$word\")\n"
                           "}\n"
                           "\n"
                           "_mgm() {\n"
                           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                           "    COMPREPLY=()\n"
                           "    # bash takes --option=value apart into three words\n"
                           "    if [[ $word == = ]]; then\n"
                           "        word=\n"
                           "    elif [[ $before == = ]]; then\n"
                           "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
                           "    fi\n"
                           "    if ((COMP_CWORD == 1)); then\n"
                           "        _mgm_words '";

static void put_action(FILE *stream, enum takes takes, const struct command *const *table)
{
    switch (takes) {
    case TAKES_FILE:
        fputs("compopt -o default", stream);
        break;
    case TAKES_FOLDER:
        fputs("compopt -o dirnames", stream);
        break;
    case TAKES_COMMAND:
        fputs("_mgm_words '", stream);
        completion_put_commands(stream, table);
        fputc('\'', stream);
        break;
    case TAKES_MODEL: /* what is none of these words is a file */
        fputs("_mgm_words '", stream);
        completion_put_models(stream);
        fputs("'; compopt -o default", stream);
        break;
    case TAKES_ANYTHING:
        fputc(':', stream);
        break;
    }
}

/** The case of an option's value. */
static void put_value(FILE *stream, const struct command_option *option, const struct command *const *table)
{
    if (option->kind == OPTION_FLAG)
        return;
    fputs("        ", stream);
    if (option->letter)
        fprintf(stream, "-%c | ", option->letter);
    fprintf(stream, "--%s) ", option->name);
    if (option->kind == OPTION_CHOICE) {
        fputs("_mgm_words '", stream);
        completion_put_words(stream, option->choices);
        fputc('\'', stream);
    } else {
        put_action(stream, completion_takes(option), table);
    }
    fputs(" ;;\n", stream);
}

static void put_command(FILE *stream, const struct command *command, const struct command *const *table)
{
    const struct command_option *option;
    fprintf(stream, "    %s)\n        case $before in\n", command->name);
    for (int i = 0; (option = command_option_at(command, i)); i++)
        put_value(stream, option, table);
    fputs("        *)\n            if [[ $word == -* ]]; then\n                _mgm_words '", stream);
    for (int i = 0; (option = command_option_at(command, i)); i++) {
        if (option->letter)
            fprintf(stream, "-%c ", option->letter);
        fprintf(stream, "--%s%s", option->name, command_option_at(command, i + 1) ? " " : "");
    }
    fputs("'\n            else\n                ", stream);
    put_action(stream, command->max_operands ? command->takes : TAKES_ANYTHING, table);
    fputs("\n            fi\n            ;;\n        esac\n        ;;\n", stream);
}

void completion_write_bash(FILE *stream, const struct command *const *table)
{
    fputs(head, stream);
    completion_put_commands(stream, table);
    fputs(" --help --version'\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", stream);
    for (const struct command *const *entry = table; *entry; entry++)
        put_command(stream, *entry, table);
    fputs("    esac\n}\n\ncomplete -F _mgm mgm\n", stream);
}
