/**
 * Dilation and erosion of binary masks by elliptical structuring elements, as the published code's image library has them.
 * Any byte other than 0 is set. Outside the picture nothing is set for dilation, everything for erosion (so the border
 * itself never grows or shrinks a mask).
 */
#ifndef MGM_IMAGE_MORPHOLOGY_H
#define MGM_IMAGE_MORPHOLOGY_H

#include "image/image.h"

enum { MGM_ELLIPSE_MAX = 255 };

/** The ellipse of that size as rows: row y covers columns [left[y], right[y]); empty rows have left == right. */
void mgm_ellipse(int size, int left[MGM_ELLIPSE_MAX], int right[MGM_ELLIPSE_MAX]);

/**
 * dst = 1 (set) or 0; the anchor is size / 2.
 * @param src, dst  u8 [h, w]; may be the same memory
 * @param size      1 … MGM_ELLIPSE_MAX; 1 copies
 */
MGM_MUST_CHECK enum mgm_status mgm_dilate(struct mgm_context *ctx, const uint8_t *src, int h, int w, int size, uint8_t *dst);
MGM_MUST_CHECK enum mgm_status mgm_erode(struct mgm_context *ctx, const uint8_t *src, int h, int w, int size, uint8_t *dst);

#endif
