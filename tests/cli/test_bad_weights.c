/** Bad weights: whatever --model names, a sentence that says what is wrong with it, and no file left behind. */
#include "workshop.h"

#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TENSORS = 1024, LENGTH_BYTES = 8 };

static int files;

/* The folder is also where the program runs: what a pickle might do there would be counted. */
static int set_up(void **state)
{
    if (workshop_open(state) != 0 || chdir(in_workshop("")) != 0)
        return -1;
    make_weights("w.safetensors", 0.125, true);
    make_picture("photo.png", MOTIF_COLOURS, 48, 40, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, 48, 40, 1, 8, 0);
    files = count_files();
    return 0;
}

static int tear_down(void **state)
{
    return chdir("/") == 0 ? workshop_close(state) : -1;
}

static void expect_refused(const char *model, const char *part, int extra_files)
{
    struct run run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"),
                             "--model", model, NULL);
    expect_failure(&run, 1, part, files + extra_files);
    expect_failure(&run, 1, model, files + extra_files);
}

static const char *published(const char *name)
{
    static char path[512];
    assert_non_null(getenv("MGM_TEST_DATA"));
    snprintf(path, sizeof path, "%s/oracle/pth/%s", getenv("MGM_TEST_DATA"), name);
    return path;
}

static void test_pickle_that_asks_for_more(void **state)
{
    (void)state;
    expect_refused(published("evil.pth"), "refused: its pickle asks for 'posix.system'", 0);
    assert_int_not_equal(access("PWNED_BY_PICKLE", F_OK), 0);
}

static void test_checkpoints(void **state)
{
    (void)state;
    expect_refused(published("truncated.pth"), "truncated", 0);
    expect_refused(published("truncated_legacy.pth"), "truncated", 0);
    expect_refused(published("zip.pth"), "weights of another architecture: tensor 'encoder.bn1.weight' is missing", 0);
}

static void test_no_weights(void **state)
{
    (void)state;
    write_text("empty", "");
    expect_refused(in_workshop("empty"), "not a safetensors file, or truncated: it has 0 bytes", 1);
    expect_refused(in_workshop("photo.png"), "not a safetensors file", 1);
    assert_int_equal(mkdir(in_workshop("folder"), 0777), 0);
    expect_refused(in_workshop("folder"), "not a file; expected a file with weights", 2);
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    for (int tenth = 9; tenth > 0; tenth--) {
        cut_file("w.safetensors", tenth / (tenth + 1.0));
        expect_refused(in_workshop("w.safetensors"), "truncated", 0);
    }
}

/* A safetensors file of this header and so many bytes of data. */
static void write_header(const char *name, const char *header, size_t data)
{
    const uint64_t length = strlen(header);
    FILE *file = fopen(in_workshop(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(&length, 1, LENGTH_BYTES, file), LENGTH_BYTES);
    assert_int_equal(fwrite(header, 1, length, file), length);
    for (size_t i = 0; i < data; i++)
        assert_int_equal(fputc(0, file), 0);
    assert_int_equal(fclose(file), 0);
}

static void test_headers_that_lie(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *message;
    } cases[] = {
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1000000],\"data_offsets\":[0,4000000]}}", 16,
         "tensor 'w' should lie in bytes 0 to 4000000 of the data, of which there are 16"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1000000],\"data_offsets\":[0,16]}}", 16,
         "tensor 'w' has 16 bytes of data; its shape and type F32 need 1000000 × 4"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[3037000500,3037000500,4],\"data_offsets\":[0,16]}}", 16, "tensor 'w' has"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", 16, "tensor 'w' has a size that is not"},
        {"{\"v\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]},"
         "\"w\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[7,16]}}",
         16, "tensor 'w' overlaps another one's data"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[4]", 16, "its header is not a JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_header("lie.safetensors", cases[i].header, cases[i].data);
        expect_refused(in_workshop("lie.safetensors"), cases[i].message, 1);
    }
    FILE *file = fopen(in_workshop("lie.safetensors"), "wb");
    assert_non_null(file);
    assert_true(fputs("\xff\xff\xff\xff\xff\xff\xff\x7f{}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    expect_refused(in_workshop("lie.safetensors"), "its first 8 bytes give a header of 9223372036854775807 bytes", 1);
}

/* The program's own weights written once more: `left_out` is missing, `spoilt` begins with a value that is none. */
static void rewrite_weights(const char *left_out, const char *spoilt, const char *architecture)
{
    static struct mgm_tensor_source sources[MAX_TENSORS];
    static float copy[1 << 16];
    const char *const metadata[] = {"architecture", architecture};
    struct mgm_context *ctx = NULL;
    struct mgm_safetensors *file = NULL;
    int count = 0;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(mgm_safetensors_open(ctx, in_workshop("w.safetensors"), &file), MGM_OK);
    assert_true(mgm_safetensors_count(file) <= MAX_TENSORS);
    for (int i = 0; i < mgm_safetensors_count(file); i++) {
        const struct mgm_tensor *tensor = mgm_safetensors_at(file, i);
        if (left_out && strcmp(tensor->name, left_out) == 0)
            continue;
        struct mgm_tensor_source *source = &sources[count++];
        *source = (struct mgm_tensor_source){tensor->name, tensor->dtype, tensor->ndim, {0}, tensor->data};
        memcpy(source->dims, tensor->dims, sizeof source->dims);
        if (!spoilt || strcmp(tensor->name, spoilt) != 0)
            continue;
        assert_true(tensor->count <= sizeof copy / sizeof *copy);
        assert_int_equal(mgm_tensor_to_f32(ctx, tensor, copy), MGM_OK);
        copy[0] = NAN;
        source->data = copy;
    }
    assert_int_equal(mgm_safetensors_write(ctx, in_workshop("other.safetensors"), sources, count, metadata, 1), MGM_OK);
    mgm_safetensors_close(&file);
    mgm_context_destroy(&ctx);
}

static void test_other_tensors(void **state)
{
    (void)state;
    static const char name[] = "decoder.refine_OS4.0.weight";
    rewrite_weights(name, NULL, "mgm-matting");
    expect_refused(in_workshop("other.safetensors"), "tensor 'decoder.refine_OS4.0.weight' is missing", 1);
    rewrite_weights(NULL, name, "mgm-matting");
    expect_refused(in_workshop("other.safetensors"),
                   "'decoder.refine_OS4.0.weight' has a value that is not finite (number 1 of", 1);
    rewrite_weights(NULL, NULL, "resnet-50");
    expect_refused(in_workshop("other.safetensors"), "weights of the architecture 'resnet-50'; expected 'mgm-matting'", 1);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_pickle_that_asks_for_more), IN_WORKSHOP(test_checkpoints),      IN_WORKSHOP(test_no_weights),
        IN_WORKSHOP(test_truncated_anywhere),        IN_WORKSHOP(test_headers_that_lie), IN_WORKSHOP(test_other_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
