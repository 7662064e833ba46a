/* An exported ONNX file, executed operator by operator as the specification words them, says what mgm_forward() says. */
#include "onnx_file.h"
#include "oracle.h"

#include "export/onnx.h"
#include "matting/network.h"
#include "nn/spectral.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N = 2, H = 64, W = 96, COUNT = N * H * W };

static struct mgm_context *ctx;
static struct mgm_model model = {.width = 1.0 / 64, .name = "tiny", .license = ""};
static float image[3 * COUNT], guidance[COUNT], alphas[4][COUNT];
static uint8_t unknown[2][COUNT];

/* In [0, 1), the same everywhere. */
static float next_random(void)
{
    static uint32_t bits = 1;
    bits = bits * 1664525 + 1013904223;
    return (float)(bits >> 8) / 16777216.0f;
}

/* Norms as training leaves them: at the start they are the identity, and their errors would not be seen. */
static void train_norms(void)
{
    for (int i = 0; i < model.graph.param_count; i++) {
        const struct mgm_param_info *info = &model.graph.params[i];
        float *values = model.params.values + info->offset;
        for (size_t k = 0; k < info->count; k++) {
            if (info->role == MGM_PARAM_NORM_SCALE)
                values[k] = 0.5f + next_random();
            else if (info->role == MGM_PARAM_NORM_SHIFT || info->role == MGM_PARAM_RUNNING_MEAN)
                values[k] = next_random() - 0.5f;
            else if (info->role == MGM_PARAM_RUNNING_VARIANCE)
                values[k] = 0.25f + next_random();
            else if (info->role == MGM_PARAM_BIAS)
                values[k] = next_random() - 0.5f;
            else if (info->dims[0] == 1) /* a head's last convolution: sure of much, but not of all */
                values[k] *= 6;
        }
    }
}

/* Spectral norms as training leaves them: those of random vectors would be next to 0, and the weights divided by them huge.
 */
static void train_spectral_vectors(void)
{
    float *values = model.params.values;
    for (int i = 0; i < model.graph.layer_count; i++) {
        const struct mgm_layer *layer = &model.graph.layers[i];
        if ((layer->op != MGM_OP_CONV && layer->op != MGM_OP_CONV_TRANSPOSE) || layer->u < 0)
            continue;
        const struct mgm_param_info *params = model.graph.params, *weights = &params[layer->weights];
        const int rows = weights->dims[0], cols = (int)(weights->count / (size_t)rows);
        for (int k = 0; k < 3; k++)
            mgm_spectral_iterate(1, values + weights->offset, rows, cols, values + params[layer->u].offset,
                                 values + params[layer->v].offset);
    }
}

static int set_up(void **state)
{
    (void)state;
    if (mgm_context_create(&ctx) != MGM_OK || mgm_network_build(ctx, model.width, false, &model.graph) != MGM_OK ||
        mgm_params_create(ctx, &model.graph, false, &model.params) != MGM_OK)
        return -1;
    mgm_params_initialise(&model.graph, 3, &model.params);
    train_norms();
    train_spectral_vectors();
    for (int i = 0; i < 3 * COUNT; i++)
        image[i] = 4 * next_random() - 2;
    for (int i = 0; i < COUNT; i++)
        guidance[i] = i % W < W / 2 ? 1 : next_random();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_params_release(&model.params);
    mgm_graph_release(&model.graph);
    mgm_context_destroy(&ctx);
    return 0;
}

static void forward(void)
{
    struct mgm_session *session = NULL;
    struct mgm_forward_result result = {.alpha_os8 = alphas[0],
                                        .alpha_os4 = alphas[1],
                                        .alpha_os1 = alphas[2],
                                        .alpha = alphas[3],
                                        .unknown_os4 = unknown[0],
                                        .unknown_os1 = unknown[1]};
    ASSERT_OK(ctx, mgm_session_create(ctx, &model, &session));
    ASSERT_OK(ctx, mgm_forward(session, N, H, W, image, guidance, &result));
    mgm_session_destroy(&session);
}

static void compare_with_forward(struct mgm_onnx_settings settings, int n)
{
    char path[] = "/tmp/mgm-onnx-XXXXXX";
    struct onnx_value outputs[4];
    static float got[COUNT];
    close(mkstemp(path));
    ASSERT_OK(ctx, mgm_onnx_export(ctx, &model, &settings, path));
    Onnx__ModelProto *proto = onnx_file_read(path);
    unlink(path);
    onnx_file_run(proto, n, H, W, image, guidance, outputs);
    for (int i = 0; i < 4; i++) {
        const size_t count = (size_t)n * H * W;
        assert_int_equal(outputs[i].count, count);
        for (size_t k = 0; k < count; k++)
            got[k] = (float)outputs[i].values[k];
        assert_true(difference_f32(outputs[i].name, got, alphas[i], count).max < 2e-5);
    }
    onnx_file_release(outputs, 4);
    onnx__model_proto__free_unpacked(proto, NULL);
}

static void test_any_size(void **state)
{
    (void)state;
    compare_with_forward(mgm_onnx_settings_defaults(), N);
}

static void test_fixed_size(void **state)
{
    (void)state;
    struct mgm_onnx_settings settings = mgm_onnx_settings_defaults();
    settings.h = H;
    settings.w = W;
    compare_with_forward(settings, 1);
}

/* Else the masks would be put to no test, or values so close to a threshold that rounding decides would decide the test. */
static void test_masks_are_mixed(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * COUNT; i++) {
        const float alpha = alphas[i / COUNT][i % COUNT];
        assert_true(fabsf(alpha - 1 / 255.0f) > 2e-6f && fabsf(alpha - 254 / 255.0f) > 2e-6f);
    }
    for (int i = 0; i < 2; i++) {
        int set = 0;
        for (int k = 0; k < COUNT; k++)
            set += unknown[i][k];
        print_message("mask %d: %d of %d set\n", i, set, COUNT);
        assert_true(set > COUNT / 100 && set < COUNT);
    }
}

static int set_up_all(void **state)
{
    if (set_up(state) != 0)
        return -1;
    forward();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_masks_are_mixed), cmocka_unit_test(test_any_size),
                                       cmocka_unit_test(test_fixed_size)};
    return cmocka_run_group_tests(tests, set_up_all, tear_down);
}
