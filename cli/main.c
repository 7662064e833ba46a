/** mgm: finds the subcommand and runs it. */
#include "command.h"
#include "mgm.h"

#include <stdio.h>
#include <string.h>

extern const struct command cmd_matte;
extern const struct command cmd_info;
extern const struct command cmd_convert;
extern const struct command cmd_forward;
extern const struct command cmd_eval;
extern const struct command cmd_guidance;
extern const struct command cmd_synth;
extern const struct command cmd_train;

const struct command *const command_table[] = {
    &cmd_matte,
    &cmd_info,
    &cmd_convert,
    &cmd_forward,
    &cmd_eval,
    &cmd_guidance,
    &cmd_synth,
    &cmd_train,
    NULL,
};

static const struct command *find_command(const char *name)
{
    for (const struct command *const *entry = command_table; *entry; entry++) {
        if (strcmp((*entry)->name, name) == 0)
            return *entry;
    }
    return NULL;
}

static void print_overview(FILE *stream)
{
    fputs("mgm cuts a photo out along a rough mask.\n\nusage: mgm COMMAND …\n\n", stream);
    for (const struct command *const *entry = command_table; *entry; entry++)
        fprintf(stream, "  %-10s %s\n", (*entry)->name, (*entry)->summary);
    fputs("  help       says how a command is used: mgm help COMMAND\n\nmgm --version prints the version.\n", stream);
}

static int unknown_command(const char *name)
{
    fprintf(stderr, "mgm: there is no command '%s'; 'mgm help' lists them\n", name);
    return STATUS_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stdout);
        return STATUS_OK;
    }
    const struct command *command = find_command(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    command_print_help(command);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        puts("mgm " MGM_VERSION);
        return STATUS_OK;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 1, argv + 1);
    const struct command *command = find_command(name);
    return command ? command->run(argc - 1, argv + 1) : unknown_command(name);
}
