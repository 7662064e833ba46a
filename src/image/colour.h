/**
 * Colour spaces: hue-saturation-value, and linear light under the sRGB encoding.
 */
#ifndef MGM_IMAGE_COLOUR_H
#define MGM_IMAGE_COLOUR_H

#include "image/image.h"

/** @param rgb  each in [0, 1]   @param hsv  hue in [0, 1) (0 for greys), saturation and value in [0, 1]; may be rgb */
void mgm_rgb_to_hsv(const float rgb[3], float hsv[3]);
/** Any hue is taken modulo 1; saturation and value are clamped to [0, 1]. */
void mgm_hsv_to_rgb(const float hsv[3], float rgb[3]);

/** In place, on the first three channels of a picture that has at least three. */
void mgm_raster_rgb_to_hsv(struct mgm_raster *raster);
void mgm_raster_hsv_to_rgb(struct mgm_raster *raster);

/** One value by the exact formulae, clamped to [0, 1]. */
float mgm_srgb_to_linear(float encoded);
float mgm_linear_to_srgb(float linear);

/** 8-bit sRGB to linear light, exact, for tables[256]. */
void mgm_srgb_table(float table[256]);

/**
 * In place, every channel but a fourth or second (alpha), clamped to [0, 1]; from interpolated tables, within 1e-4 of the
 * exact formulae.
 */
void mgm_raster_srgb_to_linear(struct mgm_raster *raster);
void mgm_raster_linear_to_srgb(struct mgm_raster *raster);

#endif
