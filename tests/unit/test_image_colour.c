/* Colour spaces: known colours, there and back, tables against formulae. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

#include "base/random.h"
#include "image/colour.h"

static struct mgm_context context = {.threads = 1};

static struct mgm_raster noise(int side, int channels)
{
    struct mgm_random random = mgm_random_stream(4, 4);
    struct mgm_raster raster;
    assert_int_equal(mgm_raster_create(&context, side, side, channels, &raster), MGM_OK);
    for (int i = 0; i < side * side * channels; i++)
        raster.data[i] = (float)mgm_random_unit(&random);
    return raster;
}

static void check_hsv(float r, float g, float b, float h, float s, float v)
{
    const float rgb[3] = {r, g, b};
    float hsv[3], back[3];
    mgm_rgb_to_hsv(rgb, hsv);
    assert_near(hsv[0], h, 1e-6);
    assert_near(hsv[1], s, 1e-6);
    assert_near(hsv[2], v, 1e-6);
    mgm_hsv_to_rgb(hsv, back);
    for (int c = 0; c < 3; c++)
        assert_near(back[c], rgb[c], 1e-6);
}

static void test_hsv_of_known_colours(void **state)
{
    (void)state;
    check_hsv(0, 0, 0, 0, 0, 0);
    check_hsv(0.5f, 0.5f, 0.5f, 0, 0, 0.5f);
    check_hsv(1, 0, 0, 0, 1, 1);
    check_hsv(0, 1, 0, 1 / 3.0f, 1, 1);
    check_hsv(0, 0, 1, 2 / 3.0f, 1, 1);
    check_hsv(0.5f, 0.25f, 0.5f, 5 / 6.0f, 0.5f, 0.5f);
    const float beyond[3] = {-2 / 3.0f, 2, 1};
    float rgb[3];
    mgm_hsv_to_rgb(beyond, rgb);
    assert_near(rgb[0], 0, 1e-5);
    assert_near(rgb[1], 1, 1e-5);
    assert_near(rgb[2], 0, 1e-5);
}

static void test_hsv_there_and_back(void **state)
{
    (void)state;
    struct mgm_raster raster = noise(50, 4), copy = noise(50, 4);
    mgm_raster_rgb_to_hsv(&raster);
    for (int i = 0; i < 50 * 50 * 4; i += 4)
        assert_true(raster.data[i] >= 0 && raster.data[i] < 1);
    mgm_raster_hsv_to_rgb(&raster);
    for (int i = 0; i < 50 * 50 * 4; i++)
        assert_near(raster.data[i], copy.data[i], 2e-6);
    mgm_raster_release(&raster);
    mgm_raster_release(&copy);
}

static void test_linear_light(void **state)
{
    (void)state;
    float table[256];
    mgm_srgb_table(table);
    assert_near(table[0], 0, 0);
    assert_near(table[255], 1, 1e-6);
    assert_near(table[188], 0.502886, 1e-5);
    assert_near(mgm_srgb_to_linear(0.04f), 0.04 / 12.92, 1e-7);
    assert_near(mgm_linear_to_srgb(0.5f), 0.735357, 1e-5);
    assert_near(mgm_linear_to_srgb(7), 1, 1e-6);
    assert_near(mgm_srgb_to_linear(-1), 0, 0);
}

static void test_rasters_use_the_same_formulae(void **state)
{
    (void)state;
    for (int side = 5; side <= 100; side += 95) { /* small ones without the table, large ones with it */
        struct mgm_raster raster = noise(side, 4), copy = noise(side, 4);
        mgm_raster_srgb_to_linear(&raster);
        for (int i = 0; i < side * side * 4; i++)
            assert_near(raster.data[i], i % 4 == 3 ? copy.data[i] : mgm_srgb_to_linear(copy.data[i]), 1e-5);
        mgm_raster_linear_to_srgb(&raster);
        for (int i = 0; i < side * side * 4; i++)
            assert_near(raster.data[i], copy.data[i], 1e-4);
        mgm_raster_release(&raster);
        mgm_raster_release(&copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hsv_of_known_colours),
        cmocka_unit_test(test_hsv_there_and_back),
        cmocka_unit_test(test_linear_light),
        cmocka_unit_test(test_rasters_use_the_same_formulae),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
