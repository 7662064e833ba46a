#include "matting/plane.h"

#include <math.h>
#include <stddef.h>

/* The two neighbours that a place lies between, and how far it is from the first. */
struct taps {
    int low, high;
    float share;
};

static struct taps taps_at(int at, int size, int stored)
{
    const float place = ((float)at + 0.5f) * (float)stored / (float)size - 0.5f;
    const int low = (int)floorf(place);
    const float share = place - (float)low;
    return (struct taps){low < 0 ? 0 : low, low + 1 < stored ? low + 1 : stored - 1, low < 0 ? 0 : share};
}

void mgm_plane_read(const struct mgm_plane *plane, int width, int height, int y, const int *columns, int count, float *dst)
{
    if (plane->width == width && plane->height == height) {
        const float *row = plane->values + (size_t)y * (size_t)width;
        for (int i = 0; i < count; i++)
            dst[i] = row[columns[i]];
        return;
    }
    const struct taps v = taps_at(y, height, plane->height);
    const float *upper = plane->values + (size_t)v.low * (size_t)plane->width;
    const float *lower = plane->values + (size_t)v.high * (size_t)plane->width;
    for (int i = 0; i < count; i++) {
        const struct taps h = taps_at(columns[i], width, plane->width);
        const float above = upper[h.low] + h.share * (upper[h.high] - upper[h.low]);
        const float below = lower[h.low] + h.share * (lower[h.high] - lower[h.low]);
        dst[i] = above + v.share * (below - above);
    }
}
