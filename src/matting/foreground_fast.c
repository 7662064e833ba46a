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
    .gradient_weight = 0.1f, .sweeps = 4, .alternating = true, .relaxation = 1.2f, .doubt = 333};

/** F and B of one pixel. */
typedef float pair __attribute__((vector_size(STRIDE * sizeof(float)), aligned(4)));
typedef int pair_mask __attribute__((vector_size(STRIDE * sizeof(int))));

/** Pixels x0 … x1 − 1 of a row. */
struct span {
    uint32_t y, x0, x1;
};

/** Photo and alpha at one size, and the present estimate. */
struct level {
    int h, w;
    float *image, *alpha; /* [h, w, 3], [h, w]; at the last level the caller's */
    float *colours;       /* [h, w, STRIDE] */
    uint8_t *active;      /* [h, w]; what is near to a mixture. NULL: everything */
    struct span *spans;   /* [span_count]; pixels that are active with all their neighbours are solved, in reading order */
    size_t span_count;
};

static void release(struct level *level, const struct level *whole)
{
    if (level->image != whole->image)
        mgm_free(level->image);
    if (level->alpha != whole->alpha)
        mgm_free(level->alpha);
    mgm_free(level->colours);
    mgm_free(level->active);
    mgm_free(level->spans);
    *level = (struct level){0};
}

/** Where the pixel lies in a row of src_w that is at the same place as each in a row of w. */
static void find_columns(int src_w, int w, uint32_t *columns)
{
    for (int x = 0; x < w; x++)
        columns[x] = (uint32_t)((int64_t)x * src_w / w);
}

/** dst [h, w, channels] takes of src the pixel that lies at the same place. */
static inline __attribute__((always_inline)) void resize_nearest(const float *src, int src_h, int src_w, size_t channels,
                                                                 int h, int w, const uint32_t *columns, float *dst)
{
    for (int y = 0; y < h; y++) {
        const float *row = src + (size_t)((int64_t)y * src_h / h) * (size_t)src_w * channels;
        for (int x = 0; x < w; x++, dst += channels)
            for (size_t c = 0; c < channels; c++)
                dst[c] = row[columns[x] * channels + c];
    }
}

/** The same of colours; those that are not active are left as they are, so that memory which nobody looks at is never
 * touched. */
static void resize_active(const struct level *before, const uint32_t *columns, const struct level *level)
{
    const size_t w = (size_t)level->w;
    for (size_t y = 0; y < (size_t)level->h; y++) {
        const float *row = before->colours + y * (size_t)before->h / (size_t)level->h * (size_t)before->w * STRIDE;
        const uint8_t *active = level->active + y * w, *end = active + w;
        for (const uint8_t *next = active; next < end && (next = memchr(next, 1, (size_t)(end - next))); next++) {
            const size_t x = (size_t)(next - active);
            memcpy(level->colours + STRIDE * (y * w + x), row + STRIDE * columns[x], STRIDE * sizeof *row);
        }
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

/** The next span of a row, from x on, of pixels that are active with all their neighbours. @return false if there is none */
static bool next_span(const struct level *level, size_t y, size_t x, struct span *out)
{
    const size_t w = (size_t)level->w;
    const uint8_t *here = level->active + y * w, *above = y ? here - w : here,
                  *below = y + 1 < (size_t)level->h ? here + w : here;
    for (;; x++) {
        const uint8_t *found = x < w ? memchr(here + x, 1, w - x) : NULL;
        if (!found)
            return false;
        x = (size_t)(found - here);
        if (above[x] && below[x] && here[x ? x - 1 : 0] && here[x + 1 < w ? x + 1 : x])
            break;
    }
    *out = (struct span){(uint32_t)y, (uint32_t)x, (uint32_t)x};
    while (x < w && above[x] && below[x] && here[x] && here[x + 1 < w ? x + 1 : x])
        out->x1 = (uint32_t)++x;
    return true;
}

/** @return how many there are; written to level->spans where that is not NULL */
static size_t list_spans(const struct level *level)
{
    size_t count = 0;
    for (size_t y = 0; y < (size_t)level->h; y++) {
        struct span span = {(uint32_t)y, 0, (uint32_t)level->w};
        for (bool found = !level->active || next_span(level, y, 0, &span); found; count++) {
            if (level->spans)
                level->spans[count] = span;
            found = level->active && next_span(level, y, span.x1, &span);
        }
    }
    return count;
}

/** Where nothing will be solved, the colour that the photo shows is known. At the last size nobody asks. */
static void take_known(const struct level *level)
{
    for (size_t i = 0; i < (size_t)level->h * (size_t)level->w; i++)
        if (!level->active[i])
            memcpy(level->colours + STRIDE * i + (level->alpha[i] > 0 ? 0 : MGM_ESTIMATE_B), level->image + 3 * i,
                   3 * sizeof(float));
}

/**
 * How much of the composing equation a pixel is held to: 1 / (1 + doubt · r²), for the residual r of its present colours.
 * Where alpha is right the neighbours' colours nearly compose the photo, and the rest is detail; where they are far off, it
 * is more likely that alpha is wrong, and colours that were made to fit it would be wrong as well.
 */
static inline __attribute__((always_inline)) float trust(const struct mgm_estimate_settings *s, float alpha, const float *c,
                                                         const pair *present)
{
    float squares = 0;
    for (int k = 0; k < 3; k++) {
        const float r = alpha * (*present)[k] + (1 - alpha) * (*present)[MGM_ESTIMATE_B + k] - c[k];
        squares += r * r;
    }
    return alpha > 0 && alpha < 1 ? 1 / (1 + s->doubt * squares) : 1;
}

/** The neighbours of a pixel; those beyond the border are the pixel itself. */
struct neighbours {
    size_t behind, ahead, above, below; /* behind is the one that the sweep has just left */
};

/**
 * One pixel's F and B for its neighbours' present ones: two unknowns for each channel, one matrix for all three. Every pixel
 * waits for the one behind it, so that its colours are handed over, and come last into everything.
 * @param colours  of the pixel behind; receives the pixel's own
 */
static inline __attribute__((always_inline)) void solve_pixel(const struct level *level,
                                                              const struct mgm_estimate_settings *s, size_t at,
                                                              const struct neighbours *n, pair *colours)
{
    const float alpha = level->alpha[at], rest = 1 - alpha, *c = level->image + 3 * at;
    const pair present = *(const pair *)(level->colours + STRIDE * at);
    const float data = trust(s, alpha, c, &present), f = data * alpha, g = data * rest;
    const size_t known[3] = {n->above, n->below, n->ahead};
    pair sums = {f * c[0], f * c[1], f * c[2], 0, g * c[0], g * c[1], g * c[2], 0};
    const float weight_behind = REGULARISATION + s->gradient_weight * fabsf(alpha - level->alpha[n->behind]);
    float weights = weight_behind;
    for (int k = 0; k < 3; k++) {
        const float weight = REGULARISATION + s->gradient_weight * fabsf(alpha - level->alpha[known[k]]);
        weights += weight;
        sums += weight * *(const pair *)(level->colours + STRIDE * known[k]);
    }
    const float a = f * alpha + weights, b = f * rest, d = g * rest + weights;
    const float scale = s->relaxation / (a * d - b * b), sd = scale * d, sa = scale * a, sb = scale * b;
    const pair own = {sd, sd, sd, sd, sa, sa, sa, sa}, zero = {0}, one = {1, 1, 1, 1, 1, 1, 1, 1};
    const pair kept = (1 - s->relaxation) * present;
    sums += weight_behind * *colours;
    pair value = kept + own * sums - sb * __builtin_shufflevector(sums, sums, 4, 5, 6, 7, 0, 1, 2, 3);
    value = (pair)((pair_mask)value & (pair_mask)(value > zero));
    const pair_mask above = (pair_mask)(value > one);
    *colours = (pair)(((pair_mask)one & above) | ((pair_mask)value & ~above));
}

/** Part of a row, from the left or from the right. */
static inline __attribute__((always_inline)) void
sweep_span(const struct level *level, const struct mgm_estimate_settings *s, size_t y, size_t x0, size_t x1, bool backwards)
{
    const size_t w = (size_t)level->w, row = y * w, up = y ? w : 0, down = y + 1 < (size_t)level->h ? w : 0;
    const size_t first = backwards ? x1 - 1 : x0, before = backwards ? (x1 < w ? x1 : first) : (x0 ? x0 - 1 : first);
    pair colours = *(const pair *)(level->colours + STRIDE * (row + before));
    size_t behind = row + before;
    for (size_t i = 0; i < x1 - x0; i++) {
        const size_t x = backwards ? first - i : first + i, at = row + x;
        const size_t ahead = backwards ? (x ? at - 1 : at) : (x + 1 < w ? at + 1 : at);
        const struct neighbours neighbours = {behind, ahead, at - up, at + down};
        solve_pixel(level, s, at, &neighbours, &colours);
        *(pair *)(level->colours + STRIDE * at) = colours;
        behind = at;
    }
}

/** All pixels in reading order, or against it, each with what the sweep has made of those before it. */
MGM_KERNEL static void sweep(const struct level *level, const struct mgm_estimate_settings *s, bool backwards)
{
    if (backwards)
        for (size_t i = level->span_count; i-- > 0;)
            sweep_span(level, s, level->spans[i].y, level->spans[i].x0, level->spans[i].x1, true);
    else
        for (size_t i = 0; i < level->span_count; i++)
            sweep_span(level, s, level->spans[i].y, level->spans[i].x0, level->spans[i].x1, false);
}

static enum mgm_status find_active(struct mgm_context *ctx, struct level *level)
{
    const size_t count = (size_t)level->h * (size_t)level->w;
    if (count > WHOLE) {
        uint8_t *rows = mgm_alloc(count, 1);
        level->active = mgm_alloc(count, 1);
        if (rows && level->active)
            mark_active(level, rows);
        const bool complete = rows && level->active;
        mgm_free(rows);
        if (!complete)
            return mgm_fail_nomem(ctx, "foreground colours");
    }
    level->span_count = list_spans(level);
    level->spans = mgm_alloc(level->span_count + 1, sizeof *level->spans);
    if (!level->spans)
        return mgm_fail_nomem(ctx, "foreground colours");
    (void)list_spans(level);
    return MGM_OK;
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
    uint32_t *columns = mgm_alloc((size_t)w, sizeof *columns);
    if (!columns)
        return mgm_fail_nomem(ctx, "foreground colours");
    find_columns(whole->w, w, columns);
    if (!last) {
        resize_nearest(whole->image, whole->h, whole->w, 3, h, w, columns, out->image);
        resize_nearest(whole->alpha, whole->h, whole->w, 1, h, w, columns, out->alpha);
    }
    const enum mgm_status status = find_active(ctx, out);
    find_columns(before->w, w, columns);
    if (status == MGM_OK && last && out->active)
        resize_active(before, columns, out);
    else if (status == MGM_OK)
        resize_nearest(before->colours, before->h, before->w, STRIDE, h, w, columns, out->colours);
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
