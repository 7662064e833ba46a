/* Blurs of the whole surface, and the way from premultiplied to straight colours. */
#include "synth/canvas.h"

#include "base/memory.h"
#include "image/blur.h"

#include <math.h>
#include <string.h>

enum { LEVELS_MAX = 13 };

enum mgm_status synth_canvas_defocus(struct mgm_context *ctx, struct canvas *canvas, float radius)
{
    struct mgm_raster view = {canvas->width, canvas->height, 4, (float *)canvas->pixels};
    return mgm_blur_disc(ctx, &view, radius);
}

enum mgm_status synth_canvas_tilt(struct mgm_context *ctx, struct canvas *canvas, float radius, float x0, float y0, float x1,
                                  float y1)
{
    size_t count = (size_t)canvas->width * (size_t)canvas->height;
    v4 *sharp = mgm_alloc(count, sizeof *sharp), *half = mgm_alloc(count, sizeof *half);
    enum mgm_status status = sharp && half ? MGM_OK : mgm_fail_nomem(ctx, "a blur");
    if (status == MGM_OK) {
        memcpy(sharp, canvas->pixels, count * sizeof *sharp);
        status = synth_canvas_defocus(ctx, canvas, radius * 0.5f);
    }
    if (status == MGM_OK) {
        memcpy(half, canvas->pixels, count * sizeof *half);
        status = synth_canvas_defocus(ctx, canvas, radius * 0.87f);
    }
    if (status == MGM_OK) {
        float dx = x1 - x0, dy = y1 - y0, square = fmaxf(dx * dx + dy * dy, 1.0f);
        for (int y = 0; y < canvas->height; y++) {
            for (int x = 0; x < canvas->width; x++) {
                size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
                float t = (((float)x - x0) * dx + ((float)y - y0) * dy) / square;
                t = fminf(fmaxf(t, 0.0f), 1.0f) * 2.0f;
                canvas->pixels[at] = t < 1.0f ? sharp[at] + (half[at] - sharp[at]) * t
                                              : half[at] + (canvas->pixels[at] - half[at]) * (t - 1.0f);
            }
        }
    }
    mgm_free(sharp);
    mgm_free(half);
    return status;
}

enum mgm_status synth_canvas_motion(struct mgm_context *ctx, struct canvas *canvas, float length, float angle)
{
    struct mgm_raster view = {canvas->width, canvas->height, 4, (float *)canvas->pixels};
    return mgm_blur_motion(ctx, &view, length, angle);
}

static v4 *shrink(const v4 *src, int width, int height)
{
    int w = (width + 1) / 2, h = (height + 1) / 2;
    v4 *dst = mgm_alloc((size_t)w * (size_t)h, sizeof *dst);
    for (int y = 0; dst && y < h; y++) {
        for (int x = 0; x < w; x++) {
            int x0 = 2 * x, y0 = 2 * y, x1 = x0 + 1 < width ? x0 + 1 : x0, y1 = y0 + 1 < height ? y0 + 1 : y0;
            v4 sum = src[(size_t)y0 * (size_t)width + (size_t)x0] + src[(size_t)y0 * (size_t)width + (size_t)x1] +
                     src[(size_t)y1 * (size_t)width + (size_t)x0] + src[(size_t)y1 * (size_t)width + (size_t)x1];
            dst[(size_t)y * (size_t)w + (size_t)x] = sum * 0.25f;
        }
    }
    return dst;
}

/* Adds to each pixel of a level what it lacks to full weight, from the next coarser level, which has full weight. */
static void grow(v4 *dst, int width, int height, const v4 *coarse)
{
    int w = (width + 1) / 2, h = (height + 1) / 2;
    for (int y = 0; y < height; y++) {
        float fy = ((float)y + 0.5f) * 0.5f - 0.5f;
        int y0 = fy < 0.0f ? 0 : (int)fy, y1 = y0 + 1 < h ? y0 + 1 : y0;
        float ty = fmaxf(fy - (float)y0, 0.0f);
        for (int x = 0; x < width; x++) {
            v4 *pixel = dst + (size_t)y * (size_t)width + (size_t)x;
            float lack = 1.0f - (*pixel)[3];
            if (lack <= 0.0f)
                continue;
            float fx = ((float)x + 0.5f) * 0.5f - 0.5f;
            int x0 = fx < 0.0f ? 0 : (int)fx, x1 = x0 + 1 < w ? x0 + 1 : x0;
            float tx = fmaxf(fx - (float)x0, 0.0f);
            const v4 *a = coarse + (size_t)y0 * (size_t)w, *b = coarse + (size_t)y1 * (size_t)w;
            v4 top = a[x0] + (a[x1] - a[x0]) * tx, low = b[x0] + (b[x1] - b[x0]) * tx;
            *pixel += (top + (low - top) * ty) * lack;
        }
    }
}

/* Pull-push: averages downwards until every pixel knows a colour, and back up wherever one was missing. */
static enum mgm_status continue_colours(struct mgm_context *ctx, v4 *pixels, int width, int height)
{
    v4 *levels[LEVELS_MAX] = {pixels};
    int count = 1, w = width, h = height;
    enum mgm_status status = MGM_OK;
    while ((w > 1 || h > 1) && count < LEVELS_MAX && status == MGM_OK) {
        levels[count] = shrink(levels[count - 1], w, h);
        if (!levels[count])
            status = mgm_fail_nomem(ctx, "a picture");
        count++;
        w = (w + 1) / 2;
        h = (h + 1) / 2;
        for (size_t i = 0; status == MGM_OK && i < (size_t)w * (size_t)h; i++) {
            v4 *p = levels[count - 1] + i;
            if ((*p)[3] > 1e-6f)
                *p *= fminf(1.0f, 4.0f * (*p)[3]) / (*p)[3]; /* a little colour is enough to speak for the neighbourhood */
        }
    }
    if (status == MGM_OK && levels[count - 1][0][3] > 1e-6f)
        levels[count - 1][0] *= 1.0f / levels[count - 1][0][3];
    for (int i = count - 2; i >= 0 && status == MGM_OK; i--) {
        w = width;
        h = height;
        for (int k = 0; k < i; k++) {
            w = (w + 1) / 2;
            h = (h + 1) / 2;
        }
        grow(levels[i], w, h, levels[i + 1]);
    }
    for (int i = 1; i < count; i++)
        mgm_free(levels[i]);
    return status;
}

static uint8_t to_byte(float value)
{
    return (uint8_t)(fminf(fmaxf(value, 0.0f), 1.0f) * 255.0f + 0.5f);
}

enum mgm_status synth_canvas_finish(struct mgm_context *ctx, const struct canvas *canvas, struct mgm_bitmap *colour,
                                    struct mgm_bitmap *alpha)
{
    *colour = *alpha = (struct mgm_bitmap){0};
    size_t count = (size_t)canvas->width * (size_t)canvas->height;
    enum mgm_status status;
    v4 *straight = mgm_alloc(count, sizeof *straight);
    if (!straight)
        return mgm_fail_nomem(ctx, "a picture");
    if ((status = mgm_bitmap_create(ctx, canvas->width, canvas->height, 3, colour)) != MGM_OK ||
        (status = mgm_bitmap_create(ctx, canvas->width, canvas->height, 1, alpha)) != MGM_OK)
        goto fail;
    for (size_t i = 0; i < count; i++) {
        v4 p = canvas->pixels[i];
        /* From the third step of alpha on the colour is certain; below, rounding has eaten it and the surroundings help. */
        float weight = fminf(p[3] * 85.0f, 1.0f);
        straight[i] = p[3] > 1e-5f ? p * (weight / p[3]) : (v4){0};
        alpha->data[i] = to_byte(p[3]);
    }
    if ((status = continue_colours(ctx, straight, canvas->width, canvas->height)) != MGM_OK)
        goto fail;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 3; k++)
            colour->data[3 * i + k] = to_byte(straight[i][k]);
    mgm_free(straight);
    return MGM_OK;
fail:
    mgm_free(straight);
    mgm_bitmap_release(colour);
    mgm_bitmap_release(alpha);
    return status;
}
