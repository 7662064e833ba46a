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

const char *const mgm_sad_part_names[MGM_SAD_PARTS] = {"lost", "added", "over", "under"};

enum { EMPTY = 12, SOLID = 243 }; /* 0.05 and 0.95 of 255, towards the ends */

void mgm_metric_sad_parts(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count,
                          double parts[MGM_SAD_PARTS])
{
    for (int k = 0; k < MGM_SAD_PARTS; k++)
        parts[k] = 0;
    for (size_t i = 0; i < count; i++) {
        if (trimap && trimap[i] != MGM_TRIMAP_UNKNOWN)
            continue;
        const int error = matte[i] - truth[i];
        const enum mgm_sad_part part = truth[i] >= SOLID   ? MGM_SAD_LOST
                                       : truth[i] <= EMPTY ? MGM_SAD_ADDED
                                       : error > 0         ? MGM_SAD_OVER
                                                           : MGM_SAD_UNDER;
        parts[part] += abs(error) / 255.0 / 1000;
    }
}
