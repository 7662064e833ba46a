#include "train/run.h"

#include "base/clock.h"
#include "base/memory.h"
#include "matting/model.h"
#include "train/colour_step.h"
#include "train/encoder.h"
#include "train/widen.h"
#include "weights/weights.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void mgm_run_note(struct mgm_train_run *run, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;
    if (!run->hooks->note || !mgm_run_is_first(run))
        return;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    run->hooks->note(run->hooks->argument, sentence);
}

enum mgm_status mgm_run_path(struct mgm_context *ctx, const struct mgm_train_config *config, const char *name,
                             char path[MGM_CONFIG_PATH_MAX])
{
    if (snprintf(path, MGM_CONFIG_PATH_MAX, "%s/%s", config->run, name) < MGM_CONFIG_PATH_MAX)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_IO, "the path of the run folder is too long: %.100s…", config->run);
}

static enum mgm_status check_folder(struct mgm_context *ctx, const struct mgm_train_config *config,
                                    const struct mgm_train_options *options)
{
    char path[MGM_CONFIG_PATH_MAX];
    TRY(mgm_run_path(ctx, config, "checkpoint.safetensors", path));
    if (options->validate && access(path, F_OK) != 0)
        return mgm_fail(ctx, MGM_E_IO, "cannot read %s, which is to be scored: %s", path, strerror(errno));
    if (!options->resume && access(path, F_OK) == 0)
        return mgm_fail(ctx, MGM_E_INVALID, "%s exists already: go on with --resume, or name another folder with --run",
                        path);
    return MGM_OK;
}

static enum mgm_status check_shares(struct mgm_context *ctx, const struct mgm_train_config *config, int processes)
{
    for (int i = 0; i < config->phase_count; i++)
        if (config->phases[i].batch % processes)
            return mgm_fail(
                ctx, MGM_E_INVALID,
                "a batch of %d crops (crops.batch) cannot be shared evenly by %d processes: change one of the two",
                config->phases[i].batch, processes);
    return MGM_OK;
}

void mgm_run_device(const struct mgm_train_options *options, char device[MGM_DEVICE_LENGTH])
{
    if (options->together && options->device && strcmp(options->device, "cuda") == 0)
        snprintf(device, MGM_DEVICE_LENGTH, "cuda:%d", options->together->local_rank);
    else
        snprintf(device, MGM_DEVICE_LENGTH, "%s", options->device ? options->device : "cpu");
}

enum mgm_status mgm_train_check(struct mgm_context *ctx, const struct mgm_train_config *config,
                                const struct mgm_train_options *options)
{
    struct mgm_backend *backend = NULL;
    char device[MGM_DEVICE_LENGTH];
    TRY(check_shares(ctx, config, mgm_communicator_size(options->together)));
    if (mgm_communicator_rank(options->together) == 0)
        TRY(check_folder(ctx, config, options));
    mgm_run_device(options, device);
    enum mgm_status status = mgm_backend_create(ctx, device, 0, &backend);
    if (status == MGM_OK && config->samples.task != MGM_TASK_MATTING && !backend->ops->host_memory)
        status = mgm_fail(ctx, MGM_E_UNSUPPORTED, "a colour network (task) is trained on the cpu only, not on %s", device);
    if (status == MGM_OK && config->second_look > 0 && !backend->ops->host_memory)
        status = mgm_fail(ctx, MGM_E_UNSUPPORTED, "second_look is had on the cpu only, not on %s", device);
    mgm_backend_destroy(&backend);
    return status;
}

/** mkdir -p */
static enum mgm_status make_folder(struct mgm_context *ctx, const char *folder)
{
    char path[MGM_CONFIG_PATH_MAX];
    snprintf(path, sizeof path, "%s", folder);
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return mgm_fail(ctx, MGM_E_IO, "cannot make the folder %s: %s", path, strerror(errno));
        if (!slash)
            return MGM_OK;
        *slash = '/';
    }
}

/** Of a narrower network: as it is, but wider. */
static enum mgm_status load_narrower(struct mgm_train_run *run, const struct mgm_safetensors *file, double width)
{
    struct mgm_graph graph = {0};
    struct mgm_params params = {0};
    TRY(mgm_network_build_fused(run->ctx, width, run->config->fusion, &graph));
    enum mgm_status status = mgm_params_check(run->ctx, &graph, file);
    if (status == MGM_OK)
        status = mgm_params_create(run->ctx, &graph, false, &params);
    if (status == MGM_OK)
        status = mgm_params_load(run->ctx, &graph, file, &params);
    if (status == MGM_OK)
        status = mgm_params_widen(run->ctx, mgm_safetensors_name(file), &graph, &params, &run->graph,
                                  (uint64_t)run->config->seed, &run->state.params);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    if (status == MGM_OK)
        mgm_run_note(run, "%s, of width %g, is the beginning, widened to %g", run->config->init, width, run->config->width);
    return status;
}

static enum mgm_status load_initial(struct mgm_train_run *run)
{
    struct mgm_safetensors *file = NULL;
    double width;
    TRY(mgm_weights_open(run->ctx, run->config->init, &file));
    const bool narrower = run->config->samples.task == MGM_TASK_MATTING &&
                          mgm_infer_width(run->ctx, file, &width) == MGM_OK && width < run->config->width;
    enum mgm_status status =
        narrower ? load_narrower(run, file, width) : mgm_params_load(run->ctx, &run->graph, file, &run->state.params);
    mgm_safetensors_close(&file);
    if (status == MGM_OK && run->state.average)
        memcpy(run->state.average, run->state.params.values, run->graph.value_count * sizeof(float));
    return status;
}

/** The encoder alone, from another network; says what was taken. */
static enum mgm_status load_encoder(struct mgm_train_run *run)
{
    struct mgm_safetensors *file = NULL;
    struct mgm_encoder_facts facts;
    TRY(mgm_weights_open(run->ctx, run->config->encoder, &file));
    const enum mgm_status status = mgm_encoder_take(run->ctx, &run->graph, file, &run->state.params, &facts);
    mgm_safetensors_close(&file);
    TRY(status);
    mgm_run_note(run,
                 "the encoder begins with %d tensors of %s, a %s (%d extended by the guidance's channel, zero); %d are "
                 "not there, %d have other shapes%s%s",
                 facts.taken, run->config->encoder, facts.plain ? "plain ResNet" : "network of its own kind", facts.extended,
                 facts.absent, facts.other_shape, facts.first_other[0] ? ", the first of them " : "", facts.first_other);
    if (run->state.average)
        memcpy(run->state.average, run->state.params.values, run->graph.value_count * sizeof(float));
    return MGM_OK;
}

static enum mgm_status resume(struct mgm_train_run *run, const char *path)
{
    struct mgm_train_state *state = &run->state;
    uint64_t digest = mgm_train_config_digest(run->config);
    TRY(mgm_checkpoint_load(run->ctx, path, state));
    mgm_run_note(run, "going on from iteration %" PRId64 " of %s", state->iteration, path);
    if (state->config_digest != digest || state->seed != (uint64_t)run->config->seed)
        mgm_run_note(run,
                     "the configuration is not the one that the checkpoint was trained with; going on with the new one");
    state->config_digest = digest;
    state->seed = (uint64_t)run->config->seed;
    return MGM_OK;
}

/** Of process 0 only. */
static enum mgm_status open_folder(struct mgm_train_run *run)
{
    char path[MGM_CONFIG_PATH_MAX];
    const struct mgm_train_config *config = run->config;
    TRY(check_folder(run->ctx, config, run->options));
    TRY(make_folder(run->ctx, config->run));
    TRY(mgm_run_path(run->ctx, run->config, "checkpoint.safetensors", path));
    if (access(path, F_OK) == 0)
        TRY(resume(run, path));
    else if (config->init[0])
        TRY(load_initial(run));
    else if (config->encoder[0])
        TRY(load_encoder(run));
    return mgm_watch_open(run->ctx, config->run, run->state.iteration, &run->watch);
}

/** Everything that may differ from starting values, from process 0. */
static enum mgm_status tell_state(struct mgm_train_run *run)
{
    struct mgm_train_state *state = &run->state;
    struct mgm_communicator *c = run->options->together;
    const size_t values = run->graph.value_count * sizeof(float), trained = run->graph.trained_count * sizeof(float);
    mgm_communicator_tell(c, state->params.values, values);
    mgm_communicator_tell(c, state->optimiser.first, trained);
    mgm_communicator_tell(c, state->optimiser.second, trained);
    mgm_communicator_tell(c, &state->optimiser.steps, sizeof state->optimiser.steps);
    mgm_communicator_tell(c, &state->optimiser.average_norm, sizeof state->optimiser.average_norm);
    if (state->average)
        mgm_communicator_tell(c, state->average, values);
    mgm_communicator_tell(c, &state->iteration, sizeof state->iteration);
    mgm_communicator_tell(c, &state->sample, sizeof state->sample);
    mgm_communicator_tell(c, &state->seconds, sizeof state->seconds);
    return mgm_communicator_check(c, run->ctx);
}

enum mgm_status mgm_run_open(struct mgm_train_run *run)
{
    run->state.config_digest = mgm_train_config_digest(run->config);
    if (mgm_run_is_first(run))
        TRY(open_folder(run));
    return tell_state(run);
}

static void log_progress(struct mgm_train_run *run, const struct mgm_train_progress *progress)
{
    static const char *const levels[MGM_HEAD_COUNT] = {"os8", "os4", "os1"};
    cJSON *object = cJSON_CreateObject();
    char name[32];
    cJSON_AddStringToObject(object, "event", "progress");
    cJSON_AddNumberToObject(object, "iteration", (double)progress->iteration);
    cJSON_AddNumberToObject(object, "seconds", run->state.seconds);
    cJSON_AddNumberToObject(object, "samples", (double)run->state.sample);
    cJSON_AddNumberToObject(object, "size", progress->size);
    cJSON_AddNumberToObject(object, "batch", progress->batch);
    cJSON_AddNumberToObject(object, "loss", progress->losses.total);
    for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
        for (int head = 0; head < MGM_HEAD_COUNT; head++) {
            snprintf(name, sizeof name, "%s_%s", mgm_loss_name((enum mgm_loss)loss), levels[head]);
            cJSON_AddNumberToObject(object, name, progress->losses.value[loss][head]);
        }
    for (int head = MGM_HEAD_OS4; head < MGM_HEAD_COUNT; head++) {
        snprintf(name, sizeof name, "mask_%s", levels[head]);
        cJSON_AddNumberToObject(object, name, progress->losses.mask_share[head]);
    }
    cJSON_AddNumberToObject(object, "learning_rate", progress->learning_rate);
    cJSON_AddNumberToObject(object, "gradient_norm", progress->gradient_norm);
    cJSON_AddNumberToObject(object, "images_per_second", progress->images_per_second);
    cJSON_AddNumberToObject(object, "waiting_share", progress->waiting_share);
    cJSON_AddNumberToObject(object, "truth_share", progress->truth_share);
    mgm_watch_tell(&run->watch, object);
}

static void divide_losses(struct mgm_step_losses *losses, double by)
{
    losses->total /= by;
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        losses->mask_share[head] /= by;
        for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
            losses->value[loss][head] /= by;
    }
}

void mgm_run_report(struct mgm_train_run *run)
{
    double now = mgm_clock_seconds(), elapsed = now - run->reported_at, count = run->iterations;
    if (run->iterations > 0 && elapsed > 0 && mgm_run_is_first(run)) {
        struct mgm_train_progress progress = run->sums;
        divide_losses(&progress.losses, count);
        progress.gradient_norm /= count;
        progress.truth_share /= count;
        progress.iteration = run->state.iteration;
        progress.iterations = run->config->iterations;
        progress.images_per_second = run->images / elapsed;
        progress.waiting_share = run->waited / elapsed;
        progress.seconds_left = (double)(progress.iterations - progress.iteration) * elapsed / count;
        log_progress(run, &progress);
        if (run->hooks->progress)
            run->hooks->progress(run->hooks->argument, &progress);
    }
    memset(&run->sums, 0, sizeof run->sums);
    run->iterations = 0;
    run->waited = run->images = 0;
    run->reported_at = now;
}

enum mgm_status mgm_run_save(struct mgm_train_run *run)
{
    char path[MGM_CONFIG_PATH_MAX];
    TRY(mgm_run_path(run->ctx, run->config, "checkpoint.safetensors", path));
    TRY(mgm_learner_fetch(&run->learner));
    TRY(mgm_checkpoint_save(run->ctx, path, &run->state));
    return mgm_run_save_weights(run);
}

enum mgm_status mgm_run_validate(struct mgm_train_run *run)
{
    const struct mgm_train_config *config = run->config;
    struct mgm_params params = {0};
    if (!run->validation)
        TRY(mgm_validation_create(run->ctx, run->store, &config->samples, config->fusion, config->validation.count,
                                  config->validation.size, &run->validation));
    TRY(mgm_learner_fetch(&run->learner));
    enum mgm_status status = mgm_run_present_params(run, &params);
    if (status == MGM_OK)
        status = mgm_validation_run(run->ctx, run->validation, &run->graph, &params, run->options->threads, &run->scores);
    mgm_params_release(&params);
    TRY(status);
    run->scored_at = run->state.iteration;
    const struct mgm_validation_scores scores = run->scores;
    mgm_watch_show(&run->watch, run->state.iteration, mgm_validation_sheet(run->validation));
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "event", "validation");
    cJSON_AddNumberToObject(object, "iteration", (double)run->state.iteration);
    cJSON_AddNumberToObject(object, "sad", scores.sad);
    cJSON_AddNumberToObject(object, "mse", scores.mse);
    cJSON_AddNumberToObject(object, "sad_whole", scores.sad_whole);
    cJSON_AddNumberToObject(object, "mse_whole", scores.mse_whole);
    cJSON_AddNumberToObject(object, "sad_guidance", scores.sad_guidance);
    mgm_watch_tell(&run->watch, object);
    if (run->hooks->validated)
        run->hooks->validated(run->hooks->argument, run->state.iteration, &scores);
    return MGM_OK;
}
