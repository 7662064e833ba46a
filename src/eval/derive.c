#include "eval/derive.h"

#include "eval/metrics.h"
#include "image/morphology.h"
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>

enum { TRIMAP_SIZE = 20, BACKGROUND_MOST = 8, FOREGROUND_LEAST = 247 };

bool mgm_derivation_parse(const char *text, struct mgm_derivation *out)
{
    static const struct {
        const char *name;
        enum mgm_derivation_kind kind;
        int size, largest; /* size 0: must be given */
    } kinds[] = {
        {"coarse", MGM_DERIVE_COARSE, 0, 4096},
        {"eroded", MGM_DERIVE_ERODED, 0, MGM_ELLIPSE_MAX},
        {"dilated", MGM_DERIVE_DILATED, 0, MGM_ELLIPSE_MAX},
        {"trimap", MGM_DERIVE_TRIMAP, TRIMAP_SIZE, MGM_ELLIPSE_MAX},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i].name);
        if (strncmp(text, kinds[i].name, length) != 0)
            continue;
        const char *rest = text + length;
        *out = (struct mgm_derivation){kinds[i].kind, kinds[i].size};
        if (!*rest)
            return out->size > 0;
        rest += *rest == ':';
        size_t digits = strspn(rest, "0123456789");
        out->size = digits && digits < 6 && !rest[digits] ? atoi(rest) : 0;
        return out->size >= 1 && out->size <= kinds[i].largest;
    }
    return false;
}

static size_t pixel_count(const struct mgm_bitmap *bitmap)
{
    return (size_t)bitmap->width * (size_t)bitmap->height;
}

static enum mgm_status derive_coarse(struct mgm_context *ctx, int factor, const struct mgm_bitmap *alpha,
                                     struct mgm_bitmap *out)
{
    struct mgm_raster full = {0}, coarse = {0}, back = {0};
    int width = alpha->width > factor ? alpha->width / factor : 1;
    int height = alpha->height > factor ? alpha->height / factor : 1;
    enum mgm_status status = mgm_raster_from_bitmap(ctx, alpha, &full);
    if (status == MGM_OK)
        status = mgm_resize(ctx, &full, width, height, MGM_FILTER_AREA, &coarse);
    if (status == MGM_OK)
        status = mgm_resize(ctx, &coarse, alpha->width, alpha->height, MGM_FILTER_LINEAR, &back);
    for (size_t i = 0; status == MGM_OK && i < pixel_count(alpha); i++)
        out->data[i] = back.data[i] >= 0.5f ? 255 : 0;
    mgm_raster_release(&full);
    mgm_raster_release(&coarse);
    mgm_raster_release(&back);
    return status;
}

static enum mgm_status derive_mask(struct mgm_context *ctx, struct mgm_derivation derivation, const struct mgm_bitmap *alpha,
                                   struct mgm_bitmap *out)
{
    for (size_t i = 0; i < pixel_count(alpha); i++)
        out->data[i] = alpha->data[i] >= 128;
    if (derivation.kind == MGM_DERIVE_ERODED)
        TRY(mgm_erode(ctx, out->data, alpha->height, alpha->width, derivation.size, out->data));
    else
        TRY(mgm_dilate(ctx, out->data, alpha->height, alpha->width, derivation.size, out->data));
    for (size_t i = 0; i < pixel_count(alpha); i++)
        out->data[i] = out->data[i] ? 255 : 0;
    return MGM_OK;
}

static enum mgm_status derive_trimap(struct mgm_context *ctx, int size, const struct mgm_bitmap *alpha,
                                     const struct mgm_bitmap *trimap, struct mgm_bitmap *out)
{
    if (trimap) {
        for (size_t i = 0; i < pixel_count(alpha); i++)
            out->data[i] = trimap->data[i] <= BACKGROUND_MOST    ? 0
                           : trimap->data[i] >= FOREGROUND_LEAST ? 255
                                                                 : MGM_TRIMAP_UNKNOWN;
        return MGM_OK;
    }
    for (size_t i = 0; i < pixel_count(alpha); i++)
        out->data[i] = alpha->data[i] > 0 && alpha->data[i] < 255;
    TRY(mgm_dilate(ctx, out->data, alpha->height, alpha->width, size, out->data));
    for (size_t i = 0; i < pixel_count(alpha); i++)
        out->data[i] = out->data[i] ? MGM_TRIMAP_UNKNOWN : alpha->data[i];
    return MGM_OK;
}

enum mgm_status mgm_derive_guidance(struct mgm_context *ctx, struct mgm_derivation derivation,
                                    const struct mgm_bitmap *alpha, const struct mgm_bitmap *trimap, struct mgm_bitmap *out)
{
    *out = (struct mgm_bitmap){0};
    if (trimap && (trimap->width != alpha->width || trimap->height != alpha->height))
        return mgm_fail(ctx, MGM_E_SHAPE, "the trimap has %d × %d pixels, the matte %d × %d", trimap->width, trimap->height,
                        alpha->width, alpha->height);
    TRY(mgm_bitmap_create(ctx, alpha->width, alpha->height, 1, out));
    enum mgm_status status;
    if (derivation.kind == MGM_DERIVE_COARSE)
        status = derive_coarse(ctx, derivation.size, alpha, out);
    else if (derivation.kind == MGM_DERIVE_TRIMAP)
        status = derive_trimap(ctx, derivation.size, alpha, trimap, out);
    else
        status = derive_mask(ctx, derivation, alpha, out);
    if (status != MGM_OK)
        mgm_bitmap_release(out);
    return status;
}
