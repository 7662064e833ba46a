/**
 * The convolution itself, as cuDNN does it (cuda_cudnn.cpp) or, in tests, a few loops do (tests/support/cuda_emulated.cpp).
 * What stands around it, activations, fusions and the layout of weights, is cuda_conv.cu.
 *
 * Tensors are channels last, weights and their gradients [oc, kh, kw, ic], all in the engine's precision; sums are f32.
 */
#ifndef MGM_NN_BACKENDS_CUDA_CUDA_CONV_H
#define MGM_NN_BACKENDS_CUDA_CUDA_CONV_H

#include "nn/backends/cuda/cuda.h"

struct mgm_cuda_engine;

/** What an engine is asked for: forward always. */
struct mgm_cuda_engine_wish {
    struct mgm_conv_shape shape;
    enum mgm_precision precision;
    bool backward_data, backward_weights;
};

enum mgm_status mgm_cuda_engine_create(struct mgm_cuda *cuda, const struct mgm_cuda_engine_wish *wish,
                                       struct mgm_cuda_engine **out);
void mgm_cuda_engine_destroy(struct mgm_cuda_engine **engine);

enum mgm_status mgm_cuda_engine_forward(struct mgm_cuda *cuda, struct mgm_cuda_engine *engine, const void *src,
                                        const void *weights, void *dst);
enum mgm_status mgm_cuda_engine_backward_data(struct mgm_cuda *cuda, struct mgm_cuda_engine *engine, const void *diff_dst,
                                              const void *weights, void *diff_src);
enum mgm_status mgm_cuda_engine_backward_weights(struct mgm_cuda *cuda, struct mgm_cuda_engine *engine, const void *src,
                                                 const void *diff_dst, void *diff_weights);

/**
 * The padding of both sides that makes a shape's result, −1 if no such padding does. cuDNN pads both sides alike, and
 * computes floor((size + 2 · padding − reach) / step) + 1 values, reach = dilation · (kernel − 1) + 1: with the padding
 * `before`, value y reads from y · step − padding on, as it should, and zeros after the end are only those that it reads.
 * So pad_before is the answer if the count is right. The network's convolutions (matting/network.c, nn/layer_shape.c):
 *
 *     3 × 3, step 1, dilation d         d, d    size + 2d − (2d + 1) + 1 = size
 *     1 × 1, step 1                     0, 0    size
 *     3 × 3, step 2, even size          1, 0    floor((size + 2 − 3) / 2) + 1 = size / 2: the zero after the end is padded,
 *                                               but the last value, at size − 2, reads up to size − 1 only
 *     2 × 2, of a transposed one        1, 1    size + 2 − 2 + 1 = size + 1
 */
static inline int mgm_cuda_padding(const struct mgm_conv_shape *s)
{
    const int reach = s->dilation * (s->kernel - 1) + 1, padding = s->pad_before;
    if (padding < 0 || s->ih + 2 * padding < reach || s->iw + 2 * padding < reach)
        return -1;
    const int oh = (s->ih + 2 * padding - reach) / s->step + 1, ow = (s->iw + 2 * padding - reach) / s->step + 1;
    return oh == s->oh && ow == s->ow ? padding : -1;
}

#endif
