/* Resizing and affine warping: positions, borders and averages that are known by thought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

#include "base/random.h"
#include "image/resize.h"
#include "image/warp.h"

#include <math.h>
#include <string.h>

static struct mgm_context context = {.threads = 2};

static struct mgm_raster noise(int width, int height, int channels)
{
    struct mgm_random random = mgm_random_stream(3, (uint64_t)(width * height));
    struct mgm_raster raster;
    assert_int_equal(mgm_raster_create(&context, width, height, channels, &raster), MGM_OK);
    for (int i = 0; i < width * height * channels; i++)
        raster.data[i] = (float)mgm_random_int(&random, 0, 255) / 255.0f;
    return raster;
}

/* value = 0.1 + 0.01 x + 0.02 y at the pixel centres, plus 0.1 per channel. */
static struct mgm_raster ramp(int width, int height, int channels)
{
    struct mgm_raster raster;
    assert_int_equal(mgm_raster_create(&context, width, height, channels, &raster), MGM_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                raster.data[(y * width + x) * channels + c] =
                    0.1f + 0.01f * ((float)x + 0.5f) + 0.02f * ((float)y + 0.5f) + 0.1f * (float)c;
    return raster;
}

static void test_same_size_is_identity(void **state)
{
    (void)state;
    struct mgm_raster src = noise(13, 9, 3), dst;
    for (int filter = MGM_FILTER_NEAREST; filter <= MGM_FILTER_AREA; filter++) {
        assert_int_equal(mgm_resize(&context, &src, 13, 9, (enum mgm_filter)filter, &dst), MGM_OK);
        for (int i = 0; i < 13 * 9 * 3; i++)
            assert_near(dst.data[i], src.data[i], 1e-6);
        mgm_raster_release(&dst);
    }
    mgm_raster_release(&src);
}

static void test_ramp_stays_a_ramp(void **state)
{
    (void)state;
    struct mgm_raster src = ramp(20, 16, 2), dst;
    for (int filter = MGM_FILTER_LINEAR; filter <= MGM_FILTER_LANCZOS; filter++) {
        assert_int_equal(mgm_resize(&context, &src, 33, 50, (enum mgm_filter)filter, &dst), MGM_OK);
        for (int y = 15; y < 35; y++)
            for (int x = 9; x < 24; x++) {
                float want = 0.1f + 0.01f * ((float)x + 0.5f) * 20 / 33 + 0.02f * ((float)y + 0.5f) * 16 / 50 + 0.1f;
                /* The longer kernels reproduce ramps but for a twentieth of a pixel. */
                assert_near(dst.data[(y * 33 + x) * 2 + 1], want, filter == MGM_FILTER_LINEAR ? 2e-6 : 1.5e-3);
            }
        mgm_raster_release(&dst);
    }
    mgm_raster_release(&src);
}

static void test_area_is_the_mean_of_what_is_covered(void **state)
{
    (void)state;
    float values[] = {1, 0, 0, 0, 1};
    struct mgm_raster src = {5, 1, 1, values}, dst;
    assert_int_equal(mgm_resize(&context, &src, 2, 1, MGM_FILTER_AREA, &dst), MGM_OK);
    assert_near(dst.data[0], 1 / 2.5, 1e-6);
    assert_near(dst.data[1], 1 / 2.5, 1e-6);
    mgm_raster_release(&dst);

    struct mgm_raster big = noise(83, 47, 3);
    double sum = 0, shrunk = 0;
    assert_int_equal(mgm_resize(&context, &big, 7, 5, MGM_FILTER_AREA, &dst), MGM_OK);
    for (int i = 0; i < 83 * 47 * 3; i++)
        sum += big.data[i] / (83.0 * 47 * 3);
    for (int i = 0; i < 7 * 5 * 3; i++)
        shrunk += dst.data[i] / (7.0 * 5 * 3);
    assert_near(sum, shrunk, 1e-6);
    mgm_raster_release(&dst);
    mgm_raster_release(&big);
}

static void test_bitmap_resizing_agrees_with_floats(void **state)
{
    (void)state;
    struct mgm_raster src = noise(40, 30, 3), want;
    struct mgm_bitmap bytes, got;
    assert_int_equal(mgm_bitmap_from_raster(&context, &src, &bytes), MGM_OK);
    static const int sizes[2][2] = {{17, 11}, {90, 71}};
    for (int i = 0; i < 2; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        assert_int_equal(mgm_resize_bitmap(&context, &bytes, width, height, &got), MGM_OK);
        assert_int_equal(mgm_resize(&context, &src, width, height, i ? MGM_FILTER_LINEAR : MGM_FILTER_AREA, &want), MGM_OK);
        for (int k = 0; k < width * height * 3; k++)
            assert_near(got.data[k], want.data[k] * 255, 0.501);
        mgm_bitmap_release(&got);
        mgm_raster_release(&want);
    }
    mgm_bitmap_release(&bytes);
    mgm_raster_release(&src);
}

static void test_warp_crops_turns_and_agrees_between_types(void **state)
{
    (void)state;
    struct mgm_raster src = noise(40, 30, 3), dst, from_bytes;
    struct mgm_bitmap bytes;
    assert_int_equal(mgm_bitmap_from_raster(&context, &src, &bytes), MGM_OK);
    assert_int_equal(mgm_raster_create(&context, 12, 10, 3, &dst), MGM_OK);
    assert_int_equal(mgm_raster_create(&context, 12, 10, 3, &from_bytes), MGM_OK);
    const float crop[6] = {1, 0, 5, 0, 1, 7}, quarter[6] = {0, 1, 5, -1, 0, 25}, any[6] = {1.3f, 0.4f, -3, -0.5f, 2.9f, 4};
    for (int filter = MGM_FILTER_NEAREST; filter <= MGM_FILTER_LANCZOS; filter++) {
        assert_int_equal(mgm_warp_affine(&context, &src, crop, (enum mgm_filter)filter, NAN, &dst), MGM_OK);
        for (int i = 0; i < 12 * 10 * 3; i++)
            assert_near(dst.data[i], src.data[((i / 36 + 7) * 40 + 5) * 3 + i % 36], 1e-6);
        assert_int_equal(mgm_warp_affine(&context, &src, quarter, (enum mgm_filter)filter, NAN, &dst), MGM_OK);
        for (int y = 0; y < 10; y++)
            for (int x = 0; x < 12; x++)
                assert_near(dst.data[(y * 12 + x) * 3], src.data[((24 - x) * 40 + 5 + y) * 3], 1e-6);
        for (int border = 0; border < 2; border++) {
            float outside = border ? 0.25f : NAN;
            assert_int_equal(mgm_warp_affine(&context, &src, any, (enum mgm_filter)filter, outside, &dst), MGM_OK);
            assert_int_equal(mgm_warp_affine_bitmap(&context, &bytes, any, (enum mgm_filter)filter, outside, &from_bytes),
                             MGM_OK);
            for (int i = 0; i < 12 * 10 * 3; i++)
                assert_near(dst.data[i], from_bytes.data[i], 2e-6);
        }
    }
    mgm_bitmap_release(&bytes);
    mgm_raster_release(&src);
    mgm_raster_release(&dst);
    mgm_raster_release(&from_bytes);
}

static void test_warp_outside(void **state)
{
    (void)state;
    struct mgm_raster src = noise(6, 5, 1), dst;
    assert_int_equal(mgm_raster_create(&context, 2, 1, 1, &dst), MGM_OK);
    for (int filter = MGM_FILTER_NEAREST; filter <= MGM_FILTER_LANCZOS; filter++) {
        const float away[6] = {1, 0, 1e30f, 0, 1, -40};
        assert_int_equal(mgm_warp_affine(&context, &src, away, (enum mgm_filter)filter, 0.5f, &dst), MGM_OK);
        assert_near(dst.data[0], 0.5, 1e-6);
        assert_int_equal(mgm_warp_affine(&context, &src, away, (enum mgm_filter)filter, NAN, &dst), MGM_OK);
        assert_near(dst.data[1], src.data[5], 1e-6);
    }
    /* A quarter of a pixel beyond the border's centres: blended with what is outside. */
    const float edge[6] = {1, 0, -0.25f, 0, 1, 0};
    assert_int_equal(mgm_warp_affine(&context, &src, edge, MGM_FILTER_LINEAR, 0, &dst), MGM_OK);
    assert_near(dst.data[0], 0.75f * src.data[0], 1e-6);
    struct mgm_raster other = noise(2, 2, 3);
    assert_int_equal(mgm_warp_affine(&context, &other, edge, MGM_FILTER_LINEAR, 0, &dst), MGM_E_SHAPE);
    mgm_raster_release(&other);
    mgm_raster_release(&src);
    mgm_raster_release(&dst);
}

/* Whether a pixel is certain is decided by comparing with 0 and 1. */
static void test_linear_keeps_full_coverage_exact(void **state)
{
    (void)state;
    struct mgm_bitmap src;
    struct mgm_raster dst;
    assert_int_equal(mgm_bitmap_create(&context, 64, 64, 1, &src), MGM_OK);
    assert_int_equal(mgm_raster_create(&context, 50, 50, 1, &dst), MGM_OK);
    memset(src.data, 255, 64 * 64);
    const float m[6] = {0.83f, 0.31f, 3.3f, -0.27f, 0.77f, 17.1f};
    assert_int_equal(mgm_warp_affine_bitmap(&context, &src, m, MGM_FILTER_LINEAR, NAN, &dst), MGM_OK);
    for (int i = 0; i < 50 * 50; i++)
        assert_true(dst.data[i] == 1.0f);
    mgm_bitmap_release(&src);
    mgm_raster_release(&dst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_size_is_identity),
        cmocka_unit_test(test_ramp_stays_a_ramp),
        cmocka_unit_test(test_area_is_the_mean_of_what_is_covered),
        cmocka_unit_test(test_bitmap_resizing_agrees_with_floats),
        cmocka_unit_test(test_warp_crops_turns_and_agrees_between_types),
        cmocka_unit_test(test_warp_outside),
        cmocka_unit_test(test_linear_keeps_full_coverage_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
