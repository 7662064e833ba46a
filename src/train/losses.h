/**
 * The losses, one picture at a time, and their gradients. All planes are one picture's, row by row.
 * Source: §3.1; details as in the published code: each loss is Σ|·|·g / (Σg + 1e-8) over the whole batch, with g the mask.
 *
 * A loss is evaluated in two steps because its denominator belongs to the whole batch (and, between processes, to all of
 * them): count the mask first, then pass `scale` = weight / (Σg + MGM_LOSS_EPSILON). Every function returns Σ|·|·g (to be
 * divided by the caller) and ADDS scale · ∂Σ|·|·g/∂alpha to gradient. The derivative of |x| at 0 is 0.
 * Masks are 0 or 1.
 */
#ifndef MGM_TRAIN_LOSSES_H
#define MGM_TRAIN_LOSSES_H

#include <stddef.h>
#include <stdint.h>

#define MGM_LOSS_EPSILON 1e-8

enum mgm_loss { MGM_LOSS_L1, MGM_LOSS_COMPOSITION, MGM_LOSS_LAPLACIAN, MGM_LOSS_COUNT };

/** "l1", "comp", "lap". */
const char *mgm_loss_name(enum mgm_loss loss);

/** Σ|alpha − truth|·mask over `count` pixels. */
double mgm_loss_l1(const float *alpha, const float *truth, const uint8_t *mask, size_t count, float scale, float *gradient);

/** One picture's colours, planar [3, count]. */
struct mgm_loss_colours {
    const float *truth; /* alpha: the composite is judged as it was composed, not with what a camera did to the picture */
    const float *fg, *bg;
    float weight[3]; /* of each channel: 1 / standard deviation turns colours in [0, 1] into normalised ones */
};

/** Σ over channels of |alpha·fg + (1 − alpha)·bg − composite|·weight·mask, where composite = truth·fg + (1 − truth)·bg. The denominator is the one-channel Σ mask. */
double mgm_loss_composition(const float *alpha, const struct mgm_loss_colours *colours, const uint8_t *mask, size_t count,
                            float scale, float *gradient);

enum { MGM_LAPLACIAN_LEVELS = 5 };

/** How many pixels of the mask are set at each level of the pyramid: level i sees every 2^i-th row and column. */
void mgm_laplacian_mask_counts(const uint8_t *mask, int h, int w, uint64_t counts[MGM_LAPLACIAN_LEVELS]);

/** Floats that mgm_loss_laplacian needs as workspace. */
size_t mgm_laplacian_workspace(int h, int w);

/**
 * Laplacian pyramid: sums[i] = Σ |L_i(alpha − truth)|·mask_i, the weights 2^i not included. The filter is the 5×5 binomial
 * with reflected borders; up-sampling inserts zeros and filters with four times the kernel; no low-pass residual.
 * @param h, w   multiples of 32, at least 64 (the reflected border needs it)
 * @param scale  of each level
 */
void mgm_loss_laplacian(const float *alpha, const float *truth, const uint8_t *mask, int h, int w,
                        const float scale[MGM_LAPLACIAN_LEVELS], float *workspace, double sums[MGM_LAPLACIAN_LEVELS],
                        float *gradient);

#endif
