/* Blurs: what they must keep (the mean, constants, 0 and 1 exactly), how wide they are, and that discs are round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

#include "image/blur.h"

#include <math.h>
#include <string.h>

enum { SIDE = 61, MIDDLE = SIDE / 2 };

static struct mgm_context context = {.threads = 2};

static struct mgm_raster filled(int channels, float value)
{
    struct mgm_raster raster;
    assert_int_equal(mgm_raster_create(&context, SIDE, SIDE, channels, &raster), MGM_OK);
    for (int i = 0; i < SIDE * SIDE * channels; i++)
        raster.data[i] = value;
    return raster;
}

/* The blur of a single pixel of value 1, in the second channel of two. */
static struct mgm_raster point(void)
{
    struct mgm_raster raster = filled(2, 0);
    raster.data[(MIDDLE * SIDE + MIDDLE) * 2 + 1] = 1;
    return raster;
}

static double at(const struct mgm_raster *raster, int dx, int dy)
{
    return raster->data[((MIDDLE + dy) * SIDE + MIDDLE + dx) * 2 + 1];
}

struct moments {
    double sum, xx, yy, xy;
};

static struct moments measure(const struct mgm_raster *raster)
{
    struct moments m = {0};
    for (int dy = -MIDDLE; dy <= MIDDLE; dy++)
        for (int dx = -MIDDLE; dx <= MIDDLE; dx++) {
            double v = at(raster, dx, dy);
            m.sum += v;
            m.xx += v * dx * dx;
            m.yy += v * dy * dy;
            m.xy += v * dx * dy;
            assert_near(raster->data[((MIDDLE + dy) * SIDE + MIDDLE + dx) * 2], 0, 0);
        }
    return m;
}

static void test_gaussian(void **state)
{
    (void)state;
    struct mgm_raster raster = point();
    assert_int_equal(mgm_blur_gaussian(&context, &raster, 3), MGM_OK);
    struct moments m = measure(&raster);
    assert_near(m.sum, 1, 1e-5);
    assert_near(m.xx, 9, 0.05);
    assert_near(m.yy, 9, 0.05);
    assert_near(at(&raster, 4, 2), exp(-20 / 18.0) / (2 * 3.14159265 * 9), 1e-5);
    mgm_raster_release(&raster);
}

static void test_disc(void **state)
{
    (void)state;
    static const float radii[] = {0.5f, 0.8f, 1, 2.5f, 3.3f, 7, 12.7f};
    for (size_t i = 0; i < sizeof radii / sizeof *radii; i++) {
        struct mgm_raster raster = point();
        double r = radii[i];
        assert_int_equal(mgm_blur_disc(&context, &raster, radii[i]), MGM_OK);
        struct moments m = measure(&raster);
        assert_near(m.sum, 1, 1e-5);
        assert_near(m.xx, m.yy, 0.04 * r * r + 0.02);
        assert_near(m.xy, 0, 1e-5);
        assert_near(at(&raster, 0, 0), fmin(1 / (3.14159265 * r * r), 1), 0.02 / (r * r) + (r < 1 ? 0.3 : 0));
        if (r >= 2) {
            assert_near(m.xx, r * r / 4 + 1 / 12.0, 0.03 * r * r);
            assert_near(at(&raster, (int)r + 2, 0), 0, 0);
        }
        mgm_raster_release(&raster);
    }
}

static void test_motion(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        float angle = 0.5f * (float)i;
        struct mgm_raster raster = point();
        assert_int_equal(mgm_blur_motion(&context, &raster, 20, angle), MGM_OK);
        struct moments m = measure(&raster);
        double c = cos(angle), s = sin(angle), along = m.xx * c * c + 2 * m.xy * c * s + m.yy * s * s;
        assert_near(m.sum, 1, 1e-5);
        assert_near(along, 20 * 20 / 12.0, 0.5);
        assert_near(m.xx + m.yy - along, 0, 0.4);
        mgm_raster_release(&raster);
    }
}

static void test_one_stays_one(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (float size = 0.1f; size < 30; size *= 1.7f) {
            struct mgm_raster raster = filled(3, 1);
            assert_int_equal(kind == 0   ? mgm_blur_gaussian(&context, &raster, size)
                             : kind == 1 ? mgm_blur_disc(&context, &raster, size)
                                         : mgm_blur_motion(&context, &raster, size, size),
                             MGM_OK);
            for (int i = 0; i < SIDE * SIDE * 3; i++)
                assert_true(raster.data[i] == 1);
            mgm_raster_release(&raster);
        }
}

static void test_smallest_picture(void **state)
{
    (void)state;
    float value = 0.3f;
    struct mgm_raster raster = {1, 1, 1, &value};
    assert_int_equal(mgm_blur_gaussian(&context, &raster, 5), MGM_OK);
    assert_int_equal(mgm_blur_disc(&context, &raster, 5), MGM_OK);
    assert_int_equal(mgm_blur_motion(&context, &raster, 5, 1), MGM_OK);
    assert_near(value, 0.3, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian),         cmocka_unit_test(test_disc),
        cmocka_unit_test(test_motion),           cmocka_unit_test(test_one_stays_one),
        cmocka_unit_test(test_smallest_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
