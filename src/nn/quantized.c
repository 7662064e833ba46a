#include "nn/quantized.h"

#include "base/parallel.h"
#include "nn/layer_shape.h"
#include "nn/single_conv.h"
#include "nn/vector.h"

#include <math.h>

/* ---- which results are 8-bit ------------------------------------------------------------------------------------------ */

/* Whether a result is never negative: behind a ReLU, or made of such. */
static bool is_unsigned(const struct mgm_graph *graph, int layer)
{
    const struct mgm_layer *l = &graph->layers[layer];
    if (l->op == MGM_OP_AVERAGE_POOL || l->op == MGM_OP_UPSAMPLE)
        return is_unsigned(graph, l->inputs[0]);
    return l->op == MGM_OP_NORM && !l->relu_first && l->slope == 0;
}

/* The layer whose steps a result is stored in: moving pixels changes none. */
static int scale_owner(const struct mgm_graph *graph, int layer)
{
    const struct mgm_layer *l = &graph->layers[layer];
    return l->op == MGM_OP_AVERAGE_POOL || l->op == MGM_OP_UPSAMPLE ? scale_owner(graph, l->inputs[0]) : layer;
}

static struct mgm_storage steps_of(const struct mgm_graph *graph, int layer, const struct mgm_quantization *quantization)
{
    const bool positive = is_unsigned(graph, layer);
    const float range = quantization->ranges[scale_owner(graph, layer)];
    return (struct mgm_storage){positive ? MGM_PRECISION_U8 : MGM_PRECISION_S8, range / (positive ? 255 : 127)};
}

void mgm_choose_storage(const struct mgm_graph *graph, enum mgm_precision precision,
                        const struct mgm_quantization *quantization, struct mgm_storage *out)
{
    for (int i = 0; i < graph->layer_count; i++) {
        const bool floats = !quantization || graph->layers[i].exact;
        out[i] = floats ? (struct mgm_storage){precision, 1} : steps_of(graph, i, quantization);
    }
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        const bool head = mgm_is_single_conv(layer);
        for (int k = 0; k < layer->input_count; k++)
            if (head || (layer->exact && graph->layers[layer->inputs[k]].op != MGM_OP_INPUT))
                out[layer->inputs[k]] = (struct mgm_storage){precision, 1};
        if (head)
            out[i] = (struct mgm_storage){MGM_PRECISION_F32, 1};
    }
}

struct mgm_storage mgm_conv_source(const struct mgm_graph *graph, int conv, const struct mgm_quantization *quantization,
                                   const struct mgm_storage *storage)
{
    const int src = graph->layers[conv].inputs[0];
    if (!quantization || graph->layers[conv].exact || mgm_is_single_conv(&graph->layers[conv]))
        return storage[src];
    return mgm_precision_is_float(storage[src].type) ? steps_of(graph, src, quantization) : storage[src];
}

/* ---- values to steps and back ----------------------------------------------------------------------------------------- */

struct conversion {
    const void *src;
    void *dst;
    struct mgm_storage from, to;
};

MGM_INLINE float load_step(const struct conversion *job, size_t i)
{
    const float step =
        job->from.type == MGM_PRECISION_U8 ? (float)((const uint8_t *)job->src)[i] : (float)((const int8_t *)job->src)[i];
    return step * job->from.scale;
}

MGM_KERNEL static void floats_to_steps(void *argument, size_t begin, size_t end)
{
    const struct conversion *job = argument;
    const float factor = 1 / job->to.scale;
    const bool bf16 = job->from.type == MGM_PRECISION_BF16;
    const float low = job->to.type == MGM_PRECISION_U8 ? 0 : -127, high = job->to.type == MGM_PRECISION_U8 ? 255 : 127;
    const float shifter = 12582912.0f; /* 1.5 · 2^23: adding and subtracting it rounds to a whole number */
    for (size_t i = begin; i < end; i++) {
        float step = mgm_load1(job->src, i, bf16) * factor;
        step = step < low ? low : step > high ? high : step;
        step = (step + shifter) - shifter;
        ((uint8_t *)job->dst)[i] = (uint8_t)(int)step;
    }
}

MGM_KERNEL static void steps_to_floats(void *argument, size_t begin, size_t end)
{
    const struct conversion *job = argument;
    const bool bf16 = job->to.type == MGM_PRECISION_BF16;
    for (size_t i = begin; i < end; i++)
        mgm_store1(job->dst, i, load_step(job, i), bf16);
}

void mgm_convert_storage(int threads, size_t count, const void *src, struct mgm_storage from, void *dst,
                         struct mgm_storage to)
{
    struct conversion job = {src, dst, from, to};
    if (!mgm_precision_is_float(to.type))
        mgm_parallel_for(threads, count, floats_to_steps, &job);
    else if (!mgm_precision_is_float(from.type))
        mgm_parallel_for(threads, count, steps_to_floats, &job);
    else if (from.type == MGM_PRECISION_F32)
        mgm_convert_from_f32(threads, to.type, count, src, dst);
    else
        mgm_convert_to_f32(threads, from.type, count, src, dst);
}

/* ---- moving pixels: eight channels at a time -------------------------------------------------------------------------- */

struct job {
    const struct mgm_spatial *s;
    const uint8_t *src;
    uint8_t *dst;
};

MGM_INLINE void copy8(uint8_t *dst, const uint8_t *src, size_t count)
{
    for (size_t k = 0; k < count; k += 8)
        memcpy(dst + k, src + k, 8);
}

/* Rows of the small tensor. The sums fit 16 bits; halves are rounded up. */
MGM_INLINE void average_rows(const struct job *job, size_t begin, size_t end, bool positive)
{
    const size_t w = (size_t)job->s->w, c = (size_t)job->s->c, pitch = 2 * w * c;
    for (size_t row = begin; row < end; row++)
        for (size_t x = 0; x < w; x++) {
            const uint8_t *from = job->src + 2 * row * pitch + 2 * x * c;
            uint8_t *to = job->dst + (row * w + x) * c;
            for (size_t k = 0; k < c; k++) {
                const size_t at[] = {k, k + c, k + pitch, k + pitch + c};
                int sum = 2;
                for (int i = 0; i < 4; i++)
                    sum += positive ? (int)from[at[i]] : (int)(int8_t)from[at[i]];
                to[k] = (uint8_t)(sum >> 2);
            }
        }
}

MGM_KERNEL static void average_rows_u8(void *job, size_t begin, size_t end)
{
    average_rows(job, begin, end, true);
}

MGM_KERNEL static void average_rows_s8(void *job, size_t begin, size_t end)
{
    average_rows(job, begin, end, false);
}

void mgm_average_pool8(const struct mgm_spatial *s, const void *large, void *small)
{
    struct job job = {s, large, small};
    mgm_parallel_for(s->threads, (size_t)s->n * (size_t)s->h,
                     s->precision == MGM_PRECISION_U8 ? average_rows_u8 : average_rows_s8, &job);
}

/* Rows of the small tensor. */
static void upsample_rows(void *argument, size_t begin, size_t end)
{
    const struct job *job = argument;
    const size_t w = (size_t)job->s->w, c = (size_t)job->s->c;
    for (size_t row = begin; row < end; row++) {
        uint8_t *to = job->dst + 4 * row * w * c;
        for (size_t x = 0; x < w; x++) {
            copy8(to + 2 * x * c, job->src + (row * w + x) * c, c);
            copy8(to + (2 * x + 1) * c, job->src + (row * w + x) * c, c);
        }
        memcpy(to + 2 * w * c, to, 2 * w * c);
    }
}

void mgm_upsample8(const struct mgm_spatial *s, const void *small, void *large)
{
    struct job job = {s, small, large};
    mgm_parallel_for(s->threads, (size_t)s->n * (size_t)s->h, upsample_rows, &job);
}

/* Rows of the result: y is at grid row (y + 1) / 2, in block 2 · (y odd) + (x odd). */
static void shuffle_rows(void *argument, size_t begin, size_t end)
{
    const struct job *job = argument;
    const size_t h = 2 * (size_t)job->s->h, w = 2 * (size_t)job->s->w, c = (size_t)job->s->c;
    for (size_t row = begin; row < end; row++) {
        const size_t y = row % h, grid_row = (row / h) * (h / 2 + 1) + (y + 1) / 2;
        for (size_t x = 0; x < w; x++) {
            const size_t place = grid_row * (w / 2 + 1) + (x + 1) / 2, block = 2 * (y % 2) + x % 2;
            copy8(job->dst + (row * w + x) * c, job->src + (4 * place + block) * c, c);
        }
    }
}

void mgm_shuffle8(const struct mgm_spatial *s, const void *grid, void *dst)
{
    struct job job = {s, grid, dst};
    mgm_parallel_for(s->threads, (size_t)s->n * 2 * (size_t)s->h, shuffle_rows, &job);
}
