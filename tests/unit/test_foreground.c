/* Foreground colours: the classical estimate, the windows of the network, and what the library promises of the result. */
#include "matting/foreground_fast.h"
#include "matting/foreground_split.h"
#include "matting/foreground_windows.h"
#include "matting/model.h"
#include "matting/network.h"
#include "mgm.h"

#include "base/memory.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mgm_context *ctx;

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

/* ---- the estimate ----------------------------------------------------------------------------------------------------- */

/** A scene: a disc that frays out into strands, of one colour or with waves in it, on a background of the same kind. */
struct scene {
    int h, w;
    float *image, *alpha, *fg;
};

static struct scene make_scene(int h, int w, bool waves)
{
    struct scene s = {h, w, malloc(sizeof(float) * 3 * (size_t)(h * w)), malloc(sizeof(float) * (size_t)(h * w)),
                      malloc(sizeof(float) * 3 * (size_t)(h * w))};
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const size_t i = (size_t)(y * w + x);
            const double radius = hypot(x - w / 2.0, y - h / 2.0) / (h < w ? h : w);
            const double strands = radius < 0.2 ? 1 : 0.5 + 0.5 * sin(1.3 * x + 0.4 * y);
            s.alpha[i] = (float)(fmin(fmax((0.42 - radius) * 6, 0), 1) * strands);
            for (int c = 0; c < 3; c++) {
                const double wave = waves ? 0.15 * sin(x * 0.11 + c) * cos(y * 0.07) : 0;
                const double fg = 0.75 - 0.2 * c + wave, bg = 0.2 + 0.25 * c + (waves ? 0.1 * sin(x * 0.05 - y * 0.09) : 0);
                s.fg[3 * i + (size_t)c] = (float)fg;
                s.image[3 * i + (size_t)c] = (float)(s.alpha[i] * fg + (1 - s.alpha[i]) * bg);
            }
        }
    return s;
}

static void release_scene(struct scene *s)
{
    free(s->image);
    free(s->alpha);
    free(s->fg);
}

/** Mean difference from the truth where alpha is a mixture. @param split  whether detail is divided by who has it */
static double error_after(const struct scene *s, const struct mgm_estimate_settings *settings, bool split)
{
    float *estimate;
    double sum = 0, count = 0;
    assert_int_equal(mgm_foreground_estimate(ctx, settings, s->h, s->w, s->image, s->alpha, &estimate), MGM_OK);
    if (split)
        assert_int_equal(mgm_foreground_split(ctx, s->h, s->w, s->image, s->alpha, estimate), MGM_OK);
    for (size_t i = 0; i < (size_t)(s->h * s->w); i++)
        for (size_t c = 0; c < 3; c++) {
            const float value = estimate[MGM_ESTIMATE_STRIDE * i + c];
            assert_true(s->alpha[i] <= 0 || s->alpha[i] >= 1 || (value >= 0 && value <= 1));
            if (s->alpha[i] > 0.05f && s->alpha[i] < 1) {
                sum += fabs((double)value - (double)s->fg[3 * i + c]);
                count++;
            }
        }
    mgm_free(estimate);
    return sum / count;
}

static double error_of(const struct scene *s, const struct mgm_estimate_settings *settings)
{
    return error_after(s, settings, false);
}

/** The scene's alpha over two pictures, of which one is grainy. */
static void make_grainy(struct scene *s, bool foreground)
{
    struct mgm_random random = mgm_random_stream(12, foreground);
    for (int i = 0; i < 3 * s->h * s->w; i++) {
        const float grain = (float)mgm_random_range(&random, -0.2, 0.2), a = s->alpha[i / 3];
        const float f = 0.6f + (foreground ? grain : 0), b = 0.3f + (foreground ? 0 : grain);
        s->fg[i] = f;
        s->image[i] = a * f + (1 - a) * b;
    }
}

/* What is only in one of the two is found there, and what is in neither stays as it was found. */
static void test_detail_goes_to_whom_it_belongs(void **state)
{
    (void)state;
    for (int foreground = 0; foreground < 2; foreground++) {
        struct scene s = make_scene(120, 150, true);
        make_grainy(&s, foreground);
        const double fast = error_of(&s, &mgm_estimate_thorough), fine = error_after(&s, &mgm_estimate_thorough, true);
        printf("grain in the %s: off by %.4f, %.4f after the split\n", foreground ? "foreground" : "background", fast, fine);
        assert_true(fine < 0.6 * fast);
        release_scene(&s);
    }
    struct scene plain = make_scene(61, 83, false);
    assert_true(error_after(&plain, &mgm_estimate_thorough, true) < 0.005);
    release_scene(&plain);
}

static void test_plain_colours_are_found(void **state)
{
    (void)state;
    struct scene s = make_scene(61, 83, false);
    assert_true(error_of(&s, &mgm_estimate_published) < 0.01);
    assert_true(error_of(&s, &mgm_estimate_thorough) < 0.005);
    release_scene(&s);
}

/* An alpha that is off at random, as a network's is, leaves fewer traces in colours that are not made to fit it. */
static void test_wrong_alpha_is_doubted(void **state)
{
    (void)state;
    struct mgm_estimate_settings trusting = mgm_estimate_thorough;
    struct mgm_random random = mgm_random_stream(13, 0);
    struct scene s = make_scene(200, 180, true);
    trusting.doubt = 0;
    for (int i = 0; i < 3 * s.h * s.w; i++) {
        s.fg[i] = 0.9f; /* before dark, so that alpha's errors weigh */
        s.image[i] = 0.1f + 0.8f * s.alpha[i / 3];
    }
    for (int i = 0; i < s.h * s.w; i++)
        if (s.alpha[i] > 0 && s.alpha[i] < 1)
            s.alpha[i] = fminf(fmaxf(s.alpha[i] + (float)mgm_random_range(&random, -0.3, 0.3), 0.01f), 0.99f);
    const double trusted = error_of(&s, &trusting), doubted = error_of(&s, &mgm_estimate_thorough);
    const double split = error_after(&s, &mgm_estimate_thorough, true);
    print_message("with alpha off at random, colours are by %.4f trusting it, %.4f doubting it, %.4f after the split\n",
                  trusted, doubted, split);
    assert_true(doubted < 0.9 * trusted);
    assert_true(split < 0.9 * trusted); /* it doubts as well: 0.96 if it did not */
    release_scene(&s);
}

/* Also where only pixels near to a mixture are solved: 300 × 400. */
static void test_thorough_is_better(void **state)
{
    (void)state;
    const int sizes[][2] = {{90, 70}, {300, 400}};
    for (int i = 0; i < 2; i++) {
        struct scene s = make_scene(sizes[i][0], sizes[i][1], true);
        const double published = error_of(&s, &mgm_estimate_published), thorough = error_of(&s, &mgm_estimate_thorough);
        assert_true(thorough < 0.6 * published);
        assert_true(thorough < 0.02);
        release_scene(&s);
    }
}

/* Two panes, whose border goes through the scene, are as near to the truth as one piece is. */
static void test_panes_are_as_good_as_one_piece(void **state)
{
    (void)state;
    struct scene s = make_scene(300, 1400, true);
    const size_t count = (size_t)(s.h * s.w);
    struct mgm_foreground_session *session;
    uint16_t *pixels = malloc(6 * count), *colours = malloc(6 * count);
    float *estimate;
    double in_panes = 0, in_one = 0, apart = 0;
    size_t mixed = 0;
    for (size_t i = 0; i < 3 * count; i++) {
        pixels[i] = (uint16_t)(s.image[i] * 65535 + 0.5f);
        s.image[i] = (float)pixels[i] / 65535.0f;
    }
    const struct mgm_image photo = {s.w, s.h, 3, 16, (size_t)s.w * 6, pixels};
    assert_int_equal(mgm_foreground_session_create(ctx, NULL, &session), MGM_OK);
    assert_int_equal(mgm_foreground(session, &photo, s.alpha, NULL, colours, NULL), MGM_OK);
    assert_int_equal(mgm_foreground_estimate(ctx, &mgm_estimate_thorough, s.h, s.w, s.image, s.alpha, &estimate), MGM_OK);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3 && s.alpha[i] > 0.05f && s.alpha[i] < 1; c++, mixed++) {
            const double truth = (double)s.fg[3 * i + c], one = (double)estimate[MGM_ESTIMATE_STRIDE * i + c];
            in_panes += fabs(colours[3 * i + c] / 65535.0 - truth);
            in_one += fabs(one - truth);
            apart += fabs(colours[3 * i + c] / 65535.0 - one);
        }
    print_message("off the truth by %.4f in panes, %.4f in one piece, by %.4f from each other\n", in_panes / (double)mixed,
                  in_one / (double)mixed, apart / (double)mixed);
    assert_true(apart > 1e-4 * (double)mixed); /* there are panes: rounding alone is less */
    assert_true(in_panes < 1.05 * in_one);
    mgm_foreground_session_destroy(&session);
    mgm_free(estimate);
    free(pixels);
    free(colours);
    release_scene(&s);
}

static void test_smallest_pictures(void **state)
{
    (void)state;
    const int sizes[][2] = {{1, 1}, {1, 7}, {5, 1}, {2, 3}};
    const float image[21] = {0.5f, 0.25f, 1}, alpha[7] = {0.5f, 0, 1, 0.1f};
    for (int i = 0; i < 4; i++) {
        float *estimate;
        assert_int_equal(
            mgm_foreground_estimate(ctx, &mgm_estimate_thorough, sizes[i][0], sizes[i][1], image, alpha, &estimate), MGM_OK);
        for (int c = 0; c < 3; c++)
            assert_true(estimate[c] >= 0 && estimate[c] <= 1);
        mgm_free(estimate);
    }
}

/* ---- windows ---------------------------------------------------------------------------------------------------------- */

/** Every mixture is taken once, from a window within the picture, which shows something of what is around it. */
static void check_windows(int h, int w, const float *alpha)
{
    unsigned char *taken = calloc((size_t)(h * w), 1);
    struct mgm_window window = {0};
    const int side_y = mgm_window_side(h), side_x = mgm_window_side(w);
    while (mgm_window_next(alpha, h, w, &window)) {
        assert_true(window.left >= 0 && window.top >= 0);
        assert_true(w <= side_x ? window.left == 0 : window.left + side_x <= w);
        assert_true(h <= side_y ? window.top == 0 : window.top + side_y <= h);
        assert_true(window.x0 - window.left >= (window.left ? MGM_WINDOW_MARGIN : 0) || window.left + side_x == w);
        assert_true(window.left + side_x - window.x1 >= MGM_WINDOW_MARGIN || window.left + side_x >= w);
        assert_true(window.top + side_y - window.y1 >= MGM_WINDOW_MARGIN || window.top + side_y >= h);
        assert_true(window.x0 < window.x1 && window.x1 <= w && window.x1 <= window.left + side_x);
        assert_true(window.y0 < window.y1 && window.y1 <= h && window.y1 <= window.top + side_y);
        for (int y = window.y0; y < window.y1; y++)
            for (int x = window.x0; x < window.x1; x++)
                taken[y * w + x]++;
    }
    for (int i = 0; i < h * w; i++)
        assert_true(alpha[i] > 0 && alpha[i] < 1 ? taken[i] == 1 : taken[i] <= 1);
    free(taken);
}

static void test_windows_cover_every_mixture_once(void **state)
{
    (void)state;
    const int sizes[][2] = {{1, 1}, {31, 200}, {128, 128}, {129, 127}, {400, 333}, {97, 500}};
    for (int i = 0; i < 6; i++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            const int h = sizes[i][0], w = sizes[i][1];
            struct mgm_random random = mgm_random_stream(5, seed);
            float *alpha = malloc(sizeof *alpha * (size_t)(h * w));
            for (int k = 0; k < h * w; k++) /* from none to all */
                alpha[k] = mgm_random_chance(&random, pow(10, -(double)seed / 2)) ? 0.5f : k % 2 ? 1 : 0;
            check_windows(h, w, alpha);
            free(alpha);
        }
}

/* ---- the library -------------------------------------------------------------------------------------------------------
 */

static struct mgm_model *make_model(enum mgm_colour_kind kind)
{
    struct mgm_model *model = mgm_alloc_zeroed(1, sizeof *model);
    model->width = kind == MGM_COLOUR_WHOLE ? 1.0 / 64 : 0.5;
    model->colour = true;
    model->kind = kind;
    model->name = mgm_strdup("tiny");
    model->license = mgm_strdup("");
    assert_int_equal(kind == MGM_COLOUR_WHOLE ? mgm_foreground_network_build(ctx, model->width, &model->graph)
                                              : mgm_refining_network_build(ctx, model->width, &model->graph),
                     MGM_OK);
    assert_int_equal(mgm_params_create(ctx, &model->graph, false, &model->params), MGM_OK);
    mgm_params_initialise(&model->graph, 3, &model->params);
    return model;
}

/** The first value of a parameter. */
static float *parameter(struct mgm_model *model, const char *name)
{
    const int index = mgm_graph_find_param(&model->graph, name);
    assert_true(index >= 0);
    return model->params.values + model->graph.params[index].offset;
}

enum { H = 150, W = 141 };

/** A photo and a matte of every kind of pixel. @param alpha  in steps of its bits */
static struct mgm_image make_photo(int bits, uint16_t *values, float *alpha)
{
    struct mgm_random random = mgm_random_stream(9, (uint64_t)bits);
    const float steps = bits == 16 ? 65535 : 255;
    for (int i = 0; i < H * W; i++) {
        const int x = i % W;
        alpha[i] = x < 40 ? 0 : x > 100 ? 1 : (float)mgm_random_int(&random, 0, (int)steps) / steps;
        for (int c = 0; c < 3; c++) {
            const int value = mgm_random_int(&random, 0, (int)steps);
            if (bits == 16)
                values[3 * i + c] = (uint16_t)value;
            else
                ((uint8_t *)values)[3 * i + c] = (uint8_t)value;
        }
    }
    return (struct mgm_image){W, H, 3, bits, (size_t)W * 3 * (size_t)(bits / 8), values};
}

static uint16_t value_of(const void *pixels, int bits, int index)
{
    return bits == 16 ? ((const uint16_t *)pixels)[index] : ((const uint8_t *)pixels)[index];
}

static uint16_t photo_values[H * W * 3], colours[H * W * 3], again[H * W * 3];
static float alpha[H * W];

static void check_promises(const struct mgm_model *model, enum mgm_foreground_method method, int bits)
{
    const struct mgm_image photo = make_photo(bits, photo_values, alpha);
    struct mgm_foreground_session *session;
    struct mgm_foreground_report report;
    struct mgm_foreground_settings settings = mgm_foreground_settings_defaults();
    int changed = 0, mixed = 0;
    settings.method = method;
    assert_int_equal(mgm_foreground_session_create(ctx, model, &session), MGM_OK);
    assert_int_equal(mgm_foreground(session, &photo, alpha, &settings, colours, &report), MGM_OK);
    settings.keep_hidden = true;
    assert_int_equal(mgm_foreground(session, &photo, alpha, &settings, again, NULL), MGM_OK);
    for (int i = 0; i < 3 * H * W; i++) {
        const float a = alpha[i / 3];
        const uint16_t own = value_of(photo_values, bits, i), value = value_of(colours, bits, i);
        if (a >= 1)
            assert_int_equal(value, own);
        if (a <= 0)
            assert_int_equal(value, 0);
        assert_int_equal(value_of(again, bits, i), a <= 0 ? own : value);
        mixed += i % 3 == 0 && a > 0 && a < 1;
        changed += a > 0 && a < 1 && value != own;
    }
    assert_true(changed > mixed);
    assert_true(fabs(report.mixed - (double)mixed / (H * W)) < 1e-9);
    assert_true(model ? report.computed > report.mixed : report.computed == 0);
    mgm_foreground_session_destroy(&session);
}

static void test_opaque_stays_and_hidden_goes(void **state)
{
    (void)state;
    struct mgm_model *whole = make_model(MGM_COLOUR_WHOLE), *refining = make_model(MGM_COLOUR_REFINING);
    for (int bits = 8; bits <= 16; bits += 8) {
        check_promises(NULL, MGM_FOREGROUND_FAST, bits);
        check_promises(NULL, MGM_FOREGROUND_FINE, bits);
        check_promises(NULL, MGM_FOREGROUND_MULTI_LEVEL, bits);
        check_promises(whole, MGM_FOREGROUND_FAST, bits);
        check_promises(refining, MGM_FOREGROUND_FAST, bits);
    }
    mgm_model_destroy(&whole);
    mgm_model_destroy(&refining);
}

/* As training starts, nothing is added to the estimate; a bias then adds the same everywhere, but for the share of alpha. */
static void test_refining_adds_to_the_estimate(void **state)
{
    (void)state;
    struct mgm_model *model = make_model(MGM_COLOUR_REFINING);
    const struct mgm_image photo = make_photo(16, photo_values, alpha);
    struct mgm_foreground_session *estimating, *refining;
    assert_int_equal(mgm_foreground_session_create(ctx, NULL, &estimating), MGM_OK);
    assert_int_equal(mgm_foreground_session_create(ctx, model, &refining), MGM_OK);
    assert_int_equal(mgm_foreground(estimating, &photo, alpha, NULL, colours, NULL), MGM_OK);
    assert_int_equal(mgm_foreground(refining, &photo, alpha, NULL, again, NULL), MGM_OK);
    assert_memory_equal(colours, again, sizeof colours);
    mgm_foreground_session_destroy(&refining);
    parameter(model, "decoder.colour.bias")[1] = 1;
    assert_int_equal(mgm_foreground_session_create(ctx, model, &refining), MGM_OK);
    assert_int_equal(mgm_foreground(refining, &photo, alpha, NULL, again, NULL), MGM_OK);
    for (int i = 0; i < 3 * H * W; i++) {
        const float a = alpha[i / 3], more = i % 3 == 1 && a > 0 && a < 1 ? mgm_refinement_share(a) * 65535 : 0;
        const float wanted = (float)colours[i] + more;
        assert_true(fabsf((float)again[i] - (wanted < 65535 ? wanted : 65535)) <= 1);
    }
    mgm_foreground_session_destroy(&estimating);
    mgm_foreground_session_destroy(&refining);
    mgm_model_destroy(&model);
}

static void check_threads(enum mgm_colour_kind kind)
{
    struct mgm_model *model = make_model(kind);
    *parameter(model, kind == MGM_COLOUR_WHOLE ? "decoder.colour.3.weight" : "decoder.colour.weight") = 1;
    const struct mgm_image photo = make_photo(8, photo_values, alpha);
    for (int threads = 1; threads <= 3; threads += 2) {
        struct mgm_foreground_session *session;
        mgm_context_set_threads(ctx, threads);
        assert_int_equal(mgm_foreground_session_create(ctx, model, &session), MGM_OK);
        assert_int_equal(mgm_foreground(session, &photo, alpha, NULL, threads == 1 ? colours : again, NULL), MGM_OK);
        mgm_foreground_session_destroy(&session);
    }
    assert_memory_equal(colours, again, 3 * H * W);
    mgm_model_destroy(&model);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    check_threads(MGM_COLOUR_WHOLE);
    check_threads(MGM_COLOUR_REFINING);
}

static void expect(enum mgm_status status, enum mgm_status wanted, const char *part)
{
    assert_int_equal(status, wanted);
    if (!strstr(mgm_context_error(ctx), part))
        fail_msg("'%s' does not say '%s'", mgm_context_error(ctx), part);
}

static void test_refusals(void **state)
{
    (void)state;
    struct mgm_model *model = make_model(MGM_COLOUR_WHOLE);
    struct mgm_foreground_session *session;
    struct mgm_image photo = make_photo(8, photo_values, alpha);
    model->colour = false;
    expect(mgm_foreground_session_create(ctx, model, &session), MGM_E_INVALID, "'tiny' is a model for mattes");
    assert_int_equal(mgm_foreground_session_create(ctx, NULL, &session), MGM_OK);
    const float bad[] = {-0.1f, 1.001f, NAN};
    for (int i = 0; i < 3; i++) {
        alpha[70] = bad[i];
        expect(mgm_foreground(session, &photo, alpha, NULL, colours, NULL), MGM_E_INVALID, "0 to 1 was expected");
    }
    alpha[70] = 0.5f;
    photo.channels = 1;
    expect(mgm_foreground(session, &photo, alpha, NULL, colours, NULL), MGM_E_INVALID, "1 channels of 8 bit");
    photo.channels = 3;
    photo.stride = W;
    expect(mgm_foreground(session, &photo, alpha, NULL, colours, NULL), MGM_E_INVALID, "too short");
    photo.width = 0;
    expect(mgm_foreground(session, &photo, alpha, NULL, colours, NULL), MGM_E_INVALID, "0×150 pixels");
    mgm_foreground_session_destroy(&session);
    mgm_model_destroy(&model);
}

/* Weights that are finite one by one may overflow together. */
static void test_damaged_weights_are_noticed(void **state)
{
    (void)state;
    struct mgm_model *model = make_model(MGM_COLOUR_WHOLE);
    struct mgm_foreground_session *session;
    const struct mgm_image photo = make_photo(8, photo_values, alpha);
    *parameter(model, "decoder.colour.3.bias") = INFINITY;
    assert_int_equal(mgm_foreground_session_create(ctx, model, &session), MGM_OK);
    expect(mgm_foreground(session, &photo, alpha, NULL, colours, NULL), MGM_E_FORMAT, "'tiny' are damaged");
    mgm_foreground_session_destroy(&session);
    mgm_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detail_goes_to_whom_it_belongs),
        cmocka_unit_test(test_plain_colours_are_found),
        cmocka_unit_test(test_thorough_is_better),
        cmocka_unit_test(test_wrong_alpha_is_doubted),
        cmocka_unit_test(test_panes_are_as_good_as_one_piece),
        cmocka_unit_test(test_smallest_pictures),
        cmocka_unit_test(test_windows_cover_every_mixture_once),
        cmocka_unit_test(test_opaque_stays_and_hidden_goes),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_refining_adds_to_the_estimate),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_damaged_weights_are_noticed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
