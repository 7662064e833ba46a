#include "nn/graph.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static void *grow(void *list, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    int larger = *capacity ? 2 * *capacity : 64;
    void *copy = mgm_alloc((size_t)larger, size);
    if (!copy)
        return NULL;
    if (list)
        memcpy(copy, list, (size_t)count * size);
    mgm_free(list);
    *capacity = larger;
    return copy;
}

static int add_layer(struct mgm_graph *graph, const struct mgm_layer *layer)
{
    if (graph->failed)
        return 0;
    struct mgm_layer *layers = grow(graph->layers, graph->layer_count, &graph->layer_capacity, sizeof *layers);
    if (!layers) {
        graph->failed = true;
        return 0;
    }
    graph->layers = layers;
    layers[graph->layer_count] = *layer;
    layers[graph->layer_count].exact = graph->exact;
    return graph->layer_count++;
}

static int add_param(struct mgm_graph *graph, const struct mgm_param_info *info, const char *name, const char *suffix)
{
    if (graph->failed)
        return -1;
    struct mgm_param_info *params = grow(graph->params, graph->param_count, &graph->param_capacity, sizeof *params);
    if (!params) {
        graph->failed = true;
        return -1;
    }
    graph->params = params;
    struct mgm_param_info *param = &params[graph->param_count];
    *param = *info;
    snprintf(param->name, sizeof param->name, "%s%s", name, suffix);
    param->count = 1;
    for (int i = 0; i < param->ndim; i++)
        param->count *= (size_t)param->dims[i];
    return graph->param_count++;
}

static int add_vector(struct mgm_graph *graph, const char *name, const char *suffix, enum mgm_param_role role,
                      enum mgm_init init, int count)
{
    struct mgm_param_info info = {.role = role, .init = init, .ndim = 1, .dims = {count}, .fan_in = count, .zero_input = -1};
    return add_param(graph, &info, name, suffix);
}

int mgm_graph_input(struct mgm_graph *graph, int channels)
{
    struct mgm_layer layer = {.op = MGM_OP_INPUT, .channels = channels, .stride = 1};
    return add_layer(graph, &layer);
}

/* Weights, spectral vectors and bias of either kind of convolution; dims[0] is the dimension that W is flattened on. */
static void add_conv_params(struct mgm_graph *graph, const struct mgm_conv_spec *spec, int dim0, int dim1, int fan_in,
                            struct mgm_layer *layer)
{
    int area = spec->kernel * spec->kernel;
    struct mgm_param_info weights = {.role = MGM_PARAM_WEIGHTS,
                                     .init = spec->init,
                                     .ndim = 4,
                                     .dims = {dim0, dim1, spec->kernel, spec->kernel},
                                     .fan_in = fan_in,
                                     .fan_out = dim0 * area,
                                     .zero_input = spec->zero_input};
    layer->weights = add_param(graph, &weights, spec->name, spec->spectral ? ".module.weight_bar" : ".weight");
    layer->bias = layer->u = layer->v = -1;
    if (spec->spectral) {
        layer->u = add_vector(graph, spec->name, ".module.weight_u", MGM_PARAM_SPECTRAL_U, MGM_INIT_UNIT_VECTOR, dim0);
        layer->v =
            add_vector(graph, spec->name, ".module.weight_v", MGM_PARAM_SPECTRAL_V, MGM_INIT_UNIT_VECTOR, dim1 * area);
    }
    if (spec->bias) {
        layer->bias = add_vector(graph, spec->name, ".bias", MGM_PARAM_BIAS,
                                 spec->init == MGM_INIT_ZERO ? MGM_INIT_ZERO : MGM_INIT_FAN_IN_UNIFORM, spec->channels);
        if (layer->bias >= 0)
            graph->params[layer->bias].fan_in = fan_in;
    }
}

int mgm_graph_conv(struct mgm_graph *graph, int src, const struct mgm_conv_spec *spec)
{
    if (graph->failed)
        return 0;
    int in = graph->layers[src].channels;
    struct mgm_layer layer = {.op = MGM_OP_CONV,
                              .inputs = {src},
                              .input_count = 1,
                              .channels = spec->channels,
                              .stride = graph->layers[src].stride * spec->step,
                              .kernel = spec->kernel,
                              .step = spec->step,
                              .dilation = spec->dilation};
    add_conv_params(graph, spec, spec->channels, in, in * spec->kernel * spec->kernel, &layer);
    return add_layer(graph, &layer);
}

int mgm_graph_conv_transpose(struct mgm_graph *graph, int src, const struct mgm_conv_spec *spec)
{
    if (graph->failed)
        return 0;
    struct mgm_layer layer = {.op = MGM_OP_CONV_TRANSPOSE,
                              .inputs = {src},
                              .input_count = 1,
                              .channels = spec->channels,
                              .stride = graph->layers[src].stride / 2,
                              .kernel = spec->kernel,
                              .step = 2,
                              .dilation = 1};
    /* Stored [in, out, kh, kw]; the published framework takes fan_in from dimension 1 here too. */
    add_conv_params(graph, spec, graph->layers[src].channels, spec->channels, spec->channels * spec->kernel * spec->kernel,
                    &layer);
    return add_layer(graph, &layer);
}

int mgm_graph_norm(struct mgm_graph *graph, int src, const struct mgm_norm_spec *spec)
{
    if (graph->failed)
        return 0;
    int channels = graph->layers[src].channels;
    struct mgm_layer layer = {.op = MGM_OP_NORM,
                              .inputs = {src, spec->residual},
                              .input_count = spec->residual >= 0 ? 2 : 1,
                              .channels = channels,
                              .stride = graph->layers[src].stride,
                              .relu_first = spec->relu_first,
                              .slope = spec->slope,
                              .replicas = spec->replicas > 0 ? spec->replicas : 1};
    enum mgm_init scale = spec->start_at_zero ? MGM_INIT_ZERO : MGM_INIT_ONE;
    layer.scale = add_vector(graph, spec->name, ".weight", MGM_PARAM_NORM_SCALE, scale, channels);
    layer.shift = add_vector(graph, spec->name, ".bias", MGM_PARAM_NORM_SHIFT, MGM_INIT_ZERO, channels);
    layer.mean = add_vector(graph, spec->name, ".running_mean", MGM_PARAM_RUNNING_MEAN, MGM_INIT_ZERO, channels);
    layer.variance = add_vector(graph, spec->name, ".running_var", MGM_PARAM_RUNNING_VARIANCE, MGM_INIT_ONE, channels);
    return add_layer(graph, &layer);
}

/* Layers without parameters: the same channels as src unless said otherwise. */
static int add_plain(struct mgm_graph *graph, enum mgm_op op, int src, int stride)
{
    if (graph->failed)
        return 0;
    struct mgm_layer layer = {
        .op = op, .inputs = {src}, .input_count = 1, .channels = graph->layers[src].channels, .stride = stride};
    return add_layer(graph, &layer);
}

int mgm_graph_average_pool(struct mgm_graph *graph, int src)
{
    return add_plain(graph, MGM_OP_AVERAGE_POOL, src, graph->failed ? 1 : graph->layers[src].stride * 2);
}

int mgm_graph_upsample(struct mgm_graph *graph, int src)
{
    return add_plain(graph, MGM_OP_UPSAMPLE, src, graph->failed ? 1 : graph->layers[src].stride / 2);
}

int mgm_graph_global_pool(struct mgm_graph *graph, int src)
{
    return add_plain(graph, MGM_OP_GLOBAL_POOL, src, 0);
}

int mgm_graph_broadcast(struct mgm_graph *graph, int src, int like)
{
    return add_plain(graph, MGM_OP_BROADCAST, src, graph->failed ? 1 : graph->layers[like].stride);
}

int mgm_graph_concat(struct mgm_graph *graph, const int *srcs, int count)
{
    if (graph->failed)
        return 0;
    struct mgm_layer layer = {.op = MGM_OP_CONCAT, .input_count = count, .stride = graph->layers[srcs[0]].stride};
    for (int i = 0; i < count; i++) {
        layer.inputs[i] = srcs[i];
        layer.channels += graph->layers[srcs[i]].channels;
    }
    return add_layer(graph, &layer);
}

void mgm_graph_output(struct mgm_graph *graph, int layer)
{
    if (!graph->failed && graph->output_count < MGM_GRAPH_MAX_OUTPUTS)
        graph->outputs[graph->output_count++] = layer;
}

static bool is_trained(const struct mgm_param_info *param)
{
    return param->role < MGM_PARAM_RUNNING_MEAN;
}

enum mgm_status mgm_graph_finish(struct mgm_context *ctx, struct mgm_graph *graph)
{
    if (graph->failed)
        return mgm_fail_nomem(ctx, "a network's description");
    size_t offset = 0;
    for (int trained = 1; trained >= 0; trained--) {
        for (int i = 0; i < graph->param_count; i++) {
            if (is_trained(&graph->params[i]) != (bool)trained)
                continue;
            graph->params[i].offset = offset;
            offset += graph->params[i].count;
        }
        if (trained)
            graph->trained_count = offset;
    }
    graph->value_count = offset;
    return MGM_OK;
}

void mgm_graph_release(struct mgm_graph *graph)
{
    mgm_free(graph->layers);
    mgm_free(graph->params);
    *graph = (struct mgm_graph){0};
}

int mgm_graph_find_param(const struct mgm_graph *graph, const char *name)
{
    for (int i = 0; i < graph->param_count; i++)
        if (strcmp(graph->params[i].name, name) == 0)
            return i;
    return -1;
}
