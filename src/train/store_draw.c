#include "train/store_draw.h"

#include "base/parallel.h"
#include "train/pyramid.h"

#include <pthread.h>
#include <stdlib.h>

struct drawing {
    const struct mgm_synth_library *library;
    const struct mgm_foreground_store_settings *settings;
    struct mgm_foreground_cache *cache;
    pthread_mutex_t lock; /* guards what follows */
    int next, done;
    enum mgm_status status;
    struct mgm_context failure;
};

/** The next foreground that is missing, or −1. */
static int next_missing(struct drawing *drawing)
{
    int index = -1;
    pthread_mutex_lock(&drawing->lock);
    while (drawing->status == MGM_OK && drawing->next < drawing->cache->count && index < 0) {
        if (!mgm_foreground_cache_has(drawing->cache, drawing->next))
            index = drawing->next;
        drawing->next++;
    }
    pthread_mutex_unlock(&drawing->lock);
    return index;
}

static void count_drawn(struct drawing *drawing, enum mgm_status status, const struct mgm_context *ctx)
{
    const struct mgm_foreground_store_settings *settings = drawing->settings;
    pthread_mutex_lock(&drawing->lock);
    if (status == MGM_OK) {
        drawing->done++;
        if (settings->progress)
            settings->progress(settings->progress_argument, drawing->done, drawing->cache->count);
    } else if (drawing->status == MGM_OK) {
        drawing->status = status;
        drawing->failure = *ctx;
    }
    pthread_mutex_unlock(&drawing->lock);
}

static enum mgm_status draw_one(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                const struct mgm_foreground_store_settings *settings, int index, int size,
                                struct mgm_foreground *out)
{
    *out = (struct mgm_foreground){0};
    const enum mgm_synth_kind kind = settings->kind ? *settings->kind : MGM_SYNTH_KIND_COUNT;
    TRY(mgm_synth_draw(ctx, library, settings->seed, (uint64_t)index, kind, size, out));
    if (out->colour.width == size && out->colour.height == size && out->colour.channels == 3 && out->alpha.width == size &&
        out->alpha.height == size && out->alpha.channels == 1)
        return MGM_OK;
    mgm_foreground_release(out);
    return mgm_fail(ctx, MGM_E_SHAPE, "foreground %d was not drawn as %d×%d pixels of RGB and alpha", index, size, size);
}

static void *draw_missing(void *argument)
{
    struct drawing *drawing = argument;
    struct mgm_context ctx = {.threads = 1};
    int index;
    while ((index = next_missing(drawing)) >= 0) {
        struct mgm_foreground foreground;
        enum mgm_status status =
            draw_one(&ctx, drawing->library, drawing->settings, index, drawing->cache->size, &foreground);
        if (status == MGM_OK) {
            mgm_foreground_cache_put(drawing->cache, index, &foreground);
            mgm_foreground_release(&foreground);
        }
        count_drawn(drawing, status, &ctx);
    }
    return NULL;
}

static enum mgm_status draw_all(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                const struct mgm_foreground_store_settings *settings, struct mgm_foreground_cache *cache)
{
    struct drawing drawing = {
        .library = library, .settings = settings, .cache = cache, .lock = PTHREAD_MUTEX_INITIALIZER, .status = MGM_OK};
    for (int i = 0; i < cache->count; i++)
        drawing.done += mgm_foreground_cache_has(cache, i);
    if (drawing.done == cache->count)
        return MGM_OK;
    enum { MOST = 64 };
    pthread_t threads[MOST];
    int wanted = mgm_thread_count(settings->threads), started = 0;
    if (wanted > MOST)
        wanted = MOST;
    while (started < wanted - 1 && pthread_create(&threads[started], NULL, draw_missing, &drawing) == 0)
        started++;
    draw_missing(&drawing); /* this thread draws too, so that it works even where none could be started */
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&drawing.lock);
    if (drawing.status != MGM_OK)
        return mgm_fail(ctx, drawing.status, "%s", drawing.failure.error);
    return MGM_OK;
}

/** Draws a foreground again and compares. Rounding may differ between processors, hence the tolerance. */
static enum mgm_status check_drawn(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                   const struct mgm_foreground_store_settings *settings,
                                   const struct mgm_foreground_cache *cache, int index)
{
    struct mgm_foreground drawn;
    TRY(draw_one(ctx, library, settings, index, cache->size, &drawn));
    struct mgm_pyramid kept;
    mgm_foreground_cache_pyramid(cache, index, &kept);
    size_t count = (size_t)cache->size * cache->size, difference = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = kept.level[0].data + 4 * i;
        for (int c = 0; c < 3; c++)
            difference += (size_t)abs(pixel[c] - drawn.colour.data[3 * i + c]);
        difference += (size_t)abs(pixel[3] - drawn.alpha.data[i]);
    }
    mgm_foreground_release(&drawn);
    if ((double)difference > 0.5 * 4 * (double)count)
        return mgm_fail(
            ctx, MGM_E_FORMAT,
            "the foreground cache %s was drawn from other photographs or strands, or by another version of this program; "
            "delete it or name another file",
            settings->cache);
    return MGM_OK;
}

/**
 * A cache made with other photographs or strands, or by another version of the drawing code, would silently train on
 * something else: the first foreground is looked at, and the first one of strands, which may be others
 * (foregrounds.hold_out).
 */
static enum mgm_status check_provenance(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                        const struct mgm_foreground_store_settings *settings,
                                        const struct mgm_foreground_cache *cache)
{
    bool of_strands = false;
    for (int i = 0; settings->cache && i < cache->count && mgm_foreground_cache_has(cache, i) && !of_strands; i++) {
        of_strands = mgm_foreground_cache_kind(cache, i) == MGM_SYNTH_GROOM;
        if (i == 0 || of_strands)
            TRY(check_drawn(ctx, library, settings, cache, i));
    }
    return MGM_OK;
}

enum mgm_status mgm_store_draw(struct mgm_context *ctx, const struct mgm_synth_library *library,
                               const struct mgm_foreground_store_settings *settings, struct mgm_foreground_cache *cache)
{
    TRY(check_provenance(ctx, library, settings, cache));
    return draw_all(ctx, library, settings, cache);
}
