/** What `mgm help` prints on a terminal, and what man pages say in the same words. */
#ifndef MGM_CLI_HELP_H
#define MGM_CLI_HELP_H

#include "command.h"

#include <stdio.h>

/** What the program does, in a few words. */
extern const char help_summary[];

struct exit_status {
    int status;
    const char *meaning; /* NULL ends the table */
};
extern const struct exit_status help_exit_statuses[];

/** What an option is for, with what it may be. @param text  receives it, shortened to size */
void help_explain_option(const struct command_option *option, char *text, size_t size);

/** All commands of the table. */
void help_print_overview(FILE *stream, const struct command *const *table);

/** All of one command. */
void help_print_command(FILE *stream, const struct command *command);

#endif
