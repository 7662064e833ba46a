#include "base/memory.h"
#include "matting/model.h"
#include "matting/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char PUBLISHED_PREFIX[] = "module."; /* left by training on several devices */
static const char COUNTER[] = ".num_batches_tracked";
static const char SCALE[] = ".scale"; /* of a quantized parameter */

enum { SHAPE_TEXT = 24 * MGM_TENSOR_MAX_DIMS };

static const struct mgm_tensor *find_tensor(const struct mgm_safetensors *file, const char *name)
{
    char prefixed[128];
    const struct mgm_tensor *tensor = mgm_safetensors_find(file, name);
    snprintf(prefixed, sizeof prefixed, "%s%s", PUBLISHED_PREFIX, name);
    return tensor ? tensor : mgm_safetensors_find(file, prefixed);
}

/* "[64, 32, 3, 3]" */
static void describe_shape(int ndim, const int64_t *dims, char text[SHAPE_TEXT])
{
    size_t length = (size_t)snprintf(text, SHAPE_TEXT, "[");
    for (int i = 0; i < ndim; i++)
        length += (size_t)snprintf(text + length, SHAPE_TEXT - length, "%s%lld", i ? ", " : "", (long long)dims[i]);
    snprintf(text + length, SHAPE_TEXT - length, "]");
}

static enum mgm_status check_shape(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                   const struct mgm_tensor *tensor, const struct mgm_param_info *param)
{
    int64_t expected[4];
    bool same = tensor->ndim == param->ndim;
    for (int i = 0; i < param->ndim; i++) {
        expected[i] = param->dims[i];
        same = same && tensor->dims[i] == expected[i];
    }
    if (same)
        return MGM_OK;
    char found_text[SHAPE_TEXT], expected_text[SHAPE_TEXT];
    describe_shape(tensor->ndim, tensor->dims, found_text);
    describe_shape(param->ndim, expected, expected_text);
    return mgm_fail(ctx, MGM_E_SHAPE, "%s: weights of another architecture: tensor '%s' has the shape %s; expected %s",
                    mgm_safetensors_name(file), param->name, found_text, expected_text);
}

/* The dimension of a convolution's weights that its output channels are. */
static int channel_dimension(const struct mgm_param_info *param)
{
    return param->dims[2] == 4 ? 1 : 0; /* a transposed one: [in, out, 4, 4] */
}

static const struct mgm_tensor *find_scale(const struct mgm_safetensors *file, const struct mgm_param_info *param)
{
    char name[sizeof param->name + sizeof SCALE];
    snprintf(name, sizeof name, "%s%s", param->name, SCALE);
    return find_tensor(file, name);
}

static enum mgm_status check_scale(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                   const struct mgm_param_info *param)
{
    const struct mgm_tensor *scale = find_scale(file, param);
    const int channels = param->dims[channel_dimension(param)];
    if (scale && scale->dtype == MGM_DTYPE_F32 && scale->ndim == 1 && scale->dims[0] == channels)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%s' is of type I8; expected with it '%s%s', F32 [%d]",
                    mgm_safetensors_name(file), param->name, param->name, SCALE, channels);
}

static enum mgm_status check_param(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                   const struct mgm_param_info *param)
{
    const struct mgm_tensor *tensor = find_tensor(file, param->name);
    if (!tensor)
        return mgm_fail(ctx, MGM_E_SHAPE, "%s: weights of another architecture: tensor '%s' is missing",
                        mgm_safetensors_name(file), param->name);
    TRY(check_shape(ctx, file, tensor, param));
    if (tensor->dtype == MGM_DTYPE_I8 && param->ndim == 4)
        return check_scale(ctx, file, param);
    if (tensor->dtype != MGM_DTYPE_F32 && tensor->dtype != MGM_DTYPE_F16 && tensor->dtype != MGM_DTYPE_BF16 &&
        tensor->dtype != MGM_DTYPE_F64)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%s' is of type %.20s; expected F32, F16, BF16 or F64",
                        mgm_safetensors_name(file), param->name, tensor->type);
    return MGM_OK;
}

/* Value number i of a convolution's weights belongs to this output channel. */
static size_t channel_of(const struct mgm_param_info *param, size_t i)
{
    const size_t kernel = (size_t)param->dims[2] * (size_t)param->dims[3], inner = (size_t)param->dims[1] * kernel;
    return channel_dimension(param) ? i / kernel % (size_t)param->dims[1] : i / inner;
}

static enum mgm_status load_values(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                   const struct mgm_param_info *param, float *values)
{
    const struct mgm_tensor *tensor = find_tensor(file, param->name);
    if (tensor->dtype != MGM_DTYPE_I8)
        return mgm_tensor_to_f32(ctx, tensor, values);
    const int8_t *steps = tensor->data;
    const char *scales = find_scale(file, param)->data;
    for (size_t i = 0; i < param->count; i++) {
        float scale;
        memcpy(&scale, scales + channel_of(param, i) * sizeof scale, sizeof scale);
        values[i] = (float)steps[i] * scale;
    }
    return MGM_OK;
}

static enum mgm_status load_param(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                  const struct mgm_param_info *param, float *values)
{
    TRY(load_values(ctx, file, param, values));
    for (size_t i = 0; i < param->count; i++)
        if (!isfinite(values[i]))
            return mgm_fail(ctx, MGM_E_SHAPE, "%s: tensor '%s' has a value that is not finite (number %zu of %zu)",
                            mgm_safetensors_name(file), param->name, i + 1, param->count);
    for (size_t i = 0; i < param->count && param->role == MGM_PARAM_RUNNING_VARIANCE; i++)
        if (values[i] < 0)
            return mgm_fail(ctx, MGM_E_SHAPE, "%s: tensor '%s' has a negative variance (number %zu of %zu)",
                            mgm_safetensors_name(file), param->name, i + 1, param->count);
    return MGM_OK;
}

static bool is_counter(const char *name)
{
    size_t length = strlen(name), suffix = sizeof COUNTER - 1;
    return length >= suffix && strcmp(name + length - suffix, COUNTER) == 0;
}

/* A scale of a parameter, or the ranges. */
static bool is_quantization(const struct mgm_graph *graph, const char *name)
{
    char of[64];
    const size_t length = strlen(name), suffix = sizeof SCALE - 1;
    if (length <= suffix || length - suffix >= sizeof of || strcmp(name + length - suffix, SCALE) != 0)
        return strcmp(name, MGM_RANGES) == 0;
    snprintf(of, sizeof of, "%.*s", (int)(length - suffix), name);
    return mgm_graph_find_param(graph, of) >= 0;
}

static enum mgm_status check_strangers(struct mgm_context *ctx, const struct mgm_graph *graph,
                                       const struct mgm_safetensors *file)
{
    for (int i = 0; i < mgm_safetensors_count(file); i++) {
        const char *name = mgm_safetensors_at(file, i)->name, *bare = name;
        if (strncmp(name, PUBLISHED_PREFIX, sizeof PUBLISHED_PREFIX - 1) == 0)
            bare = name + sizeof PUBLISHED_PREFIX - 1;
        if (!is_counter(bare) && !is_quantization(graph, bare) && mgm_graph_find_param(graph, bare) < 0)
            return mgm_fail(ctx, MGM_E_SHAPE, "%s: weights of another architecture: tensor '%.200s' is not part of this one",
                            mgm_safetensors_name(file), name);
    }
    return MGM_OK;
}

enum mgm_status mgm_params_check(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_safetensors *file)
{
    for (int i = 0; i < graph->param_count; i++)
        TRY(check_param(ctx, file, &graph->params[i]));
    return check_strangers(ctx, graph, file);
}

enum mgm_status mgm_params_load(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_safetensors *file,
                                struct mgm_params *params)
{
    TRY(mgm_params_check(ctx, graph, file));
    for (int i = 0; i < graph->param_count; i++)
        TRY(load_param(ctx, file, &graph->params[i], params->values + graph->params[i].offset));
    return MGM_OK;
}

enum mgm_status mgm_params_save(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_params *params,
                                enum mgm_dtype dtype, const char *path, const char *const *metadata, int metadata_count)
{
    if (dtype != MGM_DTYPE_F32 && dtype != MGM_DTYPE_F16 && dtype != MGM_DTYPE_BF16)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: weights are stored as F32, F16 or BF16 only", path);
    struct mgm_tensor_source *tensors = mgm_alloc_zeroed((size_t)graph->param_count, sizeof *tensors);
    if (!tensors)
        return mgm_fail_nomem(ctx, path);
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *param = &graph->params[i];
        tensors[i] = (struct mgm_tensor_source){.name = param->name,
                                                .dtype = param->ndim == 4 ? dtype : MGM_DTYPE_F32,
                                                .ndim = param->ndim,
                                                .data = params->values + param->offset};
        for (int d = 0; d < param->ndim; d++)
            tensors[i].dims[d] = param->dims[d];
    }
    enum mgm_status status = mgm_safetensors_write(ctx, path, tensors, graph->param_count, metadata, metadata_count);
    mgm_free(tensors);
    return status;
}

enum mgm_status mgm_ranges_load(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_safetensors *file,
                                float **ranges)
{
    const struct mgm_tensor *tensor = mgm_safetensors_find(file, MGM_RANGES);
    *ranges = NULL;
    if (!tensor)
        return MGM_OK;
    if (tensor->ndim != 1 || tensor->dims[0] != graph->layer_count || tensor->dtype != MGM_DTYPE_F32)
        return mgm_fail(ctx, MGM_E_SHAPE, "%s: tensor '%s' should be F32 [%d]", mgm_safetensors_name(file), MGM_RANGES,
                        graph->layer_count);
    *ranges = mgm_alloc(tensor->count, sizeof **ranges);
    if (!*ranges)
        return mgm_fail_nomem(ctx, "a model");
    memcpy(*ranges, tensor->data, tensor->count * sizeof **ranges);
    for (size_t i = 0; i < tensor->count; i++)
        if (!(isfinite((*ranges)[i]) && (*ranges)[i] > 0))
            return mgm_fail(ctx, MGM_E_SHAPE, "%s: tensor '%s' has a range that is none (number %zu of %zu)",
                            mgm_safetensors_name(file), MGM_RANGES, i + 1, tensor->count);
    return MGM_OK;
}

/*
 * Every channel count is a multiple of 8, so the widest layer (512 channels at width 1) tells the width to 1/64. Of the
 * first layer it is checked here too, so that another network's weights are refused by the name of their first tensor.
 */
enum mgm_status mgm_infer_width(struct mgm_context *ctx, const struct mgm_safetensors *file, double *width)
{
    static const char *const probes[2] = {"encoder.bn1.weight", "encoder.layer_bottleneck.0.bn1.weight"};
    static const int channels[2] = {32, 512};
    int64_t found[2];
    for (int i = 0; i < 2; i++) {
        const struct mgm_tensor *tensor = find_tensor(file, probes[i]);
        if (!tensor)
            return mgm_fail(ctx, MGM_E_SHAPE, "%s: weights of another architecture: tensor '%s' is missing",
                            mgm_safetensors_name(file), probes[i]);
        found[i] = tensor->dims[0];
        if (tensor->ndim != 1 || found[i] <= 0 || found[i] % 8 != 0 || found[i] > 8 * channels[i])
            return mgm_fail(ctx, MGM_E_SHAPE,
                            "%s: weights of another architecture: tensor '%s' should have one dimension, a multiple of 8",
                            mgm_safetensors_name(file), probes[i]);
    }
    *width = (double)found[1] / channels[1];
    if (found[0] != mgm_network_channels(*width, channels[0]))
        return mgm_fail(
            ctx, MGM_E_SHAPE,
            "%s: weights of another architecture: tensor '%s' has %lld values; with %lld in '%s', %d are expected",
            mgm_safetensors_name(file), probes[0], (long long)found[0], (long long)found[1], probes[1],
            mgm_network_channels(*width, channels[0]));
    return MGM_OK;
}
