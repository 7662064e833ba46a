/** Smooth noise for textures and bends: a function of place and seed, about in [-1, 1]. */
#ifndef MGM_SYNTH_NOISE_H
#define MGM_SYNTH_NOISE_H

#include <stdint.h>

/** Value noise with period 1 between its lattice points. */
float synth_noise(uint32_t seed, float x, float y);

/** A sum of `octaves` noises, each twice as fine and half as strong. */
float synth_fractal(uint32_t seed, float x, float y, int octaves);

/** A hash of two integers in [0, 1). */
float synth_hash(uint32_t seed, int x, int y);

#endif
