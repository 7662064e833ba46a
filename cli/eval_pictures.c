#include "eval_pictures.h"

#include "image_file.h"

#include "eval/compose.h"
#include "eval/metrics.h"
#include "image/resize.h"

#include <string.h>

static size_t count_of(const struct mgm_bitmap *bitmap)
{
    return (size_t)bitmap->width * (size_t)bitmap->height;
}

static enum mgm_status resize(struct mgm_context *ctx, struct mgm_bitmap *bitmap, int width, int height,
                              enum mgm_filter filter)
{
    struct mgm_raster from = {0}, to = {0};
    enum mgm_status status = mgm_raster_from_bitmap(ctx, bitmap, &from);
    if (status == MGM_OK)
        status = mgm_resize(ctx, &from, width, height, filter, &to);
    if (status == MGM_OK) {
        mgm_bitmap_release(bitmap);
        status = mgm_bitmap_from_raster(ctx, &to, bitmap);
    }
    mgm_raster_release(&from);
    mgm_raster_release(&to);
    return status;
}

/** To the protocol's longer side: colours and mattes by their areas' means, what has labels by the nearest. */
static enum mgm_status scale(struct mgm_context *ctx, const struct mgm_protocol *protocol, bool labels,
                             struct mgm_bitmap *bitmap)
{
    const int longer = bitmap->width > bitmap->height ? bitmap->width : bitmap->height;
    if (!bitmap->data || protocol->longer_side == 0 || longer <= protocol->longer_side)
        return MGM_OK;
    const double factor = (double)protocol->longer_side / longer;
    const int width = (int)(bitmap->width * factor + 0.5), height = (int)(bitmap->height * factor + 0.5);
    return resize(ctx, bitmap, width > 0 ? width : 1, height > 0 ? height : 1,
                  labels ? MGM_FILTER_NEAREST : MGM_FILTER_AREA);
}

static enum mgm_status read_fitting(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *other,
                                    const char *other_path, struct mgm_bitmap *out)
{
    TRY(image_file_read(ctx, path, 1, out));
    if (out->width == other->width && out->height == other->height)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, but %s has %d × %d", path, out->width, out->height, other_path,
                    other->width, other->height);
}

/** Source: Composition-1k's own program; where it enlarges, its cubic is that of another library. */
static enum mgm_status compose(struct mgm_context *ctx, const struct eval_case *one, struct eval_pictures *pictures)
{
    struct mgm_bitmap foreground = {0}, background = {0};
    int width = 0, height = 0;
    enum mgm_status status = image_file_read(ctx, one->foreground, 3, &foreground);
    if (status == MGM_OK)
        status = read_fitting(ctx, one->alpha, &foreground, one->foreground, &pictures->alpha);
    if (status == MGM_OK)
        status = image_file_read(ctx, one->background, 3, &background);
    if (status == MGM_OK)
        mgm_cover_size(&foreground, &background, &width, &height);
    if (status == MGM_OK && (width != background.width || height != background.height))
        status = resize(ctx, &background, width, height, MGM_FILTER_CUBIC);
    if (status == MGM_OK)
        status = mgm_compose_test(ctx, &foreground, &pictures->alpha, &background, &pictures->image);
    mgm_bitmap_release(&foreground);
    mgm_bitmap_release(&background);
    return status;
}

static enum mgm_status read_pictures(struct mgm_context *ctx, const struct eval_case *one, struct eval_pictures *pictures)
{
    const char *const photo = one->image ? one->image : one->foreground;
    if (one->image) {
        TRY(image_file_read(ctx, one->image, 3, &pictures->image));
        TRY(read_fitting(ctx, one->alpha, &pictures->image, photo, &pictures->alpha));
    } else {
        TRY(compose(ctx, one, pictures));
    }
    if (one->trimap)
        TRY(read_fitting(ctx, one->trimap, &pictures->image, photo, &pictures->trimap));
    if (one->mask)
        TRY(read_fitting(ctx, one->mask, &pictures->image, photo, &pictures->mask));
    if (one->detail)
        TRY(read_fitting(ctx, one->detail, &pictures->image, photo, &pictures->region[MGM_REGION_DETAIL]));
    return MGM_OK;
}

static enum mgm_status make_regions(struct mgm_context *ctx, const struct mgm_protocol *protocol,
                                    struct eval_pictures *pictures)
{
    const size_t count = count_of(&pictures->alpha);
    struct mgm_bitmap *detail = &pictures->region[MGM_REGION_DETAIL], *unknown = &pictures->region[MGM_REGION_UNKNOWN];
    if (!pictures->trimap.data && protocol->trimap_size) {
        const struct mgm_derivation derivation = {MGM_DERIVE_TRIMAP, protocol->trimap_size};
        TRY(mgm_derive_guidance(ctx, derivation, &pictures->alpha, NULL, &pictures->trimap));
    }
    if (pictures->trimap.data) {
        TRY(mgm_bitmap_create(ctx, pictures->alpha.width, pictures->alpha.height, 1, unknown));
        memcpy(unknown->data, pictures->trimap.data, count);
    }
    for (size_t i = 0; detail->data && i < count; i++)
        detail->data[i] = detail->data[i] ? MGM_TRIMAP_UNKNOWN : 0;
    pictures->scored[MGM_REGION_WHOLE] = true;
    pictures->scored[MGM_REGION_DETAIL] = detail->data && memchr(detail->data, MGM_TRIMAP_UNKNOWN, count);
    pictures->scored[MGM_REGION_UNKNOWN] = unknown->data && memchr(unknown->data, MGM_TRIMAP_UNKNOWN, count);
    return MGM_OK;
}

enum mgm_status eval_pictures_load(struct mgm_context *ctx, const struct mgm_protocol *protocol, const struct eval_case *one,
                                   struct eval_pictures *out)
{
    *out = (struct eval_pictures){0};
    enum mgm_status status = read_pictures(ctx, one, out);
    if (status == MGM_OK)
        status = scale(ctx, protocol, false, &out->image);
    if (status == MGM_OK)
        status = scale(ctx, protocol, false, &out->alpha);
    if (status == MGM_OK)
        status = scale(ctx, protocol, true, &out->trimap);
    if (status == MGM_OK)
        status = scale(ctx, protocol, false, &out->mask);
    if (status == MGM_OK)
        status = scale(ctx, protocol, true, &out->region[MGM_REGION_DETAIL]);
    if (status == MGM_OK)
        status = make_regions(ctx, protocol, out);
    if (status != MGM_OK)
        eval_pictures_release(out);
    return status;
}

void eval_pictures_release(struct eval_pictures *pictures)
{
    mgm_bitmap_release(&pictures->image);
    mgm_bitmap_release(&pictures->alpha);
    mgm_bitmap_release(&pictures->trimap);
    mgm_bitmap_release(&pictures->mask);
    for (int region = 0; region < MGM_REGION_COUNT; region++)
        mgm_bitmap_release(&pictures->region[region]);
    *pictures = (struct eval_pictures){0};
}

static enum mgm_status copy(struct mgm_context *ctx, const struct mgm_bitmap *from, struct mgm_bitmap *out)
{
    TRY(mgm_bitmap_create(ctx, from->width, from->height, 1, out));
    memcpy(out->data, from->data, count_of(from));
    return MGM_OK;
}

static enum mgm_status read_matte(struct mgm_context *ctx, const struct mgm_protocol *protocol, const char *path,
                                  const struct eval_pictures *pictures, struct mgm_bitmap *out)
{
    TRY(image_file_read(ctx, path, 1, out));
    TRY(scale(ctx, protocol, false, out));
    if (out->width == pictures->image.width && out->height == pictures->image.height)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, but its picture has %d × %d", path, out->width, out->height,
                    pictures->image.width, pictures->image.height);
}

/** With 0, 128 and 255 alone; of its foreground alone, 0 and 255, which is what the network is given then. */
static enum mgm_status copy_trimap(struct mgm_context *ctx, enum mgm_guidance given_as, const struct eval_pictures *pictures,
                                   struct mgm_bitmap *out)
{
    const struct mgm_derivation derivation = {MGM_DERIVE_TRIMAP, 1};
    TRY(mgm_derive_guidance(ctx, derivation, &pictures->alpha, &pictures->trimap, out));
    for (size_t i = 0; given_as == MGM_GUIDANCE_TRIMAP_FG && i < count_of(out); i++)
        out->data[i] = out->data[i] == 255 ? 255 : 0;
    return MGM_OK;
}

enum mgm_status eval_guidance_make(struct mgm_context *ctx, const struct mgm_protocol *protocol,
                                   const struct mgm_protocol_guidance *guidance, const struct eval_pictures *pictures,
                                   const char *matte_path, struct mgm_bitmap *out)
{
    *out = (struct mgm_bitmap){0};
    switch (guidance->source) {
    case MGM_FROM_TRIMAP:
        return copy_trimap(ctx, guidance->given_as, pictures, out);
    case MGM_FROM_MASK:
        return guidance->derivation.size ? mgm_derive_guidance(ctx, guidance->derivation, &pictures->mask, NULL, out)
                                         : copy(ctx, &pictures->mask, out);
    case MGM_FROM_ALPHA:
        return mgm_derive_guidance(ctx, guidance->derivation, &pictures->alpha, NULL, out);
    case MGM_FROM_MATTES:
        return read_matte(ctx, protocol, matte_path, pictures, out);
    }
    return mgm_fail(ctx, MGM_E_INVALID, "there is no such guidance");
}
