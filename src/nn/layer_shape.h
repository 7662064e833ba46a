/** Sizes of layers at a given network input, the same for every plan. */
#ifndef MGM_NN_LAYER_SHAPE_H
#define MGM_NN_LAYER_SHAPE_H

#include "nn/backends/onednn/conv.h"
#include "nn/graph.h"
#include "nn/quantized.h"

/** Height or width of a layer's result for the network input's. */
static inline int mgm_layer_side(const struct mgm_layer *layer, int input_side)
{
    return layer->stride ? input_side / layer->stride : 1;
}

/**
 * The convolution that computes layer `index` (CONV, CONV_TRANSPOSE) for an input [n, h, w] of the network. A transposed one
 * is the 2 × 2 convolution of mgm_shuffle().
 */
struct mgm_conv_shape mgm_layer_conv_shape(const struct mgm_graph *graph, int index, int n, int h, int w);

/**
 * Says what the convolution reads and writes.
 * @param residual  NULL: none. Into a float result it is taken as one, too
 */
void mgm_conv_shape_store(struct mgm_conv_shape *shape, struct mgm_storage src, struct mgm_storage dst,
                          const struct mgm_storage *residual);

/** Index of the NORM that takes layer `conv` as its first input, −1 if there is none. */
int mgm_norm_after(const struct mgm_graph *graph, int conv);

#endif
