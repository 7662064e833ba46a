#include "train/estimated.h"

#include "base/memory.h"
#include "matting/foreground_fast.h"
#include "train/blend.h"

#include <string.h>

enum { SURROUNDINGS = 32, STEP = 16 }; /* around a crop in the middle; between the places that are tried */

static size_t count_mixed(const struct mgm_batch *whole, int top, int left, int size)
{
    size_t mixed = 0;
    for (int y = top; y < top + size; y++)
        for (int x = left; x < left + size; x++) {
            const float alpha = whole->guidance[(size_t)y * (size_t)whole->size + (size_t)x];
            mixed += alpha > 0 && alpha < 1;
        }
    return mixed;
}

static void find_place(const struct mgm_batch *whole, int size, int *top, int *left)
{
    size_t most = 0;
    *top = *left = SURROUNDINGS;
    for (int y = 0; y <= 2 * SURROUNDINGS; y += STEP)
        for (int x = 0; x <= 2 * SURROUNDINGS; x += STEP) {
            const size_t mixed = count_mixed(whole, y, x, size);
            if (mixed <= most)
                continue;
            most = mixed;
            *top = y;
            *left = x;
        }
}

static void crop_planes(const float *src, const struct mgm_batch *whole, int top, int left, int planes, int size, float *dst)
{
    const size_t side = (size_t)whole->size;
    for (int plane = 0; plane < planes; plane++)
        for (int y = 0; y < size; y++, dst += size)
            memcpy(dst, src + ((size_t)plane * side + (size_t)(top + y)) * side + (size_t)left, (size_t)size * sizeof *dst);
}

/** @param estimate  [whole, whole, MGM_ESTIMATE_STRIDE] */
static void crop(const struct mgm_batch *whole, const float *estimate, struct mgm_batch *batch, int slot)
{
    const int size = batch->size;
    const size_t side = (size_t)whole->size, count = (size_t)size * (size_t)size, at = (size_t)slot * count;
    int top, left;
    find_place(whole, size, &top, &left);
    crop_planes(whole->image, whole, top, left, 3, size, batch->image + 3 * at);
    crop_planes(whole->fg, whole, top, left, 3, size, batch->fg + 3 * at);
    crop_planes(whole->bg, whole, top, left, 3, size, batch->bg + 3 * at);
    crop_planes(whole->alpha, whole, top, left, 1, size, batch->alpha + at);
    crop_planes(whole->guidance, whole, top, left, 1, size, batch->guidance + at);
    for (int y = 0; y < size; y++) {
        const size_t from = (size_t)(top + y) * side + (size_t)left, to = at + (size_t)y * (size_t)size;
        memcpy(batch->unknown + to, whole->unknown + from, (size_t)size);
        memcpy(batch->estimate + MGM_ESTIMATE_STRIDE * to, estimate + MGM_ESTIMATE_STRIDE * from,
               (size_t)size * MGM_ESTIMATE_STRIDE * sizeof *estimate);
    }
}

static enum mgm_status estimate(struct mgm_context *ctx, const struct mgm_batch *whole, float **out)
{
    const size_t count = (size_t)whole->size * (size_t)whole->size;
    float *image = mgm_alloc(3 * count, sizeof *image);
    if (!image)
        return mgm_fail_nomem(ctx, "a sample");
    for (size_t i = 0; i < 3 * count; i++)
        image[i] = whole->image[i % 3 * count + i / 3];
    const enum mgm_status status =
        mgm_foreground_estimate(ctx, &mgm_estimate_thorough, whole->size, whole->size, image, whole->guidance, out);
    mgm_free(image);
    return status;
}

enum mgm_status mgm_estimated_make(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                   const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                                   struct mgm_batch *batch, int slot)
{
    struct mgm_batch whole;
    float *found = NULL;
    TRY(mgm_batch_create(ctx, 1, batch->size + 2 * SURROUNDINGS, &whole));
    enum mgm_status status = mgm_blend_make(ctx, store, settings, seed, number, &whole, 0);
    if (status == MGM_OK)
        status = estimate(ctx, &whole, &found);
    if (status == MGM_OK)
        crop(&whole, found, batch, slot);
    mgm_free(found);
    mgm_batch_release(&whole);
    return status;
}
