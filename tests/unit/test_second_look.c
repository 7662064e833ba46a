/* Guidance by the network's own matte: in which samples, and where it would tell nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "train/second_look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40, SIZE = 64, PLANE = SIZE * SIZE };

static struct mgm_batch batch;
static struct mgm_second_look *look;
static float mattes[N * PLANE];

/** Alpha is a disc; the mask is a larger one, the mattes a smaller one. */
static int set_up(void **state)
{
    (void)state;
    if (mgm_batch_create(NULL, N, SIZE, &batch) != MGM_OK || mgm_second_look_create(NULL, N, SIZE, &look) != MGM_OK)
        return -1;
    for (int i = 0; i < N * PLANE; i++) {
        const double away = hypot(i % SIZE - SIZE / 2, i % PLANE / SIZE - SIZE / 2);
        batch.alpha[i] = away < 20;
        batch.guidance[i] = away < 22;
        mattes[i] = away < 18;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_second_look_destroy(&look);
    mgm_batch_release(&batch);
    return 0;
}

static double area(const float *plane)
{
    double sum = 0;
    for (int i = 0; i < PLANE; i++)
        sum += (double)plane[i];
    return sum;
}

static void half_of_the_samples_follow_the_matte(void **state)
{
    (void)state;
    struct mgm_batch again, same;
    static float first[N * PLANE];
    int followed = 0, softer = 0;
    mgm_second_look_at(look, 3, 1000, &batch, mattes, &again);
    assert_true(again.image == batch.image && again.alpha == batch.alpha && again.guidance != batch.guidance);
    for (int i = 0; i < N; i++) {
        const float *guidance = again.guidance + i * PLANE;
        const bool kept = memcmp(guidance, batch.guidance + i * PLANE, PLANE * sizeof *guidance) == 0;
        followed += !kept;
        if (kept)
            continue;
        assert_true(fabs(area(guidance) - area(mattes)) < 0.03 * area(mattes)); /* enlarged, it is as large as it was */
        softer += memcmp(guidance, mattes, PLANE * sizeof *guidance) != 0;
    }
    assert_in_range(followed, N / 4, 3 * N / 4);
    assert_true(softer > 0 && softer < followed); /* of smaller copies, and of the same size */
    memcpy(first, again.guidance, sizeof first);
    mgm_second_look_at(look, 3, 1000, &batch, mattes, &same);
    assert_memory_equal(first, same.guidance, sizeof first);
    mgm_second_look_at(look, 3, 1040, &batch, mattes, &same);
    assert_memory_not_equal(first, same.guidance, sizeof first);
}

static void a_matte_that_lost_the_thing_guides_nothing(void **state)
{
    (void)state;
    static float nothing[N * PLANE];
    struct mgm_batch again;
    mgm_second_look_at(look, 3, 0, &batch, nothing, &again);
    assert_memory_equal(again.guidance, batch.guidance, sizeof nothing);
}

static void iterations_look_twice_as_often_as_asked(void **state)
{
    (void)state;
    int due = 0;
    for (int64_t i = 0; i < 2000; i++) {
        due += mgm_second_look_is_due(1, i, 0.25);
        assert_false(mgm_second_look_is_due(1, i, 0));
        assert_true(mgm_second_look_is_due(1, i, 1));
    }
    assert_in_range(due, 420, 580);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_the_samples_follow_the_matte),
        cmocka_unit_test(a_matte_that_lost_the_thing_guides_nothing),
        cmocka_unit_test(iterations_look_twice_as_often_as_asked),
    };
    return cmocka_run_group_tests_name("second look", tests, set_up, tear_down);
}
