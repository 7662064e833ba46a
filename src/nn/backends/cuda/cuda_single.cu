/* 3 × 3 convolutions to one channel. Definitions: nn/single_conv.h. */
#include "nn/backends/cuda/launch.h"

namespace
{

enum { TAPS = 9 };

/* [1, c, 3, 3] to [9, c], so that channels can be read eight at a time. */
struct gather_taps {
    const float *weights;
    float *taps;
    size_t c;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient q = mgm_divide(i, c);
        taps[i] = weights[q.rest * TAPS + q.whole];
    }
};

/* One pixel of the result a thread: neighbours read neighbouring pixels, and share most of what they read in the cache. */
struct single_forward {
    const void *x;
    const float *taps, *bias;
    float *dst;
    size_t h, w, c;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient column = mgm_divide(i, w);
        const size_t y = mgm_divide(column.whole, h).rest, at = column.rest;
        float sums[8] = {};
        for (size_t t = 0; t < TAPS; t++) {
            const size_t ky = t / 3, kx = t % 3;
            if (y + ky < 1 || y + ky > h || at + kx < 1 || at + kx > w)
                continue;
            const size_t pixel = (column.whole + ky - 1) * w + at + kx - 1;
            for (size_t k = 0; k < c; k += 8) {
                const mgm_v8 value = mgm_get8(x, pixel * c + k, bf16), tap = mgm_get8(taps, t * c + k, false);
                for (int j = 0; j < 8; j++)
                    sums[j] += value.lane[j] * tap.lane[j];
            }
        }
        const float sum = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
        dst[i] = (bias ? *bias : 0) + sum;
    }
};

/* Tap (ky, kx) joins x at (y, x) with dst at (y + 1 − ky, x + 1 − kx). */
MGM_DEVICE float single_neighbour(const float *d_dst, size_t row, size_t y, size_t x, size_t h, size_t w, int tap)
{
    const size_t ky = (size_t)tap / 3, kx = (size_t)tap % 3;
    const bool inside = y + 1 >= ky && y + 1 < h + ky && x + 1 >= kx && x + 1 < w + kx;
    return inside ? d_dst[(row + 1 - ky) * w + x + 1 - kx] : 0;
}

struct single_by_x {
    const float *taps, *d_dst;
    void *d_x;
    size_t h, w, lanes;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient pixel = mgm_divide(i, lanes), column = mgm_divide(pixel.whole, w);
        const size_t y = mgm_divide(column.whole, h).rest;
        mgm_v8 d = {};
        for (int t = 0; t < TAPS; t++) {
            const float by = single_neighbour(d_dst, column.whole, y, column.rest, h, w, t);
            const mgm_v8 tap = mgm_get8(taps, 8 * ((size_t)t * lanes + pixel.rest), false);
            for (int k = 0; k < 8; k++)
                d.lane[k] += tap.lane[k] * by;
        }
        mgm_put8(d_x, 8 * i, d, bf16);
    }
};

/* Four channels at a time: nine sums for each of eight would not fit into a thread's registers. */
struct single_by_weights {
    typedef float sum;
    enum { WIDTH = 4, COUNT = TAPS * WIDTH };
    const void *x;
    const float *d_dst;
    size_t h, w, c;
    bool bf16;

    MGM_DEVICE void operator()(size_t, size_t row, size_t lane, float *sums) const
    {
        const mgm_quotient column = mgm_divide(row, w);
        const size_t y = mgm_divide(column.whole, h).rest;
        float value[WIDTH];
        for (int k = 0; k < WIDTH; k++)
            value[k] = mgm_get1(x, row * c + WIDTH * lane + (size_t)k, bf16);
        for (int t = 0; t < TAPS; t++) {
            const float by = single_neighbour(d_dst, column.whole, y, column.rest, h, w, t);
            for (int k = 0; k < WIDTH; k++)
                sums[t * WIDTH + k] += value[k] * by;
        }
    }
};

struct store_weights_gradient {
    float *d_weights;

    MGM_DEVICE void operator()(size_t, size_t lane, const double *totals) const
    {
        for (int t = 0; t < TAPS; t++)
            for (int k = 0; k < single_by_weights::WIDTH; k++)
                d_weights[(single_by_weights::WIDTH * lane + (size_t)k) * TAPS + (size_t)t] =
                    (float)totals[t * single_by_weights::WIDTH + k];
    }
};

const float *taps_of(struct mgm_cuda *cuda, const struct mgm_spatial *s, const float *weights)
{
    const size_t count = TAPS * (size_t)s->c;
    float *taps = (float *)mgm_cuda_scratch(cuda, MGM_CUDA_VECTORS, count * sizeof *taps);
    const gather_taps gather = {weights, taps, (size_t)s->c};
    if (taps)
        mgm_cuda_each(cuda, count, gather);
    return taps;
}

} // namespace

void mgm_cuda_single_conv(struct mgm_backend *b, const struct mgm_spatial *src, const void *x, const float *weights,
                          const float *bias, float *dst)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const float *taps = taps_of(cuda, src, weights);
    const size_t h = (size_t)src->h, w = (size_t)src->w;
    const single_forward f = {x, taps, bias, dst, h, w, (size_t)src->c, src->precision == MGM_PRECISION_BF16};
    if (taps)
        mgm_cuda_each(cuda, (size_t)src->n * h * w, f);
}

void mgm_cuda_single_conv_backward(struct mgm_backend *b, const struct mgm_spatial *src, const void *x, const float *weights,
                                   const float *d_dst, void *d_x, float *d_weights, float *d_bias)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const bool bf16 = src->precision == MGM_PRECISION_BF16;
    const size_t h = (size_t)src->h, w = (size_t)src->w, c = (size_t)src->c, pixels = (size_t)src->n * h * w;
    const float *taps = taps_of(cuda, src, weights);
    if (!taps)
        return;
    const single_by_x by_x = {taps, d_dst, d_x, h, w, c / 8, bf16};
    const single_by_weights by_weights = {x, d_dst, h, w, c, bf16};
    const store_weights_gradient store = {d_weights};
    mgm_cuda_reduce(cuda, 1, pixels, c / single_by_weights::WIDTH, by_weights, store); /* first: d_x may be x */
    mgm_cuda_each(cuda, pixels * by_x.lanes, by_x);
    if (d_bias)
        mgm_cuda_bias_gradient(b, pixels, 1, d_dst, d_bias);
}
