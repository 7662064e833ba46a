/** All commands. Their names come from the list in meson.build: MGM_COMMANDS is COMMAND(matte) COMMAND(info) … */
#include "command.h"

#include <stdio.h>
#include <string.h>

#define COMMAND(name) extern const struct command cmd_##name;
MGM_COMMANDS
#undef COMMAND

#define COMMAND(name) &cmd_##name,
const struct command *const command_table[] = {MGM_COMMANDS NULL};
#undef COMMAND

const struct command *command_find(const char *name)
{
    for (const struct command *const *entry = command_table; *entry; entry++) {
        if (strcmp((*entry)->name, name) == 0)
            return *entry;
    }
    fprintf(stderr, "mgm: there is no command '%s'; 'mgm help' lists them\n", name);
    return NULL;
}
