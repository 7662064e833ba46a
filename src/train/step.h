/**
 * One step's objective: from the heads' raw outputs to the losses and back to the gradient of each output.
 * Source: §3.1 (levels, self-guidance, Eq. 2–3), §4 (curriculum); losses.h for the losses.
 *
 *     objective = Σ_loss weight[loss] · (Σ_level level_weight[level] · loss(level)) / divide_by
 *
 * The stride-8 level is judged everywhere, the finer ones where their mask is set. With self-guidance a finer level's
 * prediction is first merged with the coarser (already merged) one, and the gradient of what was kept flows there.
 *
 * Where the backend computes with other processes, a batch is this process's share: losses and their denominators are those of
 * all shares together.
 */
#ifndef MGM_TRAIN_STEP_H
#define MGM_TRAIN_STEP_H

#include "matting/network.h"
#include "nn/backend.h"
#include "train/losses.h"
#include "train/sample.h"

struct mgm_objective {
    double level_weight[MGM_HEAD_COUNT];
    double divide_by;
    double loss_weight[MGM_LOSS_COUNT]; /* 0: not computed */
};

/** Where the finer levels' masks come from. */
struct mgm_step_masks {
    bool merge;                         /* self-guidance: predictions are merged along the masks */
    const uint8_t *os4, *os1;           /* u8 [n, h, w], 0 or 1, as given; NULL: from the coarser prediction (Eq. 2), … */
    const int *dilate_os4, *dilate_os1; /* … dilated by these sizes, one for each picture */
};

struct mgm_step_losses {
    double value[MGM_LOSS_COUNT][MGM_HEAD_COUNT]; /* unweighted; 0 where loss_weight is 0 */
    double total;                                 /* the objective */
    double mask_share[MGM_HEAD_COUNT];            /* share of the pixels that each level is judged on */
};

struct mgm_step;

/**
 * @param backend  borrowed; NULL: the CPU. Values that are given to the functions below, or got from them, are its memory
 * @param size     a multiple of 32, at least 64
 */
MGM_MUST_CHECK enum mgm_status mgm_step_create(struct mgm_context *ctx, struct mgm_backend *backend, int n, int size,
                                               int threads, struct mgm_step **out);
void mgm_step_destroy(struct mgm_step **step);

/**
 * Takes a batch to where the objective is computed, and fills in the network's input.
 * @param batch  n and size as the step's; it must stay until the step has been evaluated
 * @param input  f32 [n, size, size, 4]
 */
MGM_MUST_CHECK enum mgm_status mgm_step_load(struct mgm_step *step, const struct mgm_batch *batch, float *input);

/** Raw outputs f32 [n, size/stride, size/stride] to alpha, for all heads. */
void mgm_step_predict(struct mgm_step *step, const float *const raw[MGM_HEAD_COUNT]);

/** The predictions f32 [n, size, size]; merged once evaluated. May be written to instead of mgm_step_predict. Borrowed; NULL
 * where the backend's memory is not the caller's. */
float *mgm_step_alpha(struct mgm_step *step, enum mgm_head head);

/** The mask u8 [n, size, size] of the last evaluation. Borrowed. */
const uint8_t *mgm_step_mask(const struct mgm_step *step, enum mgm_head head);

/**
 * Masks, merging, losses, and the gradient of the objective by each head's (unmerged) alpha, kept in the step.
 * @param batch  colours in [0, 1]; n and size as the step's
 */
MGM_MUST_CHECK enum mgm_status mgm_step_evaluate(struct mgm_context *ctx, struct mgm_step *step,
                                                 const struct mgm_batch *batch, const struct mgm_step_masks *masks,
                                                 const struct mgm_objective *objective, struct mgm_step_losses *losses);

/** The gradient by each head's alpha f32 [n, size, size], after evaluate. Borrowed. */
const float *mgm_step_alpha_gradient(const struct mgm_step *step, enum mgm_head head);

/** From there to the gradient by each raw output, f32 [n, size/stride, size/stride]; overwritten. */
void mgm_step_propagate(struct mgm_step *step, float *const raw_gradient[MGM_HEAD_COUNT]);

#endif
