#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/schedule.h"

#include <math.h>

static void test_learning_rate(void **state)
{
    (void)state;
    /* The paper's run: 5,000 iterations up, 95,000 down. */
    assert_true(fabs(mgm_learning_rate(0, 100000, 0.05, 1e-3) - 1e-3 / 5000) < 1e-12);
    assert_true(fabs(mgm_learning_rate(2499, 100000, 0.05, 1e-3) - 0.5e-3) < 1e-12);
    assert_true(fabs(mgm_learning_rate(4999, 100000, 0.05, 1e-3) - 1e-3) < 1e-12);
    assert_true(fabs(mgm_learning_rate(5000, 100000, 0.05, 1e-3) - 1e-3) < 1e-12);
    assert_true(fabs(mgm_learning_rate(52500, 100000, 0.05, 1e-3) - 0.5e-3) < 1e-12);
    assert_true(mgm_learning_rate(99999, 100000, 0.05, 1e-3) < 1e-9);
    assert_true(mgm_learning_rate(200000, 100000, 0.05, 1e-3) == 0);
    assert_true(mgm_learning_rate(0, 10, 0, 1) == 1);
}

static void test_curriculum(void **state)
{
    (void)state;
    const struct mgm_curriculum curriculum = {0.05, 0.1};
    int heads = 0;
    for (int64_t i = 0; i < 5000; i++)
        assert_true(mgm_curriculum_uses_truth(&curriculum, 1, i, 100000));
    for (int64_t i = 5000; i < 15000; i++)
        heads += mgm_curriculum_uses_truth(&curriculum, 1, i, 100000);
    assert_in_range(heads, 4800, 5200);
    for (int64_t i = 15001; i < 100000; i += 97)
        assert_false(mgm_curriculum_uses_truth(&curriculum, 1, i, 100000));
}

static void test_coins_repeat_and_differ(void **state)
{
    (void)state;
    const struct mgm_curriculum mixed = {0, 1};
    int differ = 0;
    for (int64_t i = 0; i < 1000; i++) {
        bool coin = mgm_curriculum_uses_truth(&mixed, 1, i, 1000);
        assert_true(coin == mgm_curriculum_uses_truth(&mixed, 1, i, 1000));
        differ += coin != mgm_curriculum_uses_truth(&mixed, 2, i, 1000);
    }
    assert_in_range(differ, 400, 600);
}

static void test_crop_phases(void **state)
{
    (void)state;
    const struct mgm_crop_phase phases[3] = {{0.25, 128, 16}, {0.5, 192, 8}, {1, 256, 4}};
    assert_int_equal(mgm_crop_phase_at(phases, 3, 0, 1000), 0);
    assert_int_equal(mgm_crop_phase_at(phases, 3, 249, 1000), 0);
    assert_int_equal(mgm_crop_phase_at(phases, 3, 250, 1000), 1);
    assert_int_equal(mgm_crop_phase_at(phases, 3, 500, 1000), 2);
    assert_int_equal(mgm_crop_phase_at(phases, 3, 1000, 1000), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learning_rate),
        cmocka_unit_test(test_curriculum),
        cmocka_unit_test(test_coins_repeat_and_differ),
        cmocka_unit_test(test_crop_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
