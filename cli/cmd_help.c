/** mgm help: says how mgm is used, to people. */
#include "command.h"
#include "help.h"
#include "report.h"

static int run(int argc, char **argv);

const struct command cmd_help = {
    .name = "help",
    .summary = "says how a command is used",
    .synopsis = "[COMMAND]",
    .details = "Without COMMAND, all commands are listed.",
    .min_operands = 0,
    .max_operands = 1,
    .takes = TAKES_COMMAND,
    .run = run,
};

static int run(int argc, char **argv)
{
    struct operands operands;
    int status = command_parse(&cmd_help, argc, argv, NULL, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    const struct command *command = operands.count ? command_find(operands.values[0]) : NULL;
    if (operands.count && !command)
        return STATUS_USAGE;
    if (command)
        help_print_command(stdout, command);
    else
        help_print_overview(stdout, command_table);
    return report_finish();
}
