/* Metrics on mattes small enough to be worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eval/metrics.h"
#include "eval/metrics_colour.h"
#include "near.h"

static const uint8_t matte[6] = {0, 255, 100, 51, 7, 255};
static const uint8_t truth[6] = {0, 0, 151, 0, 7, 204};
static const uint8_t trimap[6] = {0, 255, 128, 128, 128, 127};

static void test_whole_picture(void **state)
{
    (void)state;
    assert_near(mgm_metric_sad(matte, truth, NULL, 6), (1 + 3 * 0.2) / 1000, 1e-15);
    assert_near(mgm_metric_mse(matte, truth, NULL, 6), (1 + 3 * 0.04) / 6, 1e-15);
}

static void test_unknown_region_is_exactly_128(void **state)
{
    (void)state;
    assert_near(mgm_metric_sad(matte, truth, trimap, 6), 2 * 0.2 / 1000, 1e-15);
    assert_near(mgm_metric_mse(matte, truth, trimap, 6), 2 * 0.04 / 3, 1e-15);
}

static void test_parts_of_sad(void **state)
{
    (void)state;
    const uint8_t got[5] = {192, 63, 151, 49, 77}, wanted[5] = {243, 12, 100, 100, 77};
    double parts[MGM_SAD_PARTS];
    mgm_metric_sad_parts(got, wanted, NULL, 5, parts);
    for (int k = 0; k < MGM_SAD_PARTS; k++) /* each is one pixel that is wrong by a fifth */
        assert_near(parts[k], 0.2 / 1000, 1e-15);
    mgm_metric_sad_parts(matte, truth, trimap, 6, parts);
    assert_near(parts[MGM_SAD_ADDED], 0.2 / 1000, 1e-15);
    assert_near(parts[MGM_SAD_UNDER], 0.2 / 1000, 1e-15);
    assert_near(parts[MGM_SAD_LOST] + parts[MGM_SAD_OVER], 0, 0);
}

static void test_colours(void **state)
{
    (void)state;
    const uint8_t colours[9] = {255, 0, 51, 9, 9, 9, 102, 102, 102}, wanted[9] = {204, 0, 0, 200, 0, 0, 102, 102, 0};
    const uint8_t own_alpha[3] = {255, 51, 0}, true_alpha[3] = {255, 0, 51};
    const struct mgm_colour_scores scores = mgm_metric_colour(colours, own_alpha, wanted, true_alpha, 3);
    assert_near(scores.sad, (0.2 + 0.2 + 0.4) / 1000, 1e-15); /* the second pixel is not foreground */
    assert_near(scores.mse, (0.04 + 0.04 + 0.16) / 6, 1e-15);
    assert_near(scores.sad_blended, (0.4 + 3 * 0.2 * 9 / 255 + 0.2 * (0.4 + 0.4)) / 1000, 1e-15);
    assert_near(scores.mse_blended, (0.08 + 3 * 0.04 * 81 / 65025 + 0.04 * 0.32) / 9, 1e-15);
}

static void test_empty_region(void **state)
{
    (void)state;
    const uint8_t known[2] = {0, 255};
    assert_near(mgm_metric_sad(matte, truth, known, 2), 0, 0);
    assert_near(mgm_metric_mse(matte, truth, known, 2), 0, 0);
}

/* Sums stay exact where f32 would have lost them. */
static void test_large_sums(void **state)
{
    (void)state;
    enum { COUNT = 1 << 20 };
    static uint8_t ones[COUNT], zeros[COUNT];
    for (int i = 0; i < COUNT; i++)
        ones[i] = i % 2 ? 255 : 1;
    assert_near(mgm_metric_sad(ones, zeros, NULL, COUNT), COUNT * 128.0 / 255 / 1000, 1e-9);
    assert_near(mgm_metric_mse(zeros, ones, NULL, COUNT), (255.0 * 255 + 1) / 2 / (255.0 * 255), 1e-12);
}

/* A disc on a slope, one value in four of the trimap unknown. */
enum { H = 14, W = 19 };
static void draw(uint8_t picture[H * W], uint8_t unknown[H * W])
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            picture[y * W + x] = (uint8_t)((x - 9) * (x - 9) + (y - 7) * (y - 7) < 25 ? 80 : 5 * x);
            unknown[y * W + x] = y < H / 2 && x < W / 2 ? MGM_TRIMAP_UNKNOWN : 255;
        }
}

/* The definition: a 9 × 9 filter at one pixel, for a picture that is stretched already. */
static double slow_magnitude(const uint8_t *picture, int y, int x)
{
    double across = 0, down = 0, squares = 0;
    for (int dy = -4; dy <= 4; dy++)
        for (int dx = -4; dx <= 4; dx++) {
            const double bell = exp(-(dx * dx + dy * dy) / (2 * 1.4 * 1.4));
            const int sy = y + dy < 0 ? 0 : y + dy >= H ? H - 1 : y + dy, sx = x + dx < 0 ? 0 : x + dx >= W ? W - 1 : x + dx;
            squares += dx * bell * dx * bell;
            across += dx * bell * picture[sy * W + sx] / 255.0;
            down += dy * bell * picture[sy * W + sx] / 255.0;
        }
    return sqrt((across * across + down * down) / squares);
}

static void test_grad_of_a_picture_and_nothing(void **state)
{
    (void)state;
    uint8_t picture[H * W], unknown[H * W], grey[H * W];
    double whole = 0, part = 0, got = -1;
    draw(picture, unknown);
    for (int i = 0; i < H * W; i++) {
        picture[i] = (uint8_t)(picture[i] * 255 / 90); /* 0 … 255 */
        grey[i] = 77;
    }
    for (int i = 0; i < H * W; i++) {
        const double magnitude = slow_magnitude(picture, i / W, i % W);
        whole += magnitude * magnitude / 1000;
        part += unknown[i] == MGM_TRIMAP_UNKNOWN ? magnitude * magnitude / 1000 : 0;
    }
    assert_int_equal(mgm_metric_grad(NULL, picture, grey, NULL, H, W, &got), MGM_OK);
    assert_near(got, whole, 1e-12);
    assert_int_equal(mgm_metric_grad(NULL, picture, grey, unknown, H, W, &got), MGM_OK);
    assert_near(got, part, 1e-12);
}

/* Either matte is stretched by its own extremes. */
static void test_grad_ignores_contrast(void **state)
{
    (void)state;
    uint8_t picture[H * W], unknown[H * W], brighter[H * W];
    double got = -1;
    draw(picture, unknown);
    for (int i = 0; i < H * W; i++)
        brighter[i] = (uint8_t)(2 * picture[i] + 30);
    assert_int_equal(mgm_metric_grad(NULL, picture, brighter, NULL, H, W, &got), MGM_OK);
    assert_near(got, 0, 1e-20);
    brighter[0] = 255;
    assert_int_equal(mgm_metric_grad(NULL, picture, brighter, NULL, H, W, &got), MGM_OK);
    assert_true(got > 1e-6);
}

static double conn(const uint8_t *got, const uint8_t *want, const uint8_t *unknown, int h, int w)
{
    double value = -1;
    assert_int_equal(mgm_metric_conn(NULL, got, want, unknown, h, w, &value), MGM_OK);
    return value;
}

/* Right of the gap all is cut off in both: only where values differ does it count. */
static void test_conn_of_a_gap(void **state)
{
    (void)state;
    static const uint8_t gap[7] = {255, 255, 255, 0, 255, 255, 0}, full[7] = {255, 255, 255, 255, 255, 255, 255};
    static const uint8_t unknown[7] = {128, 128, 128, 128, 128, 128, 0};
    assert_near(conn(gap, full, NULL, 1, 7), 2.0 / 1000, 1e-15);
    assert_near(conn(gap, full, unknown, 1, 7), 1.0 / 1000, 1e-15);
    assert_near(conn(gap, full, NULL, 7, 1), 2.0 / 1000, 1e-15);
    assert_near(conn(full, full, NULL, 1, 7), 0, 0);
}

/* What stands less than 0.15 above its level counts as connected; 51 is 0.2 exactly and reaches it. */
static void test_conn_near_a_level(void **state)
{
    (void)state;
    static const uint8_t lower[2] = {51, 51}, a_little[2] = {89, 51}, enough[2] = {90, 51};
    assert_near(conn(a_little, lower, NULL, 1, 2), 0, 0);
    assert_near(conn(enough, lower, NULL, 1, 2), 39.0 / 255 / 1000, 1e-15);
}

/* Two single pixels: the one further left is the component, not the one further up. */
static void test_conn_goes_down_the_columns(void **state)
{
    (void)state;
    static const uint8_t left_differs[6] = {0, 0, 255, /**/ 255, 0, 0}, truth_left[6] = {0, 0, 255, /**/ 230, 0, 0};
    static const uint8_t truth_right[6] = {0, 0, 230, /**/ 255, 0, 0};
    assert_near(conn(left_differs, truth_left, NULL, 2, 3), 0, 0);
    assert_near(conn(left_differs, truth_right, NULL, 2, 3), 25.0 / 255 / 1000, 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_picture),
        cmocka_unit_test(test_unknown_region_is_exactly_128),
        cmocka_unit_test(test_parts_of_sad),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_empty_region),
        cmocka_unit_test(test_large_sums),
        cmocka_unit_test(test_grad_of_a_picture_and_nothing),
        cmocka_unit_test(test_grad_ignores_contrast),
        cmocka_unit_test(test_conn_of_a_gap),
        cmocka_unit_test(test_conn_near_a_level),
        cmocka_unit_test(test_conn_goes_down_the_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
