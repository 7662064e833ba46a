#include "image_file.h"

#include "image_colour.h"
#include "image_open.h"

#include "base/memory.h"

#include <string.h>

const char *image_file_name(const char *path)
{
    return strcmp(path, IMAGE_FILE_STANDARD) == 0 ? "standard input" : path;
}

/** Floats are taken as 0 … 1. */
static int from_floats(VipsImage **image)
{
    double highest = 0;
    if (vips_max(*image, &highest, NULL) != 0)
        return -1;
    if (highest > 1.001) {
        vips_error("mask", "its values go up to %g, but floats are taken as 0 to 1", highest);
        return -1;
    }
    IMAGE_STEP(image, vips_linear1, 65535.0, 0.5);
    IMAGE_STEP(image, vips_cast, VIPS_FORMAT_USHORT);
    return 0;
}

/** Values as stored, 8 or 16 bit. Profiles do not apply: a mask is no colour. */
static int to_mask(VipsImage **image)
{
    if (image_check_format(*image) != 0)
        return -1;
    const VipsInterpretation kind = vips_image_get_interpretation(*image);
    if (kind == VIPS_INTERPRETATION_CMYK || kind == VIPS_INTERPRETATION_LAB || kind == VIPS_INTERPRETATION_LABS)
        IMAGE_STEP(image, vips_colourspace, VIPS_INTERPRETATION_sRGB);
    return vips_band_format_isfloat(vips_image_get_format(*image)) ? from_floats(image) : 0;
}

/** Copies out the pixels, to memory of our own. */
static enum mgm_status take_pixels(struct mgm_context *ctx, const char *path, VipsImage *image, struct picture *out)
{
    size_t size = 0;
    void *pixels = vips_image_write_to_memory(image, &size);
    if (!pixels)
        return image_fail_damaged(ctx, path);
    void *memory = mgm_alloc(size, 1);
    if (memory)
        memcpy(memory, pixels, size);
    g_free(pixels);
    if (!memory)
        return mgm_fail_nomem(ctx, image_file_name(path));
    const int bits = vips_image_get_format(image) == VIPS_FORMAT_USHORT ? 16 : 8;
    const int width = vips_image_get_width(image), channels = vips_image_get_bands(image);
    out->memory = memory;
    out->image = (struct mgm_image){.width = width,
                                    .height = vips_image_get_height(image),
                                    .channels = channels,
                                    .bits = bits,
                                    .stride = (size_t)width * (size_t)channels * (size_t)(bits / 8),
                                    .pixels = memory};
    return MGM_OK;
}

void picture_release(struct picture *picture)
{
    mgm_free(picture->memory);
    *picture = (struct picture){0};
}

/** Opens, converts, copies out. */
static enum mgm_status take_converted(struct mgm_context *ctx, const char *path, int (*convert)(VipsImage **image),
                                      struct picture *out)
{
    VipsImage *image = NULL;
    *out = (struct picture){0};
    TRY(image_open(ctx, path, &image));
    enum mgm_status status = MGM_OK;
    if (convert(&image) != 0)
        status = image_fail(ctx, MGM_E_FORMAT, image_file_name(path), "is of a kind that cannot be converted");
    if (status == MGM_OK)
        status = take_pixels(ctx, path, image, out);
    image_drop(&image);
    return status;
}

/* ---- photos ----------------------------------------------------------------------------------------------------------- */

void photo_release(struct photo *photo)
{
    picture_release(&photo->seen);
    picture_release(&photo->own);
    mgm_free(photo->profile);
    *photo = (struct photo){0};
}

static bool is_rgb_with_profile(const VipsImage *image)
{
    const VipsInterpretation kind = vips_image_get_interpretation(image);
    const VipsBandFormat format = vips_image_get_format(image);
    return vips_image_get_typeof(image, VIPS_META_ICC_NAME) && vips_image_get_bands(image) >= 3 &&
           (format == VIPS_FORMAT_UCHAR || format == VIPS_FORMAT_USHORT) &&
           (kind == VIPS_INTERPRETATION_sRGB || kind == VIPS_INTERPRETATION_RGB || kind == VIPS_INTERPRETATION_RGB16);
}

static enum mgm_status take_own(struct mgm_context *ctx, const char *path, VipsImage *own, struct photo *out)
{
    const void *profile = NULL;
    size_t size = 0;
    if (vips_image_get_blob(own, VIPS_META_ICC_NAME, &profile, &size) != 0)
        return image_fail(ctx, MGM_E_FORMAT, image_file_name(path), "has a colour profile that cannot be read");
    out->profile = mgm_alloc(size, 1);
    if (!out->profile)
        return mgm_fail_nomem(ctx, image_file_name(path));
    memcpy(out->profile, profile, size);
    out->profile_size = size;
    return take_pixels(ctx, path, own, &out->own);
}

/** Takes own, and seen by its profile. @param image  becomes seen's */
static enum mgm_status take_both(struct mgm_context *ctx, const char *path, VipsImage **image, struct photo *out)
{
    if (image_flatten(image) != 0)
        return image_fail(ctx, MGM_E_FORMAT, image_file_name(path), "is of a kind that cannot be converted");
    VipsImage *own = *image;
    g_object_ref(own);
    enum mgm_status status = image_apply_profile(image) ? take_own(ctx, path, own, out) : MGM_OK;
    image_drop(&own);
    return status;
}

enum mgm_status photo_read(struct mgm_context *ctx, const char *path, struct photo *out)
{
    VipsImage *image = NULL;
    *out = (struct photo){0};
    TRY(image_open(ctx, path, &image));
    enum mgm_status status = MGM_OK;
    if (image_drop_bad_profile(&image) != 0)
        status = image_fail(ctx, MGM_E_FORMAT, image_file_name(path), "has a colour profile that cannot be read");
    else if (is_rgb_with_profile(image))
        status = take_both(ctx, path, &image, out);
    if (status == MGM_OK && image_to_rgb(&image) != 0)
        status = image_fail(ctx, MGM_E_FORMAT, image_file_name(path), "is of a kind that cannot be converted");
    if (status == MGM_OK)
        status = take_pixels(ctx, path, image, &out->seen);
    image_drop(&image);
    if (status != MGM_OK)
        photo_release(out);
    return status;
}

/* ---- masks ------------------------------------------------------------------------------------------------------------ */

static int value_at(const struct picture *picture, size_t index)
{
    return picture->image.bits == 16 ? ((const uint16_t *)picture->memory)[index]
                                     : ((const uint8_t *)picture->memory)[index];
}

static int luminance_at(const struct picture *picture, size_t pixel, int colours)
{
    const size_t first = pixel * (size_t)picture->image.channels;
    if (colours < 3)
        return value_at(picture, first);
    /* Rec. 709 on the values as they are; exact where all three are equal. */
    return (int)(0.2126 * value_at(picture, first) + 0.7152 * value_at(picture, first + 1) +
                 0.0722 * value_at(picture, first + 2) + 0.5);
}

/** Squeezes all channels into the first, in place. */
static void keep_one_channel(struct picture *picture)
{
    const int channels = picture->image.channels;
    const size_t count = (size_t)picture->image.width * (size_t)picture->image.height;
    const int colours = channels == 2 || channels == 4 ? channels - 1 : channels;
    const int opaque = picture->image.bits == 16 ? 65535 : 255;
    bool one_colour = true, transparent = false;
    for (size_t i = 0; i < count && colours < channels && one_colour; i++) {
        one_colour = luminance_at(picture, i, colours) == luminance_at(picture, 0, colours);
        transparent = transparent || value_at(picture, i * (size_t)channels + (size_t)colours) != opaque;
    }
    const bool use_alpha = one_colour && transparent;
    for (size_t i = 0; i < count; i++) {
        const size_t alpha = i * (size_t)channels + (size_t)colours;
        const int value = use_alpha ? value_at(picture, alpha) : luminance_at(picture, i, colours);
        if (picture->image.bits == 16)
            ((uint16_t *)picture->memory)[i] = (uint16_t)value;
        else
            ((uint8_t *)picture->memory)[i] = (uint8_t)value;
    }
    picture->image.channels = 1;
    picture->image.stride = (size_t)picture->image.width * (size_t)(picture->image.bits / 8);
}

enum mgm_status picture_read_mask(struct mgm_context *ctx, const char *path, struct picture *out)
{
    TRY(take_converted(ctx, path, to_mask, out));
    if (out->image.channels > 1)
        keep_one_channel(out);
    return MGM_OK;
}

static int scale_image(VipsImage **image, int width, int height, bool nearest)
{
    const double across = (double)width / vips_image_get_width(*image),
                 down = (double)height / vips_image_get_height(*image);
    const VipsKernel kernel = nearest ? VIPS_KERNEL_NEAREST : VIPS_KERNEL_LINEAR;
    IMAGE_STEP(image, vips_resize, across, "vscale", down, "kernel", kernel);
    if (vips_image_get_width(*image) == width && vips_image_get_height(*image) == height)
        return 0;
    /* rounding inside libvips: repeat or cut the last row or column */
    IMAGE_STEP(image, vips_embed, 0, 0, width, height, "extend", VIPS_EXTEND_COPY);
    return 0;
}

enum mgm_status picture_resize_mask(struct mgm_context *ctx, struct picture *mask, int width, int height, bool nearest)
{
    TRY(image_file_start(ctx));
    const struct mgm_image *from = &mask->image;
    struct picture result = {0};
    VipsImage *image =
        vips_image_new_from_memory(mask->memory, from->stride * (size_t)from->height, from->width, from->height, 1,
                                   from->bits == 16 ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR);
    enum mgm_status status = MGM_OK;
    if (!image || scale_image(&image, width, height, nearest) != 0)
        status = image_fail(ctx, MGM_E_INVALID, "the mask", "cannot be resized");
    if (status == MGM_OK)
        status = take_pixels(ctx, "the mask", image, &result);
    image_drop(&image);
    if (status != MGM_OK)
        return status;
    picture_release(mask);
    *mask = result;
    return MGM_OK;
}

/* ---- 8 bit, for drawing, training and evaluation ---------------------------------------------------------------------- */

static int to_rgb_8(VipsImage **image)
{
    if (image_to_rgb(image) != 0)
        return -1;
    IMAGE_STEP(image, vips_colourspace, VIPS_INTERPRETATION_sRGB);
    return 0;
}

static int to_rgba_8(VipsImage **image)
{
    if (image_to_srgb(image) != 0)
        return -1;
    IMAGE_STEP(image, vips_colourspace, VIPS_INTERPRETATION_sRGB);
    if (!vips_image_hasalpha(*image))
        IMAGE_STEP(image, vips_bandjoin_const1, 255.0);
    if (vips_image_get_bands(*image) != 4)
        IMAGE_STEP(image, vips_extract_band, 0, "n", 4);
    IMAGE_STEP(image, vips_cast, VIPS_FORMAT_UCHAR);
    return 0;
}

/** Rounds 16-bit values to 8 bit, in place. */
static void reduce_to_8(struct picture *picture)
{
    if (picture->image.bits == 8)
        return;
    const size_t count = picture->image.stride / 2 * (size_t)picture->image.height;
    for (size_t i = 0; i < count; i++)
        ((uint8_t *)picture->memory)[i] = (uint8_t)((value_at(picture, i) * 255 + 32767) / 65535);
    picture->image.bits = 8;
    picture->image.stride /= 2;
}

enum mgm_status image_file_read(struct mgm_context *ctx, const char *path, int channels, struct mgm_bitmap *out)
{
    struct picture picture;
    *out = (struct mgm_bitmap){0};
    if (channels == 1)
        TRY(picture_read_mask(ctx, path, &picture));
    else
        TRY(take_converted(ctx, path, channels == 4 ? to_rgba_8 : to_rgb_8, &picture));
    reduce_to_8(&picture);
    *out = (struct mgm_bitmap){picture.image.width, picture.image.height, picture.image.channels, picture.memory};
    return MGM_OK;
}
