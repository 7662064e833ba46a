/* Metrics on mattes small enough to be worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eval/metrics.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_picture),
        cmocka_unit_test(test_unknown_region_is_exactly_128),
        cmocka_unit_test(test_empty_region),
        cmocka_unit_test(test_large_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
