/**
 * Samples as the published recipe makes them, for foregrounds that were photographed: whole pictures are composed, resized,
 * warped and given their masks; then a crop is taken, coloured and composed over a background.
 * Source: §3.1, §4 and the released code, in its order: a second foreground (probability `compose_two`), 640 × 640 (0.25), affine
 * (rotation ±30° from 1024 pixels on, scale 0.8 … 1.25 for each axis, shear ±10°, flips), trimap and mask at 640 × 640, CutMask on
 * the whole picture, crop around an unknown pixel, jitter in HSV, composing; each interpolation is drawn from nearest, linear, cubic
 * and Lanczos. For real-world pictures (§5, probability `real_world`): contrast, JPEG, blur and noise, some of them, in any order.
 * Deviations: what the crop needs of the background alone is resampled.
 */
#ifndef MGM_TRAIN_PUBLISHED_H
#define MGM_TRAIN_PUBLISHED_H

#include "base/random.h"
#include "image/resize.h"
#include "train/store.h"

/**
 * Takes the memory of a few whole pictures while it works.
 * @param random  the sample's own stream
 * @param facts   what it was made of
 */
MGM_MUST_CHECK enum mgm_status mgm_published_sample(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                    const struct mgm_sample_settings *settings, struct mgm_random *random,
                                                    struct mgm_batch *batch, int slot, struct mgm_sample_facts *facts);

/**
 * Draws the affine map of a picture of that size.
 * @param m  from pixels of the warped picture to those of the picture: x = m₀x' + m₁y' + m₂, y = m₃x' + m₄y' + m₅
 */
void mgm_published_map(struct mgm_random *random, int width, int height, float m[6]);

/** Nearest, linear, cubic or Lanczos, evenly. */
enum mgm_filter mgm_any_filter(struct mgm_random *random);

/**
 * Trimap and mask of a whole matte, both made at 640 × 640. Trimap: α = 1 and α = 0, eroded by 1 … 29 each. Mask: a threshold from
 * 0.01 to 1, then eroded, dilated, or both in either order, by 1 … `kernel_max` (30 in the paper, 29 in its code); CutMask by its probability.
 * @param alpha          one channel
 * @param unknown, mask  caller-allocated; u8 [height, width], 0 or 1
 */
MGM_MUST_CHECK enum mgm_status mgm_published_masks(struct mgm_context *ctx, struct mgm_random *random,
                                                   const struct mgm_guidance_settings *settings, const struct mgm_raster *alpha,
                                                   uint8_t *unknown, uint8_t *mask);

/**
 * The accidents of the real-world variant: a random selection, in random order, of contrast 0.6 … 1.4, JPEG of quality 40 … 100, blur
 * by a Gaussian of up to 3 pixels, noise of a deviation of up to 0.1.
 * @param image    f32 [3, size, size] in [0, 1], changed in place
 */
MGM_MUST_CHECK enum mgm_status mgm_real_world(struct mgm_context *ctx, struct mgm_random *random, float *image, int size);

/**
 * Jitter of the hue by −40 … 39 degrees, of saturation and value by ±(1.1 − their mean over α > 0) / 10, reflected at 0 and 1.
 * @param colour  f32 [3, count] in [0, 1]
 */
void mgm_hsv_jitter(struct mgm_random *random, const float *alpha, size_t count, float *colour);

#endif
