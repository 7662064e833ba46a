#include "matting/refinement.h"

#include "image/morphology.h"

#include <math.h>
#include <string.h>

/** Where output coordinate `at` lies between two input coordinates: half-pixel centres, clamped at both ends. */
struct tap {
    int low, high;
    float weight; /* of high */
};

static struct tap find_tap(int at, int stride, int size)
{
    float position = ((float)at + 0.5f) / (float)stride - 0.5f;
    if (position < 0)
        position = 0;
    int low = (int)position;
    return (struct tap){low, low + 1 < size ? low + 1 : low, position - (float)low};
}

/** (tanh(x) + 1) / 2, written as the logistic function. */
static float to_alpha(float x)
{
    return 1.0f / (1.0f + expf(-2.0f * x));
}

void mgm_head_to_alpha(const float *raw, int h, int w, int stride, float *alpha)
{
    const int raw_h = h / stride, raw_w = w / stride;
    for (int y = 0; y < h; y++) {
        const struct tap row = find_tap(y, stride, raw_h);
        const float *top = raw + (size_t)row.low * (size_t)raw_w;
        const float *bottom = raw + (size_t)row.high * (size_t)raw_w;
        float *dst = alpha + (size_t)y * (size_t)w;
        if (stride == 1) {
            for (int x = 0; x < w; x++)
                dst[x] = to_alpha(top[x]);
            continue;
        }
        for (int x = 0; x < w; x++) {
            const struct tap column = find_tap(x, stride, raw_w);
            const float left = top[column.low] + row.weight * (bottom[column.low] - top[column.low]);
            const float right = top[column.high] + row.weight * (bottom[column.high] - top[column.high]);
            dst[x] = to_alpha(left + column.weight * (right - left));
        }
    }
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
