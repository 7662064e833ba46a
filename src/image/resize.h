/**
 * Resampling a whole picture to another size. Half-pixel centres: pixel i of n covers [i, i + 1) of n; nothing is aligned
 * to corners. Outside the picture its border pixels go on.
 */
#ifndef MGM_IMAGE_RESIZE_H
#define MGM_IMAGE_RESIZE_H

#include "image/image.h"

enum mgm_filter {
    MGM_FILTER_NEAREST, /* the pixel whose area holds the sampling point */
    MGM_FILTER_LINEAR,  /* 2 taps per axis */
    MGM_FILTER_CUBIC,   /* 4 taps, Keys' a = -0.75 (as OpenCV and PyTorch); may overshoot [0, 1] */
    MGM_FILTER_LANCZOS, /* 8 taps, windowed sinc of radius 4; may overshoot */
    MGM_FILTER_AREA,    /* averages what each output pixel covers, fractions included; when enlarging, that area is
                           smaller than a pixel and the result a box-filtered nearest */
};

/**
 * dst = src resampled to width × height, allocated here. All but MGM_FILTER_AREA interpolate: they do not widen their
 * kernel when shrinking, and so alias, as the interpolations of other image libraries do.
 * @param src  borrowed; f32, any number of channels
 * @param dst  released by the caller with mgm_raster_release(); zeroed on error
 * @return MGM_OK; MGM_E_INVALID for a size below 1; MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_resize(struct mgm_context *ctx, const struct mgm_raster *src, int width, int height,
                                          enum mgm_filter filter, struct mgm_raster *dst);

/**
 * The same for 8-bit pixels: each axis is area-averaged when it shrinks and linearly interpolated when it grows.
 * Rounded to the nearest grey level.
 */
MGM_MUST_CHECK enum mgm_status mgm_resize_bitmap(struct mgm_context *ctx, const struct mgm_bitmap *src, int width,
                                                 int height, struct mgm_bitmap *dst);

#endif
