#include "weights/shards_plan.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t size;
    int index;
};

/* Largest first; equal ones in their order. */
static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static int plan_in_order(const uint64_t *sizes, int count, uint64_t empty, uint64_t most, int *shard)
{
    int shards = 0;
    uint64_t used = 0;
    for (int i = 0; i < count; i++) {
        if (i == 0 || used > most || sizes[i] > most - used) {
            shards++;
            used = empty;
        }
        used += sizes[i];
        shard[i] = shards - 1;
    }
    return shards;
}

/* Each tensor into the first shard that has room for it, so that small ones fill the gaps that large ones leave. */
static int plan_largest_first(const struct entry *entries, int count, uint64_t empty, uint64_t most, uint64_t *used,
                              int *shard)
{
    int shards = 0;
    for (int i = 0; i < count; i++) {
        int place = 0;
        while (place < shards && (used[place] > most || entries[i].size > most - used[place]))
            place++;
        if (place == shards)
            used[shards++] = empty;
        used[place] += entries[i].size;
        shard[entries[i].index] = place;
    }
    return shards;
}

int mgm_shards_plan(const uint64_t *sizes, int count, uint64_t empty, uint64_t most, int *shard)
{
    int shards = plan_in_order(sizes, count, empty, most, shard);
    struct entry *entries = mgm_alloc((size_t)count, sizeof *entries);
    uint64_t *used = mgm_alloc((size_t)count, sizeof *used);
    int *other = mgm_alloc((size_t)count, sizeof *other);
    if (!entries || !used || !other) {
        shards = 0;
        goto done;
    }
    for (int i = 0; i < count; i++)
        entries[i] = (struct entry){sizes[i], i};
    qsort(entries, (size_t)count, sizeof *entries, compare_entries);
    const int fewer = plan_largest_first(entries, count, empty, most, used, other);
    if (fewer < shards) {
        memcpy(shard, other, (size_t)count * sizeof *shard);
        shards = fewer;
    }
done:
    mgm_free(entries);
    mgm_free(used);
    mgm_free(other);
    return shards;
}
