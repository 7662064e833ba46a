/**
 * Blurs, in place, each channel by itself. Outside the picture its border pixels go on. Alpha and premultiplied colour are
 * blurred; straight colour must not be.
 */
#ifndef MGM_IMAGE_BLUR_H
#define MGM_IMAGE_BLUR_H

#include "image/image.h"

/** Gaussian of that deviation in pixels, cut at four deviations; below 0.01 nothing happens. */
MGM_MUST_CHECK enum mgm_status mgm_blur_gaussian(struct mgm_context *ctx, struct mgm_raster *raster, float sigma);

/** Mean over a disc with antialiased border: a lens out of focus. Below a radius of 0.5 nothing happens. */
MGM_MUST_CHECK enum mgm_status mgm_blur_disc(struct mgm_context *ctx, struct mgm_raster *raster, float radius);

/**
 * Mean along a centred line: a moving camera or subject.
 * @param length  in pixels; up to 1 nothing happens
 * @param angle   in radians; 0 is horizontal, growing clockwise as rows grow downwards
 */
MGM_MUST_CHECK enum mgm_status mgm_blur_motion(struct mgm_context *ctx, struct mgm_raster *raster, float length,
                                               float angle);

#endif
