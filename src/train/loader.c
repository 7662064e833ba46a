#include "base/clock.h"
#include "base/memory.h"
#include "train/sample.h"

#include <pthread.h>
#include <sched.h>

/** A place in the ring: batch number b lives at b % places, until the caller asks for the one after it. */
struct place {
    struct mgm_batch batch;
    int missing; /* samples not yet made of the batch that is there */
};

struct mgm_loader {
    const struct mgm_foreground_store *store;
    struct mgm_sample_settings samples;
    struct mgm_loader_settings settings;
    struct place *places;
    int place_count;
    pthread_t *threads;
    int started;
    pthread_mutex_t lock; /* guards what follows, and missing */
    pthread_cond_t changed;
    uint64_t next_task;  /* sample to be made next, counted from 0 */
    uint64_t next_batch; /* the caller gets this one next; the one before it is still the caller's */
    bool stop;
    enum mgm_status status;
    struct mgm_context failure;
};

/** Waits until the place of the next sample is free and takes it. @return false when it is time to end */
static bool take_task(struct mgm_loader *loader, uint64_t *task)
{
    pthread_mutex_lock(&loader->lock);
    uint64_t places = (uint64_t)loader->place_count, n = (uint64_t)loader->settings.n;
    for (;;) {
        uint64_t batch = loader->next_task / n, borrowed = loader->next_batch ? loader->next_batch - 1 : 0;
        if (loader->stop || loader->status != MGM_OK || batch < borrowed + places)
            break;
        pthread_cond_wait(&loader->changed, &loader->lock);
    }
    bool go_on = !loader->stop && loader->status == MGM_OK;
    if (go_on)
        *task = loader->next_task++;
    pthread_mutex_unlock(&loader->lock);
    return go_on;
}

static void report(struct mgm_loader *loader, uint64_t task, enum mgm_status status, const struct mgm_context *ctx)
{
    uint64_t batch = task / (uint64_t)loader->settings.n;
    pthread_mutex_lock(&loader->lock);
    if (status == MGM_OK) {
        loader->places[batch % (uint64_t)loader->place_count].missing--;
    } else if (loader->status == MGM_OK) {
        loader->status = status;
        loader->failure = *ctx;
    }
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->lock);
}

/*
 * The network's threads meet hundreds of times in a step, and one that has lost its core to a worker keeps all others
 * waiting for a whole time slice. So workers only take what the network leaves; while it waits for samples, that is all.
 */
static void step_back(void)
{
#ifdef SCHED_IDLE
    struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_IDLE, &none); /* of this thread; where it is refused, workers are merely in the way */
#endif
}

/** The number that a sample has in the run. */
static uint64_t number_of(const struct mgm_loader_settings *settings, uint64_t task)
{
    const uint64_t n = (uint64_t)settings->n, whole = settings->whole ? (uint64_t)settings->whole : n;
    return settings->first + task / n * whole + (uint64_t)settings->offset + task % n;
}

static void *work(void *argument)
{
    struct mgm_loader *loader = argument;
    if (loader->settings.step_back)
        step_back();
    struct mgm_context ctx = {.threads = 1};
    uint64_t task, n = (uint64_t)loader->settings.n;
    while (take_task(loader, &task)) {
        struct place *place = &loader->places[task / n % (uint64_t)loader->place_count];
        enum mgm_status status = mgm_sample_make(&ctx, loader->store, &loader->samples, loader->settings.seed,
                                                 number_of(&loader->settings, task), &place->batch, (int)(task % n));
        report(loader, task, status, &ctx);
    }
    return NULL;
}

static enum mgm_status start(struct mgm_context *ctx, struct mgm_loader *loader)
{
    const struct mgm_loader_settings *settings = &loader->settings;
    loader->places = mgm_alloc_zeroed((size_t)settings->ahead + 1, sizeof *loader->places);
    loader->threads = mgm_alloc_zeroed((size_t)settings->workers, sizeof *loader->threads);
    if (!loader->places || !loader->threads)
        return mgm_fail_nomem(ctx, "the loader of samples");
    for (; loader->place_count < settings->ahead + 1; loader->place_count++) {
        TRY(mgm_batch_create_for(ctx, loader->samples.task, settings->n, settings->size,
                                 &loader->places[loader->place_count].batch));
        loader->places[loader->place_count].missing = settings->n;
    }
    for (; loader->started < settings->workers; loader->started++)
        if (pthread_create(&loader->threads[loader->started], NULL, work, loader) != 0)
            return mgm_fail(ctx, MGM_E_NOMEM, "cannot start worker thread %d of %d for the samples", loader->started + 1,
                            settings->workers);
    return MGM_OK;
}

enum mgm_status mgm_loader_create(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                  const struct mgm_sample_settings *samples, const struct mgm_loader_settings *settings,
                                  struct mgm_loader **out)
{
    *out = NULL;
    if (settings->workers < 1 || settings->workers > 256 || settings->ahead < 1 || settings->ahead > 1024)
        return mgm_fail(ctx, MGM_E_INVALID, "%d workers and %d batches ahead: expected 1 … 256 and 1 … 1024",
                        settings->workers, settings->ahead);
    struct mgm_loader *loader = mgm_alloc_zeroed(1, sizeof *loader);
    if (!loader)
        return mgm_fail_nomem(ctx, "the loader of samples");
    loader->store = store;
    loader->samples = *samples;
    loader->settings = *settings;
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->changed, NULL);
    enum mgm_status status = start(ctx, loader);
    if (status != MGM_OK) {
        mgm_loader_destroy(&loader);
        return status;
    }
    *out = loader;
    return MGM_OK;
}

void mgm_loader_destroy(struct mgm_loader **handle)
{
    struct mgm_loader *loader = *handle;
    *handle = NULL;
    if (!loader)
        return;
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->started; i++)
        pthread_join(loader->threads[i], NULL);
    for (int i = 0; i < loader->place_count; i++)
        mgm_batch_release(&loader->places[i].batch);
    pthread_cond_destroy(&loader->changed);
    pthread_mutex_destroy(&loader->lock);
    mgm_free(loader->places);
    mgm_free(loader->threads);
    mgm_free(loader);
}

enum mgm_status mgm_loader_next(struct mgm_context *ctx, struct mgm_loader *loader, const struct mgm_batch **batch,
                                double *waited_seconds)
{
    double begin = mgm_clock_seconds();
    pthread_mutex_lock(&loader->lock);
    struct place *place = &loader->places[loader->next_batch % (uint64_t)loader->place_count];
    if (loader->next_batch > 0) /* gives the previous batch back */
        loader->places[(loader->next_batch - 1) % (uint64_t)loader->place_count].missing = loader->settings.n;
    loader->next_batch++;
    pthread_cond_broadcast(&loader->changed);
    while (place->missing > 0 && loader->status == MGM_OK)
        pthread_cond_wait(&loader->changed, &loader->lock);
    enum mgm_status status = loader->status;
    if (status != MGM_OK)
        mgm_fail(ctx, status, "%s", loader->failure.error);
    pthread_mutex_unlock(&loader->lock);
    if (waited_seconds)
        *waited_seconds = mgm_clock_seconds() - begin;
    *batch = status == MGM_OK ? &place->batch : NULL;
    return status;
}

int mgm_loader_ready(struct mgm_loader *loader)
{
    int ready = 0;
    pthread_mutex_lock(&loader->lock);
    const uint64_t places = (uint64_t)loader->place_count;
    for (uint64_t ahead = 0; ahead + 1 < places; ahead++)
        ready += loader->places[(loader->next_batch + ahead) % places].missing == 0;
    pthread_mutex_unlock(&loader->lock);
    return ready;
}
