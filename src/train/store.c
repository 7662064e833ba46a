#include "train/store.h"

#include "base/memory.h"
#include "train/cache.h"
#include "train/store_draw.h"

#include <string.h>

/* Of foregrounds one of so many is held out, and not more than so many of all. NOTHING: both shares are everything. */
enum { FOREGROUND_HELD_OUT = 24, FOREGROUNDS_HELD_OUT_MAX = 64, NOTHING = 0 };

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
    /* of data sets */
    const struct mgm_dataset *dataset;
    int source_count;
    struct {
        bool drawn;
        double until; /* weights of this source and those before it */
        int first;    /* index of its first foreground in the store */
        struct share_list shares;
    } sources[MGM_SOURCES_MAX];
    struct share_list background_shares;
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
        if (every == NOTHING || count == 1) {
            for (int share = 0; share < 2; share++)
                out->indices[share][out->count[share]++] = i;
            continue;
        }
        const bool held_out = mgm_is_held_out(i, count, every) && i / every < most;
        int share = held_out ? MGM_SHARE_VALIDATION : MGM_SHARE_TRAINING;
        out->indices[share][out->count[share]++] = i;
    }
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

static enum mgm_status prepare_photos(struct mgm_context *ctx, const struct mgm_synth_library *library, int every,
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
    return divide(ctx, count, every, count, &store->photo_shares);
}

/* ---- the store ---------------------------------------------------------------------------------------------------------
 */

static enum mgm_status fill_drawn(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                  const struct mgm_foreground_store_settings *settings, struct mgm_foreground_store *store)
{
    TRY(mgm_foreground_cache_open(ctx, settings->cache, settings->seed, settings->count, settings->size, &store->cache));
    TRY(mgm_store_draw(ctx, library, settings, &store->cache));
    store->foregrounds = mgm_alloc((size_t)settings->count, sizeof *store->foregrounds);
    if (!store->foregrounds)
        return mgm_fail_nomem(ctx, "the list of foregrounds");
    for (int i = 0; i < settings->count; i++)
        mgm_foreground_cache_pyramid(&store->cache, i, &store->foregrounds[i]);
    return divide(ctx, settings->count, settings->undivided ? NOTHING : FOREGROUND_HELD_OUT, FOREGROUNDS_HELD_OUT_MAX,
                  &store->foreground_shares);
}

static enum mgm_status fill_dataset(struct mgm_context *ctx, const struct mgm_foreground_store_settings *settings,
                                    struct mgm_foreground_store *store)
{
    double sum = 0;
    int next = settings->count;
    store->dataset = settings->dataset;
    store->source_count = settings->source_count;
    for (int i = 0; i < settings->source_count; i++) {
        const int count = mgm_dataset_count(settings->dataset, i);
        store->sources[i].drawn = settings->sources[i].kind == MGM_SOURCE_DRAWN;
        store->sources[i].until = sum += settings->sources[i].weight;
        store->sources[i].first = next;
        next += count;
        if (count)
            TRY(divide(ctx, count, FOREGROUND_HELD_OUT, FOREGROUNDS_HELD_OUT_MAX, &store->sources[i].shares));
    }
    const int backgrounds = mgm_dataset_background_count(settings->dataset);
    return backgrounds ? divide(ctx, backgrounds, MGM_PHOTOS_HELD_OUT, backgrounds, &store->background_shares) : MGM_OK;
}

/** Whether any foreground is drawn. */
static bool draws(const struct mgm_foreground_store_settings *settings)
{
    bool drawn = !settings->dataset || settings->source_count == 0;
    for (int i = 0; i < settings->source_count; i++)
        drawn = drawn || settings->sources[i].kind == MGM_SOURCE_DRAWN;
    return drawn;
}

static enum mgm_status fill(struct mgm_context *ctx, const struct mgm_synth_library *library,
                            const struct mgm_foreground_store_settings *settings, struct mgm_foreground_store *store)
{
    if (settings->dataset)
        TRY(fill_dataset(ctx, settings, store));
    if (!store->background_shares.count[MGM_SHARE_TRAINING])
        TRY(prepare_photos(ctx, library, settings->undivided ? NOTHING : MGM_PHOTOS_HELD_OUT, store));
    store->cache.size = settings->size;
    return draws(settings) ? fill_drawn(ctx, library, settings, store) : MGM_OK;
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
    for (int i = 0; i < store->source_count; i++)
        release_shares(&store->sources[i].shares);
    release_shares(&store->background_shares);
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

/* ---- taking ------------------------------------------------------------------------------------------------------------
 */

static int choose(const struct share_list *list, enum mgm_share share, struct mgm_random *random)
{
    return list->indices[share][mgm_random_int(random, 0, list->count[share] - 1)];
}

int mgm_store_choose_foreground(const struct mgm_foreground_store *store, enum mgm_share share, struct mgm_random *random)
{
    int source = 0;
    if (store->source_count == 0)
        return choose(&store->foreground_shares, share, random);
    if (store->source_count > 1) {
        const double at = mgm_random_unit(random) * store->sources[store->source_count - 1].until;
        while (source + 1 < store->source_count && at >= store->sources[source].until)
            source++;
    }
    if (store->sources[source].drawn)
        return choose(&store->foreground_shares, share, random);
    return store->sources[source].first + choose(&store->sources[source].shares, share, random);
}

int mgm_store_choose_photo(const struct mgm_foreground_store *store, enum mgm_share share, struct mgm_random *random)
{
    const bool lying = store->background_shares.count[MGM_SHARE_TRAINING] > 0;
    return choose(lying ? &store->background_shares : &store->photo_shares, share, random);
}

enum mgm_status mgm_store_take_foreground(struct mgm_context *ctx, const struct mgm_foreground_store *store, int index,
                                          struct mgm_lease *out)
{
    for (int source = store->source_count - 1; source >= 0; source--)
        if (!store->sources[source].drawn && index >= store->sources[source].first)
            return mgm_dataset_foreground(ctx, store->dataset, source, index - store->sources[source].first, out);
    *out = (struct mgm_lease){.pyramid = store->foregrounds[index]};
    return MGM_OK;
}

enum mgm_status mgm_store_take_photo(struct mgm_context *ctx, const struct mgm_foreground_store *store, int index,
                                     struct mgm_lease *out)
{
    if (store->background_shares.count[MGM_SHARE_TRAINING] > 0)
        return mgm_dataset_background(ctx, store->dataset, index, out);
    *out = (struct mgm_lease){.pyramid = store->photos[index]};
    return MGM_OK;
}
