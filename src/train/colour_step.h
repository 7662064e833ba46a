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

#include "train/step.h"

struct mgm_colour_step;

/** @param together  the processes that share a batch; NULL: alone. @param size  a multiple of 32, at least 64 */
MGM_MUST_CHECK enum mgm_status mgm_colour_step_create(struct mgm_context *ctx, struct mgm_communicator *together, int n,
                                                      int size, int threads, struct mgm_colour_step **out);
void mgm_colour_step_destroy(struct mgm_colour_step **step);

/** The network's input, f32 [n, size, size, MGM_FOREGROUND_INPUTS]. */
void mgm_colour_step_load(const struct mgm_batch *batch, int threads, float *input);

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
