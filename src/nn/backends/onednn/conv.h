/**
 * Convolutions on the CPU through oneDNN, channels last. Nothing outside this folder sees a dnnl type.
 *
 * src [n, ih, iw, ic] and dst [n, oh, ow, oc] are f32 or bf16; weights come and gradients go as f32 [oc, ic, kh, kw].
 * All fail with MGM_E_BACKEND or MGM_E_NOMEM; creating also with MGM_E_UNSUPPORTED where there is no such convolution for
 * this processor. Running and setting weights belong between mgm_onednn_enter() and mgm_onednn_leave().
 */
#ifndef MGM_NN_BACKENDS_ONEDNN_CONV_H
#define MGM_NN_BACKENDS_ONEDNN_CONV_H

#include "base/context.h"
#include "nn/train_plan.h"

/** Engine, stream and scratch memory, shared by the convolutions of one plan; one thread at a time. */
struct mgm_onednn;

MGM_MUST_CHECK enum mgm_status mgm_onednn_create(struct mgm_context *ctx, int threads, struct mgm_onednn **out);
void mgm_onednn_destroy(struct mgm_onednn **onednn);

/**
 * Makes the calling thread's compute library use the plan's number of threads; the previous number is returned and is to be
 * given back with mgm_onednn_leave().
 */
int mgm_onednn_enter(const struct mgm_onednn *onednn);
void mgm_onednn_leave(int previous);

struct mgm_conv_shape {
    int n, ih, iw, ic, oc, oh, ow;
    int kernel, step, dilation, pad_before, pad_after; /* the same for both axes */
    /*
     * Inference only: src and dst are [n, c / 16, h, w, 16] instead of [n, h, w, c]; oc a multiple of 16. A src with fewer
     * than 16 channels, the picture, is planar: [n, ic, h, w].
     */
    bool blocked;
    enum mgm_precision src_type, dst_type; /* inference only; training is told its precision */
};

enum { MGM_CONV_BLOCK = 16 };

/** What happens to a result before it is stored: dst = [dst +] act(x [+ dst]) · scale + shift, in this order. */
struct mgm_conv_fusion {
    const float *bias;          /* [oc] or NULL; copied */
    bool add_before;            /* dst's old value is added before the activation */
    float slope;                /* activation; 1: none */
    const float *scale, *shift; /* [oc], both or none; copied */
    bool add_after;             /* dst's old value is added last */
};

struct mgm_conv;

/** For training: no fusion but an activation (slope; 1: none) after the forward convolution. */
MGM_MUST_CHECK enum mgm_status mgm_conv_create_training(struct mgm_context *ctx, struct mgm_onednn *onednn,
                                                        const struct mgm_conv_shape *shape, enum mgm_precision precision,
                                                        float slope, bool needs_backward_data, struct mgm_conv **out);
/** For inference: forward only; the weights are of src's type. */
MGM_MUST_CHECK enum mgm_status mgm_conv_create_inference(struct mgm_context *ctx, struct mgm_onednn *onednn,
                                                         const struct mgm_conv_shape *shape,
                                                         const struct mgm_conv_fusion *fusion, struct mgm_conv **out);
void mgm_conv_destroy(struct mgm_conv **conv);

/** True where oneDNN has only its reference code for the forward convolution, some hundred times slower than the others. */
bool mgm_conv_is_reference(const struct mgm_conv *conv);

/** Takes the weights into the layouts that the directions want. @param weights  f32 [oc, ic, kernel, kernel] */
MGM_MUST_CHECK enum mgm_status mgm_conv_set_weights(struct mgm_context *ctx, struct mgm_conv *conv, const float *weights);

MGM_MUST_CHECK enum mgm_status mgm_conv_forward(struct mgm_context *ctx, struct mgm_conv *conv, const void *src, void *dst);
MGM_MUST_CHECK enum mgm_status mgm_conv_backward_data(struct mgm_context *ctx, struct mgm_conv *conv, const void *diff_dst,
                                                      void *diff_src);
/** @param diff_weights  f32 [oc, ic, kernel, kernel]; overwritten */
MGM_MUST_CHECK enum mgm_status mgm_conv_backward_weights(struct mgm_context *ctx, struct mgm_conv *conv, const void *src,
                                                         const void *diff_dst, float *diff_weights);

#endif
