#include "default_model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** The folder of the running program, "" if it cannot be told. */
static void program_folder(char *folder, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", folder, size - 1);
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
}

enum mgm_status default_model_find(struct mgm_context *ctx, const char *name, char *path, size_t size)
{
    char program[PATH_MAX], beside[PATH_MAX + 32], tried[2 * PATH_MAX] = "";
    const char *chosen = getenv("MGM_MODELS");
    program_folder(program, sizeof program);
    snprintf(beside, sizeof beside, "%s/../share/mgm/models", program);
    const char *folders[] = {beside, MGM_MODELS_DIR, MGM_SOURCE_MODELS_DIR};
    size_t count = sizeof folders / sizeof *folders;
    if (chosen && chosen[0]) {
        folders[0] = chosen;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (snprintf(path, size, "%s/%s", folders[i], name) < (int)size && access(path, R_OK) == 0)
            return MGM_OK;
        size_t used = strlen(tried);
        snprintf(tried + used, sizeof tried - used, "%s%s", i ? ", " : "", folders[i]);
    }
    return mgm_fail(ctx, MGM_E_IO, "no model was named with --%smodel, and %s is not in %.800s",
                    strcmp(name, DEFAULT_MODEL) == 0 ? "" : "foreground-", name, tried);
}
