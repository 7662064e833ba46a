/** Trimaps from mattes. */
#ifndef MGM_TRAIN_TRIMAP_H
#define MGM_TRAIN_TRIMAP_H

#include "image/image.h"

/**
 * unknown = 1 except where α = 1 or α = 0, each eroded by an ellipse.
 * Source: §4 (sizes 1 … 29 drawn by the caller). Deviation: none.
 * @param space  size² bytes
 */
MGM_MUST_CHECK enum mgm_status mgm_trimap_unknown(struct mgm_context *ctx, const float *alpha, int size, int erode_fg,
                                                  int erode_bg, uint8_t *unknown, uint8_t *space);

#endif
