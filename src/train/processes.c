#include "train/processes.h"

#include "base/module.h"

#include <stdlib.h>

/* With how many processes this one was started; 1: none that it would know of. */
static int started_with(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}; /* Open MPI's; MPICH's and its kin's */
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *text = getenv(variables[i]);
        if (text && atoi(text) > 1)
            return atoi(text);
    }
    return 1;
}

static enum mgm_status find_module(struct mgm_context *ctx, const struct mgm_mpi_module **out)
{
    void *found = NULL;
    TRY(mgm_module_find(ctx, "MPI", "libmgm-mpi.so", "MGM_MPI_MODULE", "mgm_mpi_module", &found));
    *out = found;
    return MGM_OK;
}

enum mgm_status mgm_processes_join(struct mgm_context *ctx, struct mgm_communicator **out)
{
    const int wanted = started_with();
    const struct mgm_mpi_module *module;
    *out = NULL;
    if (wanted == 1)
        return MGM_OK;
#ifndef MGM_WITH_MPI
    return mgm_fail(ctx, MGM_E_UNSUPPORTED, "this is one of %d processes, but this mgm was built without MPI", wanted);
#endif
    TRY(find_module(ctx, &module));
    TRY(module->join(ctx, out));
    if ((*out)->size == wanted)
        return MGM_OK;
    const int size = (*out)->size;
    mgm_processes_leave(out);
    return mgm_fail(ctx, MGM_E_UNSUPPORTED,
                    "this is one of %d processes, of which MPI finds %d: they were started by another MPI's mpirun", wanted,
                    size);
}

void mgm_processes_leave(struct mgm_communicator **c)
{
    struct mgm_context ctx = {0};
    const struct mgm_mpi_module *module;
    if (*c && find_module(&ctx, &module) == MGM_OK)
        module->leave(*c);
    *c = NULL;
}

void mgm_processes_abort(struct mgm_communicator *c)
{
    struct mgm_context ctx = {0};
    const struct mgm_mpi_module *module;
    if (c && find_module(&ctx, &module) == MGM_OK)
        module->abort(c);
}
