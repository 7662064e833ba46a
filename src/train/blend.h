/**
 * Samples for the colour network: composites of which the foreground's colour is known everywhere.
 * Source: §3.2, random alpha blending: foreground, background and alpha are drawn independently of each other, the foreground
 * being any photograph, so that it goes on where alpha is 0 and no label has the errors of a cut-out's border.
 * Additions: a share of ordinary composites, of foregrounds whose drawn colours are exact where alpha is not 0, since hair in
 * front of a wall is no random blend; and alpha as a prediction would have it.
 */
#ifndef MGM_TRAIN_BLEND_H
#define MGM_TRAIN_BLEND_H

#include "train/store.h"

/** As mgm_sample_make(), for settings->task MGM_TASK_FOREGROUND; batch->image is α·F + (1 − α)·B but for a camera's accidents. */
MGM_MUST_CHECK enum mgm_status mgm_blend_make(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                              const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                                              struct mgm_batch *batch, int slot);

#endif
