/** mgm convert, and checkpoints of PyTorch's and sets of shards wherever weights are taken. */
#include "workshop.h"

#include "checkpoint_file.h"
#include "weights/half.h"
#include "weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SET "set.safetensors.index.json"

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

/* The same tensors; in which order is the writer's affair. */
static void assert_equal_weights(const char *expected, const char *found)
{
    struct mgm_safetensors *a = open_weights(expected), *b = open_weights(found);
    assert_int_equal(mgm_safetensors_count(b), mgm_safetensors_count(a));
    for (int i = 0; i < mgm_safetensors_count(a); i++) {
        const struct mgm_tensor *before = mgm_safetensors_at(a, i), *after = mgm_safetensors_find(b, before->name);
        assert_non_null(after);
        assert_int_equal(after->dtype, before->dtype);
        assert_int_equal(after->ndim, before->ndim);
        assert_memory_equal(after->dims, before->dims, sizeof before->dims);
        assert_int_equal(after->bytes, before->bytes);
        assert_memory_equal(after->data, before->data, before->bytes);
    }
    assert_int_equal(mgm_safetensors_metadata_count(b), mgm_safetensors_metadata_count(a));
    for (int i = 0; i < mgm_safetensors_metadata_count(a); i++) {
        const char *key, *value;
        mgm_safetensors_metadata_at(a, i, &key, &value);
        assert_string_equal(mgm_safetensors_metadata(b, key), value);
    }
    mgm_safetensors_close(&a);
    mgm_safetensors_close(&b);
}

/* @return how many shards there are */
static int make_set(const char *from)
{
    const int files = count_files();
    struct run run = run_mgm("convert", in_workshop(from), in_workshop(SET), "--max-shard", "1", NULL);
    expect_success(&run);
    return count_files() - files - 1;
}

static void test_shards(void **state)
{
    (void)state;
    make_weights("w.safetensors", 0.25, true);
    const int shards = make_set("w.safetensors");
    assert_true(shards > 2);
    for (int i = 1; i <= shards; i++) {
        char name[64];
        struct stat facts;
        snprintf(name, sizeof name, "set-%05d-of-%05d.safetensors", i, shards);
        assert_int_equal(stat(in_workshop(name), &facts), 0);
        struct mgm_safetensors *shard = open_weights(name);
        assert_true(facts.st_size <= 1000000 || mgm_safetensors_count(shard) == 1);
        mgm_safetensors_close(&shard);
    }
    assert_equal_weights("w.safetensors", SET);
    struct run run = run_mgm("convert", in_workshop(SET), in_workshop("whole.safetensors"), NULL);
    expect_success(&run);
    assert_equal_weights("w.safetensors", "whole.safetensors");
    run = run_mgm("convert", in_workshop(SET), in_workshop(SET), "--f16", NULL); /* over itself, in one shard */
    expect_success(&run);
    assert_int_equal(access(in_workshop("set-00001-of-00001.safetensors"), F_OK), 0);
    run = run_mgm("convert", in_workshop("w.safetensors"), in_workshop("half.safetensors"), "--f16", NULL);
    expect_success(&run);
    assert_equal_weights("half.safetensors", SET);
}

static void test_shards_as_model(void **state)
{
    (void)state;
    static const char *const models[] = {"w.safetensors", SET};
    struct pixels pixels[2];
    make_weights("w.safetensors", 0.25, true);
    const int shards = make_set("w.safetensors");
    for (int k = 0; k < 2; k++) {
        struct run run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"),
                                 "--model", in_workshop(models[k]), NULL);
        expect_success(&run);
        pixels[k] = read_pixels("out.png");
    }
    assert_memory_equal(pixels[0].values, pixels[1].values, (size_t)(48 * 40 * 4));
    free(pixels[0].values);
    free(pixels[1].values);
    struct run run = run_mgm("info", in_workshop(SET), "--json", NULL);
    expect_success(&run);
    cJSON *object = cJSON_Parse(run.out);
    assert_int_equal(number_in(object, "shards"), shards);
    assert_true(number_in(object, "width") == 0.25);
    assert_true(number_in(object, "bytes") > 4 * number_in(object, "parameters"));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "name")), "test");
    assert_int_equal(number_in(cJSON_GetObjectItem(cJSON_GetObjectItem(object, "metadata"), "training"), "iterations"), 3);
    cJSON_Delete(object);
}

static void test_nameless_set(void **state)
{
    (void)state;
    make_weights("bare.safetensors", 0.125, false);
    make_set("bare.safetensors");
    struct run run = run_mgm("info", in_workshop(SET), NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "name           set\n"));
}

static void test_bad_shards(void **state)
{
    (void)state;
    make_weights("w.safetensors", 0.25, true);
    int files = count_files();
    struct run run =
        run_mgm("convert", in_workshop("w.safetensors"), in_workshop("out.safetensors"), "--max-shard", "1", NULL);
    expect_failure(&run, 2, "--max-shard is for sets of shards", files);
    run = run_mgm("convert", in_workshop("w.safetensors"), in_workshop(SET), "--max-shard", "0", NULL);
    expect_failure(&run, 2, "--max-shard", files);
    run = run_mgm("convert", in_workshop("w.safetensors"), in_workshop("no/such.index.json"), NULL);
    expect_failure(&run, 1, "no/such-00001-of-00001.safetensors: cannot be written", files);
    run = run_mgm_limited(900000, "convert", in_workshop("w.safetensors"), in_workshop(SET), "--max-shard", "1", NULL);
    expect_failure(&run, 1, "writing failed", files);
    char first[64], part[128];
    snprintf(first, sizeof first, "set-00001-of-%05d.safetensors", make_set("w.safetensors"));
    files = count_files();
    cut_file(first, 0.5);
    run = run_mgm("convert", in_workshop(SET), in_workshop("out.safetensors"), NULL);
    snprintf(part, sizeof part, "%s: tensor '", first);
    expect_failure(&run, 1, part, files);
    assert_int_equal(unlink(in_workshop(first)), 0);
    run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"), "--model",
                  in_workshop(SET), NULL);
    snprintf(part, sizeof part, "%s: cannot be opened: No such file", first);
    expect_failure(&run, 1, part, files - 1);
    write_text(SET, "{\"weight_map\": {\"a\": \"../shard.safetensors\"}}");
    run = run_mgm("info", in_workshop(SET), NULL);
    expect_failure(&run, 1, SET ": it places tensor 'a' in '../shard", files - 1);
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
        TEST(test_convert),         TEST(test_16_bit),       TEST(test_checkpoint_as_model), TEST(test_shards),
        TEST(test_shards_as_model), TEST(test_nameless_set), TEST(test_bad_shards),          TEST(test_bad_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
