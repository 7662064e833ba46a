#include "image_colour.h"

#include "image_open.h"

int image_check_format(const VipsImage *image)
{
    const VipsBandFormat format = vips_image_get_format(image);
    const VipsInterpretation kind = vips_image_get_interpretation(image);
    if (format == VIPS_FORMAT_UCHAR || format == VIPS_FORMAT_USHORT || vips_band_format_isfloat(format) ||
        kind == VIPS_INTERPRETATION_LABS)
        return 0;
    vips_error("values", "stored as %s; 8 or 16 bit without sign, or floats, are read",
               vips_enum_nick(VIPS_TYPE_BAND_FORMAT, format));
    return -1;
}

bool image_is_deep(const VipsImage *image)
{
    return vips_image_get_format(image) != VIPS_FORMAT_UCHAR;
}

int image_drop_bad_profile(VipsImage **image)
{
    const void *profile;
    size_t size;
    if (!vips_image_get_typeof(*image, VIPS_META_ICC_NAME))
        return 0;
    if (vips_image_get_blob(*image, VIPS_META_ICC_NAME, &profile, &size) == 0 &&
        vips_icc_is_compatible_profile(*image, profile, size))
        return 0;
    vips_error_clear();
    IMAGE_STEP(image, vips_copy);
    vips_image_remove(*image, VIPS_META_ICC_NAME);
    return 0;
}

bool image_apply_profile(VipsImage **image)
{
    VipsImage *converted = NULL;
    if (!vips_image_get_typeof(*image, VIPS_META_ICC_NAME))
        return false;
    if (vips_icc_transform(*image, &converted, "srgb", "embedded", TRUE, "depth", image_is_deep(*image) ? 16 : 8, NULL) !=
        0) {
        vips_error_clear();
        return false;
    }
    vips_image_remove(converted, VIPS_META_ICC_NAME); /* it has been applied */
    return image_replace(image, converted, 0) == 0;
}

/** libvips takes grey floats for 0 … 255; they are linear light from 0 to 1, as coloured ones are. Alpha is laid over white.
 */
static int colour_grey_floats(VipsImage **image)
{
    const int bands = vips_image_get_bands(*image);
    if (!vips_band_format_isfloat(vips_image_get_format(*image)) || bands > 2)
        return 0;
    if (bands == 2) {
        const double white[] = {1};
        VipsArrayDouble *background = vips_array_double_new(white, 1);
        VipsImage *flat = NULL;
        const int failed = vips_flatten(*image, &flat, "background", background, "max_alpha", 1.0, NULL);
        vips_area_unref(VIPS_AREA(background));
        if (image_replace(image, flat, failed) != 0)
            return -1;
    }
    VipsImage *same[] = {*image, *image, *image}, *joined = NULL;
    const int failed = vips_bandjoin(same, &joined, 3, NULL);
    if (image_replace(image, joined, failed) != 0)
        return -1;
    IMAGE_STEP(image, vips_copy, "interpretation", VIPS_INTERPRETATION_scRGB);
    return 0;
}

int image_to_srgb(VipsImage **image)
{
    const bool deep = image_is_deep(*image);
    if (image_check_format(*image) != 0 || colour_grey_floats(image) != 0)
        return -1;
    if (image_drop_bad_profile(image) != 0)
        return -1;
    image_apply_profile(image);
    IMAGE_STEP(image, vips_colourspace, deep ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB);
    if (vips_image_get_format(*image) != (deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR))
        IMAGE_STEP(image, vips_cast, deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR);
    return 0;
}

int image_flatten(VipsImage **image)
{
    const int bands = vips_image_get_bands(*image);
    if (vips_image_hasalpha(*image) && (bands == 2 || bands == 4)) {
        VipsArrayDouble *white = vips_array_double_newv(1, image_is_deep(*image) ? 65535.0 : 255.0);
        VipsImage *flat = NULL;
        int failed = vips_flatten(*image, &flat, "background", white, NULL);
        vips_area_unref(VIPS_AREA(white));
        if (image_replace(image, flat, failed) != 0)
            return -1;
    }
    if (vips_image_get_bands(*image) > 3)
        IMAGE_STEP(image, vips_extract_band, 0, "n", 3);
    return 0;
}

int image_to_rgb(VipsImage **image)
{
    return image_to_srgb(image) != 0 ? -1 : image_flatten(image);
}
