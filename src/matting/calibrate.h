/**
 * Which magnitudes a network's results take, so that they can be stored in 8 bit: histograms over pictures, and the range for each
 * layer that loses least (mean squared error of rounding within it and of clipping beyond it).
 */
#ifndef MGM_MATTING_CALIBRATE_H
#define MGM_MATTING_CALIBRATE_H

#include "matting/model.h"

struct mgm_calibration;

/** @param model  borrowed */
MGM_MUST_CHECK enum mgm_status mgm_calibration_create(struct mgm_context *ctx, const struct mgm_model *model,
                                                      struct mgm_calibration **out);
void mgm_calibration_destroy(struct mgm_calibration **calibration);

/** Runs the network in f32 on one picture and looks at all results. @param input  f32 [h, w, 4], as of mgm_predictor_input() */
MGM_MUST_CHECK enum mgm_status mgm_calibration_add(struct mgm_calibration *calibration, int h, int w, const float *input);

/** @param ranges  [layers of the model's graph], see struct mgm_quantization */
void mgm_calibration_ranges(const struct mgm_calibration *calibration, float *ranges);

#endif
