#include "train/loop.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "train/run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { DILATION_KEY = 0x64696c61, FAILURES_MAX = 5 };

static bool is_colour(const struct mgm_train_run *run)
{
    return run->config->samples.task != MGM_TASK_MATTING;
}

static void close_phase(struct mgm_train_run *run)
{
    mgm_feed_destroy(&run->feed);
    mgm_train_plan_destroy(&run->plan);
    mgm_step_destroy(&run->step);
    mgm_colour_step_destroy(&run->colour_step);
    mgm_second_look_destroy(&run->look);
    if (run->input)
        run->backend->ops->release(run->backend, run->input);
    run->input = NULL;
    for (int i = 0; i < 2; i++) {
        mgm_free(run->dilate[i]);
        run->dilate[i] = NULL;
    }
    mgm_free(run->everywhere);
    run->everywhere = NULL;
    run->phase = -1;
}

/** Makes what depends on the crop size, if the iteration belongs to another phase than the last one. */
static enum mgm_status enter_phase(struct mgm_train_run *run)
{
    const struct mgm_train_config *config = run->config;
    int index = mgm_crop_phase_at(config->phases, config->phase_count, run->state.iteration, config->iterations);
    if (index == run->phase)
        return MGM_OK;
    close_phase(run);
    const struct mgm_crop_phase *phase = &config->phases[index];
    struct mgm_communicator *together = run->options->together;
    const int share = phase->batch / mgm_communicator_size(together);
    const bool native = !run->backend->ops->host_memory || mgm_bf16_is_native();
    bool bf16 = config->precision == MGM_CHOOSE_AUTO ? native : config->precision == MGM_CHOOSE_BF16;
    const struct mgm_train_plan_settings settings = {
        .n = share,
        .h = phase->size,
        .w = phase->size,
        .precision = bf16 ? MGM_PRECISION_BF16 : MGM_PRECISION_F32,
        .threads = run->options->threads,
        .backend = run->backend,
    };
    TRY(mgm_train_plan_create(run->ctx, &run->graph, &run->learner.params, &settings, &run->plan));
    if (is_colour(run))
        TRY(mgm_colour_step_create(run->ctx, together, mgm_train_colour_kind(config->samples.task), share, phase->size,
                                   run->options->threads, &run->colour_step));
    else
        TRY(mgm_step_create(run->ctx, run->backend, share, phase->size, run->options->threads, &run->step));
    if (config->second_look > 0)
        TRY(mgm_second_look_create(run->ctx, share, phase->size, &run->look));
    TRY(mgm_feed_create(run->ctx, run->store, config, phase, run->backend, run->state.sample, &run->feed));
    const size_t pixels = (size_t)share * (size_t)(phase->size * phase->size);
    TRY(run->backend->ops->alloc(run->backend, pixels * (size_t)run->graph.layers[0].channels * sizeof(float),
                                 (void **)&run->input));
    for (int i = 0; i < 2; i++)
        run->dilate[i] = mgm_alloc((size_t)share, sizeof(int));
    if (!run->dilate[0] || !run->dilate[1])
        return mgm_fail_nomem(run->ctx, "training");
    if (config->fusion != MGM_FUSE_BY_REFINEMENT) {
        run->everywhere = mgm_alloc(pixels, 1);
        if (!run->everywhere)
            return mgm_fail_nomem(run->ctx, "training");
        memset(run->everywhere, 1, pixels);
    }
    run->phase = index;
    mgm_run_note(run, "crops of %d pixels, %d at a time, %s", phase->size, phase->batch, bf16 ? "bf16" : "f32");
    if (together)
        mgm_run_note(run, "%d of them in each of %d processes", share, together->size);
    return MGM_OK;
}

/** Number of this process's first sample of the iteration. */
static uint64_t first_sample(const struct mgm_train_run *run, const struct mgm_batch *batch)
{
    return run->state.sample + (uint64_t)(mgm_communicator_rank(run->options->together) * batch->n);
}

/** Masks of this iteration: everywhere, the ground truth's, or from the predictions with dilations drawn for each sample. */
static struct mgm_step_masks choose_masks(struct mgm_train_run *run, const struct mgm_batch *batch)
{
    const struct mgm_train_config *config = run->config;
    uint64_t seed = (uint64_t)config->seed;
    if (run->everywhere)
        return (struct mgm_step_masks){.os4 = run->everywhere, .os1 = run->everywhere};
    if (mgm_curriculum_uses_truth(&config->curriculum, seed, run->state.iteration, config->iterations))
        return (struct mgm_step_masks){.os4 = batch->unknown, .os1 = batch->unknown};
    const uint64_t first = first_sample(run, batch);
    for (int i = 0; i < batch->n; i++) {
        struct mgm_random random = mgm_random_stream(seed ^ DILATION_KEY, first + (uint64_t)i);
        run->dilate[0][i] = mgm_random_int(&random, config->dilate_os4[0], config->dilate_os4[1]);
        run->dilate[1][i] = mgm_random_int(&random, config->dilate_os1[0], config->dilate_os1[1]);
    }
    return (struct mgm_step_masks){.merge = true, .dilate_os4 = run->dilate[0], .dilate_os1 = run->dilate[1]};
}

/** @param batch  samples of all processes */
static void add_up(struct mgm_train_run *run, int size, int batch, const struct mgm_step_losses *losses, double norm)
{
    struct mgm_train_progress *sums = &run->sums;
    sums->size = size;
    sums->batch = batch;
    sums->gradient_norm += norm;
    sums->losses.total += losses->total;
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        sums->losses.mask_share[head] += losses->mask_share[head];
        for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
            sums->losses.value[loss][head] += losses->value[loss][head];
    }
    run->iterations++;
    run->images += batch;
}

static enum mgm_status update(struct mgm_train_run *run, double *norm)
{
    struct mgm_train_state *state = &run->state;
    const struct mgm_train_config *config = run->config;
    double rate = mgm_learning_rate(state->iteration, config->iterations, config->warmup, config->learning_rate);
    TRY(mgm_learner_update(&run->learner, &config->optimiser, rate, config->average_decay, run->options->threads, norm));
    run->sums.learning_rate = rate;
    run->failures = isfinite(*norm) ? 0 : run->failures + 1;
    if (run->failures >= FAILURES_MAX)
        return mgm_fail(run->ctx, MGM_E_BACKEND,
                        "training diverged at iteration %" PRId64
                        ": the gradient is not finite; lower learning_rate and resume",
                        state->iteration);
    return MGM_OK;
}

/** Mattes of a batch, and their losses. */
static enum mgm_status evaluate(struct mgm_train_run *run, const struct mgm_batch *batch, const struct mgm_step_masks *masks,
                                struct mgm_step_losses *losses)
{
    const float *raw[MGM_HEAD_COUNT];
    TRY(mgm_step_load(run->step, batch, run->input));
    TRY(mgm_train_plan_forward(run->plan, run->input));
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        raw[head] = mgm_train_plan_output(run->plan, head);
    mgm_step_predict(run->step, raw);
    return mgm_step_evaluate(run->ctx, run->step, batch, masks, &run->config->objective, losses);
}

/** The matting network: losses of a batch, and the gradient of the objective by its outputs. */
static enum mgm_status judge_mattes(struct mgm_train_run *run, const struct mgm_batch *batch, struct mgm_step_losses *losses)
{
    const uint64_t seed = (uint64_t)run->config->seed;
    const struct mgm_step_masks masks = choose_masks(run, batch);
    float *raw_gradient[MGM_HEAD_COUNT];
    struct mgm_batch again;
    TRY(evaluate(run, batch, &masks, losses));
    /* The first pass, too, moves the norms' statistics and spectral vectors: it is one more step of their averages. */
    if (run->look && masks.merge && mgm_second_look_is_due(seed, run->state.iteration, run->config->second_look)) {
        mgm_second_look_at(run->look, seed, first_sample(run, batch), batch, mgm_step_alpha(run->step, MGM_HEAD_OS1),
                           &again);
        TRY(evaluate(run, &again, &masks, losses));
    }
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        raw_gradient[head] = mgm_train_plan_output_gradient(run->plan, head);
    mgm_step_propagate(run->step, raw_gradient);
    run->sums.truth_share += masks.merge ? 0 : 1;
    return MGM_OK;
}

/** The same of the colour network. */
static enum mgm_status judge_colours(struct mgm_train_run *run, const struct mgm_batch *batch,
                                     struct mgm_step_losses *losses)
{
    mgm_colour_step_load(mgm_train_colour_kind(run->config->samples.task), batch, run->options->threads, run->input);
    TRY(mgm_train_plan_forward(run->plan, run->input));
    return mgm_colour_step_evaluate(run->ctx, run->colour_step, batch, mgm_train_plan_output(run->plan, 0),
                                    &run->config->objective, mgm_train_plan_output_gradient(run->plan, 0), losses);
}

static enum mgm_status iterate(struct mgm_train_run *run)
{
    const struct mgm_batch *batch;
    struct mgm_step_losses losses;
    double waited = 0, norm = 0, began = mgm_clock_seconds();
    TRY(mgm_feed_next(run->ctx, run->feed, &batch, &waited));
    TRY(is_colour(run) ? judge_colours(run, batch, &losses) : judge_mattes(run, batch, &losses));
    if (!isfinite(losses.total))
        return mgm_fail(run->ctx, MGM_E_BACKEND,
                        "training diverged at iteration %" PRId64 ": the loss is not finite; lower learning_rate and resume",
                        run->state.iteration);
    TRY(mgm_train_plan_backward(run->plan));
    TRY(update(run, &norm));
    const int all = batch->n * mgm_communicator_size(run->options->together);
    add_up(run, batch->size, all, &losses, norm);
    run->waited += waited;
    run->state.iteration++;
    run->state.sample += (uint64_t)all;
    run->state.seconds += mgm_clock_seconds() - began;
    return MGM_OK;
}

static bool is_due(int64_t iteration, int interval)
{
    return interval > 0 && iteration % interval == 0;
}

/** Whether it is time to end, in any of the processes. */
static bool is_over(const struct mgm_train_run *run, double began)
{
    const struct mgm_train_options *options = run->options;
    const bool here = (run->hooks->stop && *run->hooks->stop) ||
                      (options->minutes > 0 && mgm_clock_seconds() - began >= 60 * options->minutes);
    return mgm_communicator_any(options->together, here);
}

/** What one process does while the others wait. */
static enum mgm_status save(struct mgm_train_run *run)
{
    return mgm_run_is_first(run) ? mgm_run_save(run) : MGM_OK;
}

static enum mgm_status validate(struct mgm_train_run *run)
{
    return mgm_run_is_first(run) ? mgm_run_validate(run) : MGM_OK;
}

static enum mgm_status run_iterations(struct mgm_train_run *run)
{
    const struct mgm_train_config *config = run->config;
    const struct mgm_train_options *options = run->options;
    struct mgm_train_state *state = &run->state;
    double began = run->reported_at = mgm_clock_seconds();
    int64_t saved_at = state->iteration, validated_at = -1;
    bool stopped = false;
    while (state->iteration < config->iterations && !stopped) {
        TRY(enter_phase(run));
        TRY(iterate(run));
        if (mgm_clock_seconds() - run->reported_at >= options->report_every)
            mgm_run_report(run);
        stopped = is_over(run, began);
        bool last = state->iteration == config->iterations;
        double paused = mgm_clock_seconds();
        if (is_due(state->iteration, config->checkpoint_interval) || stopped || last) {
            TRY(save(run));
            saved_at = state->iteration;
        }
        if (config->validation.interval && (is_due(state->iteration, config->validation.interval) || last) &&
            validated_at != state->iteration) {
            TRY(validate(run));
            validated_at = state->iteration;
            if (last) /* with its scores */
                TRY(save(run));
        }
        run->reported_at += mgm_clock_seconds() - paused; /* so that rates are those of training alone */
    }
    mgm_run_report(run);
    mgm_run_note(run, "%s at iteration %" PRId64 " of %" PRId64 "; checkpoint and weights are in %s",
                 stopped && state->iteration < config->iterations ? "stopped" : "complete", saved_at, config->iterations,
                 config->run);
    return MGM_OK;
}

static enum mgm_status build_network(struct mgm_context *ctx, const struct mgm_train_config *config, struct mgm_graph *out)
{
    switch (config->samples.task) {
    case MGM_TASK_FOREGROUND:
        return mgm_foreground_network_build(ctx, config->width, out);
    case MGM_TASK_REFINEMENT:
        return mgm_refining_network_build(ctx, config->width, out);
    default:
        return mgm_network_build_fused(ctx, config->width, config->fusion, out);
    }
}

enum mgm_status mgm_train_run(struct mgm_context *ctx, const struct mgm_train_config *config,
                              const struct mgm_foreground_store *store, const struct mgm_train_options *options,
                              const struct mgm_train_hooks *hooks)
{
    struct mgm_train_run run = {
        .ctx = ctx, .config = config, .store = store, .options = options, .hooks = hooks, .phase = -1, .scored_at = -1};
    char device[MGM_DEVICE_LENGTH];
    enum mgm_status status = build_network(ctx, config, &run.graph);
    if (status == MGM_OK)
        status = mgm_train_state_create(ctx, &run.graph, (uint64_t)config->seed, config->average_decay > 0, &run.state);
    if (status == MGM_OK)
        status = mgm_run_open(&run);
    mgm_run_device(options, device);
    if (status == MGM_OK)
        status = mgm_backend_create(ctx, device, options->threads, &run.backend);
    if (status == MGM_OK && options->together)
        status = run.backend->ops->join(run.backend, options->together);
    if (status == MGM_OK)
        status = mgm_learner_create(run.backend, &run.state, &run.learner);
    if (status == MGM_OK)
        status = options->validate ? validate(&run) : run_iterations(&run);
    close_phase(&run);
    mgm_learner_release(&run.learner);
    mgm_backend_destroy(&run.backend);
    mgm_validation_destroy(&run.validation);
    mgm_watch_close(&run.watch);
    mgm_train_state_release(&run.state);
    mgm_graph_release(&run.graph);
    return status;
}
