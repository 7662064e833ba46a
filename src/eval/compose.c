#include "eval/compose.h"

#include <math.h>

void mgm_cover_size(const struct mgm_bitmap *foreground, const struct mgm_bitmap *background, int *width, int *height)
{
    const double x = (double)foreground->width / background->width, y = (double)foreground->height / background->height;
    const double ratio = x > y ? x : y;
    *width = ratio > 1 ? (int)ceil(background->width * ratio) : background->width;
    *height = ratio > 1 ? (int)ceil(background->height * ratio) : background->height;
}

static void compose_row(const uint8_t *foreground, const uint8_t *alpha, const uint8_t *background, int width, uint8_t *dst)
{
    for (int x = 0; x < width; x++) {
        const double share = alpha[x] / 255.0;
        for (int c = 0; c < 3; c++) {
            const int i = 3 * x + c;
            dst[i] = alpha[x] == 255 ? foreground[i]
                     : alpha[x] == 0 ? background[i]
                                     : (uint8_t)(share * foreground[i] + (1 - share) * background[i]);
        }
    }
}

enum mgm_status mgm_compose_test(struct mgm_context *ctx, const struct mgm_bitmap *foreground,
                                 const struct mgm_bitmap *alpha, const struct mgm_bitmap *background, struct mgm_bitmap *dst)
{
    const int w = foreground->width, h = foreground->height;
    *dst = (struct mgm_bitmap){0};
    if (alpha->width != w || alpha->height != h)
        return mgm_fail(ctx, MGM_E_SHAPE, "a foreground of %d × %d pixels has a matte of %d × %d", w, h, alpha->width,
                        alpha->height);
    if (background->width < w || background->height < h)
        return mgm_fail(ctx, MGM_E_SHAPE, "a background of %d × %d pixels does not cover a foreground of %d × %d",
                        background->width, background->height, w, h);
    TRY(mgm_bitmap_create(ctx, w, h, 3, dst));
    for (size_t y = 0; y < (size_t)h; y++)
        compose_row(foreground->data + 3 * y * (size_t)w, alpha->data + y * (size_t)w,
                    background->data + 3 * y * (size_t)background->width, w, dst->data + 3 * y * (size_t)w);
    return MGM_OK;
}
