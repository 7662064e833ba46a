/* Plans: which graphs they refuse, and that a buffer which several results share does not change a result. */
#include "base/memory.h"
#include "nn/infer_plan.h"
#include "nn/train_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 32, CHANNELS = 8 };

static struct mgm_context *ctx;
static struct mgm_graph graph;

static int set_up(void **state)
{
    (void)state;
    graph = (struct mgm_graph){0};
    return mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_graph_release(&graph);
    mgm_context_destroy(&ctx);
    return 0;
}

static int conv(int src, int channels, bool bias)
{
    char name[32];
    snprintf(name, sizeof name, "conv%d", graph.layer_count);
    return mgm_graph_conv(&graph, src,
                          &(struct mgm_conv_spec){.name = name,
                                                  .channels = channels,
                                                  .kernel = 3,
                                                  .step = 1,
                                                  .dilation = 1,
                                                  .bias = bias,
                                                  .init = MGM_INIT_FAN_IN_UNIFORM,
                                                  .zero_input = -1});
}

static int norm(int src, int residual, bool relu_first)
{
    char name[32];
    snprintf(name, sizeof name, "norm%d", graph.layer_count);
    return mgm_graph_norm(&graph, src,
                          &(struct mgm_norm_spec){
                              .name = name, .residual = residual, .relu_first = relu_first, .slope = relu_first ? 1 : 0.2f});
}

static void finish(struct mgm_params *params)
{
    assert_int_equal(mgm_graph_finish(ctx, &graph), MGM_OK);
    assert_int_equal(mgm_params_create(ctx, &graph, true, params), MGM_OK);
    mgm_params_initialise(&graph, 5, params);
}

/* What creating each kind of plan of the graph says. */
static void try_plans(enum mgm_status training, enum mgm_status inference)
{
    struct mgm_params params;
    struct mgm_train_plan *train = NULL;
    struct mgm_infer_plan *infer = NULL;
    finish(&params);
    assert_int_equal(mgm_train_plan_create(ctx, &graph, &params,
                                           &(struct mgm_train_plan_settings){1, SIDE, SIDE, MGM_PRECISION_F32, 1}, &train),
                     training);
    assert_int_equal(
        mgm_infer_plan_create(ctx, &graph, &params, &(struct mgm_infer_plan_settings){1, SIDE, SIDE, 1}, &infer), inference);
    assert_true((train != NULL) == (training == MGM_OK) && (infer != NULL) == (inference == MGM_OK));
    mgm_train_plan_destroy(&train);
    mgm_infer_plan_destroy(&infer);
    mgm_params_release(&params);
}

static void test_bias_inside(void **state)
{
    (void)state;
    int x = conv(mgm_graph_input(&graph, 4), CHANNELS, true);
    mgm_graph_output(&graph, conv(x, CHANNELS, false));
    try_plans(MGM_E_UNSUPPORTED, MGM_OK);
    assert_non_null(strstr(mgm_context_error(ctx), "conv1.weight"));
}

static void test_bias_of_output_that_is_read(void **state)
{
    (void)state;
    int x = conv(mgm_graph_input(&graph, 4), CHANNELS, true);
    mgm_graph_output(&graph, x);
    mgm_graph_output(&graph, conv(x, CHANNELS, false));
    try_plans(MGM_E_UNSUPPORTED, MGM_OK);
}

static void test_single_channel_inside(void **state)
{
    (void)state;
    int x = conv(mgm_graph_input(&graph, 4), CHANNELS, false);
    mgm_graph_output(&graph, conv(conv(x, 1, false), CHANNELS, false));
    try_plans(MGM_E_UNSUPPORTED, MGM_OK);
}

static void test_single_channel_of_input(void **state)
{
    (void)state;
    mgm_graph_output(&graph, conv(mgm_graph_input(&graph, 4), 1, true));
    try_plans(MGM_E_UNSUPPORTED, MGM_E_UNSUPPORTED);
}

static void test_unused_result(void **state)
{
    (void)state;
    int x = conv(mgm_graph_input(&graph, 4), CHANNELS, false);
    conv(x, CHANNELS, false);
    mgm_graph_output(&graph, x);
    try_plans(MGM_E_UNSUPPORTED, MGM_E_UNSUPPORTED);
    assert_non_null(strstr(mgm_context_error(ctx), "conv2.weight"));
}

static void test_norm_without_convolution(void **state)
{
    (void)state;
    int x = mgm_graph_average_pool(&graph, conv(mgm_graph_input(&graph, 4), CHANNELS, false));
    mgm_graph_output(&graph, norm(x, -1, false));
    try_plans(MGM_OK, MGM_E_UNSUPPORTED);
}

/* A ReLU that is fused into the convolution would be seen by the other reader too. */
static void test_shared_convolution_before_relu(void **state)
{
    (void)state;
    int x = conv(mgm_graph_input(&graph, 4), CHANNELS, false);
    mgm_graph_output(&graph, norm(x, -1, true));
    mgm_graph_output(&graph, conv(x, CHANNELS, false));
    try_plans(MGM_E_UNSUPPORTED, MGM_E_UNSUPPORTED);
}

/* Last result of x = norm(conv(x) + x), where x is an output too (and so keeps its memory) or not. */
static void run_block(bool keep, float result[SIDE * SIDE * CHANNELS])
{
    struct mgm_params params;
    struct mgm_infer_plan *plan = NULL;
    int x = norm(conv(mgm_graph_input(&graph, 4), CHANNELS, false), -1, false);
    mgm_graph_output(&graph, norm(conv(x, CHANNELS, false), x, false));
    if (keep)
        mgm_graph_output(&graph, x);
    finish(&params);
    assert_int_equal(mgm_infer_plan_create(ctx, &graph, &params, &(struct mgm_infer_plan_settings){1, SIDE, SIDE, 1}, &plan),
                     MGM_OK);
    float *input = mgm_infer_plan_input(plan);
    for (int i = 0; i < SIDE * SIDE * 4; i++)
        input[i] = (float)(i * 37 % 101) / 50 - 1;
    assert_int_equal(mgm_infer_plan_run(plan), MGM_OK);
    memcpy(result, mgm_infer_plan_output(plan, 0), SIDE * SIDE * CHANNELS * sizeof *result);
    mgm_infer_plan_destroy(&plan);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
}

static void test_residual_that_is_also_the_source(void **state)
{
    (void)state;
    static float apart[SIDE * SIDE * CHANNELS], shared[SIDE * SIDE * CHANNELS];
    run_block(true, apart);
    run_block(false, shared);
    assert_memory_equal(apart, shared, sizeof apart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bias_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bias_of_output_that_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_single_channel_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_single_channel_of_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unused_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_norm_without_convolution, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared_convolution_before_relu, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_residual_that_is_also_the_source, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
