#include "train/light.h"

#include "base/parallel.h"
#include "train/plane.h"

#include <math.h>
#include <string.h>

/** The matte, blurred: high inside, falling towards its border. */
static void make_relief(struct mgm_random *random, const float *alpha, int size, const struct mgm_light_space *space)
{
    const double radius = size * mgm_random_range(random, 0.02, 0.1);
    memcpy(space->relief, alpha, (size_t)size * size * sizeof *alpha);
    mgm_plane_disc(space->relief, size, fmin(radius, MGM_DISC_RADIUS_MAX - 1), space->scratch);
}

/** 0 in the light … 1 in the shadow of leaves, a hand, a window's bars: noise of two sizes between two thresholds. */
static void make_shadow(struct mgm_random *random, int size, const struct mgm_light_space *space)
{
    const double cell = size * mgm_random_range(random, 0.15, 0.8);
    const float from = (float)mgm_random_range(random, -0.6, 1), hardness = (float)exp(mgm_random_range(random, -0.5, 2.3));
    float *fine = space->relief; /* which is made later */
    mgm_plane_noise(random, size, cell, space->shadow, space->scratch);
    mgm_plane_noise(random, size, fmax(cell / 3.3, 2), fine, space->scratch);
    for (size_t i = 0; i < (size_t)size * size; i++)
        space->shadow[i] = fminf(fmaxf((space->shadow[i] + 0.45f * fine[i] - from) * hardness, 0), 1);
    mgm_plane_disc(space->shadow, size, fmin(size * mgm_random_range(random, 0.01, 0.05), MGM_DISC_RADIUS_MAX - 1),
                   space->scratch);
}

/** How much the relief falls from a pixel's side away from the light to the other, at a distance of `dx, dy`; in [−1, 1]. */
static float slope(const float *relief, int size, int x, int y, int dx, int dy)
{
    int x0 = x - dx, x1 = x + dx, y0 = y - dy, y1 = y + dy;
    x0 = x0 < 0 ? 0 : x0 >= size ? size - 1 : x0;
    x1 = x1 < 0 ? 0 : x1 >= size ? size - 1 : x1;
    y0 = y0 < 0 ? 0 : y0 >= size ? size - 1 : y0;
    y1 = y1 < 0 ? 0 : y1 >= size ? size - 1 : y1;
    return relief[(size_t)y0 * size + x0] - relief[(size_t)y1 * size + x1];
}

MGM_KERNEL static void apply(const float *restrict exponent, float warmth, size_t count, float *restrict plane)
{
    for (size_t i = 0; i < count; i++) {
        /* 2^x to a few per cent: a colour does not need more, and this needs no call for each pixel */
        float x = exponent[i] * warmth, power = 1 + x * (0.693147f + x * (0.240227f + x * (0.0555041f + x * 0.0096181f)));
        float value = plane[i] * power;
        plane[i] = value < 0 ? 0 : value > 1 ? 1 : value;
    }
}

void mgm_light_foreground(struct mgm_random *random, const float *alpha, int size, const struct mgm_light_space *space,
                          float *colour)
{
    const size_t count = (size_t)size * size;
    const double angle = mgm_random_range(random, 0, 6.283185307179586), reach = size * mgm_random_range(random, 0.02, 0.06);
    const int dx = (int)lrint(reach * cos(angle)), dy = (int)lrint(reach * sin(angle));
    /* stops: 1 is twice as bright */
    const float side = (float)mgm_random_range(random, 0, 1.2), rim = (float)mgm_random_range(random, -0.6, 0.8);
    const float depth = mgm_random_chance(random, 0.4) ? (float)mgm_random_range(random, 0.3, 1.6) : 0;
    const float warmth = (float)mgm_random_range(random, -0.02, 0.12);
    if (depth > 0)
        make_shadow(random, size, space);
    make_relief(random, alpha, size, space);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const size_t i = (size_t)y * size + x;
            float stops = side * slope(space->relief, size, x, y, dx, dy) + rim * (1 - space->relief[i]);
            if (depth > 0)
                stops -= depth * space->shadow[i];
            space->shadow[i] = fminf(fmaxf(stops, -2), 1.2f);
        }
    for (int c = 0; c < 3; c++)
        apply(space->shadow, 1 + warmth * (float)(1 - c), count, colour + (size_t)c * count);
}

void mgm_light_harmonise(struct mgm_random *random, const float *alpha, const float *background, size_t count, float *colour)
{
    const double share = mgm_random_range(random, 0.2, 0.7);
    double weight = 1e-6;
    for (size_t i = 0; i < count; i++)
        weight += alpha[i];
    for (size_t c = 0; c < 3; c++) {
        double here = 0, behind = 0;
        for (size_t i = 0; i < count; i++) {
            here += alpha[i] * colour[c * count + i];
            behind += background[c * count + i];
        }
        const double gain = pow((behind / (double)count + 0.02) / (here / weight + 0.02), share);
        const float factor = (float)fmin(fmax(gain, 0.55), 1.8);
        for (size_t i = 0; i < count; i++)
            colour[c * count + i] = fminf(colour[c * count + i] * factor, 1);
    }
}

MGM_KERNEL static void mix(const float *restrict weight, const float *restrict other, float amount, size_t count,
                           float *restrict plane)
{
    for (size_t i = 0; i < count; i++)
        plane[i] += amount * (1 - weight[i]) * (other[i] - plane[i]);
}

void mgm_light_spill(struct mgm_random *random, const float *alpha, const float *background, int size,
                     const struct mgm_light_space *space, float *colour)
{
    const size_t count = (size_t)size * size;
    const float amount = (float)mgm_random_range(random, 0.05, 0.4);
    const int cell = mgm_random_int(random, 8, 32);
    make_relief(random, alpha, size, space);
    mgm_plane_clamp(space->relief, count); /* running sums leave a trace of rounding */
    for (int c = 0; c < 3; c++) {
        mgm_plane_coarse(background + (size_t)c * count, size, cell, 0, 0, false, space->shadow, space->scratch);
        mix(space->relief, space->shadow, amount, count, colour + (size_t)c * count);
    }
}

/** The plane moved by dx, dy pixels; what comes in from beyond its border is a copy of that. */
static void move(const float *src, int size, int dx, int dy, float *dst)
{
    for (int y = 0; y < size; y++) {
        const int from_y = y - dy < 0 ? 0 : y - dy >= size ? size - 1 : y - dy;
        for (int x = 0; x < size; x++) {
            const int from_x = x - dx < 0 ? 0 : x - dx >= size ? size - 1 : x - dx;
            dst[(size_t)y * size + x] = src[(size_t)from_y * size + from_x];
        }
    }
}

MGM_KERNEL static void darken(const float *restrict shadow, float depth, size_t count, float *restrict plane)
{
    for (size_t i = 0; i < count; i++)
        plane[i] *= 1 - depth * shadow[i];
}

void mgm_light_shadow(struct mgm_random *random, const float *alpha, int size, const struct mgm_light_space *space,
                      float *background)
{
    const size_t count = (size_t)size * size;
    const double angle = mgm_random_range(random, -0.8, 3.9),
                 away = size * mgm_random_range(random, 0.01, 0.15); /* seldom up */
    const double radius = size * 0.004 * pow(20, mgm_random_unit(random));
    const float depth = (float)mgm_random_range(random, 0.2, 0.75), blue = (float)mgm_random_range(random, 0, 0.15);
    move(alpha, size, (int)lrint(away * cos(angle)), (int)lrint(away * sin(angle)), space->shadow);
    mgm_plane_disc(space->shadow, size, fmin(radius, MGM_DISC_RADIUS_MAX - 1), space->scratch);
    mgm_plane_clamp(space->shadow, count);
    for (int c = 0; c < 3; c++)
        darken(space->shadow, depth * (1 - blue * (float)c / 2), count, background + (size_t)c * count);
}
