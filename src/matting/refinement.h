/**
 * Progressive refinement: what a head says, where the coarser matte is uncertain, and how the two are fused.
 * Source: §3.1, Eq. 2–3; "uncertain" as in the published code: 1/255 ≤ α ≤ 1 − 1/255. All planes are one picture's, row by row.
 */
#ifndef MGM_MATTING_REFINEMENT_H
#define MGM_MATTING_REFINEMENT_H

#include "base/context.h"

/** Sizes of the ellipses that widen the uncertain region, as published (§3.1). */
enum { MGM_DILATE_OS4 = 15, MGM_DILATE_OS1 = 7 };

/**
 * A head's raw output up-sampled bilinearly (half-pixel centres) by `stride` (1 or even), then (tanh(x) + 1) / 2.
 * @param raw    f32 [h/stride, w/stride]
 * @param alpha  f32 [h, w]
 */
void mgm_head_to_alpha(const float *raw, int h, int w, int stride, float *alpha);

/**
 * Eq. 2: 1 where alpha is uncertain, dilated by the ellipse of that size (image/morphology.h), else 0.
 * @param unknown  u8 [h, w]
 */
MGM_MUST_CHECK enum mgm_status mgm_uncertain_region(struct mgm_context *ctx, const float *alpha, int h, int w, int size,
                                                    uint8_t *unknown);

/** Eq. 3: alpha[i] = finer[i] where unknown[i], else stays. */
void mgm_refine(float *alpha, const float *finer, const uint8_t *unknown, size_t count);

/**
 * The same from a head's raw output (as of mgm_head_to_alpha()), which is only looked at where it matters.
 * @param finite  result: whether all values that were looked at are finite
 */
MGM_MUST_CHECK enum mgm_status mgm_refine_by_head(struct mgm_context *ctx, float *alpha, const float *raw, int h, int w,
                                                  int stride, const uint8_t *unknown, bool *finite);

struct mgm_fusion {
    int dilate_os4, dilate_os1;
    float *alpha;                        /* [h, w]; result */
    uint8_t *unknown_os4, *unknown_os1;  /* [h, w]; result */
};

/** Both steps for one picture: alpha_os8 → unknown_os4 → merged → unknown_os1 → merged. */
MGM_MUST_CHECK enum mgm_status mgm_fuse(struct mgm_context *ctx, const float *alpha_os8, const float *alpha_os4,
                                        const float *alpha_os1, int h, int w, const struct mgm_fusion *fusion);

#endif
