#include "train/losses.h"

#include "base/parallel.h"

#include <math.h>

enum { CHUNK = 4096 };

MGM_KERNEL static float one_channel(const float *alpha, const float *truth, const float *fg, const float *bg,
                                    const uint8_t *mask, size_t count, float weight, float scale, float *gradient)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++) {
        float g = weight * (float)mask[i];
        float difference = fg[i] - bg[i];
        float d = (alpha[i] - truth[i]) * difference;
        sum += fabsf(d) * g;
        gradient[i] += scale * g * difference * (float)((d > 0) - (d < 0));
    }
    return sum;
}

double mgm_loss_composition(const float *alpha, const struct mgm_loss_colours *colours, const uint8_t *mask, size_t count,
                            float scale, float *gradient)
{
    double sum = 0;
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t length = count - start < CHUNK ? count - start : CHUNK;
        for (size_t c = 0; c < 3; c++) {
            size_t at = c * count + start;
            sum += (double)one_channel(alpha + start, colours->truth + start, colours->fg + at, colours->bg + at,
                                       mask + start, length, colours->weight[c], scale, gradient + start);
        }
    }
    return sum;
}
