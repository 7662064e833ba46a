/**
 * A convolution with everything that a trained network lets move into it: its spectral norm, and the batch norm behind it
 * where that is exact. What computes the network afterwards does not matter: the inference plan runs it, export writes it.
 */
#ifndef MGM_NN_FOLD_H
#define MGM_NN_FOLD_H

#include "nn/backends/onednn/conv.h"
#include "nn/graph.h"

struct mgm_folded_conv {
    float *weights;                /* [oc, ic, k, k]; of a transposed one, those of mgm_transpose_weights(); the caller's */
    struct mgm_conv_fusion fusion; /* what is left to do behind it; its vectors belong to this struct */
    float *bias, *scale, *shift;   /* [oc], the same vectors, whether fusion needs them or not */
};

/**
 * Folds convolution `conv` (CONV, CONV_TRANSPOSE) of a graph that mgm_graph_check_inference() takes, and the norm behind it.
 * A norm of a ReLU stays behind as scale and shift. A transposed convolution is the 2 × 2 convolution of mgm_shuffle(), to
 * four times the channels.
 * @param norm     the layer's norm, as of mgm_norm_after(); −1: none
 * @param weights  caller-allocated, as many values as the convolution's weights
 * @param out      to be released, on failure too
 * @return MGM_E_NOMEM; MGM_E_FORMAT for weights whose spectral norm is 0
 */
MGM_MUST_CHECK enum mgm_status mgm_fold_conv(struct mgm_context *ctx, const struct mgm_graph *graph,
                                             const struct mgm_params *params, int conv, int norm, float *weights,
                                             struct mgm_folded_conv *out);
void mgm_folded_conv_release(struct mgm_folded_conv *folded);

#endif
