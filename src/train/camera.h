/** What a camera adds to a picture: slight blur or sharpening, sensor noise, the halo of strong sharpening, JPEG. */
#ifndef MGM_TRAIN_CAMERA_H
#define MGM_TRAIN_CAMERA_H

#include "base/random.h"
#include "train/sample.h"

/**
 * @param image    f32 [3, size, size] in [0, 1], changed in place
 * @param scratch  mgm_plane_scratch(size) floats, and size² more
 */
MGM_MUST_CHECK enum mgm_status mgm_camera_accidents(struct mgm_context *ctx, struct mgm_random *random,
                                                    const struct mgm_camera_settings *settings, float *image, int size,
                                                    float *scratch);

/**
 * Noise of deviation 1 as one channel of a picture has it behind a Bayer mosaic (GRBG): the sensor measures green at every second
 * pixel, red and blue at every fourth; in between is what bilinear demosaicing makes of the neighbours.
 * @param channel  0 red, 1 green, 2 blue
 * @param grain    f32 [size, size]
 */
void mgm_camera_mosaic_grain(struct mgm_random *random, int channel, int size, float *grain);

/**
 * Sharpens by unsharp masking: what a blurred copy lacks is added, so that edges have a bright and a dark line beside them.
 * @param radius  of the blur, pixels, below MGM_DISC_RADIUS_MAX @param amount  0: nothing
 * @param image   f32 [3, size, size] in [0, 1] @param scratch  as for mgm_camera_accidents()
 */
void mgm_camera_halo(double radius, double amount, float *image, int size, float *scratch);

/** To JPEG (4:2:0) and back. @param quality  1 … 100 @param image  f32 [3, size, size] in [0, 1] */
MGM_MUST_CHECK enum mgm_status mgm_camera_jpeg(struct mgm_context *ctx, int quality, float *image, int size);

#endif
