/** Opening image files with libvips: for image_file.c and image_file_write.c, which know its types. */
#ifndef MGM_CLI_IMAGE_OPEN_H
#define MGM_CLI_IMAGE_OPEN_H

#include "base/context.h"

#include <vips/vips.h>

/** Starts libvips. Safe to call often, and from several threads. */
MGM_MUST_CHECK enum mgm_status image_file_start(struct mgm_context *ctx);

/**
 * Reads a file, or standard input for "-", whole into memory, upright (EXIF orientation applied).
 * @return MGM_E_IO if it cannot be read; MGM_E_FORMAT if it is no picture of a known kind, or damaged; MGM_E_UNSUPPORTED if
 * it has more than IMAGE_FILE_MAX_MEGAPIXELS
 */
MGM_MUST_CHECK enum mgm_status image_open(struct mgm_context *ctx, const char *path, VipsImage **out);

/** The failure with the reason that libvips gives. */
enum mgm_status image_fail(struct mgm_context *ctx, enum mgm_status status, const char *path, const char *what);

/** That a picture is damaged, or none. */
enum mgm_status image_fail_damaged(struct mgm_context *ctx, const char *path);

/** Releases the image and clears the pointer; takes NULL in it too. */
void image_drop(VipsImage **image);

/** Puts the result of one operation in place of its operand. @return −1 if it failed */
int image_replace(VipsImage **image, VipsImage *result, int failed);

/** One operation on *image; returns −1 from the calling function if it fails. */
#define IMAGE_STEP(image, operation, ...)                                                                                   \
    do {                                                                                                                    \
        VipsImage *step_ = NULL;                                                                                            \
        int failed_ = operation(*(image), &step_, ##__VA_ARGS__, NULL);                                                     \
        if (image_replace(image, step_, failed_) != 0)                                                                      \
            return -1;                                                                                                      \
    } while (0)

#endif
