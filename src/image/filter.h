/** The interpolation kernels that resizing and warping share. */
#ifndef MGM_IMAGE_FILTER_H
#define MGM_IMAGE_FILTER_H

#include "image/resize.h"

enum { MGM_FILTER_MAX_TAPS = 8 };

/** Pixels that one output value reads along one axis; MGM_FILTER_AREA counts as LINEAR here. */
int mgm_filter_taps(enum mgm_filter filter);

/**
 * @param position  along the axis; pixel i has its centre at i + 0.5
 * @param weights   for the taps from the returned pixel on; their sum is 1
 * @return the first tap's pixel, possibly outside the picture
 */
int mgm_filter_place(enum mgm_filter filter, double position, float weights[MGM_FILTER_MAX_TAPS]);

#endif
