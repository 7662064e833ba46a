#include "train/store.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "train/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PHOTO_HELD_OUT = 12, FOREGROUND_HELD_OUT = 24, FOREGROUNDS_HELD_OUT_MAX = 64 };

struct share_list {
    int *indices[2]; /* by enum mgm_share */
    int count[2];
};

struct mgm_foreground_store {
    struct mgm_foreground_cache cache;
    struct mgm_pyramid *foregrounds;
    struct share_list foreground_shares;
    int photo_count;
    struct mgm_pyramid *photos;
    uint8_t **photo_pixels; /* owned: the levels above the library's own pixels, one block for each photograph */
    struct share_list photo_shares;
};

/* ---- shares ------------------------------------------------------------------------------------------------------------
 */

static enum mgm_status divide(struct mgm_context *ctx, int count, int every, int most, struct share_list *out)
{
    for (int share = 0; share < 2; share++) {
        out->indices[share] = mgm_alloc((size_t)count, sizeof(int));
        if (!out->indices[share])
            return mgm_fail_nomem(ctx, "the lists of what is held out");
    }
    for (int i = 0; i < count; i++) {
        bool held_out = i % every == every - 1 && i / every < most;
        if (count < every)
            held_out = i == count - 1;
        int share = held_out ? MGM_SHARE_VALIDATION : MGM_SHARE_TRAINING;
        out->indices[share][out->count[share]++] = i;
    }
    if (count == 1) /* one serves both */
        out->indices[MGM_SHARE_TRAINING][out->count[MGM_SHARE_TRAINING]++] = 0;
    return MGM_OK;
}

static void release_shares(struct share_list *list)
{
    mgm_free(list->indices[0]);
    mgm_free(list->indices[1]);
}

/* ---- photographs -------------------------------------------------------------------------------------------------------
 */

static enum mgm_status prepare_photo(struct mgm_context *ctx, const struct mgm_bitmap *photo, struct mgm_pyramid *pyramid,
                                     uint8_t **pixels)
{
    *pyramid = (struct mgm_pyramid){.channels = 3, .levels = 1};
    pyramid->level[0].width = photo->width;
    pyramid->level[0].height = photo->height;
    pyramid->level[0].data = photo->data;
    size_t bytes = 0;
    while (pyramid->levels < MGM_PYRAMID_LEVELS) {
        int width = photo->width >> pyramid->levels, height = photo->height >> pyramid->levels;
        if (width < 8 || height < 8)
            break;
        bytes += (size_t)width * height * 3;
        pyramid->levels++;
    }
    uint8_t *next = *pixels = mgm_alloc(bytes, 1);
    if (!next)
        return mgm_fail_nomem(ctx, "a photograph at lower resolutions");
    for (int level = 1; level < pyramid->levels; level++) {
        int width = pyramid->level[level - 1].width, height = pyramid->level[level - 1].height;
        mgm_halve(pyramid->level[level - 1].data, width, height, 3, next);
        pyramid->level[level].width = width / 2;
        pyramid->level[level].height = height / 2;
        pyramid->level[level].data = next;
        next += (size_t)(width / 2) * (height / 2) * 3;
    }
    return MGM_OK;
}

static enum mgm_status prepare_photos(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                      struct mgm_foreground_store *store)
{
    int count = mgm_synth_library_photo_count(library);
    if (count < 1)
        return mgm_fail(ctx, MGM_E_INVALID, "samples need at least one photograph as a background, the library has none");
    store->photos = mgm_alloc_zeroed((size_t)count, sizeof *store->photos);
    store->photo_pixels = mgm_alloc_zeroed((size_t)count, sizeof *store->photo_pixels);
    if (!store->photos || !store->photo_pixels)
        return mgm_fail_nomem(ctx, "the list of photographs");
    store->photo_count = count;
    for (int i = 0; i < count; i++)
        TRY(prepare_photo(ctx, mgm_synth_library_photo(library, i), &store->photos[i], &store->photo_pixels[i]));
    return divide(ctx, count, PHOTO_HELD_OUT, count, &store->photo_shares);
}

/* ---- drawing -----------------------------------------------------------------------------------------------------------
 */

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

static enum mgm_status draw_one(struct mgm_context *ctx, const struct mgm_synth_library *library, uint64_t seed, int index,
                                int size, struct mgm_foreground *out)
{
    *out = (struct mgm_foreground){0};
    TRY(mgm_synth_draw(ctx, library, seed, (uint64_t)index, MGM_SYNTH_KIND_COUNT, size, out));
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
            draw_one(&ctx, drawing->library, drawing->settings->seed, index, drawing->cache->size, &foreground);
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

/**
 * Draws foreground 0 again and compares: a cache made with other photographs or by another version of the drawing code
 * would silently train on something else. Rounding may differ between processors, hence the tolerance.
 */
static enum mgm_status check_provenance(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                        const struct mgm_foreground_store_settings *settings,
                                        const struct mgm_foreground_cache *cache)
{
    if (!settings->cache || !mgm_foreground_cache_has(cache, 0))
        return MGM_OK;
    struct mgm_foreground drawn;
    TRY(draw_one(ctx, library, settings->seed, 0, cache->size, &drawn));
    struct mgm_pyramid kept;
    mgm_foreground_cache_pyramid(cache, 0, &kept);
    size_t count = (size_t)cache->size * cache->size, difference = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = kept.level[0].data + 4 * i;
        for (int c = 0; c < 3; c++)
            difference += (size_t)abs(pixel[c] - drawn.colour.data[3 * i + c]);
        difference += (size_t)abs(pixel[3] - drawn.alpha.data[i]);
    }
    mgm_foreground_release(&drawn);
    if ((double)difference > 0.5 * 4 * (double)count)
        return mgm_fail(ctx, MGM_E_FORMAT,
                        "the foreground cache %s was drawn from other photographs or by another version of this program; "
                        "delete it or name another file",
                        settings->cache);
    return MGM_OK;
}

/* ---- the store ---------------------------------------------------------------------------------------------------------
 */

static enum mgm_status fill(struct mgm_context *ctx, const struct mgm_synth_library *library,
                            const struct mgm_foreground_store_settings *settings, struct mgm_foreground_store *store)
{
    TRY(prepare_photos(ctx, library, store));
    TRY(mgm_foreground_cache_open(ctx, settings->cache, settings->seed, settings->count, settings->size, &store->cache));
    TRY(check_provenance(ctx, library, settings, &store->cache));
    TRY(draw_all(ctx, library, settings, &store->cache));
    store->foregrounds = mgm_alloc((size_t)settings->count, sizeof *store->foregrounds);
    if (!store->foregrounds)
        return mgm_fail_nomem(ctx, "the list of foregrounds");
    for (int i = 0; i < settings->count; i++)
        mgm_foreground_cache_pyramid(&store->cache, i, &store->foregrounds[i]);
    return divide(ctx, settings->count, FOREGROUND_HELD_OUT, FOREGROUNDS_HELD_OUT_MAX, &store->foreground_shares);
}

enum mgm_status mgm_foreground_store_open(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                          const struct mgm_foreground_store_settings *settings,
                                          struct mgm_foreground_store **out)
{
    *out = NULL;
    struct mgm_foreground_store *store = mgm_alloc_zeroed(1, sizeof *store);
    if (!store)
        return mgm_fail_nomem(ctx, "the store of foregrounds");
    store->cache.fd = -1;
    enum mgm_status status = fill(ctx, library, settings, store);
    if (status != MGM_OK) {
        mgm_foreground_store_destroy(&store);
        return status;
    }
    *out = store;
    return MGM_OK;
}

enum mgm_status mgm_foreground_store_create(struct mgm_context *ctx, const struct mgm_synth_library *library, uint64_t seed,
                                            int count, int size, const char *cache, int threads,
                                            struct mgm_foreground_store **out)
{
    struct mgm_foreground_store_settings settings = {
        .seed = seed, .count = count, .size = size, .threads = threads, .cache = cache};
    return mgm_foreground_store_open(ctx, library, &settings, out);
}

void mgm_foreground_store_destroy(struct mgm_foreground_store **handle)
{
    struct mgm_foreground_store *store = *handle;
    *handle = NULL;
    if (!store)
        return;
    for (int i = 0; i < store->photo_count; i++)
        mgm_free(store->photo_pixels[i]);
    mgm_free(store->photo_pixels);
    mgm_free(store->photos);
    release_shares(&store->photo_shares);
    mgm_free(store->foregrounds);
    release_shares(&store->foreground_shares);
    mgm_foreground_cache_close(&store->cache);
    mgm_free(store);
}

int mgm_store_size(const struct mgm_foreground_store *store)
{
    return store->cache.size;
}

const int *mgm_store_foregrounds(const struct mgm_foreground_store *store, enum mgm_share share, int *count)
{
    *count = store->foreground_shares.count[share];
    return store->foreground_shares.indices[share];
}

const int *mgm_store_photos(const struct mgm_foreground_store *store, enum mgm_share share, int *count)
{
    *count = store->photo_shares.count[share];
    return store->photo_shares.indices[share];
}

const struct mgm_pyramid *mgm_store_foreground(const struct mgm_foreground_store *store, int index)
{
    return &store->foregrounds[index];
}

enum mgm_synth_kind mgm_store_foreground_kind(const struct mgm_foreground_store *store, int index)
{
    return mgm_foreground_cache_kind(&store->cache, index);
}

const struct mgm_pyramid *mgm_store_photo(const struct mgm_foreground_store *store, int index)
{
    return &store->photos[index];
}
