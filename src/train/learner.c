#include "train/learner.h"

#include <math.h>
#include <string.h>

/** A copy of an array of the state in the backend's memory. */
static enum mgm_status upload(struct mgm_backend *b, const float *host, size_t count, float **out)
{
    TRY(b->ops->alloc(b, count * sizeof **out, (void **)out));
    b->ops->upload(b, *out, host, count * sizeof **out);
    return MGM_OK;
}

static enum mgm_status upload_all(struct mgm_learner *learner)
{
    struct mgm_backend *b = learner->backend;
    const struct mgm_train_state *state = learner->state;
    const size_t values = state->graph->value_count, trained = state->graph->trained_count;
    TRY(upload(b, state->params.values, values, &learner->params.values));
    TRY(upload(b, state->optimiser.first, trained, &learner->first));
    TRY(upload(b, state->optimiser.second, trained, &learner->second));
    if (state->average)
        TRY(upload(b, state->average, values, &learner->average));
    TRY(b->ops->alloc(b, trained * sizeof(float), (void **)&learner->params.gradients));
    return b->ops->alloc(b, sizeof *learner->sum, (void **)&learner->sum);
}

enum mgm_status mgm_learner_create(struct mgm_backend *backend, struct mgm_train_state *state, struct mgm_learner *out)
{
    *out = (struct mgm_learner){.backend = backend, .state = state};
    if (backend->ops->host_memory) {
        out->params = state->params;
        out->average = state->average;
        return MGM_OK;
    }
    const enum mgm_status status = upload_all(out);
    if (status != MGM_OK)
        mgm_learner_release(out);
    return status;
}

void mgm_learner_release(struct mgm_learner *learner)
{
    struct mgm_backend *b = learner->backend;
    void *const blocks[] = {learner->params.values, learner->params.gradients, learner->first,
                            learner->second,        learner->average,          learner->sum};
    for (size_t i = 0; b && !b->ops->host_memory && i < sizeof blocks / sizeof *blocks; i++)
        b->ops->release(b, blocks[i]);
    *learner = (struct mgm_learner){0};
}

static enum mgm_status step_on_device(struct mgm_learner *learner, const struct mgm_optimiser_settings *settings,
                                      double learning_rate, double *norm)
{
    struct mgm_backend *b = learner->backend;
    struct mgm_optimiser *optimiser = &learner->state->optimiser;
    struct mgm_adam_factors f;
    double sum;
    b->ops->sum_of_squares(b, optimiser->count, learner->params.gradients, learner->sum);
    TRY(b->ops->download(b, &sum, learner->sum, sizeof sum));
    *norm = sqrt(sum);
    if (!mgm_optimiser_advance(optimiser, settings, learning_rate, *norm, &f))
        return MGM_OK;
    const struct mgm_backend_adam adam = {
        .count = optimiser->count,
        .values = learner->params.values,
        .first = learner->first,
        .second = learner->second,
        .gradients = learner->params.gradients,
        .shrink_gradient = f.clip,
        .keep1 = f.keep1,
        .take1 = f.take1,
        .keep2 = f.keep2,
        .take2 = f.take2,
        .step_size = f.step_size,
        .root_correction = f.root_correction,
        .epsilon = f.epsilon,
        .shrink = f.shrink,
    };
    b->ops->adam(b, &adam);
    return MGM_OK;
}

enum mgm_status mgm_learner_update(struct mgm_learner *learner, const struct mgm_optimiser_settings *settings,
                                   double learning_rate, double average_decay, int threads, double *norm)
{
    struct mgm_backend *b = learner->backend;
    struct mgm_train_state *state = learner->state;
    const bool host = b->ops->host_memory;
    b->ops->share(b, learner->params.gradients, state->graph->trained_count);
    TRY(b->ops->finish(b));
    if (host)
        *norm = mgm_optimiser_step(&state->optimiser, settings, learning_rate, threads, learner->params.gradients,
                                   learner->params.values);
    else
        TRY(step_on_device(learner, settings, learning_rate, norm));
    if (!learner->average || !isfinite(*norm))
        return MGM_OK;
    /* A young average would be dominated by the starting values. */
    const double steps = (double)state->optimiser.steps, decay = fmin(average_decay, (1 + steps) / (10 + steps));
    const size_t count = state->graph->value_count;
    if (host)
        mgm_average_update(learner->average, learner->params.values, count, decay, threads);
    else
        b->ops->average(b, count, decay, learner->params.values, learner->average);
    return MGM_OK;
}

enum mgm_status mgm_learner_fetch(struct mgm_learner *learner)
{
    struct mgm_backend *b = learner->backend;
    struct mgm_train_state *state = learner->state;
    const size_t values = state->graph->value_count * sizeof(float), trained = state->graph->trained_count * sizeof(float);
    if (b->ops->host_memory)
        return MGM_OK;
    TRY(b->ops->download(b, state->params.values, learner->params.values, values));
    TRY(b->ops->download(b, state->optimiser.first, learner->first, trained));
    TRY(b->ops->download(b, state->optimiser.second, learner->second, trained));
    return state->average ? b->ops->download(b, state->average, learner->average, values) : MGM_OK;
}
