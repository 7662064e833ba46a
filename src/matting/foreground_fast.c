#include "matting/foreground_fast.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { SMALL = 32, SWEEPS_SMALL = 10, SWEEPS_LARGE = 2, COLOURS = 6 /* F, then B */ };
static const float REGULARISATION = 1e-5f, GRADIENT_WEIGHT = 1;

/** Photo and alpha at one size, and the present estimate. */
struct level {
    int h, w;
    float *image, *alpha; /* [h, w, 3], [h, w]; at the last level the caller's */
    float *colours;       /* [h, w, COLOURS] */
};

static void release(struct level *level, bool borrowed)
{
    if (!borrowed) {
        mgm_free(level->image);
        mgm_free(level->alpha);
    }
    mgm_free(level->colours);
    *level = (struct level){0};
}

/** dst [h, w, channels] takes of src the pixel that lies at the same place. */
static void resize_nearest(const float *src, int src_h, int src_w, int channels, int h, int w, float *dst)
{
    for (int y = 0; y < h; y++) {
        const size_t row = (size_t)((int64_t)y * src_h / h) * (size_t)src_w;
        for (int x = 0; x < w; x++)
            memcpy(dst + ((size_t)y * (size_t)w + (size_t)x) * (size_t)channels,
                   src + (row + (size_t)((int64_t)x * src_w / w)) * (size_t)channels, (size_t)channels * sizeof *dst);
    }
}

/** Mean colours of what is surely foreground, and surely background: where all of it begins. */
static void start_colours(size_t count, const float *image, const float *alpha, float colours[COLOURS])
{
    double sums[COLOURS] = {0}, counts[2] = {0};
    for (size_t i = 0; i < count; i++) {
        const int which = alpha[i] > 0.9f ? 0 : alpha[i] < 0.1f ? 1 : -1;
        if (which < 0)
            continue;
        counts[which] += 1;
        for (int c = 0; c < 3; c++)
            sums[3 * which + c] += (double)image[3 * i + (size_t)c];
    }
    for (int c = 0; c < COLOURS; c++)
        colours[c] = counts[c / 3] > 0 ? (float)(sums[c] / counts[c / 3]) : 0;
}

static inline float clamp(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** One pixel's F and B for its neighbours' present ones: two unknowns for each channel, one matrix for all three. */
static inline void solve_pixel(const struct level *level, size_t at, const size_t neighbours[4])
{
    const float alpha = level->alpha[at], rest = 1 - alpha, *image = level->image + 3 * at;
    float *own = level->colours + COLOURS * at, sums[COLOURS], weights = 0;
    for (int c = 0; c < 3; c++) {
        sums[c] = alpha * image[c];
        sums[3 + c] = rest * image[c];
    }
    for (int k = 0; k < 4; k++) {
        const float weight = REGULARISATION + GRADIENT_WEIGHT * fabsf(alpha - level->alpha[neighbours[k]]);
        const float *other = level->colours + COLOURS * neighbours[k];
        weights += weight;
        for (int c = 0; c < COLOURS; c++)
            sums[c] += weight * other[c];
    }
    const float a = alpha * alpha + weights, b = alpha * rest, d = rest * rest + weights;
    const float scale = 1 / (a * d - b * b);
    for (int c = 0; c < 3; c++) {
        own[c] = clamp(scale * (d * sums[c] - b * sums[3 + c]));
        own[3 + c] = clamp(scale * (a * sums[3 + c] - b * sums[c]));
    }
}

/** All pixels in reading order, each with what the sweep has made of those before it. */
static void sweep(const struct level *level)
{
    const size_t w = (size_t)level->w, h = (size_t)level->h;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const size_t at = y * w + x;
            const size_t neighbours[4] = {x ? at - 1 : at, x + 1 < w ? at + 1 : at, y ? at - w : at,
                                          y + 1 < h ? at + w : at};
            solve_pixel(level, at, neighbours);
        }
}

/** The level of size h × w: from the whole photo and the estimate of the level before. */
static enum mgm_status make_level(struct mgm_context *ctx, const struct level *whole, const struct level *before, int h,
                                  int w, struct level *out)
{
    const size_t count = (size_t)h * (size_t)w;
    const bool last = h == whole->h && w == whole->w;
    *out = (struct level){.h = h, .w = w};
    out->colours = mgm_alloc(count, COLOURS * sizeof(float));
    out->image = last ? whole->image : mgm_alloc(count, 3 * sizeof(float));
    out->alpha = last ? whole->alpha : mgm_alloc(count, sizeof(float));
    if (!out->colours || !out->image || !out->alpha) {
        release(out, last);
        return mgm_fail_nomem(ctx, "foreground colours");
    }
    resize_nearest(before->colours, before->h, before->w, COLOURS, h, w, out->colours);
    if (!last) {
        resize_nearest(whole->image, whole->h, whole->w, 3, h, w, out->image);
        resize_nearest(whole->alpha, whole->h, whole->w, 1, h, w, out->alpha);
    }
    for (int i = 0; i < (h <= SMALL && w <= SMALL ? SWEEPS_SMALL : SWEEPS_LARGE); i++)
        sweep(out);
    return MGM_OK;
}

enum mgm_status mgm_foreground_estimate(struct mgm_context *ctx, int h, int w, const float *image, const float *alpha,
                                        float *dst)
{
    float start[COLOURS];
    /* never written to: the structure is that of levels which own their pixels */
    const struct level whole = {.h = h, .w = w, .image = (float *)image, .alpha = (float *)alpha};
    const int steps = (int)ceil(log2(h > w ? h : w));
    struct level present = {.h = 1, .w = 1, .colours = start};
    bool borrowed = true;
    start_colours((size_t)h * (size_t)w, image, alpha, start);
    for (int i = 0; i <= steps; i++) {
        const double share = steps ? (double)i / steps : 1;
        struct level next;
        const enum mgm_status status = make_level(ctx, &whole, &present, i < steps ? (int)lround(pow(h, share)) : h,
                                                  i < steps ? (int)lround(pow(w, share)) : w, &next);
        if (present.colours != start)
            release(&present, borrowed);
        TRY(status);
        present = next;
        borrowed = next.image == image;
    }
    const size_t count = (size_t)h * (size_t)w;
    for (size_t i = 0; i < count; i++)
        memcpy(dst + 3 * i, present.colours + COLOURS * i, 3 * sizeof *dst);
    release(&present, borrowed);
    return MGM_OK;
}
