/**
 * Processes that train one model together, each with its share of every batch: sums over all of them, and values that the
 * first one tells the others. Everyone calls the same functions in the same order. NULL stands for a process that is alone:
 * every function below takes it, and does nothing then.
 *
 * A failure is kept, and whatever is asked for afterwards is left undone, until mgm_communicator_check() reports it. A process
 * that gives up must end all others (train/processes.h), or they would wait for it for ever.
 */
#ifndef MGM_NN_COMMUNICATOR_H
#define MGM_NN_COMMUNICATOR_H

#include "base/context.h"

struct mgm_communicator;

/** Each returns false after a failure, having written a sentence. Sums are the same, bit by bit, in all processes. */
struct mgm_communicator_ops {
    bool (*sum_f32)(struct mgm_communicator *c, float *values, size_t count);
    bool (*sum_f64)(struct mgm_communicator *c, double *values, size_t count);
    bool (*tell)(struct mgm_communicator *c, void *values, size_t bytes);
};

/** What every implementation's own struct begins with. */
struct mgm_communicator {
    const struct mgm_communicator_ops *ops;
    int rank, size; /* number of this process, from 0, of how many */
    int local_rank; /* its number among those on this machine */
    bool failed;
    char sentence[512];
};

/** values = Σ over all processes */
void mgm_communicator_sum_f32(struct mgm_communicator *c, float *values, size_t count);
void mgm_communicator_sum_f64(struct mgm_communicator *c, double *values, size_t count);

/** The values of process 0 in all others, too. */
void mgm_communicator_tell(struct mgm_communicator *c, void *values, size_t bytes);

/** Whether it is so in any process; what it is here, after a failure. Returns when all have asked. */
bool mgm_communicator_any(struct mgm_communicator *c, bool here);

/** Reports a failure. @return MGM_E_BACKEND */
MGM_MUST_CHECK enum mgm_status mgm_communicator_check(struct mgm_communicator *c, struct mgm_context *ctx);

/** How many processes there are, and whether this is the one that reads and writes. */
static inline int mgm_communicator_size(const struct mgm_communicator *c)
{
    return c ? c->size : 1;
}

static inline int mgm_communicator_rank(const struct mgm_communicator *c)
{
    return c ? c->rank : 0;
}

#endif
