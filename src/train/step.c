#include "train/step.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "matting/refinement.h"
#include "train/feed.h"
#include "train/heads.h"
#include "train/step_device.h"

#include <stdatomic.h>
#include <string.h>

struct mgm_step {
    struct mgm_communicator *together; /* the backend's */
    struct mgm_device_step *device;    /* where the backend's memory is not ours; then all below is unused */
    int n, size, threads;
    size_t plane; /* pixels of a picture */
    size_t workspace_size;
    float *workspace; /* [threads, workspace_size] */
    float *alpha[MGM_HEAD_COUNT], *gradient[MGM_HEAD_COUNT];
    uint8_t *mask[MGM_HEAD_COUNT];
    struct mgm_step_totals
        *contributions; /* [n]; each picture's, added in order, so that results do not depend on the threads */
};

/** One parallel pass over the pictures: threads take the next picture when they are done with one. */
struct pass {
    struct mgm_step *step;
    void (*picture)(const struct pass *pass, int picture, float *workspace);
    atomic_int next;
    const float *const *raw;
    float *const *raw_gradient;
    const struct mgm_batch *batch;
    const struct mgm_step_masks *masks;
    const struct mgm_objective *objective;
    struct mgm_step_scales scales;
    struct mgm_context *failures; /* [n], each picture's own, since a context belongs to one thread */
    enum mgm_status *statuses;    /* [n] */
};

static void run_slots(void *argument, size_t begin, size_t end)
{
    struct pass *pass = argument;
    for (size_t slot = begin; slot < end; slot++) {
        int picture;
        while ((picture = atomic_fetch_add(&pass->next, 1)) < pass->step->n)
            pass->picture(pass, picture, pass->step->workspace + slot * pass->step->workspace_size);
    }
}

static void run_pass(struct pass *pass, void (*picture)(const struct pass *, int, float *))
{
    pass->picture = picture;
    atomic_store(&pass->next, 0);
    mgm_parallel_for(pass->step->threads, (size_t)pass->step->threads, run_slots, pass);
}

enum mgm_status mgm_step_create(struct mgm_context *ctx, struct mgm_backend *backend, int n, int size, int threads,
                                struct mgm_step **out)
{
    *out = NULL;
    if (n < 1 || size < 64 || size % 32)
        return mgm_fail(ctx, MGM_E_INVALID, "a training crop of %d pixels: expected a multiple of 32, at least 64", size);
    struct mgm_step *step = mgm_alloc_zeroed(1, sizeof *step);
    if (!step)
        return mgm_fail_nomem(ctx, "a training step");
    step->n = n;
    step->size = size;
    step->threads = mgm_thread_count(threads);
    step->together = backend ? backend->together : NULL;
    step->plane = (size_t)size * (size_t)size;
    if (backend && !backend->ops->host_memory) {
        enum mgm_status status = mgm_device_step_create(backend, n, size, &step->device);
        if (status != MGM_OK)
            mgm_step_destroy(&step);
        *out = step;
        return status;
    }
    size_t laplacian = mgm_laplacian_workspace(size, size), head = mgm_head_workspace(size, size);
    step->workspace_size = ((laplacian > head ? laplacian : head) + 15) / 16 * 16;
    step->workspace = mgm_alloc((size_t)step->threads * step->workspace_size, sizeof(float));
    step->contributions = mgm_alloc_zeroed((size_t)n, sizeof *step->contributions);
    bool complete = step->workspace && step->contributions;
    for (int head_index = 0; head_index < MGM_HEAD_COUNT; head_index++) {
        size_t count = (size_t)n * step->plane;
        step->alpha[head_index] = mgm_alloc(count, sizeof(float));
        step->gradient[head_index] = mgm_alloc(count, sizeof(float));
        step->mask[head_index] = mgm_alloc(count, 1);
        complete = complete && step->alpha[head_index] && step->gradient[head_index] && step->mask[head_index];
    }
    if (!complete) {
        mgm_step_destroy(&step);
        return mgm_fail_nomem(ctx, "a training step");
    }
    memset(step->mask[MGM_HEAD_OS8], 1, (size_t)n * step->plane);
    *out = step;
    return MGM_OK;
}

void mgm_step_destroy(struct mgm_step **step)
{
    if (!*step)
        return;
    mgm_device_step_destroy(&(*step)->device);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        mgm_free((*step)->alpha[head]);
        mgm_free((*step)->gradient[head]);
        mgm_free((*step)->mask[head]);
    }
    mgm_free((*step)->contributions);
    mgm_free((*step)->workspace);
    mgm_free(*step);
    *step = NULL;
}

float *mgm_step_alpha(struct mgm_step *step, enum mgm_head head)
{
    return step->alpha[head];
}

const uint8_t *mgm_step_mask(const struct mgm_step *step, enum mgm_head head)
{
    return step->mask[head];
}

const float *mgm_step_alpha_gradient(const struct mgm_step *step, enum mgm_head head)
{
    return step->gradient[head];
}

static void predict_picture(const struct pass *pass, int picture, float *workspace)
{
    struct mgm_step *step = pass->step;
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        int stride = mgm_head_stride[head];
        size_t raw_plane = step->plane / (size_t)(stride * stride);
        mgm_head_forward(pass->raw[head] + (size_t)picture * raw_plane, step->size, step->size, stride, workspace,
                         step->alpha[head] + (size_t)picture * step->plane);
    }
}

enum mgm_status mgm_step_load(struct mgm_step *step, const struct mgm_batch *batch, float *input)
{
    if (step->device)
        return mgm_device_step_load(step->device, batch, input);
    mgm_feed_pack(batch, step->threads, input);
    return MGM_OK;
}

void mgm_step_predict(struct mgm_step *step, const float *const raw[MGM_HEAD_COUNT])
{
    if (step->device) {
        mgm_device_step_predict(step->device, raw);
        return;
    }
    struct pass pass = {.step = step, .raw = raw};
    run_pass(&pass, predict_picture);
}

static void propagate_picture(const struct pass *pass, int picture, float *workspace)
{
    struct mgm_step *step = pass->step;
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        int stride = mgm_head_stride[head];
        size_t raw_plane = step->plane / (size_t)(stride * stride), at = (size_t)picture * step->plane;
        mgm_head_backward(step->alpha[head] + at, step->gradient[head] + at, step->size, step->size, stride, workspace,
                          pass->raw_gradient[head] + (size_t)picture * raw_plane);
    }
}

void mgm_step_propagate(struct mgm_step *step, float *const raw_gradient[MGM_HEAD_COUNT])
{
    if (step->device) {
        mgm_device_step_propagate(step->device, raw_gradient);
        return;
    }
    struct pass pass = {.step = step, .raw_gradient = raw_gradient};
    run_pass(&pass, propagate_picture);
}

/** The mask of one finer level of one picture, then the merging that self-guidance asks for. */
static enum mgm_status mask_level(const struct pass *pass, int picture, enum mgm_head head)
{
    struct mgm_step *step = pass->step;
    const struct mgm_step_masks *masks = pass->masks;
    size_t at = (size_t)picture * step->plane;
    uint8_t *mask = step->mask[head] + at;
    float *finer = step->alpha[head] + at;
    const float *coarser = step->alpha[head - 1] + at;
    const uint8_t *given = head == MGM_HEAD_OS4 ? masks->os4 : masks->os1;
    const int *sizes = head == MGM_HEAD_OS4 ? masks->dilate_os4 : masks->dilate_os1;
    if (given)
        memcpy(mask, given + at, step->plane);
    else
        TRY(mgm_uncertain_region(&pass->failures[picture], coarser, step->size, step->size, sizes[picture], mask));
    for (size_t i = 0; masks->merge && i < step->plane; i++)
        finer[i] = mask[i] ? finer[i] : coarser[i];
    return MGM_OK;
}

static void mask_picture(const struct pass *pass, int picture, float *workspace)
{
    (void)workspace;
    struct mgm_step *step = pass->step;
    enum mgm_status status = mask_level(pass, picture, MGM_HEAD_OS4);
    if (status == MGM_OK)
        status = mask_level(pass, picture, MGM_HEAD_OS1);
    pass->statuses[picture] = status;
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        mgm_laplacian_mask_counts(step->mask[head] + (size_t)picture * step->plane, step->size, step->size,
                                  step->contributions[picture].counts[head]);
}

/** The gradient of pixels that merging kept from the coarser level goes there. */
static void unmerge(const uint8_t *mask, size_t count, float *finer, float *coarser)
{
    for (size_t i = 0; i < count; i++) {
        float kept = mask[i] ? 0 : finer[i];
        coarser[i] += kept;
        finer[i] -= kept;
    }
}

static void judge_picture(const struct pass *pass, int picture, float *workspace)
{
    struct mgm_step *step = pass->step;
    struct mgm_step_totals *own = &step->contributions[picture];
    const double *loss_weight = pass->objective->loss_weight;
    size_t at = (size_t)picture * step->plane;
    const float *truth = pass->batch->alpha + at;
    const struct mgm_loss_colours colours = {
        .truth = truth,
        .fg = pass->batch->fg + 3 * at,
        .bg = pass->batch->bg + 3 * at,
        .weight = {1 / mgm_network_deviation[0], 1 / mgm_network_deviation[1], 1 / mgm_network_deviation[2]},
    };
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        const float *alpha = step->alpha[head] + at;
        const uint8_t *mask = step->mask[head] + at;
        float *gradient = step->gradient[head] + at;
        memset(gradient, 0, step->plane * sizeof *gradient);
        if (loss_weight[MGM_LOSS_L1] != 0)
            own->l1[head] = mgm_loss_l1(alpha, truth, mask, step->plane, pass->scales.l1[head], gradient);
        if (loss_weight[MGM_LOSS_COMPOSITION] != 0)
            own->composition[head] =
                mgm_loss_composition(alpha, &colours, mask, step->plane, pass->scales.composition[head], gradient);
        if (loss_weight[MGM_LOSS_LAPLACIAN] != 0)
            mgm_loss_laplacian(alpha, truth, mask, step->size, step->size, pass->scales.laplacian[head], workspace,
                               own->laplacian[head], gradient);
    }
    for (int head = MGM_HEAD_OS1; pass->masks->merge && head > MGM_HEAD_OS8; head--)
        unmerge(step->mask[head] + at, step->plane, step->gradient[head] + at, step->gradient[head - 1] + at);
}

static struct mgm_step_totals add_up(const struct mgm_step *step)
{
    struct mgm_step_totals totals = {0};
    for (int picture = 0; picture < step->n; picture++) {
        const struct mgm_step_totals *part = &step->contributions[picture];
        for (int head = 0; head < MGM_HEAD_COUNT; head++) {
            totals.l1[head] += part->l1[head];
            totals.composition[head] += part->composition[head];
            for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++) {
                totals.counts[head][level] += part->counts[head][level];
                totals.laplacian[head][level] += part->laplacian[head][level];
            }
        }
    }
    return totals;
}

/* ---- evaluation --------------------------------------------------------------------------------------------------------
 */

enum mgm_status mgm_step_evaluate(struct mgm_context *ctx, struct mgm_step *step, const struct mgm_batch *batch,
                                  const struct mgm_step_masks *masks, const struct mgm_objective *objective,
                                  struct mgm_step_losses *losses)
{
    if (batch->n != step->n || batch->size != step->size)
        return mgm_fail(ctx, MGM_E_SHAPE, "a batch of %d crops of %d pixels for a training step made for %d of %d", batch->n,
                        batch->size, step->n, step->size);
    if (step->device)
        return mgm_device_step_evaluate(step->device, masks, objective, losses);
    struct pass pass = {.step = step, .batch = batch, .masks = masks, .objective = objective};
    enum mgm_status status = MGM_OK;
    pass.failures = mgm_alloc_zeroed((size_t)step->n, sizeof *pass.failures);
    pass.statuses = mgm_alloc_zeroed((size_t)step->n, sizeof *pass.statuses);
    if (!pass.failures || !pass.statuses) {
        status = mgm_fail_nomem(ctx, "a training step");
        goto done;
    }
    memset(step->contributions, 0, (size_t)step->n * sizeof *step->contributions);
    run_pass(&pass, mask_picture);
    for (int picture = 0; picture < step->n; picture++)
        if (pass.statuses[picture] != MGM_OK) {
            status = mgm_fail(ctx, pass.statuses[picture], "%s", pass.failures[picture].error);
            goto done;
        }
    struct mgm_step_totals totals = add_up(step);
    mgm_step_totals_share(step->together, &totals);
    pass.scales = mgm_step_scales(objective, &totals);
    run_pass(&pass, judge_picture);
    totals = add_up(step);
    mgm_step_totals_share(step->together, &totals);
    *losses = mgm_step_losses_of(objective, &totals,
                                 (double)step->n * (double)step->plane * mgm_communicator_size(step->together));
    status = mgm_communicator_check(step->together, ctx);
done:
    mgm_free(pass.failures);
    mgm_free(pass.statuses);
    return status;
}
