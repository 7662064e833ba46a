/* Computing in 16 and 8 bit, from the program: mattes agree, quantized weights are files like others, and mgm bench
 * measures. */
#include "workshop.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { W = 96, H = 64 };

static void set_the_table(void)
{
    assert_int_equal(mkdir(in_workshop("photos"), 0755), 0);
    assert_int_equal(mkdir(in_workshop("masks"), 0755), 0);
    make_picture("photos/a.png", MOTIF_COLOURS, W, H, 3, 8, 0);
    make_picture("photos/b.jpg", MOTIF_COLOURS, H, W, 3, 8, 0);
    make_picture("masks/a.png", MOTIF_DISC, W, H, 1, 8, 0);
    make_picture("masks/b.png", MOTIF_DISC, H, W, 1, 8, 0);
    /* The model that comes with the program: random weights would magnify what rounding does. */
    assert_int_equal(symlink(SMALL_MODEL, in_workshop("w.safetensors")), 0);
}

static struct run quantize(const char *model, const char *output)
{
    return run_mgm("quantize", in_workshop("photos"), in_workshop("masks"), "--model", in_workshop(model), "-o",
                   in_workshop(output), "--quiet", NULL);
}

static struct pixels matte(const char *model, const char *precision)
{
    const struct run run =
        run_mgm("matte", in_workshop("photos/a.png"), in_workshop("masks/a.png"), "-o", in_workshop("alpha.png"),
                "--alpha-only", "--model", in_workshop(model), "--precision", precision, "--quiet", NULL);
    expect_success(&run);
    return read_pixels("alpha.png");
}

static double difference(const struct pixels *a, const struct pixels *b)
{
    double sum = 0;
    for (int i = 0; i < W * H; i++)
        sum += abs((int)a->values[i] - (int)b->values[i]);
    return sum / (W * H) / 255;
}

/* Processors that lack a precision say so; those tests are about the others. */
static bool can(const char *precision)
{
    const struct run run =
        run_mgm("bench", "--width", "0.25", "--size", "32x32", "--repeat", "1", "--precision", precision, NULL);
    if (run.status != 0)
        assert_non_null(strstr(run.err, "on this processor"));
    return run.status == 0;
}

static void test_mattes_agree(void **state)
{
    (void)state;
    set_the_table();
    struct pixels f32 = matte("w.safetensors", "f32");
    if (can("bf16")) {
        struct pixels bf16 = matte("w.safetensors", "bf16");
        assert_true(difference(&f32, &bf16) < 0.01);
        free(bf16.values);
    }
    if (can("int8")) {
        struct run run = quantize("w.safetensors", "q.safetensors");
        expect_success(&run);
        struct pixels calibrated = matte("w.safetensors", "int8"), quantized = matte("q.safetensors", "int8");
        assert_true(difference(&f32, &calibrated) < 0.03);
        assert_true(difference(&f32, &quantized) < 0.03);
        free(calibrated.values);
        free(quantized.values);
    }
    free(f32.values);
}

/* Quantized weights can be had in floats, too, and are hardly others. */
static void test_quantized_weights(void **state)
{
    (void)state;
    set_the_table();
    struct run run = quantize("w.safetensors", "q.safetensors");
    expect_success(&run);
    struct stat before, after;
    assert_int_equal(stat(in_workshop("w.safetensors"), &before), 0);
    assert_int_equal(stat(in_workshop("q.safetensors"), &after), 0);
    assert_true(after.st_size < before.st_size * 6 / 10); /* of 16-bit floats */
    struct pixels f32 = matte("w.safetensors", "f32"), quantized = matte("q.safetensors", "f32");
    assert_true(difference(&f32, &quantized) < 0.02);
    free(f32.values);
    free(quantized.values);
    const int files = count_files();
    run = quantize("q.safetensors", "r.safetensors");
    expect_failure(&run, 1, "quantized already", files);
    run = run_mgm("quantize", in_workshop("photos"), in_workshop("photos"), "--model", in_workshop("w.safetensors"), "-o",
                  in_workshop("nowhere/r.safetensors"), "--quiet", NULL);
    expect_failure(&run, 1, "nowhere/r.safetensors", files);
}

static void test_bench(void **state)
{
    (void)state;
    make_picture("region.png", MOTIF_DISC, 64, 64, 1, 8, 0);
    make_picture("nothing.png", MOTIF_EMPTY, 64, 64, 1, 8, 0);
    struct run run = run_mgm("bench", "--width", "0.25", "--size", "128x160", "--uncertain", in_workshop("region.png"),
                             "--precision", "f32", "--repeat", "3", "--json", NULL);
    expect_success(&run);
    cJSON *facts = cJSON_Parse(run.out);
    assert_true(number_in(facts, "network_s") > 0 && number_in(facts, "network_s_min") <= number_in(facts, "network_s"));
    assert_true(number_in(facts, "network_s") <= number_in(facts, "network_s_max"));
    assert_true(number_in(facts, "computed_os1") > 0 && number_in(facts, "computed_os1") <= 1);
    assert_true(number_in(facts, "peak_mb") > 1);
    cJSON_Delete(facts);
    run = run_mgm("bench", "--width", "0.25", "--size", "128x160", "--uncertain", in_workshop("nothing.png"), "--repeat",
                  "1", "--json", NULL);
    expect_success(&run);
    facts = cJSON_Parse(run.out);
    assert_true(number_in(facts, "computed_os1") == 0);
    cJSON_Delete(facts);
    const int files = count_files();
    run = run_mgm("bench", "--size", "100x100", NULL);
    expect_failure(&run, 2, "multiples of 32", files);
    run = run_mgm("bench", "--width", "1", "--model", "m.safetensors", NULL);
    expect_failure(&run, 2, "exclude each other", files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mattes_agree, workshop_open, workshop_close),
        cmocka_unit_test_setup_teardown(test_quantized_weights, workshop_open, workshop_close),
        cmocka_unit_test_setup_teardown(test_bench, workshop_open, workshop_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
