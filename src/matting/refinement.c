#include "matting/refinement.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "image/morphology.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/** 2^x for x in [−126, 126], relative error below 3e-7; the compiler makes vectors of it, which it cannot of exp2f. */
static inline float power_of_two(float x)
{
    const float shifter = 12582912.0f; /* 1.5 · 2^23: adding and subtracting it rounds to a whole number */
    const float whole = (x + shifter) - shifter;
    const float f = (x - whole) * 0.693147180559945f; /* in ±ln 2 / 2: the series converges fast */
    const float series =
        1 + f * (1 + f * (1 / 2.0f + f * (1 / 6.0f + f * (1 / 24.0f + f * (1 / 120.0f + f * (1 / 720.0f))))));
    const union {
        int32_t bits;
        float value;
    } scale = {((int32_t)whole + 127) * (1 << 23)};
    return series * scale.value;
}

/** (tanh(x) + 1) / 2, written as the logistic function of 2x, in place. */
MGM_KERNEL static void squash(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float exponent = values[i] * -2.88539008177793f; /* −2 / ln 2 */
        exponent = exponent < -126 ? -126 : exponent > 126 ? 126 : exponent;
        values[i] = 1.0f / (1.0f + power_of_two(exponent));
    }
}

/** One output row between two input rows: half-pixel centres, clamped at both ends. */
static void stretch_row(const float *top, const float *bottom, float weight, int raw_w, int stride, float *dst)
{
    const float step = 1.0f / (float)stride;
    float left = top[0] + weight * (bottom[0] - top[0]);
    for (int k = 0; k < stride / 2; k++)
        *dst++ = left;
    for (int x = 1; x < raw_w; x++) {
        const float right = top[x] + weight * (bottom[x] - top[x]);
        for (int k = 0; k < stride; k++)
            *dst++ = left + ((float)k + 0.5f) * step * (right - left);
        left = right;
    }
    for (int k = 0; k < stride - stride / 2; k++)
        *dst++ = left;
}

/** Row y of a head's output, up-sampled. */
static void stretch_head_row(const float *raw, int h, int w, int stride, int y, float *dst)
{
    const int raw_h = h / stride, raw_w = w / stride;
    if (stride == 1) {
        memcpy(dst, raw + (size_t)y * (size_t)w, (size_t)w * sizeof *dst);
        return;
    }
    float position = ((float)y + 0.5f) / (float)stride - 0.5f;
    position = position < 0 ? 0 : position;
    const int low = (int)position, high = low + 1 < raw_h ? low + 1 : low;
    stretch_row(raw + (size_t)low * (size_t)raw_w, raw + (size_t)high * (size_t)raw_w, position - (float)low, raw_w, stride,
                dst);
}

void mgm_head_to_alpha(const float *raw, int h, int w, int stride, float *alpha)
{
    for (int y = 0; y < h; y++)
        stretch_head_row(raw, h, w, stride, y, alpha + (size_t)y * (size_t)w);
    squash(alpha, (size_t)h * (size_t)w);
}

struct refining {
    float *alpha;
    const float *raw;
    const uint8_t *unknown;
    int h, w, stride;
    atomic_bool finite, out_of_memory;
};

enum { SPAN = 256 }; /* columns that are refined at a time */

static void refine_rows(void *argument, size_t begin, size_t end)
{
    struct refining *job = argument;
    const size_t w = (size_t)job->w;
    bool finite = true;
    float *row = mgm_alloc(w, sizeof *row);
    if (!row)
        job->out_of_memory = true;
    for (size_t y = begin; y < end && row; y++) {
        const uint8_t *unknown = job->unknown + y * w;
        const uint8_t *first = memchr(unknown, 1, w);
        if (!first)
            continue;
        stretch_head_row(job->raw, job->h, job->w, job->stride, (int)y, row);
        for (size_t x = (size_t)(first - unknown); x < w; x += SPAN) {
            const size_t count = w - x < SPAN ? w - x : SPAN;
            if (!memchr(unknown + x, 1, count))
                continue;
            for (size_t i = x; i < x + count; i++)
                finite &= !unknown[i] || isfinite(row[i]);
            squash(row + x, count);
            mgm_refine(job->alpha + y * w + x, row + x, unknown + x, count);
        }
    }
    mgm_free(row);
    if (!finite)
        job->finite = false;
}

enum mgm_status mgm_refine_by_head(struct mgm_context *ctx, float *alpha, const float *raw, int h, int w, int stride,
                                   const uint8_t *unknown, bool *finite)
{
    struct refining job = {alpha, raw, unknown, h, w, stride, true, false};
    mgm_parallel_for(ctx->threads, (size_t)h, refine_rows, &job);
    *finite = job.finite;
    return job.out_of_memory ? mgm_fail_nomem(ctx, "a refined matte") : MGM_OK;
}

enum mgm_status mgm_uncertain_region(struct mgm_context *ctx, const float *alpha, int h, int w, int size, uint8_t *unknown)
{
    const float low = (float)(1.0 / 255.0), high = (float)(1.0 - 1.0 / 255.0);
    const size_t count = (size_t)h * (size_t)w;
    for (size_t i = 0; i < count; i++)
        unknown[i] = !(alpha[i] < low || alpha[i] > high);
    return mgm_dilate(ctx, unknown, h, w, size, unknown);
}

void mgm_refine(float *alpha, const float *finer, const uint8_t *unknown, size_t count)
{
    for (size_t i = 0; i < count; i++)
        alpha[i] = unknown[i] ? finer[i] : alpha[i];
}

enum mgm_status mgm_fuse(struct mgm_context *ctx, const float *alpha_os8, const float *alpha_os4, const float *alpha_os1,
                         int h, int w, const struct mgm_fusion *fusion)
{
    const size_t count = (size_t)h * (size_t)w;
    memcpy(fusion->alpha, alpha_os8, count * sizeof *alpha_os8);
    TRY(mgm_uncertain_region(ctx, fusion->alpha, h, w, fusion->dilate_os4, fusion->unknown_os4));
    mgm_refine(fusion->alpha, alpha_os4, fusion->unknown_os4, count);
    TRY(mgm_uncertain_region(ctx, fusion->alpha, h, w, fusion->dilate_os1, fusion->unknown_os1));
    mgm_refine(fusion->alpha, alpha_os1, fusion->unknown_os1, count);
    return MGM_OK;
}
