/**
 * Image files, through libvips. Everything is decoded to memory, upright (EXIF orientation applied). A truncated or damaged
 * file is an error, not a partly grey picture. Safe to call from several threads.
 */
#ifndef MGM_CLI_IMAGE_FILE_H
#define MGM_CLI_IMAGE_FILE_H

#include "image/image.h"

/** Pixels read from a file: 8 or 16 bit, as the file has them. */
struct picture {
    struct mgm_image image; /* image.pixels is memory */
    void *memory;
};

/** Takes a zeroed one too. */
void picture_release(struct picture *picture);

/**
 * RGB in sRGB: other colour spaces and embedded profiles are converted, grey is expanded, transparency is laid over white.
 * @return MGM_E_IO if there is no such file, MGM_E_FORMAT if it is no picture or damaged
 */
MGM_MUST_CHECK enum mgm_status picture_read_photo(struct mgm_context *ctx, const char *path, struct picture *out);

/**
 * One channel, values as stored. Colours become their luminance; of a picture with alpha whose colours are all the same, the
 * alpha is taken.
 */
MGM_MUST_CHECK enum mgm_status picture_read_mask(struct mgm_context *ctx, const char *path, struct picture *out);

/** Replaces a mask by one of another size; nearest keeps its values, otherwise linear (area average when it shrinks). */
MGM_MUST_CHECK enum mgm_status picture_resize_mask(struct mgm_context *ctx, struct picture *mask, int width, int height,
                                                   bool nearest);

/**
 * Finds out before any work whether a result of that many channels could be written: the extension is .png, or .jpg/.jpeg
 * for at most 3 channels, and the folder takes a new file.
 */
MGM_MUST_CHECK enum mgm_status image_file_check_output(struct mgm_context *ctx, const char *path, int channels);

/** mgm_read_picture and mgm_write_picture of image/image.h. */
MGM_MUST_CHECK enum mgm_status image_file_read(struct mgm_context *ctx, const char *path, int channels,
                                               struct mgm_bitmap *out);
MGM_MUST_CHECK enum mgm_status image_file_write(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *picture);

/** For the files of this part: starts libvips; and a failure with the reason that libvips gives. */
MGM_MUST_CHECK enum mgm_status image_file_start(struct mgm_context *ctx);
enum mgm_status image_file_fail(struct mgm_context *ctx, enum mgm_status status, const char *path, const char *what);

#endif
