#include "base/memory.h"
#include "image/morphology.h"
#include "image/resize.h"
#include "train/published.h"

#include <string.h>

enum { MASK_SIDE = 640 };

/* Cubic and Lanczos overshoot. */
static void clamp(struct mgm_raster *raster)
{
    for (size_t i = 0; i < (size_t)raster->width * (size_t)raster->height; i++)
        raster->data[i] = raster->data[i] < 0 ? 0 : raster->data[i] > 1 ? 1 : raster->data[i];
}

/* ---- trimap and mask ---------------------------------------------------------------------------------------------------
 */

static enum mgm_status draw_unknown(struct mgm_context *ctx, struct mgm_random *random, const float *alpha, uint8_t *unknown,
                                    uint8_t *space)
{
    const int side = MASK_SIDE, foreground = mgm_random_int(random, 1, 29), background = mgm_random_int(random, 1, 29);
    const size_t count = (size_t)side * side;
    for (size_t i = 0; i < count; i++) {
        unknown[i] = alpha[i] + 1e-5f >= 1;
        space[i] = 1 - alpha[i] + 1e-5f >= 1;
    }
    TRY(mgm_erode(ctx, unknown, side, side, foreground, unknown));
    TRY(mgm_erode(ctx, space, side, side, background, space));
    for (size_t i = 0; i < count; i++)
        unknown[i] = !unknown[i] && !space[i];
    return MGM_OK;
}

static enum mgm_status draw_mask(struct mgm_context *ctx, struct mgm_random *random, const float *alpha, int most,
                                 uint8_t *mask)
{
    const int side = MASK_SIDE;
    const float threshold = (float)mgm_random_range(random, 0.01, 1);
    const int way = mgm_random_int(random, 0, 3), first = mgm_random_int(random, 1, most),
              second = mgm_random_int(random, 1, most);
    for (size_t i = 0; i < (size_t)side * side; i++)
        mask[i] = alpha[i] >= threshold;
    TRY(way == 0 || way == 2 ? mgm_erode(ctx, mask, side, side, first, mask)
                             : mgm_dilate(ctx, mask, side, side, first, mask));
    if (way < 2)
        return MGM_OK;
    return way == 2 ? mgm_dilate(ctx, mask, side, side, second, mask) : mgm_erode(ctx, mask, side, side, second, mask);
}

/** The nearest pixel of a square of MASK_SIDE for each of the picture's. */
static void spread(const uint8_t *square, int width, int height, uint8_t *dst)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *row = square + (size_t)((int64_t)y * MASK_SIDE / height) * MASK_SIDE;
        for (int x = 0; x < width; x++)
            dst[(size_t)y * (size_t)width + (size_t)x] = row[(int64_t)x * MASK_SIDE / width];
    }
}

/** A patch of 1/4 … 1/2 of each side over another place. */
static void cut_mask(struct mgm_random *random, int width, int height, uint8_t *mask)
{
    const int h = mgm_random_int(random, height / 4, height / 2), w = mgm_random_int(random, width / 4, width / 2);
    const int to_y = mgm_random_int(random, 0, height - h), to_x = mgm_random_int(random, 0, width - w);
    const int from_y = mgm_random_int(random, 0, height - h), from_x = mgm_random_int(random, 0, width - w);
    for (int i = 0; i < h; i++) {
        const size_t y = (size_t)(to_y > from_y ? h - 1 - i : i); /* the two may overlap */
        memmove(mask + ((size_t)to_y + y) * (size_t)width + (size_t)to_x,
                mask + ((size_t)from_y + y) * (size_t)width + (size_t)from_x, (size_t)w);
    }
}

enum mgm_status mgm_published_masks(struct mgm_context *ctx, struct mgm_random *random,
                                    const struct mgm_guidance_settings *settings, const struct mgm_raster *alpha,
                                    uint8_t *unknown, uint8_t *mask)
{
    const int width = alpha->width, height = alpha->height;
    const size_t square = (size_t)MASK_SIDE * MASK_SIDE;
    struct mgm_raster small = {0};
    uint8_t *planes = mgm_alloc(2, square);
    enum mgm_status status = planes ? MGM_OK : mgm_fail_nomem(ctx, "a sample");
    if (status == MGM_OK)
        status = mgm_resize(ctx, alpha, MASK_SIDE, MASK_SIDE, mgm_any_filter(random), &small);
    if (status == MGM_OK) {
        clamp(&small);
        status = draw_unknown(ctx, random, small.data, planes, planes + square);
    }
    if (status == MGM_OK) {
        spread(planes, width, height, unknown);
        status = draw_mask(ctx, random, small.data, settings->kernel_max, planes);
    }
    if (status == MGM_OK)
        spread(planes, width, height, mask);
    if (status == MGM_OK && mgm_random_chance(random, settings->cutmask))
        cut_mask(random, width, height, mask);
    mgm_raster_release(&small);
    mgm_free(planes);
    return status;
}
