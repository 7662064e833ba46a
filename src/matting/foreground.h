/**
 * What the two colour networks are given, and what follows from their output. The public part is in mgm.h.
 *     whole     §3.2: from photo and alpha to F
 *     refining  ours: corrects the estimate of foreground_fast.h, which it is given as well
 */
#ifndef MGM_MATTING_FOREGROUND_H
#define MGM_MATTING_FOREGROUND_H

#include "matting/foreground_fast.h"

enum mgm_colour_kind { MGM_COLOUR_WHOLE, MGM_COLOUR_REFINING, MGM_COLOUR_KINDS };

enum {
    MGM_FOREGROUND_INPUTS = 4,   /* red, green, blue, alpha */
    MGM_REFINEMENT_INPUTS = 13,  /* alpha, F̂, C − F̂, C − B̂, C − α·F̂ − (1 − α)·B̂: differences, as bf16 has three digits */
    MGM_COLOUR_INPUTS_MAX = 13,
    MGM_FOREGROUND_OUTPUTS = 3,  /* F − B of each colour; refining: a multiple of F − F̂ */
};

static inline int mgm_colour_inputs(enum mgm_colour_kind kind)
{
    return kind == MGM_COLOUR_REFINING ? MGM_REFINEMENT_INPUTS : MGM_FOREGROUND_INPUTS;
}

/** A value of photo or alpha, in [0, 1], as the network gets it: about as large as the matting network's normalised colours. */
static inline float mgm_foreground_input(float value)
{
    return 4 * value - 2;
}

/** One pixel as the network of the paper gets it. @param photo  [3], in [0, 1]. @param dst  [MGM_FOREGROUND_INPUTS] */
static inline void mgm_foreground_pixel(const float photo[3], float alpha, float *dst)
{
    for (int c = 0; c < 3; c++)
        dst[c] = mgm_foreground_input(photo[c]);
    dst[3] = mgm_foreground_input(alpha);
}

/**
 * F of one channel. Since C = α·F + (1 − α)·B, F is C + (1 − α)·(F − B), and F − B is what the network gives: so what is opaque
 * keeps the photo's value whatever it says, and α·F + (1 − α)·B is the photo.
 */
static inline float mgm_foreground_of(float photo, float alpha, float raw)
{
    return photo + (1 - alpha) * raw;
}

/**
 * One pixel as the refining network gets it. Where nothing is mixed the estimate says nothing, and both colours are the photo's.
 * @param photo     [3], in [0, 1]
 * @param estimate  [MGM_ESTIMATE_STRIDE]
 * @param dst       [MGM_REFINEMENT_INPUTS]
 */
static inline void mgm_refinement_input(const float photo[3], float alpha, const float *estimate, float *dst)
{
    const bool mixed = alpha > 0 && alpha < 1;
    dst[0] = mgm_foreground_input(alpha);
    for (int c = 0; c < 3; c++) {
        const float f = mixed ? estimate[c] : photo[c], b = mixed ? estimate[MGM_ESTIMATE_B + c] : photo[c];
        dst[1 + c] = mgm_foreground_input(f);
        dst[4 + c] = 4 * (photo[c] - f);
        dst[7 + c] = 4 * (photo[c] - b);
        dst[10 + c] = 16 * (photo[c] - alpha * f - (1 - alpha) * b);
    }
}

/** How much of the refining network's output is added to the estimate: with 1, a step of the optimiser would change it too much. */
static inline float mgm_refinement_share(float alpha)
{
    return (1 - alpha) / 8;
}

#endif
