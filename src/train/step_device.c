#include "train/step_device.h"

#include "base/memory.h"

#include <string.h>

enum { SUMS = 2 + MGM_BACKEND_LEVELS }; /* of mgm_backend_losses */

struct mgm_device_step {
    struct mgm_backend *b;
    int n, size;
    size_t pixels; /* of the batch */
    /* all in the backend's memory */
    float *image, *fg, *bg;  /* [n, 3, size, size] */
    float *truth, *guidance; /* [n, size, size], as all below */
    float *alpha[MGM_HEAD_COUNT], *gradient[MGM_HEAD_COUNT];
    uint8_t *mask[MGM_HEAD_COUNT];
    uint64_t *counts; /* [MGM_HEAD_COUNT, MGM_BACKEND_LEVELS] */
    double *sums;     /* [MGM_HEAD_COUNT, SUMS] */
};

static enum mgm_status allocate(struct mgm_device_step *step)
{
    const size_t plane = step->pixels * sizeof(float);
    float **const colours[] = {&step->image, &step->fg, &step->bg}, **const planes[] = {&step->truth, &step->guidance};
    struct mgm_backend *b = step->b;
    for (int i = 0; i < 3; i++)
        TRY(b->ops->alloc(b, 3 * plane, (void **)colours[i]));
    for (int i = 0; i < 2; i++)
        TRY(b->ops->alloc(b, plane, (void **)planes[i]));
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        TRY(b->ops->alloc(b, plane, (void **)&step->alpha[head]));
        TRY(b->ops->alloc(b, plane, (void **)&step->gradient[head]));
        TRY(b->ops->alloc(b, step->pixels, (void **)&step->mask[head]));
    }
    TRY(b->ops->alloc(b, MGM_HEAD_COUNT * MGM_BACKEND_LEVELS * sizeof *step->counts, (void **)&step->counts));
    return b->ops->alloc(b, MGM_HEAD_COUNT * SUMS * sizeof *step->sums, (void **)&step->sums);
}

/** The stride-8 level is judged everywhere. */
static enum mgm_status set_whole_mask(struct mgm_device_step *step)
{
    uint8_t *ones = mgm_alloc(step->pixels, 1);
    if (!ones)
        return mgm_fail_nomem(step->b->ctx, "a training step");
    memset(ones, 1, step->pixels);
    step->b->ops->upload(step->b, step->mask[MGM_HEAD_OS8], ones, step->pixels);
    mgm_free(ones);
    return MGM_OK;
}

enum mgm_status mgm_device_step_create(struct mgm_backend *b, int n, int size, struct mgm_device_step **out)
{
    struct mgm_device_step *step = *out = mgm_alloc_zeroed(1, sizeof *step);
    if (!step)
        return mgm_fail_nomem(b->ctx, "a training step");
    *step = (struct mgm_device_step){.b = b, .n = n, .size = size, .pixels = (size_t)n * (size_t)size * (size_t)size};
    enum mgm_status status = allocate(step);
    if (status == MGM_OK)
        status = set_whole_mask(step);
    if (status != MGM_OK)
        mgm_device_step_destroy(out);
    return status;
}

void mgm_device_step_destroy(struct mgm_device_step **out)
{
    struct mgm_device_step *step = *out;
    if (!step)
        return;
    void *const blocks[] = {step->image, step->fg, step->bg, step->truth, step->guidance, step->counts, step->sums};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        step->b->ops->release(step->b, blocks[i]);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        step->b->ops->release(step->b, step->alpha[head]);
        step->b->ops->release(step->b, step->gradient[head]);
        step->b->ops->release(step->b, step->mask[head]);
    }
    mgm_free(step);
    *out = NULL;
}

enum mgm_status mgm_device_step_load(struct mgm_device_step *step, const struct mgm_batch *batch, float *input)
{
    struct mgm_backend *b = step->b;
    const size_t plane = step->pixels * sizeof(float);
    b->ops->upload(b, step->image, batch->image, 3 * plane);
    b->ops->upload(b, step->fg, batch->fg, 3 * plane);
    b->ops->upload(b, step->bg, batch->bg, 3 * plane);
    b->ops->upload(b, step->truth, batch->alpha, plane);
    b->ops->upload(b, step->guidance, batch->guidance, plane);
    b->ops->pack(b, step->n, step->size, step->size, step->image, step->guidance, mgm_network_mean, mgm_network_deviation,
                 input);
    return MGM_OK;
}

void mgm_device_step_predict(struct mgm_device_step *step, const float *const raw[MGM_HEAD_COUNT])
{
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        step->b->ops->head_forward(step->b, step->n, step->size, mgm_head_stride[head], raw[head], step->alpha[head]);
}

void mgm_device_step_propagate(struct mgm_device_step *step, float *const raw_gradient[MGM_HEAD_COUNT])
{
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        step->b->ops->head_backward(step->b, step->n, step->size, mgm_head_stride[head], step->alpha[head],
                                    step->gradient[head], raw_gradient[head]);
}

/** The mask of one finer level, then the merging that self-guidance asks for. */
static enum mgm_status mask_level(struct mgm_device_step *step, const struct mgm_step_masks *masks, enum mgm_head head)
{
    struct mgm_backend *b = step->b;
    const uint8_t *given = head == MGM_HEAD_OS4 ? masks->os4 : masks->os1;
    const int *sizes = head == MGM_HEAD_OS4 ? masks->dilate_os4 : masks->dilate_os1;
    if (given)
        b->ops->upload(b, step->mask[head], given, step->pixels);
    else
        TRY(b->ops->uncertain(b, step->n, step->size, step->alpha[head - 1], sizes, step->mask[head]));
    if (masks->merge)
        b->ops->merge(b, step->pixels, step->mask[head], step->alpha[head - 1], step->alpha[head]);
    return MGM_OK;
}

static enum mgm_status count_masks(struct mgm_device_step *step, struct mgm_step_totals *totals)
{
    struct mgm_backend *b = step->b;
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        b->ops->mask_counts(b, step->n, step->size, step->size, step->mask[head], step->counts + head * MGM_BACKEND_LEVELS);
    return b->ops->download(b, totals->counts, step->counts, sizeof totals->counts);
}

static void judge_level(struct mgm_device_step *step, const struct mgm_step_scales *scales, int head)
{
    struct mgm_backend_losses losses = {
        .n = step->n,
        .h = step->size,
        .w = step->size,
        .alpha = step->alpha[head],
        .truth = step->truth,
        .mask = step->mask[head],
        .fg = step->fg,
        .bg = step->bg,
        .scale_l1 = scales->l1[head],
        .scale_composition = scales->composition[head],
        .gradient = step->gradient[head],
        .sums = step->sums + head * SUMS,
    };
    memcpy(losses.scale_laplacian, scales->laplacian[head], sizeof losses.scale_laplacian);
    for (int c = 0; c < 3; c++)
        losses.colour_weight[c] = 1 / mgm_network_deviation[c];
    step->b->ops->losses(step->b, &losses);
}

static enum mgm_status read_sums(struct mgm_device_step *step, struct mgm_step_totals *totals)
{
    double sums[MGM_HEAD_COUNT][SUMS];
    TRY(step->b->ops->download(step->b, sums, step->sums, sizeof sums));
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        totals->l1[head] = sums[head][0];
        totals->composition[head] = sums[head][1];
        memcpy(totals->laplacian[head], sums[head] + 2, sizeof totals->laplacian[head]);
    }
    return MGM_OK;
}

enum mgm_status mgm_device_step_evaluate(struct mgm_device_step *step, const struct mgm_step_masks *masks,
                                         const struct mgm_objective *objective, struct mgm_step_losses *losses)
{
    struct mgm_backend *b = step->b;
    struct mgm_step_totals totals = {0}, all;
    TRY(mask_level(step, masks, MGM_HEAD_OS4));
    TRY(mask_level(step, masks, MGM_HEAD_OS1));
    TRY(count_masks(step, &totals));
    all = totals;
    mgm_step_totals_share(b->together, &all);
    const struct mgm_step_scales scales = mgm_step_scales(objective, &all);
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        judge_level(step, &scales, head);
    for (int head = MGM_HEAD_OS1; masks->merge && head > MGM_HEAD_OS8; head--)
        b->ops->unmerge(b, step->pixels, step->mask[head], step->gradient[head], step->gradient[head - 1]);
    TRY(read_sums(step, &totals));
    all = totals;
    mgm_step_totals_share(b->together, &all);
    *losses = mgm_step_losses_of(objective, &all, (double)step->pixels * mgm_communicator_size(b->together));
    return mgm_communicator_check(b->together, b->ctx);
}
