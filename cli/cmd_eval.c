/** mgm eval: scores mattes against the truth. */
#include "command.h"
#include "folder.h"
#include "image_file.h"
#include "report.h"

#include "base/memory.h"
#include "eval/metrics.h"

#include <stdio.h>
#include <string.h>

struct values {
    const char *pred, *alpha, *trimap;
    bool json, csv;
};

static const struct command_option options[] = {
    {"pred", 0, OPTION_TEXT, offsetof(struct values, pred), "DIR", "the mattes to be scored", .required = true},
    {"alpha", 0, OPTION_TEXT, offsetof(struct values, alpha), "DIR", "the true mattes", .required = true},
    {"trimap", 0, OPTION_TEXT, offsetof(struct values, trimap), "DIR", "score only where these are 128", .required = false},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "one JSON object on stdout", .required = false},
    {"csv", 0, OPTION_FLAG, offsetof(struct values, csv), NULL, "comma-separated, with a heading", .required = false},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_eval = {
    .name = "eval",
    .summary = "scores mattes against the truth",
    .synopsis = "--pred DIR --alpha DIR [--trimap DIR] [--json|--csv]",
    .details = "Pictures belong together that have the same name, whatever their extension. A line for each (name,\n"
               "SAD in thousands, MSE), the mean last. With --trimap the region is where the trimap is exactly 128,\n"
               "else the whole picture. Whatever is missing or of another size is named and left out of the mean,\n"
               "and the exit status tells that the table is incomplete.",
    .options = options,
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};

enum { METRICS = 2 };
static const char *const metric_names[METRICS] = {"sad", "mse"};

struct score {
    const char *name;
    double values[METRICS];
};

struct work {
    struct folder preds, alphas, trimaps;
    bool has_trimaps;
    struct score *scores;
    int count;  /* of scores */
    int failed; /* pictures that could not be scored */
};

static enum mgm_status check_size(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *got, const char *other,
                                  const struct mgm_bitmap *want)
{
    if (got->width == want->width && got->height == want->height)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, but %s has %d × %d", path, got->width, got->height, other,
                    want->width, want->height);
}

static enum mgm_status find(struct mgm_context *ctx, const struct folder *folder, const char *name, const char **path)
{
    *path = folder_find(folder, name);
    return *path ? MGM_OK : mgm_fail(ctx, MGM_E_IO, "%s: there is no picture called %s in it", folder->path, name);
}

static enum mgm_status score_pictures(struct mgm_context *ctx, const char *pred_path, const char *alpha_path,
                                      const char *trimap_path, struct score *score)
{
    struct mgm_bitmap pred = {0}, alpha = {0}, trimap = {0};
    enum mgm_status status = image_file_read(ctx, alpha_path, 1, &alpha);
    if (status == MGM_OK)
        status = image_file_read(ctx, pred_path, 1, &pred);
    if (status == MGM_OK)
        status = check_size(ctx, pred_path, &pred, alpha_path, &alpha);
    if (status == MGM_OK && trimap_path)
        status = image_file_read(ctx, trimap_path, 1, &trimap);
    if (status == MGM_OK && trimap_path)
        status = check_size(ctx, trimap_path, &trimap, alpha_path, &alpha);
    size_t count = (size_t)alpha.width * (size_t)alpha.height;
    if (status == MGM_OK && trimap_path && !memchr(trimap.data, MGM_TRIMAP_UNKNOWN, count))
        status = mgm_fail(ctx, MGM_E_INVALID, "%s has no pixel of value 128, so there is nothing to score", trimap_path);
    if (status == MGM_OK) {
        score->values[0] = mgm_metric_sad(pred.data, alpha.data, trimap.data, count);
        score->values[1] = mgm_metric_mse(pred.data, alpha.data, trimap.data, count);
    }
    mgm_bitmap_release(&pred);
    mgm_bitmap_release(&alpha);
    mgm_bitmap_release(&trimap);
    return status;
}

static enum mgm_status score_named(struct mgm_context *ctx, const struct work *work, const char *name, struct score *score)
{
    const char *pred, *alpha, *trimap = NULL;
    TRY(find(ctx, &work->preds, name, &pred));
    TRY(find(ctx, &work->alphas, name, &alpha));
    if (work->has_trimaps)
        TRY(find(ctx, &work->trimaps, name, &trimap));
    score->name = name;
    return score_pictures(ctx, pred, alpha, trimap, score);
}

static void score_or_complain(struct mgm_context *ctx, struct work *work, const char *name)
{
    if (score_named(ctx, work, name, &work->scores[work->count]) == MGM_OK) {
        work->count++;
        return;
    }
    command_failed(&cmd_eval, "%s", mgm_context_error(ctx));
    work->failed++;
}

/* Every truth, and every matte that has none. */
static enum mgm_status score_all(struct mgm_context *ctx, const struct values *values, struct work *work)
{
    work->has_trimaps = values->trimap != NULL;
    TRY(folder_list(ctx, values->pred, &work->preds));
    TRY(folder_list(ctx, values->alpha, &work->alphas));
    if (values->trimap)
        TRY(folder_list(ctx, values->trimap, &work->trimaps));
    work->scores = mgm_alloc((size_t)work->alphas.count + 1, sizeof *work->scores);
    if (!work->scores)
        return mgm_fail_nomem(ctx, "the table of scores");
    for (int i = 0; i < work->alphas.count; i++)
        score_or_complain(ctx, work, work->alphas.entries[i].name);
    for (int i = 0; i < work->preds.count; i++)
        if (!folder_find(&work->alphas, work->preds.entries[i].name))
            score_or_complain(ctx, work, work->preds.entries[i].name);
    if (work->count == 0)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: none of its pictures could be scored", values->pred);
    return MGM_OK;
}

static struct score mean_of(const struct work *work)
{
    struct score mean = {.name = "mean"};
    for (int i = 0; i < work->count; i++)
        for (int k = 0; k < METRICS; k++)
            mean.values[k] += work->scores[i].values[k] / work->count;
    return mean;
}

static int print_table(const struct work *work, bool csv)
{
    struct score mean = mean_of(work);
    int width = 4;
    for (int i = 0; i < work->count; i++)
        width = (int)strlen(work->scores[i].name) > width ? (int)strlen(work->scores[i].name) : width;
    if (csv)
        printf("name,%s,%s\n", metric_names[0], metric_names[1]);
    else
        printf("%-*s %10s %10s\n", width, "name", metric_names[0], metric_names[1]);
    for (int i = 0; i <= work->count; i++) {
        const struct score *score = i < work->count ? &work->scores[i] : &mean;
        if (csv)
            printf("%s,%.9g,%.9g\n", score->name, score->values[0], score->values[1]);
        else
            printf("%-*s %10.4f %10.6f\n", width, score->name, score->values[0], score->values[1]);
    }
    return report_finish();
}

static cJSON *describe(const struct score *score)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", score->name);
    for (int k = 0; k < METRICS; k++)
        cJSON_AddNumberToObject(object, metric_names[k], score->values[k]);
    return object;
}

static int print_json(const struct work *work)
{
    cJSON *object = cJSON_CreateObject(), *pictures = cJSON_AddArrayToObject(object, "pictures");
    struct score mean = mean_of(work);
    for (int i = 0; i < work->count; i++)
        cJSON_AddItemToArray(pictures, describe(&work->scores[i]));
    cJSON_AddItemToObject(object, "mean", describe(&mean));
    cJSON_AddStringToObject(object, "region", work->has_trimaps ? "unknown" : "whole");
    cJSON_AddNumberToObject(object, "scored", work->count);
    cJSON_AddNumberToObject(object, "failed", work->failed);
    return report_print(object);
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct work work = {0};
    struct mgm_context *ctx = NULL;
    int outcome = command_parse(&cmd_eval, argc, argv, &values, &operands);
    if (outcome != COMMAND_GO_ON)
        return outcome;
    if (values.json && values.csv)
        return command_misused(&cmd_eval, "either --json or --csv");
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK)
        status = score_all(ctx, &values, &work);
    if (status != MGM_OK)
        outcome = command_failed(&cmd_eval, "%s", mgm_context_error(ctx));
    else
        outcome = values.json ? print_json(&work) : print_table(&work, values.csv);
    if (work.failed)
        outcome = STATUS_FAILED;
    mgm_free(work.scores);
    folder_release(&work.preds);
    folder_release(&work.alphas);
    folder_release(&work.trimaps);
    mgm_context_destroy(&ctx);
    return outcome;
}
