/* Forward pass of the training plan. */
#include "nn/single_conv.h"
#include "nn/spectral.h"
#include "nn/train_state.h"

#include <math.h>
#include <string.h>

/* The weights as the convolution takes them: divided by σ, rearranged for a transposed one. */
static void effective_weights(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    const struct mgm_param_info *info = &plan->graph->params[layer->weights];
    struct train_node *node = &plan->nodes[index];
    const float *weights = mgm_param_value(plan, layer->weights);
    float factor = 1;
    if (layer->u >= 0) {
        int rows = info->dims[0], cols = (int)(info->count / (size_t)rows), threads = plan->settings.threads;
        float *u = mgm_param_value(plan, layer->u), *v = mgm_param_value(plan, layer->v);
        mgm_spectral_iterate(threads, weights, rows, cols, u, v);
        node->sigma = mgm_spectral_sigma(weights, rows, cols, u, v);
        factor = 1 / node->sigma;
    }
    if (layer->op == MGM_OP_CONV_TRANSPOSE) {
        mgm_transpose_weights(weights, info->dims[0], info->dims[1], factor, plan->weights);
        return;
    }
    for (size_t i = 0; i < info->count; i++)
        plan->weights[i] = weights[i] * factor;
}

static enum mgm_status forward_conv(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    const void *src = plan->nodes[layer->inputs[0]].value;
    effective_weights(plan, index);
    TRY(mgm_conv_set_weights(plan->ctx, node->conv, plan->weights));
    if (layer->op == MGM_OP_CONV)
        return mgm_conv_forward(plan->ctx, node->conv, src, node->value);
    TRY(mgm_conv_forward(plan->ctx, node->conv, src, plan->grid));
    struct mgm_spatial s = mgm_spatial_of(plan, node->h / 2, node->w / 2, layer->channels);
    mgm_shuffle(&s, plan->grid, node->value);
    return MGM_OK;
}

/* Only outputs have one channel, so the f32 result is all that is kept. */
static void forward_single(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    struct mgm_spatial s = mgm_spatial_of(plan, node->h, node->w, plan->graph->layers[layer->inputs[0]].channels);
    mgm_single_conv(&s, plan->nodes[layer->inputs[0]].value, mgm_param_value(plan, layer->weights),
                    layer->bias >= 0 ? *mgm_param_value(plan, layer->bias) : 0, plan->single, node->output_value);
}

static void forward_norm(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    const void *x = plan->nodes[layer->inputs[0]].value;
    const void *residual = layer->input_count > 1 ? plan->nodes[layer->inputs[1]].value : NULL;
    const float *scale = mgm_param_value(plan, layer->scale), *shift = mgm_param_value(plan, layer->shift);
    float *running_mean = mgm_param_value(plan, layer->mean), *running_variance = mgm_param_value(plan, layer->variance);
    struct mgm_norm norm = mgm_norm_of(plan, index);
    float *factor = plan->workspace + mgm_norm_workspace(layer->channels), *offset = factor + layer->channels;

    mgm_norm_statistics(&norm, x, plan->workspace, node->mean, node->inverse);
    double count = (double)norm.pixels * layer->replicas, unbiased = count > 1 ? count / (count - 1) : 1;
    for (int c = 0; c < layer->channels; c++) {
        float variance = node->inverse[c];
        running_mean[c] += MGM_NORM_MOMENTUM * (node->mean[c] - running_mean[c]);
        running_variance[c] += MGM_NORM_MOMENTUM * ((float)(variance * unbiased) - running_variance[c]);
        node->inverse[c] = 1 / sqrtf(variance + MGM_NORM_EPSILON);
        factor[c] = scale[c] * node->inverse[c];
        offset[c] = shift[c] - node->mean[c] * factor[c];
    }
    mgm_norm_apply(&norm, x, residual, factor, offset, node->value);
}

static void forward_spatial(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index], *src = &plan->nodes[layer->inputs[0]];
    struct mgm_spatial here = mgm_spatial_of(plan, node->h, node->w, layer->channels);
    struct mgm_spatial there = mgm_spatial_of(plan, src->h, src->w, layer->channels);
    switch (layer->op) {
    case MGM_OP_AVERAGE_POOL:
        mgm_average_pool(&here, src->value, node->value);
        break;
    case MGM_OP_UPSAMPLE:
        mgm_upsample(&there, src->value, node->value);
        break;
    case MGM_OP_GLOBAL_POOL:
        mgm_sum_pixels(&there, src->value, 1 / (float)(src->h * src->w), node->value);
        break;
    case MGM_OP_BROADCAST:
        mgm_repeat_pixels(&here, src->value, 1, node->value);
        break;
    case MGM_OP_CONCAT:
        for (int i = 0, offset = 0; i < layer->input_count; i++) {
            here.c = plan->graph->layers[layer->inputs[i]].channels;
            mgm_copy_channels_in(&here, plan->nodes[layer->inputs[i]].value, node->value, layer->channels, offset);
            offset += here.c;
        }
        break;
    default:
        break;
    }
}

static void read_output(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    if (mgm_is_single_conv(layer))
        return;
    mgm_convert_to_f32(plan->settings.threads, plan->settings.precision, node->count, node->value, node->output_value);
    if (node->conv && layer->bias >= 0) {
        const float *bias = mgm_param_value(plan, layer->bias);
        for (size_t i = 0; i < node->count; i++)
            node->output_value[i] += bias[i % (size_t)layer->channels];
    }
}

enum mgm_status mgm_train_plan_forward(struct mgm_train_plan *plan, const float *input)
{
    int previous = mgm_onednn_enter(plan->onednn);
    enum mgm_status status = MGM_OK;
    for (int i = 0; i < plan->graph->layer_count && status == MGM_OK; i++) {
        enum mgm_op op = plan->graph->layers[i].op;
        if (op == MGM_OP_INPUT)
            mgm_convert_from_f32(plan->settings.threads, plan->settings.precision, plan->nodes[i].count, input,
                                 plan->nodes[i].value);
        else if (mgm_is_single_conv(&plan->graph->layers[i]))
            forward_single(plan, i);
        else if (op == MGM_OP_CONV || op == MGM_OP_CONV_TRANSPOSE)
            status = forward_conv(plan, i);
        else if (op == MGM_OP_NORM)
            forward_norm(plan, i);
        else
            forward_spatial(plan, i);
    }
    for (int i = 0; i < plan->graph->output_count && status == MGM_OK; i++)
        read_output(plan, plan->graph->outputs[i]);
    mgm_onednn_leave(previous);
    return status;
}
