/** mgm export-onnx as a program: what it takes, what it refuses, and that nothing is left where it fails. */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_of_weights(void)
{
    make_weights("w.safetensors", 0.125, true);
    const struct run run =
        run_mgm("convert", in_workshop("w.safetensors"), in_workshop("s.safetensors.index.json"), "--max-shard", "1", NULL);
    expect_success(&run);
}

static struct run export_with(const char *weights, const char *output, const char *option, const char *value)
{
    return run_mgm("export-onnx", "--model", in_workshop(weights), "-o", in_workshop(output), option, value, NULL);
}

#ifdef MGM_WITH_ONNX

static size_t read_file(const char *name, char *bytes, size_t size)
{
    FILE *file = fopen(in_workshop(name), "rb");
    assert_non_null(file);
    const size_t count = fread(bytes, 1, size, file);
    fclose(file);
    assert_true(count > 1000 && count < size);
    return count;
}

static void test_any_weights_will_do(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    char *one = malloc(SIZE), *other = malloc(SIZE);
    assert_true(one && other);
    set_of_weights();
    struct run run = export_with("w.safetensors", "a.onnx", NULL, NULL);
    expect_success(&run);
    run = export_with("s.safetensors.index.json", "b.onnx", NULL, NULL);
    expect_success(&run);
    const size_t size = read_file("a.onnx", one, SIZE);
    assert_int_equal(read_file("b.onnx", other, SIZE), size);
    assert_memory_equal(one, other, size);
    run = export_with("w.safetensors", "b.onnx", "--size", "64x96"); /* in the other's place */
    expect_success(&run);
    assert_true(read_file("b.onnx", other, SIZE) != size || memcmp(one, other, size) != 0);
    free(one);
    free(other);
}

static void test_refuses(void **state)
{
    (void)state;
    set_of_weights();
    const int files = count_files();
    static const char *const no_sizes[] = {"512", "512x", "x512", "0x32", "-32x32", "512x512px", "512 x512x"};
    for (size_t i = 0; i < sizeof no_sizes / sizeof *no_sizes; i++) {
        const struct run run = export_with("w.safetensors", "a.onnx", "--size", no_sizes[i]);
        expect_failure(&run, 2, "expected height and width", files);
    }
    struct run run = export_with("w.safetensors", "a.onnx", "--size", "100x64");
    expect_failure(&run, 1, "must be multiples of 32", files);
    run = export_with("w.safetensors", "a.onnx", "--opset", "12");
    expect_failure(&run, 2, "--opset", files);
    run = export_with("none.safetensors", "a.onnx", NULL, NULL);
    expect_failure(&run, 1, "none.safetensors", files);
    run = export_with("w.safetensors", "nowhere/a.onnx", NULL, NULL);
    expect_failure(&run, 1, "nowhere/a.onnx", files);
    run = run_mgm_limited(100000, "export-onnx", "--model", in_workshop("w.safetensors"), "-o", in_workshop("a.onnx"), NULL);
    expect_failure(&run, 1, "a.onnx", files);
}

#else

static void test_says_that_it_cannot(void **state)
{
    (void)state;
    set_of_weights();
    const int files = count_files();
    const struct run run = export_with("w.safetensors", "a.onnx", NULL, NULL);
    expect_failure(&run, 1, "built without ONNX", files);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef MGM_WITH_ONNX
        cmocka_unit_test_setup_teardown(test_any_weights_will_do, workshop_open, workshop_close),
        cmocka_unit_test_setup_teardown(test_refuses, workshop_open, workshop_close),
#else
        cmocka_unit_test_setup_teardown(test_says_that_it_cannot, workshop_open, workshop_close),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
