/**
 * From a head's raw output to alpha and back, for training: bilinear up-sampling (half-pixel centres) by the head's stride,
 * then (tanh(x) + 1) / 2; and the exact adjoint. One picture at a time, row by row.
 * Source: §3.1, the published code. tanh is a rational approximation (absolute error below 5e-7).
 */
#ifndef MGM_TRAIN_HEADS_H
#define MGM_TRAIN_HEADS_H

#include <stddef.h>

/** Floats that both functions need as workspace, whatever the stride. */
size_t mgm_head_workspace(int h, int w);

/**
 * @param raw    f32 [h/stride, w/stride]
 * @param alpha  f32 [h, w], in [0, 1]
 */
void mgm_head_forward(const float *raw, int h, int w, int stride, float *workspace, float *alpha);

/**
 * @param alpha         what forward gave
 * @param gradient      f32 [h, w]: of the loss by alpha
 * @param raw_gradient  f32 [h/stride, w/stride]; result
 */
void mgm_head_backward(const float *alpha, const float *gradient, int h, int w, int stride, float *workspace,
                       float *raw_gradient);

#endif
