/**
 * Image files, through libvips: PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, HEIC/AVIF and JPEG XL are read, as far as libvips was
 * built with them, PNG, TIFF, WebP and JPEG written. Everything is decoded to memory, upright (EXIF orientation applied). A
 * truncated or damaged file is an error, not a partly grey picture. The name "-" is standard input or output. Safe to call
 * from several threads.
 */
#ifndef MGM_CLI_IMAGE_FILE_H
#define MGM_CLI_IMAGE_FILE_H

#include "image/image.h"

enum { IMAGE_FILE_MAX_MEGAPIXELS = 512 }; /* larger ones are refused before they are decoded */

#define IMAGE_FILE_STANDARD "-"

/** What to call a file in a sentence: its path, or "standard input". */
const char *image_file_name(const char *path);

/** Whether a name ends as those of pictures that can be read do. */
bool image_file_has_extension(const char *path);

/** Starts libvips; every function here does it when needed, so it is for those who are about to start threads. */
MGM_MUST_CHECK enum mgm_status image_file_start(struct mgm_context *ctx);

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/** Pixels in memory: 8 or 16 bit. */
struct picture {
    struct mgm_image image; /* image.pixels is memory */
    void *memory;
};

/** Takes a zeroed one too. */
void picture_release(struct picture *picture);

/** A photo twice: as the network is to see it, and as a cutout of it is to look. */
struct photo {
    struct picture
        seen;           /* RGB in sRGB: other colour spaces and profiles converted, grey expanded, transparency over white */
    struct picture own; /* the values as stored, where they are RGB with a profile; else empty, and seen is what to show */
    void *profile;      /* the ICC profile of own; else NULL, which means sRGB */
    size_t profile_size;
};

/** Takes a zeroed one too. */
void photo_release(struct photo *photo);

/**
 * Reads a photo, 8 or 16 bit as the file has it.
 * @return MGM_E_IO if there is no such file; MGM_E_FORMAT if it is no picture or damaged; MGM_E_UNSUPPORTED if it is too
 * large
 */
MGM_MUST_CHECK enum mgm_status photo_read(struct mgm_context *ctx, const char *path, struct photo *out);

/**
 * One channel, values as stored. Colours become their luminance; of a picture of one colour that is transparent
 * somewhere, the alpha is taken.
 */
MGM_MUST_CHECK enum mgm_status picture_read_mask(struct mgm_context *ctx, const char *path, struct picture *out);

/** Replaces a mask by one of another size; nearest keeps its values, otherwise linear (area average when it shrinks). */
MGM_MUST_CHECK enum mgm_status picture_resize_mask(struct mgm_context *ctx, struct picture *mask, int width, int height,
                                                   bool nearest);

/** mgm_read_picture of image/image.h. */
MGM_MUST_CHECK enum mgm_status image_file_read(struct mgm_context *ctx, const char *path, int channels,
                                               struct mgm_bitmap *out);

/* ---- writing --------------------------------------------------------------------------------------------------------- */

struct image_format {
    const char *name;          /* "png" */
    const char *extensions[2]; /* ".tif", ".tiff"; written is the first */
    int max_side;              /* of a picture that it can hold */
    bool alpha, deep;          /* can hold transparency; 16 bit */
    bool linear;               /* holds linear light, premultiplied, in halves; what is given is sRGB, straight */
};

/** Of those that are written; ends with NULL. */
extern const char *const image_format_names[];

/** NULL if there is none of that name. */
const struct image_format *image_format_named(const char *name);

/** Whether the format can hold that many channels. @param path  for the sentence @return MGM_E_UNSUPPORTED */
MGM_MUST_CHECK enum mgm_status image_format_check(struct mgm_context *ctx, const struct image_format *format, int channels,
                                                  const char *path);

/** Where a picture goes, and as what. */
struct image_target {
    const char *path; /* borrowed; "-": standard output */
    const struct image_format *format;
    int quality; /* of JPEG, 1 … 100; 0: 95 */
};

/**
 * Finds out before any work whether the target's format can hold a picture of that many channels.
 * @param format  the name of one, with which an extension must agree; NULL: the extension decides, PNG for standard output
 * @return MGM_E_UNSUPPORTED, with the formats there are
 */
MGM_MUST_CHECK enum mgm_status image_target_choose(struct mgm_context *ctx, const char *path, const char *format,
                                                   int channels, struct image_target *out);

/** Finds out before any work whether a file can be made there. @return MGM_E_IO */
MGM_MUST_CHECK enum mgm_status image_target_probe(struct mgm_context *ctx, const struct image_target *target);

/** Finds out whether writing to a path would destroy what is read from source ("-": standard input). @return MGM_E_INVALID
 */
MGM_MUST_CHECK enum mgm_status image_file_check_apart(struct mgm_context *ctx, const char *path, const char *source);

/** Finds out, once the size is known, whether the format can hold it. @return MGM_E_UNSUPPORTED */
MGM_MUST_CHECK enum mgm_status image_target_check_size(struct mgm_context *ctx, const struct image_target *target, int width,
                                                       int height);

/**
 * Writes a file that appears when it is whole; nothing is left behind by a failure. JPEG has the quality chosen, the
 * others lose nothing (WebP: but colours where alpha is 0); alpha is straight.
 * @param image         1, 3 or 4 channels, rows without gaps; 16 bit only where the format is deep
 * @param profile       ICC profile of the colours, or NULL: sRGB
 */
MGM_MUST_CHECK enum mgm_status image_target_write(struct mgm_context *ctx, const struct image_target *target,
                                                  const struct mgm_image *image, const void *profile, size_t profile_size);

/** image_target_choose and _probe in one, the extension deciding. */
MGM_MUST_CHECK enum mgm_status image_file_check_output(struct mgm_context *ctx, const char *path, int channels);

/** mgm_write_picture of image/image.h. */
MGM_MUST_CHECK enum mgm_status image_file_write(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *picture);

#endif
