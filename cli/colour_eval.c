#include "colour_eval.h"

#include "command.h"
#include "folder.h"
#include "image_file.h"
#include "report.h"

#include "base/memory.h"
#include "eval/metrics_colour.h"

#include <stdio.h>

enum { VALUES = 4 };

/** The pictures of one name. */
struct pictures {
    struct mgm_bitmap pred, truth, alpha;
};

static void release(struct pictures *pictures)
{
    mgm_bitmap_release(&pictures->pred);
    mgm_bitmap_release(&pictures->truth);
    mgm_bitmap_release(&pictures->alpha);
}

static enum mgm_status read_like(struct mgm_context *ctx, const char *path, int channels, const struct mgm_bitmap *want,
                                 const char *other, struct mgm_bitmap *out)
{
    TRY(image_file_read(ctx, path, channels, out));
    if (out->width == want->width && out->height == want->height)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, but %s has %d × %d", path, out->width, out->height, other,
                    want->width, want->height);
}

/** Takes the matte out of RGBA. @return whether anything was transparent */
static bool split(struct mgm_bitmap *pred, uint8_t *alpha)
{
    const size_t count = (size_t)pred->width * (size_t)pred->height;
    bool transparent = false;
    for (size_t i = 0; i < count; i++) {
        alpha[i] = pred->data[4 * i + 3];
        transparent |= alpha[i] < 255;
        for (size_t c = 0; c < 3; c++)
            pred->data[3 * i + c] = pred->data[4 * i + c];
    }
    pred->channels = 3;
    return transparent;
}

static enum mgm_status score(struct mgm_context *ctx, const char *pred, const char *truth, const char *alpha,
                             struct pictures *pictures, double values[VALUES])
{
    TRY(image_file_read(ctx, alpha, 1, &pictures->alpha));
    TRY(read_like(ctx, truth, 3, &pictures->alpha, alpha, &pictures->truth));
    TRY(read_like(ctx, pred, 4, &pictures->alpha, alpha, &pictures->pred));
    const size_t count = (size_t)pictures->alpha.width * (size_t)pictures->alpha.height;
    uint8_t *own = mgm_alloc(count, 1);
    if (!own)
        return mgm_fail_nomem(ctx, pred);
    const bool transparent = split(&pictures->pred, own);
    const struct mgm_colour_scores scores = mgm_metric_colour(pictures->pred.data, transparent ? own : pictures->alpha.data,
                                                              pictures->truth.data, pictures->alpha.data, count);
    mgm_free(own);
    values[0] = scores.sad;
    values[1] = scores.mse;
    values[2] = scores.sad_blended;
    values[3] = scores.mse_blended;
    return MGM_OK;
}

static void print(const char *name, const double values[VALUES], bool csv)
{
    if (csv) {
        report_csv_text(name);
        printf(",%.9g,%.9g,%.9g,%.9g\n", values[0], values[1], values[2], values[3]);
    } else {
        printf("%-16s %10.4f %10.6f %10.4f %10.6f\n", name, values[0], values[1], values[2], values[3]);
    }
}

static enum mgm_status score_all(struct mgm_context *ctx, const struct folder *preds, const struct folder *truths,
                                 const struct folder *alphas, bool csv, int *failed)
{
    double mean[VALUES] = {0};
    int scored = 0;
    if (csv)
        puts("name,f_sad,f_mse,af_sad,af_mse");
    else
        printf("%-16s %10s %10s %10s %10s\n", "name", "f_sad", "f_mse", "af_sad", "af_mse");
    for (int i = 0; i < alphas->count; i++) {
        const char *name = alphas->entries[i].name, *pred, *truth, *alpha;
        struct pictures pictures = {0};
        double values[VALUES] = {0};
        enum mgm_status status = folder_find(ctx, alphas, name, &alpha);
        if (status == MGM_OK)
            status = folder_find(ctx, preds, name, &pred);
        if (status == MGM_OK)
            status = folder_find(ctx, truths, name, &truth);
        if (status == MGM_OK)
            status = score(ctx, pred, truth, alpha, &pictures, values);
        release(&pictures);
        if (status != MGM_OK) {
            char sentence[4096];
            snprintf(sentence, sizeof sentence, "%s", mgm_context_error(ctx));
            fprintf(stderr, "mgm eval: %s\n", command_printable(sentence));
            ++*failed;
            continue;
        }
        scored++;
        for (int k = 0; k < VALUES; k++)
            mean[k] += values[k];
        print(name, values, csv);
    }
    if (!scored)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: none of its pictures could be scored", preds->path);
    for (int k = 0; k < VALUES; k++)
        mean[k] /= scored;
    print("mean", mean, csv);
    return MGM_OK;
}

enum mgm_status colour_eval(struct mgm_context *ctx, const char *preds, const char *truths, const char *alphas, bool csv,
                            int *failed)
{
    struct folder pred = {0}, truth = {0}, alpha = {0};
    *failed = 0;
    enum mgm_status status = folder_list(ctx, preds, &pred);
    if (status == MGM_OK)
        status = folder_list(ctx, truths, &truth);
    if (status == MGM_OK)
        status = folder_list(ctx, alphas, &alpha);
    if (status == MGM_OK)
        status = score_all(ctx, &pred, &truth, &alpha, csv, failed);
    folder_release(&pred);
    folder_release(&truth);
    folder_release(&alpha);
    return status;
}
