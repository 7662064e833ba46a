#include "eval/metrics.h"

#include <stdlib.h>

double mgm_metric_sad(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (!trimap || trimap[i] == MGM_TRIMAP_UNKNOWN)
            sum += abs(matte[i] - truth[i]);
    return sum / 255 / 1000;
}
