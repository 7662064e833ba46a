/**
 * A convolution of a graph made ready for inference: spectral norm and the norm behind it folded in where that is exact, what is
 * not (ReLU – norm) and the residual addition left to the convolution's own last operations.
 */
#ifndef MGM_NN_FUSED_CONV_H
#define MGM_NN_FUSED_CONV_H

#include "nn/backend.h"
#include "nn/graph.h"

/** What a convolution comes to. */
struct mgm_folded_conv {
    const float *weights;        /* [oc, ic, k, k] of the convolution that is run; a transposed one is that of mgm_shuffle() */
    float *bias, *scale, *shift; /* [oc] of it */
    struct mgm_conv_fusion fusion;
};

/**
 * @param norm     the NORM behind layer `conv`, −1: none
 * @param weights  caller's, as many values as the convolution's weights have; out->weights points into it
 * @return MGM_E_NOMEM; MGM_E_FORMAT for weights whose spectral norm is 0, or a norm that overflows
 */
MGM_MUST_CHECK enum mgm_status mgm_fold_conv(struct mgm_context *ctx, const struct mgm_graph *graph,
                                             const struct mgm_params *params, int conv, int norm, float *weights,
                                             struct mgm_folded_conv *out);
void mgm_folded_conv_release(struct mgm_folded_conv *folded);

/** What creating the convolutions of a plan needs, and all of them share. */
struct mgm_fused_conv_maker {
    struct mgm_backend *backend;
    const struct mgm_graph *graph;
    const struct mgm_params *params;
    float *weights; /* room for the largest convolution's; once for all, lest the heap be left full of holes */
    float *staging; /* the same where the backend can see it; NULL where that is the caller's memory */
};

MGM_MUST_CHECK enum mgm_status mgm_fused_conv_maker_create(struct mgm_backend *backend, const struct mgm_graph *graph,
                                                           const struct mgm_params *params,
                                                           struct mgm_fused_conv_maker *out);
void mgm_fused_conv_maker_release(struct mgm_fused_conv_maker *maker);

/**
 * The convolution of layer `conv` with the norm behind it, for one shape.
 * @param adds_apart  result: the residual is not added by the convolution and is to be added behind it
 */
MGM_MUST_CHECK enum mgm_status mgm_fused_conv_create(const struct mgm_fused_conv_maker *maker, int conv, int norm,
                                                     const struct mgm_conv_shape *shape, struct mgm_backend_conv **out,
                                                     bool *adds_apart);

/**
 * Weights, then the bias, of a convolution to one channel (single_conv.h), in the backend's memory.
 * @param out  released by the backend's release()
 */
MGM_MUST_CHECK enum mgm_status mgm_fused_single_create(const struct mgm_fused_conv_maker *maker, int conv, float **out);

#endif
