/* Samples for the colour network: what they are made of. */
#include "sample_fixture.h"

#include "matting/foreground_fast.h"
#include "train/sample.h"

#include <math.h>

enum { N = 6, SIZE = 64, PLANE = SIZE * SIZE };

static struct mgm_sample_settings settings_of(double ordinary, double alpha_errors, double hidden)
{
    struct mgm_sample_settings settings = mgm_sample_settings_defaults();
    settings.task = MGM_TASK_FOREGROUND;
    settings.blend = (struct mgm_blend_settings){ordinary, alpha_errors, hidden};
    settings.camera = (struct mgm_camera_settings){0};
    return settings;
}

static struct mgm_batch make(struct fixture *f, const struct mgm_sample_settings *settings, uint64_t first)
{
    struct mgm_batch batch;
    assert_int_equal(mgm_batch_create(&f->ctx, N, SIZE, &batch), MGM_OK);
    for (int i = 0; i < N; i++)
        if (mgm_sample_make(&f->ctx, f->store, settings, 4, first + (uint64_t)i, &batch, i) != MGM_OK)
            fail_msg("%s", f->ctx.error);
    return batch;
}

static void test_composites_are_exact(void **state)
{
    struct fixture *f = *state;
    const struct mgm_sample_settings settings = settings_of(0.5, 0, 0.5);
    struct mgm_batch batch = make(f, &settings, 0);
    size_t mixed = 0;
    for (size_t i = 0; i < 3 * (size_t)N * PLANE; i++) {
        const size_t pixel = i / (3 * PLANE) * PLANE + i % PLANE;
        const double a = (double)batch.alpha[pixel];
        assert_true(fabs(a * (double)batch.fg[i] + (1 - a) * (double)batch.bg[i] - (double)batch.image[i]) < 1e-5);
        assert_true(fabs((double)batch.guidance[pixel] - a) <= 0.5 / 255 + 1e-6); /* as files have it */
        assert_true(batch.fg[i] >= 0 && batch.fg[i] <= 1);
        mixed += a > 0.02 && a < 0.98;
    }
    assert_true(mixed > 0.02 * 3 * N * PLANE);
    mgm_batch_release(&batch);
}

static void test_where_colours_are_judged(void **state)
{
    struct fixture *f = *state;
    const struct mgm_sample_settings everywhere = settings_of(0, 0, 1), seen = settings_of(0, 0, 0);
    struct mgm_batch whole = make(f, &everywhere, 0), part = make(f, &seen, 0);
    for (size_t i = 0; i < (size_t)N * PLANE; i++) {
        assert_int_equal(whole.unknown[i], 1);
        assert_int_equal(part.unknown[i], part.alpha[i] > 0);
    }
    mgm_batch_release(&whole);
    mgm_batch_release(&part);
}

/* With random alpha blending the foreground is a photograph, which goes on where alpha is 0. */
static void test_independent_of_alpha(void **state)
{
    struct fixture *f = *state;
    const struct mgm_sample_settings settings = settings_of(0, 0, 1);
    struct mgm_batch batch = make(f, &settings, 0);
    for (int n = 0; n < N; n++) {
        double sums[2] = {0}, counts[2] = {0};
        for (size_t i = 0; i < PLANE; i++) {
            const int inside = batch.alpha[(size_t)n * PLANE + i] > 0.5f;
            counts[inside]++;
            for (size_t c = 0; c < 3; c++)
                sums[inside] += (double)batch.fg[(3 * (size_t)n + c) * PLANE + i];
        }
        if (counts[0] > 100) /* nobody has blackened it there */
            assert_true(sums[0] / counts[0] > 0.05);
    }
    mgm_batch_release(&batch);
}

static void test_alpha_with_errors(void **state)
{
    struct fixture *f = *state;
    const struct mgm_sample_settings settings = settings_of(0, 1, 1);
    struct mgm_batch batch = make(f, &settings, 0);
    double difference = 0, mixed = 0;
    for (size_t i = 0; i < (size_t)N * PLANE; i++) {
        assert_true(batch.guidance[i] >= 0 && batch.guidance[i] <= 1);
        difference += fabs((double)batch.guidance[i] - (double)batch.alpha[i]);
        mixed += batch.alpha[i] > 0 && batch.alpha[i] < 1;
    }
    assert_true(difference > 0.005 * mixed && difference < 0.3 * mixed);
    mgm_batch_release(&batch);
}

static void test_numbers_decide(void **state)
{
    struct fixture *f = *state;
    const struct mgm_sample_settings settings = settings_of(0.3, 0.5, 0.5);
    struct mgm_batch a = make(f, &settings, 10), b = make(f, &settings, 10), c = make(f, &settings, 11);
    const size_t bytes = 3 * (size_t)N * PLANE * sizeof(float);
    assert_memory_equal(a.image, b.image, bytes);
    assert_memory_equal(a.guidance, b.guidance, bytes / 3);
    assert_memory_not_equal(a.image, c.image, bytes);
    assert_memory_equal(a.image + 3 * PLANE, c.image, 3 * PLANE * sizeof(float)); /* sample 11 of either */
    mgm_batch_release(&a);
    mgm_batch_release(&b);
    mgm_batch_release(&c);
}

/* What the estimate was made of lies in the same places as the rest of the crop, and most mixed pixels are in it. */
static void test_estimates_belong_to_their_composites(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings settings = settings_of(0.3, 0, 0.5);
    struct mgm_batch batch;
    settings.task = MGM_TASK_REFINEMENT;
    assert_int_equal(mgm_batch_create_for(&f->ctx, MGM_TASK_REFINEMENT, N, SIZE, &batch), MGM_OK);
    double residual = 0, own = 0;
    size_t mixed = 0;
    for (int n = 0; n < N; n++) {
        assert_int_equal(mgm_sample_make(&f->ctx, f->store, &settings, 4, (uint64_t)n, &batch, n), MGM_OK);
        for (size_t i = 0; i < PLANE; i++) {
            const size_t at = (size_t)n * PLANE + i;
            const float a = batch.guidance[at], *estimate = batch.estimate + MGM_ESTIMATE_STRIDE * at;
            for (size_t c = 0; c < 3 && a > 0.1f && a < 0.9f; c++) {
                const size_t value = (3 * (size_t)n + c) * PLANE + i;
                assert_true(estimate[c] >= 0 && estimate[c] <= 1);
                residual += fabs((double)(a * estimate[c] + (1 - a) * estimate[MGM_ESTIMATE_B + c] - batch.image[value]));
                own += fabs((double)(batch.image[value] - batch.fg[value]));
                assert_true(fabsf(batch.alpha[at] * batch.fg[value] + (1 - batch.alpha[at]) * batch.bg[value] -
                                  batch.image[value]) < 1e-5f);
                mixed++;
            }
        }
    }
    assert_true(mixed > 0.02 * 3 * N * PLANE);
    assert_true(residual < 0.2 * own);
    mgm_batch_release(&batch);
}

static int set_up(void **state)
{
    struct fixture *f;
    if (fixture_create(&f) != 0)
        return -1;
    *state = f;
    return mgm_foreground_store_create(&f->ctx, f->library, 5, 8, 96, NULL, 1, &f->store) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mgm_foreground_store_destroy(&f->store);
    return fixture_destroy(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_composites_are_exact), cmocka_unit_test(test_where_colours_are_judged),
        cmocka_unit_test(test_independent_of_alpha), cmocka_unit_test(test_alpha_with_errors),
        cmocka_unit_test(test_numbers_decide),       cmocka_unit_test(test_estimates_belong_to_their_composites),
    };
    return cmocka_run_group_tests_name("blend", tests, set_up, tear_down);
}
