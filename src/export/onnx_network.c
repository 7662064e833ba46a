/* The graph's layers as ONNX nodes: each convolution with its norms folded in, and behind it what is left to do. */
#include "base/memory.h"
#include "export/onnx_build.h"
#include "matting/network.h"
#include "nn/fused_conv.h"
#include "nn/layer_shape.h"
#include "nn/norm.h"

#include <string.h>

struct writer {
    struct mgm_onnx_build *b;
    const struct mgm_graph *graph;
    const struct mgm_params *params;
    int h, w;      /* 0: not known yet */
    char **names;  /* of each layer's result */
    float *values; /* one convolution's, folded */
};

/* Layers have no names; convolutions go by that of their weights, "encoder.conv1.module.weight_bar" or "aspp.conv2.weight".
 */
static char *conv_name(const struct writer *writer, const struct mgm_layer *conv)
{
    const char *weights = writer->graph->params[conv->weights].name;
    const char *suffix = strstr(weights, conv->u >= 0 ? ".module.weight_bar" : ".weight");
    return mgm_onnx_name(writer->b, "%.*s", suffix ? (int)(suffix - weights) : (int)strlen(weights), weights);
}

static char *add_vector(struct mgm_onnx_build *b, const char *base, const char *what, const float *values, int count)
{
    return mgm_onnx_floats(b, mgm_onnx_name(b, "%s.%s", base, what), values, (size_t)count);
}

static char *add_int64s(struct mgm_onnx_build *b, const char *base, const char *what, const int64_t *values, size_t count)
{
    return mgm_onnx_int64s(b, mgm_onnx_name(b, "%s.%s", base, what), values, count);
}

static void set_padding(struct mgm_onnx_build *b, int before)
{
    mgm_onnx_ints(b, "pads", (const int64_t[]){before, before, before, before}, 4);
}

static char *add_conv(const struct writer *writer, const struct mgm_layer *conv, const struct mgm_folded_conv *folded,
                      char *name)
{
    struct mgm_onnx_build *b = writer->b;
    const struct mgm_param_info *info = &writer->graph->params[conv->weights];
    const int64_t dims[4] = {info->dims[0], info->dims[1], conv->kernel, conv->kernel};
    char *weights = mgm_onnx_name(b, "%s.weights", name), *bias = NULL;
    float *values = mgm_onnx_constant(b, weights, dims, 4);
    if (values)
        memcpy(values, folded->weights, info->count * sizeof *values);
    if (folded->fusion.bias)
        bias = add_vector(b, name, "bias", folded->fusion.bias, conv->channels);
    mgm_onnx_node(b, "Conv", name, MGM_ONNX_INPUTS(writer->names[conv->inputs[0]], weights, bias));
    mgm_onnx_ints(b, "kernel_shape", &dims[2], 2);
    mgm_onnx_ints(b, "strides", (const int64_t[]){conv->step, conv->step}, 2);
    mgm_onnx_ints(b, "dilations", (const int64_t[]){conv->dilation, conv->dilation}, 2);
    set_padding(b, conv->dilation * (conv->kernel / 2));
    return name;
}

/*
 * A transposed one, as one 2 × 2 convolution to four times the channels on a grid that is one larger (mgm_shuffle), whose
 * result is rearranged and cropped: in ONNX Runtime faster than ConvTranspose, and in two thirds of the memory. DepthToSpace
 * has the later row and column last, where the grid has them first.
 */
static char *add_transposed(const struct writer *writer, const struct mgm_layer *conv, const struct mgm_folded_conv *folded,
                            char *name)
{
    struct mgm_onnx_build *b = writer->b;
    const struct mgm_param_info *info = &writer->graph->params[conv->weights];
    const int channels = info->dims[1], copies = 4;
    const int64_t dims[4] = {copies * channels, info->dims[0], 2, 2};
    const size_t block = info->count / (size_t)copies;
    char *weights = mgm_onnx_name(b, "%s.weights", name), *bias = NULL;
    float *values = mgm_onnx_constant(b, weights, dims, 4);
    for (int i = 0; i < copies && values; i++)
        memcpy(values + (size_t)i * block, folded->weights + (size_t)(copies - 1 - i) * block, block * sizeof *values);
    if (folded->fusion.bias) /* the same for each copy */
        bias = add_vector(b, name, "bias", folded->fusion.bias, copies * channels);
    char *grid = mgm_onnx_node(b, "Conv", mgm_onnx_name(b, "%s.grid", name),
                               MGM_ONNX_INPUTS(writer->names[conv->inputs[0]], weights, bias));
    mgm_onnx_ints(b, "kernel_shape", &dims[2], 2);
    set_padding(b, 1);
    char *shuffled = mgm_onnx_node(b, "DepthToSpace", mgm_onnx_name(b, "%s.shuffled", name), MGM_ONNX_INPUTS(grid));
    mgm_onnx_int(b, "blocksize", 2);
    mgm_onnx_text(b, "mode", "DCR");
    char *begin = add_int64s(b, name, "begin", (const int64_t[]){1, 1}, 2);
    char *end = add_int64s(b, name, "end", (const int64_t[]){-1, -1}, 2);
    char *axes = add_int64s(b, name, "axes", (const int64_t[]){2, 3}, 2);
    return mgm_onnx_node(b, "Slice", name, MGM_ONNX_INPUTS(shuffled, begin, end, axes));
}

static char *add_param(const struct writer *writer, int index)
{
    const struct mgm_param_info *info = &writer->graph->params[index];
    return mgm_onnx_floats(writer->b, mgm_onnx_name(writer->b, "%s", info->name), writer->params->values + info->offset,
                           info->count);
}

/* A norm that could not be folded. */
static char *add_norm(const struct writer *writer, const struct mgm_layer *norm, const char *base, char *x)
{
    struct mgm_onnx_build *b = writer->b;
    char *scale = add_param(writer, norm->scale), *shift = add_param(writer, norm->shift);
    char *mean = add_param(writer, norm->mean), *variance = add_param(writer, norm->variance);
    x = mgm_onnx_node(b, "BatchNormalization", mgm_onnx_name(b, "%s.norm", base),
                      MGM_ONNX_INPUTS(x, scale, shift, mean, variance));
    mgm_onnx_float(b, "epsilon", MGM_NORM_EPSILON);
    return x;
}

/* What is left to do behind a convolution (mgm_conv_fusion). @param norm  NULL: none */
static char *add_rest(const struct writer *writer, const struct mgm_layer *norm, const struct mgm_conv_fusion *fusion,
                      char *base, char *x)
{
    struct mgm_onnx_build *b = writer->b;
    char *sum = NULL, *residual = NULL;
    if (fusion->add_before || fusion->add_after) {
        sum = mgm_onnx_name(b, "%s.sum", base);
        residual = writer->names[norm->inputs[1]];
    }
    if (fusion->add_before)
        x = mgm_onnx_node(b, "Add", sum, MGM_ONNX_INPUTS(x, residual));
    if (fusion->slope == 0) {
        x = mgm_onnx_node(b, "Relu", mgm_onnx_name(b, "%s.relu", base), MGM_ONNX_INPUTS(x));
    } else if (fusion->slope != 1) {
        x = mgm_onnx_node(b, "LeakyRelu", mgm_onnx_name(b, "%s.relu", base), MGM_ONNX_INPUTS(x));
        mgm_onnx_float(b, "alpha", fusion->slope);
    }
    if (fusion->scale)
        x = add_norm(writer, norm, base, x);
    if (fusion->add_after)
        x = mgm_onnx_node(b, "Add", sum, MGM_ONNX_INPUTS(x, residual));
    return x;
}

static enum mgm_status write_conv(struct writer *writer, int index)
{
    const struct mgm_layer *layers = writer->graph->layers, *conv = &layers[index];
    const int norm = mgm_norm_after(writer->graph, index);
    struct mgm_folded_conv folded;
    enum mgm_status status =
        mgm_fold_conv(writer->b->ctx, writer->graph, writer->params, index, norm, writer->values, &folded);
    if (status == MGM_OK) {
        char *name = conv_name(writer, conv);
        char *x =
            conv->op == MGM_OP_CONV ? add_conv(writer, conv, &folded, name) : add_transposed(writer, conv, &folded, name);
        writer->names[norm >= 0 ? norm : index] =
            add_rest(writer, norm >= 0 ? &layers[norm] : NULL, &folded.fusion, name, x);
    }
    mgm_folded_conv_release(&folded);
    return status;
}

static char *add_upsample(struct mgm_onnx_build *b, char *name, char *src)
{
    char *scales = mgm_onnx_floats(b, mgm_onnx_name(b, "%s.scales", name), (const float[]){1, 1, 2, 2}, 4);
    mgm_onnx_node(b, "Resize", name, MGM_ONNX_INPUTS(src, "", scales));
    mgm_onnx_text(b, "mode", "nearest");
    mgm_onnx_text(b, "coordinate_transformation_mode", "asymmetric");
    mgm_onnx_text(b, "nearest_mode", "floor");
    return name;
}

/* Height and width of layer `index`, when the network runs: those of an earlier result of the same stride. */
static char *add_sides(const struct writer *writer, int index, const char *name)
{
    struct mgm_onnx_build *b = writer->b;
    const struct mgm_layer *layers = writer->graph->layers;
    int like = index - 1;
    while (like > 0 && (layers[like].stride != layers[index].stride || !writer->names[like]))
        like--;
    char *shape = mgm_onnx_node(b, "Shape", mgm_onnx_name(b, "%s.shape", name), MGM_ONNX_INPUTS(writer->names[like]));
    char *begin = add_int64s(b, name, "begin", (const int64_t[]){2}, 1);
    char *end = add_int64s(b, name, "end", (const int64_t[]){4}, 1);
    return mgm_onnx_node(b, "Slice", mgm_onnx_name(b, "%s.sides", name), MGM_ONNX_INPUTS(shape, begin, end));
}

/* The size to expand to is a constant where it is known. */
static char *add_broadcast(const struct writer *writer, int index, char *name)
{
    struct mgm_onnx_build *b = writer->b;
    const struct mgm_layer *layer = &writer->graph->layers[index];
    char *size = mgm_onnx_name(b, "%s.size", name);
    if (writer->h) {
        mgm_onnx_int64s(b, size, (const int64_t[]){1, 1, writer->h / layer->stride, writer->w / layer->stride}, 4);
    } else {
        char *ones = add_int64s(b, name, "ones", (const int64_t[]){1, 1}, 2);
        mgm_onnx_node(b, "Concat", size, MGM_ONNX_INPUTS(ones, add_sides(writer, index, name)));
        mgm_onnx_int(b, "axis", 0);
    }
    return mgm_onnx_node(b, "Expand", name, MGM_ONNX_INPUTS(writer->names[layer->inputs[0]], size));
}

static char *add_concat(const struct writer *writer, const struct mgm_layer *layer, char *name)
{
    const char *inputs[6] = {NULL};
    for (int i = 0; i < layer->input_count; i++)
        inputs[i] = writer->names[layer->inputs[i]];
    mgm_onnx_node(writer->b, "Concat", name, inputs);
    mgm_onnx_int(writer->b, "axis", 1);
    return name;
}

static char *add_average_pool(struct mgm_onnx_build *b, char *name, char *src)
{
    mgm_onnx_node(b, "AveragePool", name, MGM_ONNX_INPUTS(src));
    mgm_onnx_ints(b, "kernel_shape", (const int64_t[]){2, 2}, 2);
    mgm_onnx_ints(b, "strides", (const int64_t[]){2, 2}, 2);
    return name;
}

static char *add_input(struct mgm_onnx_build *b)
{
    char *name = mgm_onnx_node(b, "Concat", mgm_onnx_name(b, "input"), MGM_ONNX_INPUTS("image", "guidance"));
    mgm_onnx_int(b, "axis", 1);
    return name;
}

static enum mgm_status write_layer(struct writer *writer, int index)
{
    const struct mgm_layer *layer = &writer->graph->layers[index];
    struct mgm_onnx_build *b = writer->b;
    char **result = &writer->names[index], *src = layer->input_count ? writer->names[layer->inputs[0]] : NULL;
    switch (layer->op) {
    case MGM_OP_INPUT:
        *result = add_input(b);
        break;
    case MGM_OP_CONV:
    case MGM_OP_CONV_TRANSPOSE:
        return write_conv(writer, index);
    case MGM_OP_NORM: /* came with its convolution */
        break;
    case MGM_OP_AVERAGE_POOL:
        *result = add_average_pool(b, mgm_onnx_name(b, "pool.%d", index), src);
        break;
    case MGM_OP_UPSAMPLE:
        *result = add_upsample(b, mgm_onnx_name(b, "upsample.%d", index), src);
        break;
    case MGM_OP_GLOBAL_POOL:
        *result = mgm_onnx_node(b, "GlobalAveragePool", mgm_onnx_name(b, "mean.%d", index), MGM_ONNX_INPUTS(src));
        break;
    case MGM_OP_BROADCAST:
        *result = add_broadcast(writer, index, mgm_onnx_name(b, "broadcast.%d", index));
        break;
    case MGM_OP_CONCAT:
        *result = add_concat(writer, layer, mgm_onnx_name(b, "concat.%d", index));
        break;
    }
    return MGM_OK;
}

static size_t largest_param(const struct mgm_graph *graph)
{
    size_t largest = 0;
    for (int i = 0; i < graph->param_count; i++)
        if (graph->params[i].count > largest)
            largest = graph->params[i].count;
    return largest;
}

enum mgm_status mgm_onnx_network(struct mgm_onnx_build *b, const struct mgm_graph *graph, const struct mgm_params *params,
                                 int h, int w, char **heads)
{
    struct writer writer = {.b = b, .graph = graph, .params = params, .h = h, .w = w};
    writer.names = mgm_alloc_zeroed((size_t)graph->layer_count, sizeof *writer.names);
    writer.values = mgm_alloc(largest_param(graph), sizeof *writer.values);
    enum mgm_status status = writer.names && writer.values ? MGM_OK : mgm_fail_nomem(b->ctx, "weights");
    for (int i = 0; i < graph->layer_count && status == MGM_OK && !b->failed; i++)
        status = write_layer(&writer, i);
    for (int i = 0; i < MGM_HEAD_COUNT && status == MGM_OK; i++)
        heads[i] = writer.names[graph->outputs[i]];
    mgm_free(writer.names);
    mgm_free(writer.values);
    return status;
}
