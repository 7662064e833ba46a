/** mgm: finds the subcommand and runs it. */
#include "command.h"
#include "help.h"
#include "mgm.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc < 2) {
        help_print_overview(stderr, command_table);
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        puts("mgm " MGM_VERSION);
        return STATUS_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const struct command *command = command_find(name);
    return command ? command->run(argc - 1, argv + 1) : STATUS_USAGE;
}
