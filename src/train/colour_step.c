#include "train/colour_step.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "train/step_device.h"

#include <math.h>
#include <string.h>

enum { LEVEL = MGM_HEAD_OS1 }; /* where sums and losses stand that have a place for every level */

struct mgm_colour_step {
    struct mgm_communicator *together;
    enum mgm_colour_kind kind;
    int n, size, threads;
    size_t plane;
    size_t space_size;                     /* floats */
    float *space;                          /* [n, space_size] */
    struct mgm_step_totals *contributions; /* [n], added in order, so that results do not depend on the threads */
};

enum mgm_status mgm_colour_step_create(struct mgm_context *ctx, struct mgm_communicator *together, enum mgm_colour_kind kind,
                                       int n, int size, int threads, struct mgm_colour_step **out)
{
    *out = NULL;
    if (n < 1 || size < 64 || size % 32)
        return mgm_fail(ctx, MGM_E_INVALID, "a training crop of %d pixels: expected a multiple of 32, at least 64", size);
    struct mgm_colour_step *step = mgm_alloc_zeroed(1, sizeof *step);
    if (!step)
        return mgm_fail_nomem(ctx, "a training step");
    *step = (struct mgm_colour_step){.together = together,
                                     .kind = kind,
                                     .n = n,
                                     .size = size,
                                     .threads = threads,
                                     .plane = (size_t)size * (size_t)size,
                                     .space_size = 2 * (size_t)size * (size_t)size + mgm_laplacian_workspace(size, size)};
    step->space = mgm_alloc((size_t)n * step->space_size, sizeof(float));
    step->contributions = mgm_alloc_zeroed((size_t)n, sizeof *step->contributions);
    if (!step->space || !step->contributions) {
        mgm_colour_step_destroy(&step);
        return mgm_fail_nomem(ctx, "a training step");
    }
    *out = step;
    return MGM_OK;
}

void mgm_colour_step_destroy(struct mgm_colour_step **step)
{
    if (!*step)
        return;
    mgm_free((*step)->space);
    mgm_free((*step)->contributions);
    mgm_free(*step);
    *step = NULL;
}

struct pass {
    struct mgm_colour_step *step;
    const struct mgm_batch *batch;
    const float *raw;
    const struct mgm_objective *objective;
    struct mgm_step_scales scales;
    float *raw_gradient;
};

/* ---- what goes in ----------------------------------------------------------------------------------------------------- */

struct load_job {
    enum mgm_colour_kind kind;
    const struct mgm_batch *batch;
    float *input;
};

static void load_pictures(void *argument, size_t begin, size_t end)
{
    const struct load_job *job = argument;
    const size_t count = (size_t)job->batch->size * (size_t)job->batch->size, inputs = (size_t)mgm_colour_inputs(job->kind);
    for (size_t picture = begin; picture < end; picture++) {
        const float *image = job->batch->image + 3 * picture * count, *given = job->batch->guidance + picture * count;
        const float *estimate = job->batch->estimate + MGM_ESTIMATE_STRIDE * picture * count;
        float *input = job->input + picture * count * inputs;
        for (size_t i = 0; i < count; i++, input += inputs) {
            const float photo[3] = {image[i], image[count + i], image[2 * count + i]};
            if (job->kind == MGM_COLOUR_REFINING)
                mgm_refinement_input(photo, given[i], estimate + MGM_ESTIMATE_STRIDE * i, input);
            else
                mgm_foreground_pixel(photo, given[i], input);
        }
    }
}

enum mgm_colour_kind mgm_train_colour_kind(enum mgm_task task)
{
    return task == MGM_TASK_REFINEMENT ? MGM_COLOUR_REFINING : MGM_COLOUR_WHOLE;
}

void mgm_colour_step_load(enum mgm_colour_kind kind, const struct mgm_batch *batch, int threads, float *input)
{
    struct load_job job = {kind, batch, input};
    mgm_parallel_for(threads, (size_t)batch->n, load_pictures, &job);
}

/* ---- what comes out --------------------------------------------------------------------------------------------------- */

static void count_pictures(void *argument, size_t begin, size_t end)
{
    const struct pass *pass = argument;
    const struct mgm_colour_step *step = pass->step;
    for (size_t i = begin; i < end; i++)
        mgm_laplacian_mask_counts(pass->batch->unknown + i * step->plane, step->size, step->size,
                                  step->contributions[i].counts[LEVEL]);
}

float mgm_colour_step_colour(enum mgm_colour_kind kind, const struct mgm_batch *batch, size_t at, size_t image,
                             size_t channel, float raw)
{
    const float photo = batch->image[image], given = batch->guidance[at];
    if (kind == MGM_COLOUR_WHOLE)
        return mgm_foreground_of(photo, given, raw);
    return given > 0 && given < 1 ? batch->estimate[MGM_ESTIMATE_STRIDE * at + channel] + mgm_refinement_share(given) * raw
                                  : photo;
}

/** Σα·|F − truth|·g of one channel, and its gradient by F. */
MGM_KERNEL static double composition(const float *colour, const float *truth, const float *alpha, const uint8_t *mask,
                                     size_t count, float scale, float *gradient)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const float g = (float)mask[i] * alpha[i], d = colour[i] - truth[i];
        sum += (double)(fabsf(d) * g);
        gradient[i] += scale * g * (float)((d > 0) - (d < 0));
    }
    return sum;
}

/** ∂F/∂raw */
static float slope_of(enum mgm_colour_kind kind, float given)
{
    return kind == MGM_COLOUR_WHOLE ? 1 - given : given > 0 ? mgm_refinement_share(given) : 0;
}

static void judge_channel(const struct pass *pass, size_t picture, size_t channel)
{
    const struct mgm_colour_step *step = pass->step;
    const struct mgm_batch *batch = pass->batch;
    const size_t count = step->plane, at = picture * count, coloured = (3 * picture + channel) * count;
    struct mgm_step_totals *own = &step->contributions[picture];
    float *colour = step->space + picture * step->space_size, *gradient = colour + count, *workspace = gradient + count;
    const float *given = batch->guidance + at, *truth = batch->fg + coloured;
    const float *raw = pass->raw + MGM_FOREGROUND_OUTPUTS * at + channel;
    float *raw_gradient = pass->raw_gradient + MGM_FOREGROUND_OUTPUTS * at + channel;
    const uint8_t *mask = batch->unknown + at;
    double sums[MGM_LAPLACIAN_LEVELS];
    for (size_t i = 0; i < count; i++)
        colour[i] =
            mgm_colour_step_colour(step->kind, batch, at + i, coloured + i, channel, raw[MGM_FOREGROUND_OUTPUTS * i]);
    memset(gradient, 0, count * sizeof *gradient);
    own->l1[LEVEL] += mgm_loss_l1(colour, truth, mask, count, pass->scales.l1[LEVEL], gradient);
    own->composition[LEVEL] +=
        composition(colour, truth, batch->alpha + at, mask, count, pass->scales.composition[LEVEL], gradient);
    if (pass->objective->loss_weight[MGM_LOSS_LAPLACIAN] > 0) {
        mgm_loss_laplacian(colour, truth, mask, step->size, step->size, pass->scales.laplacian[LEVEL], workspace, sums,
                           gradient);
        for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++)
            own->laplacian[LEVEL][level] += sums[level];
    }
    for (size_t i = 0; i < count; i++)
        raw_gradient[MGM_FOREGROUND_OUTPUTS * i] = slope_of(step->kind, given[i]) * gradient[i];
}

static void judge_pictures(void *argument, size_t begin, size_t end)
{
    for (size_t picture = begin; picture < end; picture++)
        for (size_t channel = 0; channel < 3; channel++)
            judge_channel(argument, picture, channel);
}

static struct mgm_step_totals add_up(const struct mgm_colour_step *step)
{
    struct mgm_step_totals totals = {0};
    for (int picture = 0; picture < step->n; picture++) {
        const struct mgm_step_totals *part = &step->contributions[picture];
        totals.l1[LEVEL] += part->l1[LEVEL];
        totals.composition[LEVEL] += part->composition[LEVEL];
        for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++) {
            totals.counts[LEVEL][level] += part->counts[LEVEL][level];
            totals.laplacian[LEVEL][level] += part->laplacian[LEVEL][level];
        }
    }
    return totals;
}

enum mgm_status mgm_colour_step_evaluate(struct mgm_context *ctx, struct mgm_colour_step *step,
                                         const struct mgm_batch *batch, const float *raw,
                                         const struct mgm_objective *objective, float *raw_gradient,
                                         struct mgm_step_losses *losses)
{
    if (batch->n != step->n || batch->size != step->size)
        return mgm_fail(ctx, MGM_E_SHAPE, "a batch of %d crops of %d pixels for a training step made for %d of %d", batch->n,
                        batch->size, step->n, step->size);
    struct pass pass = {.step = step, .batch = batch, .raw = raw, .objective = objective, .raw_gradient = raw_gradient};
    memset(step->contributions, 0, (size_t)step->n * sizeof *step->contributions);
    mgm_parallel_for(step->threads, (size_t)step->n, count_pictures, &pass);
    struct mgm_step_totals totals = add_up(step);
    mgm_step_totals_share(step->together, &totals);
    pass.scales = mgm_step_scales(objective, &totals);
    mgm_parallel_for(step->threads, (size_t)step->n, judge_pictures, &pass);
    totals = add_up(step);
    mgm_step_totals_share(step->together, &totals);
    *losses = mgm_step_losses_of(objective, &totals,
                                 (double)step->n * (double)step->plane * mgm_communicator_size(step->together));
    return mgm_communicator_check(step->together, ctx);
}
