/**
 * Where a run's batches come from: the loader, or (for overfitting on purpose) a few fixed ones.
 */
#ifndef MGM_TRAIN_FEED_H
#define MGM_TRAIN_FEED_H

#include "nn/backend.h"
#include "train/config.h"

struct mgm_feed;

/**
 * @param backend  where training computes: the processes that it has joined share each batch of the phase evenly, and this one
 *                 gets its part; where it computes on the processor, workers only take what it leaves
 * @param first    number of the first sample
 */
MGM_MUST_CHECK enum mgm_status mgm_feed_create(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                               const struct mgm_train_config *config, const struct mgm_crop_phase *phase,
                                               const struct mgm_backend *backend, uint64_t first,
                                               struct mgm_feed **out);
void mgm_feed_destroy(struct mgm_feed **feed);

/** The next batch; borrowed until the next call. @param waited  seconds spent waiting for it */
MGM_MUST_CHECK enum mgm_status mgm_feed_next(struct mgm_context *ctx, struct mgm_feed *feed, const struct mgm_batch **batch,
                                             double *waited);

/** input [n, size, size, 4] for the network from a batch: colours normalised, channels last. */
void mgm_feed_pack(const struct mgm_batch *batch, int threads, float *input);

#endif
