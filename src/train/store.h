/** What samples see of the foreground store. Everything is borrowed and read only. */
#ifndef MGM_TRAIN_STORE_H
#define MGM_TRAIN_STORE_H

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

#endif
