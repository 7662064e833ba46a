#include "completion.h"

#include "models.h"

#include <string.h>

const char *const completion_shells[] = {"bash", "zsh", "fish", NULL};

void completion_write(FILE *stream, const char *shell, const struct command *const *table)
{
    static void (*const writers[])(FILE *, const struct command *const *) = {completion_write_bash, completion_write_zsh,
                                                                             completion_write_fish};
    for (int i = 0; completion_shells[i]; i++) {
        if (strcmp(shell, completion_shells[i]) == 0)
            writers[i](stream, table);
    }
}

enum takes completion_takes(const struct command_option *option)
{
    return option->kind == OPTION_TEXT || option->kind == OPTION_LIST ? option->takes : TAKES_ANYTHING;
}

void completion_put_commands(FILE *stream, const struct command *const *table)
{
    for (const struct command *const *entry = table; *entry; entry++)
        fprintf(stream, "%s%s", entry == table ? "" : " ", (*entry)->name);
}

void completion_put_words(FILE *stream, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        fprintf(stream, "%s%s", i ? " " : "", words[i]);
}

void completion_put_models(FILE *stream)
{
    struct model_names installed;
    models_list(&installed);
    for (int i = 0; i < installed.count; i++)
        fprintf(stream, "%s%s", i ? " " : "", installed.names[i]);
}

void completion_put_escaped(FILE *stream, const char *text, const char *special)
{
    for (; *text; text++) {
        if (strchr(special, *text))
            fputc('\\', stream);
        fputc(*text, stream);
    }
}
