/** mgm forward and mgm info on files that the test writes. */
#include "workshop.h"

#include "matting/network.h"
#include "matting/refinement.h"
#include "weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

enum { N = 2, H = 32, W = 64, PLANE = H * W };

static struct mgm_context *ctx;

static int set_up(void **state)
{
    return workshop_open(state) == 0 && mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    mgm_context_destroy(&ctx);
    return workshop_close(state);
}

/** Both pictures of the batch show MOTIF_COLOURS and a disc; the second one's colours are shifted. */
static void write_case(const char *name, int w)
{
    static float image[N * 3 * PLANE], guidance[N * PLANE];
    for (int i = 0; i < N * 3 * PLANE; i++) {
        const int n = i / (3 * PLANE), c = i / PLANE % 3, pixel = i % PLANE;
        const int value = motif_at(MOTIF_COLOURS, W, H, pixel % W, pixel / W, c + n);
        image[i] = ((float)value / 255.0f - mgm_network_mean[c]) / mgm_network_deviation[c];
        guidance[i % (N * PLANE)] = (float)motif_at(MOTIF_DISC, W, H, pixel % W, pixel / W, 0) / 255.0f;
    }
    const struct mgm_tensor_source tensors[] = {{"image", MGM_DTYPE_F32, 4, {N, 3, H, w}, image},
                                                {"guidance", MGM_DTYPE_F32, 4, {N, 1, H, w}, guidance}};
    assert_int_equal(mgm_safetensors_write(ctx, in_workshop(name), tensors, 2, NULL, 0), MGM_OK);
}

static struct run forward(const char *input)
{
    return run_mgm("forward", "--model", in_workshop("w.safetensors"), "--input", in_workshop(input), "-o",
                   in_workshop("out.safetensors"), "--json", "--repeat", "2", NULL);
}

static const void *answer(const struct mgm_safetensors *file, const char *name, enum mgm_dtype dtype)
{
    const struct mgm_tensor *tensor = mgm_safetensors_find(file, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, dtype);
    assert_int_equal(tensor->ndim, 4);
    assert_true(tensor->dims[0] == N && tensor->dims[1] == 1 && tensor->dims[2] == H && tensor->dims[3] == W);
    return tensor->data;
}

/** What is written as fused is the fusion of what is written as heads, for each picture. */
static void check_answers(const struct mgm_safetensors *file)
{
    static float heads[3][N * PLANE], fused[N * PLANE], again[PLANE];
    static uint8_t os4[PLANE], os1[PLANE];
    const char *const names[] = {"alpha_os8", "alpha_os4", "alpha_os1"};
    for (int head = 0; head < 3; head++)
        memcpy(heads[head], answer(file, names[head], MGM_DTYPE_F32), sizeof heads[head]);
    memcpy(fused, answer(file, "alpha", MGM_DTYPE_F32), sizeof fused);
    const uint8_t *unknown_os4 = answer(file, "unknown_os4", MGM_DTYPE_U8);
    const uint8_t *unknown_os1 = answer(file, "unknown_os1", MGM_DTYPE_U8);
    size_t grey = 0;
    for (int i = 0; i < N * PLANE; i++)
        grey += fused[i] > 0.02f && fused[i] < 0.98f;
    assert_true(grey > PLANE / 4); /* or there would be nothing to compare */
    const struct mgm_fusion fusion = {15, 7, again, os4, os1};
    for (int n = 0; n < N; n++) {
        const int at = n * PLANE;
        assert_int_equal(mgm_fuse(ctx, heads[0] + at, heads[1] + at, heads[2] + at, H, W, &fusion), MGM_OK);
        assert_memory_equal(fused + at, again, sizeof again);
        assert_memory_equal(unknown_os4 + at, os4, sizeof os4);
        assert_memory_equal(unknown_os1 + at, os1, sizeof os1);
    }
    assert_memory_not_equal(fused, fused + PLANE, sizeof again);
}

/** The first picture of the batch, matted as a photo: its size needs no padding, so the matte is the same. */
static void check_against_matte(const struct mgm_safetensors *file)
{
    make_picture("photo.png", MOTIF_COLOURS, W, H, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, W, H, 1, 8, 0);
    struct run run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("alpha.png"),
                             "--alpha-only", "--precision", "f32", "--model", in_workshop("w.safetensors"), NULL);
    expect_success(&run);
    struct pixels alpha = read_pixels("alpha.png");
    static float fused[N * PLANE];
    memcpy(fused, answer(file, "alpha", MGM_DTYPE_F32), sizeof fused);
    for (int i = 0; i < PLANE; i++)
        assert_true((float)alpha.values[i] - 255 * fused[i] < 0.51f && 255 * fused[i] - (float)alpha.values[i] < 0.51f);
    free(alpha.values);
}

static void test_forward(void **state)
{
    (void)state;
    make_weights("w.safetensors", 0.25, false); /* as published weights: nothing in the file says what it is */
    write_case("case.safetensors", W);
    struct run run = forward("case.safetensors");
    expect_success(&run);
    cJSON *object = cJSON_Parse(run.out);
    assert_non_null(object);
    assert_true(number_in(object, "network_s") > 0 && number_in(object, "peak_mb") > 1);
    assert_true(number_in(object, "n") == N && number_in(object, "height") == H && number_in(object, "width") == W);
    cJSON_Delete(object);
    struct mgm_safetensors *file = NULL;
    assert_int_equal(mgm_safetensors_open(ctx, in_workshop("out.safetensors"), &file), MGM_OK);
    assert_int_equal(mgm_safetensors_count(file), 6);
    check_answers(file);
    check_against_matte(file);
    mgm_safetensors_close(&file);
}

static void test_bad_cases(void **state)
{
    (void)state;
    make_weights("w.safetensors", 0.125, true);
    write_case("odd.safetensors", W - 1);
    const int files = count_files();
    struct run run = forward("odd.safetensors");
    expect_failure(&run, 1, "multiples of 32", files);
    expect_failure(&run, 1, "63×32", files);
    run = forward("w.safetensors");
    expect_failure(&run, 1, "has no tensor 'image'", files);
    run = forward("none.safetensors");
    expect_failure(&run, 1, "none.safetensors", files);
    run = run_mgm("forward", "--model", in_workshop("w.safetensors"), "-o", in_workshop("out.safetensors"), NULL);
    expect_failure(&run, 2, "--input PATH is missing", files);
}

static void test_info(void **state)
{
    (void)state;
    make_weights("w.safetensors", 0.125, true);
    struct run run = run_mgm("info", in_workshop("w.safetensors"), "--json", NULL);
    expect_success(&run);
    cJSON *object = cJSON_Parse(run.out);
    assert_non_null(object);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "architecture")), "mgm-matting");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "dtype")), "F32");
    assert_true(number_in(object, "width") == 0.125);
    assert_true(number_in(object, "parameters") > 1000 && number_in(object, "bytes") > 4000);
    const cJSON *training = cJSON_GetObjectItem(cJSON_GetObjectItem(object, "metadata"), "training");
    assert_true(number_in(training, "iterations") == 3);
    cJSON_Delete(object);
    run = run_mgm("info", in_workshop("w.safetensors"), NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "0.125"));
}

static void expect_info(const char *file, const char *architecture, const char *inputs, int channels)
{
    struct run run = run_mgm("info", in_workshop(file), "--json", NULL);
    expect_success(&run);
    cJSON *object = cJSON_Parse(run.out);
    assert_non_null(object);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "architecture")), architecture);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "inputs")), inputs);
    assert_true(number_in(object, "channels") == channels);
    assert_true(number_in(object, "width") == 0.125);
    cJSON_Delete(object);
}

static void test_info_of_colour_models(void **state)
{
    (void)state;
    make_weights("w.safetensors", 0.125, true);
    make_colour_weights("f.safetensors", 0.125, MGM_COLOUR_WHOLE);
    make_colour_weights("r.safetensors", 0.125, MGM_COLOUR_REFINING);
    expect_info("w.safetensors", "mgm-matting", "photo, guidance", 4);
    expect_info("f.safetensors", "mgm-foreground", "photo, alpha", 4);
    expect_info("r.safetensors", "mgm-refinement", "photo, alpha, estimated foreground and background", 13);
}

static void test_info_of_other_files(void **state)
{
    (void)state;
    write_case("case.safetensors", W);
    struct run run = run_mgm("info", in_workshop("case.safetensors"), NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "no network for mattes or colours"));
    assert_non_null(strstr(run.out, "guidance"));
    cut_file("case.safetensors", 0.5);
    run = run_mgm("info", in_workshop("case.safetensors"), NULL);
    expect_failure(&run, 1, "case.safetensors", 1);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {IN_WORKSHOP(test_forward), IN_WORKSHOP(test_bad_cases), IN_WORKSHOP(test_info),
                                       IN_WORKSHOP(test_info_of_colour_models), IN_WORKSHOP(test_info_of_other_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
