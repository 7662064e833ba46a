/** What the colour network is given, and what follows from its output (§3.2). The public part is in mgm.h. */
#ifndef MGM_MATTING_FOREGROUND_H
#define MGM_MATTING_FOREGROUND_H

/** Inputs, for each pixel: red, green, blue, alpha. Outputs: F − B of each colour. */
enum { MGM_FOREGROUND_INPUTS = 4, MGM_FOREGROUND_OUTPUTS = 3 };

/** A value of photo or alpha, in [0, 1], as the network gets it: about as large as the matting network's normalised colours. */
static inline float mgm_foreground_input(float value)
{
    return 4 * value - 2;
}

/**
 * F of one channel. Since C = α·F + (1 − α)·B, F is C + (1 − α)·(F − B), and F − B is what the network gives: so what is opaque
 * keeps the photo's value whatever it says, and α·F + (1 − α)·B is the photo.
 */
static inline float mgm_foreground_of(float photo, float alpha, float raw)
{
    return photo + (1 - alpha) * raw;
}

#endif
