#include "matting/foreground_split.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "matting/foreground_fast.h"

#include <string.h>

enum { STRIDE = MGM_ESTIMATE_STRIDE, B = MGM_ESTIMATE_B };
enum { COARSEST = 8, NEARBY = 32 }; /* half sides of the squares for the first means, and for deviations */
static const int HALF_SIDES[] = {COARSEST, 4, 2, 1, 1};
static const float RELAXATION = 1.3f;      /* steps are longer than to each pixel's minimum, as its neighbours move too */
static const float DOUBT = 0.1f;           /* κ: the part of a deviation that is put down to alpha */
static const float LEAST_VARIANCE = 3e-5f; /* 1.4 steps of 8 bit */
static const float LEAST_WEIGHT = 1e-6f;   /* where nothing is seen, means are of what there is */

/** One pixel's values and weights: of F three and one, of B three and one. */
typedef float values __attribute__((vector_size(STRIDE * sizeof(float)), aligned(4)));
typedef double sums __attribute__((vector_size(STRIDE * sizeof(double)), aligned(8)));

struct splitting {
    int h, w;
    const float *image, *alpha;
    float *estimate;       /* [h, w, STRIDE] */
    float *weighted;       /* [h, w, STRIDE]; colours times their weights, and the weights */
    float *energy;         /* [h, w, STRIDE]; squared differences from the means likewise */
    float *variance;       /* [h, w, 2]; σ² of F and of B */
    sums *columns;         /* [w] */
    uint8_t *mixed, *near; /* [h, w]; 1 where alpha is neither 0 nor 1, and where deviations are wanted */
};

static bool is_mixed(float alpha)
{
    return alpha > 0 && alpha < 1;
}

typedef void visit(const struct splitting *s, size_t at, const sums *around);

static inline __attribute__((always_inline)) void add_row(const struct splitting *s, const float *src, int y, double sign)
{
    const float *row = src + (size_t)y * (size_t)s->w * STRIDE;
    for (int x = 0; x < s->w; x++)
        s->columns[x] += sign * __builtin_convertvector(*(const values *)(row + (size_t)x * STRIDE), sums);
}

/** The sum of columns x − half … x + half, from that around `last` where this is near; last < 0: there is none. */
static inline __attribute__((always_inline)) void slide(const struct splitting *s, int half, int last, int x, sums *around)
{
    if (last >= 0 && x - last <= half) {
        for (int i = last + 1; i <= x; i++) {
            if (i + half < s->w)
                *around += s->columns[i + half];
            if (i - half > 0)
                *around -= s->columns[i - half - 1];
        }
        return;
    }
    *around = (sums){0};
    for (int i = x < half ? 0 : x - half; i <= x + half && i < s->w; i++)
        *around += s->columns[i];
}

/**
 * Sums over squares of 2·half + 1 pixels, cut off at the borders.
 * @param wanted  [h, w]; 1 for the pixels around which sums are wanted, for each of which `then` is called
 */
static inline __attribute__((always_inline)) void sum_around(const struct splitting *s, const float *src, int half,
                                                             const uint8_t *wanted, visit *then)
{
    memset(s->columns, 0, (size_t)s->w * sizeof *s->columns);
    for (int y = 0; y < half && y < s->h; y++)
        add_row(s, src, y, 1);
    for (int y = 0; y < s->h; y++) {
        const uint8_t *row = wanted + (size_t)y * (size_t)s->w, *next = row;
        sums around;
        if (y + half < s->h)
            add_row(s, src, y + half, 1);
        if (y - half > 0)
            add_row(s, src, y - half - 1, -1);
        for (int last = -1; next < row + s->w && (next = memchr(next, 1, (size_t)(row + s->w - next))); next++) {
            const int x = (int)(next - row);
            slide(s, half, last, x, &around);
            then(s, (size_t)y * (size_t)s->w + (size_t)x, &around);
            last = x;
        }
    }
}

static void mark_mixed(const struct splitting *s)
{
    for (size_t i = 0; i < (size_t)s->h * (size_t)s->w; i++)
        s->mixed[i] = is_mixed(s->alpha[i]);
}

/** What lies in the square of half side NEARBY around a mixture: along rows, then along columns. @param rows  [h, w],
 * scratch */
static void mark_near(const struct splitting *s, uint8_t *rows)
{
    const int h = s->h, w = s->w;
    const size_t width = (size_t)w;
    memset(rows, 0, (size_t)h * width);
    for (int y = 0; y < h; y++)
        for (int x = 0, done = 0; x < w; x++)
            if (s->mixed[(size_t)y * width + (size_t)x])
                for (int i = x - NEARBY > done ? x - NEARBY : done; i <= x + NEARBY && i < w; done = ++i)
                    rows[(size_t)y * width + (size_t)i] = 1;
    for (int y = 0; y < h; y++) {
        uint8_t *near = s->near + (size_t)y * width;
        memset(near, 0, width);
        for (int i = y < NEARBY ? 0 : y - NEARBY; i <= y + NEARBY && i < h; i++)
            for (size_t x = 0; x < width; x++)
                near[x] |= rows[(size_t)i * width + x];
    }
}

/** Colours by how well they are seen. @param again  only those that change */
MGM_KERNEL static void weigh(const struct splitting *s, bool again)
{
    for (size_t i = 0; i < (size_t)s->h * (size_t)s->w; i++) {
        if (again && !s->mixed[i])
            continue;
        const float alpha = s->alpha[i], f = alpha * alpha + LEAST_WEIGHT, b = (1 - alpha) * (1 - alpha) + LEAST_WEIGHT;
        const values weights = {f, f, f, f, b, b, b, b}, colours = *(const values *)(s->estimate + STRIDE * i);
        values *to = (values *)(s->weighted + STRIDE * i);
        *to = weights * colours;
        (*to)[3] = f;
        (*to)[B + 3] = b;
    }
}

static float eighth_power(float value)
{
    const float square = value * value, fourth = square * square;
    return fourth * fourth;
}

static inline __attribute__((always_inline)) void note_energy(const struct splitting *s, size_t at, const sums *around)
{
    const float alpha = s->alpha[at], *colours = s->estimate + STRIDE * at;
    float *energy = s->energy + STRIDE * at;
    for (size_t which = 0; which < STRIDE; which += B) {
        const float weight = eighth_power(which ? 1 - alpha : alpha) + LEAST_WEIGHT;
        const double share = 1 / (*around)[which + 3];
        float squares = 0;
        for (size_t c = which; c < which + 3; c++) {
            const float d = colours[c] - (float)((*around)[c] * share);
            squares += d * d;
        }
        energy[which] = weight * squares;
        energy[which + 1] = energy[which + 2] = 0;
        energy[which + 3] = weight;
    }
}

static inline __attribute__((always_inline)) void note_variance(const struct splitting *s, size_t at, const sums *around)
{
    s->variance[2 * at] = (float)((*around)[0] / (*around)[3]) + LEAST_VARIANCE;
    s->variance[2 * at + 1] = (float)((*around)[B] / (*around)[B + 3]) + LEAST_VARIANCE;
}

static float clamp(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static inline __attribute__((always_inline)) void move_colours(const struct splitting *s, size_t at, const sums *around)
{
    const float alpha = s->alpha[at], rest = 1 - alpha, *image = s->image + 3 * at;
    const float of_f = alpha * s->variance[2 * at], of_b = rest * s->variance[2 * at + 1];
    const double share_f = 1 / (*around)[3], share_b = 1 / (*around)[B + 3];
    float *f = s->estimate + STRIDE * at, *b = f + B, mean_f[3], mean_b[3], r[3], squares = 0;
    for (size_t c = 0; c < 3; c++) {
        mean_f[c] = (float)((*around)[c] * share_f);
        mean_b[c] = (float)((*around)[B + c] * share_b);
        r[c] = image[c] - alpha * mean_f[c] - rest * mean_b[c];
        squares += r[c] * r[c];
    }
    const float scale = 1 / (alpha * of_f + rest * of_b + DOUBT * squares);
    for (size_t c = 0; c < 3; c++) {
        f[c] = clamp(f[c] + RELAXATION * (mean_f[c] + of_f * scale * r[c] - f[c]));
        b[c] = clamp(b[c] + RELAXATION * (mean_b[c] + of_b * scale * r[c] - b[c]));
    }
}

MGM_KERNEL static void find_energy(const struct splitting *s)
{
    sum_around(s, s->weighted, COARSEST, s->near, note_energy);
}

MGM_KERNEL static void find_variance(const struct splitting *s)
{
    sum_around(s, s->energy, NEARBY, s->mixed, note_variance);
}

MGM_KERNEL static void move_all(const struct splitting *s, int half)
{
    sum_around(s, s->weighted, half, s->mixed, move_colours);
}

static void take_photo_where_known(const struct splitting *s, const float *image)
{
    for (size_t i = 0; i < (size_t)s->h * (size_t)s->w; i++)
        if (!s->mixed[i])
            for (size_t c = 0; c < 3; c++)
                s->estimate[STRIDE * i + c] = s->estimate[STRIDE * i + B + c] = image[3 * i + c];
}

enum mgm_status mgm_foreground_split(struct mgm_context *ctx, int h, int w, const float *image, const float *alpha,
                                     float *estimate)
{
    const size_t count = (size_t)h * (size_t)w;
    struct splitting s = {.h = h, .w = w, .image = image, .alpha = alpha, .estimate = estimate};
    s.weighted = mgm_alloc(count, STRIDE * sizeof(float));
    s.energy = mgm_alloc_zeroed(count, STRIDE * sizeof(float));
    s.variance = mgm_alloc(count, 2 * sizeof(float));
    s.columns = mgm_alloc((size_t)w, sizeof *s.columns);
    s.mixed = mgm_alloc(count, 1);
    s.near = mgm_alloc(count, 1);
    const bool complete = s.weighted && s.energy && s.variance && s.columns && s.mixed && s.near;
    if (complete) {
        mark_mixed(&s);
        mark_near(&s, (uint8_t *)s.weighted);
        take_photo_where_known(&s, image);
        weigh(&s, false);
        find_energy(&s);
        find_variance(&s);
        for (size_t i = 0; i < sizeof HALF_SIDES / sizeof *HALF_SIDES; i++) {
            if (i > 0)
                weigh(&s, true);
            move_all(&s, HALF_SIDES[i]);
        }
    }
    mgm_free(s.weighted);
    mgm_free(s.energy);
    mgm_free(s.variance);
    mgm_free(s.columns);
    mgm_free(s.mixed);
    mgm_free(s.near);
    return complete ? MGM_OK : mgm_fail_nomem(ctx, "foreground colours");
}
