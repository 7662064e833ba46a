/** Guidance made from a matte: what a person or a segmentation might hand over instead of it. */
#ifndef MGM_TRAIN_PERTURB_H
#define MGM_TRAIN_PERTURB_H

#include "base/random.h"
#include "train/sample.h"

/** Scratch of the functions below, allocated once for a sample. */
struct mgm_perturb_space {
    float *field, *scratch; /* size² floats; mgm_plane_scratch(size) floats */
    uint8_t *mask, *other;  /* size² bytes each */
};

/**
 * Draws guidance from the true alpha: by the shares of the settings a trimap, a soft matte, or a mask (binarised at a random
 * threshold or resampled coarsely, with a boundary that wobbles, then eroded, dilated or both), mistakes in it (mistakes.h), none of
 * which is in a trimap: it says what is certain.
 * Source: §3.1 and its supplement. Deviation: local wobble, blobs, lines, soft mattes and trimaps are added, because users bring them.
 * @param strength  1: errors of full size; less: smaller ones along the border, no CutMask below 1; blobs and lines keep their size
 * @param image     f32 [3, size, size], where the alpha is from; NULL: no mistake follows it
 * @param guidance  f32 [size, size] in [0, 1]
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_perturb_guidance(struct mgm_context *ctx, struct mgm_random *random,
                                                    const struct mgm_guidance_settings *settings, double strength,
                                                    const float *alpha, const float *image, int size,
                                                    const struct mgm_perturb_space *space, float *guidance);

/** 1 where alpha reaches the threshold. */
void mgm_binarise(const float *alpha, size_t count, float threshold, uint8_t *mask);

/**
 * Whether the guidance says what is wanted: it covers much of the alpha, is mostly alpha itself, and no considerable part of
 * the alpha lies far from it. Without this a sample can only be guessed.
 */
bool mgm_guidance_tells(const float *alpha, const float *guidance, int size);

#endif
