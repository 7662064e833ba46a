/**
 * Guidance as a benchmark derives it from the true matte: how much a rough mask may be off, in a way that can be repeated.
 */
#ifndef MGM_EVAL_DERIVE_H
#define MGM_EVAL_DERIVE_H

#include "image/image.h"

#include <stdbool.h>

enum mgm_derivation_kind {
    MGM_DERIVE_COARSE,  /* area-averaged to that fraction of either side, rounded down (at least one pixel), bilinearly up
                           again, then set where >= 0.5 */
    MGM_DERIVE_ERODED,  /* alpha >= 0.5, eroded by the ellipse of that size */
    MGM_DERIVE_DILATED, /* alpha >= 0.5, dilated by it */
    MGM_DERIVE_TRIMAP,  /* the given trimap with 0, 128 and 255 alone; without one 0 < alpha < 1 dilated by the ellipse of
                           that size is unknown */
};

struct mgm_derivation {
    enum mgm_derivation_kind kind;
    int size;
};

/** "coarse16", "eroded10", "dilated:20", "trimap", "trimap:20" (which is what "trimap" means): false for anything else. */
bool mgm_derivation_parse(const char *text, struct mgm_derivation *out);

/**
 * @param alpha   one channel
 * @param trimap  one channel, the size of alpha; NULL if there is none. Up to 8 is background, from 247 on foreground,
 *                anything else unknown. Only MGM_DERIVE_TRIMAP looks at it.
 * @param out     0 or 255 (trimaps: 0, 128 or 255); allocated here, zeroed on error
 * @return MGM_E_SHAPE if the sizes differ; MGM_E_INVALID; MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_derive_guidance(struct mgm_context *ctx, struct mgm_derivation derivation,
                                                   const struct mgm_bitmap *alpha, const struct mgm_bitmap *trimap,
                                                   struct mgm_bitmap *out);

#endif
