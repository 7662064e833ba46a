#include "train/encoder.h"

#include "base/memory.h"
#include "nn/spectral.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ENCODER "encoder."
#define WEIGHT  ".module.weight_bar"

enum { NAME_SIZE = 192, ITERATIONS = 20 };

/** What an encoder's parameter is called in a plain ResNet: its convolutions have no vectors, and no pooling before them. */
static void plain_name(const char *name, char plain[NAME_SIZE])
{
    static const char bottleneck[] = "layer_bottleneck.", downsample[] = ".downsample.";
    const bool deepest = !strncmp(name, bottleneck, sizeof bottleneck - 1);
    snprintf(plain, NAME_SIZE, "%s%s", deepest ? "layer4." : "", name + (deepest ? sizeof bottleneck - 1 : 0));
    char *number = strstr(plain, downsample), *weight = strstr(plain, WEIGHT);
    if (number)
        number[sizeof downsample - 1]--;
    if (weight)
        strcpy(weight, ".weight");
}

static const struct mgm_tensor *find(const struct mgm_safetensors *file, bool plain, const char *name)
{
    char known[NAME_SIZE], prefixed[NAME_SIZE + 32];
    snprintf(known, sizeof known, "%s", name);
    if (plain)
        plain_name(name, known);
    static const char *const prefixes[] = {"", "module.", ENCODER, ("module." ENCODER)};
    const struct mgm_tensor *tensor = NULL;
    for (size_t i = 0; !tensor && i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(prefixed, sizeof prefixed, "%s%s", prefixes[i], known);
        tensor = mgm_safetensors_find(file, prefixed);
    }
    return tensor;
}

static bool is_plain(const struct mgm_safetensors *file)
{
    for (int i = 0; i < mgm_safetensors_count(file); i++)
        if (strstr(mgm_safetensors_at(file, i)->name, WEIGHT))
            return false;
    return true;
}

/** How many values of the file belong to one output channel of the parameter, and how many of the parameter; 0: no fit. */
static size_t row_of_file(const struct mgm_param_info *param, const struct mgm_tensor *tensor, size_t *row)
{
    *row = param->count / (size_t)param->dims[0];
    bool same = tensor->ndim == param->ndim;
    for (int i = 0; same && i < param->ndim; i++)
        same = tensor->dims[i] == param->dims[i];
    if (same)
        return *row;
    /* three input channels where there are four: of weights, and of the vector that has a value for each of theirs */
    if (param->ndim == 4 && param->zero_input == param->dims[1] - 1 && tensor->ndim == 4 &&
        tensor->dims[0] == param->dims[0] && tensor->dims[1] == param->dims[1] - 1 && tensor->dims[2] == param->dims[2] &&
        tensor->dims[3] == param->dims[3])
        return *row / (size_t)param->dims[1] * (size_t)tensor->dims[1];
    return 0;
}

/** A vector v of a convolution with one more input channel than the file's. */
static bool is_longer_vector(const struct mgm_param_info *param, const struct mgm_tensor *tensor)
{
    return param->role == MGM_PARAM_SPECTRAL_V && tensor->ndim == 1 && !strncmp(param->name, ENCODER "conv1.", 14) &&
           4 * tensor->dims[0] == 3 * (int64_t)param->dims[0];
}

static enum mgm_status take(struct mgm_context *ctx, const struct mgm_safetensors *file, const struct mgm_param_info *param,
                            const struct mgm_tensor *tensor, float *values, struct mgm_encoder_facts *facts)
{
    size_t row, from = row_of_file(param, tensor, &row), rows = (size_t)param->dims[0];
    if (!from && is_longer_vector(param, tensor)) {
        from = (size_t)tensor->dims[0];
        row = param->count;
        rows = 1;
    }
    if (!from) {
        facts->other_shape++;
        if (!facts->first_other[0])
            snprintf(facts->first_other, sizeof facts->first_other, "%s", param->name);
        return MGM_OK;
    }
    float *read = mgm_alloc(tensor->count, sizeof *read);
    enum mgm_status status = read ? mgm_tensor_to_f32(ctx, tensor, read) : mgm_fail_nomem(ctx, "the encoder");
    for (size_t i = 0; status == MGM_OK && i < tensor->count; i++)
        if (!isfinite(read[i]) || (param->role == MGM_PARAM_RUNNING_VARIANCE && read[i] < 0))
            status = mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%.150s' has a value that cannot be (number %zu of %zu)",
                              mgm_safetensors_name(file), tensor->name, i + 1, tensor->count);
    for (size_t i = 0; status == MGM_OK && i < rows; i++) {
        memcpy(values + i * row, read + i * from, from * sizeof *read);
        memset(values + i * row + from, 0, (row - from) * sizeof *read);
    }
    mgm_free(read);
    facts->taken += status == MGM_OK;
    facts->extended += status == MGM_OK && from != row;
    return status;
}

/** Vectors for weights that came without them. */
static void find_vectors(const struct mgm_graph *graph, const struct mgm_param_info *weights, struct mgm_params *params)
{
    char name[NAME_SIZE];
    const int stem = (int)(strlen(weights->name) - strlen("weight_bar"));
    snprintf(name, sizeof name, "%.*sweight_u", stem, weights->name);
    const int u = mgm_graph_find_param(graph, name);
    snprintf(name, sizeof name, "%.*sweight_v", stem, weights->name);
    const int v = mgm_graph_find_param(graph, name);
    const int rows = weights->dims[0], cols = (int)(weights->count / (size_t)rows);
    for (int i = 0; u >= 0 && v >= 0 && i < ITERATIONS; i++)
        mgm_spectral_iterate(1, params->values + weights->offset, rows, cols, params->values + graph->params[u].offset,
                             params->values + graph->params[v].offset);
}

/** A vector means something only beside the weights that it belongs to. */
static bool is_beside_its_weights(const struct mgm_graph *graph, const struct mgm_safetensors *file, bool plain,
                                  const struct mgm_param_info *vector)
{
    char name[NAME_SIZE];
    size_t row;
    snprintf(name, sizeof name, "%.*sweight_bar", (int)(strlen(vector->name) - strlen("weight_u")), vector->name);
    const int index = mgm_graph_find_param(graph, name);
    const struct mgm_tensor *weights = find(file, plain, name + sizeof ENCODER - 1);
    return index >= 0 && weights && row_of_file(&graph->params[index], weights, &row) > 0;
}

enum mgm_status mgm_encoder_take(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_safetensors *file,
                                 struct mgm_params *params, struct mgm_encoder_facts *facts)
{
    *facts = (struct mgm_encoder_facts){.plain = is_plain(file)};
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *param = &graph->params[i];
        if (strncmp(param->name, ENCODER, sizeof ENCODER - 1) != 0)
            continue;
        const struct mgm_tensor *tensor = find(file, facts->plain, param->name + sizeof ENCODER - 1);
        const int taken = facts->taken;
        const bool vector = param->role == MGM_PARAM_SPECTRAL_U || param->role == MGM_PARAM_SPECTRAL_V;
        if (tensor && vector && !is_beside_its_weights(graph, file, facts->plain, param))
            facts->other_shape++;
        else if (tensor)
            TRY(take(ctx, file, param, tensor, params->values + param->offset, facts));
        else
            facts->absent++;
        if (facts->plain && facts->taken > taken && strstr(param->name, WEIGHT))
            find_vectors(graph, param, params);
    }
    if (facts->taken)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_SHAPE, "%s: nothing in it fits the encoder: %s", mgm_safetensors_name(file),
                    facts->first_other[0] ? "the shapes are others (is model.width 1?)"
                                          : "no tensor has a name that it knows");
}
