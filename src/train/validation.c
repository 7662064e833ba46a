#include "train/validation.h"

#include "base/memory.h"
#include "matting/refinement.h"
#include "nn/infer_plan.h"
#include "train/colour_step.h"
#include "train/feed.h"

#include <math.h>
#include <string.h>

enum { SEED = 20210619, SHOWN_MOST = 6, GAP = MGM_SHEET_GAP };

struct mgm_validation {
    enum mgm_task task;
    enum mgm_head_fusion heads;
    struct mgm_batch batch;
    float *alpha[MGM_HEAD_COUNT], *fused;
    uint8_t *unknown[2];
    struct mgm_bitmap sheet;
};

/** One picture of the sheet; beyond its last row, none. @param planes  [channels, size, size] */
static void put_cell(struct mgm_validation *validation, int row, int column, const float *planes, int channels)
{
    const int size = validation->batch.size, pitch = size + GAP;
    struct mgm_bitmap *sheet = &validation->sheet;
    const size_t count = (size_t)size * (size_t)size, left = (size_t)(column * pitch), top = (size_t)(row * pitch);
    for (size_t i = 0; row < SHOWN_MOST && i < 3 * count; i++) {
        const size_t pixel = i / 3, y = top + pixel / (size_t)size, x = left + pixel % (size_t)size;
        const float value = planes[channels == 3 ? i % 3 * count + pixel : pixel];
        sheet->data[3 * (y * (size_t)sheet->width + x) + i % 3] = (uint8_t)(255 * (value < 0   ? 0
                                                                                   : value > 1 ? 1
                                                                                               : value) +
                                                                            0.5f);
    }
}

/** What stays the same at every validation: photos, guidance, true mattes. */
static enum mgm_status begin_sheet(struct mgm_context *ctx, struct mgm_validation *validation)
{
    const struct mgm_batch *batch = &validation->batch;
    const int rows = batch->n < SHOWN_MOST ? batch->n : SHOWN_MOST, pitch = batch->size + GAP;
    const size_t plane = (size_t)batch->size * (size_t)batch->size;
    TRY(mgm_bitmap_create(ctx, MGM_SHEET_COLUMNS * pitch - GAP, rows * pitch - GAP, 3, &validation->sheet));
    memset(validation->sheet.data, 128, (size_t)validation->sheet.width * (size_t)validation->sheet.height * 3);
    for (int i = 0; i < rows; i++) {
        put_cell(validation, i, 0, batch->image + (size_t)i * 3 * plane, 3);
        put_cell(validation, i, 1, batch->guidance + (size_t)i * plane, 1);
        put_cell(validation, i, 3, batch->alpha + (size_t)i * plane, 1);
    }
    return MGM_OK;
}

const struct mgm_bitmap *mgm_validation_sheet(const struct mgm_validation *validation)
{
    return &validation->sheet;
}

enum mgm_status mgm_validation_create(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                      const struct mgm_sample_settings *samples, enum mgm_head_fusion heads, int count,
                                      int size, struct mgm_validation **out)
{
    *out = NULL;
    struct mgm_validation *validation = mgm_alloc_zeroed(1, sizeof *validation);
    if (!validation)
        return mgm_fail_nomem(ctx, "validation");
    struct mgm_sample_settings settings = *samples;
    settings.validation = true;
    validation->task = settings.task;
    validation->heads = heads;
    size_t plane = (size_t)size * (size_t)size;
    bool complete = true;
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        complete = (validation->alpha[head] = mgm_alloc(plane, sizeof(float))) && complete;
    for (int i = 0; i < 2; i++)
        complete = (validation->unknown[i] = mgm_alloc(plane, 1)) && complete;
    complete = (validation->fused = mgm_alloc(plane, sizeof(float))) && complete;
    enum mgm_status status = complete ? MGM_OK : mgm_fail_nomem(ctx, "validation");
    if (status == MGM_OK)
        status = mgm_batch_create_for(ctx, settings.task, count, size, &validation->batch);
    for (int i = 0; i < count && status == MGM_OK; i++)
        status = mgm_sample_make(ctx, store, &settings, SEED, (uint64_t)i, &validation->batch, i);
    if (status == MGM_OK)
        status = begin_sheet(ctx, validation);
    if (status == MGM_OK)
        *out = validation;
    else
        mgm_validation_destroy(&validation);
    return status;
}

void mgm_validation_destroy(struct mgm_validation **validation)
{
    if (!*validation)
        return;
    mgm_batch_release(&(*validation)->batch);
    mgm_bitmap_release(&(*validation)->sheet);
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        mgm_free((*validation)->alpha[head]);
    for (int i = 0; i < 2; i++)
        mgm_free((*validation)->unknown[i]);
    mgm_free((*validation)->fused);
    mgm_free(*validation);
    *validation = NULL;
}

static void add_scores(const struct mgm_batch *batch, int index, const float *alpha, struct mgm_validation_scores *scores)
{
    size_t plane = (size_t)batch->size * (size_t)batch->size, at = (size_t)index * plane, unknown = 0;
    double sad = 0, squares = 0, sad_whole = 0, squares_whole = 0, guidance = 0;
    for (size_t i = 0; i < plane; i++) {
        double d = (double)alpha[i] - (double)batch->alpha[at + i];
        sad_whole += fabs(d);
        squares_whole += d * d;
        if (!batch->unknown[at + i])
            continue;
        unknown++;
        sad += fabs(d);
        squares += d * d;
        guidance += fabs((double)batch->guidance[at + i] - (double)batch->alpha[at + i]);
    }
    scores->sad += sad / 1000 / batch->n;
    scores->mse += unknown ? squares / (double)unknown / batch->n : 0;
    scores->sad_whole += sad_whole / 1000 / batch->n;
    scores->mse_whole += squares_whole / (double)plane / batch->n;
    scores->sad_guidance += guidance / 1000 / batch->n;
}

/** The same of colours, from the colour network's raw output. */
static void add_colour_scores(enum mgm_colour_kind kind, const struct mgm_batch *batch, int index, const float *raw,
                              struct mgm_validation_scores *scores)
{
    const size_t plane = (size_t)batch->size * (size_t)batch->size, at = (size_t)index * plane;
    double sad = 0, squares = 0, sad_blended = 0, squares_blended = 0, own = 0;
    size_t seen = 0;
    for (size_t i = 0; i < 3 * plane; i++) {
        const size_t pixel = i % plane;
        const float photo = batch->image[3 * at + i];
        const double alpha = (double)batch->alpha[at + pixel], truth = (double)batch->fg[3 * at + i];
        if (alpha <= 0)
            continue;
        const size_t channel = i / plane;
        const float colour = mgm_colour_step_colour(kind, batch, at + pixel, 3 * at + i, channel,
                                                    raw[MGM_FOREGROUND_OUTPUTS * pixel + channel]);
        const double d = fmin(fmax((double)colour, 0), 1) - truth;
        seen++;
        sad += fabs(d);
        squares += d * d;
        sad_blended += alpha * fabs(d);
        squares_blended += alpha * d * alpha * d;
        own += fabs((double)photo - truth);
    }
    scores->sad += sad / 1000 / batch->n;
    scores->mse += seen ? squares / (double)seen / batch->n : 0;
    scores->sad_whole += sad_blended / 1000 / batch->n;
    scores->mse_whole += squares_blended / (3 * (double)plane) / batch->n;
    scores->sad_guidance += own / 1000 / batch->n;
}

/** Of the heads' outputs in the plan: validation->fused. */
static enum mgm_status make_matte(struct mgm_context *ctx, struct mgm_validation *validation,
                                  const struct mgm_infer_plan *plan)
{
    const int size = validation->batch.size;
    if (validation->heads != MGM_FUSE_BY_REFINEMENT) {
        mgm_head_to_alpha(mgm_infer_plan_output(plan, MGM_HEAD_OS1), size, size, mgm_head_stride[MGM_HEAD_OS1],
                          validation->fused);
        return MGM_OK;
    }
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        mgm_head_to_alpha(mgm_infer_plan_output(plan, head), size, size, mgm_head_stride[head], validation->alpha[head]);
    const struct mgm_fusion fusion = {MGM_DILATE_OS4, MGM_DILATE_OS1, validation->fused, validation->unknown[0],
                                      validation->unknown[1]};
    return mgm_fuse(ctx, validation->alpha[MGM_HEAD_OS8], validation->alpha[MGM_HEAD_OS4], validation->alpha[MGM_HEAD_OS1],
                    size, size, &fusion);
}

enum mgm_status mgm_validation_run(struct mgm_context *ctx, struct mgm_validation *validation, const struct mgm_graph *graph,
                                   const struct mgm_params *params, int threads, struct mgm_validation_scores *scores)
{
    const struct mgm_batch *batch = &validation->batch;
    const struct mgm_infer_plan_settings settings = {.n = 1, .h = batch->size, .w = batch->size, .threads = threads};
    struct mgm_infer_plan *plan = NULL;
    memset(scores, 0, sizeof *scores);
    const enum mgm_colour_kind kind = mgm_train_colour_kind(validation->task);
    scores->colour = validation->task != MGM_TASK_MATTING;
    TRY(mgm_infer_plan_create(ctx, graph, params, &settings, &plan));
    enum mgm_status status = MGM_OK;
    for (int i = 0; i < batch->n && status == MGM_OK; i++) {
        size_t plane = (size_t)batch->size * (size_t)batch->size;
        struct mgm_batch one = *batch;
        one.n = 1;
        one.image += (size_t)i * 3 * plane;
        one.guidance += (size_t)i * plane;
        if (one.estimate)
            one.estimate += MGM_ESTIMATE_STRIDE * (size_t)i * plane;
        if (scores->colour)
            mgm_colour_step_load(kind, &one, 1, mgm_infer_plan_input(plan));
        else
            mgm_feed_pack(&one, 1, mgm_infer_plan_input(plan));
        status = mgm_infer_plan_run(plan);
        if (status != MGM_OK)
            break;
        if (scores->colour) {
            add_colour_scores(kind, batch, i, mgm_infer_plan_output(plan, 0), scores);
            continue;
        }
        status = make_matte(ctx, validation, plan);
        if (status == MGM_OK) {
            add_scores(batch, i, validation->fused, scores);
            put_cell(validation, i, 2, validation->fused, 1);
        }
    }
    mgm_infer_plan_destroy(&plan);
    return status;
}
