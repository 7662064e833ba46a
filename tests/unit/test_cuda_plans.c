/*
 * The whole network through both plans, on the CUDA backend and on the CPU. Fifty layers of normalised f32 lie between input
 * and result, so a rounding at the first grows on its way; what is compared is the rms of the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cuda_bench.h"

#include "base/random.h"
#include "matting/network.h"
#include "matting/predict.h"
#include "nn/infer_plan.h"
#include "nn/train_plan.h"
#include "train/step.h"

#include <math.h>
#include <string.h>

enum { N = 3, H = 64, W = 64, INPUT = N * H * W * MGM_NETWORK_INPUTS };

static struct mgm_graph graph;
static struct mgm_params params;

static int set_up(void **state)
{
    (void)state;
    struct mgm_random random = mgm_random_stream(3, 5);
    if (mgm_network_build(&bench.ctx, 0.25, false, &graph) != MGM_OK ||
        mgm_params_create(&bench.ctx, &graph, true, &params) != MGM_OK)
        return -1;
    mgm_params_initialise(&graph, 7, &params);
    for (int i = 0; i < graph.param_count; i++) /* branches that start at 0 would hide what is in them */
        for (size_t k = 0; graph.params[i].role == MGM_PARAM_NORM_SCALE && k < graph.params[i].count; k++)
            params.values[graph.params[i].offset + k] = (float)mgm_random_range(&random, 0.5, 1.5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_free_all();
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    return 0;
}

static void expect_close(const char *what, const float *have, const float *want, size_t count, double tolerance)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)have[i] - want[i]) * ((double)have[i] - want[i]);
        square += (double)want[i] * want[i];
    }
    if (!(difference <= tolerance * tolerance * square))
        fail_msg("%s: the difference's rms is %g of the value's, not %g", what, sqrt(difference / square), tolerance);
}

static size_t output_count(int index)
{
    const struct mgm_layer *layer = &graph.layers[graph.outputs[index]];
    return (size_t)(N * (H / layer->stride) * (W / layer->stride) * layer->channels);
}

/* Running statistics that suit the weights: without, values grow from layer to layer beyond what f32 can hold. */
static void settle(void)
{
    struct mgm_train_plan *plan;
    const struct mgm_train_plan_settings settings = {N, H, W, MGM_PRECISION_F32, 1, NULL};
    assert_int_equal(mgm_train_plan_create(&bench.ctx, &graph, &params, &settings, &plan), MGM_OK);
    for (int turn = 0; turn < 40; turn++)
        assert_int_equal(mgm_train_plan_forward(plan, bench_values(MGM_PRECISION_F32, INPUT, -2, 2).host), MGM_OK);
    mgm_train_plan_destroy(&plan);
}

static void test_inference(void **state)
{
    (void)state;
    settle();
    struct mgm_infer_plan *plans[2];
    for (int i = 0; i < 2; i++) {
        const struct mgm_infer_plan_settings settings = {N, H, W, 1, i ? bench.b : NULL};
        assert_int_equal(mgm_infer_plan_create(&bench.ctx, &graph, &params, &settings, &plans[i]), MGM_OK);
        struct mgm_random random = mgm_random_stream(11, 13);
        float *input = mgm_infer_plan_input(plans[i]);
        for (int k = 0; k < INPUT; k++)
            input[k] = (float)mgm_random_range(&random, -2, 2);
        assert_int_equal(mgm_infer_plan_run(plans[i]), MGM_OK);
    }
    for (int k = 0; k < graph.output_count; k++)
        expect_close("a head", mgm_infer_plan_output(plans[1], k), mgm_infer_plan_output(plans[0], k), output_count(k),
                     1e-4);
    mgm_infer_plan_destroy(&plans[0]);
    mgm_infer_plan_destroy(&plans[1]);
}

/* By tiles, on the device, in a ring, as the CPU has it for the whole picture. */
static void test_refinement_by_tiles(void **state)
{
    (void)state;
    settle();
    enum { SIDE = 96 };
    const struct mgm_model model = {.graph = graph, .params = params, .width = 0.25, .name = (char *)"settled"};
    static uint8_t region[SIDE * SIDE], unknown[2][SIDE * SIDE];
    static float alpha[2][SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int y = i / SIDE - 40, x = i % SIDE - 60, square = y * y + x * x;
        region[i] = square > 400 && square < 700;
    }
    for (int i = 0; i < 2; i++) {
        const struct mgm_predictor_settings settings = {
            .n = 1, .h = SIDE, .w = SIDE, .threads = 1, .backend = i ? bench.b : NULL, .dense = i == 0};
        struct mgm_predictor *predictor;
        assert_int_equal(mgm_predictor_create(&bench.ctx, &model, &settings, &predictor), MGM_OK);
        assert_int_equal(mgm_predictor_settings_of(predictor)->dense, i == 0);
        struct mgm_random random = mgm_random_stream(17, 19);
        for (int k = 0; k < SIDE * SIDE * MGM_NETWORK_INPUTS; k++)
            mgm_predictor_input(predictor)[k] = (float)mgm_random_range(&random, -2, 2);
        struct mgm_prediction prediction = {
            .region = region, .alpha = alpha[i], .unknown_os4 = unknown[i], .unknown_os1 = unknown[i]};
        assert_int_equal(mgm_predictor_run(predictor), MGM_OK);
        assert_int_equal(mgm_predictor_finish(predictor, 0, &prediction), MGM_OK);
        if (i)
            assert_true(prediction.computed_os1 > 0 && prediction.computed_os1 < 1);
        mgm_predictor_destroy(&predictor);
    }
    expect_close("a matte", alpha[1], alpha[0], SIDE * SIDE, 1e-4);
}

/* Two steps forward and one backward, from the same values. */
static void train(struct mgm_train_plan *plan, const float *input, const float *const gradients[], bool device)
{
    assert_int_equal(mgm_train_plan_forward(plan, input), MGM_OK);
    assert_int_equal(mgm_train_plan_forward(plan, input), MGM_OK);
    for (int k = 0; k < graph.output_count; k++) {
        const size_t bytes = output_count(k) * sizeof(float);
        if (device)
            bench.b->ops->upload(bench.b, mgm_train_plan_output_gradient(plan, k), gradients[k], bytes);
        else
            memcpy(mgm_train_plan_output_gradient(plan, k), gradients[k], bytes);
    }
    assert_int_equal(mgm_train_plan_backward(plan), MGM_OK);
}

static void training_case(enum mgm_precision precision, double of_outputs, double of_gradients)
{
    struct mgm_train_plan *cpu, *gpu;
    struct both input = bench_values(MGM_PRECISION_F32, INPUT, -2, 2);
    const float *gradients[MGM_GRAPH_MAX_OUTPUTS];
    struct mgm_params on_device = {bench_device(graph.value_count * sizeof(float)),
                                   bench_device(graph.trained_count * sizeof(float))};
    for (int k = 0; k < graph.output_count; k++)
        gradients[k] = bench_values(MGM_PRECISION_F32, output_count(k), -1, 1).host;
    bench.b->ops->upload(bench.b, on_device.values, params.values, graph.value_count * sizeof(float));
    const struct mgm_train_plan_settings host = {N, H, W, MGM_PRECISION_F32, 1, NULL};
    const struct mgm_train_plan_settings device = {N, H, W, precision, 1, bench.b};
    assert_int_equal(mgm_train_plan_create(&bench.ctx, &graph, &params, &host, &cpu), MGM_OK);
    assert_int_equal(mgm_train_plan_create(&bench.ctx, &graph, &on_device, &device, &gpu), MGM_OK);
    train(cpu, input.host, gradients, false);
    train(gpu, input.device, gradients, true);
    for (int k = 0; k < graph.output_count; k++)
        expect_close("a head", bench_fetch(mgm_train_plan_output(gpu, k), output_count(k) * sizeof(float)),
                     mgm_train_plan_output(cpu, k), output_count(k), of_outputs);
    expect_close("statistics and vectors", bench_fetch(on_device.values, graph.value_count * sizeof(float)), params.values,
                 graph.value_count, of_outputs);
    expect_close("the gradients", bench_fetch(on_device.gradients, graph.trained_count * sizeof(float)), params.gradients,
                 graph.trained_count, of_gradients);
    mgm_train_plan_destroy(&cpu);
    mgm_train_plan_destroy(&gpu);
}

/*
 * A value within rounding of an activation's kink may rightly fall on either side, and its gradient with it. With the plain
 * kernels that sanitizers get, the CPU rounds otherwise, and 0.003 was seen; there this is about memory.
 */
#ifdef __SANITIZE_ADDRESS__
static const double OF_GRADIENTS = 1e-2;
#else
static const double OF_GRADIENTS = 1e-3;
#endif

static void test_training(void **state)
{
    (void)state;
    training_case(MGM_PRECISION_F32, 1e-4, OF_GRADIENTS);
    /* oneDNN's bf16 is as far from f32 here: 9 to 20 % at the heads of this untrained network, 100 % in the gradients. */
    training_case(MGM_PRECISION_BF16, 0.4, 4);
}

/* One step's objective: masks from the coarser prediction, merging, all losses. */
static void test_objective(void **state)
{
    (void)state;
    enum { SIZE = 64, PLANE = SIZE * SIZE };
    static const int sizes4[N] = {15, 30, 1}, sizes1[N] = {5, 2, 9};
    const struct mgm_step_masks masks = {.merge = true, .dilate_os4 = sizes4, .dilate_os1 = sizes1};
    const struct mgm_objective objective = {{1, 2, 3}, 6, {1, 0.25, 0.5}};
    struct both values = bench_values(MGM_PRECISION_F32, N * PLANE * 11, 0, 1), guidance = bench_mask(N * PLANE, 0.5);
    float *at = values.host;
    const struct mgm_batch batch = {.n = N,
                                    .size = SIZE,
                                    .image = at,
                                    .fg = at + 3 * N * PLANE,
                                    .bg = at + 6 * N * PLANE,
                                    .alpha = at + 9 * N * PLANE,
                                    .guidance = at + 10 * N * PLANE,
                                    .unknown = guidance.host};
    struct both raw[MGM_HEAD_COUNT], d_raw[MGM_HEAD_COUNT], input = bench_space(MGM_PRECISION_F32, N * PLANE * 4);
    struct mgm_step_losses losses[2];
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        const size_t count = (size_t)(N * PLANE / mgm_head_stride[head] / mgm_head_stride[head]);
        raw[head] = bench_values(MGM_PRECISION_F32, count, -9, 9);
        d_raw[head] = bench_space(MGM_PRECISION_F32, count);
    }
    for (int i = 0; i < 2; i++) {
        const float *from[MGM_HEAD_COUNT];
        float *to[MGM_HEAD_COUNT];
        struct mgm_step *step;
        for (int head = 0; head < MGM_HEAD_COUNT; head++) {
            from[head] = i ? raw[head].device : raw[head].host;
            to[head] = i ? d_raw[head].device : d_raw[head].host;
        }
        assert_int_equal(mgm_step_create(&bench.ctx, i ? bench.b : NULL, N, SIZE, 1, &step), MGM_OK);
        assert_int_equal(mgm_step_load(step, &batch, i ? input.device : input.host), MGM_OK);
        mgm_step_predict(step, from);
        assert_int_equal(mgm_step_evaluate(&bench.ctx, step, &batch, &masks, &objective, &losses[i]), MGM_OK);
        mgm_step_propagate(step, to);
        assert_int_equal(bench.b->ops->finish(bench.b), MGM_OK);
        mgm_step_destroy(&step);
    }
    SAME(input, 1e-6);
    assert_true(fabs(losses[1].total / losses[0].total - 1) < 1e-5);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        assert_true(losses[0].mask_share[head] > 0.1 && losses[1].mask_share[head] == losses[0].mask_share[head]);
        for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
            assert_true(fabs(losses[1].value[loss][head] - losses[0].value[loss][head]) <
                        1e-5 * losses[0].value[loss][head]);
        bench_compare("a head's gradient", &d_raw[head], 1e-4, 0.001);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_inference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_training, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_objective, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refinement_by_tiles, set_up, tear_down),
    };
    int status = bench_open();
    if (status)
        return status;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    bench_close();
    return status;
}
