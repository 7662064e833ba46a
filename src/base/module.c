#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

/* The folder of the library or program with this code, ending in a slash; "" if that cannot be told. */
static void own_folder(char *folder, size_t size)
{
    static const char anchor = 0;
    Dl_info info;
    folder[0] = '\0';
    if (!dladdr(&anchor, &info) || !info.dli_fname)
        return;
    char program[2048];
    const char *name = info.dli_fname, *slash = strrchr(name, '/');
    if (!slash) { /* a program that was found through PATH is called as it was started */
        const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
        program[length > 0 ? length : 0] = '\0';
        name = program;
        slash = strrchr(name, '/');
    }
    if (slash)
        snprintf(folder, size, "%.*s", (int)(slash + 1 - name), name);
}

static void find_file(const char *file, const char *variable, char *path, size_t size)
{
    static const char *const beside[] = {"", "mgm/", "../src/"};
    const char *chosen = getenv(variable);
    char folder[2048];
    if (chosen && *chosen) {
        snprintf(path, size, "%s", chosen);
        return;
    }
    own_folder(folder, sizeof folder);
    for (size_t i = 0; *folder && i < sizeof beside / sizeof *beside; i++) {
        snprintf(path, size, "%s%s%s", folder, beside[i], file);
        if (exists(path))
            return;
    }
    snprintf(path, size, "%s/%s", MGM_MODULE_DIR, file);
}

enum mgm_status mgm_module_find(struct mgm_context *ctx, const char *what, const char *file, const char *variable,
                                const char *function, void **out)
{
    char path[4096];
    find_file(file, variable, path, sizeof path);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "the %s module cannot be loaded: %s", what, dlerror());
    *out = dlsym(module, function);
    if (!*out)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s is not mgm's %s module", path, what);
    return MGM_OK;
}
