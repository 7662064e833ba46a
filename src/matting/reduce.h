/** Pictures made smaller: every pixel becomes the mean of what it covers. */
#ifndef MGM_MATTING_REDUCE_H
#define MGM_MATTING_REDUCE_H

#include "base/context.h"

/**
 * @param width, height  at most the photo's
 * @param out            16 bit; its pixels are allocated here, to be released with mgm_free()
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_reduce_photo(struct mgm_context *ctx, const struct mgm_image *photo, int width, int height,
                                                struct mgm_image *out);

/** @param src  f32 [src_height, src_width]. @param dst  f32 [height, width], caller's. @return MGM_E_NOMEM */
MGM_MUST_CHECK enum mgm_status mgm_reduce_plane(struct mgm_context *ctx, const float *src, int src_width, int src_height,
                                                int width, int height, float *dst);

#endif
