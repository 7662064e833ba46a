/**
 * Starting the encoder from a network that was trained for something else.
 * Source: §4; the released code's own loading, which strips the prefix and gives the first convolution a fourth channel.
 * Three kinds of files are known:
 *     published  of the same encoder, trained on ImageNet: names as in the matting network, without "encoder."; spectral-norm
 *                vectors are taken along. Its first convolution has three input channels: the guidance's becomes zero, in
 *                weights and vector alike, so that σ stays what it was
 *     ours       the encoder of matting weights, "encoder." before each name
 *     plain      a ResNet-34's state dict: what has the same shape is taken (layer4 as layer_bottleneck, downsample one number
 *                on), and vectors are found by power iteration
 */
#ifndef MGM_TRAIN_ENCODER_H
#define MGM_TRAIN_ENCODER_H

#include "nn/graph.h"
#include "weights/safetensors.h"

struct mgm_encoder_facts {
    bool plain;
    int taken, extended; /* tensors; extended ones are among those taken */
    int absent, other_shape; /* parameters of the encoder that the file has not, or has otherwise */
    char first_other[64];    /* name of the first of another shape, "" if there is none */
};

/**
 * Takes what fits; the rest of params stays as it is.
 * @return MGM_E_SHAPE if nothing fits: another network, or another width; MGM_E_FORMAT if values are not finite
 */
MGM_MUST_CHECK enum mgm_status mgm_encoder_take(struct mgm_context *ctx, const struct mgm_graph *graph,
                                                const struct mgm_safetensors *file, struct mgm_params *params,
                                                struct mgm_encoder_facts *facts);

#endif
