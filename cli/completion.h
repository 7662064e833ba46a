/** Scripts that let shells complete mgm's command lines, made of the table of commands. One file for each shell. */
#ifndef MGM_CLI_COMPLETION_H
#define MGM_CLI_COMPLETION_H

#include "command.h"

#include <stdio.h>

/** "bash", "zsh", "fish", NULL. */
extern const char *const completion_shells[];

/** @param shell  one of completion_shells */
void completion_write(FILE *stream, const char *shell, const struct command *const *table);

void completion_write_bash(FILE *stream, const struct command *const *table);
void completion_write_zsh(FILE *stream, const struct command *const *table);
void completion_write_fish(FILE *stream, const struct command *const *table);

/** What an option's value is: what the table says of texts; TAKES_ANYTHING for numbers. Not for flags and choices. */
enum takes completion_takes(const struct command_option *option);

/** Prints the names of all commands, or the words of any list that ends with NULL, with a space between. */
void completion_put_commands(FILE *stream, const struct command *const *table);
void completion_put_words(FILE *stream, const char *const *words);

/** Prints the names of the models that are installed, as words. */
void completion_put_models(FILE *stream);

/** Prints text with a backslash before each of these characters. */
void completion_put_escaped(FILE *stream, const char *text, const char *special);

#endif
