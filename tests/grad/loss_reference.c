#include "loss_reference.h"

#include "base/memory.h"
#include "check.h"

#include <math.h>

struct kinks kinks_create(size_t capacity)
{
    struct kinks kinks = {.capacity = capacity, .signs = mgm_alloc(capacity, 1)};
    assert_non_null(kinks.signs);
    return kinks;
}

void kinks_release(struct kinks *kinks)
{
    mgm_free(kinks->signs);
}

void kinks_restart(struct kinks *kinks, bool frozen)
{
    kinks->next = 0;
    kinks->frozen = frozen;
    kinks->margin = frozen ? kinks->margin : INFINITY;
}

static double absolute(struct kinks *kinks, double x)
{
    assert_true(kinks->next < kinks->capacity);
    int8_t *sign = &kinks->signs[kinks->next++];
    if (!kinks->frozen) {
        *sign = x < 0 ? -1 : 1;
        kinks->margin = fmin(kinks->margin, fabs(x));
    }
    return *sign * x;
}

/* Value of a line of `count` values, `step` apart, at a position counted in its own pixels. */
static double between(const double *line, int count, int step, double position)
{
    double at = fmin(fmax(position, 0), count - 1);
    int first = (int)at, second = first + 1 < count ? first + 1 : first;
    return line[first * step] + (at - first) * (line[second * step] - line[first * step]);
}

void reference_head(const double *raw, int h, int w, int stride, double *alpha)
{
    int rh = h / stride, rw = w / stride;
    double *column = mgm_alloc((size_t)rh, sizeof *column);
    assert_non_null(column);
    for (int x = 0; x < w; x++) {
        for (int y = 0; y < rh; y++)
            column[y] = between(raw + y * rw, rw, 1, (x + 0.5) / stride - 0.5);
        for (int y = 0; y < h; y++)
            alpha[y * w + x] = (tanh(between(column, rh, 1, (y + 0.5) / stride - 0.5)) + 1) / 2;
    }
    mgm_free(column);
}

double reference_l1(struct kinks *kinks, const double *alpha, const float *truth, const uint8_t *mask, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (mask[i])
            sum += absolute(kinks, alpha[i] - (double)truth[i]);
    return sum;
}

double reference_composition(struct kinks *kinks, const double *alpha, const float *truth, const float *fg, const float *bg,
                             const float weight[3], const uint8_t *mask, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < 3 * count; i++) {
        if (!mask[i % count])
            continue;
        const double a = alpha[i % count], t = (double)truth[i % count], f = (double)fg[i], b = (double)bg[i];
        sum += absolute(kinks, a * f + (1 - a) * b - (t * f + (1 - t) * b)) * (double)weight[i / count];
    }
    return sum;
}

static int reflected(int i, int count)
{
    return i < 0 ? -i : i >= count ? 2 * count - 2 - i : i;
}

/* The 5×5 binomial with reflected borders. */
static void filter(const double *src, int h, int w, double *dst)
{
    static const double binomial[5] = {1, 4, 6, 4, 1};
    for (int i = 0; i < h * w; i++) {
        dst[i] = 0;
        for (int k = 0; k < 25; k++) {
            int y = reflected(i / w + k / 5 - 2, h), x = reflected(i % w + k % 5 - 2, w);
            dst[i] += binomial[k / 5] * binomial[k % 5] / 256 * src[y * w + x];
        }
    }
}

/* level −= what remains of it after halving (result: half) and doubling again. */
static void split(double *level, int h, int w, double *workspace, double *half)
{
    filter(level, h, w, workspace);
    for (int i = 0; i < h * w / 4; i++)
        half[i] = workspace[i / (w / 2) * 2 * w + i % (w / 2) * 2];
    for (int i = 0; i < h * w; i++)
        workspace[i] = i / w % 2 || i % w % 2 ? 0 : half[i / w / 2 * (w / 2) + i % w / 2];
    double *doubled = workspace + h * w;
    filter(workspace, h, w, doubled);
    for (int i = 0; i < h * w; i++)
        level[i] -= 4 * doubled[i];
}

void reference_laplacian(struct kinks *kinks, const double *alpha, const float *truth, const uint8_t *mask, int h, int w,
                         double sums[5])
{
    size_t count = (size_t)h * (size_t)w;
    double *memory = mgm_alloc(7 * count, sizeof *memory);
    assert_non_null(memory);
    double *a = memory, *b = memory + 2 * count, *workspace = memory + 4 * count;
    for (size_t i = 0; i < count; i++) {
        a[i] = alpha[i];
        b[i] = (double)truth[i];
    }
    for (int level = 0; level < 5; level++) {
        int lh = h >> level, lw = w >> level;
        split(a, lh, lw, workspace, a + lh * lw);
        split(b, lh, lw, workspace, b + lh * lw);
        sums[level] = 0;
        for (int i = 0; i < lh * lw; i++)
            if (mask[((i / lw) << level) * w + ((i % lw) << level)])
                sums[level] += absolute(kinks, a[i] - b[i]);
        a += lh * lw;
        b += lh * lw;
    }
    mgm_free(memory);
}
