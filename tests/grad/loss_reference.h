/** The heads and the losses of a training step once more, plainly and in double. Planes are one picture's, row by row. */
#ifndef MGM_TESTS_LOSS_REFERENCE_H
#define MGM_TESTS_LOSS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * |x| has a kink at 0. The first pass records every sign, in the order in which they are asked for; a frozen pass uses them
 * again, so that central differences stay on one smooth piece.
 */
struct kinks {
    bool frozen;
    size_t next, capacity;
    int8_t *signs;
    double margin; /* smallest |x| of the recording pass */
};

struct kinks kinks_create(size_t capacity);
void kinks_release(struct kinks *kinks);
/** Starts a pass. */
void kinks_restart(struct kinks *kinks, bool frozen);

/** Bilinear up-sampling with half-pixel centres, clamped at the borders, then (tanh + 1) / 2. */
void reference_head(const double *raw, int h, int w, int stride, double *alpha);

double reference_l1(struct kinks *kinks, const double *alpha, const float *truth, const uint8_t *mask, size_t count);

/** Colours planar [3, count]. */
double reference_composition(struct kinks *kinks, const double *alpha, const float *truth, const float *fg, const float *bg,
                             const float weight[3], const uint8_t *mask, size_t count);

/** Σ|L_i(alpha) − L_i(truth)|·mask_i for each of the five levels, their weights not included. */
void reference_laplacian(struct kinks *kinks, const double *alpha, const float *truth, const uint8_t *mask, int h, int w,
                         double sums[5]);

#endif
