/**
 * A photo of any size as the network's input: its sides are filled up to multiples of 32 with reflected pixels (the border
 * pixel itself is not repeated), and colours are normalised.
 */
#ifndef MGM_MATTING_FRAME_H
#define MGM_MATTING_FRAME_H

#include "base/context.h"
#include "matting/plane.h"

enum { MGM_NETWORK_GRAIN = 32 };

/** The picture that the network sees, and where the photo lies in it. */
struct mgm_frame {
    int width, height; /* multiples of MGM_NETWORK_GRAIN */
    int left, top;
};

/**
 * @param reference  as in the published code: 32 more pixels on every side. Otherwise there are none on the left and at the
 *                   top, and as few as can be on the right and at the bottom.
 */
struct mgm_frame mgm_frame_around(int width, int height, bool reference);

/**
 * @param frame     any part of the photo and its surroundings: left and top are where the photo begins in it, and may be negative
 * @param photo     RGB, 8 or 16 bit
 * @param guidance  for the photo
 * @param dst       f32 [frame height, frame width, 4]
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_frame_pack(struct mgm_context *ctx, const struct mgm_frame *frame,
                                              const struct mgm_image *photo, const struct mgm_plane *guidance, float *dst);

#endif
