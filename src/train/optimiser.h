/**
 * Adam on a flat array of values, after clipping the gradient at a multiple of the moving average of its norm.
 * Source: §4; clipping as in the published code: the average starts at the first norm, then takes a share of each unclipped
 * one.
 */
#ifndef MGM_TRAIN_OPTIMISER_H
#define MGM_TRAIN_OPTIMISER_H

#include "base/context.h"

struct mgm_optimiser_settings {
    double beta1, beta2, epsilon; /* defaults 0.5, 0.999, 1e-8 */
    double weight_decay;          /* decoupled: values shrink by learning rate × this before each step; default 0 */
    double clip_factor;           /* default 2; 0: no clipping */
    double clip_decay;            /* of the moving average; default 0.999 */
};

struct mgm_optimiser_settings mgm_optimiser_settings_defaults(void);

struct mgm_optimiser {
    size_t count;
    int64_t steps;         /* taken so far */
    float *first, *second; /* [count]; moments */
    double average_norm;   /* 0 before the first step */
};

MGM_MUST_CHECK enum mgm_status mgm_optimiser_create(struct mgm_context *ctx, size_t count, struct mgm_optimiser *out);
void mgm_optimiser_release(struct mgm_optimiser *optimiser);

/** What a step does to each value: g = clip · gradient, first = keep1 · first + take1 · g, second = keep2 · second + take2 ·
 * g², value = shrink · value − step_size · first / (sqrt(second) · root_correction + epsilon). */
struct mgm_adam_factors {
    float clip, keep1, take1, keep2, take2, step_size, root_correction, epsilon, shrink;
};

/** Counts a step and finds its factors from the gradients' norm. @return false, and nothing changes, if that is not finite
 */
bool mgm_optimiser_advance(struct mgm_optimiser *optimiser, const struct mgm_optimiser_settings *settings,
                           double learning_rate, double norm, struct mgm_adam_factors *factors);

/**
 * One step. If the gradient's norm is not finite nothing changes.
 * @param values     f32 [count]; updated
 * @param gradients  f32 [count]; left as they are
 * @return the unclipped norm of the gradients
 */
double mgm_optimiser_step(struct mgm_optimiser *optimiser, const struct mgm_optimiser_settings *settings,
                          double learning_rate, int threads, const float *gradients, float *values);

/** average = decay · average + (1 − decay) · values. */
void mgm_average_update(float *average, const float *values, size_t count, double decay, int threads);

#endif
