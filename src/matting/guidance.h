/**
 * What a mask says: from the caller's pixels to the network's fourth channel.
 * Source: §4 (one network for masks, mattes and trimaps); thresholds as in the published code: 128 for a mask, 170 for the
 * foreground of a trimap. 16-bit values are judged by their upper byte.
 */
#ifndef MGM_MATTING_GUIDANCE_H
#define MGM_MATTING_GUIDANCE_H

#include "base/context.h"

/**
 * What AUTO decides: MASK if every value is within 8 (of 255) of the ends of the range; TRIMAP if there are also values from
 * 127 to 129 and no others; else ALPHA. The 8 forgive what JPEG does to a mask.
 * @param mask  one channel, 8 or 16 bit
 */
enum mgm_guidance mgm_guidance_decide(const struct mgm_image *mask);

/**
 * Fills dst with 0 … 1:
 *   MASK       1 from 128 on, else 0
 *   ALPHA      value / maximum
 *   TRIMAP     0 up to 8, 1 from 247 on, 0.5 between
 *   TRIMAP_FG  1 from 170 on, else 0
 * @param guidance  not AUTO
 * @param dst       caller-allocated; f32 [height, width]
 * @return MGM_E_INVALID if dst is 0 everywhere: an empty mask guides to nothing
 */
MGM_MUST_CHECK enum mgm_status mgm_guidance_convert(struct mgm_context *ctx, const struct mgm_image *mask,
                                                    enum mgm_guidance guidance, float *dst);

#endif
