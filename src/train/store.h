/** What samples see of the foreground store. Everything is borrowed and read only. */
#ifndef MGM_TRAIN_STORE_H
#define MGM_TRAIN_STORE_H

#include "base/random.h"
#include "train/dataset.h"
#include "train/pyramid.h"
#include "train/sample.h"

/** Which of two disjoint parts. */
enum mgm_share {
    MGM_SHARE_TRAINING,
    MGM_SHARE_VALIDATION,
};

int mgm_store_size(const struct mgm_foreground_store *store);

/** Indices of the foregrounds or photographs of a share; never empty. */
const int *mgm_store_foregrounds(const struct mgm_foreground_store *store, enum mgm_share share, int *count);
const int *mgm_store_photos(const struct mgm_foreground_store *store, enum mgm_share share, int *count);

const struct mgm_pyramid *mgm_store_foreground(const struct mgm_foreground_store *store, int index); /* 4 channels */
enum mgm_synth_kind mgm_store_foreground_kind(const struct mgm_foreground_store *store, int index);
const struct mgm_pyramid *mgm_store_photo(const struct mgm_foreground_store *store, int index); /* 3 channels */

/* What a sample is made of, from wherever it comes. */

/** Index of a foreground of a share: a source by its weight, then evenly. Those of data sets follow the drawn ones. */
int mgm_store_choose_foreground(const struct mgm_foreground_store *store, enum mgm_share share, struct mgm_random *random);
int mgm_store_choose_photo(const struct mgm_foreground_store *store, enum mgm_share share, struct mgm_random *random);

/** Safe to call from several threads. @param out  for mgm_lease_release */
MGM_MUST_CHECK enum mgm_status mgm_store_take_foreground(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                         int index, struct mgm_lease *out);
MGM_MUST_CHECK enum mgm_status mgm_store_take_photo(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                    int index, struct mgm_lease *out);

#endif
