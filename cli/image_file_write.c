#include "image_file.h"

#include "weights/output_file.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <vips/vips.h>

enum { JPEG_QUALITY = 95 };

enum file_format { FORMAT_UNKNOWN, FORMAT_PNG, FORMAT_JPEG };

static enum file_format format_of(const char *path)
{
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name ? name : path, '.');
    if (dot && strcasecmp(dot, ".png") == 0)
        return FORMAT_PNG;
    if (dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0))
        return FORMAT_JPEG;
    return FORMAT_UNKNOWN;
}

static enum mgm_status check_format(struct mgm_context *ctx, const char *path, int channels)
{
    const enum file_format format = format_of(path);
    if (format == FORMAT_UNKNOWN)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: the name of a picture to write must end in .png or .jpg", path);
    if (format == FORMAT_JPEG && channels == 4)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: a JPEG file cannot hold transparency; choose a name that ends in .png",
                        path);
    return MGM_OK;
}

enum mgm_status image_file_check_output(struct mgm_context *ctx, const char *path, int channels)
{
    struct stat status;
    struct mgm_output_file file;
    TRY(check_format(ctx, path, channels));
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return mgm_fail(ctx, MGM_E_IO, "%s: cannot be written: it exists and is no ordinary file", path);
    /* The only sure way: begin a file there, and take it back. */
    TRY(mgm_output_file_open(ctx, path, &file));
    mgm_output_file_discard(&file);
    return MGM_OK;
}

static int encode(const struct mgm_bitmap *picture, enum file_format format, void **bytes, size_t *size)
{
    const size_t length = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    VipsImage *image = vips_image_new_from_memory(picture->data, length, picture->width, picture->height, picture->channels,
                                                  VIPS_FORMAT_UCHAR);
    VipsImage *tagged = NULL;
    if (!image)
        return -1;
    const VipsInterpretation meaning = picture->channels < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
    int failed = vips_copy(image, &tagged, "interpretation", meaning, NULL);
    if (!failed && format == FORMAT_JPEG)
        failed = vips_jpegsave_buffer(tagged, bytes, size, "Q", JPEG_QUALITY, NULL);
    else if (!failed)
        failed = vips_pngsave_buffer(tagged, bytes, size, NULL);
    g_object_unref(image);
    if (tagged)
        g_object_unref(tagged);
    return failed;
}

enum mgm_status image_file_write(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *picture)
{
    struct mgm_output_file file;
    void *bytes = NULL;
    size_t size = 0;
    TRY(check_format(ctx, path, picture->channels));
    TRY(image_file_start(ctx));
    if (encode(picture, format_of(path), &bytes, &size) != 0)
        return image_file_fail(ctx, MGM_E_IO, path, "cannot be encoded");
    enum mgm_status status = mgm_output_file_open(ctx, path, &file);
    if (status == MGM_OK) {
        status = mgm_output_file_write(&file, bytes, size);
        if (status == MGM_OK)
            status = mgm_output_file_finish(&file);
        mgm_output_file_discard(&file);
    }
    g_free(bytes);
    return status;
}
