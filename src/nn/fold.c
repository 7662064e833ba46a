#include "nn/fold.h"

#include "base/memory.h"
#include "nn/norm.h"
#include "nn/spatial.h"
#include "nn/spectral.h"

#include <math.h>
#include <string.h>

void mgm_folded_conv_release(struct mgm_folded_conv *folded)
{
    mgm_free(folded->bias);
    mgm_free(folded->scale);
    mgm_free(folded->shift);
    *folded = (struct mgm_folded_conv){0};
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

/* The convolution without the norm. */
static enum mgm_status fold_conv(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_params *params,
                                 const struct mgm_layer *conv, int copies, struct mgm_folded_conv *f)
{
    const struct mgm_param_info *info = &graph->params[conv->weights];
    const float *weights = params->values + info->offset;
    float factor = spectral_factor(graph, params, conv);
    if (!isfinite(factor)) /* activations would hide the values that are not numbers */
        return mgm_fail(ctx, MGM_E_FORMAT, "the weights '%s' cannot be divided by their spectral norm, which is 0",
                        info->name);
    if (conv->op == MGM_OP_CONV_TRANSPOSE)
        mgm_transpose_weights(weights, info->dims[0], info->dims[1], factor, f->weights);
    else
        for (size_t i = 0; i < info->count; i++)
            f->weights[i] = weights[i] * factor;
    f->fusion = (struct mgm_conv_fusion){.slope = 1};
    if (conv->bias < 0)
        return MGM_OK;
    const float *bias = params->values + graph->params[conv->bias].offset;
    for (int copy = 0; copy < copies; copy++)
        memcpy(f->bias + copy * conv->channels, bias, (size_t)conv->channels * sizeof(float));
    f->fusion.bias = f->bias;
    return MGM_OK;
}

static void fold_norm(const struct mgm_graph *graph, const struct mgm_params *params, const struct mgm_layer *norm,
                      int copies, size_t per_channel, struct mgm_folded_conv *f)
{
    const int channels = norm->channels, total = channels * copies;
    const bool residual = norm->input_count > 1;
    norm_affine(graph, params, norm, f->scale, f->shift);
    for (int copy = 1; copy < copies; copy++) {
        memcpy(f->scale + copy * channels, f->scale, (size_t)channels * sizeof(float));
        memcpy(f->shift + copy * channels, f->shift, (size_t)channels * sizeof(float));
    }
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
            f->weights[(size_t)c * per_channel + i] *= f->scale[c];
    }
    f->fusion.bias = f->bias;
    f->fusion.slope = norm->slope;
    f->fusion.add_before = residual;
}

enum mgm_status mgm_fold_conv(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_params *params,
                              int conv, int norm, float *weights, struct mgm_folded_conv *out)
{
    const struct mgm_layer *layer = &graph->layers[conv];
    const int copies = layer->op == MGM_OP_CONV_TRANSPOSE ? 4 : 1;
    const size_t total = (size_t)layer->channels * (size_t)copies;
    *out = (struct mgm_folded_conv){.weights = weights,
                                    .bias = mgm_alloc_zeroed(total, sizeof(float)),
                                    .scale = mgm_alloc(total, sizeof(float)),
                                    .shift = mgm_alloc(total, sizeof(float))};
    if (!out->bias || !out->scale || !out->shift)
        return mgm_fail_nomem(ctx, "weights");
    TRY(fold_conv(ctx, graph, params, layer, copies, out));
    if (norm >= 0)
        fold_norm(graph, params, &graph->layers[norm], copies, graph->params[layer->weights].count / total, out);
    return MGM_OK;
}
