#include "nn/backends/onednn/conv.h"

#include "base/memory.h"
#include "nn/backends/onednn/conv_parts.h"
#include "nn/norm.h"
#include "nn/spatial.h"

#include <math.h>

static enum mgm_status reorder(struct mgm_context *ctx, struct mgm_onednn *onednn, dnnl_primitive_t handle,
                               dnnl_memory_t from, dnnl_memory_t to)
{
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return mgm_onednn_check(ctx, dnnl_primitive_execute(handle, onednn->stream, 2, arguments), "reorder weights");
}

/* Symmetric, a scale for each output channel: its largest weight is 127. */
static void quantize_weights(struct mgm_conv *c, const float *weights, int8_t *steps)
{
    const struct mgm_conv_shape *s = &c->shape;
    const size_t each = (size_t)s->ic * (size_t)(s->kernel * s->kernel);
    for (int channel = 0; channel < s->oc; channel++, weights += each, steps += each) {
        float largest = 1e-30f;
        for (size_t i = 0; i < each; i++)
            largest = fmaxf(largest, fabsf(weights[i]));
        const float step = largest / 127;
        for (size_t i = 0; i < each; i++)
            steps[i] = (int8_t)lrintf(weights[i] / step);
        c->factor_values[channel] = s->src_scale * step / s->dst_scale;
        c->bias_values[channel] = c->true_bias[channel] / c->factor_values[channel];
    }
}

enum mgm_status mgm_conv_set_weights(struct mgm_context *ctx, struct mgm_conv *c, const float *weights)
{
    if (mgm_conv_is_int8(c)) {
        int8_t *steps = mgm_alloc((size_t)c->shape.oc * (size_t)c->shape.ic, (size_t)(c->shape.kernel * c->shape.kernel));
        if (!steps)
            return mgm_fail_nomem(ctx, "weights");
        quantize_weights(c, weights, steps);
        enum mgm_status status = mgm_onednn_check(ctx, dnnl_memory_set_data_handle(c->plain, steps), "place weights");
        if (status == MGM_OK)
            status = reorder(ctx, c->onednn, c->to_forward, c->plain, c->forward.weights);
        if (status == MGM_OK)
            status = mgm_onednn_check(ctx, dnnl_stream_wait(c->onednn->stream), "reorder weights");
        mgm_free(steps);
        return status;
    }
    TRY(mgm_onednn_check(ctx, dnnl_memory_set_data_handle(c->plain, (void *)weights), "place weights"));
    TRY(reorder(ctx, c->onednn, c->to_forward, c->plain, c->forward.weights));
    if (c->to_data)
        TRY(reorder(ctx, c->onednn, c->to_data, c->plain, c->data.weights));
    return mgm_onednn_check(ctx, dnnl_stream_wait(c->onednn->stream), "reorder weights");
}

static enum mgm_status place(struct mgm_context *ctx, struct mgm_conv *c, struct conv_primitive *p, const void *src,
                             const void *dst)
{
    TRY(mgm_onednn_check(ctx, dnnl_memory_set_data_handle(p->src, (void *)src), "place a source"));
    if (p->scratch)
        TRY(mgm_onednn_check(ctx, dnnl_memory_set_data_handle(p->scratch, c->onednn->scratch), "place scratch memory"));
    return mgm_onednn_check(ctx, dnnl_memory_set_data_handle(p->dst, (void *)dst), "place a result");
}

static enum mgm_status execute(struct mgm_context *ctx, struct mgm_conv *c, struct conv_primitive *p,
                               dnnl_exec_arg_t *arguments, int count)
{
    if (p->scratch)
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, p->scratch};
    TRY(mgm_onednn_check(ctx, dnnl_primitive_execute(p->handle, c->onednn->stream, count, arguments), "convolve"));
    return mgm_onednn_check(ctx, dnnl_stream_wait(c->onednn->stream), "convolve");
}

static struct mgm_spatial blocks_of(const struct mgm_conv *c, int h, int w, int channels)
{
    return (struct mgm_spatial){c->onednn->threads, MGM_PRECISION_F32, c->shape.n, h, w, channels, MGM_CONV_BLOCK};
}

/* The factor and offset come after the activation; norm_apply has them before, so one of the two must be idle. */
static void apply_rest(struct mgm_conv *c, const float *x, float *dst)
{
    const struct mgm_conv_shape *s = &c->shape;
    size_t pixels = (size_t)s->oh * (size_t)s->ow, plane = pixels * MGM_CONV_BLOCK;
    int blocks = s->oc / MGM_CONV_BLOCK;
    struct mgm_norm norm = {.threads = c->onednn->threads,
                            .precision = MGM_PRECISION_F32,
                            .pixels = pixels,
                            .channels = MGM_CONV_BLOCK,
                            .slope = c->rest.slope};
    for (int i = 0; i < s->n * blocks; i++) {
        size_t at = (size_t)i * plane, first = (size_t)(i % blocks) * MGM_CONV_BLOCK;
        mgm_norm_apply(&norm, x + at, c->rest.add ? dst + at : NULL, c->rest.factor + first, c->rest.offset + first,
                       dst + at);
    }
}

enum mgm_status mgm_conv_forward(struct mgm_context *ctx, struct mgm_conv *c, const void *src, void *dst)
{
    struct conv_primitive *p = &c->forward;
    void *result = c->rest.add ? c->onednn->aside : c->last_dst ? c->last_dst : dst;
    if (c->last_src) {
        struct mgm_spatial s = blocks_of(c, c->shape.ih, c->shape.iw, c->shape.ic);
        mgm_from_blocks(&s, src, c->last_src);
        src = c->last_src;
    }
    TRY(place(ctx, c, p, src, result));
    dnnl_exec_arg_t arguments[8] = {{DNNL_ARG_SRC, p->src}, {DNNL_ARG_WEIGHTS, p->weights}, {DNNL_ARG_DST, p->dst}};
    int count = 3;
    if (c->bias)
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, c->bias};
    if (c->factor)
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, c->factor};
    if (c->scale) {
        int first = c->scale_op;
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(first) | DNNL_ARG_SRC_1, c->scale};
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(first + 1) | DNNL_ARG_SRC_1, c->shift};
    }
    TRY(execute(ctx, c, p, arguments, count));
    if (c->rest.needed)
        apply_rest(c, result, dst);
    if (c->last_dst) {
        struct mgm_spatial s = blocks_of(c, c->shape.oh, c->shape.ow, c->shape.oc);
        mgm_to_blocks(&s, c->last_dst, dst);
    }
    return MGM_OK;
}

enum mgm_status mgm_conv_backward_data(struct mgm_context *ctx, struct mgm_conv *c, const void *diff_dst, void *diff_src)
{
    struct conv_primitive *p = &c->data;
    TRY(place(ctx, c, p, diff_src, diff_dst));
    dnnl_exec_arg_t arguments[8] = {
        {DNNL_ARG_DIFF_SRC, p->src}, {DNNL_ARG_WEIGHTS, p->weights}, {DNNL_ARG_DIFF_DST, p->dst}};
    return execute(ctx, c, p, arguments, 3);
}

enum mgm_status mgm_conv_backward_weights(struct mgm_context *ctx, struct mgm_conv *c, const void *src, const void *diff_dst,
                                          float *diff_weights)
{
    struct conv_primitive *p = &c->gradient;
    TRY(place(ctx, c, p, src, diff_dst));
    dnnl_exec_arg_t arguments[8] = {
        {DNNL_ARG_SRC, p->src}, {DNNL_ARG_DIFF_WEIGHTS, p->weights}, {DNNL_ARG_DIFF_DST, p->dst}};
    TRY(execute(ctx, c, p, arguments, 3));
    TRY(mgm_onednn_check(ctx, dnnl_memory_set_data_handle(c->plain, diff_weights), "place weights"));
    TRY(reorder(ctx, c->onednn, c->from_gradient, p->weights, c->plain));
    return mgm_onednn_check(ctx, dnnl_stream_wait(c->onednn->stream), "reorder weights");
}
