/**
 * Pictures kept as 8 bit at several resolutions, and affine crops of them. A crop that shrinks reads a level that was
 * averaged beforehand, so nothing aliases.
 */
#ifndef MGM_TRAIN_PYRAMID_H
#define MGM_TRAIN_PYRAMID_H

#include "base/context.h"

#include <stdint.h>

enum { MGM_PYRAMID_LEVELS = 4 };

struct mgm_pyramid {
    int channels; /* 3, or 4: the fourth is alpha */
    int levels;
    struct {
        int width, height;
        const uint8_t *data; /* [height, width, channels] */
    } level[MGM_PYRAMID_LEVELS];
};

/** x_source = a·x + b·y + c, y_source = d·x + e·y + f, in pixels, both counted from the corner (centres at 0.5). */
struct mgm_affine {
    double a, b, c, d, e, f;
};

/**
 * Halves a picture by averaging 2×2 (a last odd row or column is dropped). With four channels the colours are weighted by
 * alpha, so that halving and composing can be exchanged.
 * @param dst  [height / 2, width / 2, channels]
 */
void mgm_halve(const uint8_t *src, int width, int height, int channels, uint8_t *dst);

/**
 * Samples a window of `size`² bilinearly, mirrored at the picture's borders.
 * @param map  from the window to level 0
 * @param dst  f32 planes [channels, size, size] in [0, 1]
 */
void mgm_pyramid_crop(const struct mgm_pyramid *pyramid, const struct mgm_affine *map, int size, float *dst);

#endif
