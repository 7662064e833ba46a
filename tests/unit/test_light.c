/* Light on foregrounds, and a camera's noise and halos: each against what it promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "train/camera.h"
#include "train/light.h"
#include "train/plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 96, COUNT = SIZE * SIZE, RUNS = 60 };

struct planes {
    float alpha[COUNT], colour[3 * COUNT], background[3 * COUNT], first[COUNT], second[COUNT];
    float *scratch; /* for planes, and one plane more */
};

static int set_up(void **state)
{
    struct planes *p = calloc(1, sizeof *p);
    p->scratch = calloc(mgm_plane_scratch(SIZE) + COUNT, sizeof(float));
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

static struct mgm_light_space space_of(struct planes *p)
{
    return (struct mgm_light_space){.relief = p->first, .shadow = p->second, .scratch = p->scratch};
}

static void fill(float *values, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

/** Brightness of a grey body is changed as one light would: some sides brighter, the opposite ones darker, none black. */
static void light_comes_from_one_side(void **state)
{
    struct planes *p = *state;
    const struct mgm_light_space space = space_of(p);
    double contrast = 0;
    for (uint64_t run = 0; run < RUNS; run++) {
        struct mgm_random random = mgm_random_stream(1, run);
        fill(p->colour, 3 * COUNT, 0.4f);
        mgm_light_foreground(&random, p->alpha, SIZE, &space, p->colour);
        float darkest = 1, brightest = 0;
        for (int i = 0; i < COUNT; i++) {
            const float green = p->colour[COUNT + i], warm = p->colour[i] - p->colour[2 * COUNT + i];
            darkest = fminf(darkest, green);
            brightest = fmaxf(brightest, green);
            assert_true(green >= 0.4f / 4.5f &&
                        green <= 0.4f * 2.5f); /* −2 … 1.2 stops, red and blue a little more or less */
            /* a warm light makes what is brighter than before yellow, and shadows blue; a cold one (a little) the reverse */
            assert_true(warm * (green - 0.4f) > -0.004f);
        }
        contrast += log2(brightest / darkest) / RUNS;
    }
    assert_true(contrast > 0.5 && contrast < 2.5); /* stops */
}

/** Nearer to the background's mean in every channel, never past it; what differed by a factor still does. */
static void harmony_is_one_gain_for_a_channel(void **state)
{
    struct planes *p = *state;
    for (uint64_t run = 0; run < RUNS; run++) {
        struct mgm_random random = mgm_random_stream(6, run);
        for (int i = 0; i < 3 * COUNT; i++) {
            p->colour[i] = i % 2 ? 0.3f : 0.15f;
            p->background[i] = i < COUNT ? 0.5f : i < 2 * COUNT ? 0.225f : 0.1f;
        }
        mgm_light_harmonise(&random, p->alpha, p->background, COUNT, p->colour);
        for (int c = 0; c < 3; c++) {
            const float *at = p->colour + c * COUNT + SIZE / 2 * SIZE + SIZE / 2, mean = (at[0] + at[1]) / 2;
            assert_true(fabsf(at[1] / at[0] - 2) < 1e-4f);
            assert_true(c != 0 || (mean > 0.225f * 1.1f && mean < 0.5f));
            assert_true(c != 1 || fabsf(mean - 0.225f) < 2e-3f);
            assert_true(c != 2 || (mean < 0.225f * 0.9f && mean > 0.1f));
        }
    }
}

static void light_does_not_touch_the_matte(void **state)
{
    struct planes *p = *state;
    const struct mgm_light_space space = space_of(p);
    float before[COUNT];
    memcpy(before, p->alpha, sizeof before);
    for (uint64_t run = 0; run < 10; run++) {
        struct mgm_random random = mgm_random_stream(2, run);
        mgm_light_foreground(&random, p->alpha, SIZE, &space, p->colour);
        mgm_light_harmonise(&random, p->alpha, p->background, COUNT, p->colour);
        mgm_light_spill(&random, p->alpha, p->background, SIZE, &space, p->colour);
        assert_memory_equal(before, p->alpha, sizeof before);
    }
}

/** Towards the background's colour, the more the nearer to the border, and not at all deep inside. */
static void spill_falls_off_inwards(void **state)
{
    struct planes *p = *state;
    const struct mgm_light_space space = space_of(p);
    const int row = SIZE / 2 * SIZE;
    for (uint64_t run = 0; run < RUNS; run++) {
        struct mgm_random random = mgm_random_stream(3, run);
        fill(p->colour, 3 * COUNT, 0.2f);
        fill(p->background, 2 * COUNT, 0.2f);
        fill(p->background + 2 * COUNT, COUNT, 0.9f); /* only bluer */
        mgm_light_spill(&random, p->alpha, p->background, SIZE, &space, p->colour);
        const float *blue = p->colour + 2 * COUNT + row;
        for (int x = 0; x < SIZE; x++)
            assert_true(fabsf(p->colour[row + x] - 0.2f) < 1e-6f && blue[x] >= 0.2f - 1e-6f &&
                        blue[x] <= 0.2f + 0.4f * 0.7f);
        for (int x = SIZE / 2; x < SIZE / 2 + 30; x++)
            assert_true(blue[x + 1] >= blue[x] - 1e-5f);
        assert_true(fabsf(blue[SIZE / 2] - 0.2f) < 1e-4f);
        assert_true(blue[SIZE / 2 + 30] > 0.2f + 0.05f * 0.7f * 0.4f);
    }
}

/** Darker in a place that has the foreground's area, blurred and moved; untouched farther away. */
static void a_shadow_lies_a_little_way_off(void **state)
{
    struct planes *p = *state;
    const struct mgm_light_space space = space_of(p);
    for (uint64_t run = 0; run < RUNS; run++) {
        struct mgm_random random = mgm_random_stream(7, run);
        fill(p->background, 3 * COUNT, 0.8f);
        mgm_light_shadow(&random, p->alpha, SIZE, &space, p->background);
        double dark = 0, x_sum = 0, y_sum = 0, deepest = 0;
        for (int i = 0; i < COUNT; i++) {
            const double lost = 1 - p->background[i] / 0.8;
            assert_true(lost >= -1e-6 && lost <= 0.75 + 1e-6 && p->background[2 * COUNT + i] >= p->background[i]);
            if (hypot(i % SIZE - SIZE / 2, i / SIZE - SIZE / 2) > 31 + SIZE * 0.15 + SIZE * 0.08 + 1)
                assert_true(fabs(lost) < 1e-5);
            dark += lost;
            x_sum += lost * (i % SIZE);
            y_sum += lost * (i / SIZE);
            deepest = fmax(deepest, lost);
        }
        const double away = hypot(x_sum / dark - SIZE / 2, y_sum / dark - SIZE / 2);
        assert_true(away > 0.3 && away < SIZE * 0.15 + 1 && deepest > 0.199);
        assert_true(fabs(dark / deepest / (3.1416 * 30 * 30) - 1) < 0.05);
    }
}

/** Sites are measured with deviation 1; in between stands the mean of neighbours, so noise is smoother there, and
 * correlated. */
static void mosaic_noise_is_that_of_a_bayer_sensor(void **state)
{
    struct planes *p = *state;
    float *grain = p->first;
    static const double smooth[3] = {9.0 / 16, 5.0 / 8,
                                     9.0 / 16}; /* mean variance: (1 + 1/2 + 1/2 + 1/4) / 4; (1 + 1/4) / 2 */
    for (int channel = 0; channel < 3; channel++) {
        double square = 0, product = 0;
        int pairs = 0, count = 0;
        for (uint64_t run = 0; run < RUNS; run++) {
            struct mgm_random random = mgm_random_stream(4, run);
            mgm_camera_mosaic_grain(&random, channel, SIZE, grain);
            for (int y = 2; y < SIZE - 2; y++)
                for (int x = 2; x < SIZE - 2; x++, count++) {
                    square += grain[y * SIZE + x] * grain[y * SIZE + x];
                    product += grain[y * SIZE + x] * grain[y * SIZE + x + 1];
                    pairs++;
                }
        }
        assert_true(fabs(square / count - smooth[channel]) < 0.02);
        /* green: every neighbour is a quarter of it; red and blue: in every second row half of one, in the others a quarter
         * of two */
        assert_true(fabs(product / pairs - (channel == 1 ? 0.25 : 0.375)) < 0.02);
    }
}

static void a_halo_stands_on_both_sides_of_an_edge(void **state)
{
    struct planes *p = *state;
    for (int i = 0; i < 3 * COUNT; i++)
        p->colour[i] = i % SIZE < SIZE / 2 ? 0.3f : 0.6f;
    mgm_camera_halo(1.5, 0.8, p->colour, SIZE, p->scratch);
    const float *row = p->colour + COUNT + SIZE / 2 * SIZE + SIZE / 2;
    assert_true(row[-1] < 0.25f && row[0] > 0.65f);
    assert_true(fabsf((row[0] - 0.6f) + (row[-1] - 0.3f)) < 1e-5f); /* what one side gains the other loses */
    assert_true(fabsf(row[-5] - 0.3f) < 1e-5f && fabsf(row[4] - 0.6f) < 1e-5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(light_comes_from_one_side),
        cmocka_unit_test(harmony_is_one_gain_for_a_channel),
        cmocka_unit_test(light_does_not_touch_the_matte),
        cmocka_unit_test(spill_falls_off_inwards),
        cmocka_unit_test(a_shadow_lies_a_little_way_off),
        cmocka_unit_test(mosaic_noise_is_that_of_a_bayer_sensor),
        cmocka_unit_test(a_halo_stands_on_both_sides_of_an_edge),
    };
    return cmocka_run_group_tests_name("light", tests, set_up, tear_down);
}
