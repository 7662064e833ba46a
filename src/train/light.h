/** Light on a sample: the foreground's shading, shadows on it and behind it, what its surroundings throw on it. Only colours change. */
#ifndef MGM_TRAIN_LIGHT_H
#define MGM_TRAIN_LIGHT_H

#include "base/random.h"

#include <stddef.h>

/** Scratch of the functions below, allocated once for a sample. */
struct mgm_light_space {
    float *relief, *shadow; /* size² floats each */
    float *scratch;         /* mgm_plane_scratch(size) floats */
};

/**
 * Lights the foreground anew, as if its blurred matte were a relief: from one side, at its rim (fringes brighter than the body,
 * or darker), and through something that casts shadows with soft or hard edges. Light is a little warmer than shadow.
 * @param colour  f32 [3, size, size] in [0, 1], changed in place
 * @param alpha   f32 [size, size]
 */
void mgm_light_foreground(struct mgm_random *random, const float *alpha, int size, const struct mgm_light_space *space,
                          float *colour);

/**
 * Brings the foreground's mean colour part of the way to the background's by a gain for each channel (0.55 … 1.8), as one light and one
 * exposure do for both. Contrast within the foreground stays.
 * @param background  f32 [3, count] @param colour  f32 [3, count] in [0, 1], changed in place
 */
void mgm_light_harmonise(struct mgm_random *random, const float *alpha, const float *background, size_t count, float *colour);

/**
 * Mixes the background's colours, far out of focus, into the foreground's near its border, as light does that comes from
 * behind (spill, light wrap). Nothing happens where the matte is 1 all around.
 * @param background  f32 [3, size, size]
 */
void mgm_light_spill(struct mgm_random *random, const float *alpha, const float *background, int size,
                     const struct mgm_light_space *space, float *colour);
/**
 * The foreground's shadow on what is behind it, a little way off: part of the background, which a matte must leave out.
 * @param background  f32 [3, size, size] in [0, 1], darkened in place
 */
void mgm_light_shadow(struct mgm_random *random, const float *alpha, int size, const struct mgm_light_space *space,
                      float *background);

#endif
