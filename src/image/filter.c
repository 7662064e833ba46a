#include "image/filter.h"

#include <math.h>

int mgm_filter_taps(enum mgm_filter filter)
{
    switch (filter) {
    case MGM_FILTER_NEAREST:
        return 1;
    case MGM_FILTER_CUBIC:
        return 4;
    case MGM_FILTER_LANCZOS:
        return 8;
    case MGM_FILTER_LINEAR:
    case MGM_FILTER_AREA:
        break;
    }
    return 2;
}

/* Keys' cubic convolution; t from the second tap to the point. */
static void cubic(float t, float *weights)
{
    const float a = -0.75f;
    float far = t + 1, near = 1 - t;
    weights[0] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
    weights[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    weights[2] = ((a + 2) * near - (a + 3)) * near * near + 1;
    weights[3] = 1 - weights[0] - weights[1] - weights[2];
}

/*
 * Windowed sinc of radius 4; t from the fourth tap to the point. sin(pi (t + k)) is sin(pi t) up to its sign, so the common
 * factor drops out when the weights are made to sum to 1, and only the windows' sines remain: those of pi/4 (t + 3 - k).
 */
static void lanczos(float t, float *weights)
{
    const float quarter = 0.785398163f, root = 0.707106781f;
    if (t < 1e-6f) {
        for (int k = 0; k < 8; k++)
            weights[k] = k == 3 ? 1.0f : 0.0f;
        return;
    }
    float s = sinf(quarter * t), c = cosf(quarter * t);
    const float sines[8] = {root * (c - s), c, root * (c + s), s, root * (s - c), -c, -root * (c + s), -s};
    float sum = 0;
    for (int k = 0; k < 8; k++) {
        float distance = t + (float)(3 - k);
        weights[k] = (k & 1 ? sines[k] : -sines[k]) / (distance * distance);
        sum += weights[k];
    }
    for (int k = 0; k < 8; k++)
        weights[k] /= sum;
}

int mgm_filter_place(enum mgm_filter filter, double position, float weights[MGM_FILTER_MAX_TAPS])
{
    if (filter == MGM_FILTER_NEAREST) {
        weights[0] = 1;
        return (int)floor(position);
    }
    double base = floor(position - 0.5);
    float t = (float)(position - 0.5 - base);
    if (filter == MGM_FILTER_CUBIC) {
        cubic(t, weights);
        return (int)base - 1;
    }
    if (filter == MGM_FILTER_LANCZOS) {
        lanczos(t, weights);
        return (int)base - 3;
    }
    weights[0] = 1 - t;
    weights[1] = t;
    return (int)base;
}
