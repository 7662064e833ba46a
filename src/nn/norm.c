#include "nn/norm.h"

#include "base/parallel.h"
#include "nn/vector.h"

#include <math.h>

/* Pixels are cut into a fixed number of blocks, so that sums do not depend on the number of threads. */
enum { BLOCKS = 64, CHUNK = 256 };

struct job {
    const struct mgm_norm *norm;
    const struct mgm_norm_backward *b;
    const void *x, *residual;
    const float *factor, *offset;
    const float *k1, *k2, *k3; /* dx = k1 · dz + k2 · x + k3 */
    float *workspace;          /* [BLOCKS, 2, channels] partial sums, then [2, channels] f64, then 3 vectors */
    void *y;
};

size_t mgm_norm_workspace(int channels)
{
    return (size_t)(2 * BLOCKS + 4 + 4) * (size_t)channels;
}

/* Where sums over all processes are made. */
static double *totals_in(float *workspace, int channels)
{
    return (double *)(void *)(workspace + (size_t)2 * BLOCKS * (size_t)channels);
}

/* Pixels of all processes. */
static double all_pixels(const struct mgm_norm *norm)
{
    return (double)norm->pixels * mgm_communicator_size(norm->together);
}

static void block_range(const struct mgm_norm *norm, size_t block, size_t *first, size_t *last)
{
    *first = norm->pixels * block / BLOCKS;
    *last = norm->pixels * (block + 1) / BLOCKS;
}

/* Σ (x − pivot) and Σ (x − pivot)², pivot being the first pixel: no cancellation where the mean is large. */
MGM_INLINE void sum_block(const struct job *job, size_t block, bool bf16)
{
    const size_t channels = (size_t)job->norm->channels;
    float *sums = job->workspace + block * 2 * channels, *squares = sums + channels;
    size_t first, last;
    block_range(job->norm, block, &first, &last);
    memset(sums, 0, 2 * channels * sizeof *sums);
    for (size_t begin = first; begin < last; begin += CHUNK) {
        size_t end = begin + CHUNK < last ? begin + CHUNK : last;
        for (size_t c = 0; c < channels; c += 8) {
            mgm_v8f pivot = mgm_load8(job->x, c, bf16), sum = {0}, square = {0};
            for (size_t p = begin; p < end; p++) {
                mgm_v8f d = mgm_load8(job->x, p * channels + c, bf16) - pivot;
                sum += d;
                square += d * d;
            }
            mgm_store8(sums, c, mgm_load8(sums, c, false) + sum, false);
            mgm_store8(squares, c, mgm_load8(squares, c, false) + square, false);
        }
    }
}

MGM_KERNEL static void sum_blocks_f32(void *job, size_t begin, size_t end)
{
    for (size_t block = begin; block < end; block++)
        sum_block(job, block, false);
}

MGM_KERNEL static void sum_blocks_bf16(void *job, size_t begin, size_t end)
{
    for (size_t block = begin; block < end; block++)
        sum_block(job, block, true);
}

/* Σ over the blocks of partial sums number `which`. */
static double total(const float *workspace, int channels, int which, int c)
{
    double sum = 0;
    for (int block = 0; block < BLOCKS; block++)
        sum += workspace[((size_t)block * 2 + (size_t)which) * (size_t)channels + (size_t)c];
    return sum;
}

void mgm_norm_statistics(const struct mgm_norm *norm, const void *x, float *workspace, float *mean, float *variance)
{
    bool bf16 = norm->precision == MGM_PRECISION_BF16;
    struct job job = {.norm = norm, .x = x, .workspace = workspace};
    mgm_parallel_for(norm->threads, BLOCKS, bf16 ? sum_blocks_bf16 : sum_blocks_f32, &job);
    /* Every process has a pivot of its own. In f64 sums without one are exact enough. */
    double *sums = totals_in(workspace, norm->channels), *squares = sums + norm->channels;
    for (int c = 0; c < norm->channels; c++) {
        double pivot = mgm_load1(x, (size_t)c, bf16), sum = total(workspace, norm->channels, 0, c);
        sums[c] = sum + (double)norm->pixels * pivot;
        squares[c] = total(workspace, norm->channels, 1, c) + pivot * (sum + sums[c]);
    }
    mgm_communicator_sum_f64(norm->together, sums, 2 * (size_t)norm->channels);
    for (int c = 0; c < norm->channels; c++) {
        double average = sums[c] / all_pixels(norm), square = squares[c] / all_pixels(norm) - average * average;
        mean[c] = (float)average;
        variance[c] = square > 0 ? (float)square : 0;
    }
}

MGM_INLINE void apply_range(const struct job *job, size_t first, size_t last, bool bf16, bool residual)
{
    const size_t channels = (size_t)job->norm->channels;
    const float slope = job->norm->slope;
    for (size_t begin = first; begin < last; begin += CHUNK) {
        size_t end = begin + CHUNK < last ? begin + CHUNK : last;
        for (size_t c = 0; c < channels; c += 8) {
            mgm_v8f factor = mgm_load8(job->factor, c, false), offset = mgm_load8(job->offset, c, false);
            for (size_t p = begin; p < end; p++) {
                size_t i = p * channels + c;
                mgm_v8f z = mgm_load8(job->x, i, bf16) * factor + offset;
                if (residual)
                    z += mgm_load8(job->residual, i, bf16);
                mgm_store8(job->y, i, mgm_where_positive(z, z, z * slope), bf16);
            }
        }
    }
}

#define APPLY(name, bf16, residual)                                                                                         \
    MGM_KERNEL static void name(void *job, size_t begin, size_t end)                                                        \
    {                                                                                                                       \
        apply_range(job, begin, end, bf16, residual);                                                                       \
    }
APPLY(apply_f32, false, false)
APPLY(apply_bf16, true, false)
APPLY(apply_add_f32, false, true)
APPLY(apply_add_bf16, true, true)

void mgm_norm_apply(const struct mgm_norm *norm, const void *x, const void *residual, const float *factor,
                    const float *offset, void *y)
{
    struct job job = {.norm = norm, .x = x, .residual = residual, .factor = factor, .offset = offset, .y = y};
    bool bf16 = norm->precision == MGM_PRECISION_BF16;
    void (*body)(void *, size_t, size_t) =
        residual ? (bf16 ? apply_add_bf16 : apply_add_f32) : (bf16 ? apply_bf16 : apply_f32);
    mgm_parallel_for(norm->threads, norm->pixels, body, &job);
}

/* Gradient by z, the value before the activation. */
MGM_INLINE mgm_v8f gradient_by_z(const struct job *job, size_t i, bool bf16, bool two, bool act)
{
    mgm_v8f dz = mgm_load8(job->b->dy, i, bf16);
    if (two)
        dz += mgm_load8(job->b->dy2, i, bf16);
    if (act)
        dz = mgm_where_positive(mgm_load8(job->b->y, i, bf16), dz, dz * job->norm->slope);
    return dz;
}

/* Σ dz and Σ dz · xhat. */
MGM_INLINE void sum_gradient_block(const struct job *job, size_t block, bool bf16, bool two, bool act)
{
    const size_t channels = (size_t)job->norm->channels;
    float *sums = job->workspace + block * 2 * channels, *products = sums + channels;
    size_t first, last;
    block_range(job->norm, block, &first, &last);
    memset(sums, 0, 2 * channels * sizeof *sums);
    for (size_t begin = first; begin < last; begin += CHUNK) {
        size_t end = begin + CHUNK < last ? begin + CHUNK : last;
        for (size_t c = 0; c < channels; c += 8) {
            mgm_v8f mean = mgm_load8(job->b->mean, c, false), sum = {0}, product = {0};
            for (size_t p = begin; p < end; p++) {
                mgm_v8f dz = gradient_by_z(job, p * channels + c, bf16, two, act);
                sum += dz;
                product += dz * (mgm_load8(job->b->x, p * channels + c, bf16) - mean);
            }
            mgm_store8(sums, c, mgm_load8(sums, c, false) + sum, false);
            product *= mgm_load8(job->b->inverse, c, false);
            mgm_store8(products, c, mgm_load8(products, c, false) + product, false);
        }
    }
}

MGM_INLINE void backward_range(const struct job *job, size_t first, size_t last, bool bf16, bool two, bool act)
{
    const size_t channels = (size_t)job->norm->channels;
    const bool residual = job->b->d_residual != NULL, relu_first = job->norm->relu_first;
    for (size_t begin = first; begin < last; begin += CHUNK) {
        size_t end = begin + CHUNK < last ? begin + CHUNK : last;
        for (size_t c = 0; c < channels; c += 8) {
            mgm_v8f k1 = mgm_load8(job->k1, c, false), k2 = mgm_load8(job->k2, c, false), k3 = mgm_load8(job->k3, c, false);
            for (size_t p = begin; p < end; p++) {
                size_t i = p * channels + c;
                mgm_v8f dz = gradient_by_z(job, i, bf16, two, act), x = mgm_load8(job->b->x, i, bf16);
                mgm_v8f dx = k1 * dz + k2 * x + k3;
                if (relu_first)
                    dx = mgm_where_positive(x, dx, (mgm_v8f){0});
                if (residual)
                    mgm_store8(job->b->d_residual, i, dz, bf16);
                mgm_store8(job->b->dx, i, dx, bf16);
            }
        }
    }
}

#define BACKWARD(suffix, bf16, two, act)                                                                                    \
    MGM_KERNEL static void sum_gradient_##suffix(void *job, size_t begin, size_t end)                                       \
    {                                                                                                                       \
        for (size_t block = begin; block < end; block++)                                                                    \
            sum_gradient_block(job, block, bf16, two, act);                                                                 \
    }                                                                                                                       \
    MGM_KERNEL static void backward_##suffix(void *job, size_t begin, size_t end)                                           \
    {                                                                                                                       \
        backward_range(job, begin, end, bf16, two, act);                                                                    \
    }
BACKWARD(f32, false, false, false)
BACKWARD(f32_act, false, false, true)
BACKWARD(f32_two, false, true, false)
BACKWARD(f32_two_act, false, true, true)
BACKWARD(bf16, true, false, false)
BACKWARD(bf16_act, true, false, true)
BACKWARD(bf16_two, true, true, false)
BACKWARD(bf16_two_act, true, true, true)

typedef void (*body)(void *, size_t, size_t);

static const body sum_gradient_bodies[2][2][2] = {
    {{sum_gradient_f32, sum_gradient_f32_act}, {sum_gradient_f32_two, sum_gradient_f32_two_act}},
    {{sum_gradient_bf16, sum_gradient_bf16_act}, {sum_gradient_bf16_two, sum_gradient_bf16_two_act}}};
static const body backward_bodies[2][2][2] = {
    {{backward_f32, backward_f32_act}, {backward_f32_two, backward_f32_two_act}},
    {{backward_bf16, backward_bf16_act}, {backward_bf16_two, backward_bf16_two_act}}};

void mgm_norm_backward(const struct mgm_norm *norm, const struct mgm_norm_backward *b, float *workspace)
{
    const int bf16 = norm->precision == MGM_PRECISION_BF16, two = b->dy2 != NULL, act = norm->slope != 1;
    double *sums = totals_in(workspace, norm->channels), *products = sums + norm->channels;
    float *k = workspace + (size_t)(2 * BLOCKS + 4) * (size_t)norm->channels;
    struct job job = {
        .norm = norm, .b = b, .workspace = workspace, .k1 = k, .k2 = k + norm->channels, .k3 = k + 2 * norm->channels};
    mgm_parallel_for(norm->threads, BLOCKS, sum_gradient_bodies[bf16][two][act], &job);
    for (int c = 0; c < norm->channels; c++) {
        b->d_shift[c] = (float)(sums[c] = total(workspace, norm->channels, 0, c));
        b->d_scale[c] = (float)(products[c] = total(workspace, norm->channels, 1, c));
    }
    mgm_communicator_sum_f64(norm->together, sums, 2 * (size_t)norm->channels);
    for (int c = 0; c < norm->channels; c++) {
        const double sum = sums[c], product = products[c], factor = (double)b->scale[c] * b->inverse[c];
        const double count = all_pixels(norm);
        /* dx = scale · inverse · (dz − mean(dz) − xhat · mean(dz · xhat)) */
        k[c] = (float)factor;
        k[norm->channels + c] = (float)(-factor * b->inverse[c] * product / count);
        k[2 * norm->channels + c] = (float)(factor * (b->inverse[c] * product * b->mean[c] - sum) / count);
    }
    mgm_parallel_for(norm->threads, norm->pixels, backward_bodies[bf16][two][act], &job);
}
