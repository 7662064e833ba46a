/** mgm convert, and checkpoints of PyTorch's wherever weights are taken. */
#include "workshop.h"

#include "checkpoint_file.h"
#include "weights/half.h"
#include "weights/weights.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct mgm_context *ctx;

/** w.safetensors and, in both layouts, the checkpoints that it could have come from; a photo and a mask. */
static int set_up(void **state)
{
    if (workshop_open(state) != 0 || mgm_context_create(&ctx) != MGM_OK)
        return -1;
    struct mgm_safetensors *file = NULL;
    make_weights("w.safetensors", 0.125, true);
    assert_int_equal(mgm_safetensors_open(ctx, in_workshop("w.safetensors"), &file), MGM_OK);
    const int count = mgm_safetensors_count(file);
    struct mgm_tensor_source *sources = calloc((size_t)count, sizeof *sources);
    for (int i = 0; i < count; i++) {
        const struct mgm_tensor *tensor = mgm_safetensors_at(file, i);
        sources[i] = (struct mgm_tensor_source){
            .name = tensor->name, .dtype = tensor->dtype, .ndim = tensor->ndim, .data = tensor->data};
        memcpy(sources[i].dims, tensor->dims, sizeof tensor->dims);
    }
    write_checkpoint(in_workshop("zip.pth"), sources, count, false);
    write_checkpoint(in_workshop("legacy.pth"), sources, count, true);
    free(sources);
    mgm_safetensors_close(&file);
    make_picture("photo.png", MOTIF_COLOURS, 48, 40, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, 48, 40, 1, 8, 0);
    return 0;
}

static int tear_down(void **state)
{
    mgm_context_destroy(&ctx);
    return workshop_close(state);
}

static struct mgm_safetensors *open_weights(const char *name)
{
    struct mgm_safetensors *file = NULL;
    assert_int_equal(mgm_weights_open(ctx, in_workshop(name), &file), MGM_OK);
    return file;
}

static const struct mgm_tensor *tensor_of(const struct mgm_safetensors *file, const char *name)
{
    const struct mgm_tensor *tensor = mgm_safetensors_find(file, name);
    assert_non_null(tensor);
    return tensor;
}

static void test_convert(void **state)
{
    (void)state;
    static const char *const inputs[] = {"zip.pth", "legacy.pth"};
    for (int k = 0; k < 2; k++) {
        struct run run = run_mgm("convert", in_workshop(inputs[k]), in_workshop("out.safetensors"), NULL);
        expect_success(&run);
        struct mgm_safetensors *in = open_weights("w.safetensors"), *out = NULL;
        assert_int_equal(mgm_safetensors_open(ctx, in_workshop("out.safetensors"), &out), MGM_OK);
        assert_int_equal(mgm_safetensors_count(out), mgm_safetensors_count(in));
        for (int i = 0; i < mgm_safetensors_count(in); i++) {
            const struct mgm_tensor *before = mgm_safetensors_at(in, i), *after = mgm_safetensors_at(out, i);
            assert_int_equal(strncmp(after->name, "module.", 7), 0);
            assert_string_equal(after->name + 7, before->name);
            assert_string_equal(after->type, "F32");
            assert_int_equal(after->bytes, before->bytes);
            assert_memory_equal(after->data, before->data, before->bytes);
        }
        mgm_safetensors_close(&in);
        mgm_safetensors_close(&out);
    }
}

static void test_16_bit(void **state)
{
    (void)state;
    struct run run = run_mgm("convert", in_workshop("zip.pth"), in_workshop("half.safetensors"), "--f16", NULL);
    expect_success(&run);
    struct mgm_safetensors *in = open_weights("w.safetensors"), *out = open_weights("half.safetensors");
    const struct mgm_tensor *before = tensor_of(in, "encoder.conv1.module.weight_bar");
    const struct mgm_tensor *after = tensor_of(out, "module.encoder.conv1.module.weight_bar");
    assert_int_equal(after->dtype, MGM_DTYPE_F16);
    for (size_t i = 0; i < before->count; i++) {
        float value;
        uint16_t half;
        memcpy(&value, (const uint8_t *)before->data + i * sizeof value, sizeof value);
        memcpy(&half, (const uint8_t *)after->data + i * sizeof half, sizeof half);
        assert_int_equal(half, mgm_half_from_float(value));
    }
    assert_int_equal(tensor_of(out, "module.encoder.bn1.running_var")->dtype, MGM_DTYPE_F32);
    mgm_safetensors_close(&in);
    mgm_safetensors_close(&out);
    run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"), "--model",
                  in_workshop("half.safetensors"), NULL);
    expect_success(&run);
}

static void test_checkpoint_as_model(void **state)
{
    (void)state;
    static const char *const models[] = {"w.safetensors", "zip.pth", "legacy.pth"};
    struct pixels first = {0};
    for (int k = 0; k < 3; k++) {
        struct run run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"),
                                 "--model", in_workshop(models[k]), NULL);
        expect_success(&run);
        struct pixels pixels = read_pixels("out.png");
        if (k == 0) {
            first = pixels;
            continue;
        }
        assert_memory_equal(pixels.values, first.values, (size_t)(pixels.width * pixels.height * pixels.channels));
        free(pixels.values);
    }
    free(first.values);
    struct run run = run_mgm("info", in_workshop("legacy.pth"), NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "0.125"));
}

static void test_bad_checkpoints(void **state)
{
    (void)state;
    struct bytes evil = {0};
    put_code(&evil, "\x80\x02}U\x01"
                    "acposix\nsystem\nU\x0etouch evidence\x85Rs.");
    const struct zip_entry entry = {"x/data.pkl", evil.data, evil.size, false};
    write_zip(in_workshop("evil.pth"), &entry, 1);
    free(evil.data);
    const int files = count_files();
    struct run run = run_mgm("convert", in_workshop("evil.pth"), in_workshop("out.safetensors"), NULL);
    expect_failure(&run, 1, "evil.pth: refused: its pickle asks for 'posix.system'", files);
    run = run_mgm("info", in_workshop("evil.pth"), NULL);
    expect_failure(&run, 1, "asks for 'posix.system'", files);
    run = run_mgm("convert", in_workshop("photo.png"), in_workshop("out.safetensors"), NULL);
    expect_failure(&run, 1, "photo.png: ", files);
    run = run_mgm("convert", in_workshop("zip.pth"), in_workshop("no/such/out"), NULL);
    expect_failure(&run, 1, "no/such/out: cannot be written", files);
    run = run_mgm_limited(1000, "convert", in_workshop("zip.pth"), in_workshop("out.safetensors"), NULL);
    expect_failure(&run, 1, "out.safetensors: writing failed", files);
    run = run_mgm("convert", in_workshop("zip.pth"), NULL);
    expect_failure(&run, 2, "missing after", files);
    cut_file("zip.pth", 0.5);
    cut_file("legacy.pth", 0.5);
    run = run_mgm("convert", in_workshop("zip.pth"), in_workshop("out.safetensors"), NULL);
    expect_failure(&run, 1, "zip.pth: truncated", files);
    run = run_mgm("convert", in_workshop("legacy.pth"), in_workshop("out.safetensors"), NULL);
    expect_failure(&run, 1, "legacy.pth: truncated", files);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_convert),
        TEST(test_16_bit),
        TEST(test_checkpoint_as_model),
        TEST(test_bad_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
