/* The model that a run writes, and what its file says of it. */
#include "matting/model.h"
#include "train/run.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum mgm_status mgm_run_present_params(struct mgm_train_run *run, struct mgm_params *out)
{
    const struct mgm_train_state *state = &run->state;
    const struct mgm_graph *graph = &run->graph;
    TRY(mgm_params_create(run->ctx, graph, false, out));
    memcpy(out->values, state->average ? state->average : state->params.values, graph->value_count * sizeof(float));
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *info = &graph->params[i];
        if (info->role == MGM_PARAM_SPECTRAL_U || info->role == MGM_PARAM_SPECTRAL_V)
            memcpy(out->values + info->offset, state->params.values + info->offset, info->count * sizeof(float));
    }
    return MGM_OK;
}

/** Where the samples come from: adds it to the facts. */
static void describe_data(const struct mgm_train_config *config, cJSON *facts)
{
    char kinds[256] = "drawn foregrounds over photographs";
    bool drawn = config->source_count == 0;
    size_t length = 0;
    for (int i = 0; i < config->source_count; i++) { /* eight kinds at most, of at most 15 letters */
        drawn = drawn || config->sources[i].kind == MGM_SOURCE_DRAWN;
        length += (size_t)snprintf(kinds + length, sizeof kinds - length, "%s%s", i ? ", " : "",
                                   mgm_source_names[config->sources[i].kind]);
    }
    const bool blended = config->samples.task != MGM_TASK_MATTING;
    cJSON_AddStringToObject(facts, "data", blended ? "photographs blended over photographs along drawn mattes" : kinds);
    if (drawn) {
        cJSON_AddNumberToObject(facts, "foregrounds", config->foregrounds.count);
        cJSON_AddNumberToObject(facts, "foreground_seed", (double)config->foregrounds.seed);
    }
}

/** Of colours SAD is that of F over alpha > 0, and what is given the photo's own colours (validation.h). */
static void add_scores(const struct mgm_train_run *run, cJSON *facts)
{
    if (run->scored_at < 0)
        return;
    cJSON *scores = cJSON_AddObjectToObject(facts, "validation");
    cJSON_AddNumberToObject(scores, "at_iteration", (double)run->scored_at);
    cJSON_AddNumberToObject(scores, "sad", run->scores.sad);
    cJSON_AddNumberToObject(scores, "mse", run->scores.mse);
    cJSON_AddNumberToObject(scores, "sad_of_what_is_given", run->scores.sad_guidance);
}

/** "training" of the metadata: what the weights were made by. NULL if memory ran out. */
static char *training_facts(const struct mgm_train_run *run)
{
    const struct mgm_train_config *config = run->config;
    char digest[20];
    snprintf(digest, sizeof digest, "%016" PRIx64, run->state.config_digest);
    cJSON *facts = cJSON_CreateObject();
    cJSON_AddNumberToObject(facts, "iterations", (double)run->state.iteration);
    cJSON_AddNumberToObject(facts, "of_iterations", (double)config->iterations);
    cJSON_AddNumberToObject(facts, "samples", (double)run->state.sample);
    cJSON_AddNumberToObject(facts, "hours", run->state.seconds / 3600);
    cJSON_AddNumberToObject(facts, "seed", (double)config->seed);
    cJSON_AddStringToObject(facts, "config", digest);
    describe_data(config, facts);
    if (run->options->command)
        cJSON_AddStringToObject(facts, "command", run->options->command);
    add_scores(run, facts);
    char *text = facts ? cJSON_PrintUnformatted(facts) : NULL;
    cJSON_Delete(facts);
    return text;
}

static void add_pair(const char **metadata, int *pairs, const char *key, const char *value)
{
    metadata[2 * *pairs] = key;
    metadata[2 * *pairs + 1] = value;
    ++*pairs;
}

enum mgm_status mgm_run_save_weights(struct mgm_train_run *run)
{
    char path[MGM_CONFIG_PATH_MAX], width[32];
    struct mgm_params params = {0};
    char *facts = training_facts(run);
    snprintf(width, sizeof width, "%.10g", run->config->width);
    const struct mgm_train_config *config = run->config;
    const char *metadata[12] = {MGM_METADATA_ARCHITECTURE,
                                mgm_architecture_name(config->samples.task == MGM_TASK_MATTING
                                                          ? MGM_COLOUR_KINDS
                                                          : mgm_train_colour_kind(config->samples.task)),
                                MGM_METADATA_WIDTH,
                                width,
                                MGM_METADATA_NAME,
                                config->name,
                                MGM_METADATA_TRAINING,
                                facts ? facts : "{}"};
    int pairs = 4;
    if (config->license[0])
        add_pair(metadata, &pairs, MGM_METADATA_LICENSE, config->license);
    if (config->fusion != MGM_FUSE_BY_REFINEMENT)
        add_pair(metadata, &pairs, MGM_METADATA_FUSION, mgm_head_fusion_names[config->fusion]);
    enum mgm_status status = mgm_run_path(run->ctx, run->config, "weights.safetensors", path);
    if (status == MGM_OK)
        status = mgm_run_present_params(run, &params);
    if (status == MGM_OK)
        status = mgm_params_save(run->ctx, &run->graph, &params, MGM_DTYPE_F16, path, metadata, pairs);
    mgm_params_release(&params);
    cJSON_free(facts);
    return status;
}
