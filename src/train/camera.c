#include "train/camera.h"

#include "base/memory.h"
#include "train/plane.h"

#include <math.h>
#include <string.h>
#include <turbojpeg.h>

/** Approximately normal, deviation 1: the sum of four uniform numbers, cut from one draw. */
static inline float quick_normal(struct mgm_random *random)
{
    uint64_t bits = mgm_random_bits(random);
    uint64_t sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    return ((float)sum - 131070.0f) * (1.7320508f / 65536.0f);
}

static bool measures(int channel, int x, int y)
{
    return channel == 1 ? ((x ^ y) & 1) == 0 : channel == 0 ? (x & 1) && !(y & 1) : !(x & 1) && (y & 1);
}

/** The mean over those of a pixel's eight neighbours that measure the channel and, for green, share an edge with it. */
static float demosaic(const float *grain, int channel, int size, int x, int y)
{
    float sum = 0;
    int count = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            const int nx = x + dx, ny = y + dy;
            if (nx < 0 || ny < 0 || nx >= size || ny >= size || !measures(channel, nx, ny))
                continue;
            sum += grain[(size_t)ny * size + nx];
            count++;
        }
    return sum / (float)count;
}

void mgm_camera_mosaic_grain(struct mgm_random *random, int channel, int size, float *grain)
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            if (measures(channel, x, y))
                grain[(size_t)y * size + x] = quick_normal(random);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            if (!measures(channel, x, y))
                grain[(size_t)y * size + x] = demosaic(grain, channel, size, x, y);
}

/** How the noise of a picture hangs together: not at all, as after resizing, or as after demosaicing. */
enum grain { GRAIN_WHITE, GRAIN_RESIZED, GRAIN_MOSAIC };

static void draw_grain(struct mgm_random *random, enum grain kind, int channel, int size, float *grain, float *scratch)
{
    if (kind == GRAIN_MOSAIC) {
        mgm_camera_mosaic_grain(random, channel, size, grain);
        return;
    }
    for (size_t i = 0; i < (size_t)size * size; i++)
        grain[i] = quick_normal(random);
    if (kind == GRAIN_RESIZED)
        mgm_plane_three_taps(grain, size, 0.22f, scratch);
}

static void add_noise(struct mgm_random *random, float *image, int size, float *scratch)
{
    size_t count = (size_t)size * size;
    float *grain = scratch + mgm_plane_scratch(size);
    double strength = 0.003 * exp(mgm_random_unit(random) * log(12.0)); /* 0.003 … 0.036 */
    const enum grain kind = (enum grain)mgm_random_int(random, GRAIN_WHITE, GRAIN_MOSAIC);
    float scale = (float)(kind == GRAIN_RESIZED ? strength * 2.2 : strength); /* which the smoothing takes away again */
    for (int c = 0; c < 3; c++) {
        draw_grain(random, kind, c, size, grain, scratch);
        for (size_t i = 0; i < count; i++) /* more in the light than in the dark, as photons have it */
            image[c * count + i] += scale * grain[i] * (0.6f + 0.8f * image[c * count + i]);
    }
    mgm_plane_clamp(image, 3 * count);
}

static void blur_or_sharpen(struct mgm_random *random, float *image, int size, float *scratch)
{
    size_t count = (size_t)size * size;
    /* σ² = 2w, so at most σ = 0.6; below 0 the halo of a camera's sharpening */
    float w = (float)(mgm_random_chance(random, 0.6) ? mgm_random_range(random, 0.02, 0.18)
                                                     : mgm_random_range(random, -0.12, -0.02));
    for (int c = 0; c < 3; c++)
        mgm_plane_three_taps(image + c * count, size, w, scratch);
    mgm_plane_clamp(image, 3 * count);
}

void mgm_camera_halo(double radius, double amount, float *image, int size, float *scratch)
{
    size_t count = (size_t)size * size;
    float *blurred = scratch + mgm_plane_scratch(size);
    for (int c = 0; c < 3; c++) {
        memcpy(blurred, image + c * count, count * sizeof *blurred);
        mgm_plane_disc(blurred, size, radius, scratch);
        for (size_t i = 0; i < count; i++)
            image[c * count + i] += (float)amount * (image[c * count + i] - blurred[i]);
    }
    mgm_plane_clamp(image, 3 * count);
}

struct canvas {
    int side, x, y, size; /* the picture lies at x, y, so that it has no constant place in the grid of blocks */
    uint8_t *pixels;      /* RGB [side, side] */
};

static void fill_canvas(const struct canvas *canvas, const float *image)
{
    int size = canvas->size;
    size_t count = (size_t)size * size;
    for (int y = 0; y < canvas->side; y++)
        for (int x = 0; x < canvas->side; x++) {
            int sx = x - canvas->x, sy = y - canvas->y;
            sx = sx < 0 ? 0 : sx >= size ? size - 1 : sx;
            sy = sy < 0 ? 0 : sy >= size ? size - 1 : sy;
            uint8_t *pixel = canvas->pixels + 3 * ((size_t)y * canvas->side + x);
            for (int c = 0; c < 3; c++)
                pixel[c] = (uint8_t)(image[c * count + (size_t)sy * size + sx] * 255 + 0.5f);
        }
}

static void read_canvas(const struct canvas *canvas, float *image)
{
    int size = canvas->size;
    size_t count = (size_t)size * size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const uint8_t *pixel = canvas->pixels + 3 * ((size_t)(y + canvas->y) * canvas->side + x + canvas->x);
            for (int c = 0; c < 3; c++)
                image[c * count + (size_t)y * size + x] = (float)pixel[c] / 255;
        }
}

static enum mgm_status through_jpeg(struct mgm_context *ctx, const struct canvas *canvas, int quality, int sampling)
{
    tjhandle pack = tjInitCompress(), unpack = tjInitDecompress();
    unsigned char *file = NULL;
    unsigned long bytes = 0;
    enum mgm_status status = MGM_OK;
    if (!pack || !unpack)
        status = mgm_fail_nomem(ctx, "the JPEG coder");
    else if (tjCompress2(pack, canvas->pixels, canvas->side, 0, canvas->side, TJPF_RGB, &file, &bytes, sampling, quality,
                         TJFLAG_FASTDCT) != 0)
        status = mgm_fail(ctx, MGM_E_BACKEND, "compressing a sample as JPEG: %s", tjGetErrorStr2(pack));
    else if (tjDecompress2(unpack, file, bytes, canvas->pixels, canvas->side, 0, canvas->side, TJPF_RGB, TJFLAG_FASTDCT) !=
             0)
        status = mgm_fail(ctx, MGM_E_BACKEND, "decompressing a sample's JPEG: %s", tjGetErrorStr2(unpack));
    tjFree(file);
    if (pack)
        tjDestroy(pack);
    if (unpack)
        tjDestroy(unpack);
    return status;
}

/** @param x, y  where the picture lies in the grid of blocks, below 16 */
static enum mgm_status compress_at(struct mgm_context *ctx, int x, int y, int quality, int sampling, float *image, int size)
{
    struct canvas canvas = {.side = size + 16, .x = x, .y = y, .size = size};
    canvas.pixels = mgm_alloc((size_t)canvas.side * canvas.side, 3);
    if (!canvas.pixels)
        return mgm_fail_nomem(ctx, "a sample to compress");
    fill_canvas(&canvas, image);
    enum mgm_status status = through_jpeg(ctx, &canvas, quality, sampling);
    if (status == MGM_OK)
        read_canvas(&canvas, image);
    mgm_free(canvas.pixels);
    return status;
}

static enum mgm_status compress(struct mgm_context *ctx, struct mgm_random *random, float *image, int size)
{
    const int x = mgm_random_int(random, 0, 15), y = mgm_random_int(random, 0, 15);
    const int quality = mgm_random_int(random, 50, 95);
    const int sampling = mgm_random_chance(random, 0.5) ? TJSAMP_420 : TJSAMP_444;
    return compress_at(ctx, x, y, quality, sampling, image, size);
}

enum mgm_status mgm_camera_jpeg(struct mgm_context *ctx, int quality, float *image, int size)
{
    return compress_at(ctx, 0, 0, quality, TJSAMP_420, image, size);
}

enum mgm_status mgm_camera_accidents(struct mgm_context *ctx, struct mgm_random *random,
                                     const struct mgm_camera_settings *settings, float *image, int size, float *scratch)
{
    if (mgm_random_chance(random, settings->blur))
        blur_or_sharpen(random, image, size, scratch);
    if (mgm_random_chance(random, settings->noise))
        add_noise(random, image, size, scratch);
    if (mgm_random_chance(random, settings->halo)) { /* after the noise, which cameras sharpen too */
        const double radius = mgm_random_range(random, 0.8, 2), amount = mgm_random_range(random, 0.15, 0.7);
        mgm_camera_halo(radius, amount, image, size, scratch);
    }
    if (mgm_random_chance(random, settings->jpeg))
        TRY(compress(ctx, random, image, size));
    return MGM_OK;
}
