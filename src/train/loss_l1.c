#include "train/losses.h"

#include "base/parallel.h"

#include <math.h>

/* Short enough that sums of f32 stay exact to 1e-6. */
enum { CHUNK = 4096 };

const char *mgm_loss_name(enum mgm_loss loss)
{
    static const char *const names[MGM_LOSS_COUNT] = {"l1", "comp", "lap"};
    return names[loss];
}

MGM_KERNEL double mgm_loss_l1(const float *alpha, const float *truth, const uint8_t *mask, size_t count, float scale,
                              float *gradient)
{
    double sum = 0;
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t end = start + CHUNK < count ? start + CHUNK : count;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (size_t i = start; i < end; i++) {
            float g = (float)mask[i];
            float d = alpha[i] - truth[i];
            part += fabsf(d) * g;
            gradient[i] += scale * g * (float)((d > 0) - (d < 0));
        }
        sum += (double)part;
    }
    return sum;
}
