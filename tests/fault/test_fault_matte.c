/**
 * Matting while memory runs out, at every single allocation of the library's own. The compute library's are left alone: what
 * it does when one of its own fails is to end the process (docs/testing.md).
 */
#include "oracle.h"
#include "scarce.h"
#include "tiny_model.h"

#include "matting/model.h"
#include "matting/network.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { W = 20, H = 24, SIDE = 32 };

static struct mgm_context *ctx;
static struct mgm_model *model;
static struct mgm_session *session;
static uint8_t photo_pixels[H * W * 3], mask_pixels[H * W];
static float image[3 * SIDE * SIDE], guidance[SIDE * SIDE];

/* What is tried: fills result, of H·W or SIDE·SIDE values. */
typedef enum mgm_status (*attempt)(float *result);

static int set_up(void **state)
{
    (void)state;
    char path[] = "/tmp/mgm-fault-XXXXXX";
    const int file = mkstemp(path);
    if (file < 0 || close(file) != 0 || mgm_context_create(&ctx) != MGM_OK)
        return -1;
    write_tiny_model(path, TINY_SAFETENSORS);
    mgm_context_set_threads(ctx, 1);
    const enum mgm_status status = mgm_model_load(ctx, path, &model);
    unlink(path);
    for (int i = 0; i < H * W * 3; i++)
        photo_pixels[i] = (uint8_t)(i * 37);
    for (int i = 0; i < H * W; i++)
        mask_pixels[i] = i % W > W / 2 ? 255 : 0;
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
        image[i] = (float)(i * 7919 % 1000) / 500 - 1;
    for (int i = 0; i < SIDE * SIDE; i++)
        guidance[i] = i % SIDE > SIDE / 2;
    return status == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_model_destroy(&model);
    mgm_context_destroy(&ctx);
    return 0;
}

static enum mgm_status matte(const struct mgm_matte_settings *settings, float *alpha)
{
    const struct mgm_image photo = {W, H, 3, 8, 3 * W, photo_pixels}, mask = {W, H, 1, 8, W, mask_pixels};
    struct mgm_matte_report report;
    return mgm_matte(session, &photo, &mask, settings, alpha, &report);
}

static enum mgm_status matte_by_default(float *alpha)
{
    const struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    return matte(&settings, alpha);
}

static enum mgm_status matte_by_reference(float *alpha)
{
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    settings.reference = true;
    settings.largest_component = true;
    return matte(&settings, alpha);
}

static enum mgm_status matte_in_panes(float *alpha)
{
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    settings.method = MGM_METHOD_PANES;
    return matte(&settings, alpha);
}

static enum mgm_status forward(float *alpha)
{
    struct mgm_forward_result result = {.alpha = alpha};
    return mgm_forward(session, 1, SIDE, SIDE, image, guidance, &result);
}

/* A session of its own in which allocation number count fails, alone or with all later ones. @return whether there is one of
 * that number */
static bool fails_at(long count, bool lasting, attempt attempt, const float *expected)
{
    float result[SIDE * SIDE] = {0};
    session = (struct mgm_session *)&ctx; /* which the call must not leave there */
    ctx->error[0] = 0;
    scarce_begin(SCARCE_OURS, count, lasting);
    enum mgm_status status = mgm_session_create(ctx, model, &session);
    if (status == MGM_OK)
        status = attempt(result);
    else
        assert_null(session);
    const bool failed = scarce_end();
    if (status != (failed ? MGM_E_NOMEM : MGM_OK) || (failed && !strstr(mgm_context_error(ctx), "not enough memory for ")))
        fail_msg("allocation %ld: status %d, '%s'", count, status, mgm_context_error(ctx));
    if (!session)
        ASSERT_OK(ctx, mgm_session_create(ctx, model, &session));
    if (failed)
        ASSERT_OK(ctx, attempt(result)); /* in the session that was refused memory */
    assert_memory_equal(result, expected, sizeof result);
    mgm_session_destroy(&session);
    return failed;
}

static void fail_each(attempt attempt, int step)
{
    float expected[SIDE * SIDE] = {0};
    ASSERT_OK(ctx, mgm_session_create(ctx, model, &session));
    ASSERT_OK(ctx, attempt(expected));
    mgm_session_destroy(&session);
    long count = 1;
    while (fails_at(count, count % 2, attempt, expected))
        count += step;
    assert_true(count > 100);
}

static void test_matte(void **state)
{
    (void)state;
    fail_each(matte_by_default, 1);
}

static void test_matte_by_reference(void **state)
{
    (void)state;
    fail_each(matte_by_reference, 1);
}

static void test_matte_in_panes(void **state)
{
    (void)state;
    fail_each(matte_in_panes, 1);
}

static void test_forward(void **state)
{
    (void)state;
    fail_each(forward, 1);
}

/* Half as wide as the paper's network, and kept in blocks: other layouts, other allocations. It is slow: every 11th. */
static void test_matte_in_blocks(void **state)
{
    (void)state;
    struct mgm_model wide = {.width = 0.5, .name = "wide", .license = ""}, *tiny = model;
    ASSERT_OK(ctx, mgm_network_build(ctx, wide.width, false, &wide.graph));
    ASSERT_OK(ctx, mgm_params_create(ctx, &wide.graph, false, &wide.params));
    mgm_params_initialise(&wide.graph, 3, &wide.params);
    model = &wide;
    fail_each(matte_by_default, 11);
    model = tiny;
    mgm_params_release(&wide.params);
    mgm_graph_release(&wide.graph);
}

static void test_context(void **state)
{
    (void)state;
    struct mgm_context *none = ctx;
    scarce_begin(SCARCE_OURS, 1, false);
    assert_int_equal(mgm_context_create(&none), MGM_E_NOMEM);
    assert_true(scarce_end());
    assert_null(none);
    assert_non_null(strstr(mgm_context_error(none), "memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matte),   cmocka_unit_test(test_matte_by_reference), cmocka_unit_test(test_matte_in_panes),
        cmocka_unit_test(test_forward), cmocka_unit_test(test_matte_in_blocks),    cmocka_unit_test(test_context),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
