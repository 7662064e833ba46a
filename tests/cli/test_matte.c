/** mgm matte on good input: any size, every kind of file, what it reports. */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    make_weights("w.safetensors", 0.125, true);
    return 0;
}

static struct run matte(const char *photo, const char *mask, const char *out, const char *extra)
{
    return run_mgm("matte", in_workshop(photo), in_workshop(mask), "-o", in_workshop(out), "--model",
                   in_workshop("w.safetensors"), "--quiet", "--foreground", "none", "--keep-hidden", extra, NULL);
}

/** The cutout has the photo's own colours, and the matte that --alpha-only writes. */
static void check_size(int width, int height)
{
    make_picture("photo.png", MOTIF_COLOURS, width, height, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, width, height, 1, 8, 0);
    struct run cut = matte("photo.png", "mask.png", "cut.png", NULL);
    struct run alone = matte("photo.png", "mask.png", "alone.png", "--alpha-only");
    expect_success(&cut);
    expect_success(&alone);
    assert_string_equal(cut.out, "");
    assert_string_equal(cut.err, "");
    struct pixels cutout = read_pixels("cut.png"), alpha = read_pixels("alone.png");
    assert_true(cutout.width == width && cutout.height == height && cutout.channels == 4);
    assert_true(alpha.width == width && alpha.height == height && alpha.channels == 1);
    for (int i = 0; i < width * height; i++) {
        for (int c = 0; c < 3; c++)
            assert_int_equal(cutout.values[4 * i + c], motif_at(MOTIF_COLOURS, width, height, i % width, i / width, c));
        assert_int_equal(cutout.values[4 * i + 3], alpha.values[i]);
    }
    free(cutout.values);
    free(alpha.values);
}

static void test_sizes(void **state)
{
    (void)state;
    check_size(1, 1);
    check_size(1, 50);
    check_size(33, 47);
    check_size(64, 32);
}

static void check_guidance(const char *mask, const char *option, const char *kind)
{
    struct run run = option ? run_mgm("matte", in_workshop("photo.png"), in_workshop(mask), "-o", in_workshop("out.png"),
                                      "--model", in_workshop("w.safetensors"), "--json", "--guidance", option, NULL)
                            : matte("photo.png", mask, "out.png", "--json");
    expect_success(&run);
    cJSON *object = cJSON_Parse(run.out);
    assert_non_null(object);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "guidance")), kind);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "model")), "test");
    assert_true(number_in(object, "width") == 40 && number_in(object, "height") == 70);
    assert_true(number_in(object, "network_width") == 64 && number_in(object, "network_height") == 96);
    const double os4 = number_in(object, "uncertain_os4"), os1 = number_in(object, "uncertain_os1");
    assert_true(os4 >= 0 && os4 <= 1 && os1 >= 0 && os1 <= 1);
    assert_true(number_in(object, "network_s") > 0 && number_in(object, "total_s") >= number_in(object, "network_s"));
    assert_true(number_in(object, "peak_mb") > 1);
    cJSON_Delete(object);
}

static void test_guidance_and_report(void **state)
{
    (void)state;
    make_picture("photo.png", MOTIF_COLOURS, 40, 70, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, 40, 70, 1, 8, 0);
    make_picture("trimap.png", MOTIF_TRIMAP, 40, 70, 1, 8, 0);
    make_picture("soft.png", MOTIF_SOFT, 40, 70, 1, 8, 0);
    check_guidance("mask.png", NULL, "mask");
    check_guidance("trimap.png", NULL, "trimap");
    check_guidance("soft.png", NULL, "alpha");
    check_guidance("soft.png", "mask", "mask");
    check_guidance("trimap.png", "trimap-fg", "trimap-fg");
    check_guidance("mask.png", "alpha", "alpha");
    check_guidance("mask.png", "auto", "mask");
}

/** All of these say the same: the mattes must be equal. */
static void test_kinds_of_mask(void **state)
{
    (void)state;
    make_picture("photo.png", MOTIF_COLOURS, 37, 41, 3, 8, 0);
    make_picture("grey.png", MOTIF_SOFT, 37, 41, 1, 8, 0);
    make_picture("deep.png", MOTIF_SOFT, 37, 41, 1, 16, 0);
    make_picture("rgb.png", MOTIF_SOFT, 37, 41, 3, 8, 0);
    make_picture("rgba.png", MOTIF_SOFT, 37, 41, 4, 8, 0);
    struct run run = matte("photo.png", "grey.png", "grey-alpha.png", "--alpha-only");
    expect_success(&run);
    struct pixels want = read_pixels("grey-alpha.png");
    const char *const others[] = {"deep.png", "rgb.png", "rgba.png"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        run = matte("photo.png", others[i], "other.png", "--alpha-only");
        expect_success(&run);
        struct pixels got = read_pixels("other.png");
        assert_memory_equal(got.values, want.values, 37 * 41);
        free(got.values);
    }
    free(want.values);
}

static void test_kinds_of_photo(void **state)
{
    (void)state;
    make_picture("mask.jpg", MOTIF_DISC, 45, 30, 1, 8, 0);
    make_picture("photo.jpg", MOTIF_SOFT, 45, 30, 3, 8, 0);
    make_picture("grey.png", MOTIF_SOFT, 45, 30, 1, 8, 0);
    make_picture("deep.png", MOTIF_SOFT, 45, 30, 3, 16, 0);
    make_picture("clear.png", MOTIF_COLOURS, 45, 30, 4, 8, 0);
    const char *const photos[] = {"photo.jpg", "grey.png", "deep.png", "clear.png"};
    for (size_t i = 0; i < sizeof photos / sizeof *photos; i++) {
        struct run run = matte(photos[i], "mask.jpg", "out.png", NULL);
        expect_success(&run);
        struct pixels out = read_pixels("out.png");
        assert_true(out.width == 45 && out.height == 30 && out.channels == 4);
        assert_int_equal(out.bits, i == 2 ? 16 : 8);
        /* grey and 16 bit show the same grey motif; JPEG comes near it */
        const int want = motif_at(MOTIF_SOFT, 45, 30, 22, 15, 0);
        for (int c = 0; c < 3 && i < 3; c++)
            assert_in_range(out.values[4 * (15 * 45 + 22) + c], want - (i ? 0 : 8), want + (i ? 0 : 8));
        free(out.values);
    }
    struct run run = matte("photo.jpg", "mask.jpg", "alpha.jpg", "--alpha-only");
    expect_success(&run);
    struct pixels alpha = read_pixels("alpha.jpg");
    assert_int_equal(alpha.channels, 1);
    free(alpha.values);
}

/** A photo stored lying down is matted, and written, upright. */
static void test_orientation(void **state)
{
    (void)state;
    make_picture("photo.jpg", MOTIF_COLOURS, 60, 40, 3, 8, 6);
    make_picture("mask.png", MOTIF_DISC, 40, 60, 1, 8, 0);
    struct run run = matte("photo.jpg", "mask.png", "out.png", NULL);
    expect_success(&run);
    struct pixels out = read_pixels("out.png");
    assert_true(out.width == 40 && out.height == 60);
    free(out.values);
}

static void test_resized_mask(void **state)
{
    (void)state;
    make_picture("photo.png", MOTIF_COLOURS, 61, 35, 3, 8, 0);
    make_picture("small.png", MOTIF_TRIMAP, 20, 12, 1, 8, 0);
    make_picture("large.png", MOTIF_DISC, 200, 100, 1, 8, 0);
    struct run run = matte("photo.png", "small.png", "out.png", "--resize-mask");
    expect_success(&run);
    run = run_mgm("matte", in_workshop("photo.png"), in_workshop("large.png"), "-o", in_workshop("out.png"), "--model",
                  in_workshop("w.safetensors"), "--resize-mask", "--json", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "\"guidance\":\t\"mask\""));
}

/** A second run gives the same; an existing result is replaced. */
static void test_repeats_exactly(void **state)
{
    (void)state;
    make_picture("photo.png", MOTIF_COLOURS, 70, 50, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, 70, 50, 1, 8, 0);
    struct run run = matte("photo.png", "mask.png", "out.png", "--alpha-only");
    expect_success(&run);
    struct pixels first = read_pixels("out.png");
    const int files = count_files();
    run = matte("photo.png", "mask.png", "out.png", "--alpha-only");
    expect_success(&run);
    assert_int_equal(count_files(), files);
    struct pixels second = read_pixels("out.png");
    assert_memory_equal(first.values, second.values, 70 * 50);
    free(first.values);
    free(second.values);
}

/** The published path takes a soft mask as a mask, and the network sees a margin. */
static void test_reference(void **state)
{
    (void)state;
    make_picture("photo.png", MOTIF_COLOURS, 64, 50, 3, 8, 0);
    make_picture("soft.png", MOTIF_SOFT, 64, 50, 1, 8, 0);
    struct run run =
        run_mgm("matte", in_workshop("photo.png"), in_workshop("soft.png"), "-o", in_workshop("soft-alpha.png"), "--model",
                in_workshop("w.safetensors"), "--alpha-only", "--reference", "--largest-component", "--json", NULL);
    expect_success(&run);
    cJSON *object = cJSON_Parse(run.out);
    assert_non_null(object);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "guidance")), "mask");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(object, "reference")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(object, "largest_component")));
    assert_true(number_in(object, "network_width") == 128 && number_in(object, "network_height") == 128);
    cJSON_Delete(object);
    run = matte("photo.png", "soft.png", "default.png", "--alpha-only");
    expect_success(&run);
    struct pixels reference = read_pixels("soft-alpha.png"), usual = read_pixels("default.png");
    assert_true(reference.width == 64 && reference.height == 50 && reference.channels == 1);
    assert_memory_not_equal(reference.values, usual.values, 64 * 50);
    free(reference.values);
    free(usual.values);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, workshop_close)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_sizes),           IN_WORKSHOP(test_guidance_and_report), IN_WORKSHOP(test_kinds_of_mask),
        IN_WORKSHOP(test_kinds_of_photo),  IN_WORKSHOP(test_orientation),         IN_WORKSHOP(test_resized_mask),
        IN_WORKSHOP(test_repeats_exactly), IN_WORKSHOP(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
