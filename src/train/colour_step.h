/**
 * One step's objective for the colour network: its input, then from its raw output to the losses and back to the gradient of that
 * output (matting/foreground.h).
 * Source: §3.2: L1, composition and Laplacian loss, over the whole image where the sample says so (blend.h).
 *
 * Each loss is the sum over three channels, divided by the number of pixels that are judged; the objective is weighted as that of
 * the matting network's finest level (step.h). The composition loss is that of the true alpha and background, and so α·|F − F'|.
 */
#ifndef MGM_TRAIN_COLOUR_STEP_H
#define MGM_TRAIN_COLOUR_STEP_H

#include "matting/foreground.h"
#include "train/step.h"

struct mgm_colour_step;

/** @param together  the processes that share a batch; NULL: alone. @param size  a multiple of 32, at least 64 */
MGM_MUST_CHECK enum mgm_status mgm_colour_step_create(struct mgm_context *ctx, struct mgm_communicator *together,
                                                      enum mgm_colour_kind kind, int n, int size, int threads,
                                                      struct mgm_colour_step **out);
void mgm_colour_step_destroy(struct mgm_colour_step **step);

/** Which network a task trains; not of MGM_TASK_MATTING. */
enum mgm_colour_kind mgm_train_colour_kind(enum mgm_task task);

/** The network's input, f32 [n, size, size, mgm_colour_inputs()]. */
void mgm_colour_step_load(enum mgm_colour_kind kind, const struct mgm_batch *batch, int threads, float *input);

/**
 * F of one channel by the network, from its output there.
 * @param at  index of the pixel in the batch's [n, size, size]. @param image  index of its value in [n, 3, size, size]
 */
float mgm_colour_step_colour(enum mgm_colour_kind kind, const struct mgm_batch *batch, size_t at, size_t image, size_t channel,
                             float raw);

/**
 * @param batch         n and size as the step's
 * @param raw           f32 [n, size, size, MGM_FOREGROUND_OUTPUTS]
 * @param raw_gradient  receives the gradient of the objective by it
 * @param losses        those of MGM_HEAD_OS1
 */
MGM_MUST_CHECK enum mgm_status mgm_colour_step_evaluate(struct mgm_context *ctx, struct mgm_colour_step *step,
                                                        const struct mgm_batch *batch, const float *raw,
                                                        const struct mgm_objective *objective, float *raw_gradient,
                                                        struct mgm_step_losses *losses);

#endif
