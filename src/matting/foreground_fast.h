/**
 * Foreground colours without a network: multi-level estimation.
 * Source: Germer, Uelwer, Conrad, Harmeling, "Fast Multi-Level Foreground Estimation" (2020). Foreground F and background B are
 * those that compose the photo, α·F + (1 − α)·B = C, and are smooth, more so where α is: per pixel and channel
 *
 *     (α·F + (1 − α)·B − C)² + Σ over the four neighbours (ε + ω·|α − α'|) · ((F − F')² + (B − B')²)
 *
 * is minimised by solving each pixel for its neighbours' present values, a few sweeps at each size, from one pixel upwards; a size
 * starts from the one before it. ε = 1e-5, ω = 1, ten sweeps up to 32 × 32 pixels, two above, as published.
 */
#ifndef MGM_MATTING_FOREGROUND_FAST_H
#define MGM_MATTING_FOREGROUND_FAST_H

#include "base/context.h"

/**
 * @param image  f32 [h, w, 3] in [0, 1], any encoding
 * @param alpha  f32 [h, w] in [0, 1]
 * @param dst    f32 [h, w, 3], in [0, 1]; may not be image
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_estimate(struct mgm_context *ctx, int h, int w, const float *image,
                                                       const float *alpha, float *dst);

#endif
