/* Forward pass of the training plan. */
#include "nn/single_conv.h"
#include "nn/train_state.h"

/* The weights as the convolution takes them: divided by σ, rearranged for a transposed one. */
static void effective_weights(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    const struct mgm_param_info *info = &plan->graph->params[layer->weights];
    const float *weights = mgm_param_value(plan, layer->weights), *sigma = plan->nodes[index].sigma;
    struct mgm_backend *b = plan->backend;
    if (sigma) {
        const int rows = info->dims[0], cols = (int)(info->count / (size_t)rows);
        b->ops->spectral_iterate(b, weights, rows, cols, mgm_param_value(plan, layer->u), mgm_param_value(plan, layer->v),
                                 plan->nodes[index].sigma);
    }
    if (layer->op == MGM_OP_CONV_TRANSPOSE)
        b->ops->transpose_weights(b, weights, info->dims[0], info->dims[1], sigma, plan->weights);
    else
        b->ops->divide(b, weights, info->count, sigma, plan->weights);
}

static enum mgm_status forward_conv(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    const void *src = plan->nodes[layer->inputs[0]].value;
    struct mgm_backend *b = plan->backend;
    effective_weights(plan, index);
    TRY(b->ops->conv_set_weights(b, node->conv, plan->weights));
    if (layer->op == MGM_OP_CONV)
        return b->ops->conv_forward(b, node->conv, src, node->value);
    TRY(b->ops->conv_forward(b, node->conv, src, plan->grid));
    struct mgm_spatial s = mgm_spatial_of(plan, node->h / 2, node->w / 2, layer->channels);
    b->ops->shuffle(b, &s, plan->grid, node->value);
    return MGM_OK;
}

/* Only outputs have one channel, so the f32 result is all that is kept. */
static void forward_single(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    struct mgm_spatial s = mgm_spatial_of(plan, node->h, node->w, plan->graph->layers[layer->inputs[0]].channels);
    plan->backend->ops->single_conv(plan->backend, &s, plan->nodes[layer->inputs[0]].value,
                                    mgm_param_value(plan, layer->weights),
                                    layer->bias >= 0 ? mgm_param_value(plan, layer->bias) : NULL, node->output_value);
}

static void forward_norm(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    const struct mgm_norm norm = mgm_norm_of(plan, index);
    const struct mgm_backend_norm_forward f = {
        .x = plan->nodes[layer->inputs[0]].value,
        .residual = layer->input_count > 1 ? plan->nodes[layer->inputs[1]].value : NULL,
        .scale = mgm_param_value(plan, layer->scale),
        .shift = mgm_param_value(plan, layer->shift),
        .running_mean = mgm_param_value(plan, layer->mean),
        .running_variance = mgm_param_value(plan, layer->variance),
        .replicas = layer->replicas,
        .mean = node->mean,
        .inverse = node->inverse,
        .y = node->value,
    };
    plan->backend->ops->norm_forward(plan->backend, &norm, &f);
}

static void forward_spatial(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index], *src = &plan->nodes[layer->inputs[0]];
    struct mgm_backend *b = plan->backend;
    struct mgm_spatial here = mgm_spatial_of(plan, node->h, node->w, layer->channels);
    struct mgm_spatial there = mgm_spatial_of(plan, src->h, src->w, layer->channels);
    switch (layer->op) {
    case MGM_OP_AVERAGE_POOL:
        b->ops->average_pool(b, &here, src->value, node->value);
        break;
    case MGM_OP_UPSAMPLE:
        b->ops->upsample(b, &there, src->value, node->value);
        break;
    case MGM_OP_GLOBAL_POOL:
        b->ops->sum_pixels(b, &there, src->value, 1 / (float)(src->h * src->w), node->value);
        break;
    case MGM_OP_BROADCAST:
        b->ops->repeat_pixels(b, &here, src->value, 1, node->value);
        break;
    case MGM_OP_CONCAT:
        for (int i = 0, offset = 0; i < layer->input_count; i++) {
            here.c = plan->graph->layers[layer->inputs[i]].channels;
            b->ops->copy_channels_in(b, &here, plan->nodes[layer->inputs[i]].value, node->value, layer->channels, offset);
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
    struct mgm_backend *b = plan->backend;
    b->ops->convert_to_f32(b, plan->settings.precision, node->count, node->value, node->output_value);
    if (node->conv && layer->bias >= 0)
        b->ops->add_bias(b, node->count / (size_t)layer->channels, layer->channels, mgm_param_value(plan, layer->bias),
                         node->output_value);
}

enum mgm_status mgm_train_plan_forward(struct mgm_train_plan *plan, const float *input)
{
    struct mgm_backend *b = plan->backend;
    enum mgm_status status = MGM_OK;
    for (int i = 0; i < plan->graph->layer_count && status == MGM_OK; i++) {
        enum mgm_op op = plan->graph->layers[i].op;
        if (op == MGM_OP_INPUT)
            b->ops->convert_from_f32(b, plan->settings.precision, plan->nodes[i].count, input, plan->nodes[i].value);
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
    return status == MGM_OK ? b->ops->finish(b) : status;
}
