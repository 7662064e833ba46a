/* The published recipe: what it promises of masks, colours and crops, and that a sample depends on its number alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"
#include "sample_fixture.h"

#include "image/colour.h"
#include "train/published.h"

#include <math.h>
#include <string.h>

enum { SIDE = 128, CROP = 64, FOREGROUNDS = 26 };

static struct fixture *fixture;

static int set_up(void **state)
{
    (void)state;
    if (fixture_create(&fixture) != 0)
        return -1;
    return mgm_foreground_store_create(&fixture->ctx, fixture->library, 3, FOREGROUNDS, SIDE, NULL, 2, &fixture->store) ==
                   MGM_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_foreground_store_destroy(&fixture->store);
    return fixture_destroy(fixture);
}

static struct mgm_sample_settings recipe(void)
{
    struct mgm_sample_settings settings = mgm_sample_settings_defaults();
    settings.published = true;
    settings.compose_two = 0.5;
    settings.guidance.cutmask = 0.25;
    settings.guidance.kernel_max = 29;
    return settings;
}

/** Without accidents the image is exactly the composition; masks are binary; the trimap's known pixels are known. */
static void test_planes_fit_together(void **state)
{
    (void)state;
    const struct mgm_sample_settings settings = recipe();
    struct mgm_batch batch;
    assert_int_equal(mgm_batch_create(&fixture->ctx, 1, CROP, &batch), MGM_OK);
    const size_t count = (size_t)CROP * CROP;
    int with_unknown = 0;
    for (uint64_t number = 0; number < 24; number++) {
        assert_int_equal(mgm_sample_make(&fixture->ctx, fixture->store, &settings, 1, number, &batch, 0), MGM_OK);
        size_t unknown = 0, wrong = 0;
        for (size_t i = 0; i < count; i++) {
            const float alpha = batch.alpha[i];
            assert_true(alpha >= 0 && alpha <= 1);
            assert_true(batch.guidance[i] == 0 || batch.guidance[i] == 1);
            unknown += batch.unknown[i];
            wrong += !batch.unknown[i] && alpha > 0.2f && alpha < 0.8f;
            for (size_t c = 0; c < 3; c++) {
                const float fg = batch.fg[c * count + i], bg = batch.bg[c * count + i];
                assert_true(fg >= 0 && fg <= 1 && bg >= 0 && bg <= 1);
                assert_near(batch.image[c * count + i], alpha * fg + (1 - alpha) * bg, 1e-6);
            }
        }
        assert_true(wrong <= count / 50); /* the trimap is made at another resolution */
        with_unknown += unknown > 0;
    }
    assert_true(with_unknown >= 18); /* crops lie around unknown pixels where there are some */
    mgm_batch_release(&batch);
}

/** As often as it says; with a probability of 0.5 all of 100 lie within five standard deviations. */
static void test_two_foregrounds(void **state)
{
    (void)state;
    struct mgm_sample_settings settings = recipe();
    struct mgm_batch batch;
    struct mgm_sample_facts facts;
    assert_int_equal(mgm_batch_create(&fixture->ctx, 1, CROP, &batch), MGM_OK);
    for (int k = 0; k < 3; k++) {
        int two = 0;
        settings.compose_two = 0.5 * k;
        for (uint64_t number = 0; number < 100; number++) {
            struct mgm_random random = mgm_random_stream(6, number);
            assert_int_equal(mgm_published_sample(&fixture->ctx, fixture->store, &settings, &random, &batch, 0, &facts),
                             MGM_OK);
            two += facts.second >= 0;
        }
        assert_in_range(two, k == 2 ? 100 : 25 * k, k == 0 ? 0 : k == 1 ? 75 : 100);
    }
    mgm_batch_release(&batch);
}

static void test_samples_depend_on_their_number(void **state)
{
    (void)state;
    struct mgm_sample_settings settings = recipe();
    settings.real_world = 0.5;
    struct mgm_batch batch;
    assert_int_equal(mgm_batch_create(&fixture->ctx, 3, CROP, &batch), MGM_OK);
    assert_int_equal(mgm_sample_make(&fixture->ctx, fixture->store, &settings, 1, 7, &batch, 0), MGM_OK);
    assert_int_equal(mgm_sample_make(&fixture->ctx, fixture->store, &settings, 1, 8, &batch, 1), MGM_OK);
    assert_int_equal(mgm_sample_make(&fixture->ctx, fixture->store, &settings, 1, 7, &batch, 2), MGM_OK);
    const size_t bytes = 3 * (size_t)CROP * CROP * sizeof(float);
    assert_memory_equal(batch.image, (char *)batch.image + 2 * bytes, bytes);
    assert_memory_equal(batch.guidance, (char *)batch.guidance + 2 * bytes / 3, bytes / 3);
    assert_memory_not_equal(batch.image, (char *)batch.image + bytes, bytes);
    mgm_batch_release(&batch);
}

/** A matte that is all foreground stays so under every threshold and ellipse; CutMask copies what is there. */
static void test_masks(void **state)
{
    (void)state;
    enum { W = 90, H = 50 };
    struct mgm_guidance_settings settings = {.kernel_max = 29};
    struct mgm_raster alpha;
    static uint8_t unknown[W * H], mask[W * H], cut[W * H];
    assert_int_equal(mgm_raster_create(&fixture->ctx, W, H, 1, &alpha), MGM_OK);
    for (int i = 0; i < W * H; i++)
        alpha.data[i] = 1;
    struct mgm_random random = mgm_random_stream(1, 2);
    assert_int_equal(mgm_published_masks(&fixture->ctx, &random, &settings, &alpha, unknown, mask), MGM_OK);
    for (int i = 0; i < W * H; i++)
        assert_true(mask[i] == 1 && unknown[i] == 0);
    for (int i = 0; i < W * H; i++)
        alpha.data[i] = i % W < W / 2 ? 1 : 0;
    int changed = 0;
    for (uint64_t key = 0; key < 20; key++) {
        struct mgm_random one = mgm_random_stream(5, key), two = one;
        settings.cutmask = 0;
        assert_int_equal(mgm_published_masks(&fixture->ctx, &one, &settings, &alpha, unknown, mask), MGM_OK);
        settings.cutmask = 1;
        assert_int_equal(mgm_published_masks(&fixture->ctx, &two, &settings, &alpha, unknown, cut), MGM_OK);
        int differ = 0, border = 0;
        for (int i = 0; i < W * H; i++) {
            differ += mask[i] != cut[i];
            border += unknown[i];
        }
        assert_true(border > 0 && border < W * H / 2); /* α is 0 or 1 everywhere: a band along the edge */
        assert_true(differ <= (H / 2) * (W / 2));      /* no more than the largest patch */
        changed += differ > 0;
    }
    assert_true(changed >= 5);
    mgm_raster_release(&alpha);
}

/** The least and the largest of many draws. */
struct range {
    double least, most;
};

static void see(struct range *range, double value)
{
    range->least = fmin(range->least, value);
    range->most = fmax(range->most, value);
}

/** Within those limits, and within a twentieth of their distance of both. */
static void check_range(struct range seen, double least, double most)
{
    const double slack = (most - least) / 20;
    if (!(seen.least >= least - 1e-4 && seen.least <= least + slack && seen.most <= most + 1e-4 &&
          seen.most >= most - slack))
        fail_msg("from %g to %g, expected %g to %g", seen.least, seen.most, least, most);
}

/**
 * Scales, shear and rotation, read off the maps. With rotation θ, shear s and p = θ + s the linear part is
 * [x cos θ, x sin p; −y sin θ, y cos p] / cos s, x and y being the inverted scales, negative where flipped.
 */
static void check_maps(int width, int height, double rotation)
{
    struct range scale_x = {9, 0}, scale_y = {9, 0}, shear = {9, -9}, angle = {99, -99};
    int flipped[2] = {0};
    enum { DRAWS = 1000 };
    for (uint64_t key = 0; key < DRAWS; key++) {
        struct mgm_random random = mgm_random_stream(12, key);
        float m[6];
        mgm_published_map(&random, width, height, m);
        const double degree = 0.017453292519943295;
        const double of_x = (double)m[1] / (double)m[0], of_y = -(double)m[3] / (double)m[4];
        const double sine = of_y * sqrt((1 - of_x * of_x) / (1 - of_x * of_x * of_y * of_y));
        const double theta = asin(sine), s = asin(of_x * cos(theta)) - theta;
        see(&angle, theta / degree);
        see(&shear, s / degree);
        see(&scale_x, fabs(cos(theta) / cos(s) / (double)m[0]));
        see(&scale_y, fabs(cos(theta + s) / cos(s) / (double)m[4]));
        flipped[0] += m[0] < 0;
        flipped[1] += m[4] < 0;
        const double x = width / 2.0, y = height / 2.0; /* the middle stays */
        assert_near((double)m[0] * x + (double)m[1] * y + (double)m[2], x, 1e-3 * width);
        assert_near((double)m[3] * x + (double)m[4] * y + (double)m[5], y, 1e-3 * height);
    }
    check_range(scale_x, 0.8, 1.25);
    check_range(scale_y, 0.8, 1.25);
    check_range(shear, -10, 10);
    check_range(angle, -rotation, rotation);
    for (int i = 0; i < 2; i++)
        assert_in_range(flipped[i], DRAWS / 2 - 80, DRAWS / 2 + 80); /* five standard deviations */
}

static void test_affine(void **state)
{
    (void)state;
    check_maps(1023, 600, 0);
    check_maps(1024, 600, 30);
    check_maps(600, 1500, 30);
}

/** One foreground in four is first made 640 × 640: of 200, 50 give or take five standard deviations. */
static void test_resized(void **state)
{
    (void)state;
    const struct mgm_sample_settings settings = recipe();
    struct mgm_batch batch;
    struct mgm_sample_facts facts;
    int resized = 0;
    assert_int_equal(mgm_batch_create(&fixture->ctx, 1, CROP, &batch), MGM_OK);
    for (uint64_t number = 0; number < 200; number++) {
        struct mgm_random random = mgm_random_stream(8, number);
        assert_int_equal(mgm_published_sample(&fixture->ctx, fixture->store, &settings, &random, &batch, 0, &facts), MGM_OK);
        resized += facts.resized;
    }
    assert_in_range(resized, 20, 80);
    mgm_batch_release(&batch);
}

/** Hue turns by whole degrees; saturation and value move by less than a tenth of 1.1; all pixels alike. */
static void test_jitter(void **state)
{
    (void)state;
    struct range turns = {99, -99};
    for (uint64_t key = 0; key < 2000; key++) {
        struct mgm_random random = mgm_random_stream(9, key);
        float colour[3 * 2] = {0.7f, 0.2f, 0.4f, 0.5f, 0.3f, 0.6f}; /* planes of two pixels */
        const float alpha[2] = {1, 0}, before[3] = {0.7f, 0.4f, 0.3f};
        float was[3], is[3], now[3];
        mgm_hsv_jitter(&random, alpha, 2, colour);
        for (int c = 0; c < 3; c++)
            now[c] = colour[2 * c];
        mgm_rgb_to_hsv(before, was);
        mgm_rgb_to_hsv(now, is);
        double turn = 360 * ((double)is[0] - (double)was[0]);
        turn -= 360 * round(turn / 360);
        see(&turns, turn);
        assert_near(turn, round(turn), 1e-2);
        assert_true(fabs(is[1] - was[1]) <= (1.1 - was[1]) / 10 + 1e-4);
        assert_true(fabs(is[2] - was[2]) <= (1.1 - was[2]) / 10 + 1e-4);
    }
    assert_near(turns.least, -40, 1e-2);
    assert_near(turns.most, 39, 1e-2);
}

static void test_accidents(void **state)
{
    (void)state;
    enum { SIZE = 32 };
    static float image[3 * SIZE * SIZE], kept[3 * SIZE * SIZE];
    int same = 0;
    for (int i = 0; i < 3 * SIZE * SIZE; i++)
        kept[i] = (float)(i * 37 % 256) / 255;
    for (uint64_t key = 0; key < 60; key++) {
        struct mgm_random random = mgm_random_stream(4, key);
        memcpy(image, kept, sizeof image);
        assert_int_equal(mgm_real_world(&fixture->ctx, &random, image, SIZE), MGM_OK);
        for (int i = 0; i < 3 * SIZE * SIZE; i++)
            assert_true(image[i] >= 0 && image[i] <= 1);
        same += !memcmp(image, kept, sizeof image);
    }
    assert_true(same >= 3 && same <= 25); /* none of the four: one time in five */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planes_fit_together),
        cmocka_unit_test(test_two_foregrounds),
        cmocka_unit_test(test_samples_depend_on_their_number),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_affine),
        cmocka_unit_test(test_resized),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_accidents),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
