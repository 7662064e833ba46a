/**
 * Checkpoints as PyTorch wrote them: those that are whole give every value that PyTorch read from them, bit by bit; those
 * called truncated… and evil… are refused.
 */
#include "oracle.h"

#include "weights/weights.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mgm_context *ctx;

/* What PyTorch calls a type, and what a safetensors file does. */
static const char *const types[][2] = {
    {"torch.float32", "F32"}, {"torch.float16", "F16"}, {"torch.bfloat16", "BF16"}, {"torch.float64", "F64"},
    {"torch.int64", "I64"},   {"torch.int32", "I32"},   {"torch.int16", "I16"},     {"torch.int8", "I8"},
    {"torch.uint8", "U8"},    {"torch.bool", "BOOL"},
};

static double integer_at(const struct mgm_tensor *tensor, size_t index)
{
    const uint8_t *at = (const uint8_t *)tensor->data + index * (tensor->bytes / tensor->count);
    int64_t wide;
    int32_t word;
    int16_t half;
    switch (tensor->dtype) {
    case MGM_DTYPE_I64:
        memcpy(&wide, at, sizeof wide);
        return (double)wide;
    case MGM_DTYPE_I32:
        memcpy(&word, at, sizeof word);
        return word;
    case MGM_DTYPE_I16:
        memcpy(&half, at, sizeof half);
        return half;
    case MGM_DTYPE_I8:
        return (int8_t)*at;
    default:
        return *at;
    }
}

static double value_at(const struct mgm_tensor *tensor, size_t index, const float *floats)
{
    double value;
    if (tensor->dtype == MGM_DTYPE_F64) {
        memcpy(&value, (const uint8_t *)tensor->data + index * sizeof value, sizeof value);
        return value;
    }
    return floats ? (double)floats[index] : integer_at(tensor, index);
}

static void check_type(const struct mgm_tensor *tensor, const char *dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i][0], dtype) == 0) {
            assert_string_equal(tensor->type, types[i][1]);
            return;
        }
    }
    fail_msg("%s: the test does not know the type %s", tensor->name, dtype);
}

static void check_tensor(const struct mgm_tensor *tensor, const cJSON *expected)
{
    const cJSON *shape = cJSON_GetObjectItem(expected, "shape"), *values = cJSON_GetObjectItem(expected, "values"), *value;
    assert_int_equal(tensor->ndim, cJSON_GetArraySize(shape));
    for (int i = 0; i < tensor->ndim; i++)
        assert_int_equal(tensor->dims[i], (int64_t)cJSON_GetArrayItem(shape, i)->valuedouble);
    check_type(tensor, cJSON_GetStringValue(cJSON_GetObjectItem(expected, "dtype")));
    assert_int_equal(tensor->count, cJSON_GetArraySize(values));
    float *floats = NULL;
    if (tensor->dtype == MGM_DTYPE_F32 || tensor->dtype == MGM_DTYPE_F16 || tensor->dtype == MGM_DTYPE_BF16) {
        floats = malloc(tensor->count * sizeof *floats + 1);
        ASSERT_OK(ctx, mgm_tensor_to_f32(ctx, tensor, floats));
    }
    size_t index = 0;
    cJSON_ArrayForEach(value, values)
    {
        if (value_at(tensor, index, floats) != value->valuedouble)
            fail_msg("%s: value %zu is %.17g; expected %.17g", tensor->name, index, value_at(tensor, index, floats),
                     value->valuedouble);
        index++;
    }
    free(floats);
}

static void check_whole(const char *path, const cJSON *expected)
{
    struct mgm_safetensors *file = NULL;
    const cJSON *item;
    ASSERT_OK(ctx, mgm_weights_open(ctx, path, &file));
    assert_int_equal(mgm_safetensors_count(file), cJSON_GetArraySize(expected));
    cJSON_ArrayForEach(item, expected)
    {
        const struct mgm_tensor *tensor = mgm_safetensors_find(file, item->string);
        if (!tensor)
            fail_msg("%s: tensor '%s' was not found", path, item->string);
        check_tensor(tensor, item);
    }
    mgm_safetensors_close(&file);
}

static void check_refused(const char *path, enum mgm_status status, const char *part)
{
    struct mgm_safetensors *file = NULL;
    assert_int_equal(mgm_weights_open(ctx, path, &file), status);
    assert_null(file);
    if (!strstr(mgm_context_error(ctx), path) || !strstr(mgm_context_error(ctx), part))
        fail_msg("'%s' does not name the file and '%s'", mgm_context_error(ctx), part);
    print_message("%s\n", mgm_context_error(ctx));
    assert_int_not_equal(access("PWNED_BY_PICKLE", F_OK), 0);
}

static void checkpoints(void **state)
{
    (void)state;
    char pattern[4096];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s/pth/*.pth", oracle_folder());
    if (glob(pattern, 0, NULL, &found) != 0) {
        print_message("no checkpoints in %s: skipped\n", oracle_folder());
        skip();
    }
    const struct oracle_case beside = {.kind = "pth", .path = found.gl_pathv[0]};
    cJSON *expected = oracle_json(&beside, "expected.json");
    assert_true(cJSON_GetArraySize(expected) > 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i], *name = strrchr(path, '/') + 1;
        print_message("%s\n", path);
        if (strncmp(name, "evil", 4) == 0)
            check_refused(path, MGM_E_UNSUPPORTED, "refused: its pickle asks for 'posix.system'");
        else if (strncmp(name, "truncated", 9) == 0)
            check_refused(path, MGM_E_FORMAT, "truncated");
        else
            check_whole(path, expected);
    }
    cJSON_Delete(expected);
    globfree(&found);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(checkpoints, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
