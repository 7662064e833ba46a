#include "matting/foreground_fast.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

enum { SMALL = 32, SWEEPS_SMALL = 10, STRIDE = MGM_ESTIMATE_STRIDE };
enum { WHOLE = 256 * 256, REACH = 4 }; /* pixels up to which all are solved; else those nearer to a mixture */
static const float REGULARISATION = 1e-5f;

const struct mgm_estimate_settings mgm_estimate_published = {.gradient_weight = 1, .sweeps = 2, .relaxation = 1};
const struct mgm_estimate_settings mgm_estimate_thorough = {
    .gradient_weight = 0.1f, .sweeps = 4, .alternating = true, .relaxation = 1.4f};

/** F and B of one pixel. */
typedef float pair __attribute__((vector_size(STRIDE * sizeof(float)), aligned(4)));
typedef int pair_mask __attribute__((vector_size(STRIDE * sizeof(int))));

/** Photo and alpha at one size, and the present estimate. */
struct level {
    int h, w;
    float *image, *alpha; /* [h, w, 3], [h, w]; at the last level the caller's */
    float *colours;       /* [h, w, STRIDE] */
    uint8_t *active;      /* [h, w]; pixels are solved that are so, with all their neighbours. NULL: all are */
};

static void release(struct level *level, const struct level *whole)
{
    if (level->image != whole->image)
        mgm_free(level->image);
    if (level->alpha != whole->alpha)
        mgm_free(level->alpha);
    mgm_free(level->colours);
    mgm_free(level->active);
    *level = (struct level){0};
}

/**
 * dst [h, w, channels] takes of src the pixel that lies at the same place.
 * @param columns  [w], scratch
 * @param wanted   [h, w]; what is 0 there is left as it is, so that memory which nobody looks at is never touched. NULL: all
 */
static void resize_nearest(const float *src, int src_h, int src_w, int channels, int h, int w, int *columns,
                           const uint8_t *wanted, float *dst)
{
    for (int x = 0; x < w; x++)
        columns[x] = (int)((int64_t)x * src_w / w) * channels;
    for (int y = 0; y < h; y++) {
        const float *row = src + (size_t)((int64_t)y * src_h / h) * (size_t)src_w * (size_t)channels;
        for (int x = 0; x < w; x++, dst += channels)
            for (int c = 0; c < channels && (!wanted || wanted[(size_t)y * (size_t)w + (size_t)x]); c++)
                dst[c] = row[columns[x] + c];
    }
}

/** Mean colours of what is surely foreground, and surely background: where all of it begins. */
static void start_colours(size_t count, const float *image, const float *alpha, float colours[STRIDE])
{
    double sums[STRIDE] = {0}, counts[2] = {0};
    for (size_t i = 0; i < count; i++) {
        const int which = alpha[i] > 0.9f ? 0 : alpha[i] < 0.1f ? 1 : -1;
        if (which < 0)
            continue;
        counts[which] += 1;
        for (int c = 0; c < 3; c++)
            sums[MGM_ESTIMATE_B * which + c] += (double)image[3 * i + (size_t)c];
    }
    for (int c = 0; c < STRIDE; c++)
        colours[c] = counts[c / MGM_ESTIMATE_B] > 0 ? (float)(sums[c] / counts[c / MGM_ESTIMATE_B]) : 0;
}

/** Marks what is near to a mixture: along rows, then along columns. @param rows  [h, w], scratch */
static void mark_active(const struct level *level, uint8_t *rows)
{
    const int h = level->h, w = level->w;
    for (int y = 0; y < h; y++) {
        const float *alpha = level->alpha + (size_t)y * (size_t)w;
        uint8_t *row = rows + (size_t)y * (size_t)w;
        memset(row, 0, (size_t)w);
        for (int x = 0; x < w; x++)
            if (alpha[x] > 0 && alpha[x] < 1)
                for (int i = x < REACH ? 0 : x - REACH; i <= x + REACH && i < w; i++)
                    row[i] = 1;
    }
    for (int y = 0; y < h; y++) {
        uint8_t *active = level->active + (size_t)y * (size_t)w;
        memset(active, 0, (size_t)w);
        for (int i = y < REACH ? 0 : y - REACH; i <= y + REACH && i < h; i++)
            for (int x = 0; x < w; x++)
                active[x] |= rows[(size_t)i * (size_t)w + (size_t)x];
    }
}

/** Where nothing will be solved, the colour that the photo shows is known. At the last size nobody asks. */
static void take_known(const struct level *level)
{
    for (size_t i = 0; i < (size_t)level->h * (size_t)level->w; i++)
        if (!level->active[i])
            memcpy(level->colours + STRIDE * i + (level->alpha[i] > 0 ? 0 : MGM_ESTIMATE_B), level->image + 3 * i,
                   3 * sizeof(float));
}

/** One pixel's F and B for its neighbours' present ones: two unknowns for each channel, one matrix for all three. */
static inline __attribute__((always_inline)) void
solve_pixel(const struct level *level, const struct mgm_estimate_settings *s, size_t at, const size_t neighbours[4])
{
    const float alpha = level->alpha[at], rest = 1 - alpha, *c = level->image + 3 * at;
    pair sums = {alpha * c[0], alpha * c[1], alpha * c[2], 0, rest * c[0], rest * c[1], rest * c[2], 0};
    float weights = 0;
    for (int k = 0; k < 4; k++) {
        const float weight = REGULARISATION + s->gradient_weight * fabsf(alpha - level->alpha[neighbours[k]]);
        weights += weight;
        sums += weight * *(const pair *)(level->colours + STRIDE * neighbours[k]);
    }
    const float a = alpha * alpha + weights, b = alpha * rest, d = rest * rest + weights;
    const float scale = 1 / (a * d - b * b), sd = scale * d, sa = scale * a, sb = scale * b;
    const pair own = {sd, sd, sd, sd, sa, sa, sa, sa}, zero = {0}, one = {1, 1, 1, 1, 1, 1, 1, 1};
    const pair before = *(const pair *)(level->colours + STRIDE * at);
    pair value = own * sums - sb * __builtin_shufflevector(sums, sums, 4, 5, 6, 7, 0, 1, 2, 3);
    value = before + s->relaxation * (value - before);
    value = (pair)((pair_mask)value & (pair_mask)(value > zero));
    const pair_mask above = (pair_mask)(value > one);
    *(pair *)(level->colours + STRIDE * at) = (pair)(((pair_mask)one & above) | ((pair_mask)value & ~above));
}

/** All pixels in reading order, or against it, each with what the sweep has made of those before it. */
MGM_KERNEL static void sweep(const struct level *level, const struct mgm_estimate_settings *s, bool backwards)
{
    const size_t w = (size_t)level->w, h = (size_t)level->h;
    const uint8_t *active = level->active;
    for (size_t row = 0; row < h; row++)
        for (size_t column = 0; column < w; column++) {
            const size_t y = backwards ? h - 1 - row : row, x = backwards ? w - 1 - column : column, at = y * w + x;
            const size_t neighbours[4] = {x ? at - 1 : at, x + 1 < w ? at + 1 : at, y ? at - w : at,
                                          y + 1 < h ? at + w : at};
            if (!active || (active[at] && active[neighbours[0]] && active[neighbours[1]] && active[neighbours[2]] &&
                            active[neighbours[3]]))
                solve_pixel(level, s, at, neighbours);
        }
}

static enum mgm_status find_active(struct mgm_context *ctx, struct level *level)
{
    const size_t count = (size_t)level->h * (size_t)level->w;
    if (count <= WHOLE)
        return MGM_OK;
    uint8_t *rows = mgm_alloc(count, 1);
    level->active = mgm_alloc(count, 1);
    if (rows && level->active)
        mark_active(level, rows);
    const enum mgm_status status = rows && level->active ? MGM_OK : mgm_fail_nomem(ctx, "foreground colours");
    mgm_free(rows);
    return status;
}

/** The level of size h × w: from the whole photo and the estimate of the level before. */
static enum mgm_status make_level(struct mgm_context *ctx, const struct mgm_estimate_settings *s, const struct level *whole,
                                  const struct level *before, int h, int w, struct level *out)
{
    const size_t count = (size_t)h * (size_t)w;
    const bool last = h == whole->h && w == whole->w;
    *out = (struct level){.h = h, .w = w};
    out->colours = mgm_alloc(count, STRIDE * sizeof(float));
    out->image = last ? whole->image : mgm_alloc(count, 3 * sizeof(float));
    out->alpha = last ? whole->alpha : mgm_alloc(count, sizeof(float));
    if (!out->colours || !out->image || !out->alpha)
        return mgm_fail_nomem(ctx, "foreground colours");
    int *columns = mgm_alloc((size_t)w, sizeof *columns);
    if (!columns)
        return mgm_fail_nomem(ctx, "foreground colours");
    if (!last) {
        resize_nearest(whole->image, whole->h, whole->w, 3, h, w, columns, NULL, out->image);
        resize_nearest(whole->alpha, whole->h, whole->w, 1, h, w, columns, NULL, out->alpha);
    }
    const enum mgm_status status = find_active(ctx, out);
    if (status == MGM_OK)
        resize_nearest(before->colours, before->h, before->w, STRIDE, h, w, columns, last ? out->active : NULL,
                       out->colours);
    mgm_free(columns);
    TRY(status);
    if (out->active && !last)
        take_known(out);
    for (int i = 0; i < (h <= SMALL && w <= SMALL ? SWEEPS_SMALL : s->sweeps); i++)
        sweep(out, s, s->alternating && i % 2 == 1);
    return MGM_OK;
}

enum mgm_status mgm_foreground_estimate(struct mgm_context *ctx, const struct mgm_estimate_settings *settings, int h, int w,
                                        const float *image, const float *alpha, float **out)
{
    /* never written to: the structure is that of levels which own their pixels */
    const struct level whole = {.h = h, .w = w, .image = (float *)image, .alpha = (float *)alpha};
    const int steps = (int)ceil(log2(h > w ? h : w));
    struct level present = {.h = 1, .w = 1, .colours = mgm_alloc(STRIDE, sizeof(float))};
    *out = NULL;
    if (!present.colours)
        return mgm_fail_nomem(ctx, "foreground colours");
    start_colours((size_t)h * (size_t)w, image, alpha, present.colours);
    enum mgm_status status = MGM_OK;
    for (int i = 0; i <= steps && status == MGM_OK; i++) {
        const double share = steps ? (double)i / steps : 1;
        struct level next;
        status = make_level(ctx, settings, &whole, &present, i < steps ? (int)lround(pow(h, share)) : h,
                            i < steps ? (int)lround(pow(w, share)) : w, &next);
        release(&present, &whole);
        present = next;
    }
    if (status == MGM_OK) {
        *out = present.colours;
        present.colours = NULL;
    }
    release(&present, &whole);
    return status;
}
