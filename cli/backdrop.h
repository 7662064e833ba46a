/** What a cutout is laid over: a colour, or a picture that is made to cover it. */
#ifndef MGM_CLI_BACKDROP_H
#define MGM_CLI_BACKDROP_H

#include "image/image.h"

struct backdrop {
    struct mgm_raster picture; /* sRGB, of the last size asked for; for a colour one pixel */
    struct mgm_bitmap whole;   /* as it was read; none for a colour */
};

/** The file that a text names; NULL: it is a colour, or NULL. */
const char *backdrop_file(const char *text);

/**
 * @param text  "#rgb", "#rrggbb", the name of a colour, or the path of a picture
 * @return as image_file_read(); the sentence tells what colours look like
 */
MGM_MUST_CHECK enum mgm_status backdrop_open(struct mgm_context *ctx, const char *text, struct backdrop *out);
/** Takes a zeroed one too. */
void backdrop_release(struct backdrop *backdrop);

/** Scales a picture, its sides in proportion, until it just covers that size, and cuts off the rest evenly. */
MGM_MUST_CHECK enum mgm_status backdrop_fit(struct mgm_context *ctx, struct backdrop *backdrop, int width, int height);

/** In [0, 1]. @param pixel  of the size that it was fitted to */
static inline float backdrop_value(const struct backdrop *backdrop, size_t pixel, int channel)
{
    return backdrop->picture.data[(backdrop->whole.data ? 3 * pixel : 0) + (size_t)channel];
}

#endif
