/**
 * Several processes, started by mpirun, that train one model together (nn/communicator.h). What they need is a module,
 * libmgm-mpi.so (mpi_communicator.c), loaded only by a program that was started so.
 */
#ifndef MGM_TRAIN_PROCESSES_H
#define MGM_TRAIN_PROCESSES_H

#include "nn/communicator.h"

/**
 * Joins the other processes that this one was started with; NULL if there are none. Call it once, from the thread that trains.
 * @return MGM_E_UNSUPPORTED if there are some, but the module cannot be loaded or belongs to another MPI
 */
MGM_MUST_CHECK enum mgm_status mgm_processes_join(struct mgm_context *ctx, struct mgm_communicator **out);

/** Waits for the others to be done too. Takes NULL in it. */
void mgm_processes_leave(struct mgm_communicator **c);

/** Ends all processes at once, this one with them: after a failure, the others would wait for ever. Returns for NULL only. */
void mgm_processes_abort(struct mgm_communicator *c);

/** What the module has. */
struct mgm_mpi_module {
    enum mgm_status (*join)(struct mgm_context *ctx, struct mgm_communicator **out);
    void (*leave)(struct mgm_communicator *c);
    void (*abort)(struct mgm_communicator *c);
};

#endif
