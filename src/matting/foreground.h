/** What the colour network is given, and what follows from its output (§3.2). The public part is in mgm.h. */
#ifndef MGM_MATTING_FOREGROUND_H
#define MGM_MATTING_FOREGROUND_H

#include <stddef.h>

/**
 * Inputs of the network, for each pixel, all made of photo C and alpha: what the classical estimate (foreground_fast.h) takes for F,
 * and for B, three channels each, and alpha. C is hardly more than α·F + (1 − α)·B. The paper's network is given C and alpha alone;
 * a narrow one does not get beyond the estimate then, as products of colour and alpha are what convolutions are bad at
 * (docs/foreground.md has both).
 */
enum { MGM_FOREGROUND_INPUTS = 7, MGM_FOREGROUND_OUTPUTS = 3 };

/** The network's input for one pixel. @param estimate  as mgm_foreground_estimate() has it */
static inline void mgm_foreground_pack(const float *estimate, float alpha, float input[MGM_FOREGROUND_INPUTS])
{
    for (int c = 0; c < 3; c++) {
        input[c] = 4 * estimate[c] - 2;
        input[3 + c] = 4 * estimate[4 + c] - 2;
    }
    input[6] = 4 * alpha - 2;
}

/** Of the network's output, so that its last weights need not be tiny: corrections of the estimate are a few hundredths. */
#define MGM_FOREGROUND_SCALE 0.1f

/** F of one channel: what is opaque keeps the photo's value, whatever the network gives. */
static inline float mgm_foreground_of(float estimate, float alpha, float raw)
{
    return estimate + MGM_FOREGROUND_SCALE * (1 - alpha) * raw;
}

#endif
