/** mgm help: says how mgm is used, to people and to man. */
#include "command.h"
#include "help.h"
#include "manual.h"
#include "report.h"

struct values {
    bool man;
};

static const struct command_option options[] = {
    {"man", 0, OPTION_FLAG, offsetof(struct values, man), NULL, "print the man page, as troff; without COMMAND that of mgm"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_help = {
    .name = "help",
    .summary = "says how a command is used",
    .synopsis = "[COMMAND] [--man]",
    .details = "Without COMMAND, all commands are listed.",
    .options = options,
    .min_operands = 0,
    .max_operands = 1,
    .takes = TAKES_COMMAND,
    .run = run,
};

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    int status = command_parse(&cmd_help, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    const struct command *command = operands.count ? command_find(operands.values[0]) : NULL;
    if (operands.count && !command)
        return STATUS_USAGE;
    if (values.man && command)
        manual_write_command(stdout, command, command_table);
    else if (values.man)
        manual_write_program(stdout, command_table);
    else if (command)
        help_print_command(stdout, command);
    else
        help_print_overview(stdout, command_table);
    return report_finish();
}
