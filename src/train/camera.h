/** What a camera adds to a picture: slight blur or sharpening, sensor noise, JPEG. */
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

/** To JPEG (4:2:0) and back. @param quality  1 … 100 @param image  f32 [3, size, size] in [0, 1] */
MGM_MUST_CHECK enum mgm_status mgm_camera_jpeg(struct mgm_context *ctx, int quality, float *image, int size);

#endif
