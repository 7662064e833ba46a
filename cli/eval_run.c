#include "eval_run.h"

#include "eval_kinds.h"
#include "eval_pictures.h"
#include "eval_results.h"
#include "image_file.h"
#include "matte_job.h"
#include "models.h"
#include "progress.h"
#include "scoring.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { JOBS_MAX = 64 };

/** What threads share. */
struct work {
    const struct eval_options *options;
    struct eval_run *run;
    struct mgm_model *model;
    FILE *log;
    struct progress *progress;
    int jobs, threads;    /* threads: of each */
    pthread_mutex_t lock; /* guards what follows, the log and the entries' being done */
    int next, finished;
    enum mgm_status status; /* of what ends all */
    char error[sizeof((struct mgm_context *)0)->error];
};

struct eval_entry *eval_run_entry(const struct eval_run *run, int index, int kind)
{
    return &run->entries[(size_t)index * (size_t)run->kind_count + (size_t)kind];
}

char *eval_run_matte_path(const struct eval_run *run, int index, int kind)
{
    char *folder = folder_path_of(run->output, run->kinds[kind].name, "");
    char *path = folder ? folder_path_of(folder, run->cases.cases[index].name, ".png") : NULL;
    mgm_free(folder);
    return path;
}

enum mgm_status eval_run_guidance(struct mgm_context *ctx, const struct eval_run *run, int index, int kind,
                                  const struct eval_pictures *pictures, struct mgm_bitmap *out)
{
    const struct eval_kind *chosen = &run->kinds[kind];
    const char *path = NULL;
    *out = (struct mgm_bitmap){0};
    if (chosen->guidance.source == MGM_FROM_MATTES)
        TRY(folder_find(ctx, &chosen->mattes, run->cases.cases[index].name, &path));
    return eval_guidance_make(ctx, run->protocol, &chosen->guidance, pictures, path, out);
}

/* ---- one picture -------------------------------------------------------------------------------------------------------
 */

static enum mgm_status measure(struct mgm_context *ctx, const struct eval_run *run, const struct eval_pictures *pictures,
                               const struct mgm_bitmap *matte, struct mgm_eval_scores *scores)
{
    *scores = mgm_eval_scores_none();
    for (int i = 0; i < run->protocol->region_count; i++) {
        const enum mgm_region region = run->protocol->regions[i];
        if (pictures->scored[region])
            TRY(scoring_measure(ctx, matte, &pictures->alpha, pictures->region[region].data, scores->values[region]));
    }
    return MGM_OK;
}

static enum mgm_status matte(struct mgm_context *ctx, struct mgm_session *session, const struct work *work,
                             enum mgm_guidance given_as, const struct eval_pictures *pictures,
                             const struct mgm_bitmap *guidance, struct mgm_bitmap *out)
{
    const struct mgm_bitmap *photo = &pictures->image;
    const int w = photo->width, h = photo->height;
    const size_t count = (size_t)w * (size_t)h;
    const struct mgm_image image = {w, h, 3, 8, 3 * (size_t)w, photo->data}, mask = {w, h, 1, 8, (size_t)w, guidance->data};
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    settings.guidance = given_as;
    if (work->options->method)
        settings.method = method_from_name(work->options->method);
    settings.reference = work->options->reference;
    settings.largest_component = work->options->largest_component;
    float *alpha = mgm_alloc(count, sizeof *alpha);
    enum mgm_status status = alpha ? MGM_OK : mgm_fail_nomem(ctx, "a matte");
    if (status == MGM_OK)
        status = mgm_matte(session, &image, &mask, &settings, alpha, NULL);
    if (status == MGM_OK)
        status = mgm_bitmap_create(ctx, w, h, 1, out);
    for (size_t i = 0; status == MGM_OK && i < count; i++)
        out->data[i] = (uint8_t)(alpha[i] * 255.0f + 0.5f);
    mgm_free(alpha);
    return status;
}

/** Guidances are called as folders of the data may be: a matte must not take the place of what it is made of. */
static enum mgm_status check_apart(struct mgm_context *ctx, const struct eval_run *run, int index, int kind,
                                   const char *path)
{
    const struct eval_case *c = &run->cases.cases[index];
    const char *const sources[] = {c->image, c->foreground, c->background, c->alpha, c->trimap, c->mask, c->detail};
    const char *refined = NULL;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (sources[i])
            TRY(image_file_check_apart(ctx, path, sources[i]));
    if (run->kinds[kind].path) {
        TRY(folder_find(ctx, &run->kinds[kind].mattes, c->name, &refined));
        TRY(image_file_check_apart(ctx, path, refined));
    }
    return MGM_OK;
}

static enum mgm_status write_matte(struct mgm_context *ctx, const struct eval_run *run, int index, int kind,
                                   const struct mgm_bitmap *matte)
{
    char *path = eval_run_matte_path(run, index, kind);
    enum mgm_status status = path ? check_apart(ctx, run, index, kind, path) : mgm_fail_nomem(ctx, "a path");
    if (status == MGM_OK)
        status = image_file_write(ctx, path, matte);
    mgm_free(path);
    return status;
}

static enum mgm_status run_one(struct mgm_context *ctx, struct mgm_session *session, struct work *work, int index, int kind,
                               const struct eval_pictures *pictures)
{
    struct eval_run *run = work->run;
    struct eval_entry *entry = eval_run_entry(run, index, kind);
    struct mgm_bitmap guidance = {0}, result = {0};
    enum mgm_status status = eval_run_guidance(ctx, run, index, kind, pictures, &guidance);
    const double began = mgm_clock_seconds();
    if (status == MGM_OK)
        status = matte(ctx, session, work, run->kinds[kind].guidance.given_as, pictures, &guidance, &result);
    entry->seconds = mgm_clock_seconds() - began;
    if (status == MGM_OK)
        status = write_matte(ctx, run, index, kind, &result);
    if (status == MGM_OK)
        status = measure(ctx, run, pictures, &result, &entry->matte);
    if (status == MGM_OK)
        status = measure(ctx, run, pictures, &guidance, &entry->itself);
    mgm_bitmap_release(&guidance);
    mgm_bitmap_release(&result);
    return status;
}

/* ---- many --------------------------------------------------------------------------------------------------------------
 */

/** Writes a line at once; what cannot be written down ends the run. */
static void note(struct work *work, struct mgm_context *ctx, int index, int kind, enum mgm_status status)
{
    struct eval_run *run = work->run;
    struct eval_entry *entry = eval_run_entry(run, index, kind);
    const struct mgm_eval_result result = {run->cases.cases[index].name, run->kinds[kind].name, entry->matte, entry->itself,
                                           entry->seconds};
    char *line = status == MGM_OK ? mgm_eval_result_print(&result) : NULL;
    pthread_mutex_lock(&work->lock);
    work->finished++;
    if (status != MGM_OK) {
        entry->complaint =
            g_strdup_printf("%s with %s: %s", run->cases.cases[index].name, run->kinds[kind].name, mgm_context_error(ctx));
    } else if (!line || fprintf(work->log, "%s\n", line) < 0 || fflush(work->log) != 0) {
        work->status = MGM_E_IO;
        snprintf(work->error, sizeof work->error, "%s/results.jsonl cannot be written: %s", run->output, strerror(errno));
    } else {
        entry->done = true;
    }
    pthread_mutex_unlock(&work->lock);
    cJSON_free(line);
}

static void run_case(struct mgm_context *ctx, struct mgm_session *session, struct work *work, int index)
{
    struct eval_run *run = work->run;
    struct eval_pictures pictures = {0};
    bool loaded = false;
    enum mgm_status status = MGM_OK;
    for (int kind = 0; kind < run->kind_count; kind++) {
        if (eval_run_entry(run, index, kind)->done)
            continue;
        if (!loaded)
            status = eval_pictures_load(ctx, run->protocol, &run->cases.cases[index], &pictures);
        loaded = true;
        note(work, ctx, index, kind, status == MGM_OK ? run_one(ctx, session, work, index, kind, &pictures) : status);
    }
    eval_pictures_release(&pictures);
}

/** The next picture, or −1. */
static int take(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    const int index = work->status == MGM_OK && work->next < work->run->count ? work->next++ : -1;
    const int finished = work->finished;
    pthread_mutex_unlock(&work->lock);
    if (index >= 0)
        progress_stage(work->progress, "%s (%d of %d mattes are done)", work->run->cases.cases[index].name, finished,
                       work->run->count * work->run->kind_count);
    return index;
}

/** A context and a session of its own: they belong to one thread. */
static void *run_cases(void *argument)
{
    struct work *work = argument;
    struct mgm_context *ctx = NULL;
    struct mgm_session *session = NULL;
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK) {
        mgm_context_set_threads(ctx, work->threads);
        status = mgm_context_set_device(ctx, work->options->device ? work->options->device : "cpu");
    }
    if (status == MGM_OK)
        status = mgm_context_set_precision(ctx, work->options->precision ? work->options->precision : "auto");
    if (status == MGM_OK)
        status = mgm_session_create(ctx, work->model, &session);
    if (status == MGM_OK)
        for (int index; (index = take(work)) >= 0;)
            run_case(ctx, session, work, index);
    pthread_mutex_lock(&work->lock);
    if (status != MGM_OK && work->status == MGM_OK) {
        work->status = status;
        snprintf(work->error, sizeof work->error, "%s", mgm_context_error(ctx));
    }
    pthread_mutex_unlock(&work->lock);
    mgm_session_destroy(&session);
    mgm_context_destroy(&ctx);
    return NULL;
}

static enum mgm_status run_all(struct mgm_context *ctx, struct work *work)
{
    pthread_t threads[JOBS_MAX];
    int started = 0;
    pthread_mutex_init(&work->lock, NULL);
    work->progress = progress_start(work->options->quiet);
    while (started < work->jobs - 1 && pthread_create(&threads[started], NULL, run_cases, work) == 0)
        started++;
    run_cases(work); /* this thread works too, so that it goes on where none could be started */
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    progress_stop(&work->progress);
    pthread_mutex_destroy(&work->lock);
    return work->status == MGM_OK ? MGM_OK : mgm_fail(ctx, work->status, "%s", work->error);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------
 */

static void choose_jobs(const struct eval_options *options, struct work *work)
{
    const int cores = mgm_thread_count(options->threads);
    work->jobs = options->jobs ? options->jobs : cores / 2;
    work->jobs = work->jobs < 1 ? 1 : work->jobs > JOBS_MAX ? JOBS_MAX : work->jobs;
    if (work->jobs > work->run->count)
        work->jobs = work->run->count;
    work->threads = cores / work->jobs > 0 ? cores / work->jobs : 1;
}

static enum mgm_status prepare(struct mgm_context *ctx, const char *data, const char *backgrounds,
                               const struct eval_options *options, void (*complain)(const char *sentence),
                               struct eval_run *run)
{
    TRY(image_file_start(ctx));
    TRY(eval_cases_find(ctx, run->protocol, data, backgrounds, &run->cases));
    for (int i = 0; i < run->cases.complaint_count; i++)
        complain(run->cases.complaints[i]);
    run->failed = run->cases.complaint_count;
    run->count = run->cases.count;
    if (options->limit && run->count > options->limit)
        run->count = options->limit;
    TRY(eval_kinds_choose(ctx, run, options->chosen, options->mattes));
    run->entries = mgm_alloc_zeroed((size_t)run->count * (size_t)run->kind_count, sizeof *run->entries);
    return run->entries ? MGM_OK : mgm_fail_nomem(ctx, "the table of results");
}

enum mgm_status eval_run(struct mgm_context *ctx, const struct mgm_protocol *protocol, const char *data,
                         const char *backgrounds, const struct eval_options *options, void (*complain)(const char *sentence),
                         struct eval_run *run)
{
    char found[PATH_MAX];
    struct work work = {.options = options, .run = run};
    *run = (struct eval_run){.protocol = protocol, .data = data, .backgrounds = backgrounds, .output = options->output};
    TRY(prepare(ctx, data, backgrounds, options, complain, run));
    TRY(model_find(ctx, options->model, found, sizeof found));
    const char *slash = strrchr(found, '/');
    snprintf(run->model, sizeof run->model, "%.255s", slash ? slash + 1 : found);
    TRY(mgm_model_load(ctx, found, &work.model));
    enum mgm_status status = eval_results_open(ctx, options, found, run, &work.log);
    if (status == MGM_OK) {
        choose_jobs(options, &work);
        status = run_all(ctx, &work);
    }
    mgm_model_destroy(&work.model);
    if (work.log && fclose(work.log) != 0 && status == MGM_OK)
        status = mgm_fail(ctx, MGM_E_IO, "%s/results.jsonl cannot be written: %s", options->output, strerror(errno));
    for (int i = 0; status == MGM_OK && i < run->count * run->kind_count; i++)
        if (run->entries[i].complaint) {
            complain(run->entries[i].complaint);
            run->failed++;
        }
    return status;
}

void eval_run_release(struct eval_run *run)
{
    for (int i = 0; run->entries && i < run->count * run->kind_count; i++)
        g_free(run->entries[i].complaint);
    mgm_free(run->entries);
    eval_kinds_release(run);
    eval_cases_release(&run->cases);
    *run = (struct eval_run){0};
}

int eval_run_mean(const struct eval_run *run, int kind, enum mgm_region region, bool itself, double values[MGM_METRIC_COUNT])
{
    int count = 0;
    for (int k = 0; k < MGM_METRIC_COUNT; k++)
        values[k] = 0;
    for (int index = 0; index < run->count; index++) {
        const struct eval_entry *entry = eval_run_entry(run, index, kind);
        const double *of = itself ? entry->itself.values[region] : entry->matte.values[region];
        if (!entry->done || isnan(of[0]))
            continue;
        count++;
        for (int k = 0; k < MGM_METRIC_COUNT; k++)
            values[k] += of[k];
    }
    for (int k = 0; k < MGM_METRIC_COUNT; k++)
        values[k] = count ? values[k] / count : NAN;
    return count;
}
