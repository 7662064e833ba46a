/** Samples for the network that refines an estimate: composites (blend.h) with their estimate, as it would be in a whole photo. */
#ifndef MGM_TRAIN_ESTIMATED_H
#define MGM_TRAIN_ESTIMATED_H

#include "train/store.h"

/**
 * As mgm_blend_make(), with batch->estimate too. The composite is larger than the crop, which is that part of it with the most mixed
 * pixels: the estimate has seen surroundings on all sides, and not much is computed where there is nothing to learn.
 */
MGM_MUST_CHECK enum mgm_status mgm_estimated_make(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                  const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                                                  struct mgm_batch *batch, int slot);

#endif
