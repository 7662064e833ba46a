#include "nn/single_conv.h"

#include "base/parallel.h"
#include "nn/vector.h"

enum { TAPS = 9, BLOCKS = 64 };

struct job {
    const struct mgm_spatial *s;
    const void *x;
    const float *taps;   /* [9, c] */
    const float *padded; /* d_dst with a border of zeros, [n, h + 2, w + 2] */
    float *sums;         /* [BLOCKS, 9, c] */
    float bias;
    float *dst;
    void *d_x;
};

bool mgm_is_single_conv(const struct mgm_layer *layer)
{
    return layer->op == MGM_OP_CONV && layer->channels == 1 && layer->kernel == 3 && layer->step == 1 &&
           layer->dilation == 1 && layer->u < 0;
}

static size_t padded_count(const struct mgm_spatial *s)
{
    return (size_t)s->n * (size_t)(s->h + 2) * (size_t)(s->w + 2);
}

size_t mgm_single_conv_workspace(const struct mgm_spatial *s)
{
    return (size_t)(BLOCKS + 1) * TAPS * (size_t)s->c + padded_count(s);
}

static void gather_taps(const float *weights, int c, float *taps)
{
    for (int k = 0; k < TAPS; k++)
        for (int i = 0; i < c; i++)
            taps[k * c + i] = weights[i * TAPS + k];
}

/* Sum over the taps with rows [ky0, ky1] and columns [kx0, kx1], of pixel (y, x). */
MGM_INLINE float dot_pixel(const struct job *job, size_t row, size_t x, int ky0, int ky1, int kx0, int kx1, bool bf16)
{
    const size_t c = (size_t)job->s->c, w = (size_t)job->s->w, h = (size_t)job->s->h;
    const size_t block = job->s->block ? (size_t)job->s->block : c, blocks = c / block;
    mgm_v8f sum = {0};
    for (size_t b = 0; b < blocks; b++) {
        size_t plane = (row / h * blocks + b) * h + row % h;
        for (int ky = ky0; ky <= ky1; ky++)
            for (int kx = kx0; kx <= kx1; kx++) {
                size_t from = ((plane + (size_t)ky - 1) * w + x + (size_t)kx - 1) * block;
                size_t tap = (size_t)(3 * ky + kx) * c + b * block;
                for (size_t k = 0; k < block; k += 8)
                    sum += mgm_load8(job->x, from + k, bf16) * mgm_load8(job->taps, tap + k, false);
            }
    }
    return job->bias + ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

MGM_INLINE void forward_rows(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t h = (size_t)job->s->h, w = (size_t)job->s->w;
    for (size_t row = begin; row < end; row++) {
        int ky0 = row % h == 0 ? 1 : 0, ky1 = row % h == h - 1 ? 1 : 2;
        float *dst = job->dst + row * w;
        dst[0] = dot_pixel(job, row, 0, ky0, ky1, 1, w > 1 ? 2 : 1, bf16);
        for (size_t x = 1; x + 1 < w; x++)
            dst[x] = dot_pixel(job, row, x, ky0, ky1, 0, 2, bf16);
        if (w > 1)
            dst[w - 1] = dot_pixel(job, row, w - 1, ky0, ky1, 0, 1, bf16);
    }
}

MGM_KERNEL static void single_forward_f32(void *job, size_t begin, size_t end)
{
    forward_rows(job, begin, end, false);
}

MGM_KERNEL static void single_forward_bf16(void *job, size_t begin, size_t end)
{
    forward_rows(job, begin, end, true);
}

void mgm_single_conv(const struct mgm_spatial *s, const void *x, const float *weights, float bias, float *workspace,
                     float *dst)
{
    gather_taps(weights, s->c, workspace);
    struct job job = {.s = s, .x = x, .taps = workspace, .bias = bias, .dst = dst};
    mgm_parallel_for(s->threads, (size_t)s->n * (size_t)s->h,
                     s->precision == MGM_PRECISION_BF16 ? single_forward_bf16 : single_forward_f32, &job);
}

/* Gradient by x of blocks of rows, and the blocks' sums of the gradient by the weights. */
MGM_INLINE void backward_blocks(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t c = (size_t)job->s->c, h = (size_t)job->s->h, w = (size_t)job->s->w, rows = (size_t)job->s->n * h;
    for (size_t block = begin; block < end; block++) {
        float *sums = job->sums + block * TAPS * c;
        memset(sums, 0, TAPS * c * sizeof *sums);
        for (size_t row = rows * block / BLOCKS; row < rows * (block + 1) / BLOCKS; row++) {
            /* tap (ky, kx) joins x at (y, x) with dst at (y + 1 − ky, x + 1 − kx) */
            const float *d = job->padded + (row / h * (h + 2) + row % h) * (w + 2);
            for (size_t k = 0; k < c; k += 8) {
                mgm_v8f tap[TAPS], sum[TAPS];
#pragma GCC unroll 9
                for (int t = 0; t < TAPS; t++) {
                    tap[t] = mgm_load8(job->taps, (size_t)t * c + k, false);
                    sum[t] = mgm_load8(sums, (size_t)t * c + k, false);
                }
                for (size_t x = 0; x < w; x++) {
                    mgm_v8f value = mgm_load8(job->x, (row * w + x) * c + k, bf16), d_x = {0};
#pragma GCC unroll 9
                    for (int t = 0; t < TAPS; t++) {
                        float d_dst = d[(size_t)(2 - t / 3) * (w + 2) + x + (size_t)(2 - t % 3)];
                        d_x += tap[t] * d_dst;
                        sum[t] += value * d_dst;
                    }
                    mgm_store8(job->d_x, (row * w + x) * c + k, d_x, bf16);
                }
#pragma GCC unroll 9
                for (int t = 0; t < TAPS; t++)
                    mgm_store8(sums, (size_t)t * c + k, sum[t], false);
            }
        }
    }
}

MGM_KERNEL static void single_backward_f32(void *job, size_t begin, size_t end)
{
    backward_blocks(job, begin, end, false);
}

MGM_KERNEL static void single_backward_bf16(void *job, size_t begin, size_t end)
{
    backward_blocks(job, begin, end, true);
}

static void pad(const struct mgm_spatial *s, const float *src, float *padded)
{
    const size_t h = (size_t)s->h, w = (size_t)s->w;
    memset(padded, 0, padded_count(s) * sizeof *padded);
    for (size_t i = 0; i < (size_t)s->n; i++)
        for (size_t y = 0; y < h; y++)
            memcpy(padded + (i * (h + 2) + y + 1) * (w + 2) + 1, src + (i * h + y) * w, w * sizeof *src);
}

void mgm_single_conv_backward(const struct mgm_spatial *s, const void *x, const float *weights, const float *d_dst,
                              float *workspace, void *d_x, float *d_weights, float *d_bias)
{
    const int c = s->c;
    float *sums = workspace + (size_t)TAPS * c, *padded = sums + (size_t)BLOCKS * TAPS * c;
    gather_taps(weights, c, workspace);
    pad(s, d_dst, padded);
    struct job job = {.s = s, .x = x, .taps = workspace, .padded = padded, .sums = sums, .d_x = d_x};
    mgm_parallel_for(s->threads, BLOCKS, s->precision == MGM_PRECISION_BF16 ? single_backward_bf16 : single_backward_f32,
                     &job);
    for (int i = 0; i < c; i++)
        for (int k = 0; k < TAPS; k++) {
            double sum = 0;
            for (int block = 0; block < BLOCKS; block++)
                sum += sums[((size_t)block * TAPS + (size_t)k) * (size_t)c + (size_t)i];
            d_weights[i * TAPS + k] = (float)sum;
        }
    double sum = 0;
    for (size_t i = 0; i < (size_t)s->n * (size_t)s->h * (size_t)s->w; i++)
        sum += d_dst[i];
    *d_bias = (float)sum;
}
