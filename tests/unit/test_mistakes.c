/* Mistakes in masks: blobs and straight ends, where and how large they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "train/mistakes.h"
#include "train/perturb.h"
#include "train/plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 96, COUNT = SIZE * SIZE };

struct planes {
    float alpha[COUNT], colour[3 * COUNT], guidance[COUNT], field[COUNT];
    float *scratch;
};

static int set_up(void **state)
{
    struct planes *p = calloc(1, sizeof *p);
    p->scratch = calloc(mgm_plane_scratch(SIZE), sizeof(float));
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) { /* a disc of radius 30 in the middle */
            const double away = hypot(x - SIZE / 2, y - SIZE / 2);
            p->alpha[y * SIZE + x] = (float)fmin(fmax(30.5 - away, 0), 1);
        }
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct planes *p = *state;
    free(p->scratch);
    free(p);
    return 0;
}

/** Blobs are of either kind, small, where they say, and never in a trimap. */
static void blobs_are_missing_inside_and_added_beside(void **state)
{
    struct planes *p = *state;
    struct mgm_context ctx = {.threads = 1};
    static uint8_t mask[COUNT], other[COUNT];
    const struct mgm_perturb_space space = {.field = p->field, .scratch = p->scratch, .mask = mask, .other = other};
    struct mgm_guidance_settings settings = {.blobs = 1, .kernel_max = 1};
    int missing_runs = 0, added_runs = 0;
    for (uint64_t run = 0; run < 200; run++) {
        struct mgm_random random = mgm_random_stream(5, run);
        settings.trimap_share = run % 2 ? 1 : 0;
        assert_int_equal(mgm_perturb_guidance(&ctx, &random, &settings, 0.01, p->alpha, NULL, SIZE, &space, p->guidance),
                         MGM_OK);
        int missing = 0, added = 0;
        for (int y = 0; y < SIZE; y++)
            for (int x = 0; x < SIZE; x++) {
                const double away = hypot(x - SIZE / 2, y - SIZE / 2);
                missing += away < 28 && p->guidance[y * SIZE + x] < 0.4f;
                added += away > 33 && p->guidance[y * SIZE + x] > 0.6f;
                assert_true(away < 33 + SIZE * 0.35 || p->guidance[y * SIZE + x] == 0);
            }
        assert_true(missing + added == 0 || !(run % 2));
        assert_true(missing + added < 3 * COUNT / 12); /* each at most 3.1416 · 0.09² · 2 · 1.25² of the crop */
        missing_runs += missing > 0;
        added_runs += added > 0;
    }
    assert_true(missing_runs > 50 && missing_runs < 95 && added_runs > 25 && added_runs < 90);
}

/** With an image a mistake stays within what has the colour where it began: here one of two halves. */
static void some_blobs_end_where_the_colour_does(void **state)
{
    struct planes *p = *state;
    struct mgm_random random = mgm_random_stream(6, 0);
    const struct mgm_mistakes m = {
        .random = &random, .size = SIZE, .alpha = p->alpha, .image = p->colour, .field = p->field, .scratch = p->scratch};
    int straight = 0, across = 0;
    for (int i = 0; i < 3 * COUNT; i++)
        p->colour[i] = i % SIZE < SIZE / 2 ? 0.2f : 0.8f;
    for (int run = 0; run < 300; run++) {
        memcpy(p->guidance, p->alpha, COUNT * sizeof(float));
        mgm_mistake_blobs(&m, p->guidance);
        int pairs = 0, one_side = 0; /* rows with a hole at the line between the colours: on both sides of it, or on one */
        for (int y = SIZE / 2 - 20; y < SIZE / 2 + 20; y++) {
            const float *middle = p->guidance + y * SIZE + SIZE / 2;
            pairs += middle[-1] == 0 && middle[0] == 0;
            one_side += (middle[-1] == 0) != (middle[0] == 0);
        }
        straight += one_side >= 4;
        across += pairs >= 4;
    }
    assert_true(straight > 15 && across > 15);
}

/** A line takes away or adds, no deeper than it may, and nothing where the mask does not reach. */
static void a_line_cuts_or_fills(void **state)
{
    struct planes *p = *state;
    struct mgm_random random = mgm_random_stream(7, 0);
    const struct mgm_mistakes m = {
        .random = &random, .size = SIZE, .alpha = p->alpha, .field = p->field, .scratch = p->scratch};
    int cuts = 0, fills = 0;
    for (int run = 0; run < 200; run++) {
        memcpy(p->guidance, p->alpha, COUNT * sizeof(float));
        mgm_mistake_line(&m, p->guidance);
        int missing = 0, added = 0;
        for (int i = 0; i < COUNT; i++) {
            const double away = hypot(i % SIZE - SIZE / 2, i / SIZE - SIZE / 2);
            missing += away < 28 && p->guidance[i] == 0;
            added += away > 33 && p->guidance[i] == 1;
            assert_true(away > 32 - SIZE * 0.015 * 7 - 2 || p->guidance[i] == 1);
        }
        assert_true(missing == 0 || added == 0);
        cuts += missing > 0;
        fills += added > 0;
    }
    assert_true(cuts > 30 && fills > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blobs_are_missing_inside_and_added_beside),
        cmocka_unit_test(some_blobs_end_where_the_colour_does),
        cmocka_unit_test(a_line_cuts_or_fills),
    };
    return cmocka_run_group_tests_name("mistakes", tests, set_up, tear_down);
}
