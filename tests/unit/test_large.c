/* Photos that are not computed in one piece: panes, planes, smaller copies, and the mattes that come of them. */
#include "base/memory.h"
#include "base/random.h"
#include "matting/model.h"
#include "matting/panes.h"
#include "matting/plane.h"
#include "matting/reduce.h"
#include "matting/session.h"
#include "random_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mgm_context *ctx;

/* ---- panes ------------------------------------------------------------------------------------------------------------ */

static void check_axis(int length, int side, int count, int halo)
{
    float *sum = mgm_alloc_zeroed((size_t)length, sizeof *sum), *weights = mgm_alloc((size_t)side, sizeof *weights);
    for (int i = 0; i < count; i++) {
        const int begin = mgm_pane_begin(length, side, count, i);
        assert_int_equal(begin % 32, 0);
        assert_true(begin >= 0 && begin + side <= length);
        mgm_pane_weights(length, side, count, i, weights);
        for (int k = 0; k < side; k++) {
            const bool in_halo = (k < halo && i > 0) || (k >= side - halo && i < count - 1);
            assert_true(weights[k] >= 0 && (!in_halo || weights[k] == 0));
            sum[begin + k] += weights[k];
        }
    }
    for (int k = 0; k < length; k++)
        assert_float_equal(sum[k], 1, 1e-6);
    mgm_free(sum);
    mgm_free(weights);
}

static void test_panes_cover_everything_once(void **state)
{
    (void)state;
    for (int halo = 32; halo <= 128; halo += 96)
        for (int height = 32; height < 5000; height += 32 * 7)
            for (int side = 512; side <= 1280; side += 256) {
                const struct mgm_panes p = mgm_panes_over(height, 9984 - height / 32 * 32, side, halo);
                assert_true(p.side_h <= side && p.side_w <= side && p.side_h % 32 == 0 && p.side_w % 32 == 0);
                assert_true(height > side ? p.rows > 1 : p.rows == 1 && p.side_h == height);
                check_axis(p.height, p.side_h, p.rows, halo);
                check_axis(p.width, p.side_w, p.columns, halo);
            }
}

/* ---- planes and smaller copies ------------------------------------------------------------------------------------------
 */

static void test_plane_between_values(void **state)
{
    (void)state;
    static const float values[] = {0, 1, 2, 10, 11, 12};
    static const int columns[] = {0, 1, 2, 3, 4, 5, 5, 0};
    const struct mgm_plane plane = {values, 3, 2};
    float row[8];
    mgm_plane_read(&plane, 3, 2, 1, columns, 3, row);
    assert_memory_equal(row, values + 3, 3 * sizeof *row);
    mgm_plane_read(&plane, 6, 4, 1, columns, 8, row); /* row 1 of 4 lies at 0.25, column 2 of 6 at 0.75 */
    static const float expected[] = {2.5f, 2.75f, 3.25f, 3.75f, 4.25f, 4.5f, 4.5f, 2.5f};
    for (int i = 0; i < 8; i++)
        assert_float_equal(row[i], expected[i], 1e-6);
}

static void test_smaller_copies_are_means(void **state)
{
    (void)state;
    enum { W = 7, H = 5 };
    uint8_t pixels[H][W * 3 + 2];
    float plane[H * W], half[2 * 3], one;
    double sum = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            plane[y * W + x] = (float)(y * y + 3 * x);
            sum += (double)plane[y * W + x];
            for (int c = 0; c < 3; c++)
                pixels[y][3 * x + c] = (uint8_t)(y * y + 3 * x + c);
        }
    assert_int_equal(mgm_reduce_plane(ctx, plane, W, H, 1, 1, &one), MGM_OK);
    assert_float_equal(one, sum / (H * W), 1e-5);
    /* 7 columns to 3: the first covers 0, 1 and a third of 2; 5 rows to 2: the first covers 0, 1 and a half of 2 */
    assert_int_equal(mgm_reduce_plane(ctx, plane, W, H, 3, 2, half), MGM_OK);
    assert_float_equal(half[0], (float)((0 + 1 + 4 * 0.5) / 2.5 + 3 * (0 + 1 + 2 / 3.0) / (7 / 3.0)), 1e-5);
    const struct mgm_image photo = {W, H, 3, 8, sizeof pixels[0], pixels};
    struct mgm_image copy;
    assert_int_equal(mgm_reduce_photo(ctx, &photo, 3, 2, &copy), MGM_OK);
    assert_int_equal(copy.bits, 16);
    const uint16_t *words = copy.pixels;
    for (int i = 0; i < 6; i++)
        for (int c = 0; c < 3; c++)
            assert_true(fabs(words[3 * i + c] - 257 * ((double)half[i] + c)) <= 0.51);
    mgm_free((void *)copy.pixels);
}

/* ---- mattes -------------------------------------------------------------------------------------------------------------
 */

enum { WIDTH = 1001, HEIGHT = 700 };

static struct mgm_model model;
static struct mgm_session *session;
static uint8_t photo_pixels[HEIGHT * WIDTH * 3], mask_pixels[HEIGHT * WIDTH];
static float piece[HEIGHT * WIDTH], other[HEIGHT * WIDTH];

static int set_up(void **state)
{
    (void)state;
    struct mgm_random random = mgm_random_stream(1, 1);
    if (mgm_context_create(&ctx) != MGM_OK)
        return -1;
    mgm_context_set_threads(ctx, 1); /* there is little to do in each layer: threads would mostly wait for each other */
    model = random_model(ctx, 1.0 / 64);
    for (int i = 0; i < model.graph.param_count; i++) /* mattes that are not all black or white */
        if (model.graph.params[i].role == MGM_PARAM_WEIGHTS && model.graph.params[i].dims[0] == 1)
            for (size_t k = 0; k < model.graph.params[i].count; k++)
                model.params.values[model.graph.params[i].offset + k] *= 0.01f;
    if (mgm_session_create(ctx, &model, &session) != MGM_OK || mgm_context_set_precision(ctx, "f32") != MGM_OK)
        return -1;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            mask_pixels[y * WIDTH + x] = hypot(x - 400, y - 250) < 240 ? 255 : 0;
            for (int c = 0; c < 3; c++)
                photo_pixels[(y * WIDTH + x) * 3 + c] =
                    (uint8_t)(mask_pixels[y * WIDTH + x] / 2 + (int)(mgm_random_unit(&random) * 40) + x / 20 + 20 * c);
        }
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

static struct mgm_matte_report matte(enum mgm_method method, enum mgm_guidance guidance, int width, int height, float *alpha)
{
    const struct mgm_image photo = {width, height, 3, 8, (size_t)width * 3, photo_pixels};
    const struct mgm_image mask = {width, height, 1, 8, (size_t)width, mask_pixels};
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    struct mgm_matte_report report;
    settings.method = method;
    settings.guidance = guidance;
    if (mgm_matte(session, &photo, &mask, &settings, alpha, &report) != MGM_OK)
        fail_msg("%s", mgm_context_error(ctx));
    for (int i = 0; i < width * height; i++)
        assert_true(alpha[i] >= 0 && alpha[i] <= 1);
    return report;
}

static void test_panes_agree_with_one_piece(void **state)
{
    (void)state;
    assert_int_equal(matte(MGM_METHOD_PIECE, MGM_GUIDANCE_MASK, WIDTH, HEIGHT, piece).panes, 1);
    mgm_context_set_max_memory(ctx, (size_t)85 << 20);
    const struct mgm_matte_report report = matte(MGM_METHOD_PANES, MGM_GUIDANCE_MASK, WIDTH, HEIGHT, other);
    mgm_context_set_max_memory(ctx, 0);
    double sum = 0, worst = 0, spread = 0;
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        const double difference = fabs((double)piece[i] - (double)other[i]);
        sum += difference;
        worst = fmax(worst, difference);
        spread = fmax(spread, fabs((double)piece[i] - (double)piece[0]));
    }
    print_message("%d panes of %d×%d: %.2g on average, %.2g at most, of mattes that vary by %.2g\n", report.panes,
                  report.network_width, report.network_height, sum / (WIDTH * HEIGHT), worst, spread);
    assert_true(report.panes > 1 && report.network_width < WIDTH);
    assert_true(spread > 0.03);
    assert_true(sum / (WIDTH * HEIGHT) < 5e-5 && worst < 2e-3);
}

static void test_too_little_memory(void **state)
{
    (void)state;
    const struct mgm_image photo = {WIDTH, HEIGHT, 3, 8, WIDTH * 3, photo_pixels};
    const struct mgm_image mask = {WIDTH, HEIGHT, 1, 8, WIDTH, mask_pixels};
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    struct mgm_matte_report report;
    mgm_context_set_max_memory(ctx, 20 << 20);
    for (int method = MGM_METHOD_AUTO; method <= MGM_METHOD_PYRAMID; method++) {
        settings.method = (enum mgm_method)method;
        assert_int_equal(mgm_matte(session, &photo, &mask, &settings, other, &report), MGM_E_NOMEM);
        assert_int_equal(report.panes, 0); /* before anything was computed */
        assert_non_null(strstr(mgm_context_error(ctx), "21 MB of memory were allowed"));
    }
    mgm_context_set_max_memory(ctx, 0);
}

/** A photo's sizes are all found again; with less memory only what fits into it is kept. */
static void test_predictors_are_kept_while_they_fit(void **state)
{
    (void)state;
    struct mgm_predictor *made[3];
    for (int again = 0; again < 2; again++)
        for (int i = 0; i < 3; i++) {
            assert_int_equal(mgm_session_prepare(session, 1, 64, 64 + 32 * i, MGM_PRECISION_F32, false), MGM_OK);
            if (again)
                assert_ptr_equal(session->predictor, made[i]);
            made[i] = session->predictor;
        }
    mgm_context_set_max_memory(ctx, 64 << 10);
    assert_int_equal(mgm_session_prepare(session, 1, 64, 64, MGM_PRECISION_F32, false), MGM_OK);
    assert_true(session->kept[0] == session->predictor && !session->kept[1]);
    mgm_context_set_max_memory(ctx, 0);
}

static void test_what_is_chosen(void **state)
{
    (void)state;
    assert_int_equal(matte(MGM_METHOD_AUTO, MGM_GUIDANCE_MASK, WIDTH, HEIGHT, other).method, MGM_METHOD_PYRAMID);
    assert_int_equal(matte(MGM_METHOD_AUTO, MGM_GUIDANCE_ALPHA, WIDTH, HEIGHT, other).method, MGM_METHOD_PIECE);
    assert_int_equal(matte(MGM_METHOD_AUTO, MGM_GUIDANCE_MASK, 500, 500, other).method, MGM_METHOD_PIECE);
    mgm_context_set_max_memory(ctx, (size_t)85 << 20);
    assert_int_equal(matte(MGM_METHOD_AUTO, MGM_GUIDANCE_ALPHA, WIDTH, HEIGHT, other).method, MGM_METHOD_PANES);
    mgm_context_set_max_memory(ctx, 0);
}

/* Twice the same, ready beforehand or not; and pictures that are all length. */
static void test_pyramid(void **state)
{
    (void)state;
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    struct mgm_matte_report report = matte(MGM_METHOD_PYRAMID, MGM_GUIDANCE_MASK, WIDTH, HEIGHT, piece);
    assert_true(report.panes >= 2);
    assert_int_equal(mgm_session_make_ready(session, WIDTH, HEIGHT, &settings), MGM_OK);
    matte(MGM_METHOD_PYRAMID, MGM_GUIDANCE_MASK, WIDTH, HEIGHT, other);
    assert_memory_equal(piece, other, sizeof piece);
    matte(MGM_METHOD_PYRAMID, MGM_GUIDANCE_MASK, WIDTH * 14, HEIGHT / 14, other);
    matte(MGM_METHOD_PYRAMID, MGM_GUIDANCE_MASK, 1, WIDTH * HEIGHT, other);
    assert_int_equal(mgm_session_make_ready(session, 0, 1, &settings), MGM_E_INVALID);
}

/* What is certain in the first matte, and far from anything that is not, stays as it is: only a band is looked at again. */
static void test_pyramid_leaves_what_is_certain(void **state)
{
    (void)state;
    for (int i = 0; i < model.graph.param_count; i++) { /* the first head follows its bias alone: certain everywhere */
        const struct mgm_param_info *info = &model.graph.params[i];
        if (strcmp(info->name, "decoder.refine_OS8.3.bias") == 0)
            model.params.values[info->offset] = 20;
    }
    mgm_session_destroy(&session);
    assert_int_equal(mgm_session_create(ctx, &model, &session), MGM_OK);
    assert_int_equal(matte(MGM_METHOD_PYRAMID, MGM_GUIDANCE_MASK, WIDTH, HEIGHT, other).panes, 1);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        assert_true(other[i] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panes_cover_everything_once),
        cmocka_unit_test(test_plane_between_values),
        cmocka_unit_test(test_smaller_copies_are_means),
        cmocka_unit_test(test_panes_agree_with_one_piece),
        cmocka_unit_test(test_too_little_memory),
        cmocka_unit_test(test_predictors_are_kept_while_they_fit),
        cmocka_unit_test(test_what_is_chosen),
        cmocka_unit_test(test_pyramid),
        cmocka_unit_test(test_pyramid_leaves_what_is_certain),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
