/** Random changes of colour: hue, saturation, brightness, white balance, gamma, contrast. */
#ifndef MGM_TRAIN_RECOLOUR_H
#define MGM_TRAIN_RECOLOUR_H

#include "base/random.h"

#include <stddef.h>

/** How far each may go. Hue in degrees (deviation of a normal, cut off at 2.5 of it), the others as factors exp(±x). */
struct mgm_recolour_range {
    double hue, saturation, gain, balance, gamma, contrast;
};

/**
 * Source: the paper's jitter in HSV. Deviation: hue and saturation turn around the grey axis (a matrix), which is the same
 * idea without a branch per pixel.
 * @param planes  f32 [3, count] in [0, 1], changed in place
 */
void mgm_recolour(struct mgm_random *random, const struct mgm_recolour_range *range, float *planes, size_t count);

#endif
