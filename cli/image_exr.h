/**
 * OpenEXR files, through OpenEXRCore: linear light, colours premultiplied by alpha, in halves, as the format's specification says.
 * (libvips reads them, but cannot write any.)
 */
#ifndef MGM_CLI_IMAGE_EXR_H
#define MGM_CLI_IMAGE_EXR_H

#include "image/image.h"

/**
 * Encodes a picture into memory.
 * @param image  1 (a matte: channel A), 3 or 4 channels, 8 or 16 bit, sRGB with straight alpha, rows without gaps
 * @param bytes  released by the caller with mgm_free()
 * @return MGM_E_UNSUPPORTED if this build has no OpenEXR; MGM_E_IO, with the library's reason
 */
MGM_MUST_CHECK enum mgm_status image_exr_encode(struct mgm_context *ctx, const char *path, const struct mgm_image *image,
                                                void **bytes, size_t *size);

#endif
