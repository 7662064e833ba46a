/** Which tensor goes into which shard. */
#ifndef MGM_WEIGHTS_SHARDS_PLAN_H
#define MGM_WEIGHTS_SHARDS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Deals tensors out to shards of at most `most` bytes; a single larger tensor has a shard of its own. They are taken in their
 * order, unless taking the largest first makes fewer shards.
 * @param sizes  [count], count at least 1: what each tensor adds to a shard
 * @param empty  bytes of a shard without any tensor
 * @param shard  receives [count]: the number of each tensor's shard, from 0
 * @return how many shards there are; 0: not enough memory
 */
int mgm_shards_plan(const uint64_t *sizes, int count, uint64_t empty, uint64_t most, int *shard);

#endif
