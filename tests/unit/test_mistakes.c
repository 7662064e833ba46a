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

enum { SIZE = 128, COUNT = SIZE * SIZE, RADIUS = 26 };

struct planes {
    double away[COUNT]; /* from the middle */
    float alpha[COUNT], colour[3 * COUNT], guidance[COUNT], field[COUNT];
    float *scratch;
};

static int set_up(void **state)
{
    struct planes *p = calloc(1, sizeof *p);
    p->scratch = calloc(mgm_plane_scratch(SIZE), sizeof(float));
    for (int i = 0; i < COUNT; i++) { /* a disc */
        p->away[i] = hypot(i % SIZE - SIZE / 2, i / SIZE - SIZE / 2);
        p->alpha[i] = (float)fmin(fmax(RADIUS + 0.5 - p->away[i], 0), 1);
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
    const double largest = 3.1416 * 0.12 * 0.12 * 2 * 1.25 * 1.25 * COUNT; /* of each of up to three */
    int missing_runs = 0, added_runs = 0;
    for (uint64_t run = 0; run < 200; run++) {
        struct mgm_random random = mgm_random_stream(5, run);
        settings.trimap_share = run % 2 ? 1 : 0;
        assert_int_equal(mgm_perturb_guidance(&ctx, &random, &settings, 0.01, p->alpha, NULL, SIZE, &space, p->guidance),
                         MGM_OK);
        int missing = 0, added = 0;
        for (int i = 0; i < COUNT; i++) {
            missing += p->away[i] < RADIUS - 2 && p->guidance[i] < 0.4f;
            added += p->away[i] > RADIUS + 3 && p->guidance[i] > 0.6f;
            /* the centre is within an eighth on each axis, the blob reaches 0.12 · 2 · 1.25 */
            assert_true(p->away[i] < RADIUS + SIZE * (0.177 + 0.31) || p->guidance[i] == 0);
        }
        assert_true(missing + added == 0 || !(run % 2));
        assert_true(missing + added < 3 * largest);
        missing_runs += missing > 0;
        added_runs += added > 0;
    }
    assert_true(missing_runs > 50 && missing_runs < 95 && added_runs > 25 && added_runs < 90);
}

/** Rows in which the mask has a hole at the line between two colours: on one side of it, and on both. */
static void count_rows_at_line(const float *guidance, int *one_side, int *both)
{
    *one_side = *both = 0;
    for (int y = SIZE / 2 - RADIUS / 2; y < SIZE / 2 + RADIUS / 2; y++) {
        const float *middle = guidance + y * SIZE + SIZE / 2;
        *both += middle[-1] == 0 && middle[0] == 0;
        *one_side += (middle[-1] == 0) != (middle[0] == 0);
    }
}

/** In a picture of two halves, blobs that follow it end at the line between them, others go across. */
static void blobs_that_follow_end_where_the_colour_does(void **state)
{
    struct planes *p = *state;
    for (int i = 0; i < 3 * COUNT; i++)
        p->colour[i] = i % SIZE < SIZE / 2 ? 0.2f : 0.8f;
    for (int follow = 0; follow < 2; follow++) {
        struct mgm_random random = mgm_random_stream(6, 0);
        const struct mgm_mistakes m = {.random = &random,
                                       .size = SIZE,
                                       .alpha = p->alpha,
                                       .follow = follow,
                                       .image = p->colour,
                                       .field = p->field,
                                       .scratch = p->scratch};
        int ended = 0, across = 0, one_side, both;
        for (int run = 0; run < 300; run++) {
            memcpy(p->guidance, p->alpha, COUNT * sizeof(float));
            mgm_mistake_blobs(&m, p->guidance);
            count_rows_at_line(p->guidance, &one_side, &both);
            ended += one_side >= 4 && both == 0;
            across += both >= 4;
        }
        if (follow)
            assert_true(ended > 60 && across < 20);
        else
            assert_true(ended < 30 && across > 30);
    }
}

/** What a line changes is all missing or all added, lies in one strip, and is no deeper than it may be. */
static void a_line_cuts_or_fills(void **state)
{
    struct planes *p = *state;
    struct mgm_random random = mgm_random_stream(7, 0);
    const struct mgm_mistakes m = {.random = &random, .size = SIZE, .alpha = p->alpha};
    const double deepest = SIZE * 0.015 * 7, widest = 2 * SIZE * 0.3;
    int cuts = 0, fills = 0;
    for (int run = 0; run < 200; run++) {
        memcpy(p->guidance, p->alpha, COUNT * sizeof(float));
        mgm_mistake_line(&m, p->guidance);
        int missing = 0, added = 0;
        for (int i = 0; i < COUNT; i++) {
            missing += p->guidance[i] < p->alpha[i];
            added += p->guidance[i] > p->alpha[i];
            /* nothing deep in the disc, nothing beyond the corners of a box around it */
            assert_true(p->guidance[i] == p->alpha[i] || p->away[i] > RADIUS - deepest - 2);
            assert_true(p->guidance[i] == p->alpha[i] || p->away[i] < hypot(RADIUS + 2, widest));
        }
        assert_true(missing == 0 || added == 0);
        assert_true(missing + added <= (deepest + 1.5) * (widest + 1.5));
        cuts += missing > added;
        fills += added > missing;
    }
    assert_true(cuts > 80 && fills > 50);
}

/** Lines belong to masks; a trimap says what is certain. */
static void trimaps_have_no_lines(void **state)
{
    struct planes *p = *state;
    struct mgm_context ctx = {.threads = 1};
    static uint8_t mask[COUNT], other[COUNT];
    const struct mgm_perturb_space space = {.field = p->field, .scratch = p->scratch, .mask = mask, .other = other};
    for (int trimap = 0; trimap < 2; trimap++) {
        int changed = 0;
        for (uint64_t run = 0; run < 20; run++) {
            const struct mgm_guidance_settings plain = {.trimap_share = trimap, .kernel_max = 1};
            struct mgm_guidance_settings lines = plain;
            lines.lines = 1;
            struct mgm_random random = mgm_random_stream(8, run), same = random;
            assert_int_equal(mgm_perturb_guidance(&ctx, &random, &plain, 1, p->alpha, NULL, SIZE, &space, p->guidance),
                             MGM_OK);
            assert_int_equal(mgm_perturb_guidance(&ctx, &same, &lines, 1, p->alpha, NULL, SIZE, &space, p->colour), MGM_OK);
            changed += memcmp(p->guidance, p->colour, sizeof p->guidance) != 0;
        }
        assert_true(trimap ? changed == 0 : changed > 15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blobs_are_missing_inside_and_added_beside),
        cmocka_unit_test(blobs_that_follow_end_where_the_colour_does),
        cmocka_unit_test(a_line_cuts_or_fills),
        cmocka_unit_test(trimaps_have_no_lines),
    };
    return cmocka_run_group_tests_name("mistakes", tests, set_up, tear_down);
}
