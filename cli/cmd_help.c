/** mgm help: says how mgm is used, to people, to man and to shells. */
#include "command.h"
#include "completion.h"
#include "help.h"
#include "manual.h"
#include "report.h"

struct values {
    bool man;
    const char *shell;
};

static const struct command_option options[] = {
    {"man", 0, OPTION_FLAG, offsetof(struct values, man), NULL, "print the man page, as troff; without COMMAND that of mgm"},
    {"completion", 0, OPTION_CHOICE, offsetof(struct values, shell), "SHELL",
     "print a script that completes mgm's arguments", .choices = completion_shells},
    {0},
};

static const struct command_example examples[] = {
    {"Say how mgm matte is used:", "mgm help matte"},
    {"Write its man page to a file:", "mgm help --man matte > mgm-matte.1"},
    {"Complete mgm's arguments in this bash:", "source <(mgm help --completion bash)"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_help = {
    .name = "help",
    .summary = "says how a command is used",
    .synopsis = "[COMMAND] [--man | --completion SHELL]",
    .details = "Without COMMAND, all commands are listed. Man pages and completions are installed with mgm; this is where "
               "they come\n"
               "from, and how to have them where they are not installed.",
    .options = options,
    .examples = examples,
    .min_operands = 0,
    .max_operands = 1,
    .takes = TAKES_COMMAND,
    .run = run,
};

static void print(const struct values *values, const struct command *command)
{
    if (values->shell)
        completion_write(stdout, values->shell, command_table);
    else if (values->man && command)
        manual_write_command(stdout, command, command_table);
    else if (values->man)
        manual_write_program(stdout, command_table);
    else if (command)
        help_print_command(stdout, command);
    else
        help_print_overview(stdout, command_table);
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    int status = command_parse(&cmd_help, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    if (values.shell && (values.man || operands.count))
        return command_misused(&cmd_help, "--completion is for all commands, and goes alone");
    const struct command *command = operands.count ? command_find(operands.values[0]) : NULL;
    if (operands.count && !command)
        return STATUS_USAGE;
    print(&values, command);
    return report_finish();
}
