/**
 * The objective of step.h where the backend has memory of its own: the same levels, masks and losses, a batch at a time. And
 * what both share: the sums that a batch comes to, and what follows from them (step_totals.c).
 */
#ifndef MGM_TRAIN_STEP_DEVICE_H
#define MGM_TRAIN_STEP_DEVICE_H

#include "train/step.h"

/** Sums over a batch, or one picture of it (losses.h). */
struct mgm_step_totals {
    uint64_t counts[MGM_HEAD_COUNT][MGM_LAPLACIAN_LEVELS]; /* pixels of the mask at each level of the pyramid */
    double l1[MGM_HEAD_COUNT], composition[MGM_HEAD_COUNT], laplacian[MGM_HEAD_COUNT][MGM_LAPLACIAN_LEVELS];
};

/** Weights of the losses' gradients, denominators included. */
struct mgm_step_scales {
    float l1[MGM_HEAD_COUNT], composition[MGM_HEAD_COUNT], laplacian[MGM_HEAD_COUNT][MGM_LAPLACIAN_LEVELS];
};

/** Adds up those of all processes, before anything follows from them. */
void mgm_step_totals_share(struct mgm_communicator *together, struct mgm_step_totals *totals);

/** From the counts. */
struct mgm_step_scales mgm_step_scales(const struct mgm_objective *objective, const struct mgm_step_totals *totals);
/** @param pixels  of the whole batch */
struct mgm_step_losses mgm_step_losses_of(const struct mgm_objective *objective, const struct mgm_step_totals *totals,
                                          double pixels);

struct mgm_device_step;

MGM_MUST_CHECK enum mgm_status mgm_device_step_create(struct mgm_backend *b, int n, int size, struct mgm_device_step **out);
void mgm_device_step_destroy(struct mgm_device_step **step);
MGM_MUST_CHECK enum mgm_status mgm_device_step_load(struct mgm_device_step *step, const struct mgm_batch *batch,
                                                    float *input);
void mgm_device_step_predict(struct mgm_device_step *step, const float *const raw[MGM_HEAD_COUNT]);
MGM_MUST_CHECK enum mgm_status mgm_device_step_evaluate(struct mgm_device_step *step, const struct mgm_step_masks *masks,
                                                        const struct mgm_objective *objective,
                                                        struct mgm_step_losses *losses);
void mgm_device_step_propagate(struct mgm_device_step *step, float *const raw_gradient[MGM_HEAD_COUNT]);

#endif
