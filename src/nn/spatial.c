#include "nn/spatial.h"

#include "base/parallel.h"
#include "nn/quantized.h"
#include "nn/vector.h"

struct job {
    const struct mgm_spatial *s;
    const void *src;
    void *dst;
    float factor;
    int stride, offset;
};

static size_t size_of(const struct mgm_spatial *s)
{
    return s->precision == MGM_PRECISION_BF16 ? 2 : 4;
}

/* Each layer has a body for one storage type; this makes the two and picks one. `rows` is the unit of parallel work. */
#define BOTH(name)                                                                                                          \
    MGM_KERNEL static void name##_f32(void *job, size_t begin, size_t end)                                                  \
    {                                                                                                                       \
        name(job, begin, end, false);                                                                                       \
    }                                                                                                                       \
    MGM_KERNEL static void name##_bf16(void *job, size_t begin, size_t end)                                                 \
    {                                                                                                                       \
        name(job, begin, end, true);                                                                                        \
    }
#define RUN(name, spatial, rows, ...)                                                                                       \
    do {                                                                                                                    \
        struct job job_ = {.s = (spatial), __VA_ARGS__};                                                                    \
        mgm_parallel_for((spatial)->threads, (size_t)(rows),                                                                \
                         (spatial)->precision == MGM_PRECISION_BF16 ? name##_bf16 : name##_f32, &job_);                     \
    } while (0)

/* In blocks of channels a tensor is one of more pictures with fewer channels: what works on each channel need not know more.
 */
static struct mgm_spatial flat(const struct mgm_spatial *s)
{
    struct mgm_spatial f = *s;
    if (s->block) {
        f.n = s->n * (s->c / s->block);
        f.c = s->block;
    }
    return f;
}

/* Rows of the small tensor: small = factor · (sum of the 2 × 2 of large). */
MGM_INLINE void gather_rows(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t w = (size_t)job->s->w, c = (size_t)job->s->c, pitch = 2 * w * c;
    for (size_t row = begin; row < end; row++)
        for (size_t x = 0; x < w; x++)
            for (size_t k = 0; k < c; k += 8) {
                size_t i = 2 * row * pitch + 2 * x * c + k;
                mgm_v8f sum = mgm_load8(job->src, i, bf16) + mgm_load8(job->src, i + c, bf16) +
                              mgm_load8(job->src, i + pitch, bf16) + mgm_load8(job->src, i + pitch + c, bf16);
                mgm_store8(job->dst, (row * w + x) * c + k, sum * job->factor, bf16);
            }
}
BOTH(gather_rows)

/* Rows of the small tensor: each value, scaled, to its 2 × 2 of large. */
MGM_INLINE void scatter_rows(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t w = (size_t)job->s->w, c = (size_t)job->s->c, pitch = 2 * w * c;
    for (size_t row = begin; row < end; row++)
        for (size_t x = 0; x < w; x++)
            for (size_t k = 0; k < c; k += 8) {
                size_t i = 2 * row * pitch + 2 * x * c + k;
                mgm_v8f value = mgm_load8(job->src, (row * w + x) * c + k, bf16) * job->factor;
                mgm_store8(job->dst, i, value, bf16);
                mgm_store8(job->dst, i + c, value, bf16);
                mgm_store8(job->dst, i + pitch, value, bf16);
                mgm_store8(job->dst, i + pitch + c, value, bf16);
            }
}
BOTH(scatter_rows)

void mgm_average_pool(const struct mgm_spatial *s, const void *large, void *small)
{
    if (!mgm_precision_is_float(s->precision)) {
        mgm_average_pool8(s, large, small);
        return;
    }
    struct mgm_spatial each = flat(s);
    RUN(gather_rows, &each, each.n * each.h, .src = large, .dst = small, .factor = 0.25f);
}

void mgm_average_pool_backward(const struct mgm_spatial *s, const void *d_small, void *d_large)
{
    RUN(scatter_rows, s, s->n * s->h, .src = d_small, .dst = d_large, .factor = 0.25f);
}

void mgm_upsample(const struct mgm_spatial *s, const void *small, void *large)
{
    if (!mgm_precision_is_float(s->precision)) {
        mgm_upsample8(s, small, large);
        return;
    }
    struct mgm_spatial each = flat(s);
    RUN(scatter_rows, &each, each.n * each.h, .src = small, .dst = large, .factor = 1);
}

void mgm_upsample_backward(const struct mgm_spatial *s, const void *d_large, void *d_small)
{
    RUN(gather_rows, s, s->n * s->h, .src = d_large, .dst = d_small, .factor = 1);
}

/* Work unit: 8 channels of one picture. */
MGM_INLINE void sum_units(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t pixels = (size_t)job->s->h * (size_t)job->s->w, c = (size_t)job->s->c;
    for (size_t unit = begin; unit < end; unit++) {
        size_t i = unit / (c / 8), k = unit % (c / 8) * 8;
        mgm_v8f sum = {0};
        for (size_t p = 0; p < pixels; p++)
            sum += mgm_load8(job->src, (i * pixels + p) * c + k, bf16);
        mgm_store8(job->dst, i * c + k, sum * job->factor, bf16);
    }
}
BOTH(sum_units)

MGM_INLINE void repeat_units(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t pixels = (size_t)job->s->h * (size_t)job->s->w, c = (size_t)job->s->c;
    for (size_t unit = begin; unit < end; unit++) {
        size_t i = unit / (c / 8), k = unit % (c / 8) * 8;
        mgm_v8f value = mgm_load8(job->src, i * c + k, bf16) * job->factor;
        for (size_t p = 0; p < pixels; p++)
            mgm_store8(job->dst, (i * pixels + p) * c + k, value, bf16);
    }
}
BOTH(repeat_units)

void mgm_sum_pixels(const struct mgm_spatial *s, const void *map, float factor, void *vector)
{
    struct mgm_spatial each = flat(s);
    RUN(sum_units, &each, each.n * (each.c / 8), .src = map, .dst = vector, .factor = factor);
}

void mgm_repeat_pixels(const struct mgm_spatial *s, const void *vector, float factor, void *map)
{
    struct mgm_spatial each = flat(s);
    RUN(repeat_units, &each, each.n * (each.c / 8), .src = vector, .dst = map, .factor = factor);
}

void mgm_copy_channels_in(const struct mgm_spatial *s, const void *dense, void *wide, int stride, int offset)
{
    size_t size = size_of(s), pixels = (size_t)s->n * s->h * s->w, run = (size_t)s->c * size;
    if (s->block) { /* whole planes stand together */
        size_t plane = (size_t)s->h * (size_t)s->w * size;
        for (size_t i = 0; i < (size_t)s->n; i++)
            memcpy((char *)wide + (i * (size_t)stride + (size_t)offset) * plane,
                   (const char *)dense + i * (size_t)s->c * plane, (size_t)s->c * plane);
        return;
    }
    for (size_t p = 0; p < pixels; p++)
        memcpy((char *)wide + (p * (size_t)stride + (size_t)offset) * size, (const char *)dense + p * run, run);
}

void mgm_copy_channels_out(const struct mgm_spatial *s, const void *wide, int stride, int offset, void *dense)
{
    size_t size = size_of(s), pixels = (size_t)s->n * s->h * s->w, run = (size_t)s->c * size;
    for (size_t p = 0; p < pixels; p++)
        memcpy((char *)dense + p * run, (const char *)wide + (p * (size_t)stride + (size_t)offset) * size, run);
}

/* Rows of all pictures; each holds w pixels of every block. */
static void to_blocks_rows(void *argument, size_t begin, size_t end)
{
    const struct job *job = argument;
    const size_t h = (size_t)job->s->h, w = (size_t)job->s->w, block = (size_t)job->s->block;
    const size_t blocks = (size_t)job->s->c / block;
    for (size_t row = begin; row < end; row++)
        for (size_t x = 0; x < w; x++)
            for (size_t b = 0; b < blocks; b++) {
                size_t plane = (row / h * blocks + b) * h + row % h;
                memcpy((float *)job->dst + (plane * w + x) * block,
                       (const float *)job->src + ((row * w + x) * blocks + b) * block, block * sizeof(float));
            }
}

static void from_blocks_rows(void *argument, size_t begin, size_t end)
{
    const struct job *job = argument;
    const size_t h = (size_t)job->s->h, w = (size_t)job->s->w, block = (size_t)job->s->block;
    const size_t blocks = (size_t)job->s->c / block;
    for (size_t row = begin; row < end; row++)
        for (size_t x = 0; x < w; x++)
            for (size_t b = 0; b < blocks; b++) {
                size_t plane = (row / h * blocks + b) * h + row % h;
                memcpy((float *)job->dst + ((row * w + x) * blocks + b) * block,
                       (const float *)job->src + (plane * w + x) * block, block * sizeof(float));
            }
}

void mgm_to_blocks(const struct mgm_spatial *s, const float *last, float *blocked)
{
    struct job job = {.s = s, .src = last, .dst = blocked};
    mgm_parallel_for(s->threads, (size_t)s->n * (size_t)s->h, to_blocks_rows, &job);
}

void mgm_from_blocks(const struct mgm_spatial *s, const float *blocked, float *last)
{
    struct job job = {.s = s, .src = blocked, .dst = last};
    mgm_parallel_for(s->threads, (size_t)s->n * (size_t)s->h, from_blocks_rows, &job);
}

/* Where pixel (y, x) of plane i of the result (a picture, or a block of its channels) lies in the grid, in values. */
MGM_INLINE size_t grid_index(const struct mgm_spatial *s, size_t i, size_t y, size_t x)
{
    size_t py = y & 1, px = x & 1, gy = (y + py) / 2, gx = (x + px) / 2;
    size_t gw = (size_t)s->w + 1, gh = (size_t)s->h + 1, c = (size_t)s->c;
    if (s->block) {
        size_t block = (size_t)s->block, blocks = c / block;
        size_t plane = (i / blocks * 4 + 2 * py + px) * blocks + i % blocks;
        return ((plane * gh + gy) * gw + gx) * block;
    }
    return ((i * gh + gy) * gw + gx) * 4 * c + (2 * py + px) * c;
}

/* Rows of the result. */
MGM_INLINE void shuffle_rows(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t h = 2 * (size_t)job->s->h, w = 2 * (size_t)job->s->w;
    const size_t c = (size_t)(job->s->block ? job->s->block : job->s->c);
    for (size_t row = begin; row < end; row++)
        for (size_t x = 0; x < w; x++) {
            size_t from = grid_index(job->s, row / h, row % h, x);
            for (size_t k = 0; k < c; k += 8)
                mgm_store8(job->dst, (row * w + x) * c + k, mgm_load8(job->src, from + k, bf16), bf16);
        }
}
BOTH(shuffle_rows)

MGM_INLINE void unshuffle_rows(const struct job *job, size_t begin, size_t end, bool bf16)
{
    const size_t h = 2 * (size_t)job->s->h, w = 2 * (size_t)job->s->w, c = (size_t)job->s->c;
    for (size_t row = begin; row < end; row++)
        for (size_t x = 0; x < w; x++) {
            size_t to = grid_index(job->s, row / h, row % h, x);
            for (size_t k = 0; k < c; k += 8)
                mgm_store8(job->dst, to + k, mgm_load8(job->src, (row * w + x) * c + k, bf16), bf16);
        }
}
BOTH(unshuffle_rows)

void mgm_shuffle(const struct mgm_spatial *s, const void *grid, void *dst)
{
    if (!mgm_precision_is_float(s->precision)) {
        mgm_shuffle8(s, grid, dst);
        return;
    }
    RUN(shuffle_rows, s, flat(s).n * 2 * s->h, .src = grid, .dst = dst);
}

/* The grid's cropped places: block py = 0 of the last row and py = 1 of the first, columns alike. */
static void clear_borders(const struct mgm_spatial *s, void *grid)
{
    const size_t size = size_of(s), block = (size_t)s->c * size, gh = (size_t)s->h + 1, gw = (size_t)s->w + 1;
    for (size_t i = 0; i < (size_t)s->n; i++) {
        char *picture = (char *)grid + i * gh * gw * 4 * block;
        for (size_t x = 0; x < gw; x++) {
            memset(picture + (x * 4 + 2) * block, 0, 2 * block);
            memset(picture + ((gh - 1) * gw + x) * 4 * block, 0, 2 * block);
        }
        for (size_t y = 0; y < gh; y++)
            for (size_t py = 0; py < 2; py++) {
                memset(picture + (y * gw * 4 + 2 * py + 1) * block, 0, block);
                memset(picture + ((y * gw + gw - 1) * 4 + 2 * py) * block, 0, block);
            }
    }
}

void mgm_shuffle_backward(const struct mgm_spatial *s, const void *d_dst, void *d_grid)
{
    clear_borders(s, d_grid);
    RUN(unshuffle_rows, s, s->n * 2 * s->h, .src = d_dst, .dst = d_grid);
}

struct tap {
    size_t plain, grid; /* of the same weight, in [in, out, 4, 4] and in [4 · out, in, 2, 2] */
};

/* Weight (row, column) of the kernel from channel i to channel o: tap (ty, tx) of the 2 × 2 window at parity (py, px). */
static struct tap tap_of(size_t in, size_t out, size_t i, size_t o, size_t row, size_t column)
{
    size_t ty = (3 - row) / 2, py = (3 - row) % 2, tx = (3 - column) / 2, px = (3 - column) % 2;
    return (struct tap){.plain = ((i * out + o) * 4 + row) * 4 + column,
                        .grid = (((2 * py + px) * out + o) * in + i) * 4 + 2 * ty + tx};
}

void mgm_transpose_weights(const float *weights, int in, int out, float factor, float *grid_weights)
{
    for (size_t o = 0; o < (size_t)out; o++)
        for (size_t i = 0; i < (size_t)in; i++)
            for (size_t k = 0; k < 16; k++) {
                struct tap tap = tap_of((size_t)in, (size_t)out, i, o, k / 4, k % 4);
                grid_weights[tap.grid] = weights[tap.plain] * factor;
            }
}

void mgm_transpose_weights_backward(const float *d_grid_weights, int in, int out, float *d_weights)
{
    for (size_t o = 0; o < (size_t)out; o++)
        for (size_t i = 0; i < (size_t)in; i++)
            for (size_t k = 0; k < 16; k++) {
                struct tap tap = tap_of((size_t)in, (size_t)out, i, o, k / 4, k % 4);
                d_weights[tap.plain] = d_grid_weights[tap.grid];
            }
}

/* Work unit: 4096 values; the rest of the last unit one by one. */
enum { UNIT = 4096 };

struct linear_job {
    const void *src;
    void *dst;
    size_t count;
    bool src_bf16, dst_bf16, add;
};

MGM_INLINE void linear_units(const struct linear_job *job, size_t begin, size_t end, bool src_bf16, bool dst_bf16, bool add)
{
    size_t i = begin * UNIT, last = end * UNIT < job->count ? end * UNIT : job->count;
    for (; i + 8 <= last; i += 8) {
        mgm_v8f value = mgm_load8(job->src, i, src_bf16);
        if (add)
            value += mgm_load8(job->dst, i, dst_bf16);
        mgm_store8(job->dst, i, value, dst_bf16);
    }
    for (; i < last; i++)
        mgm_store1(job->dst, i, mgm_load1(job->src, i, src_bf16) + (add ? mgm_load1(job->dst, i, dst_bf16) : 0), dst_bf16);
}

MGM_KERNEL static void linear_body(void *argument, size_t begin, size_t end)
{
    const struct linear_job *job = argument;
    if (job->add && job->src_bf16)
        linear_units(job, begin, end, true, true, true);
    else if (job->add)
        linear_units(job, begin, end, false, false, true);
    else if (job->src_bf16)
        linear_units(job, begin, end, true, false, false);
    else if (job->dst_bf16)
        linear_units(job, begin, end, false, true, false);
    else
        linear_units(job, begin, end, false, false, false);
}

static void run_linear(int threads, struct linear_job job)
{
    mgm_parallel_for(threads, (job.count + UNIT - 1) / UNIT, linear_body, &job);
}

void mgm_accumulate(int threads, enum mgm_precision precision, size_t count, const void *src, void *dst)
{
    bool bf16 = precision == MGM_PRECISION_BF16;
    run_linear(threads, (struct linear_job){src, dst, count, bf16, bf16, true});
}

void mgm_convert_from_f32(int threads, enum mgm_precision precision, size_t count, const float *src, void *dst)
{
    run_linear(threads, (struct linear_job){src, dst, count, false, precision == MGM_PRECISION_BF16, false});
}

void mgm_convert_to_f32(int threads, enum mgm_precision precision, size_t count, const void *src, float *dst)
{
    run_linear(threads, (struct linear_job){src, dst, count, precision == MGM_PRECISION_BF16, false, false});
}
