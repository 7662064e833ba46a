/** What a convolution consists of, for the files that create it and the one that runs it. */
#ifndef MGM_NN_BACKENDS_ONEDNN_CONV_PARTS_H
#define MGM_NN_BACKENDS_ONEDNN_CONV_PARTS_H

#include "nn/backends/onednn/engine.h"

/* A primitive with the memory objects that its calls fill in. */
struct conv_primitive {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t handle;
    dnnl_memory_t src, weights, dst, scratch;
    size_t scratch_size;
};

/* What of a fusion is left to do after the convolution: dst = act(x) · factor + offset [+ dst]. */
struct conv_rest {
    bool needed, add;
    float slope;
    float *factor, *offset; /* [oc] */
};

struct mgm_conv {
    struct mgm_onednn *onednn;
    struct mgm_conv_shape shape;
    struct conv_primitive forward, data, gradient;
    dnnl_memory_t plain;                                 /* f32 [oc, ic, kh, kw], the caller's */
    dnnl_primitive_t to_forward, to_data, from_gradient; /* weight reorders */
    void *forward_weights, *data_weights, *gradient_weights;
    dnnl_memory_t bias, scale, shift;
    float *bias_values, *scale_values, *shift_values;
    int scale_op; /* place of the multiplication among the fused operations; the shift follows */
    /*
     * An 8-bit convolution: what the sums are multiplied by before all else, and the bias as it is, in units of dst. Both make up
     * what the primitive is given once the weights, and so their scales, are known.
     */
    dnnl_memory_t factor;
    float *factor_values, *true_bias;
    struct conv_rest rest;
    float *last_src, *last_dst; /* a blocked convolution that runs channels last: its operands in that layout */
};

static inline bool mgm_conv_is_int8(const struct mgm_conv *c)
{
    return !mgm_precision_is_float(c->shape.src_type);
}

enum mgm_conv_purpose { MGM_CONV_TRAINING, MGM_CONV_INFERENCE, MGM_CONV_WINOGRAD };

/** As the public ways of creating one, with every choice made. @param needs_backward_data  for training */
MGM_MUST_CHECK enum mgm_status mgm_conv_create(struct mgm_context *ctx, struct mgm_onednn *onednn,
                                               const struct mgm_conv_shape *shape, enum mgm_precision precision,
                                               const struct mgm_conv_fusion *fusion, enum mgm_conv_purpose purpose,
                                               bool needs_backward_data, struct mgm_conv **out);

#endif
