#include "eval/metrics.h"

double mgm_metric_mse(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count)
{
    double sum = 0;
    size_t pixels = 0;
    for (size_t i = 0; i < count; i++) {
        if (trimap && trimap[i] != MGM_TRIMAP_UNKNOWN)
            continue;
        int difference = matte[i] - truth[i];
        sum += difference * difference;
        pixels++;
    }
    return pixels ? sum / (255.0 * 255.0) / (double)pixels : 0;
}
