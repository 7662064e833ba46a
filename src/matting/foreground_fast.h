/**
 * Foreground colours without a network: multi-level estimation.
 * Source: Germer, Uelwer, Conrad, Harmeling, "Fast Multi-Level Foreground Estimation" (2020). Foreground F and background B are
 * those that compose the photo, α·F + (1 − α)·B = C, and are smooth, more so where α is: per pixel and channel
 *
 *     (α·F + (1 − α)·B − C)² + Σ over the four neighbours (ε + ω·|α − α'|) · ((F − F')² + (B − B')²)
 *
 * is minimised by solving each pixel for its neighbours' present values, a few sweeps at each size, from one pixel upwards; a size
 * starts from the one before it. ε = 1e-5. Published are ω = 1 and two sweeps at each size above 32 × 32, which leaves much of the
 * way to the minimum undone (docs/foreground.md).
 * Deviation: alpha may be wrong, so the first term is weighted by 1 / (1 + doubt · r²), r² being that term's value, summed over
 * channels, for the colours that the pixel has before it is solved (reweighted least squares; 0, published: it is trusted).
 * Deviation: in large pictures only pixels within a few of a mixture (0 < α < 1) are solved; elsewhere the one colour is the
 * photo's and the other the coarser size's.
 */
#ifndef MGM_MATTING_FOREGROUND_FAST_H
#define MGM_MATTING_FOREGROUND_FAST_H

#include "base/context.h"

#include <stddef.h>

/** Of one pixel: F, one value that means nothing, B, another one. */
enum { MGM_ESTIMATE_STRIDE = 8, MGM_ESTIMATE_B = 4 };

/** How far the minimum is gone to. */
struct mgm_estimate_settings {
    float gradient_weight; /* ω */
    int sweeps;            /* at sizes above 32 × 32 */
    bool alternating;      /* every other sweep goes backwards */
    float relaxation;      /* a step is this many times as long as to the solution */
    float doubt;           /* of alpha, where the colours do not compose the photo */
};

/** As published. */
extern const struct mgm_estimate_settings mgm_estimate_published;
/** With a network or without. */
extern const struct mgm_estimate_settings mgm_estimate_thorough;

/**
 * @param image  f32 [h, w, 3] in [0, 1], any encoding
 * @param alpha  f32 [h, w] in [0, 1]
 * @param out    receives f32 [h, w, MGM_ESTIMATE_STRIDE], in [0, 1] where alpha is neither 0 nor 1, of no meaning elsewhere; the caller
 *               releases it with mgm_free()
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_estimate(struct mgm_context *ctx, const struct mgm_estimate_settings *settings,
                                                       int h, int w, const float *image, const float *alpha, float **out);

#endif
