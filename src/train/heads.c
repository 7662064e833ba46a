#include "train/heads.h"

#include "base/parallel.h"

#include <string.h>

/** The two source positions of an up-sampled position, and the weight of the second. */
struct tap {
    int first, second;
    float weight;
};

static struct tap tap_at(int position, int stride, int count)
{
    float at = ((float)position + 0.5f) / (float)stride - 0.5f;
    at = at < 0 ? 0 : at;
    int first = (int)at;
    return (struct tap){first, first < count - 1 ? first + 1 : first, at - (float)first};
}

/** The odd rational function that linear-algebra libraries use: degree 13 over degree 6, |x| ≤ 7.9 (then it is 1). */
static inline float tanh_rational(float x)
{
    const float limit = 7.90531110763549805f;
    x = x > limit ? limit : x < -limit ? -limit : x;
    float s = x * x;
    float p = -2.76076847742355e-16f * s + 2.00018790482477e-13f;
    p = p * s - 8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    float q = 1.19825839466702e-06f * s + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    float t = x * p / q;
    return t > 1 ? 1 : t < -1 ? -1 : t;
}

MGM_KERNEL static void blend_and_squash(const float *first, const float *second, float weight, int w, float *alpha)
{
#pragma omp simd
    for (int x = 0; x < w; x++)
        alpha[x] = 0.5f * tanh_rational(first[x] + weight * (second[x] - first[x])) + 0.5f;
}

size_t mgm_head_workspace(int h, int w)
{
    return (size_t)h * (size_t)w;
}

void mgm_head_forward(const float *raw, int h, int w, int stride, float *workspace, float *alpha)
{
    int rh = h / stride, rw = w / stride;
    const float *wide = raw; /* [rh, w] */
    if (stride > 1) {
        for (int x = 0; x < w; x++) {
            struct tap tap = tap_at(x, stride, rw);
            for (int y = 0; y < rh; y++) {
                const float *row = raw + (size_t)y * (size_t)rw;
                workspace[(size_t)y * (size_t)w + (size_t)x] =
                    row[tap.first] + tap.weight * (row[tap.second] - row[tap.first]);
            }
        }
        wide = workspace;
    }
    for (int y = 0; y < h; y++) {
        struct tap tap = tap_at(y, stride, rh);
        blend_and_squash(wide + (size_t)tap.first * (size_t)w, wide + (size_t)tap.second * (size_t)w, tap.weight, w,
                         alpha + (size_t)y * (size_t)w);
    }
}

/** gradient *= dα/dx = 2α(1 − α), then shared out between two rows. */
MGM_KERNEL static void spread_row(const float *alpha, const float *gradient, float weight, int w, float *first,
                                  float *second)
{
#pragma omp simd
    for (int x = 0; x < w; x++) {
        float g = 2 * alpha[x] * (1 - alpha[x]) * gradient[x];
        first[x] += g - weight * g;
        second[x] += weight * g;
    }
}

/** The same where both rows are one. */
MGM_KERNEL static void scale_row(const float *alpha, const float *gradient, int w, float *dst)
{
#pragma omp simd
    for (int x = 0; x < w; x++)
        dst[x] += 2 * alpha[x] * (1 - alpha[x]) * gradient[x];
}

void mgm_head_backward(const float *alpha, const float *gradient, int h, int w, int stride, float *workspace,
                       float *raw_gradient)
{
    int rh = h / stride, rw = w / stride;
    float *wide = stride > 1 ? workspace : raw_gradient; /* [rh, w] */
    memset(wide, 0, (size_t)rh * (size_t)w * sizeof *wide);
    for (int y = 0; y < h; y++) {
        struct tap tap = tap_at(y, stride, rh);
        size_t at = (size_t)y * (size_t)w;
        float *first = wide + (size_t)tap.first * (size_t)w;
        if (tap.first == tap.second || tap.weight == 0)
            scale_row(alpha + at, gradient + at, w, first);
        else
            spread_row(alpha + at, gradient + at, tap.weight, w, first, wide + (size_t)tap.second * (size_t)w);
    }
    if (stride == 1)
        return;
    memset(raw_gradient, 0, (size_t)rh * (size_t)rw * sizeof *raw_gradient);
    for (int x = 0; x < w; x++) {
        struct tap tap = tap_at(x, stride, rw);
        for (int y = 0; y < rh; y++) {
            float g = wide[(size_t)y * (size_t)w + (size_t)x], *row = raw_gradient + (size_t)y * (size_t)rw;
            row[tap.first] += (1 - tap.weight) * g;
            row[tap.second] += tap.weight * g;
        }
    }
}
