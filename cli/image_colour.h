/** Colour spaces and profiles of what libvips has opened. Each replaces the image by a converted one; −1 if that fails. */
#ifndef MGM_CLI_IMAGE_COLOUR_H
#define MGM_CLI_IMAGE_COLOUR_H

#include <stdbool.h>
#include <vips/vips.h>

/** Fails unless values are 8 or 16 bit, or floats: what other numbers mean is anybody's guess. */
int image_check_format(const VipsImage *image);

/** Whether it is more than 8 bit. */
bool image_is_deep(const VipsImage *image);

/** Forgets an embedded profile that is damaged, or that belongs to another kind of picture. */
int image_drop_bad_profile(VipsImage **image);

/** To sRGB by the embedded profile. @return whether there was one that could be used */
bool image_apply_profile(VipsImage **image);

/** To uchar or ushort sRGB; a profile that cannot be used is passed over. */
int image_to_srgb(VipsImage **image);

/** Lays transparency over white, leaves three channels; what channels beyond the fourth hold is passed over. */
int image_flatten(VipsImage **image);

/** Both, one after the other. */
int image_to_rgb(VipsImage **image);

#endif
