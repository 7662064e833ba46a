/* Refinement by tiles gives what the whole network gives, wherever it is looked at. */
#include "base/memory.h"
#include "base/random.h"
#include "matting/calibrate.h"
#include "matting/predict.h"
#include "random_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mgm_context *ctx;

static void release_model(struct mgm_model *model)
{
    mgm_params_release(&model->params);
    mgm_graph_release(&model->graph);
}

struct answer {
    float *alpha;
    uint8_t *unknown_os4, *unknown_os1;
    struct mgm_prediction prediction;
};

static void fill_input(float *input, int n, int h, int w)
{
    struct mgm_random random = mgm_random_stream(7, 3);
    for (size_t i = 0; i < 4 * (size_t)n * (size_t)h * (size_t)w; i++)
        input[i] = (float)mgm_random_unit(&random) + (float)(i / 4 % (size_t)w) / (float)w - 1;
}

static size_t tile_memory; /* 0: as it comes */

static struct answer answer_of(const struct mgm_model *model, int n, int h, int w, enum mgm_precision precision, bool dense,
                               const uint8_t *region)
{
    const size_t count = (size_t)h * (size_t)w;
    struct answer a = {
        mgm_alloc(count * (size_t)n, sizeof(float)), mgm_alloc(count * (size_t)n, 1), mgm_alloc(count * (size_t)n, 1), {0}};
    const struct mgm_predictor_settings settings = {
        .n = n, .h = h, .w = w, .precision = precision, .tile_memory = tile_memory, .dense = dense};
    struct mgm_predictor *predictor;
    assert_int_equal(mgm_predictor_create(ctx, model, &settings, &predictor), MGM_OK);
    for (int run = 0; run < 2; run++) { /* the second finds what the first left behind */
        fill_input(mgm_predictor_input(predictor), n, h, w);
        assert_int_equal(mgm_predictor_run(predictor), MGM_OK);
        for (int i = 0; i < n; i++) {
            a.prediction = (struct mgm_prediction){.dilate_os4 = 5,
                                                   .dilate_os1 = 3,
                                                   .region = region,
                                                   .alpha = a.alpha + (size_t)i * count,
                                                   .unknown_os4 = a.unknown_os4 + (size_t)i * count,
                                                   .unknown_os1 = a.unknown_os1 + (size_t)i * count};
            if (mgm_predictor_finish(predictor, i, &a.prediction) != MGM_OK)
                fail_msg("%s (%s, run %d)", mgm_context_error(ctx), dense ? "dense" : "by tiles", run);
        }
    }
    mgm_predictor_destroy(&predictor);
    return a;
}

static void release_answer(struct answer *a)
{
    mgm_free(a->alpha);
    mgm_free(a->unknown_os4);
    mgm_free(a->unknown_os1);
}

static void compare(const struct mgm_model *model, int n, int h, int w, const uint8_t *region)
{
    struct answer dense = answer_of(model, n, h, w, MGM_PRECISION_F32, true, region);
    struct answer sparse = answer_of(model, n, h, w, MGM_PRECISION_F32, false, region);
    double worst = 0;
    size_t moved = 0, unknown = 0;
    for (size_t i = 0; i < (size_t)n * (size_t)h * (size_t)w; i++) {
        unknown += dense.unknown_os1[i];
        moved += dense.unknown_os4[i] != sparse.unknown_os4[i] || dense.unknown_os1[i] != sparse.unknown_os1[i];
        if (dense.unknown_os1[i] == sparse.unknown_os1[i])
            worst = fmax(worst, fabs((double)dense.alpha[i] - (double)sparse.alpha[i]));
    }
    print_message("width %g, %d × %d×%d: largest difference %.2g; %.1f %% refined, %zu otherwise; computed %.2f, %.2f\n",
                  model->width, n, w, h, worst, 100.0 * (double)unknown / (double)n / (double)h / (double)w, moved,
                  sparse.prediction.computed_os4, sparse.prediction.computed_os1);
    assert_true(worst <= 1e-4);
    if (region)
        assert_int_equal(moved, 0);
    assert_true((double)moved <= 1e-3 * (double)n * (double)h * (double)w);
    release_answer(&dense);
    release_answer(&sparse);
}

static void test_where_the_matte_is_uncertain(void **state)
{
    (void)state;
    struct mgm_model model = random_model(ctx, 1.0 / 64);
    compare(&model, 1, 32, 32, NULL);
    compare(&model, 2, 96, 160, NULL);
    release_model(&model);
}

/* Without refinement the matte is that of the last output, everywhere, whatever was asked for. */
static void test_without_refinement(void **state)
{
    (void)state;
    enum { H = 64, W = 96 };
    struct mgm_model model = random_model(ctx, 1.0 / 64);
    struct mgm_predictor *predictor;
    float *planes = mgm_alloc(3 * H * W, sizeof *planes);
    uint8_t *unknown = mgm_alloc(2 * H * W, 1);
    assert_true(planes && unknown);
    for (int fusion = MGM_FUSE_BY_REFINEMENT; fusion <= MGM_FUSE_NOT; fusion++) {
        model.fusion = (enum mgm_head_fusion)fusion;
        struct mgm_prediction prediction = {.dilate_os4 = 5,
                                            .dilate_os1 = 3,
                                            .alpha = planes,
                                            .unknown_os4 = unknown,
                                            .unknown_os1 = unknown + H * W,
                                            .heads = {planes + H * W, NULL, planes + 2 * H * W}};
        const struct mgm_predictor_settings settings = {
            .n = 1, .h = H, .w = W, .precision = MGM_PRECISION_F32, .dense = fusion == MGM_FUSE_BY_REFINEMENT};
        assert_int_equal(mgm_predictor_create(ctx, &model, &settings, &predictor), MGM_OK);
        assert_true(mgm_predictor_settings_of(predictor)->dense);
        fill_input(mgm_predictor_input(predictor), 1, H, W);
        assert_int_equal(mgm_predictor_run(predictor), MGM_OK);
        assert_int_equal(mgm_predictor_finish(predictor, 0, &prediction), MGM_OK);
        const bool same = memcmp(planes, planes + 2 * H * W, H * W * sizeof *planes) == 0;
        assert_int_equal(same, fusion == MGM_FUSE_NOT);
        bool everywhere = true;
        for (int i = 0; i < 2 * H * W; i++)
            everywhere = everywhere && unknown[i] == 1;
        assert_true(everywhere || fusion == MGM_FUSE_BY_REFINEMENT);
        mgm_predictor_destroy(&predictor);
    }
    mgm_free(planes);
    mgm_free(unknown);
    release_model(&model);
}

static void test_regions(double width)
{
    enum { H = 160, W = 224 };
    struct mgm_model model = random_model(ctx, width);
    uint8_t *region = mgm_alloc_zeroed((size_t)H * W, 1);
    compare(&model, 1, H, W, region); /* nothing */
    region[0] = region[H * W - 1] = region[70 * W + 100] = 255;
    compare(&model, 1, H, W, region); /* corners, and one pixel */
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            region[y * W + x] = abs((y - 80) * (y - 80) + (x - 150) * (x - 150) - 4900) < 900;
    compare(&model, 1, H, W, region); /* a contour that leaves the picture */
    memset(region, 1, (size_t)H * W);
    compare(&model, 1, H, W, region); /* everything */
    mgm_free(region);
    release_model(&model);
}

static void test_regions_narrow(void **state)
{
    (void)state;
    test_regions(0.25);
}

static void test_regions_blocked(void **state)
{
    (void)state;
    test_regions(0.5);
}

static double mean_difference(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs((double)a[i] - (double)b[i]);
    return sum / (double)count;
}

/* Convolutions of other shapes may sum in another order before they round to eight bits: within what that rounding does. */
static void test_bf16(void **state)
{
    (void)state;
    enum { H = 160, W = 224 };
    if (!mgm_bf16_is_native())
        skip();
    struct mgm_model model = random_model(ctx, 0.5);
    uint8_t region[H * W];
    memset(region, 1, sizeof region);
    struct answer exact = answer_of(&model, 1, H, W, MGM_PRECISION_F32, true, region);
    struct answer dense = answer_of(&model, 1, H, W, MGM_PRECISION_BF16, true, region);
    struct answer sparse = answer_of(&model, 1, H, W, MGM_PRECISION_BF16, false, region);
    const double rounding = mean_difference(exact.alpha, dense.alpha, H * W);
    const double tiles = mean_difference(dense.alpha, sparse.alpha, H * W);
    print_message("bf16 differs from f32 by %.2g on average, tiles from the whole by %.2g\n", rounding, tiles);
    assert_true(tiles <= rounding / 2);
    assert_true(mean_difference(exact.alpha, sparse.alpha, H * W) <= 1.2 * rounding);
    release_answer(&exact);
    release_answer(&dense);
    release_answer(&sparse);
    release_model(&model);
}

/* 8 bit: tiles round as the whole does, and both stay near f32. */
static void test_int8(void **state)
{
    (void)state;
    enum { H = 160, W = 224 };
    struct mgm_model model = random_model(ctx, 0.5);
    const struct mgm_predictor_settings settings = {.n = 1, .h = H, .w = W, .precision = MGM_PRECISION_S8};
    struct mgm_calibration *calibration;
    struct mgm_predictor *predictor;
    float *input = mgm_alloc((size_t)H * W, 4 * sizeof *input);
    model.ranges = mgm_alloc((size_t)model.graph.layer_count, sizeof *model.ranges);
    fill_input(input, 1, H, W);
    assert_int_equal(mgm_calibration_create(ctx, &model, &calibration), MGM_OK);
    assert_int_equal(mgm_calibration_add(calibration, H, W, input), MGM_OK);
    mgm_calibration_ranges(calibration, model.ranges);
    mgm_calibration_destroy(&calibration);
    mgm_free(input);
    const enum mgm_status possible = mgm_predictor_create(ctx, &model, &settings, &predictor);
    mgm_predictor_destroy(&predictor);
    if (possible == MGM_OK) {
        uint8_t region[H * W];
        memset(region, 1, sizeof region);
        struct answer exact = answer_of(&model, 1, H, W, MGM_PRECISION_F32, true, region);
        struct answer dense = answer_of(&model, 1, H, W, MGM_PRECISION_S8, true, region);
        struct answer sparse = answer_of(&model, 1, H, W, MGM_PRECISION_S8, false, region);
        const double rounding = mean_difference(exact.alpha, dense.alpha, H * W);
        const double tiles = mean_difference(dense.alpha, sparse.alpha, H * W);
        print_message("int8 differs from f32 by %.2g on average, tiles from the whole by %.2g\n", rounding, tiles);
        assert_true(rounding < 0.02);
        assert_true(tiles <= rounding / 2);
        release_answer(&exact);
        release_answer(&dense);
        release_answer(&sparse);
    }
    mgm_free(model.ranges);
    release_model(&model);
    if (possible != MGM_OK) {
        assert_int_equal(possible, MGM_E_UNSUPPORTED);
        skip();
    }
}

/* Band after band where memory is scarce: the same values, and no pixel of the result twice. */
static void test_bands(void **state)
{
    (void)state;
    enum { H = 544, W = 64 };
    struct mgm_model model = random_model(ctx, 1.0 / 64);
    uint8_t *region = mgm_alloc_zeroed(H * W, 1);
    memset(region + 40 * W, 1, (H - 60) * W);
    struct answer at_once = answer_of(&model, 1, H, W, MGM_PRECISION_F32, false, region);
    tile_memory = 1;
    struct answer in_bands = answer_of(&model, 1, H, W, MGM_PRECISION_F32, false, region);
    tile_memory = 0;
    assert_memory_equal(at_once.alpha, in_bands.alpha, H * W * sizeof(float));
    assert_true(fabs(at_once.prediction.computed_os1 - in_bands.prediction.computed_os1) < 1e-9);
    mgm_free(region);
    release_answer(&at_once);
    release_answer(&in_bands);
    release_model(&model);
}

static int set_up(void **state)
{
    (void)state;
    return mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_the_matte_is_uncertain),
        cmocka_unit_test(test_without_refinement),
        cmocka_unit_test(test_regions_narrow),
        cmocka_unit_test(test_regions_blocked),
        cmocka_unit_test(test_bands),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_int8),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
