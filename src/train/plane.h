/** Operations on square f32 planes [size, size], the form in which samples are made. Nothing allocates. */
#ifndef MGM_TRAIN_PLANE_H
#define MGM_TRAIN_PLANE_H

#include "base/random.h"

#include <stddef.h>
#include <stdint.h>

enum { MGM_DISC_RADIUS_MAX = 40 };

/** Floats of scratch that the functions below need. */
size_t mgm_plane_scratch(int size);

/** Mean over a disc, as an unfocused lens does; borders replicated. @param radius  pixels, below MGM_DISC_RADIUS_MAX */
void mgm_plane_disc(float *plane, int size, double radius, float *scratch);

/** A smooth random field: normal values (deviation 1, at most ±2.5) every `cell` pixels, interpolated. */
void mgm_plane_noise(struct mgm_random *random, int size, double cell, float *dst, float *scratch);

/**
 * Area averages over factor² cells (the grid displaced by x, y in [0, factor)), enlarged again bilinearly or by repetition.
 * @param dst  may be src
 */
void mgm_plane_coarse(const float *src, int size, int factor, int x, int y, bool repeat, float *dst, float *scratch);

/** Convolves rows and columns with [w, 1 − 2w, w]; w < 0 sharpens. */
void mgm_plane_three_taps(float *plane, int size, float w, float *scratch);

void mgm_plane_clamp(float *values, size_t count);

#endif
