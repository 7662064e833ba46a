/* The library's front door: what it refuses, and answers that depend on neither threads nor earlier pictures. */
#include "matting/model.h"
#include "matting/network.h"
#include "mgm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { W = 41, H = 35 };

static struct mgm_context *ctx;
static struct mgm_model model = {.width = 1.0 / 64, .name = "tiny", .license = ""};
static struct mgm_session *session;
static uint16_t photo_pixels[H * W * 3], mask_pixels[H * W];
static float alpha[H * W];

static int set_up(void **state)
{
    (void)state;
    if (mgm_context_create(&ctx) != MGM_OK || mgm_network_build(ctx, model.width, false, &model.graph) != MGM_OK ||
        mgm_params_create(ctx, &model.graph, false, &model.params) != MGM_OK ||
        mgm_session_create(ctx, &model, &session) != MGM_OK)
        return -1;
    mgm_params_initialise(&model.graph, 3, &model.params);
    for (int i = 0; i < H * W * 3; i++)
        photo_pixels[i] = (uint16_t)(i * 7919);
    for (int i = 0; i < H * W; i++)
        mask_pixels[i] = i % W > W / 2 ? 65535 : 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_session_destroy(&session);
    mgm_params_release(&model.params);
    mgm_graph_release(&model.graph);
    mgm_context_destroy(&ctx);
    return 0;
}

static struct mgm_image photo_of(int width, int height)
{
    return (struct mgm_image){width, height, 3, 16, (size_t)W * 6, photo_pixels};
}

static struct mgm_image mask_of(int width, int height)
{
    return (struct mgm_image){width, height, 1, 16, (size_t)W * 2, mask_pixels};
}

static enum mgm_status matte(struct mgm_image photo, struct mgm_image mask)
{
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    settings.guidance = MGM_GUIDANCE_ALPHA;
    return mgm_matte(session, &photo, &mask, &settings, alpha, NULL);
}

static void test_pictures_out_of_range(void **state)
{
    (void)state;
    struct mgm_image odd = photo_of(W, H), wide = photo_of((1 << 20) + 1, 1), shifted = mask_of(W - 1, H);
    odd.stride++;
    wide.stride = (size_t)wide.width * 6;
    shifted.pixels = (const char *)mask_pixels + 1;
    assert_int_equal(matte(odd, mask_of(W, H)), MGM_E_INVALID);
    assert_int_equal(matte(wide, mask_of(W, H)), MGM_E_INVALID);
    assert_non_null(strstr(mgm_context_error(ctx), "1048577×1"));
    assert_int_equal(matte(photo_of(W - 1, H), shifted), MGM_E_INVALID);
    assert_int_equal(matte(photo_of(W, H), mask_of(W, H - 1)), MGM_E_SHAPE);
}

static void test_batches_out_of_range(void **state)
{
    (void)state;
    struct mgm_forward_result result = {0};
    const float nothing = 0;
    assert_int_equal(mgm_forward(session, 0, 32, 32, &nothing, &nothing, &result), MGM_E_SHAPE);
    assert_int_equal(mgm_forward(session, 1, 32, 33, &nothing, &nothing, &result), MGM_E_SHAPE);
    assert_int_equal(mgm_forward(session, 1, 32, 1 << 21, &nothing, &nothing, &result), MGM_E_INVALID);
    assert_int_equal(mgm_forward(session, 1 << 30, 1 << 20, 1 << 20, &nothing, &nothing, &result), MGM_E_INVALID);
}

static void fill(const char *name, float value)
{
    const struct mgm_param_info *param = &model.graph.params[mgm_graph_find_param(&model.graph, name)];
    for (size_t i = 0; i < param->count; i++)
        model.params.values[param->offset + i] = value;
}

static void test_weights_without_spectral_norm(void **state)
{
    (void)state;
    fill("encoder.conv1.module.weight_bar", 0);
    assert_int_equal(matte(photo_of(W, H), mask_of(W, H)), MGM_E_FORMAT);
    assert_non_null(strstr(mgm_context_error(ctx), "encoder.conv1.module.weight_bar"));
}

static void test_weights_that_overflow(void **state)
{
    (void)state;
    fill("decoder.refine_OS8.1.bias", 100); /* the one head that is always looked at */
    fill("decoder.refine_OS8.3.weight", 3e38f);
    assert_int_equal(matte(photo_of(W, H), mask_of(W, H)), MGM_E_FORMAT);
    assert_non_null(strstr(mgm_context_error(ctx), "'tiny'"));
}

/** The first norm's layer. */
static const struct mgm_layer *first_norm(void)
{
    int i = 0;
    while (model.graph.layers[i].op != MGM_OP_NORM)
        i++;
    return &model.graph.layers[i];
}

static void test_norm_that_overflows(void **state)
{
    (void)state;
    const char *name = model.graph.params[first_norm()->scale].name;
    fill(name, 3e38f);
    fill(model.graph.params[first_norm()->variance].name, 0);
    assert_int_equal(matte(photo_of(W, H), mask_of(W, H)), MGM_E_FORMAT);
    assert_non_null(strstr(mgm_context_error(ctx), name));
}

/** Values whose inverse is no float are looked at for the ranges of 8 bit, too. */
static void test_least_values_in_int8(void **state)
{
    (void)state;
    fill(model.graph.params[first_norm()->scale].name, 1e-38f);
    fill(model.graph.params[first_norm()->shift].name, 0);
    assert_int_equal(mgm_context_set_precision(ctx, "int8"), MGM_OK);
    assert_int_equal(matte(photo_of(W, H), mask_of(W, H)), MGM_OK);
}

static void test_one_session_for_many(void **state)
{
    (void)state;
    static float first[H * W];
    static const int threads[] = {3, 1, 7, 0};
    assert_int_equal(matte(photo_of(W, H), mask_of(W, H)), MGM_OK);
    memcpy(first, alpha, sizeof first);
    for (int i = 0; i < 4; i++) {
        mgm_context_set_threads(ctx, threads[i]);
        mask_pixels[0] = 65535; /* so that the single pixel's mask is not empty */
        assert_int_equal(matte(photo_of(1, 1), mask_of(1, 1)), MGM_OK);
        assert_true(alpha[0] >= 0 && alpha[0] <= 1);
        mask_pixels[0] = 0;
        assert_int_equal(matte(photo_of(W, H), mask_of(W, H)), MGM_OK);
        for (int p = 0; p < H * W; p++)
            assert_float_equal(alpha[p], first[p], 1e-5);
    }
}

static struct mgm_matte_report matte_by_reference(struct mgm_image photo, struct mgm_image mask, bool largest)
{
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    struct mgm_matte_report report;
    settings.reference = true;
    settings.largest_component = largest;
    assert_int_equal(mgm_matte(session, &photo, &mask, &settings, alpha, &report), MGM_OK);
    return report;
}

/** A multiple of 32 gets its margin too; a soft mask is thresholded; alpha comes in whole steps. */
static void test_reference(void **state)
{
    (void)state;
    struct mgm_matte_report report = matte_by_reference(photo_of(32, 32), mask_of(32, 32), false);
    assert_int_equal(report.network_width, 96);
    assert_int_equal(report.network_height, 96);
    mask_pixels[0] = 30000;
    report = matte_by_reference(photo_of(W, H), mask_of(W, H), false);
    assert_int_equal(report.guidance, MGM_GUIDANCE_MASK);
    assert_int_equal(report.network_width, 128);
    for (int p = 0; p < H * W; p++)
        assert_float_equal(alpha[p] * 255, (float)(int)(alpha[p] * 255 + 0.5f), 1e-4);
    mask_pixels[0] = 65535;
    report = matte_by_reference(photo_of(1, 1), mask_of(1, 1), true);
    assert_int_equal(report.network_height, 96);
    mask_pixels[0] = 0;
}

static void test_every_width_has_channels(void **state)
{
    (void)state;
    assert_int_equal(mgm_network_channels(1e-12, 512), 8);
    assert_int_equal(mgm_network_channels(1e-300, 32), 8);
    assert_int_equal(mgm_network_channels(1, 32), 32);
    assert_int_equal(mgm_network_channels(0.26, 32), 16);
}

static void test_devices(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1000", "CPU", "cpu:0"};
    struct mgm_session *other = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(mgm_context_set_device(ctx, wrong[i]), MGM_E_INVALID);
        assert_non_null(strstr(mgm_context_error(ctx), "there are cpu, cuda and cuda:N"));
    }
    assert_int_equal(mgm_context_set_device(ctx, "cpu"), MGM_OK);
    assert_int_equal(mgm_session_create(ctx, &model, &other), MGM_OK);
    mgm_session_destroy(&other);
    /* No machine has so many; where CUDA is not built in, it is told at once. */
    assert_int_equal(mgm_context_set_device(ctx, "cuda:999"), MGM_OK);
    assert_int_equal(mgm_session_create(ctx, &model, &other), MGM_E_UNSUPPORTED);
    assert_null(other);
    assert_non_null(strstr(mgm_context_error(ctx), "CUDA"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pictures_out_of_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batches_out_of_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weights_without_spectral_norm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weights_that_overflow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_norm_that_overflows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_least_values_in_int8, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_session_for_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_devices, set_up, tear_down),
        cmocka_unit_test(test_every_width_has_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
