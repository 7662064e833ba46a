#include "train/optimiser.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 16384 };

struct mgm_optimiser_settings mgm_optimiser_settings_defaults(void)
{
    return (struct mgm_optimiser_settings){
        .beta1 = 0.5, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0, .clip_factor = 2, .clip_decay = 0.999};
}

enum mgm_status mgm_optimiser_create(struct mgm_context *ctx, size_t count, struct mgm_optimiser *out)
{
    memset(out, 0, sizeof *out);
    out->count = count;
    out->first = mgm_alloc_zeroed(count, sizeof(float));
    out->second = mgm_alloc_zeroed(count, sizeof(float));
    if (out->first && out->second)
        return MGM_OK;
    mgm_optimiser_release(out);
    return mgm_fail_nomem(ctx, "the optimiser's moments");
}

void mgm_optimiser_release(struct mgm_optimiser *optimiser)
{
    mgm_free(optimiser->first);
    mgm_free(optimiser->second);
    memset(optimiser, 0, sizeof *optimiser);
}

MGM_KERNEL static double sum_of_squares(const float *values, size_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

struct norm_job {
    const float *values;
    size_t count;
    double *sums; /* one for each chunk, added in order afterwards */
};

static void norm_part(void *argument, size_t begin, size_t end)
{
    struct norm_job *job = argument;
    for (size_t i = begin; i < end; i++) {
        size_t start = i * CHUNK;
        job->sums[i] = sum_of_squares(job->values + start, job->count - start < CHUNK ? job->count - start : CHUNK);
    }
}

static double norm_of(const float *values, size_t count, int threads)
{
    size_t chunks = (count + CHUNK - 1) / CHUNK;
    double total = 0, *sums = mgm_alloc(chunks, sizeof *sums);
    if (!sums)
        return sqrt(sum_of_squares(values, count));
    struct norm_job job = {values, count, sums};
    mgm_parallel_for(threads, chunks, norm_part, &job);
    for (size_t i = 0; i < chunks; i++)
        total += sums[i];
    mgm_free(sums);
    return sqrt(total);
}

struct adam_job {
    const float *gradients;
    float *values, *first, *second;
    struct mgm_adam_factors factors;
};

MGM_KERNEL static void adam_part(void *argument, size_t begin, size_t end)
{
    const struct adam_job *job = argument;
    const float *gradients = job->gradients;
    float *values = job->values, *first = job->first, *second = job->second;
    const struct mgm_adam_factors f = job->factors;
    const float clip = f.clip, step_size = f.step_size, keep1 = f.keep1, take1 = f.take1, keep2 = f.keep2, take2 = f.take2;
    const float root_correction = f.root_correction, epsilon = f.epsilon, shrink = f.shrink;
#pragma omp simd
    for (size_t i = begin; i < end; i++) {
        float g = clip * gradients[i];
        first[i] = keep1 * first[i] + take1 * g;
        second[i] = keep2 * second[i] + take2 * g * g;
        values[i] = shrink * values[i] - step_size * first[i] / (sqrtf(second[i]) * root_correction + epsilon);
    }
}

bool mgm_optimiser_advance(struct mgm_optimiser *optimiser, const struct mgm_optimiser_settings *settings,
                           double learning_rate, double norm, struct mgm_adam_factors *factors)
{
    if (!isfinite(norm))
        return false;
    double clip = 1;
    if (settings->clip_factor > 0 && optimiser->average_norm > 0)
        clip = fmin(1, settings->clip_factor * optimiser->average_norm / (norm + 1e-6));
    optimiser->average_norm = optimiser->average_norm > 0
                                  ? settings->clip_decay * optimiser->average_norm + (1 - settings->clip_decay) * norm
                                  : norm;
    double steps = (double)++optimiser->steps;
    *factors = (struct mgm_adam_factors){
        .clip = (float)clip,
        .keep1 = (float)settings->beta1,
        .take1 = (float)(1 - settings->beta1), /* 1 − 0.999f would be off by 1e-5 */
        .keep2 = (float)settings->beta2,
        .take2 = (float)(1 - settings->beta2),
        .step_size = (float)(learning_rate / (1 - pow(settings->beta1, steps))),
        .root_correction = (float)(1 / sqrt(1 - pow(settings->beta2, steps))),
        .epsilon = (float)settings->epsilon,
        .shrink = (float)(1 - learning_rate * settings->weight_decay),
    };
    return true;
}

double mgm_optimiser_step(struct mgm_optimiser *optimiser, const struct mgm_optimiser_settings *settings,
                          double learning_rate, int threads, const float *gradients, float *values)
{
    double norm = norm_of(gradients, optimiser->count, threads);
    struct adam_job job = {.gradients = gradients, .values = values, .first = optimiser->first, .second = optimiser->second};
    if (mgm_optimiser_advance(optimiser, settings, learning_rate, norm, &job.factors))
        mgm_parallel_for(threads, optimiser->count, adam_part, &job);
    return norm;
}

struct average_job {
    float *average;
    const float *values;
    float take;
};

MGM_KERNEL static void average_part(void *argument, size_t begin, size_t end)
{
    const struct average_job *job = argument;
    float *average = job->average, take = job->take;
    const float *values = job->values;
#pragma omp simd
    for (size_t i = begin; i < end; i++)
        average[i] += take * (values[i] - average[i]); /* one factor: two that are rounded would not come to 1 together */
}

void mgm_average_update(float *average, const float *values, size_t count, double decay, int threads)
{
    struct average_job job = {average, values, (float)(1 - decay)};
    mgm_parallel_for(threads, count, average_part, &job);
}
