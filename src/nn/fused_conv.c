#include "nn/fused_conv.h"

#include "base/memory.h"
#include "nn/norm.h"
#include "nn/spectral.h"

#include <math.h>
#include <string.h>

void mgm_folded_conv_release(struct mgm_folded_conv *f)
{
    mgm_free(f->bias);
    mgm_free(f->scale);
    mgm_free(f->shift);
    *f = (struct mgm_folded_conv){0};
}

static float spectral_factor(const struct mgm_graph *graph, const struct mgm_params *params, const struct mgm_layer *conv)
{
    if (conv->u < 0)
        return 1;
    const struct mgm_param_info *info = &graph->params[conv->weights];
    int rows = info->dims[0];
    return 1 / mgm_spectral_sigma(params->values + info->offset, rows, (int)(info->count / (size_t)rows),
                                  params->values + graph->params[conv->u].offset,
                                  params->values + graph->params[conv->v].offset);
}

/* Factor and offset of a norm with its running statistics. */
static void norm_affine(const struct mgm_graph *graph, const struct mgm_params *params, const struct mgm_layer *norm,
                        float *factor, float *offset)
{
    const float *scale = params->values + graph->params[norm->scale].offset;
    const float *shift = params->values + graph->params[norm->shift].offset;
    const float *mean = params->values + graph->params[norm->mean].offset;
    const float *variance = params->values + graph->params[norm->variance].offset;
    for (int c = 0; c < norm->channels; c++) {
        factor[c] = (float)(scale[c] / sqrt((double)variance[c] + MGM_NORM_EPSILON));
        offset[c] = shift[c] - mean[c] * factor[c];
    }
}

/* The norm goes into the convolution, or, where a ReLU stands between them, behind it. */
static void fold_norm(const struct mgm_layer *norm, size_t per_channel, int total, float *weights, struct mgm_folded_conv *f)
{
    const bool residual = norm->input_count > 1;
    if (norm->relu_first) { /* ReLU – norm – add: the norm cannot be folded through the ReLU */
        f->fusion.slope = 0;
        f->fusion.scale = f->scale;
        f->fusion.shift = f->shift;
        f->fusion.add_after = residual;
        return;
    }
    for (int c = 0; c < total; c++) {
        f->bias[c] = f->bias[c] * f->scale[c] + f->shift[c];
        for (size_t i = 0; i < per_channel; i++)
            weights[(size_t)c * per_channel + i] *= f->scale[c];
    }
    f->fusion.bias = f->bias;
    f->fusion.slope = norm->slope;
    f->fusion.add_before = residual;
}

enum mgm_status mgm_fold_conv(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_params *params,
                              int index, int norm, float *weights, struct mgm_folded_conv *f)
{
    const struct mgm_layer *conv = &graph->layers[index];
    const struct mgm_param_info *info = &graph->params[conv->weights];
    const int copies = conv->op == MGM_OP_CONV_TRANSPOSE ? 4 : 1, channels = conv->channels, total = channels * copies;
    *f = (struct mgm_folded_conv){.weights = weights, .fusion = {.slope = 1}};
    f->bias = mgm_alloc_zeroed((size_t)total, sizeof(float));
    f->scale = mgm_alloc((size_t)total, sizeof(float));
    f->shift = mgm_alloc((size_t)total, sizeof(float));
    if (!f->bias || !f->scale || !f->shift) {
        mgm_folded_conv_release(f);
        return mgm_fail_nomem(ctx, "weights");
    }
    const float *values = params->values + info->offset;
    const float factor = spectral_factor(graph, params, conv);
    if (!isfinite(factor)) { /* activations would hide the values that are not numbers */
        mgm_folded_conv_release(f);
        return mgm_fail(ctx, MGM_E_FORMAT, "the weights '%s' cannot be divided by their spectral norm, which is 0",
                        info->name);
    }
    if (conv->op == MGM_OP_CONV_TRANSPOSE)
        mgm_transpose_weights(values, info->dims[0], info->dims[1], factor, weights);
    else
        for (size_t i = 0; i < info->count; i++)
            weights[i] = values[i] * factor;
    if (conv->bias >= 0) {
        const float *bias = params->values + graph->params[conv->bias].offset;
        for (int copy = 0; copy < copies; copy++)
            memcpy(f->bias + copy * channels, bias, (size_t)channels * sizeof(float));
        f->fusion.bias = f->bias;
    }
    if (norm < 0)
        return MGM_OK;
    norm_affine(graph, params, &graph->layers[norm], f->scale, f->shift);
    for (int c = 0; c < channels; c++)
        if (!isfinite(f->scale[c]) || !isfinite(f->shift[c])) {
            mgm_folded_conv_release(f);
            return mgm_fail(ctx, MGM_E_FORMAT, "the norm '%s' has values whose quotient is not finite",
                            graph->params[graph->layers[norm].scale].name);
        }
    for (int copy = 1; copy < copies; copy++) {
        memcpy(f->scale + copy * channels, f->scale, (size_t)channels * sizeof(float));
        memcpy(f->shift + copy * channels, f->shift, (size_t)channels * sizeof(float));
    }
    fold_norm(&graph->layers[norm], info->count / (size_t)total, total, weights, f);
    return MGM_OK;
}

enum mgm_status mgm_fused_conv_maker_create(struct mgm_backend *backend, const struct mgm_graph *graph,
                                            const struct mgm_params *params, struct mgm_fused_conv_maker *out)
{
    *out = (struct mgm_fused_conv_maker){.backend = backend, .graph = graph, .params = params};
    size_t largest = 0;
    for (int i = 0; i < graph->param_count; i++)
        if (graph->params[i].count > largest)
            largest = graph->params[i].count;
    out->weights = mgm_alloc(largest, sizeof *out->weights);
    if (!out->weights)
        return mgm_fail_nomem(backend->ctx, "weights");
    if (!backend->ops->host_memory)
        TRY(backend->ops->alloc(backend, largest * sizeof *out->staging, (void **)&out->staging));
    return MGM_OK;
}

void mgm_fused_conv_maker_release(struct mgm_fused_conv_maker *maker)
{
    if (maker->backend)
        maker->backend->ops->release(maker->backend, maker->staging);
    mgm_free(maker->weights);
    *maker = (struct mgm_fused_conv_maker){0};
}

static enum mgm_status set_weights(const struct mgm_fused_conv_maker *maker, struct mgm_backend_conv *conv,
                                   const float *weights, size_t count)
{
    struct mgm_backend *b = maker->backend;
    if (!b->ops->host_memory) {
        b->ops->upload(b, maker->staging, weights, count * sizeof *weights);
        weights = maker->staging;
    }
    return b->ops->conv_set_weights(b, conv, weights);
}

enum mgm_status mgm_fused_conv_create(const struct mgm_fused_conv_maker *maker, int index, int norm,
                                      const struct mgm_conv_shape *shape, struct mgm_backend_conv **out, bool *adds_apart)
{
    struct mgm_backend *b = maker->backend;
    struct mgm_folded_conv folded;
    *out = NULL;
    *adds_apart = false;
    TRY(mgm_fold_conv(b->ctx, maker->graph, maker->params, index, norm, maker->weights, &folded));
    enum mgm_status status = b->ops->conv_create_inference(b, shape, &folded.fusion, out);
    if (status == MGM_OK && folded.fusion.add_after && b->ops->conv_is_reference(*out)) {
        /* Without AVX-512, oneDNN's fast kernels do not add behind other operations. */
        b->ops->conv_destroy(b, out);
        folded.fusion.add_after = false;
        *adds_apart = true;
        status = b->ops->conv_create_inference(b, shape, &folded.fusion, out);
    }
    if (status == MGM_OK)
        status = set_weights(maker, *out, folded.weights, maker->graph->params[maker->graph->layers[index].weights].count);
    mgm_folded_conv_release(&folded);
    return status;
}

enum mgm_status mgm_fused_single_create(const struct mgm_fused_conv_maker *maker, int index, float **out)
{
    const struct mgm_layer *layer = &maker->graph->layers[index];
    const struct mgm_param_info *weights = &maker->graph->params[layer->weights];
    const float bias = layer->bias >= 0 ? maker->params->values[maker->graph->params[layer->bias].offset] : 0;
    struct mgm_backend *b = maker->backend;
    void *memory;
    TRY(b->ops->alloc(b, (weights->count + 1) * sizeof **out, &memory));
    *out = memory;
    b->ops->upload(b, *out, maker->params->values + weights->offset, weights->count * sizeof **out);
    b->ops->upload(b, *out + weights->count, &bias, sizeof bias);
    return MGM_OK;
}
