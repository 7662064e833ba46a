/*
 * The objective of the colour network, from its raw output to the gradient by that, against the same in double.
 */
#include "check.h"

#include "difference.h"
#include "loss_reference.h"
#include "matting/foreground.h"
#include "train/colour_step.h"

#include <string.h>

enum { PICTURES = 2, SIZE = 64, PLANE = SIZE * SIZE, COUNT = PICTURES * PLANE, RAW = 3 * COUNT };

#define KINK_MARGIN 2e-7

static const struct mgm_objective objective = {.level_weight = {0, 0, 3}, .divide_by = 5, .loss_weight = {1, 0.5, 0.8}};

static float image[RAW], fg[RAW], bg[RAW], alpha[COUNT], given[COUNT], raw[RAW], gradient[RAW];
static float estimate[COUNT * MGM_ESTIMATE_STRIDE];
static enum mgm_colour_kind kind; /* which network the check is of */
static uint8_t judged[COUNT];

struct colour_check {
    struct kinks kinks;
    double raw[RAW], value[MGM_LOSS_COUNT];
};

/** Of one channel of one picture, added to the sums. */
static void judge(struct colour_check *c, size_t picture, size_t channel, double *l1, double *composition, double sums[5])
{
    static double colour[PLANE], shown[PLANE];
    static float wanted[PLANE];
    const size_t at = picture * PLANE, coloured = (3 * picture + channel) * PLANE;
    double levels[5];
    for (size_t i = 0; i < PLANE; i++) {
        const double rest = 1 - (double)given[at + i], found = c->raw[3 * (at + i) + channel];
        colour[i] = kind == MGM_COLOUR_WHOLE ? (double)image[coloured + i] + rest * found
                                             : (double)estimate[MGM_ESTIMATE_STRIDE * (at + i) + channel] + rest / 8 * found;
        shown[i] = (double)alpha[at + i] * colour[i];
        wanted[i] = alpha[at + i] * fg[coloured + i];
    }
    *l1 += reference_l1(&c->kinks, colour, fg + coloured, judged + at, PLANE);
    *composition += reference_l1(&c->kinks, shown, wanted, judged + at, PLANE);
    reference_laplacian(&c->kinks, colour, fg + coloured, judged + at, SIZE, SIZE, levels);
    for (int level = 0; level < 5; level++)
        sums[level] += levels[level];
}

static double total_loss(void *argument)
{
    struct colour_check *c = argument;
    double l1 = 0, composition = 0, laplacian[5] = {0}, counts[5] = {0}, total = 0;
    kinks_restart(&c->kinks, c->kinks.frozen);
    for (size_t picture = 0; picture < PICTURES; picture++)
        for (size_t channel = 0; channel < 3; channel++)
            judge(c, picture, channel, &l1, &composition, laplacian);
    for (int i = 0; i < COUNT; i++)
        for (int level = 0; level < 5; level++)
            counts[level] += i % PLANE / SIZE % (1 << level) == 0 && i % SIZE % (1 << level) == 0 ? judged[i] : 0;
    c->value[MGM_LOSS_L1] = l1 / (counts[0] + 1e-8);
    c->value[MGM_LOSS_COMPOSITION] = composition / (counts[0] + 1e-8);
    c->value[MGM_LOSS_LAPLACIAN] = 0;
    for (int level = 0; level < 5; level++)
        c->value[MGM_LOSS_LAPLACIAN] += (1 << level) * laplacian[level] / (counts[level] + 1e-8);
    for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
        total += objective.loss_weight[loss] * 3 / 5 * c->value[loss];
    return total;
}

static void draw(struct mgm_random *random)
{
    fill(random, 0, 1, fg, RAW);
    fill(random, 0, 1, bg, RAW);
    fill(random, 0, 1, alpha, COUNT);
    fill(random, 0, 1, given, COUNT);
    fill(random, -1, 1, raw, RAW);
    fill(random, 0, 1, estimate, COUNT * MGM_ESTIMATE_STRIDE);
    fill_mask(random, PICTURES * SIZE, SIZE, judged);
    for (size_t i = 0; i < RAW; i++) {
        const float a = alpha[i / (3 * PLANE) * PLANE + i % PLANE];
        image[i] = a * fg[i] + (1 - a) * bg[i];
    }
}

static void check_losses_and_gradient(enum mgm_colour_kind which)
{
    kind = which;
    static struct colour_check c;
    struct mgm_random random = mgm_random_stream(9, 2);
    struct mgm_context ctx = {0};
    struct mgm_colour_step *step;
    struct mgm_step_losses losses;
    const struct mgm_batch batch = {.n = PICTURES,
                                    .size = SIZE,
                                    .image = image,
                                    .fg = fg,
                                    .bg = bg,
                                    .alpha = alpha,
                                    .guidance = given,
                                    .estimate = estimate,
                                    .unknown = judged};
    assert_int_equal(mgm_colour_step_create(&ctx, NULL, kind, PICTURES, SIZE, 2, &step), MGM_OK);
    c.kinks = kinks_create((size_t)RAW * 4);
    int draws = 0;
    do {
        assert_true(draws++ < 100);
        draw(&random);
        to_double(raw, c.raw, RAW);
        c.kinks.frozen = false;
        total_loss(&c);
    } while (c.kinks.margin < KINK_MARGIN);
    c.kinks.frozen = true;
    assert_int_equal(mgm_colour_step_evaluate(&ctx, step, &batch, raw, &objective, gradient, &losses), MGM_OK);
    for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
        assert_close(mgm_loss_name((enum mgm_loss)loss), losses.value[loss][MGM_HEAD_OS1], c.value[loss]);
    assert_close("objective", losses.total, total_loss(&c));
    check_gradient("raw output", &random, total_loss, &c, c.raw, gradient, RAW);
    kinks_release(&c.kinks);
    mgm_colour_step_destroy(&step);
}

static void losses_and_gradient(void **state)
{
    (void)state;
    check_losses_and_gradient(MGM_COLOUR_WHOLE);
    check_losses_and_gradient(MGM_COLOUR_REFINING);
}

/* Differences; where alpha is 0 or 1 the estimate means nothing, and is not looked at. */
static void input_of_refinement(void **state)
{
    (void)state;
    static float input[COUNT * MGM_REFINEMENT_INPUTS];
    struct mgm_random random = mgm_random_stream(9, 4);
    draw(&random);
    for (int i = 0; i < COUNT; i += 3)
        given[i] = i % 2 ? 1.0f : 0.0f;
    const struct mgm_batch batch = {.n = PICTURES, .size = SIZE, .image = image, .guidance = given, .estimate = estimate};
    mgm_colour_step_load(MGM_COLOUR_REFINING, &batch, 2, input);
    for (size_t i = 0; i < COUNT; i++) {
        const float *in = input + MGM_REFINEMENT_INPUTS * i, *found = estimate + MGM_ESTIMATE_STRIDE * i, a = given[i];
        assert_float_equal(in[0], 4 * a - 2, 1e-6);
        for (size_t c = 0; c < 3; c++) {
            const float own = image[(i / PLANE * 3 + c) * PLANE + i % PLANE];
            const float f = i % 3 ? found[c] : own, b = i % 3 ? found[MGM_ESTIMATE_B + c] : own;
            assert_float_equal(in[1 + c], 4 * f - 2, 1e-6);
            assert_float_equal(in[4 + c], 4 * (own - f), 1e-5);
            assert_float_equal(in[7 + c], 4 * (own - b), 1e-5);
            assert_float_equal(in[10 + c], 16 * (own - a * f - (1 - a) * b), 1e-5);
        }
    }
}

static void input_is_photo_and_alpha(void **state)
{
    (void)state;
    static float input[COUNT * MGM_FOREGROUND_INPUTS];
    struct mgm_random random = mgm_random_stream(9, 3);
    draw(&random);
    const struct mgm_batch batch = {.n = PICTURES, .size = SIZE, .image = image, .guidance = given};
    mgm_colour_step_load(MGM_COLOUR_WHOLE, &batch, 2, input);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t c = 0; c < 3; c++)
            assert_true(input[4 * i + c] == mgm_foreground_input(image[(i / PLANE * 3 + c) * PLANE + i % PLANE]));
        assert_true(input[4 * i + 3] == mgm_foreground_input(given[i]));
    }
}

static void wrong_sizes_are_refused(void **state)
{
    (void)state;
    struct mgm_context ctx = {0};
    struct mgm_colour_step *step;
    struct mgm_step_losses losses;
    const struct mgm_batch batch = {.n = 1, .size = SIZE};
    assert_int_equal(mgm_colour_step_create(&ctx, NULL, MGM_COLOUR_WHOLE, 1, 48, 1, &step), MGM_E_INVALID);
    assert_int_equal(mgm_colour_step_create(&ctx, NULL, MGM_COLOUR_WHOLE, PICTURES, SIZE, 1, &step), MGM_OK);
    assert_int_equal(mgm_colour_step_evaluate(&ctx, step, &batch, raw, &objective, gradient, &losses), MGM_E_SHAPE);
    mgm_colour_step_destroy(&step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_gradient),
        cmocka_unit_test(input_is_photo_and_alpha),
        cmocka_unit_test(input_of_refinement),
        cmocka_unit_test(wrong_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
