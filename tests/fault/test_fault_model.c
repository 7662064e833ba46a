/* Loading weights while memory runs out, at every single allocation. */
#include "oracle.h"
#include "scarce.h"
#include "tiny_model.h"

#include "matting/model.h"
#include "weights/pth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/mgm-fault-XXXXXX";
static char path[256];
static struct mgm_context *ctx;

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || mgm_context_create(&ctx) != MGM_OK)
        return -1;
    snprintf(path, sizeof path, "%s/weights", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    unlink(path);
    return rmdir(folder);
}

static void assert_same_model(const struct mgm_model *model, const struct mgm_model *expected)
{
    assert_string_equal(model->name, expected->name);
    assert_string_equal(model->license, expected->license);
    assert_true(model->width == expected->width);
    assert_int_equal(model->graph.value_count, expected->graph.value_count);
    assert_memory_equal(model->params.values, expected->params.values, expected->graph.value_count * sizeof(float));
}

static void load_again(const struct mgm_model *expected)
{
    struct mgm_model *model = NULL;
    ASSERT_OK(ctx, mgm_model_load(ctx, path, &model));
    assert_same_model(model, expected);
    mgm_model_destroy(&model);
}

/* @return whether an allocation failed: there is none of that number otherwise */
static bool load_with_failure(enum scarcity scarcity, long count, bool lasting, const struct mgm_model *expected)
{
    struct mgm_model *model = (struct mgm_model *)&path; /* which the call must not leave there */
    ctx->error[0] = 0;
    scarce_begin(scarcity, count, lasting);
    const enum mgm_status status = mgm_model_load(ctx, path, &model);
    const bool failed = scarce_end();
    if (status == MGM_OK) { /* a library may do without */
        assert_true(scarcity == SCARCE_EVERYWHERE || !failed);
        assert_same_model(model, expected);
        mgm_model_destroy(&model);
        return failed;
    }
    if (!failed || status != MGM_E_NOMEM)
        fail_msg("allocation %ld%s: status %d, '%s'", count, lasting ? " and all later ones" : "", status, ctx->error);
    assert_null(model);
    assert_non_null(strstr(ctx->error, "memory"));
    load_again(expected);
    return true;
}

/* A whole network's tensors repeat what the first ones do: of their allocations, every 61st. */
enum { DENSE = 150, STEP = 61 };

/* @return how many allocations there are */
static long fail_each(enum scarcity scarcity, bool lasting, const struct mgm_model *expected)
{
    long count = 1;
    while (load_with_failure(scarcity, count, lasting, expected))
        count += count < DENSE ? 1 : STEP;
    return count;
}

static void load_while_memory_runs_out(enum tiny_format format)
{
    struct mgm_model *expected = NULL;
    write_tiny_model(path, format);
    ASSERT_OK(ctx, mgm_model_load(ctx, path, &expected));
    assert_true(fail_each(SCARCE_EVERYWHERE, false, expected) > 10);
    assert_true(fail_each(SCARCE_EVERYWHERE, true, expected) > 10);
    mgm_model_destroy(&expected);
}

static void test_safetensors(void **state)
{
    (void)state;
    load_while_memory_runs_out(TINY_SAFETENSORS);
}

static void test_zip(void **state)
{
    (void)state;
    load_while_memory_runs_out(TINY_ZIP);
}

static void test_legacy(void **state)
{
    (void)state;
    load_while_memory_runs_out(TINY_LEGACY);
}

/* Few tensors: at every allocation. @return whether one failed */
static bool open_with_failure(const char *file, long count, bool lasting)
{
    struct mgm_safetensors *weights = (struct mgm_safetensors *)&path;
    ctx->error[0] = 0;
    scarce_begin(SCARCE_EVERYWHERE, count, lasting);
    const enum mgm_status status = mgm_weights_open(ctx, file, &weights);
    const bool failed = scarce_end();
    if (status != MGM_OK && (!failed || status != MGM_E_NOMEM || weights || !strstr(ctx->error, "memory")))
        fail_msg("%s, allocation %ld: status %d, '%s'", file, count, status, ctx->error);
    mgm_safetensors_close(&weights);
    return failed;
}

static void test_every_allocation_of_small_checkpoints(void **state)
{
    (void)state;
    static const char *const names[] = {"bare_state_dict", "cuda", "legacy", "parameters", "zip"};
    for (int i = 0; i < 2 * (int)(sizeof names / sizeof *names); i++) {
        char file[512];
        long count = 1;
        snprintf(file, sizeof file, "%s/oracle/pth/%s.pth", getenv("MGM_TEST_DATA"), names[i / 2]);
        while (open_with_failure(file, count, i % 2))
            count++;
        assert_true(count > 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_zip),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_every_allocation_of_small_checkpoints),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
