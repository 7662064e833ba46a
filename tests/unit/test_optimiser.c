/* The optimiser's rules one by one; the steps themselves are compared with published numbers in tests/parity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/optimiser.h"

#include <math.h>
#include <string.h>

/** The first step of Adam is the learning rate times the sign, whatever the gradient's size. */
static void test_first_step(void **state)
{
    (void)state;
    struct mgm_optimiser optimiser;
    struct mgm_optimiser_settings settings = mgm_optimiser_settings_defaults();
    assert_int_equal(mgm_optimiser_create(NULL, 3, &optimiser), MGM_OK);
    float values[3] = {1, 1, 1};
    const float gradients[3] = {100, -0.01f, 0};
    double norm = mgm_optimiser_step(&optimiser, &settings, 0.125, 1, gradients, values);
    assert_true(fabs(norm - sqrt(10000.0001)) < 1e-6);
    assert_true(optimiser.average_norm == norm);
    assert_true(fabs((double)values[0] - 0.875) < 1e-6 && fabs((double)values[1] - 1.125) < 1e-5 && values[2] == 1);
    mgm_optimiser_release(&optimiser);
}

/** A gradient a hundred times the average counts as one of twice the average, and enters the average unclipped. */
static void test_clipping(void **state)
{
    (void)state;
    struct mgm_optimiser clipped, plain;
    struct mgm_optimiser_settings settings = mgm_optimiser_settings_defaults(), off = settings;
    off.clip_factor = 0;
    assert_int_equal(mgm_optimiser_create(NULL, 2, &clipped), MGM_OK);
    assert_int_equal(mgm_optimiser_create(NULL, 2, &plain), MGM_OK);
    float a[2] = {0}, b[2] = {0};
    const float first[2] = {3, 4}, large[2] = {300, 400}, twice[2] = {6, 8};
    mgm_optimiser_step(&clipped, &settings, 0.1, 1, first, a);
    mgm_optimiser_step(&plain, &off, 0.1, 1, first, b);
    assert_true(mgm_optimiser_step(&clipped, &settings, 0.1, 1, large, a) == 500);
    mgm_optimiser_step(&plain, &off, 0.1, 1, twice, b);
    for (int i = 0; i < 2; i++)
        assert_true(fabs((double)a[i] - (double)b[i]) < 1e-6);
    assert_true(fabs(clipped.average_norm - (0.999 * 5 + 0.001 * 500)) < 1e-9);
    mgm_optimiser_release(&clipped);
    mgm_optimiser_release(&plain);
}

static void test_infinite_gradient_changes_nothing(void **state)
{
    (void)state;
    struct mgm_optimiser optimiser;
    struct mgm_optimiser_settings settings = mgm_optimiser_settings_defaults();
    assert_int_equal(mgm_optimiser_create(NULL, 2, &optimiser), MGM_OK);
    float values[2] = {1, 2};
    const float gradients[2] = {1, INFINITY};
    assert_false(isfinite(mgm_optimiser_step(&optimiser, &settings, 0.1, 1, gradients, values)));
    assert_true(values[0] == 1 && values[1] == 2 && optimiser.steps == 0 && optimiser.average_norm == 0);
    mgm_optimiser_release(&optimiser);
}

static void test_decay_is_decoupled(void **state)
{
    (void)state;
    struct mgm_optimiser optimiser;
    struct mgm_optimiser_settings settings = mgm_optimiser_settings_defaults();
    settings.weight_decay = 0.5;
    assert_int_equal(mgm_optimiser_create(NULL, 1, &optimiser), MGM_OK);
    float value = 4;
    const float zero = 0;
    mgm_optimiser_step(&optimiser, &settings, 0.25, 1, &zero, &value);
    assert_true(fabs((double)value - 4 * (1 - 0.125)) < 1e-6);
    mgm_optimiser_release(&optimiser);
}

/** The number of threads must not change the result. */
static void test_threads_agree(void **state)
{
    (void)state;
    enum { COUNT = 50001 };
    static float gradients[COUNT], one[COUNT], three[COUNT];
    struct mgm_optimiser a, b;
    struct mgm_optimiser_settings settings = mgm_optimiser_settings_defaults();
    assert_int_equal(mgm_optimiser_create(NULL, COUNT, &a), MGM_OK);
    assert_int_equal(mgm_optimiser_create(NULL, COUNT, &b), MGM_OK);
    for (int step = 0; step < 3; step++) {
        for (int i = 0; i < COUNT; i++)
            gradients[i] = sinf((float)(i * (step + 1)));
        double x = mgm_optimiser_step(&a, &settings, 0.1, 1, gradients, one);
        double y = mgm_optimiser_step(&b, &settings, 0.1, 3, gradients, three);
        assert_true(x == y);
    }
    assert_memory_equal(one, three, sizeof one);
    mgm_optimiser_release(&a);
    mgm_optimiser_release(&b);
}

static void test_average(void **state)
{
    (void)state;
    float average[2] = {1, -1};
    const float values[2] = {3, -1};
    mgm_average_update(average, values, 2, 0.75, 2);
    assert_true(average[0] == 1.5f && average[1] == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_infinite_gradient_changes_nothing),
        cmocka_unit_test(test_decay_is_decoupled),
        cmocka_unit_test(test_threads_agree),
        cmocka_unit_test(test_average),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
