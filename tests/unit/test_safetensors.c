/* safetensors: what is written is read back; what is damaged is refused with a sentence, never read beyond its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "weights/half.h"
#include "weights/safetensors.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mgm-safetensors-XXXXXX";
static struct mgm_context *ctx;

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) && mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    return rmdir(folder); /* fails if a test, or the writer, left something behind */
}

/* Parses a header with `data` zeros behind it, in a block of exactly that size so that a sanitizer sees any excess. */
static enum mgm_status parse(const char *header, size_t data, struct mgm_safetensors **file, void **block)
{
    uint64_t length = strlen(header);
    size_t size = 8 + length + data;
    uint8_t *bytes = malloc(size);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    memset(bytes + 8 + length, 0, data);
    *block = bytes;
    return mgm_safetensors_parse(ctx, "case", bytes, size, file);
}

static void assert_refused(enum mgm_status status, const char *header, size_t data, const char *message)
{
    struct mgm_safetensors *file = NULL;
    void *block;
    enum mgm_status found = parse(header, data, &file, &block);
    if (found != status || !strstr(ctx->error, message) || strncmp(ctx->error, "case: ", 6) != 0)
        fail_msg("%s: status %d, message '%s'; expected %d, '%s'", header, found, ctx->error, status, message);
    assert_null(file);
    free(block);
}

static void assert_accepted(const char *header, size_t data, int count)
{
    struct mgm_safetensors *file = NULL;
    void *block;
    if (parse(header, data, &file, &block) != MGM_OK)
        fail_msg("%s: %s", header, ctx->error);
    assert_int_equal(mgm_safetensors_count(file), count);
    mgm_safetensors_close(&file);
    free(block);
}

static void round_trip(void **state)
{
    (void)state;
    static const float values[6] = {0, -1.5f, 65504, 6e-8f, 1.0009765625f, -0.0f};
    static const uint8_t bytes[3] = {1, 2, 255};
    static const int64_t whole[1] = {-5};
    const struct mgm_tensor_source tensors[] = {
        {"bytes", MGM_DTYPE_U8, 1, {3}, bytes},     {"single", MGM_DTYPE_F32, 2, {2, 3}, values},
        {"half", MGM_DTYPE_F16, 2, {3, 2}, values}, {"brain", MGM_DTYPE_BF16, 1, {6}, values},
        {"whole", MGM_DTYPE_I64, 0, {0}, whole},    {"nothing", MGM_DTYPE_F32, 2, {4, 0}, NULL},
    };
    static const char *const metadata[] = {"width", "0.5", "quote", "a \"b\" \\ ü\n", "width", "1"};
    const char *path = path_of("round.safetensors");
    assert_int_equal(mgm_safetensors_write(ctx, path, tensors, 6, metadata, 3), MGM_OK);

    struct mgm_safetensors *file = NULL;
    assert_int_equal(mgm_safetensors_open(ctx, path, &file), MGM_OK);
    assert_string_equal(mgm_safetensors_name(file), path);
    assert_int_equal(mgm_safetensors_count(file), 6);
    assert_string_equal(mgm_safetensors_at(file, 2)->name, "half");
    assert_int_equal(mgm_safetensors_metadata_count(file), 2);
    assert_string_equal(mgm_safetensors_metadata(file, "width"), "1");
    assert_string_equal(mgm_safetensors_metadata(file, "quote"), "a \"b\" \\ ü\n");
    assert_null(mgm_safetensors_metadata(file, "none"));
    const char *key, *value;
    mgm_safetensors_metadata_at(file, 1, &key, &value);
    assert_string_equal(key, "width");

    assert_memory_equal(mgm_safetensors_find(file, "bytes")->data, bytes, sizeof bytes);
    assert_memory_equal(mgm_safetensors_find(file, "whole")->data, whole, sizeof whole);
    assert_int_equal(mgm_safetensors_find(file, "whole")->count, 1);
    assert_int_equal(mgm_safetensors_find(file, "nothing")->count, 0);
    assert_null(mgm_safetensors_find(file, "missing"));

    const struct mgm_tensor *single = mgm_safetensors_find(file, "single");
    assert_int_equal(single->ndim, 2);
    assert_int_equal(single->dims[1], 3);
    float read[6];
    assert_int_equal(mgm_tensor_to_f32(ctx, single, read), MGM_OK);
    assert_memory_equal(read, values, sizeof values);
    assert_int_equal(mgm_tensor_to_f32(ctx, mgm_safetensors_find(file, "half"), read), MGM_OK);
    for (int i = 0; i < 6; i++) /* within half a step of ten bits, or of the smallest half */
        assert_true(fabsf(read[i] - values[i]) <= fmaxf(fabsf(values[i]) * 0x1p-11f, 0x1p-25f));
    assert_int_equal(mgm_tensor_to_f32(ctx, mgm_safetensors_find(file, "brain"), read), MGM_OK);
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(read[i] - values[i]) <= fabsf(values[i]) * 0x1p-8f);
    assert_int_equal(mgm_tensor_to_f32(ctx, mgm_safetensors_find(file, "bytes"), read), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "'bytes' is of type U8"));
    mgm_safetensors_close(&file);
    assert_int_equal(unlink(path), 0);
}

static void header_is_padded(void **state)
{
    (void)state;
    const char *path = path_of("padded.safetensors");
    for (int n = 1; n <= 9; n++) {
        char name[16] = "xxxxxxxxx";
        name[n] = 0;
        struct mgm_tensor_source tensor = {name, MGM_DTYPE_F32, 1, {1}, &(float){1}};
        assert_int_equal(mgm_safetensors_write(ctx, path, &tensor, 1, NULL, 0), MGM_OK);
        struct stat facts;
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_size % 8, 4);
    }
    unlink(path);
}

static void halves_are_nearest(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7C00; h++) {
        float low = mgm_half_to_float((uint16_t)h);
        float high = h == 0x7BFF ? 65536 : mgm_half_to_float((uint16_t)(h + 1)), tie = low + (high - low) / 2;
        assert_int_equal(mgm_half_from_float(low), h);
        assert_int_equal(mgm_half_from_float(-low), h | 0x8000);
        assert_int_equal(mgm_half_from_float(tie), h + (h & 1));
        assert_int_equal(mgm_half_from_float(nextafterf(tie, 0)), h);
        assert_int_equal(mgm_half_from_float(nextafterf(tie, INFINITY)), h + 1);
    }
    assert_true(mgm_half_to_float(0x3C00) == 1 && mgm_half_to_float(0x0001) == 0x1p-24f);
    assert_true(isnan(mgm_half_to_float(mgm_half_from_float(NAN))) &&
                isnan(mgm_bfloat_to_float(mgm_bfloat_from_float(NAN))));
    assert_int_equal(mgm_half_from_float(-INFINITY), 0xFC00);
    assert_int_equal(mgm_bfloat_from_float(1.00390625f), 0x3F80); /* a tie, to even */
    assert_int_equal(mgm_bfloat_from_float(1.01171875f), 0x3F82);
    assert_int_equal(mgm_bfloat_from_float(-3.0e38f), 0xFF62);
}

static void refused_writes_leave_nothing(void **state)
{
    (void)state;
    const char *path = path_of("kept.safetensors");
    static const float large[2] = {1, 65520}, one[1] = {1};
    struct mgm_tensor_source tensors[] = {{"large", MGM_DTYPE_F32, 1, {2}, large}, {"large", MGM_DTYPE_F32, 1, {1}, one}};
    assert_int_equal(mgm_safetensors_write(ctx, path, tensors, 1, NULL, 0), MGM_OK);
    assert_int_equal(mgm_safetensors_write(ctx, path, tensors, 2, NULL, 0), MGM_E_INVALID);
    tensors[0].dtype = MGM_DTYPE_F16;
    assert_int_equal(mgm_safetensors_write(ctx, path, tensors, 1, NULL, 0), MGM_E_INVALID);
    assert_non_null(strstr(ctx->error, "'large' has a value of 65520"));
    tensors[0].dtype = MGM_DTYPE_OTHER;
    assert_int_equal(mgm_safetensors_write(ctx, path, tensors, 1, NULL, 0), MGM_E_INVALID);

    struct mgm_safetensors *file = NULL; /* still the first one */
    assert_int_equal(mgm_safetensors_open(ctx, path, &file), MGM_OK);
    assert_int_equal(mgm_safetensors_at(file, 0)->bytes, sizeof large);
    mgm_safetensors_close(&file);
    unlink(path);
    tensors[0].dtype = MGM_DTYPE_F32;
    assert_int_equal(mgm_safetensors_write(ctx, path_of("no/folder.safetensors"), tensors, 1, NULL, 0), MGM_E_IO);
    assert_non_null(strstr(ctx->error, "no/folder.safetensors: cannot be written: No such file"));
}

static void full_disk_is_noticed(void **state)
{
    (void)state;
    static float values[1 << 16];
    struct mgm_tensor_source tensor = {"values", MGM_DTYPE_F32, 1, {1 << 16}, values};
    /* A limit on the size of files fails writes as a full disk does, once its signal is ignored. */
    struct rlimit unlimited, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    limit = (struct rlimit){.rlim_cur = 100000, .rlim_max = unlimited.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    enum mgm_status status = mgm_safetensors_write(ctx, path_of("full.safetensors"), &tensor, 1, NULL, 0);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(status, MGM_E_IO);
    assert_non_null(strstr(ctx->error, "full.safetensors: writing failed: File too large"));
    assert_int_not_equal(access(path_of("full.safetensors"), F_OK), 0);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const char header[] = "{\"__metadata__\":{\"k\":\"\\u00fc\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
                                 "\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}";
    size_t whole = 8 + sizeof header - 1 + 11;
    for (size_t size = 0; size <= whole; size++) {
        uint64_t length = sizeof header - 1;
        uint8_t full[512] = {0}, *bytes = malloc(size ? size : 1);
        memcpy(full, &length, 8);
        memcpy(full + 8, header, length);
        memcpy(bytes, full, size);
        struct mgm_safetensors *file = NULL;
        enum mgm_status status = mgm_safetensors_parse(ctx, "case", bytes, size, &file);
        assert_int_equal(status, size == whole ? MGM_OK : MGM_E_FORMAT);
        mgm_safetensors_close(&file);
        free(bytes);
    }
    for (size_t cut = 0; cut < sizeof header - 1; cut++) { /* the header itself cut short, with its true length */
        char shorter[sizeof header];
        memcpy(shorter, header, cut);
        shorter[cut] = 0;
        assert_refused(MGM_E_FORMAT, shorter, 0, "header is not a JSON object");
    }
}

#define ONE(type, shape, offsets) "{\"a\":{\"dtype\":" type ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(first, second)                                                                                                  \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" first "},"                                                   \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" second "}}"

static void lies_are_refused(void **state)
{
    (void)state;
    assert_accepted(ONE("\"F32\"", "[2]", "[0,8]"), 8, 1);
    assert_accepted(ONE("\"I32\"", "[2]", "[0,8]") " \n\t ", 8, 1);
    assert_accepted(ONE("\"F4\"", "[3]", "[0,2]"), 2, 1);
    assert_accepted("{}", 0, 0);
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[3]", "[0,8]"), 8,
                   "'a' has 8 bytes of data; its shape and type F32 need 3");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2]", "[0,8]"), 7, "'a' should lie in bytes 0 to 8");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2]", "[0,8]"), 9, "9 bytes of data, but its tensors take 8");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2]", "[8,0]"), 8, "'a' should lie in bytes 8 to 0");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2]", "[1,9]"), 9, "'a' comes after a gap");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2]", "[0]"), 8, "'a' has no data_offsets");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2]", "[0,8,8]"), 8, "'a' has no data_offsets");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2]", "[0,18446744073709551616]"), 8, "'a' has no data_offsets");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[-2]", "[0,8]"), 8, "'a' has a size that is not a whole number");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[2.5]", "[0,8]"), 8, "'a' has a size that is not a whole number");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[9007199254740993]", "[0,8]"), 8,
                   "'a' has a size that is not a whole number");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[\"2\"]", "[0,8]"), 8, "'a' has a size that is not a whole number");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "[4611686018427387904,4]", "[0,0]"), 0, "'a' has a size");
    assert_refused(MGM_E_FORMAT, ONE("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0, "more values than memory");
    assert_refused(MGM_E_FORMAT, ONE("\"F64\"", "[2147483648,1073741824]", "[0,0]"), 0, "'a' has 0 bytes of data");
    assert_refused(MGM_E_FORMAT, ONE("\"F32\"", "2", "[0,8]"), 8, "'a' has no shape");
    assert_refused(MGM_E_UNSUPPORTED, ONE("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "more than 8 dimensions");
    assert_refused(MGM_E_FORMAT, ONE("7", "[2]", "[0,8]"), 8, "'a' has no dtype");
    assert_refused(MGM_E_FORMAT, "{\"a\":[]}", 0, "'a' is not described");
    assert_refused(MGM_E_FORMAT, "{\"a\":{}}", 0, "'a' has no dtype");
}

static void tensors_must_fit_together(void **state)
{
    (void)state;
    assert_accepted(TWO("[0,4]", "[4,8]"), 8, 2);
    assert_accepted(TWO("[4,8]", "[0,4]"), 8, 2);
    assert_refused(MGM_E_FORMAT, TWO("[0,4]", "[3,7]"), 7, "'b' overlaps");
    assert_refused(MGM_E_FORMAT, TWO("[0,4]", "[0,4]"), 4, "overlaps");
    assert_refused(MGM_E_FORMAT, TWO("[0,4]", "[5,9]"), 9, "'b' comes after a gap");
    assert_refused(MGM_E_FORMAT,
                   "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                   "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                   2, "'a' occurs more than once");
    assert_refused(MGM_E_FORMAT, "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0,
                   "'a' has more than one 'dtype'");
}

static void header_and_metadata_are_checked(void **state)
{
    (void)state;
    static const char *const broken[] = {"", "[]", "null", " {}", "{} x", "{", "{\"a\":1,", "{\"a\":1,\"", "{\"a\x01\":{}}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_refused(MGM_E_FORMAT, broken[i], 0, "header is not a JSON object");
    assert_refused(MGM_E_FORMAT, "{\"__metadata__\":[]}", 0, "__metadata__ is not a JSON object");
    assert_refused(MGM_E_FORMAT, "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "more than one __metadata__");
    assert_refused(MGM_E_FORMAT, "{\"__metadata__\":{\"k\":1}}", 0, "metadata 'k' is not a text");
    assert_refused(MGM_E_FORMAT, "{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, "metadata 'k' occurs more than once");

    struct mgm_safetensors *file = NULL;
    uint8_t huge[16] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, zero[8 + 3] = {3, 0, 0, 0, 0, 0, 0, 0, '{', 0, '}'};
    assert_int_equal(mgm_safetensors_parse(ctx, "case", huge, sizeof huge, &file), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "100000000 is the most"));
    assert_int_equal(mgm_safetensors_parse(ctx, "case", zero, sizeof zero, &file), MGM_E_FORMAT);
    assert_int_equal(mgm_safetensors_open(ctx, path_of("absent"), &file), MGM_E_IO);
    assert_non_null(strstr(ctx->error, "/absent: cannot be opened: No such file"));
    assert_int_equal(mgm_safetensors_open(ctx, folder, &file), MGM_E_IO);
    fclose(fopen(path_of("empty"), "w"));
    assert_int_equal(mgm_safetensors_open(ctx, path_of("empty"), &file), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "it has 0 bytes"));
    unlink(path_of("empty"));
}

/* A text that is repeated so often, between two others; release with free. */
static char *repeat(const char *before, const char *text, size_t times, const char *after)
{
    char *all = malloc(strlen(before) + times * strlen(text) + strlen(after) + 1), *end = all;
    assert_non_null(all);
    end = stpcpy(end, before);
    for (size_t i = 0; i < times; i++)
        end = stpcpy(end, text);
    stpcpy(end, after);
    return all;
}

/* What is small on disk stays small in memory, and is read within a time that does not grow faster than it. */
static void many_values_do_no_harm(void **state)
{
    (void)state;
    enum { MOST = 1 << 22, KEYS = 400000 };
    char *header = repeat("{\"a\":{\"dtype\":\"U8\",\"shape\":[0", ",0", MOST - 6, "],\"data_offsets\":[0,0]}}");
    assert_refused(MGM_E_FORMAT, header, 0, "more values than any weights have");
    free(header);
    header = repeat("{\"a\":{\"dtype\":\"U8\",\"shape\":[0", ",0", 100, "],\"data_offsets\":[0,0]}}");
    assert_refused(MGM_E_UNSUPPORTED, header, 0, "more than 8 dimensions");
    free(header);

    struct mgm_safetensors *file = NULL;
    void *block;
    static const char before[] = "{\"__metadata__\":{\"first\":\"1\"", each[] = ",\"0000000\":\"\"";
    header = repeat(before, each, KEYS, "}}");
    for (size_t i = 0; i < KEYS; i++) {
        char number[8];
        snprintf(number, sizeof number, "%07d", (int)i);
        memcpy(header + strlen(before) + i * strlen(each) + 2, number, 7);
    }
    assert_int_equal(parse(header, 0, &file, &block), MGM_OK);
    assert_int_equal(mgm_safetensors_metadata_count(file), KEYS + 1);
    for (int i = 0; i <= KEYS; i++) {
        const char *key, *value;
        mgm_safetensors_metadata_at(file, i, &key, &value);
        assert_true(i ? atoi(key) == i - 1 : strcmp(key, "first") == 0);
    }
    mgm_safetensors_close(&file);
    free(block);
    free(header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(header_is_padded),
        cmocka_unit_test(halves_are_nearest),
        cmocka_unit_test(refused_writes_leave_nothing),
        cmocka_unit_test(full_disk_is_noticed),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(tensors_must_fit_together),
        cmocka_unit_test(header_and_metadata_are_checked),
        cmocka_unit_test(many_values_do_no_harm),
    };
    return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
