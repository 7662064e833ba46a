/** Test pictures as benchmarks make them: a foreground over a background, by its matte. */
#ifndef MGM_EVAL_COMPOSE_H
#define MGM_EVAL_COMPOSE_H

#include "image/image.h"

/**
 * The size that a background is enlarged to before its upper left corner is taken: just large enough to cover the
 * foreground, at the same scale in both directions, rounded up. A background that is large enough already stays as it is.
 */
void mgm_cover_size(const struct mgm_bitmap *foreground, const struct mgm_bitmap *background, int *width, int *height);

/**
 * dst = ⌊α·foreground + (1 − α)·background⌋, and the foreground itself where α is 1, as Composition-1k's own program has it.
 * @param foreground  3 channels
 * @param alpha       1 channel, the foreground's size
 * @param background  3 channels, at least as large
 * @param dst         3 channels, allocated here; zeroed on error
 * @return MGM_E_SHAPE if sizes do not fit together
 */
MGM_MUST_CHECK enum mgm_status mgm_compose_test(struct mgm_context *ctx, const struct mgm_bitmap *foreground,
                                                const struct mgm_bitmap *alpha, const struct mgm_bitmap *background,
                                                struct mgm_bitmap *dst);

#endif
