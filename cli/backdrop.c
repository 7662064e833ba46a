#include "backdrop.h"

#include "colour_text.h"
#include "image_file.h"

#include "image/resize.h"

#include <math.h>
#include <string.h>

const char *backdrop_file(const char *text)
{
    float rgb[3];
    return text && !colour_parse(text, rgb) ? text : NULL;
}

enum mgm_status backdrop_open(struct mgm_context *ctx, const char *text, struct backdrop *out)
{
    float rgb[3];
    *out = (struct backdrop){0};
    if (colour_parse(text, rgb)) {
        TRY(mgm_raster_create(ctx, 1, 1, 3, &out->picture));
        memcpy(out->picture.data, rgb, sizeof rgb);
        return MGM_OK;
    }
    const enum mgm_status status = image_file_read(ctx, text, 3, &out->whole);
    if (status == MGM_E_IO && (text[0] == '#' || (!strchr(text, '.') && !strchr(text, '/'))))
        return mgm_fail(ctx, MGM_E_INVALID,
                        "--background %.100s: neither a colour (" COLOUR_FORMS ") nor a picture that can be read", text);
    return status;
}

void backdrop_release(struct backdrop *backdrop)
{
    mgm_raster_release(&backdrop->picture);
    mgm_bitmap_release(&backdrop->whole);
}

/** The middle of a bitmap. */
static enum mgm_status cut_middle(struct mgm_context *ctx, const struct mgm_bitmap *src, int width, int height,
                                  struct mgm_bitmap *out)
{
    const int left = (src->width - width) / 2, top = (src->height - height) / 2;
    TRY(mgm_bitmap_create(ctx, width, height, 3, out));
    for (int y = 0; y < height; y++)
        memcpy(out->data + 3 * (size_t)y * (size_t)width,
               src->data + 3 * ((size_t)(top + y) * (size_t)src->width + (size_t)left), 3 * (size_t)width);
    return MGM_OK;
}

enum mgm_status backdrop_fit(struct mgm_context *ctx, struct backdrop *backdrop, int width, int height)
{
    const struct mgm_bitmap *whole = &backdrop->whole;
    if (!whole->data || (backdrop->picture.width == width && backdrop->picture.height == height))
        return MGM_OK;
    const double across = (double)width / whole->width, down = (double)height / whole->height;
    const double scale = across > down ? across : down;
    struct mgm_bitmap scaled = {0}, cut = {0};
    mgm_raster_release(&backdrop->picture);
    enum mgm_status status = mgm_resize_bitmap(ctx, whole, (int)fmax(width, round(whole->width * scale)),
                                               (int)fmax(height, round(whole->height * scale)), &scaled);
    if (status == MGM_OK)
        status = cut_middle(ctx, &scaled, width, height, &cut);
    if (status == MGM_OK)
        status = mgm_raster_from_bitmap(ctx, &cut, &backdrop->picture);
    mgm_bitmap_release(&scaled);
    mgm_bitmap_release(&cut);
    return status;
}
