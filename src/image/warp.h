/**
 * Affine resampling: rotation, scale, shear and crop in one interpolation.
 *
 * m = { a, b, tx, c, d, ty } takes output coordinates to source coordinates:
 *   source_x = a · x + b · y + tx        source_y = c · x + d · y + ty
 * where the pixel in column j and row i has its centre at x = j + 0.5, y = i + 0.5 in both pictures, so that a plain crop is
 * { 1, 0, left, 0, 1, top } and a plain scale has no translation.
 */
#ifndef MGM_IMAGE_WARP_H
#define MGM_IMAGE_WARP_H

#include "image/resize.h"

/**
 * @param src      borrowed; f32
 * @param filter   NEAREST, LINEAR, CUBIC or LANCZOS; AREA acts as LINEAR (shrink with mgm_resize first)
 * @param outside  value of every channel outside the source (blended with it across the border's half pixel);
 *                 NAN: the border pixels go on
 * @param dst      caller-allocated, not overlapping src, as many channels as src; its size is the output's
 * @return MGM_OK; MGM_E_SHAPE if the channels differ
 */
MGM_MUST_CHECK enum mgm_status mgm_warp_affine(struct mgm_context *ctx, const struct mgm_raster *src, const float m[6],
                                               enum mgm_filter filter, float outside, struct mgm_raster *dst);

/** The same from 8-bit pixels, read as value / 255: for sources kept in quantity. Runs in the calling thread alone. */
MGM_MUST_CHECK enum mgm_status mgm_warp_affine_bitmap(struct mgm_context *ctx, const struct mgm_bitmap *src,
                                                      const float m[6], enum mgm_filter filter, float outside,
                                                      struct mgm_raster *dst);

#endif
