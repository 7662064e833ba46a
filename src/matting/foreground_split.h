/**
 * A second step after the estimate of foreground colours (foreground_fast.h): how much of a mixture's detail is whose.
 *
 * The estimate divides what varies in the photo between foreground F and background B by alpha alone. But where, say, the background
 * is out of focus, or a sky, it has no detail to give. So each pixel takes the F and B that minimise
 *
 *     |F − F̄|² / σ²F  +  |B − B̄|² / σ²B  +  |α·F + (1 − α)·B − C|² / σ²C
 *
 * where F̄ and B̄ are means around it, weighted by how well the one or the other is seen (α², (1 − α)²), and σ² how much F and B differ
 * from those means where they are seen nearly alone. σ²C = κ·|α·F̄ + (1 − α)·B̄ − C|²: the further the photo C is from what the means
 * compose, compared with the detail that there is, the likelier alpha is wrong, and the less colours are made to fit it. In closed form
 *
 *     F = F̄ + α·σ²F·g,   B = B̄ + (1 − α)·σ²B·g,   g = (C − α·F̄ − (1 − α)·B̄) / (α²·σ²F + (1 − α)²·σ²B + σ²C).
 *
 * Means are taken over ever smaller squares, so that first what is coarse is settled.
 * Ours; what it is worth stands in docs/foreground.md.
 */
#ifndef MGM_MATTING_FOREGROUND_SPLIT_H
#define MGM_MATTING_FOREGROUND_SPLIT_H

#include "base/context.h"

/**
 * @param image     f32 [h, w, 3] in [0, 1]
 * @param alpha     f32 [h, w] in [0, 1]
 * @param estimate  f32 [h, w, MGM_ESTIMATE_STRIDE], of mgm_foreground_estimate(); changed where alpha is neither 0 nor 1; elsewhere
 *                  F and B become the photo's
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_split(struct mgm_context *ctx, int h, int w, const float *image,
                                                    const float *alpha, float *estimate);

#endif
