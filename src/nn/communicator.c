#include "nn/communicator.h"

static bool is_useless(const struct mgm_communicator *c)
{
    return !c || c->size == 1 || c->failed;
}

void mgm_communicator_sum_f32(struct mgm_communicator *c, float *values, size_t count)
{
    if (!is_useless(c))
        c->failed = !c->ops->sum_f32(c, values, count);
}

void mgm_communicator_sum_f64(struct mgm_communicator *c, double *values, size_t count)
{
    if (!is_useless(c))
        c->failed = !c->ops->sum_f64(c, values, count);
}

void mgm_communicator_tell(struct mgm_communicator *c, void *values, size_t bytes)
{
    if (!is_useless(c))
        c->failed = !c->ops->tell(c, values, bytes);
}

bool mgm_communicator_any(struct mgm_communicator *c, bool here)
{
    double count = here;
    mgm_communicator_sum_f64(c, &count, 1);
    return count > 0;
}

enum mgm_status mgm_communicator_check(struct mgm_communicator *c, struct mgm_context *ctx)
{
    if (!c || !c->failed)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_BACKEND, "training with %d processes: %s", c->size, c->sentence);
}
