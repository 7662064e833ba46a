/* A network that is widened says what it said before, though the copies of its channels differ. */
#include "matting/network.h"
#include "nn/infer_plan.h"
#include "nn/spectral.h"
#include "train/widen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 64 };

static struct mgm_context *ctx;
static struct mgm_graph narrow, wide;
static struct mgm_params from, to;

static void build(double narrow_width, double wide_width)
{
    assert_int_equal(mgm_network_build(ctx, narrow_width, false, &narrow), MGM_OK);
    assert_int_equal(mgm_network_build(ctx, wide_width, false, &wide), MGM_OK);
    assert_int_equal(mgm_params_create(ctx, &narrow, false, &from), MGM_OK);
    assert_int_equal(mgm_params_create(ctx, &wide, false, &to), MGM_OK);
    mgm_params_initialise(&narrow, 3, &from);
    mgm_params_initialise(&wide, 4, &to);
    for (int i = 0; i < narrow.layer_count; i++) {
        const struct mgm_layer *layer = &narrow.layers[i];
        if ((layer->op != MGM_OP_CONV && layer->op != MGM_OP_CONV_TRANSPOSE) || layer->u < 0)
            continue;
        const struct mgm_param_info *weights = &narrow.params[layer->weights];
        for (int k = 0; k < 10; k++)
            mgm_spectral_iterate(1, from.values + weights->offset, weights->dims[0],
                                 (int)(weights->count / (size_t)weights->dims[0]),
                                 from.values + narrow.params[layer->u].offset, from.values + narrow.params[layer->v].offset);
    }
    /* as after training: scales that are not 0, statistics that are not those of the start */
    for (int i = 0; i < narrow.param_count; i++) {
        const struct mgm_param_info *param = &narrow.params[i];
        float *values = from.values + param->offset;
        for (size_t k = 0; k < param->count; k++)
            if (param->role == MGM_PARAM_NORM_SCALE || param->role == MGM_PARAM_RUNNING_VARIANCE)
                values[k] = 0.4f + 0.1f * (float)(k * 7 % 5);
            else if (param->role == MGM_PARAM_NORM_SHIFT || param->role == MGM_PARAM_RUNNING_MEAN)
                values[k] = 0.2f - 0.1f * (float)(k * 3 % 5);
    }
}

static int set_up(void **state)
{
    (void)state;
    return mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_params_release(&from);
    mgm_params_release(&to);
    mgm_graph_release(&narrow);
    mgm_graph_release(&wide);
    mgm_context_destroy(&ctx);
    return 0;
}

/** What the head at full resolution says of a picture; release with free. */
static float *run(const struct mgm_graph *graph, const struct mgm_params *params)
{
    struct mgm_infer_plan *plan = NULL;
    const struct mgm_infer_plan_settings settings = {
        .n = 1, .h = SIDE, .w = SIDE, .threads = 1, .precision = MGM_PRECISION_F32};
    float *said = malloc(SIDE * SIDE * sizeof *said);
    assert_non_null(said);
    assert_int_equal(mgm_infer_plan_create(ctx, graph, params, &settings, &plan), MGM_OK);
    float *input = mgm_infer_plan_input(plan);
    for (int i = 0; i < SIDE * SIDE * MGM_NETWORK_INPUTS; i++)
        input[i] = (float)(i * 37 % 101) / 50 - 1;
    assert_int_equal(mgm_infer_plan_run(plan), MGM_OK);
    memcpy(said, mgm_infer_plan_output(plan, MGM_HEAD_OS1), SIDE * SIDE * sizeof *said);
    mgm_infer_plan_destroy(&plan);
    return said;
}

static void check_same(double narrow_width, double wide_width)
{
    build(narrow_width, wide_width);
    assert_int_equal(mgm_params_widen(ctx, "narrow", &narrow, &from, &wide, 1, &to), MGM_OK);
    float *before = run(&narrow, &from), *after = run(&wide, &to);
    float largest = 0, error = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        largest = fmaxf(largest, fabsf(before[i] - before[0]));
        error = fmaxf(error, fabsf(before[i] - after[i]));
    }
    assert_true(largest > 0.01f);
    if (!(error <= 1e-3f * largest))
        fail_msg("differs by %g, of %g", (double)error, (double)largest);
    free(before);
    free(after);
}

static void test_twice(void **state)
{
    (void)state;
    check_same(0.25, 0.5);
}

/** Channel counts have a least value: some become twice, others four times as many. */
static void test_by_different_factors(void **state)
{
    (void)state;
    check_same(0.125, 0.5);
}

static void test_copies_differ(void **state)
{
    (void)state;
    build(0.25, 0.5);
    assert_int_equal(mgm_params_widen(ctx, "narrow", &narrow, &from, &wide, 1, &to), MGM_OK);
    const int index = mgm_graph_find_param(&wide, "encoder.layer1.0.conv2.module.weight_bar");
    assert_true(index >= 0);
    const struct mgm_param_info *param = &wide.params[index];
    const float *weights = to.values + param->offset;
    const size_t area = 9, row = (size_t)param->dims[1] * area;
    int equal = 0;
    for (int o = 0; o < param->dims[0]; o += 2)
        for (int i = 0; i < param->dims[1]; i += 2) {
            const float *one = weights + (size_t)o * row + (size_t)i * area;
            equal += one[0] == one[area] || one[0] == one[row];
        }
    assert_int_equal(equal, 0);
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    build(0.25, 0.375);
    assert_int_equal(mgm_params_widen(ctx, "narrow", &narrow, &from, &wide, 1, &to), MGM_E_SHAPE);
    assert_non_null(strstr(mgm_context_error(ctx), "narrow: a network can be widened by whole multiples"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_twice),
        TEST(test_by_different_factors),
        TEST(test_copies_differ),
        TEST(test_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
