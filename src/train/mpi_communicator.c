/* The processes that mpirun has started, as a communicator. Every MPI_ call is here. */
#include "train/processes.h"

#include "base/memory.h"

#include <mpi.h>
#include <stdio.h>

enum { MOST = 1 << 26 }; /* values at a time: MPI counts in int */

static bool succeeded(struct mgm_communicator *c, int code)
{
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    if (code == MPI_SUCCESS)
        return true;
    MPI_Error_string(code, text, &length);
    snprintf(c->sentence, sizeof c->sentence, "MPI failed: %s", text);
    return false;
}

static bool sum(struct mgm_communicator *c, void *values, size_t count, MPI_Datatype type, size_t value_size)
{
    for (size_t at = 0; at < count; at += MOST) {
        const int part = (int)(count - at < MOST ? count - at : MOST);
        if (!succeeded(c,
                       MPI_Allreduce(MPI_IN_PLACE, (char *)values + at * value_size, part, type, MPI_SUM, MPI_COMM_WORLD)))
            return false;
    }
    return true;
}

static bool sum_f32(struct mgm_communicator *c, float *values, size_t count)
{
    return sum(c, values, count, MPI_FLOAT, sizeof *values);
}

static bool sum_f64(struct mgm_communicator *c, double *values, size_t count)
{
    return sum(c, values, count, MPI_DOUBLE, sizeof *values);
}

static bool tell(struct mgm_communicator *c, void *values, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += MOST) {
        const int part = (int)(bytes - at < MOST ? bytes - at : MOST);
        if (!succeeded(c, MPI_Bcast((char *)values + at, part, MPI_BYTE, 0, MPI_COMM_WORLD)))
            return false;
    }
    return true;
}

static int local_rank(void)
{
    MPI_Comm local;
    int rank = 0;
    if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local) != MPI_SUCCESS)
        return 0;
    MPI_Comm_rank(local, &rank);
    MPI_Comm_free(&local);
    return rank;
}

static enum mgm_status join(struct mgm_context *ctx, struct mgm_communicator **out)
{
    static const struct mgm_communicator_ops ops = {sum_f32, sum_f64, tell};
    int provided;
    *out = NULL;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "MPI cannot be started");
    if (provided < MPI_THREAD_FUNNELED)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "this MPI allows no other threads beside it");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    struct mgm_communicator *c = mgm_alloc_zeroed(1, sizeof *c);
    if (!c)
        return mgm_fail_nomem(ctx, "the communication with other processes");
    c->ops = &ops;
    MPI_Comm_rank(MPI_COMM_WORLD, &c->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &c->size);
    c->local_rank = local_rank();
    *out = c;
    return MGM_OK;
}

static void leave(struct mgm_communicator *c)
{
    mgm_free(c);
    MPI_Finalize();
}

static void end_all(struct mgm_communicator *c)
{
    (void)c;
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/** The module's only symbol. */
extern MGM_API const struct mgm_mpi_module mgm_mpi_module;
const struct mgm_mpi_module mgm_mpi_module = {join, leave, end_all};
