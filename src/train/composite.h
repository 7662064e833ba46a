/** Foreground and background of a sample: placed, recoloured, composed. Planar f32, [3 or 4, size, size]. */
#ifndef MGM_TRAIN_COMPOSITE_H
#define MGM_TRAIN_COMPOSITE_H

#include "base/random.h"
#include "train/store.h"

struct mgm_placing {
    double wander;  /* how far from the window's middle the point that was chosen may come to lie, as a share of the window */
    bool inside;    /* mostly avoid looking beyond the foreground's borders */
    double closeup; /* probability that it is 1.3 … 2.6 times as large as it was drawn, else at most 1.3 times; 0 draws no number */
};

/**
 * A foreground at a random place, angle and size; most of the time its uncertain region is near the middle.
 * @param dst      [4, size, size]: colour (recoloured), alpha
 * @param scratch  mgm_plane_scratch(size) floats
 */
void mgm_place_foreground(struct mgm_random *random, const struct mgm_pyramid *foreground, const struct mgm_placing *placing,
                          int size, float *dst, float *scratch);

/** first = first over second: alpha 1 − (1−α₁)(1−α₂), the colour of what then shows (§4). Both [4, size, size]. */
void mgm_merge_foregrounds(float *first, const float *second, size_t count);

/**
 * A photograph's crop, or (rarely) a plain or graded colour.
 * @param closeup  probability that a photograph is enlarged up to three times, else by a quarter; 0 draws no number
 * @param photo  receives its index, −1 for none
 * @return an error if a background of a data set cannot be read
 */
MGM_MUST_CHECK enum mgm_status mgm_draw_background(struct mgm_context *ctx, struct mgm_random *random,
                                                   const struct mgm_foreground_store *store, enum mgm_share share, int size,
                                                   double closeup, float *dst, float *scratch, int *photo);

/** Out of focus, as backgrounds are. */
void mgm_defocus_background(struct mgm_random *random, int size, float *planes, float *scratch);

/** Shifts the foreground's mean colour part of the way towards the background's. */
void mgm_camouflage(struct mgm_random *random, float *fg, const float *alpha, const float *bg, size_t count);

/** dst = α·fg + (1−α)·bg, [3, count]. */
void mgm_compose(const float *alpha, const float *fg, const float *bg, size_t count, float *dst);

#endif
