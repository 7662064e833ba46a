/**
 * Pictures in memory. All operations of this folder work on these two: interleaved, row by row, no padding between rows.
 *   struct mgm_raster  f32, colours and alpha in [0, 1], sRGB-encoded unless a function says otherwise
 *   struct mgm_bitmap  u8, 0 … 255 (masks: 0 or 255), for what is kept in quantity
 */
#ifndef MGM_IMAGE_IMAGE_H
#define MGM_IMAGE_IMAGE_H

#include "base/context.h"

#include <stdint.h>

struct mgm_raster {
    int width, height, channels;
    float *data; /* [height, width, channels] */
};

struct mgm_bitmap {
    int width, height, channels;
    uint8_t *data; /* [height, width, channels] */
};

/** The index in [0, length) nearest to i: outside a picture, its border pixels go on. */
static inline int mgm_clamp_index(int i, int length)
{
    return i < 0 ? 0 : i >= length ? length - 1 : i;
}

/** Allocates uninitialised pixels. @return MGM_E_NOMEM, MGM_E_INVALID for a size below 1 */
MGM_MUST_CHECK enum mgm_status mgm_raster_create(struct mgm_context *ctx, int width, int height, int channels,
                                                 struct mgm_raster *out);
MGM_MUST_CHECK enum mgm_status mgm_bitmap_create(struct mgm_context *ctx, int width, int height, int channels,
                                                 struct mgm_bitmap *out);

/** Releases the pixels and zeroes the struct; takes a zeroed one too. */
void mgm_raster_release(struct mgm_raster *raster);
void mgm_bitmap_release(struct mgm_bitmap *bitmap);

/** dst = src / 255, allocated here. */
MGM_MUST_CHECK enum mgm_status mgm_raster_from_bitmap(struct mgm_context *ctx, const struct mgm_bitmap *src,
                                                      struct mgm_raster *dst);
/** dst = round(255 · clamp(src)), allocated here. */
MGM_MUST_CHECK enum mgm_status mgm_bitmap_from_raster(struct mgm_context *ctx, const struct mgm_raster *src,
                                                      struct mgm_bitmap *dst);

/**
 * Reads a picture file as 8 bit with 1 (grey), 3 (RGB) or 4 (RGBA, straight alpha) channels, EXIF orientation applied.
 * The program supplies this (cli/), so that the library need not know file formats; training and drawing take it.
 * @param channels  what is wanted: 1, 3 or 4
 * @param out       allocated by the callee; released by the caller with mgm_bitmap_release
 */
typedef enum mgm_status (*mgm_read_picture)(struct mgm_context *ctx, const char *path, int channels, struct mgm_bitmap *out);
/** Writes 8-bit pixels; the extension decides the format (png, jpg). It appears when it is whole. */
typedef enum mgm_status (*mgm_write_picture)(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *picture);

#endif
