#include "train/published.h"

#include "base/memory.h"
#include "image/colour.h"
#include "image/warp.h"
#include "train/composite.h"

#include <math.h>

enum { SMALL_SIDE = 640, ROTATED_FROM = 1024, UNKNOWN_LEAST = 10 };

/** A foreground and its matte, whole, and what is made of the matte. */
struct whole {
    struct mgm_raster colour, alpha; /* of one size */
    uint8_t *unknown, *mask;         /* [height, width] */
};

static void release(struct whole *whole)
{
    mgm_raster_release(&whole->colour);
    mgm_raster_release(&whole->alpha);
    mgm_free(whole->unknown);
    mgm_free(whole->mask);
    *whole = (struct whole){.unknown = NULL};
}

enum mgm_filter mgm_any_filter(struct mgm_random *random)
{
    static const enum mgm_filter filters[] = {MGM_FILTER_NEAREST, MGM_FILTER_LINEAR, MGM_FILTER_CUBIC, MGM_FILTER_LANCZOS};
    return filters[mgm_random_int(random, 0, 3)];
}

/* Cubic and Lanczos overshoot. */
static void clamp(struct mgm_raster *raster)
{
    const size_t count = (size_t)raster->width * (size_t)raster->height * (size_t)raster->channels;
    for (size_t i = 0; i < count; i++)
        raster->data[i] = raster->data[i] < 0 ? 0 : raster->data[i] > 1 ? 1 : raster->data[i];
}

static enum mgm_status resize(struct mgm_context *ctx, struct mgm_random *random, int width, int height,
                              struct mgm_raster *raster)
{
    struct mgm_raster resized = {0};
    const enum mgm_filter filter = mgm_any_filter(random);
    if (raster->width == width && raster->height == height)
        return MGM_OK;
    TRY(mgm_resize(ctx, raster, width, height, filter, &resized));
    clamp(&resized);
    mgm_raster_release(raster);
    *raster = resized;
    return MGM_OK;
}

static enum mgm_status resize_both(struct mgm_context *ctx, struct mgm_random *random, int width, int height,
                                   struct whole *whole)
{
    TRY(resize(ctx, random, width, height, &whole->colour));
    return resize(ctx, random, width, height, &whole->alpha);
}

static enum mgm_status take(struct mgm_context *ctx, const struct mgm_foreground_store *store, int index,
                            struct whole *whole)
{
    struct mgm_lease lease;
    TRY(mgm_store_take_foreground(ctx, store, index, &lease));
    const int width = lease.pyramid.level[0].width, height = lease.pyramid.level[0].height;
    const uint8_t *pixels = lease.pyramid.level[0].data;
    enum mgm_status status = mgm_raster_create(ctx, width, height, 3, &whole->colour);
    if (status == MGM_OK)
        status = mgm_raster_create(ctx, width, height, 1, &whole->alpha);
    for (size_t i = 0; status == MGM_OK && i < (size_t)width * (size_t)height; i++) {
        for (size_t c = 0; c < 3; c++)
            whole->colour.data[3 * i + c] = (float)pixels[4 * i + c] / 255;
        whole->alpha.data[i] = (float)pixels[4 * i + 3] / 255;
    }
    mgm_lease_release(&lease);
    return status;
}

/** The first over the second, unless nothing of a background would be left. */
static void merge(struct whole *first, const struct whole *second)
{
    const size_t count = (size_t)first->alpha.width * (size_t)first->alpha.height;
    float *alpha = first->alpha.data;
    const float *other = second->alpha.data;
    bool covered = true;
    for (size_t i = 0; i < count && covered; i++)
        covered = 1 - (1 - alpha[i]) * (1 - other[i]) >= 1;
    for (size_t i = 0; i < count && !covered; i++) {
        for (size_t c = 0; c < 3; c++)
            first->colour.data[3 * i + c] =
                first->colour.data[3 * i + c] * alpha[i] + second->colour.data[3 * i + c] * (1 - alpha[i]);
        alpha[i] = 1 - (1 - alpha[i]) * (1 - other[i]);
    }
}

static enum mgm_status compose_two(struct mgm_context *ctx, const struct mgm_foreground_store *store, int index,
                                   struct mgm_random *random, struct whole *whole)
{
    struct whole second = {.unknown = NULL};
    enum mgm_status status = take(ctx, store, index, &second);
    if (status == MGM_OK)
        status = resize_both(ctx, random, whole->alpha.width, whole->alpha.height, &second);
    if (status == MGM_OK)
        merge(whole, &second);
    release(&second);
    return status;
}

/* ---- the affine map ----------------------------------------------------------------------------------------------------
 */

/* Flip, then scale, rotation and shear around the middle, inverted. */
void mgm_published_map(struct mgm_random *random, int width, int height, float m[6])
{
    const double degree = 0.017453292519943295;
    const bool rotated = (width > height ? width : height) >= ROTATED_FROM;
    const double angle = rotated ? degree * mgm_random_range(random, -30, 30) : 0;
    double scale_x = 1 / mgm_random_range(random, 0.8, 1.25), scale_y = 1 / mgm_random_range(random, 0.8, 1.25);
    const double shear = degree * mgm_random_range(random, -10, 10);
    scale_x *= mgm_random_chance(random, 0.5) ? 1 : -1;
    scale_y *= mgm_random_chance(random, 0.5) ? 1 : -1;
    const double d = cos(angle + shear) * cos(angle) + sin(angle + shear) * sin(angle);
    const double a = cos(angle) * scale_x / d, b = sin(angle + shear) * scale_x / d;
    const double c = -sin(angle) * scale_y / d, e = cos(angle + shear) * scale_y / d;
    const double x = width / 2.0, y = height / 2.0;
    const double map[6] = {a, b, x - a * x - b * y, c, e, y - c * x - e * y};
    for (int i = 0; i < 6; i++)
        m[i] = (float)map[i];
}

static enum mgm_status warp(struct mgm_context *ctx, struct mgm_random *random, const float m[6], struct mgm_raster *raster)
{
    struct mgm_raster warped = {0};
    TRY(mgm_raster_create(ctx, raster->width, raster->height, raster->channels, &warped));
    const enum mgm_status status = mgm_warp_affine(ctx, raster, m, mgm_any_filter(random), 0, &warped);
    clamp(&warped);
    mgm_raster_release(raster);
    *raster = warped;
    return status;
}

/* ---- the crop ----------------------------------------------------------------------------------------------------------
 */

/** Its upper left corner: around an unknown pixel, of which every fourth in either direction is looked at; else anywhere. */
static void choose_crop(struct mgm_random *random, const struct whole *whole, int size, int *left, int *top)
{
    const int width = whole->alpha.width, height = whole->alpha.height, margin = size / 2;
    int count = 0, chosen;
    for (int y = margin; y + margin < height; y += 4)
        for (int x = margin; x + margin < width; x += 4)
            count += whole->unknown[(size_t)y * (size_t)width + (size_t)x];
    if (count < UNKNOWN_LEAST) {
        *top = mgm_random_int(random, 0, height - size);
        *left = mgm_random_int(random, 0, width - size);
        return;
    }
    chosen = mgm_random_int(random, 0, count - 1);
    for (int y = margin; y + margin < height; y += 4)
        for (int x = margin; x + margin < width; x += 4)
            if (whole->unknown[(size_t)y * (size_t)width + (size_t)x] && chosen-- == 0) {
                *top = y - margin;
                *left = x - margin;
            }
}

/** One sample's places in the batch. */
struct crop {
    int size, left, top;
    size_t count;
    float *image, *fg, *bg, *alpha, *guidance;
    uint8_t *unknown;
};

static void cut_out(const struct whole *whole, struct crop *crop)
{
    for (size_t y = 0; y < (size_t)crop->size; y++)
        for (size_t x = 0; x < (size_t)crop->size; x++) {
            const size_t to = y * (size_t)crop->size + x;
            const size_t from = (y + (size_t)crop->top) * (size_t)whole->alpha.width + x + (size_t)crop->left;
            for (size_t c = 0; c < 3; c++)
                crop->fg[c * crop->count + to] = whole->colour.data[3 * from + c];
            crop->alpha[to] = whole->alpha.data[from];
            crop->guidance[to] = whole->mask[from];
            crop->unknown[to] = whole->unknown[from];
        }
}

/** What the crop shows of a background that is stretched to the foreground's size. */
static enum mgm_status take_background(struct mgm_context *ctx, const struct mgm_foreground_store *store, int index,
                                       struct mgm_random *random, const struct whole *whole, struct crop *crop)
{
    struct mgm_lease lease;
    struct mgm_raster cut = {0};
    TRY(mgm_store_take_photo(ctx, store, index, &lease));
    const struct mgm_bitmap photo = {lease.pyramid.level[0].width, lease.pyramid.level[0].height, 3,
                                     (uint8_t *)(uintptr_t)lease.pyramid.level[0].data};
    const float x = (float)photo.width / (float)whole->alpha.width, y = (float)photo.height / (float)whole->alpha.height;
    const float m[6] = {x, 0, x * (float)crop->left, 0, y, y * (float)crop->top};
    enum mgm_status status = mgm_raster_create(ctx, crop->size, crop->size, 3, &cut);
    if (status == MGM_OK)
        status = mgm_warp_affine_bitmap(ctx, &photo, m, mgm_any_filter(random), NAN, &cut);
    if (status == MGM_OK)
        clamp(&cut);
    for (size_t i = 0; status == MGM_OK && i < crop->count; i++)
        for (size_t c = 0; c < 3; c++)
            crop->bg[c * crop->count + i] = cut.data[3 * i + c];
    mgm_raster_release(&cut);
    mgm_lease_release(&lease);
    return status;
}

static enum mgm_status make_whole(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                  const struct mgm_sample_settings *settings, struct mgm_random *random, int size,
                                  struct whole *whole, struct mgm_sample_facts *facts)
{
    const enum mgm_share share = settings->validation ? MGM_SHARE_VALIDATION : MGM_SHARE_TRAINING;
    float m[6];
    facts->foreground = mgm_store_choose_foreground(store, share, random);
    TRY(take(ctx, store, facts->foreground, whole));
    if (mgm_random_chance(random, settings->compose_two)) {
        facts->second = mgm_store_choose_foreground(store, share, random);
        TRY(compose_two(ctx, store, facts->second, random, whole));
    }
    facts->resized = mgm_random_chance(random, 0.25);
    if (facts->resized)
        TRY(resize_both(ctx, random, SMALL_SIDE, SMALL_SIDE, whole));
    mgm_published_map(random, whole->alpha.width, whole->alpha.height, m);
    TRY(warp(ctx, random, m, &whole->colour));
    TRY(warp(ctx, random, m, &whole->alpha));
    const int width = whole->alpha.width, height = whole->alpha.height, shorter = width < height ? width : height;
    if (shorter < size + 1) { /* before the masks: theirs have a size of their own */
        const double ratio = 1.1 * size / shorter;
        TRY(resize_both(ctx, random, (int)ceil(width * ratio), (int)ceil(height * ratio), whole));
    }
    const size_t count = (size_t)whole->alpha.width * (size_t)whole->alpha.height;
    whole->unknown = mgm_alloc(count, 1);
    whole->mask = mgm_alloc(count, 1);
    if (!whole->unknown || !whole->mask)
        return mgm_fail_nomem(ctx, "a sample");
    return mgm_published_masks(ctx, random, &settings->guidance, &whole->alpha, whole->unknown, whole->mask);
}

enum mgm_status mgm_published_sample(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                     const struct mgm_sample_settings *settings, struct mgm_random *random,
                                     struct mgm_batch *batch, int slot, struct mgm_sample_facts *facts)
{
    const enum mgm_share share = settings->validation ? MGM_SHARE_VALIDATION : MGM_SHARE_TRAINING;
    const size_t count = (size_t)batch->size * (size_t)batch->size, at = (size_t)slot * count;
    struct crop crop = {.size = batch->size,
                        .count = count,
                        .image = batch->image + 3 * at,
                        .fg = batch->fg + 3 * at,
                        .bg = batch->bg + 3 * at,
                        .alpha = batch->alpha + at,
                        .guidance = batch->guidance + at,
                        .unknown = batch->unknown + at};
    struct whole whole = {.unknown = NULL};
    *facts = (struct mgm_sample_facts){.second = -1, .distractor = -1, .tries = 1};
    enum mgm_status status = make_whole(ctx, store, settings, random, batch->size, &whole, facts);
    if (status == MGM_OK) {
        choose_crop(random, &whole, batch->size, &crop.left, &crop.top);
        cut_out(&whole, &crop);
        facts->photo = mgm_store_choose_photo(store, share, random);
        status = take_background(ctx, store, facts->photo, random, &whole, &crop);
    }
    release(&whole);
    if (status != MGM_OK)
        return status;
    mgm_hsv_jitter(random, crop.alpha, count, crop.fg);
    mgm_compose(crop.alpha, crop.fg, crop.bg, count, crop.image);
    return mgm_random_chance(random, settings->real_world) ? mgm_real_world(ctx, random, crop.image, batch->size) : MGM_OK;
}
