#include "scoring.h"

#include "image_file.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <string.h>

/** The pictures of one name. */
struct pictures {
    struct mgm_bitmap pred, alpha, region;
};

/** Reads a picture that must be of the size of another. */
static enum mgm_status read_like(struct mgm_context *ctx, const char *path, const char *other, const struct mgm_bitmap *want,
                                 struct mgm_bitmap *out)
{
    TRY(image_file_read(ctx, path, 1, out));
    if (out->width == want->width && out->height == want->height)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, but %s has %d × %d", path, out->width, out->height, other,
                    want->width, want->height);
}

static enum mgm_status read_region(struct mgm_context *ctx, const struct scoring *scoring, const char *path,
                                   const char *alpha_path, struct pictures *pictures)
{
    struct mgm_bitmap *region = &pictures->region;
    TRY(read_like(ctx, path, alpha_path, &pictures->alpha, region));
    const size_t count = (size_t)region->width * (size_t)region->height;
    const bool detail = scoring->region == MGM_REGION_DETAIL;
    for (size_t i = 0; i < count && detail; i++)
        region->data[i] = region->data[i] ? MGM_TRIMAP_UNKNOWN : 0; /* which is how metrics know a region */
    if (!memchr(region->data, MGM_TRIMAP_UNKNOWN, count))
        return mgm_fail(ctx, MGM_E_INVALID, "%s has no pixel %s, so there is nothing to score", path,
                        detail ? "above 0" : "of value 128");
    return MGM_OK;
}

static enum mgm_status read_pictures(struct mgm_context *ctx, const struct scoring *scoring, const char *name,
                                     struct pictures *pictures)
{
    const char *pred, *alpha, *region = NULL;
    TRY(folder_find(ctx, &scoring->preds, name, &pred));
    TRY(folder_find(ctx, &scoring->alphas, name, &alpha));
    if (scoring->region != MGM_REGION_WHOLE)
        TRY(folder_find(ctx, &scoring->regions, name, &region));
    TRY(image_file_read(ctx, alpha, 1, &pictures->alpha));
    TRY(read_like(ctx, pred, alpha, &pictures->alpha, &pictures->pred));
    return region ? read_region(ctx, scoring, region, alpha, pictures) : MGM_OK;
}

enum mgm_status scoring_measure(struct mgm_context *ctx, const struct mgm_bitmap *pred_picture,
                                const struct mgm_bitmap *alpha_picture, const uint8_t *region,
                                double values[MGM_METRIC_COUNT])
{
    const uint8_t *pred = pred_picture->data, *alpha = alpha_picture->data;
    const int h = alpha_picture->height, w = alpha_picture->width;
    const size_t count = (size_t)h * (size_t)w;
    values[0] = mgm_metric_sad(pred, alpha, region, count);
    values[1] = mgm_metric_mse(pred, alpha, region, count);
    TRY(mgm_metric_grad(ctx, pred, alpha, region, h, w, &values[2]));
    return mgm_metric_conn(ctx, pred, alpha, region, h, w, &values[3]);
}

static void score_one(struct mgm_context *ctx, const struct scoring *scoring, struct score *score)
{
    struct pictures pictures = {0};
    enum mgm_status status = read_pictures(ctx, scoring, score->name, &pictures);
    if (status == MGM_OK)
        status = scoring_measure(ctx, &pictures.pred, &pictures.alpha, pictures.region.data, score->values);
    if (status == MGM_OK)
        mgm_metric_sad_parts(pictures.pred.data, pictures.alpha.data, pictures.region.data,
                             (size_t)pictures.alpha.width * (size_t)pictures.alpha.height, score->parts);
    score->failed = status != MGM_OK;
    if (score->failed)
        score->complaint = mgm_strdup(mgm_context_error(ctx));
    mgm_bitmap_release(&pictures.pred);
    mgm_bitmap_release(&pictures.alpha);
    mgm_bitmap_release(&pictures.region);
}

/** A context of its own for each part: it holds the sentence of its own failures. */
static void score_part(void *argument, size_t begin, size_t end)
{
    const struct scoring *scoring = argument;
    struct mgm_context *ctx = NULL;
    if (mgm_context_create(&ctx) == MGM_OK)
        mgm_context_set_threads(ctx, 1);
    for (size_t i = begin; i < end; i++) {
        scoring->scores[i].failed = !ctx;
        if (ctx)
            score_one(ctx, scoring, &scoring->scores[i]);
    }
    mgm_context_destroy(&ctx);
}

static enum mgm_status list_scores(struct mgm_context *ctx, struct scoring *scoring)
{
    const size_t most = (size_t)scoring->alphas.count + (size_t)scoring->preds.count;
    scoring->scores = mgm_alloc_zeroed(most, sizeof *scoring->scores);
    if (!scoring->scores)
        return mgm_fail_nomem(ctx, "the table of scores");
    for (int i = 0; i < scoring->alphas.count; i++)
        scoring->scores[scoring->count++].name = scoring->alphas.entries[i].name;
    for (int i = 0; i < scoring->preds.count; i++)
        if (!folder_holds(&scoring->alphas, scoring->preds.entries[i].name))
            scoring->scores[scoring->count++].name = scoring->preds.entries[i].name;
    return MGM_OK;
}

enum mgm_status scoring_run(struct mgm_context *ctx, const char *pred_path, const char *alpha_path, enum mgm_region region,
                            const char *region_path, struct scoring *out)
{
    *out = (struct scoring){.region = region};
    TRY(folder_list(ctx, pred_path, &out->preds));
    TRY(folder_list(ctx, alpha_path, &out->alphas));
    if (region != MGM_REGION_WHOLE)
        TRY(folder_list(ctx, region_path, &out->regions));
    TRY(list_scores(ctx, out));
    TRY(image_file_start(ctx));
    mgm_parallel_for(ctx->threads, (size_t)out->count, score_part, out);
    for (int i = 0; i < out->count; i++)
        out->failed += out->scores[i].failed;
    return MGM_OK;
}

void scoring_release(struct scoring *scoring)
{
    for (int i = 0; i < scoring->count; i++)
        mgm_free(scoring->scores[i].complaint);
    mgm_free(scoring->scores);
    folder_release(&scoring->preds);
    folder_release(&scoring->alphas);
    folder_release(&scoring->regions);
    *scoring = (struct scoring){0};
}

struct score scoring_mean(const struct scoring *scoring)
{
    struct score mean = {.name = "mean"};
    for (int i = 0; i < scoring->count; i++) {
        const struct score *score = &scoring->scores[i];
        for (int k = 0; k < MGM_METRIC_COUNT && !score->failed; k++)
            mean.values[k] += score->values[k] / (scoring->count - scoring->failed);
        for (int k = 0; k < MGM_SAD_PARTS && !score->failed; k++)
            mean.parts[k] += score->parts[k] / (scoring->count - scoring->failed);
    }
    return mean;
}
