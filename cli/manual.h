/** Man pages in man(7)'s troff, made of what the commands say of themselves. */
#ifndef MGM_CLI_MANUAL_H
#define MGM_CLI_MANUAL_H

#include "command.h"

#include <stdio.h>

/** mgm(1): the program and all commands of the table. */
void manual_write_program(FILE *stream, const struct command *const *table);

/** mgm-NAME(1), which refers to the other commands of the table. */
void manual_write_command(FILE *stream, const struct command *command, const struct command *const *table);

#endif
