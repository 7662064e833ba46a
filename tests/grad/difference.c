#include "difference.h"

#include "base/memory.h"
#include "check.h"

#include <math.h>
#include <string.h>

/* The losses are piecewise linear and tanh is smooth: a long step loses nothing to the curve and little to rounding. */
#define STEP           1e-4
#define TOLERANCE      1e-5
#define LOSS_TOLERANCE 2e-6

void fill(struct mgm_random *random, double low, double high, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)mgm_random_range(random, low, high);
}

void to_double(const float *src, double *dst, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = (double)src[i];
}

void fill_mask(struct mgm_random *random, int h, int w, uint8_t *mask)
{
    uint8_t coarse[16][16];
    for (int i = 0; i < 256; i++)
        coarse[i / 16][i % 16] = mgm_random_chance(random, 0.6);
    for (int i = 0; i < h * w; i++)
        mask[i] = coarse[i / w / 8 % 16][i % w / 8 % 16] ^ (uint8_t)mgm_random_chance(random, 0.05);
}

static double root_mean_square(const float *values, size_t count)
{
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += (double)values[i] * (double)values[i] / (double)count;
    return sqrt(square);
}

void check_gradient(const char *what, struct mgm_random *random, double (*loss)(void *argument), void *argument,
                    double *point, const float *gradient, size_t count)
{
    enum { SINGLE = 20, DIRECTIONS = 5 };
    double size = root_mean_square(gradient, count), worst = 0;
    double *start = mgm_alloc(count, sizeof *start), *direction = mgm_alloc(count, sizeof *direction);
    assert_true(start && direction);
    memcpy(start, point, count * sizeof *start);
    for (int k = 0; k < SINGLE + DIRECTIONS; k++) {
        size_t at = mgm_random_bits(random) % count;
        double length = 0, expected[2], actual = 0;
        for (size_t i = 0; i < count; i++) {
            direction[i] = k < SINGLE ? i == at : mgm_random_normal(random);
            length += direction[i] * direction[i];
        }
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < count; i++)
                point[i] = start[i] + (side ? STEP : -STEP) * direction[i] / sqrt(length);
            expected[side] = loss(argument);
        }
        for (size_t i = 0; i < count; i++)
            actual += direction[i] / sqrt(length) * (double)gradient[i];
        double difference = (expected[1] - expected[0]) / (2 * STEP);
        if (!(fabs(actual - difference) <= TOLERANCE * size))
            fail_msg("gradient by %s, %s %zu: %.9g, central difference %.9g", what,
                     k < SINGLE ? "value" : "along a direction", at, actual, difference);
        worst = fmax(worst, fabs(actual - difference) / size);
    }
    memcpy(point, start, count * sizeof *start);
    mgm_free(start);
    mgm_free(direction);
    print_message("%s: worst deviation of the gradient %.1e\n", what, worst);
}

void assert_close(const char *what, double actual, double expected)
{
    if (!(fabs(actual - expected) <= LOSS_TOLERANCE * fabs(expected)))
        fail_msg("%s is %.9g, expected %.9g", what, actual, expected);
}
