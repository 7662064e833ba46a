#include "matting/guidance.h"

enum { NEAR_END = 8, HALF = 128, NEAR_HALF = 1, TRIMAP_FOREGROUND = 170 };

const char *mgm_guidance_name(enum mgm_guidance guidance)
{
    switch (guidance) {
    case MGM_GUIDANCE_AUTO:
        return "auto";
    case MGM_GUIDANCE_MASK:
        return "mask";
    case MGM_GUIDANCE_ALPHA:
        return "alpha";
    case MGM_GUIDANCE_TRIMAP:
        return "trimap";
    case MGM_GUIDANCE_TRIMAP_FG:
        return "trimap-fg";
    }
    return "unknown";
}

/** Row y as values of 8 or 16 bit. */
static int value_at(const struct mgm_image *mask, int y, int x)
{
    const unsigned char *row = (const unsigned char *)mask->pixels + (size_t)y * mask->stride;
    return mask->bits == 16 ? ((const uint16_t *)(const void *)row)[x] : row[x];
}

/** The value as 8 bit. */
static int level_at(const struct mgm_image *mask, int y, int x)
{
    int value = value_at(mask, y, x);
    return mask->bits == 16 ? value >> 8 : value;
}

enum mgm_guidance mgm_guidance_decide(const struct mgm_image *mask)
{
    bool has_half = false;
    for (int y = 0; y < mask->height; y++) {
        for (int x = 0; x < mask->width; x++) {
            int level = level_at(mask, y, x);
            if (level <= NEAR_END || level >= 255 - NEAR_END)
                continue;
            if (level < HALF - NEAR_HALF || level > HALF + NEAR_HALF)
                return MGM_GUIDANCE_ALPHA;
            has_half = true;
        }
    }
    return has_half ? MGM_GUIDANCE_TRIMAP : MGM_GUIDANCE_MASK;
}

static float convert_value(const struct mgm_image *mask, int y, int x, enum mgm_guidance guidance)
{
    int level = level_at(mask, y, x);
    switch (guidance) {
    case MGM_GUIDANCE_ALPHA:
        return (float)value_at(mask, y, x) / (mask->bits == 16 ? 65535.0f : 255.0f);
    case MGM_GUIDANCE_TRIMAP:
        return level <= NEAR_END ? 0.0f : level >= 255 - NEAR_END ? 1.0f : 0.5f;
    case MGM_GUIDANCE_TRIMAP_FG:
        return level >= TRIMAP_FOREGROUND ? 1.0f : 0.0f;
    case MGM_GUIDANCE_MASK:
    case MGM_GUIDANCE_AUTO:
        break;
    }
    return level >= HALF ? 1.0f : 0.0f;
}

enum mgm_status mgm_guidance_convert(struct mgm_context *ctx, const struct mgm_image *mask, enum mgm_guidance guidance,
                                     float *dst)
{
    int highest = 0;
    bool empty = true;
    for (int y = 0; y < mask->height; y++) {
        for (int x = 0; x < mask->width; x++) {
            float value = convert_value(mask, y, x, guidance);
            int raw = value_at(mask, y, x);
            highest = raw > highest ? raw : highest;
            empty = empty && !(value > 0);
            dst[(size_t)y * (size_t)mask->width + (size_t)x] = value;
        }
    }
    if (empty)
        return mgm_fail(ctx, MGM_E_INVALID,
                        "the mask is empty: as %s, nothing in it is foreground (its largest value is %d of %d)",
                        mgm_guidance_name(guidance), highest, mask->bits == 16 ? 65535 : 255);
    return MGM_OK;
}
