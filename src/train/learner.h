/**
 * The model while it learns, in the memory of the backend that trains it: values and gradients, the optimiser's moments, the
 * moving average. Where the backend's memory is the caller's these are the state's own arrays.
 */
#ifndef MGM_TRAIN_LEARNER_H
#define MGM_TRAIN_LEARNER_H

#include "nn/backend.h"
#include "train/checkpoint.h"

struct mgm_learner {
    struct mgm_backend *backend;   /* borrowed */
    struct mgm_train_state *state; /* borrowed */
    struct mgm_params params;      /* values and gradients for the plan */
    float *first, *second, *average;
    double *sum; /* [1], for the gradient's norm */
};

/** Takes the state as it is. @param backend, state  borrowed, must outlive the learner */
MGM_MUST_CHECK enum mgm_status mgm_learner_create(struct mgm_backend *backend, struct mgm_train_state *state,
                                                  struct mgm_learner *out);
/** Takes a zeroed one too. */
void mgm_learner_release(struct mgm_learner *learner);

/**
 * One step of the optimiser along params.gradients, which are first summed over all processes, then of the moving average. Nothing changes if the gradient is not
 * finite.
 * @param threads  of the CPU
 * @param norm     receives the gradient's length before clipping
 */
MGM_MUST_CHECK enum mgm_status mgm_learner_update(struct mgm_learner *learner, const struct mgm_optimiser_settings *settings,
                                                  double learning_rate, double average_decay, int threads, double *norm);

/** Brings the state's arrays up to date, for whoever saves or scores them. */
MGM_MUST_CHECK enum mgm_status mgm_learner_fetch(struct mgm_learner *learner);

#endif
