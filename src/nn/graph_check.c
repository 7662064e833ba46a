#include "nn/graph_check.h"

#include "nn/single_conv.h"

static bool is_conv(const struct mgm_layer *layer)
{
    return layer->op == MGM_OP_CONV || layer->op == MGM_OP_CONV_TRANSPOSE;
}

static bool is_output(const struct mgm_graph *graph, int index)
{
    for (int i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == index)
            return true;
    return false;
}

/* How many inputs of later layers this one's result is. */
static int count_readers(const struct mgm_graph *graph, int index)
{
    int readers = 0;
    for (int i = index + 1; i < graph->layer_count; i++)
        for (int k = 0; k < graph->layers[i].input_count; k++)
            readers += graph->layers[i].inputs[k] == index;
    return readers;
}

/* Layers have no names; that of a parameter tells which one is meant. */
static enum mgm_status refuse(struct mgm_context *ctx, const struct mgm_graph *graph, int index, const char *what)
{
    const struct mgm_layer *layer = &graph->layers[index];
    int param = is_conv(layer) ? layer->weights : layer->op == MGM_OP_NORM ? layer->scale : -1;
    return mgm_fail(ctx, MGM_E_UNSUPPORTED, "this network cannot be run: layer %d (%s) %s", index,
                    param >= 0 ? graph->params[param].name : "without parameters", what);
}

static bool follows_conv_alone(const struct mgm_graph *graph, const struct mgm_layer *norm)
{
    int src = norm->inputs[0];
    return is_conv(&graph->layers[src]) && count_readers(graph, src) == 1 && !is_output(graph, src);
}

static enum mgm_status check_layer(struct mgm_context *ctx, const struct mgm_graph *graph, int index)
{
    const struct mgm_layer *layer = &graph->layers[index], *src = &graph->layers[layer->inputs[0]];
    if (!is_output(graph, index) && count_readers(graph, index) == 0)
        return refuse(ctx, graph, index, "has a result that nothing takes");
    if (layer->op == MGM_OP_INPUT)
        return MGM_OK;
    for (int k = 0; k < layer->input_count; k++)
        if (graph->layers[layer->inputs[k]].op == MGM_OP_INPUT && (!is_conv(layer) || mgm_is_single_conv(layer)))
            return refuse(ctx, graph, index, "reads the input, which only convolutions to several channels can");
    if (layer->op != MGM_OP_CONV && layer->channels % 8 != 0)
        return refuse(ctx, graph, index, "has a number of channels that is not a multiple of 8");
    if (mgm_is_single_conv(layer) && src->channels % 8 != 0)
        return refuse(ctx, graph, index, "reads a number of channels that is not a multiple of 8");
    if (layer->op == MGM_OP_NORM && layer->relu_first && !follows_conv_alone(graph, layer))
        return refuse(ctx, graph, index, "is a norm of a ReLU, but not of a convolution that it alone reads");
    return MGM_OK;
}

enum mgm_status mgm_graph_check_training(struct mgm_context *ctx, const struct mgm_graph *graph)
{
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        TRY(check_layer(ctx, graph, i));
        if (is_conv(layer) && (layer->bias >= 0 || mgm_is_single_conv(layer)) &&
            (!is_output(graph, i) || count_readers(graph, i) > 0))
            return refuse(ctx, graph, i,
                          "is a convolution with a bias or to a single channel; in training it must be an output that no "
                          "layer reads");
    }
    return MGM_OK;
}

enum mgm_status mgm_graph_check_inference(struct mgm_context *ctx, const struct mgm_graph *graph)
{
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        TRY(check_layer(ctx, graph, i));
        if (layer->op != MGM_OP_NORM)
            continue;
        if (!follows_conv_alone(graph, layer))
            return refuse(ctx, graph, i, "is a norm, but not of a convolution that it alone reads");
        if (graph->layers[layer->inputs[0]].op == MGM_OP_CONV_TRANSPOSE && layer->input_count > 1)
            return refuse(ctx, graph, i, "adds a residual to a transposed convolution");
        if (layer->relu_first && layer->slope != 1)
            return refuse(ctx, graph, i, "is a norm of a ReLU with an activation behind it");
    }
    return MGM_OK;
}
