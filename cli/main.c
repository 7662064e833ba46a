/** mgm: finds the subcommand and runs it. */
#include "command.h"
#include "help.h"
#include "mgm.h"
#include "report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * A file that is opened while standard output or error is closed would get its number, and what is printed. What should go
 * to a closed standard output must fail, so nothing can be written to what takes its place.
 */
static void occupy_closed_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return;
}

int main(int argc, char **argv)
{
    occupy_closed_descriptors();
    if (argc < 2) {
        help_print_overview(stderr, command_table);
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        puts("mgm " MGM_VERSION);
        return report_finish();
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const struct command *command = command_find(name);
    return command ? command->run(argc - 1, argv + 1) : STATUS_USAGE;
}
