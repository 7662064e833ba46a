/*
 * The CUDA code is a module of its own, libmgm-cuda.so, loaded when a CUDA device is asked for: a program that computes on
 * the CPU neither loads nor needs CUDA's libraries. It is looked for where MGM_CUDA_MODULE says, else beside this library
 * (or the program that contains it), in the build's folder, and where it is installed.
 */
#include "nn/backends/cuda/cuda_backend.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "libmgm-cuda.so"

typedef enum mgm_status (*create_function)(struct mgm_context *ctx, int device, struct mgm_backend **out);

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
    const char *slash = strrchr(info.dli_fname, '/');
    if (slash)
        snprintf(folder, size, "%.*s", (int)(slash + 1 - info.dli_fname), info.dli_fname);
}

static void find_module(char *path, size_t size)
{
    static const char *const beside[] = {"", "mgm/", "../src/"};
    const char *chosen = getenv("MGM_CUDA_MODULE");
    char folder[2048];
    if (chosen && *chosen) {
        snprintf(path, size, "%s", chosen);
        return;
    }
    own_folder(folder, sizeof folder);
    for (size_t i = 0; *folder && i < sizeof beside / sizeof *beside; i++) {
        snprintf(path, size, "%s%s" MODULE, folder, beside[i]);
        if (exists(path))
            return;
    }
    snprintf(path, size, "%s/" MODULE, MGM_MODULE_DIR);
}

enum mgm_status mgm_cuda_backend_create(struct mgm_context *ctx, int device, struct mgm_backend **out)
{
    char path[4096];
    *out = NULL;
    find_module(path, sizeof path);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays loaded: a backend's functions are in it */
    if (!module)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "the CUDA module cannot be loaded: %s", dlerror());
    create_function create = NULL;
    *(void **)&create = dlsym(module, "mgm_cuda_module_create");
    if (!create)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s is not mgm's CUDA module", path);
    return create(ctx, device, out);
}
