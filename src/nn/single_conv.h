/**
 * The last convolution of a head: 3 × 3 to one channel. A convolution library works on sixteen output channels at a time and
 * spends as long on one; these kernels take one dot product per pixel. src is [n, h, w, c] (forward: blocked too), f32 or
 * bf16, c a multiple of 8; dst and weights are f32.
 */
#ifndef MGM_NN_SINGLE_CONV_H
#define MGM_NN_SINGLE_CONV_H

#include "nn/graph.h"
#include "nn/spatial.h"

/** Whether a layer is such a convolution. */
bool mgm_is_single_conv(const struct mgm_layer *layer);

/** Floats of workspace that backward needs; forward needs 9 · c. */
size_t mgm_single_conv_workspace(const struct mgm_spatial *src);

/** @param weights  [1, c, 3, 3]; @param dst  f32 [n, h, w, 1] */
void mgm_single_conv(const struct mgm_spatial *src, const void *x, const float *weights, float bias, float *workspace,
                     float *dst);

/** @param d_x  like src; overwritten; @param d_weights  [1, c, 3, 3]; overwritten; @param d_bias  [1]; overwritten */
void mgm_single_conv_backward(const struct mgm_spatial *src, const void *x, const float *weights, const float *d_dst,
                              float *workspace, void *d_x, float *d_weights, float *d_bias);

#endif
