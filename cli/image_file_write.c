#include "image_file.h"

#include "image_exr.h"
#include "image_open.h"

#include "base/memory.h"
#include "weights/output_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JPEG_QUALITY = 95 };

enum { PNG, TIFF, WEBP, JPEG, EXR };
static const struct image_format formats[] = {
    [PNG] = {"png", {".png"}, INT_MAX, true, true},       [TIFF] = {"tiff", {".tif", ".tiff"}, INT_MAX, true, true},
    [WEBP] = {"webp", {".webp"}, 16383, true, false},     [JPEG] = {"jpeg", {".jpg", ".jpeg"}, 65500, false, false},
    [EXR] = {"exr", {".exr"}, INT_MAX, true, true, true},
};
const char *const image_format_names[] = {"png", "tiff", "webp", "jpeg", "exr", NULL};
enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

const struct image_format *image_format_named(const char *name)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

static const struct image_format *format_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (int i = 0; dot && i < FORMAT_COUNT; i++)
        for (int k = 0; k < 2; k++)
            if (formats[i].extensions[k] && strcasecmp(dot, formats[i].extensions[k]) == 0)
                return &formats[i];
    return NULL;
}

/* ---- what can be found out before any work -----------------------------------------------------------------------------
 */

enum mgm_status image_format_check(struct mgm_context *ctx, const struct image_format *format, int channels,
                                   const char *path)
{
    if (channels < 4 || format->alpha)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_UNSUPPORTED,
                    "%s: a %s file cannot hold transparency; png, tiff and webp files can (.png, .tif, .webp)", path,
                    format->name);
}

enum mgm_status image_target_choose(struct mgm_context *ctx, const char *path, const char *format, int channels,
                                    struct image_target *out)
{
    const bool standard = strcmp(path, IMAGE_FILE_STANDARD) == 0;
    const struct image_format *chosen = format ? image_format_named(format) : standard ? &formats[PNG] : format_of(path);
    if (!chosen)
        return mgm_fail(
            ctx, MGM_E_UNSUPPORTED,
            "%s: the name of a picture to write must end in .png, .tif, .webp, .exr or .jpg, which decides its format",
            path);
    if (format && !standard && format_of(path) != chosen)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: a %s file's name must end in %s", path, format, chosen->extensions[0]);
    TRY(image_format_check(ctx, chosen, channels, path));
    *out = (struct image_target){path, chosen, 0};
    return MGM_OK;
}

enum mgm_status image_target_probe(struct mgm_context *ctx, const struct image_target *target)
{
    struct stat status;
    struct mgm_output_file file;
    if (strcmp(target->path, IMAGE_FILE_STANDARD) == 0)
        return isatty(STDOUT_FILENO)
                   ? mgm_fail(ctx, MGM_E_IO,
                              "standard output is a terminal, which shows no pictures; redirect it, or name a file")
                   : MGM_OK;
    if (stat(target->path, &status) == 0 && !S_ISREG(status.st_mode))
        return mgm_fail(ctx, MGM_E_IO, "%s: cannot be written: it exists and is no ordinary file", target->path);
    /* The only sure way: begin a file there, and take it back. */
    TRY(mgm_output_file_open(ctx, target->path, &file));
    mgm_output_file_discard(&file);
    return MGM_OK;
}

enum mgm_status image_file_check_apart(struct mgm_context *ctx, const char *path, const char *source)
{
    struct stat written, read;
    const bool standard = strcmp(source, IMAGE_FILE_STANDARD) == 0;
    if (stat(path, &written) != 0 || (standard ? fstat(STDIN_FILENO, &read) : stat(source, &read)) != 0 ||
        written.st_dev != read.st_dev || written.st_ino != read.st_ino)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_INVALID, "%s: would be overwritten, but it is what is read; choose another name", path);
}

enum mgm_status image_target_check_size(struct mgm_context *ctx, const struct image_target *target, int width, int height)
{
    if (width <= target->format->max_side && height <= target->format->max_side)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: %d×%d pixels are more than a %s file can hold (%d on a side)", target->path,
                    width, height, target->format->name, target->format->max_side);
}

enum mgm_status image_file_check_output(struct mgm_context *ctx, const char *path, int channels)
{
    struct image_target target;
    TRY(image_target_choose(ctx, path, NULL, channels, &target));
    return image_target_probe(ctx, &target);
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static int save(VipsImage *image, const struct image_target *target, void **bytes, size_t *size)
{
    switch (target->format - formats) {
    case TIFF:
        return vips_tiffsave_buffer(image, bytes, size, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE, "predictor",
                                    VIPS_FOREIGN_TIFF_PREDICTOR_HORIZONTAL, NULL);
    case WEBP:
        return vips_webpsave_buffer(image, bytes, size, "lossless", TRUE, NULL);
    case JPEG:
        return vips_jpegsave_buffer(image, bytes, size, "Q", target->quality ? target->quality : JPEG_QUALITY, NULL);
    default:
        /* Filters do more for photos than the effort of deflate: a third smaller than without, in half of the time. */
        return vips_pngsave_buffer(image, bytes, size, "compression", 2, "filter", VIPS_FOREIGN_PNG_FILTER_ALL, NULL);
    }
}

static VipsInterpretation meaning_of(const struct mgm_image *image)
{
    if (image->channels < 3)
        return image->bits == 16 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W;
    return image->bits == 16 ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB;
}

static int encode(const struct mgm_image *picture, const void *profile, size_t profile_size,
                  const struct image_target *target, void **bytes, size_t *size)
{
    VipsImage *image = vips_image_new_from_memory(picture->pixels, picture->stride * (size_t)picture->height, picture->width,
                                                  picture->height, picture->channels,
                                                  picture->bits == 16 ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR);
    VipsImage *tagged = NULL;
    if (!image)
        return -1;
    int failed = vips_copy(image, &tagged, "interpretation", meaning_of(picture), NULL);
    if (!failed && profile)
        vips_image_set_blob_copy(tagged, VIPS_META_ICC_NAME, profile, profile_size);
    if (!failed)
        failed = save(tagged, target, bytes, size);
    image_drop(&image);
    image_drop(&tagged);
    return failed;
}

static enum mgm_status write_standard(struct mgm_context *ctx, const void *bytes, size_t size)
{
    if (fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_IO, "standard output: writing failed: %s", strerror(errno));
}

static enum mgm_status write_file(struct mgm_context *ctx, const char *path, const void *bytes, size_t size)
{
    struct mgm_output_file file;
    TRY(mgm_output_file_open(ctx, path, &file));
    enum mgm_status status = mgm_output_file_write(&file, bytes, size);
    if (status == MGM_OK)
        status = mgm_output_file_finish(&file);
    mgm_output_file_discard(&file);
    return status;
}

static enum mgm_status put(struct mgm_context *ctx, const struct image_target *target, const void *bytes, size_t size)
{
    return strcmp(target->path, IMAGE_FILE_STANDARD) == 0 ? write_standard(ctx, bytes, size)
                                                          : write_file(ctx, target->path, bytes, size);
}

enum mgm_status image_target_write(struct mgm_context *ctx, const struct image_target *target, const struct mgm_image *image,
                                   const void *profile, size_t profile_size)
{
    void *bytes = NULL;
    size_t size = 0;
    TRY(image_target_check_size(ctx, target, image->width, image->height));
    if (target->format->linear) {
        TRY(image_exr_encode(ctx, target->path, image, &bytes, &size));
        const enum mgm_status written = put(ctx, target, bytes, size);
        mgm_free(bytes);
        return written;
    }
    TRY(image_file_start(ctx));
    if (encode(image, profile, profile_size, target, &bytes, &size) != 0)
        return image_fail(ctx, MGM_E_IO, target->path, "cannot be encoded");
    const enum mgm_status status = put(ctx, target, bytes, size);
    g_free(bytes);
    return status;
}

enum mgm_status image_file_write(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *picture)
{
    struct image_target target;
    TRY(image_target_choose(ctx, path, NULL, picture->channels, &target));
    const struct mgm_image image = {.width = picture->width,
                                    .height = picture->height,
                                    .channels = picture->channels,
                                    .bits = 8,
                                    .stride = (size_t)picture->width * (size_t)picture->channels,
                                    .pixels = picture->data};
    return image_target_write(ctx, &target, &image, NULL, 0);
}
