/**
 * Any pixels as a mask. The first bytes say how they lie: bits and guidance, width, bytes between rows; the others are
 * pixels, row by row. What is decided and converted is what guidance.h says; nothing beyond a row's pixels plays a part.
 */
#include "matting/guidance.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 3, KINDS = MGM_GUIDANCE_TRIMAP_FG + 1 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The pixels of bytes in rows of the mask's stride, `filler` between them; the block ends with the last pixel. */
static void *lay_out(const struct mgm_image *mask, const uint8_t *bytes, uint8_t filler)
{
    const size_t row = (size_t)mask->width * (size_t)(mask->bits / 8), rows = (size_t)mask->height;
    uint8_t *pixels = malloc((rows - 1) * mask->stride + row);
    if (!pixels)
        abort();
    memset(pixels, filler, (rows - 1) * mask->stride + row);
    for (size_t y = 0; y < rows; y++)
        memcpy(pixels + y * mask->stride, bytes + y * row, row);
    return pixels;
}

static int value_of(const uint8_t *bytes, int bits, size_t index)
{
    uint16_t wide;
    if (bits == 8)
        return bytes[index];
    memcpy(&wide, bytes + 2 * index, sizeof wide);
    return wide;
}

static float expected_value(int value, int bits, enum mgm_guidance guidance)
{
    const int level = bits == 16 ? value >> 8 : value;
    switch (guidance) {
    case MGM_GUIDANCE_ALPHA:
        return (float)value / (bits == 16 ? 65535.0f : 255.0f);
    case MGM_GUIDANCE_TRIMAP:
        return level <= 8 ? 0.0f : level >= 247 ? 1.0f : 0.5f;
    case MGM_GUIDANCE_TRIMAP_FG:
        return level >= 170;
    default:
        return level >= 128;
    }
}

static enum mgm_guidance expected_decision(const uint8_t *bytes, int bits, size_t count)
{
    size_t ends = 0, halves = 0;
    for (size_t i = 0; i < count; i++) {
        const int level = value_of(bytes, bits, i) >> (bits - 8);
        ends += level <= 8 || level >= 247;
        halves += level >= 127 && level <= 129;
    }
    return ends == count ? MGM_GUIDANCE_MASK : ends + halves == count ? MGM_GUIDANCE_TRIMAP : MGM_GUIDANCE_ALPHA;
}

static void check(const struct mgm_image *mask, const uint8_t *bytes, enum mgm_guidance guidance)
{
    struct mgm_context ctx = {.threads = 1};
    const size_t count = (size_t)mask->width * (size_t)mask->height;
    bool empty = true;
    float *values = malloc(count * sizeof *values);
    if (!values || mgm_guidance_decide(mask) != expected_decision(bytes, mask->bits, count))
        abort();
    const enum mgm_status status = mgm_guidance_convert(&ctx, mask, guidance, values);
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] >= 0 && values[i] <= 1) ||
            values[i] != expected_value(value_of(bytes, mask->bits, i), mask->bits, guidance))
            abort();
        empty = empty && values[i] == 0;
    }
    if (status != (empty ? MGM_E_INVALID : MGM_OK) || (empty && !ctx.error[0]))
        abort();
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size <= HEAD)
        return 0;
    struct mgm_image mask = {.width = bytes[1] + 1, .channels = 1, .bits = bytes[0] & 1 ? 16 : 8};
    const enum mgm_guidance guidance = (enum mgm_guidance)((bytes[0] >> 1) % KINDS);
    const size_t bytes_each = (size_t)mask.bits / 8, pixels = (size - HEAD) / bytes_each;
    if (pixels < (size_t)mask.width)
        mask.width = pixels ? (int)pixels : 1;
    mask.height = (int)(pixels / (size_t)mask.width);
    if (mask.height < 1)
        return 0;
    mask.stride = ((size_t)mask.width + bytes[2] % 8) * bytes_each;
    for (int filler = 0; filler <= 0xff; filler += 0xff) {
        void *laid_out = lay_out(&mask, bytes + HEAD, (uint8_t)filler);
        mask.pixels = laid_out;
        check(&mask, bytes + HEAD, guidance);
        free(laid_out);
    }
    return 0;
}
