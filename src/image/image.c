#include "image/image.h"

#include "base/memory.h"

static size_t value_count(int width, int height, int channels)
{
    return (size_t)width * (size_t)height * (size_t)channels;
}

enum mgm_status mgm_raster_create(struct mgm_context *ctx, int width, int height, int channels, struct mgm_raster *out)
{
    *out = (struct mgm_raster){0};
    if (width < 1 || height < 1 || channels < 1)
        return mgm_fail(ctx, MGM_E_INVALID, "a picture of %d × %d pixels with %d channels cannot be made", width, height,
                        channels);
    float *data = mgm_alloc(value_count(width, height, channels), sizeof *data);
    if (!data)
        return mgm_fail_nomem(ctx, "a picture");
    *out = (struct mgm_raster){width, height, channels, data};
    return MGM_OK;
}

enum mgm_status mgm_bitmap_create(struct mgm_context *ctx, int width, int height, int channels, struct mgm_bitmap *out)
{
    *out = (struct mgm_bitmap){0};
    if (width < 1 || height < 1 || channels < 1)
        return mgm_fail(ctx, MGM_E_INVALID, "a picture of %d × %d pixels with %d channels cannot be made", width, height,
                        channels);
    uint8_t *data = mgm_alloc(value_count(width, height, channels), sizeof *data);
    if (!data)
        return mgm_fail_nomem(ctx, "a picture");
    *out = (struct mgm_bitmap){width, height, channels, data};
    return MGM_OK;
}

void mgm_raster_release(struct mgm_raster *raster)
{
    mgm_free(raster->data);
    *raster = (struct mgm_raster){0};
}

void mgm_bitmap_release(struct mgm_bitmap *bitmap)
{
    mgm_free(bitmap->data);
    *bitmap = (struct mgm_bitmap){0};
}

enum mgm_status mgm_raster_from_bitmap(struct mgm_context *ctx, const struct mgm_bitmap *src, struct mgm_raster *dst)
{
    TRY(mgm_raster_create(ctx, src->width, src->height, src->channels, dst));
    size_t count = value_count(src->width, src->height, src->channels);
    for (size_t i = 0; i < count; i++)
        dst->data[i] = (float)src->data[i] * (1.0f / 255.0f);
    return MGM_OK;
}

enum mgm_status mgm_bitmap_from_raster(struct mgm_context *ctx, const struct mgm_raster *src, struct mgm_bitmap *dst)
{
    TRY(mgm_bitmap_create(ctx, src->width, src->height, src->channels, dst));
    size_t count = value_count(src->width, src->height, src->channels);
    for (size_t i = 0; i < count; i++) {
        float value = src->data[i] < 0 ? 0 : src->data[i] > 1 ? 1 : src->data[i];
        dst->data[i] = (uint8_t)(value * 255.0f + 0.5f);
    }
    return MGM_OK;
}
