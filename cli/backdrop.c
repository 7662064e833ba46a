#include "backdrop.h"

#include "image_file.h"

#include "image/resize.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned rgb;
} colours[] = {{"black", 0x000000}, {"white", 0xffffff}, {"grey", 0x808080},   {"gray", 0x808080}, {"red", 0xff0000},
               {"green", 0x00ff00}, {"blue", 0x0000ff},  {"yellow", 0xffff00}, {"cyan", 0x00ffff}, {"magenta", 0xff00ff}};

/** Whether the text is a colour; its value if so. */
static bool parse_colour(const char *text, unsigned *rgb)
{
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (strcmp(text, colours[i].name) == 0) {
            *rgb = colours[i].rgb;
            return true;
        }
    const size_t digits = strlen(text) - 1;
    if (text[0] != '#' || (digits != 3 && digits != 6) || strspn(text + 1, "0123456789abcdefABCDEF") != digits)
        return false;
    (void)sscanf(text + 1, "%x", rgb); /* hexadecimal digits and nothing else */
    if (digits == 3)                   /* each digit stands for two */
        *rgb = (*rgb >> 8 & 15) * 0x110000 + (*rgb >> 4 & 15) * 0x1100 + (*rgb & 15) * 0x11;
    return true;
}

enum mgm_status backdrop_open(struct mgm_context *ctx, const char *text, struct backdrop *out)
{
    unsigned rgb;
    *out = (struct backdrop){0};
    if (parse_colour(text, &rgb)) {
        TRY(mgm_raster_create(ctx, 1, 1, 3, &out->picture));
        for (int c = 0; c < 3; c++)
            out->picture.data[c] = (float)(rgb >> (16 - 8 * c) & 255) / 255;
        return MGM_OK;
    }
    const enum mgm_status status = image_file_read(ctx, text, 3, &out->whole);
    if (status == MGM_E_IO && (text[0] == '#' || (!strchr(text, '.') && !strchr(text, '/'))))
        return mgm_fail(
            ctx, MGM_E_INVALID,
            "--background %.100s: neither a colour (#rrggbb, #rgb, white, black, grey, red, green, blue, yellow, "
            "cyan, magenta) nor a picture that can be read",
            text);
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
