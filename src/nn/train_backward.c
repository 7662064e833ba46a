/* Backward pass of the training plan: layers in reverse, each handing gradients to its inputs. */
#include "nn/single_conv.h"
#include "nn/train_state.h"

static float *gradient_of(const struct mgm_train_plan *plan, int param)
{
    return plan->params->gradients + plan->graph->params[param].offset;
}

/* Where a contribution to the gradient by a layer's result is to be written; offer() then counts it in. */
static void *claim(struct mgm_train_plan *plan, int index)
{
    struct train_node *node = &plan->nodes[index];
    return node->diff_count < 2 ? node->diff[node->diff_count] : plan->spare;
}

static void offer(struct mgm_train_plan *plan, int index)
{
    struct train_node *node = &plan->nodes[index];
    if (node->diff_count < 2)
        node->diff_count++;
    else
        plan->backend->ops->accumulate(plan->backend, plan->settings.precision, node->count, plan->spare, node->diff[1]);
}

/* The gradient in one piece. */
static void *whole_diff(struct mgm_train_plan *plan, int index)
{
    struct train_node *node = &plan->nodes[index];
    if (node->diff_count == 2) {
        plan->backend->ops->accumulate(plan->backend, plan->settings.precision, node->count, node->diff[1], node->diff[0]);
        node->diff_count = 1;
    }
    return node->diff[0];
}

static enum mgm_status weights_gradient(struct mgm_train_plan *plan, int index, const void *diff)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    const struct mgm_param_info *info = &plan->graph->params[layer->weights];
    struct train_node *node = &plan->nodes[index];
    float *gradient = gradient_of(plan, layer->weights);
    bool transposed = layer->op == MGM_OP_CONV_TRANSPOSE;
    struct mgm_backend *b = plan->backend;
    TRY(b->ops->conv_backward_weights(b, node->conv, plan->nodes[layer->inputs[0]].value, diff,
                                      transposed ? plan->gradient : gradient));
    if (transposed)
        b->ops->transpose_weights_backward(b, plan->gradient, info->dims[0], info->dims[1], gradient);
    if (node->sigma) {
        int rows = info->dims[0];
        b->ops->spectral_backward(b, mgm_param_value(plan, layer->weights), rows, (int)(info->count / (size_t)rows),
                                  mgm_param_value(plan, layer->u), mgm_param_value(plan, layer->v), node->sigma, gradient);
    }
    return MGM_OK;
}

static enum mgm_status backward_conv(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    const void *diff = whole_diff(plan, index);
    struct mgm_backend *b = plan->backend;
    if (layer->bias >= 0)
        b->ops->bias_gradient(b, node->count / (size_t)layer->channels, layer->channels, node->output_gradient,
                              gradient_of(plan, layer->bias));
    if (layer->op == MGM_OP_CONV_TRANSPOSE) {
        struct mgm_spatial s = mgm_spatial_of(plan, node->h / 2, node->w / 2, layer->channels);
        b->ops->shuffle_backward(b, &s, diff, plan->grid);
        diff = plan->grid;
    }
    int src = layer->inputs[0];
    if (plan->graph->layers[src].op != MGM_OP_INPUT) {
        TRY(b->ops->conv_backward_data(b, node->conv, diff, claim(plan, src)));
        offer(plan, src);
    }
    return weights_gradient(plan, index, diff);
}

static void backward_single(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    int src = layer->inputs[0];
    float *bias = layer->bias >= 0 ? gradient_of(plan, layer->bias) : NULL;
    struct mgm_spatial s = mgm_spatial_of(plan, node->h, node->w, plan->graph->layers[src].channels);
    plan->backend->ops->single_conv_backward(plan->backend, &s, plan->nodes[src].value,
                                             mgm_param_value(plan, layer->weights), node->output_gradient, claim(plan, src),
                                             gradient_of(plan, layer->weights), bias);
    offer(plan, src);
}

static void backward_norm(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    struct train_node *node = &plan->nodes[index];
    int src = layer->inputs[0], residual = layer->input_count > 1 ? layer->inputs[1] : -1;
    struct mgm_norm norm = mgm_norm_of(plan, index);
    struct mgm_norm_backward d = {.dy = node->diff[0],
                                  .dy2 = node->diff_count == 2 ? node->diff[1] : NULL,
                                  .y = node->value,
                                  .x = plan->nodes[src].value,
                                  .scale = mgm_param_value(plan, layer->scale),
                                  .mean = node->mean,
                                  .inverse = node->inverse,
                                  .d_scale = gradient_of(plan, layer->scale),
                                  .d_shift = gradient_of(plan, layer->shift),
                                  .dx = claim(plan, src),
                                  .d_residual = residual >= 0 ? claim(plan, residual) : NULL};
    plan->backend->ops->norm_backward(plan->backend, &norm, &d);
    offer(plan, src);
    if (residual >= 0)
        offer(plan, residual);
}

static void backward_spatial(struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    int src = layer->inputs[0];
    struct train_node *node = &plan->nodes[index], *from = &plan->nodes[src];
    struct mgm_spatial here = mgm_spatial_of(plan, node->h, node->w, layer->channels);
    struct mgm_spatial there = mgm_spatial_of(plan, from->h, from->w, layer->channels);
    struct mgm_backend *b = plan->backend;
    const void *diff = whole_diff(plan, index);
    switch (layer->op) {
    case MGM_OP_AVERAGE_POOL:
        b->ops->average_pool_backward(b, &here, diff, claim(plan, src));
        break;
    case MGM_OP_UPSAMPLE:
        b->ops->upsample_backward(b, &there, diff, claim(plan, src));
        break;
    case MGM_OP_GLOBAL_POOL:
        b->ops->repeat_pixels(b, &there, diff, 1 / (float)(from->h * from->w), claim(plan, src));
        break;
    case MGM_OP_BROADCAST:
        b->ops->sum_pixels(b, &here, diff, 1, claim(plan, src));
        break;
    case MGM_OP_CONCAT:
        for (int i = 0, offset = 0; i < layer->input_count; i++) {
            int part = layer->inputs[i];
            here.c = plan->graph->layers[part].channels;
            b->ops->copy_channels_out(b, &here, diff, layer->channels, offset, claim(plan, part));
            offer(plan, part);
            offset += here.c;
        }
        return;
    default:
        return;
    }
    offer(plan, src);
}

enum mgm_status mgm_train_plan_backward(struct mgm_train_plan *plan)
{
    struct mgm_backend *b = plan->backend;
    enum mgm_status status = MGM_OK;
    for (int i = 0; i < plan->graph->layer_count; i++)
        plan->nodes[i].diff_count = 0;
    for (int i = 0; i < plan->graph->output_count; i++) {
        int index = plan->graph->outputs[i];
        struct train_node *node = &plan->nodes[index];
        if (mgm_is_single_conv(&plan->graph->layers[index])) {
            node->diff_count = 1; /* it reads output_gradient */
            continue;
        }
        b->ops->convert_from_f32(b, plan->settings.precision, node->count, node->output_gradient, claim(plan, index));
        offer(plan, index);
    }
    for (int i = plan->graph->layer_count - 1; i >= 0 && status == MGM_OK; i--) {
        enum mgm_op op = plan->graph->layers[i].op;
        if (op == MGM_OP_INPUT || plan->nodes[i].diff_count == 0)
            continue;
        if (mgm_is_single_conv(&plan->graph->layers[i]))
            backward_single(plan, i);
        else if (op == MGM_OP_CONV || op == MGM_OP_CONV_TRANSPOSE)
            status = backward_conv(plan, i);
        else if (op == MGM_OP_NORM)
            backward_norm(plan, i);
        else
            backward_spatial(plan, i);
    }
    return status == MGM_OK ? b->ops->finish(b) : status;
}
