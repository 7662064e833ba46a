/** A convolution as oneDNN is told of it, before there is a primitive. */
#ifndef MGM_NN_BACKENDS_ONEDNN_CONV_PROBLEM_H
#define MGM_NN_BACKENDS_ONEDNN_CONV_PROBLEM_H

#include "nn/backends/onednn/engine.h"

/** What a convolution is created from: descriptors (channels last; weights in any layout) and attributes. */
struct conv_problem {
    mgm_owned_md src, weights, gradient, bias, dst;
    mgm_owned_md channels; /* of a vector that a fused operation repeats over the pixels */
    dnnl_primitive_attr_t fused, plain;
    struct mgm_conv_mds mds;
};

/**
 * @param precision  of src; with a float one, of everything
 * @param out        to be released also when this fails
 */
MGM_MUST_CHECK enum mgm_status mgm_conv_describe(struct mgm_context *ctx, const struct mgm_conv_shape *shape,
                                                 enum mgm_precision precision, const struct mgm_conv_fusion *fusion,
                                                 struct conv_problem *out);
void mgm_conv_problem_release(struct conv_problem *problem);

#endif
