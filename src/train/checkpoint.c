#include "train/checkpoint.h"

#include "base/memory.h"
#include "weights/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KIND[] = "mgm-checkpoint-1";

enum mgm_status mgm_train_state_create(struct mgm_context *ctx, const struct mgm_graph *graph, uint64_t seed,
                                       bool with_average, struct mgm_train_state *out)
{
    memset(out, 0, sizeof *out);
    out->graph = graph;
    out->seed = seed;
    enum mgm_status status = mgm_params_create(ctx, graph, true, &out->params);
    if (status == MGM_OK)
        status = mgm_optimiser_create(ctx, graph->trained_count, &out->optimiser);
    if (status == MGM_OK && with_average) {
        out->average = mgm_alloc(graph->value_count, sizeof(float));
        if (!out->average)
            status = mgm_fail_nomem(ctx, "the average of the weights");
    }
    if (status != MGM_OK) {
        mgm_train_state_release(out);
        return status;
    }
    mgm_params_initialise(graph, seed, &out->params);
    if (with_average)
        memcpy(out->average, out->params.values, graph->value_count * sizeof(float));
    return MGM_OK;
}

void mgm_train_state_release(struct mgm_train_state *state)
{
    mgm_params_release(&state->params);
    mgm_optimiser_release(&state->optimiser);
    mgm_free(state->average);
    memset(state, 0, sizeof *state);
}

/** Fingerprint of names, shapes and order: flat arrays mean something for this layout only. */
static uint64_t layout_of(const struct mgm_graph *graph)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *info = &graph->params[i];
        for (const char *at = info->name; *at; at++)
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
        hash = (hash ^ info->offset) * 0x100000001b3u;
        hash = (hash ^ info->count) * 0x100000001b3u;
    }
    return hash;
}

enum { NUMBERS = 8, NUMBER_LENGTH = 40 };

enum mgm_status mgm_checkpoint_save(struct mgm_context *ctx, const char *path, const struct mgm_train_state *state)
{
    const struct mgm_graph *graph = state->graph;
    int64_t values = (int64_t)graph->value_count, trained = (int64_t)graph->trained_count;
    const struct mgm_tensor_source tensors[4] = {
        {"values", MGM_DTYPE_F32, 1, {values}, state->params.values},
        {"adam_first", MGM_DTYPE_F32, 1, {trained}, state->optimiser.first},
        {"adam_second", MGM_DTYPE_F32, 1, {trained}, state->optimiser.second},
        {"average", MGM_DTYPE_F32, 1, {values}, state->average},
    };
    char text[NUMBERS][NUMBER_LENGTH];
    snprintf(text[0], NUMBER_LENGTH, "%016" PRIx64, layout_of(graph));
    snprintf(text[1], NUMBER_LENGTH, "%" PRId64, state->iteration);
    snprintf(text[2], NUMBER_LENGTH, "%" PRIu64, state->sample);
    snprintf(text[3], NUMBER_LENGTH, "%" PRIu64, state->seed);
    snprintf(text[4], NUMBER_LENGTH, "%016" PRIx64, state->config_digest);
    snprintf(text[5], NUMBER_LENGTH, "%" PRId64, state->optimiser.steps);
    snprintf(text[6], NUMBER_LENGTH, "%.17g", state->optimiser.average_norm);
    snprintf(text[7], NUMBER_LENGTH, "%.17g", state->seconds);
    const char *const metadata[] = {"kind",       KIND,    "layout", text[0], "iteration", text[1],
                                    "sample",     text[2], "seed",   text[3], "config",    text[4],
                                    "adam_steps", text[5], "norm",   text[6], "seconds",   text[7]};
    return mgm_safetensors_write(ctx, path, tensors, state->average ? 4 : 3, metadata, NUMBERS + 1);
}

/** An unsigned or plain decimal number of the metadata (base 16 for fingerprints). */
static enum mgm_status read_whole(struct mgm_context *ctx, const struct mgm_safetensors *file, const char *path,
                                  const char *key, int base, uint64_t *value)
{
    const char *text = mgm_safetensors_metadata(file, key);
    char *end = NULL;
    errno = 0;
    if (text)
        *value = strtoull(text, &end, base);
    if (!text || end == text || *end || errno)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s is no checkpoint: \"%s\" is missing or not a number", path, key);
    return MGM_OK;
}

static enum mgm_status read_real(struct mgm_context *ctx, const struct mgm_safetensors *file, const char *path,
                                 const char *key, double *value)
{
    const char *text = mgm_safetensors_metadata(file, key);
    char *end = NULL;
    if (text)
        *value = strtod(text, &end);
    if (!text || end == text || *end || !(*value >= 0))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s is no checkpoint: \"%s\" is missing or not a number", path, key);
    return MGM_OK;
}

static enum mgm_status read_tensor(struct mgm_context *ctx, const struct mgm_safetensors *file, const char *path,
                                   const char *name, size_t count, float *dst)
{
    const struct mgm_tensor *tensor = mgm_safetensors_find(file, name);
    if (!tensor)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s is no checkpoint: it has no \"%s\"", path, name);
    if (tensor->count != count || tensor->dtype != MGM_DTYPE_F32)
        return mgm_fail(ctx, MGM_E_SHAPE, "%s: \"%s\" has %zu values, expected %zu of 32 bits", path, name, tensor->count,
                        count);
    return mgm_tensor_to_f32(ctx, tensor, dst);
}

static enum mgm_status read_state(struct mgm_context *ctx, const struct mgm_safetensors *file, const char *path,
                                  struct mgm_train_state *state)
{
    const struct mgm_graph *graph = state->graph;
    const char *kind = mgm_safetensors_metadata(file, "kind");
    if (!kind || strcmp(kind, KIND) != 0)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s is no checkpoint of a training run", path);
    uint64_t layout = 0, iteration = 0, steps = 0;
    TRY(read_whole(ctx, file, path, "layout", 16, &layout));
    if (layout != layout_of(graph))
        return mgm_fail(ctx, MGM_E_SHAPE, "%s belongs to another network (of another width?)", path);
    TRY(read_whole(ctx, file, path, "iteration", 10, &iteration));
    TRY(read_whole(ctx, file, path, "sample", 10, &state->sample));
    TRY(read_whole(ctx, file, path, "seed", 10, &state->seed));
    TRY(read_whole(ctx, file, path, "config", 16, &state->config_digest));
    TRY(read_whole(ctx, file, path, "adam_steps", 10, &steps));
    TRY(read_real(ctx, file, path, "norm", &state->optimiser.average_norm));
    TRY(read_real(ctx, file, path, "seconds", &state->seconds));
    TRY(read_tensor(ctx, file, path, "values", graph->value_count, state->params.values));
    TRY(read_tensor(ctx, file, path, "adam_first", graph->trained_count, state->optimiser.first));
    TRY(read_tensor(ctx, file, path, "adam_second", graph->trained_count, state->optimiser.second));
    if (state->average && mgm_safetensors_find(file, "average"))
        TRY(read_tensor(ctx, file, path, "average", graph->value_count, state->average));
    else if (state->average)
        memcpy(state->average, state->params.values, graph->value_count * sizeof(float));
    state->iteration = (int64_t)iteration;
    state->optimiser.steps = (int64_t)steps;
    return MGM_OK;
}

enum mgm_status mgm_checkpoint_load(struct mgm_context *ctx, const char *path, struct mgm_train_state *state)
{
    struct mgm_safetensors *file = NULL;
    TRY(mgm_safetensors_open(ctx, path, &file));
    enum mgm_status status = read_state(ctx, file, path, state);
    mgm_safetensors_close(&file);
    return status;
}
