/** zsh: a specification for _arguments for each command. All of them stand in single quotes, their descriptions in brackets.
 */
#include "completion.h"

/** Within single quotes, where an apostrophe ends the quote, is escaped outside, and begins the next. */
static void put_quoted(FILE *stream, const char *text, const char *special)
{
    for (; *text; text++) {
        const char one[] = {*text, '\0'};
        if (*text == '\'')
            fputs("'\\''", stream);
        else
            completion_put_escaped(stream, one, special);
    }
}

static void put_action(FILE *stream, enum takes takes)
{
    static const char *const actions[] = {[TAKES_FILE] = "_files",
                                          [TAKES_FOLDER] = "_files -/",
                                          [TAKES_COMMAND] = "_mgm_commands",
                                          [TAKES_MODEL] = "_mgm_models",
                                          [TAKES_ANYTHING] = " "};
    fputs(actions[takes], stream);
}

static void put_option(FILE *stream, const struct command_option *option)
{
    const bool flag = option->kind == OPTION_FLAG, list = option->kind == OPTION_LIST;
    fputs(" \\\n            ", stream);
    if (option->letter) /* one excludes the other */
        fprintf(stream, "'%s(-%c --%s)'{-%c%s,--%s%s}'[", list ? "*" : "", option->letter, option->name, option->letter,
                flag ? "" : "+", option->name, flag ? "" : "=");
    else
        fprintf(stream, "'%s--%s%s[", list ? "*" : "", option->name, flag ? "" : "=");
    put_quoted(stream, option->help, "[]\\:");
    fputc(']', stream);
    if (!flag) {
        fputc(':', stream);
        put_quoted(stream, option->placeholder, "\\:");
        fputc(':', stream);
    }
    if (option->kind == OPTION_CHOICE) {
        fputc('(', stream);
        completion_put_words(stream, option->choices);
        fputc(')', stream);
    } else if (!flag) {
        put_action(stream, completion_takes(option));
    }
    fputc('\'', stream);
}

static void put_command(FILE *stream, const struct command *command)
{
    static const char *const nouns[] = {[TAKES_FILE] = "file",
                                        [TAKES_FOLDER] = "folder",
                                        [TAKES_COMMAND] = "command",
                                        [TAKES_MODEL] = "model",
                                        [TAKES_ANYTHING] = "argument"};
    const struct command_option *option;
    fprintf(stream, "    %s)\n        _arguments -s -S", command->name);
    for (int i = 0; (option = command_option_at(command, i)); i++)
        put_option(stream, option);
    if (command->max_operands) {
        fprintf(stream, " \\\n            '%s:%s:", command->max_operands == 1 ? "1" : "*", nouns[command->takes]);
        put_action(stream, command->takes);
        fputc('\'', stream);
    }
    fputs("\n        ;;\n", stream);
}

void completion_write_zsh(FILE *stream, const struct command *const *table)
{
    fputs("#compdef mgm\n# zsh completion for mgm, printed by: mgm help --completion zsh\n\n"
          "_mgm_commands() {\n    local -a commands=(",
          stream);
    for (const struct command *const *entry = table; *entry; entry++) {
        fprintf(stream, "\n        '%s:", (*entry)->name);
        put_quoted(stream, (*entry)->summary, "\\:");
        fputc('\'', stream);
    }
    fputs("\n    )\n    _describe -t commands command commands\n}\n\n_mgm_models() {\n    compadd -- ", stream);
    completion_put_models(stream);
    fputs("\n    _files\n}\n\n"
          "_mgm() {\n"
          "    if ((CURRENT == 2)); then\n"
          "        _arguments '(-)--help[list the commands]' '(-)--version[print the version]' '1:command:_mgm_commands'\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $words[1] in\n",
          stream);
    for (const struct command *const *entry = table; *entry; entry++)
        put_command(stream, *entry);
    /* in a folder of fpath the file is the function's body; sourced, it only defines it */
    fputs("    esac\n}\n\n"
          "if [[ $funcstack[1] == _mgm ]]; then\n    _mgm \"$@\"\nelse\n    compdef _mgm mgm\nfi\n",
          stream);
}
