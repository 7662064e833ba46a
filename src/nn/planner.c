#include "nn/planner.h"

#include "base/memory.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
    const struct mgm_plan_buffer *x = *(struct mgm_plan_buffer *const *)a, *y = *(struct mgm_plan_buffer *const *)b;
    if (x->low != y->low)
        return x->low ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y); /* the same plan whatever the sorting algorithm */
}

static bool overlap_in_time(const struct mgm_plan_buffer *a, const struct mgm_plan_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Lowest offset at which `buffer` collides with none of those placed before it. */
static size_t lowest_offset(struct mgm_plan_buffer *const *placed, int count, const struct mgm_plan_buffer *buffer)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < count; i++) {
            const struct mgm_plan_buffer *other = placed[i];
            if (overlap_in_time(other, buffer) && offset < other->offset + other->bytes &&
                other->offset < offset + buffer->bytes) {
                offset = other->offset + other->bytes;
                moved = true;
            }
        }
    }
    return offset;
}

enum mgm_status mgm_plan_buffers(struct mgm_context *ctx, struct mgm_plan_buffer *buffers, int count, size_t *arena_bytes)
{
    struct mgm_plan_buffer **order = mgm_alloc((size_t)count, sizeof *order);
    if (!order)
        return mgm_fail_nomem(ctx, "planning memory");
    int used = 0;
    for (int i = 0; i < count; i++) {
        buffers[i].bytes = (buffers[i].bytes + 63) / 64 * 64;
        if (buffers[i].bytes)
            order[used++] = &buffers[i];
    }
    qsort(order, (size_t)used, sizeof *order, by_size);
    *arena_bytes = 0;
    for (int i = 0; i < used; i++) {
        order[i]->offset = lowest_offset(order, i, order[i]);
        if (order[i]->offset + order[i]->bytes > *arena_bytes)
            *arena_bytes = order[i]->offset + order[i]->bytes;
    }
    mgm_free(order);
    return MGM_OK;
}
