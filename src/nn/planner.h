/**
 * Places buffers in one arena so that those which live at the same time do not overlap.
 */
#ifndef MGM_NN_PLANNER_H
#define MGM_NN_PLANNER_H

#include "base/context.h"

struct mgm_plan_buffer {
    size_t bytes;
    int first, last; /* steps during which it lives, both included; bytes 0: not needed */
    size_t offset;   /* result; a multiple of 64 */
    bool low;        /* placed before the others, so that such buffers stand together at the arena's beginning */
};

/** Greedy, largest first, each at the lowest offset that is free during its life. @param arena_bytes  result */
MGM_MUST_CHECK enum mgm_status mgm_plan_buffers(struct mgm_context *ctx, struct mgm_plan_buffer *buffers, int count,
                                                size_t *arena_bytes);

#endif
