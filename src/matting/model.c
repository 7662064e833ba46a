#include "matting/model.h"

#include "base/memory.h"
#include "matting/network.h"
#include "nn/spectral.h"
#include "weights/weights.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

static const double MAX_WIDTH = 8;
enum { MANY_VALUES = 4 << 20 }; /* 16 MB: fewer are not worth reading twice */
static const char *const FILE_SUFFIXES[] = {".safetensors.index.json", ".index.json", ".safetensors", ".pth", ".pt"};

const char *mgm_architecture_name(enum mgm_colour_kind kind)
{
    static const char *const names[] = {MGM_ARCHITECTURE_FOREGROUND, MGM_ARCHITECTURE_REFINING, MGM_ARCHITECTURE};
    return names[kind];
}

/** @param kind  receives which colour network it is of; MGM_COLOUR_KINDS: of the matting network */
static enum mgm_status check_architecture(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                          enum mgm_colour_kind *kind)
{
    const char *architecture = mgm_safetensors_metadata(file, MGM_METADATA_ARCHITECTURE);
    *kind = MGM_COLOUR_KINDS;
    if (architecture && strcmp(architecture, MGM_ARCHITECTURE_FOREGROUND) == 0)
        *kind = MGM_COLOUR_WHOLE;
    else if (architecture && strcmp(architecture, MGM_ARCHITECTURE_REFINING) == 0)
        *kind = MGM_COLOUR_REFINING;
    else if (architecture && strcmp(architecture, MGM_ARCHITECTURE) != 0)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: weights of the architecture '%.200s'; expected '%s'",
                        mgm_safetensors_name(file), architecture, MGM_ARCHITECTURE);
    return MGM_OK;
}

/* The width that the file states, or else the one that its shapes tell. */
static enum mgm_status find_width(struct mgm_context *ctx, const struct mgm_safetensors *file, double *width)
{
    const char *text = mgm_safetensors_metadata(file, MGM_METADATA_WIDTH);
    if (!text)
        return mgm_infer_width(ctx, file, width);
    errno = 0; /* tells want of memory, which the parser does not */
    /* Unlike strtod, it knows nothing of locales, "nan" or "inf". */
    cJSON *number = cJSON_ParseWithOpts(text, NULL, 1);
    if (!number && errno == ENOMEM)
        return mgm_fail_nomem(ctx, "a model");
    *width = cJSON_IsNumber(number) ? number->valuedouble : 0;
    cJSON_Delete(number);
    if (!(*width > 0 && *width <= MAX_WIDTH))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: metadata 'width' is '%.200s'; expected a number above 0, at most %g",
                        mgm_safetensors_name(file), text, MAX_WIDTH);
    return MGM_OK;
}

/* What the file says of how its heads are fused; the published network's say nothing. */
static enum mgm_status find_fusion(struct mgm_context *ctx, const struct mgm_safetensors *file, enum mgm_head_fusion *fusion)
{
    const char *text = mgm_safetensors_metadata(file, MGM_METADATA_FUSION);
    *fusion = MGM_FUSE_BY_REFINEMENT;
    for (int i = 0; text && i < MGM_HEAD_FUSION_COUNT; i++)
        if (strcmp(text, mgm_head_fusion_names[i]) == 0) {
            *fusion = (enum mgm_head_fusion)i;
            return MGM_OK;
        }
    return text ? mgm_fail(ctx, MGM_E_UNSUPPORTED,
                           "%s: metadata 'fusion' is '%.200s'; expected 'refinement', 'none' or 'convolution'",
                           mgm_safetensors_name(file), text)
                : MGM_OK;
}

/* Last part of the path, without what says the format. NULL: no memory. */
static char *name_from_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = mgm_strdup(slash ? slash + 1 : path);
    size_t length = name ? strlen(name) : 0;
    for (size_t i = 0; i < sizeof FILE_SUFFIXES / sizeof *FILE_SUFFIXES; i++) {
        size_t suffix = strlen(FILE_SUFFIXES[i]);
        if (length > suffix && strcmp(name + length - suffix, FILE_SUFFIXES[i]) == 0) {
            name[length - suffix] = 0;
            break;
        }
    }
    return name;
}

static enum mgm_status copy_texts(struct mgm_context *ctx, const struct mgm_safetensors *file, struct mgm_model *model)
{
    const char *name = mgm_safetensors_metadata(file, MGM_METADATA_NAME);
    const char *license = mgm_safetensors_metadata(file, MGM_METADATA_LICENSE);
    model->name = name ? mgm_strdup(name) : name_from_path(mgm_safetensors_name(file));
    model->license = mgm_strdup(license ? license : "");
    return model->name && model->license ? MGM_OK : mgm_fail_nomem(ctx, "a model's name");
}

static struct mgm_model *create_empty(void)
{
    struct mgm_model *model = mgm_alloc_zeroed(1, sizeof *model);
    if (model)
        pthread_mutex_init(&model->lock, NULL); /* of the ordinary kind: cannot fail */
    return model;
}

enum mgm_status mgm_model_from_file(struct mgm_context *ctx, const struct mgm_safetensors *file, struct mgm_model **out)
{
    *out = NULL;
    enum mgm_colour_kind kind;
    double width;
    enum mgm_head_fusion fusion;
    TRY(check_architecture(ctx, file, &kind));
    TRY(find_fusion(ctx, file, &fusion));
    TRY(find_width(ctx, file, &width));
    struct mgm_model *model = create_empty();
    if (!model)
        return mgm_fail_nomem(ctx, "a model");
    model->width = width;
    model->fusion = fusion;
    model->colour = kind != MGM_COLOUR_KINDS;
    model->kind = kind;
    enum mgm_status status = kind == MGM_COLOUR_WHOLE      ? mgm_foreground_network_build(ctx, width, &model->graph)
                             : kind == MGM_COLOUR_REFINING ? mgm_refining_network_build(ctx, width, &model->graph)
                                                           : mgm_network_build_fused(ctx, width, fusion, &model->graph);
    if (status == MGM_OK)
        status = mgm_params_check(ctx, &model->graph, file);
    if (status == MGM_OK)
        status = mgm_params_create(ctx, &model->graph, false, &model->params);
    if (status == MGM_OK)
        status = mgm_params_load(ctx, &model->graph, file, &model->params);
    if (status == MGM_OK)
        status = mgm_ranges_load(ctx, &model->graph, file, &model->ranges);
    if (status == MGM_OK)
        status = copy_texts(ctx, file, model);
    if (status != MGM_OK)
        mgm_model_destroy(&model);
    *out = model;
    return status;
}

/* Spectral norms that are true, or activations leave the range of floats. */
static void settle_spectral_norms(const struct mgm_graph *graph, float *values)
{
    enum { ITERATIONS = 5 };
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        if ((layer->op != MGM_OP_CONV && layer->op != MGM_OP_CONV_TRANSPOSE) || layer->u < 0)
            continue;
        const struct mgm_param_info *weights = &graph->params[layer->weights];
        const int rows = weights->dims[0], columns = (int)(weights->count / (size_t)rows);
        for (int k = 0; k < ITERATIONS; k++)
            mgm_spectral_iterate(0, values + weights->offset, rows, columns, values + graph->params[layer->u].offset,
                                 values + graph->params[layer->v].offset);
    }
}

enum mgm_status mgm_model_random(struct mgm_context *ctx, double width, uint64_t seed, struct mgm_model **out)
{
    struct mgm_model *model = *out = create_empty();
    if (!model)
        return mgm_fail_nomem(ctx, "a model");
    model->width = width;
    model->name = mgm_strdup("random weights");
    model->license = mgm_strdup("");
    enum mgm_status status = model->name && model->license ? mgm_network_build(ctx, width, false, &model->graph)
                                                           : mgm_fail_nomem(ctx, "a model's name");
    if (status == MGM_OK)
        status = mgm_params_create(ctx, &model->graph, false, &model->params);
    if (status == MGM_OK)
        mgm_params_initialise(&model->graph, seed, &model->params);
    if (status == MGM_OK)
        settle_spectral_norms(&model->graph, model->params.values);
    else
        mgm_model_destroy(out);
    return status;
}

static enum mgm_status load(struct mgm_context *ctx, const char *path, bool colour, struct mgm_model **out)
{
    struct mgm_safetensors *file = NULL;
    enum mgm_colour_kind kind;
    *out = NULL;
    TRY(mgm_weights_open(ctx, path, &file));
    enum mgm_status status = check_architecture(ctx, file, &kind);
    if (status == MGM_OK && (kind != MGM_COLOUR_KINDS) != colour)
        status = mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: weights of the architecture '%s'; expected '%s'",
                          mgm_safetensors_name(file), mgm_architecture_name(kind),
                          colour ? MGM_ARCHITECTURE_FOREGROUND : MGM_ARCHITECTURE);
    if (status == MGM_OK)
        status = mgm_model_from_file(ctx, file, out);
    if (status == MGM_OK && (*out)->graph.value_count > MANY_VALUES && mgm_safetensors_is_mapped(file)) {
        mgm_safetensors_rest(file);
        (*out)->file = file;
        return MGM_OK;
    }
    mgm_safetensors_close(&file);
    return status;
}

enum mgm_status mgm_model_load(struct mgm_context *ctx, const char *path, struct mgm_model **out)
{
    return load(ctx, path, false, out);
}

enum mgm_status mgm_foreground_model_load(struct mgm_context *ctx, const char *path, struct mgm_model **out)
{
    return load(ctx, path, true, out);
}

static enum mgm_status load_again(struct mgm_context *ctx, struct mgm_model *model)
{
    TRY(mgm_params_create(ctx, &model->graph, false, &model->params));
    const enum mgm_status status = mgm_params_load(ctx, &model->graph, model->file, &model->params);
    mgm_safetensors_rest(model->file);
    if (status != MGM_OK)
        mgm_params_release(&model->params);
    return status;
}

enum mgm_status mgm_model_hold_params(struct mgm_context *ctx, const struct mgm_model *held)
{
    struct mgm_model *model = (struct mgm_model *)held;
    pthread_mutex_lock(&model->lock);
    const enum mgm_status status = model->params.values ? MGM_OK : load_again(ctx, model);
    model->holders += status == MGM_OK;
    pthread_mutex_unlock(&model->lock);
    return status;
}

void mgm_model_drop_params(const struct mgm_model *held)
{
    struct mgm_model *model = (struct mgm_model *)held;
    pthread_mutex_lock(&model->lock);
    if (--model->holders == 0 && model->file)
        mgm_params_release(&model->params);
    pthread_mutex_unlock(&model->lock);
}

void mgm_model_destroy(struct mgm_model **handle)
{
    struct mgm_model *model = *handle;
    if (!model)
        return;
    mgm_graph_release(&model->graph);
    mgm_params_release(&model->params);
    mgm_safetensors_close(&model->file);
    mgm_free(model->ranges);
    mgm_free(model->name);
    mgm_free(model->license);
    pthread_mutex_destroy(&model->lock);
    mgm_free(model);
    *handle = NULL;
}

struct mgm_model_facts mgm_model_facts(const struct mgm_model *model)
{
    struct mgm_model_facts facts = {.width = model->width, .name = model->name, .license = model->license};
    for (int i = 0; i < model->graph.param_count; i++) {
        const struct mgm_param_info *param = &model->graph.params[i];
        if (param->role != MGM_PARAM_RUNNING_MEAN && param->role != MGM_PARAM_RUNNING_VARIANCE)
            facts.parameters += param->count;
    }
    return facts;
}
