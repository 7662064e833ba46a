#include "image/blur.h"
#include "image/colour.h"
#include "train/camera.h"
#include "train/published.h"

#include <math.h>

/** Mirrored at 0 and 1. */
static float reflect(float value)
{
    value = fabsf(value);
    return value > 1 ? 2 - value : value;
}

void mgm_hsv_jitter(struct mgm_random *random, const float *alpha, size_t count, float *colour)
{
    double sums[2] = {0};
    size_t seen = 0;
    float hsv[3];
    for (size_t i = 0; i < count; i++) {
        const float rgb[3] = {colour[i], colour[count + i], colour[2 * count + i]};
        if (alpha[i] <= 0)
            continue;
        mgm_rgb_to_hsv(rgb, hsv);
        sums[0] += hsv[1];
        sums[1] += hsv[2];
        seen++;
    }
    if (!seen)
        return;
    const float hue = (float)mgm_random_int(random, -40, 39) / 360;
    const double saturation_room = (1.1 - sums[0] / (double)seen) / 10, value_room = (1.1 - sums[1] / (double)seen) / 10;
    const float saturation = (float)mgm_random_range(random, -saturation_room, saturation_room);
    const float value = (float)mgm_random_range(random, -value_room, value_room);
    for (size_t i = 0; i < count; i++) {
        float rgb[3] = {colour[i], colour[count + i], colour[2 * count + i]};
        mgm_rgb_to_hsv(rgb, hsv);
        hsv[0] += hue;
        hsv[1] = reflect(hsv[1] + saturation);
        hsv[2] = reflect(hsv[2] + value);
        mgm_hsv_to_rgb(hsv, rgb);
        for (size_t c = 0; c < 3; c++)
            colour[c * count + i] = rgb[c];
    }
}

static void clamp(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] < 0 ? 0 : values[i] > 1 ? 1 : values[i];
}

static enum mgm_status do_accident(struct mgm_context *ctx, struct mgm_random *random, int which, float *image, int size)
{
    const size_t count = (size_t)size * (size_t)size;
    if (which == 0) {
        const float contrast = (float)mgm_random_range(random, 0.6, 1.4);
        for (size_t i = 0; i < 3 * count; i++)
            image[i] = 0.5f + contrast * (image[i] - 0.5f);
    } else if (which == 1) {
        TRY(mgm_camera_jpeg(ctx, mgm_random_int(random, 40, 100), image, size));
    } else if (which == 2) {
        const float sigma = (float)mgm_random_range(random, 0, 3);
        for (size_t c = 0; c < 3; c++) {
            struct mgm_raster plane = {size, size, 1, image + c * count};
            TRY(mgm_blur_gaussian(ctx, &plane, sigma));
        }
    } else {
        const double deviation = mgm_random_range(random, 0, 0.1);
        for (size_t i = 0; i < count; i++) {
            const float noise = (float)(deviation * mgm_random_normal(random));
            for (size_t c = 0; c < 3; c++)
                image[c * count + i] += noise;
        }
    }
    clamp(image, 3 * count);
    return MGM_OK;
}

enum mgm_status mgm_real_world(struct mgm_context *ctx, struct mgm_random *random, float *image, int size)
{
    int order[4] = {0, 1, 2, 3};
    const int some = mgm_random_int(random, 0, 4);
    for (int i = 3; i > 0; i--) {
        const int other = mgm_random_int(random, 0, i), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (int i = 0; i < some; i++)
        TRY(do_accident(ctx, random, order[i], image, size));
    return MGM_OK;
}
