/** mgm foreground, and what mgm matte shares with it: colours, backgrounds, premultiplied and linear files. */
#include "workshop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

enum { W = 70, H = 60 };

/** Nothing, a slope, opaque. */
static int alpha_at(int i)
{
    const int soft = 2 * motif_at(MOTIF_SOFT, W, H, i % W, i / W, 0);
    return soft < 255 ? soft : 255;
}

static void make_alpha(void)
{
    char text[W * H * 4 + 64];
    int used = sprintf(text, "P2\n%d %d\n255\n", W, H);
    for (int i = 0; i < W * H; i++)
        used += sprintf(text + used, "%d%c", alpha_at(i), i % W == W - 1 ? '\n' : ' ');
    write_text("alpha.pgm", text);
}

static int set_up(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    make_colour_weights("f.safetensors", 0.125, MGM_COLOUR_WHOLE);
    make_colour_weights("r.safetensors", 0.5, MGM_COLOUR_REFINING);
    make_weights("w.safetensors", 0.125, true);
    make_picture("photo.png", MOTIF_COLOURS, W, H, 3, 8, 0);
    make_picture("deep.png", MOTIF_COLOURS, W, H, 3, 16, 0);
    make_alpha();
    make_picture("mask.png", MOTIF_DISC, W, H, 1, 8, 0);
    return 0;
}

static struct run foreground(const char *photo, const char *alpha, const char *out, const char *option, const char *value)
{
    return run_mgm("foreground", in_workshop(photo), in_workshop(alpha), "-o", in_workshop(out), "--foreground-model",
                   in_workshop("f.safetensors"), option, value, NULL);
}

static int photo_at(int i, int c)
{
    return motif_at(MOTIF_COLOURS, W, H, i % W, i / W, c);
}

/** Alpha is the matte's; opaque pixels are the photo's, hidden ones black or the photo's; of the others some have changed.
 */
static void check_cutout(const char *photo, const char *how, bool changed, bool keep)
{
    struct run run =
        keep ? run_mgm("foreground", in_workshop(photo), in_workshop("alpha.pgm"), "-o", in_workshop("out.png"),
                       "--foreground-model", in_workshop("f.safetensors"), "--foreground", how, "--keep-hidden", NULL)
             : foreground(photo, "alpha.pgm", "out.png", "--foreground", how);
    int differences = 0, kinds[2] = {0};
    expect_success(&run);
    struct pixels out = read_pixels("out.png"), own = read_pixels(photo);
    assert_true(out.width == W && out.height == H && out.channels == 4 && out.bits == own.bits);
    for (int i = 0; i < W * H; i++) {
        assert_int_equal(out.values[4 * i + 3], alpha_at(i));
        for (int c = 0; c < 3; c++) {
            const int value = out.values[4 * i + c], was = own.values[3 * i + c];
            if (alpha_at(i) == 0)
                assert_int_equal(value, keep ? was : 0);
            else if (alpha_at(i) == 255)
                assert_int_equal(value, was);
            else
                differences += value != was;
        }
        kinds[0] += alpha_at(i) == 0;
        kinds[1] += alpha_at(i) == 255;
    }
    assert_true(kinds[0] > 20 && kinds[1] > 20);
    assert_true(changed ? differences > 100 : differences == 0);
    free(out.values);
    free(own.values);
}

static void test_every_way(void **state)
{
    (void)state;
    check_cutout("photo.png", "fast", true, false);
    check_cutout("photo.png", "fast", true, true);
    check_cutout("photo.png", "multi-level", true, false);
    check_cutout("photo.png", "fine", true, false);
    check_cutout("deep.png", "fine", true, false);
    check_cutout("photo.png", "model", true, false);
    check_cutout("photo.png", "none", false, false);
    check_cutout("photo.png", "none", false, true);
    check_cutout("deep.png", "fast", true, false);
    check_cutout("deep.png", "model", true, false);
}

/** A network that adds nothing yet to the estimate gives the estimate. */
static void test_refining(void **state)
{
    (void)state;
    struct run fast = foreground("photo.png", "alpha.pgm", "fast.png", "--foreground", "fast");
    struct run refined =
        run_mgm("foreground", in_workshop("photo.png"), in_workshop("alpha.pgm"), "-o", in_workshop("refined.png"),
                "--foreground", "model", "--foreground-model", in_workshop("r.safetensors"), "--json", NULL);
    expect_success(&fast);
    expect_success(&refined);
    cJSON *facts = cJSON_Parse(refined.out);
    assert_true(number_in(facts, "computed") > 0.1); /* it has been run */
    cJSON_Delete(facts);
    struct pixels first = read_pixels("fast.png"), second = read_pixels("refined.png");
    assert_memory_equal(first.values, second.values, 4 * W * H);
    free(first.values);
    free(second.values);
}

/** A known foreground over a known background comes back. */
static void test_colours_are_right(void **state)
{
    (void)state;
    static const int fg[3] = {220, 60, 40}, bg[3] = {20, 90, 200};
    char *text = malloc(W * H * 12 + 64);
    int used = sprintf(text, "P3\n%d %d\n255\n", W, H);
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++)
            used += sprintf(text + used, "%d ", (alpha_at(i) * fg[c] + (255 - alpha_at(i)) * bg[c] + 127) / 255);
    write_text("blend.ppm", text);
    free(text);
    struct run run = foreground("blend.ppm", "alpha.pgm", "out.png", "--foreground", "fast");
    expect_success(&run);
    struct pixels out = read_pixels("out.png");
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3 && alpha_at(i) > 20; c++)
            assert_true(abs(out.values[4 * i + c] - fg[c]) <= 6);
    free(out.values);
}

static void test_over_a_colour(void **state)
{
    (void)state;
    struct run straight = foreground("photo.png", "alpha.pgm", "cut.png", "--foreground", "fast");
    struct run over = foreground("photo.png", "alpha.pgm", "over.png", "--background", "#0af");
    expect_success(&straight);
    expect_success(&over);
    struct pixels cut = read_pixels("cut.png"), out = read_pixels("over.png");
    static const int colour[3] = {0, 0xaa, 0xff};
    assert_int_equal(out.channels, 3);
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++) {
            const double a = cut.values[4 * i + 3] / 255.0;
            assert_true(fabs(cut.values[4 * i + c] * a + colour[c] * (1 - a) - out.values[3 * i + c]) < 0.51);
        }
    free(cut.values);
    free(out.values);
    struct run named = foreground("photo.png", "alpha.pgm", "named.jpg", "--background", "white");
    expect_success(&named);
}

/** A picture that is made to cover: twice as high, and cut in the middle. */
static void test_over_a_picture(void **state)
{
    (void)state;
    make_picture("behind.png", MOTIF_COLOURS, W, 2 * H, 3, 8, 0);
    struct run over = foreground("photo.png", "alpha.pgm", "over.png", "--background", in_workshop("behind.png"));
    expect_success(&over);
    struct pixels out = read_pixels("over.png");
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++) {
            if (alpha_at(i) == 0)
                assert_int_equal(out.values[3 * i + c], motif_at(MOTIF_COLOURS, W, 2 * H, i % W, i / W + H / 2, c));
            if (alpha_at(i) == 255)
                assert_int_equal(out.values[3 * i + c], photo_at(i, c));
        }
    free(out.values);
}

static void test_premultiplied(void **state)
{
    (void)state;
    struct run straight = foreground("photo.png", "alpha.pgm", "cut.png", "--foreground", "fast");
    struct run times = foreground("photo.png", "alpha.pgm", "times.png", "--premultiplied", NULL);
    expect_success(&straight);
    expect_success(&times);
    struct pixels cut = read_pixels("cut.png"), out = read_pixels("times.png");
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++)
            assert_true(fabs(cut.values[4 * i + c] * cut.values[4 * i + 3] / 255.0 - out.values[4 * i + c]) < 0.51);
    free(cut.values);
    free(out.values);
}

static void test_matte_does_the_same(void **state)
{
    (void)state;
    struct run cut = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("cut.png"),
                             "--model", in_workshop("w.safetensors"), "--quiet", NULL);
    struct run alone = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("alone.png"),
                               "--model", in_workshop("w.safetensors"), "--quiet", "--alpha-only", NULL);
    struct run again = foreground("photo.png", "alone.png", "again.png", "--foreground", "fast");
    expect_success(&cut);
    expect_success(&alone);
    expect_success(&again);
    struct pixels first = read_pixels("cut.png"), second = read_pixels("again.png");
    assert_memory_equal(first.values, second.values, 4 * W * H);
    free(first.values);
    free(second.values);
}

/** As good as JPEG is by default, and nothing to complain of. */
static void test_matte_as_jpeg(void **state)
{
    (void)state;
    static const char *const names[] = {"over.png", "over.jpg"};
    struct pixels over[2];
    double difference = 0;
    for (int i = 0; i < 2; i++) {
        struct run run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop(names[i]),
                                 "--model", in_workshop("w.safetensors"), "--background", "white", "--quiet", NULL);
        expect_success(&run);
        assert_string_equal(run.err, "");
        over[i] = read_pixels(names[i]);
    }
    for (int i = 0; i < 3 * W * H; i++)
        difference += abs(over[0].values[i] - over[1].values[i]);
    printf("JPEG differs by %.3f steps of 8 bit\n", difference / (3 * W * H));
    assert_true(difference < 3.0 * 3 * W * H);
    free(over[0].values);
    free(over[1].values);
}

static void test_refusals(void **state)
{
    (void)state;
    make_picture("small.png", MOTIF_SOFT, W / 2, H, 1, 8, 0);
    const int files = count_files();
    struct run run = foreground("photo.png", "small.png", "out.png", NULL, NULL);
    expect_failure(&run, 1, "--resize-alpha stretches", files);
    run = foreground("photo.png", "alpha.pgm", "out.png", "--background", "mauve");
    expect_failure(&run, 1, "neither a colour", files);
    run = foreground("photo.png", "alpha.pgm", "out.png", "--background", "#12345");
    expect_failure(&run, 1, "neither a colour", files);
    run = foreground("photo.png", "alpha.pgm", "out.jpg", NULL, NULL);
    expect_failure(&run, 1, "cannot hold transparency", files);
    run = foreground("photo.png", "alpha.pgm", "photo.png", NULL, NULL);
    expect_failure(&run, 1, "would be overwritten", files);
    run = run_mgm("foreground", in_workshop("photo.png"), in_workshop("alpha.pgm"), "-o", in_workshop("out.png"),
                  "--foreground", "model", "--foreground-model", in_workshop("w.safetensors"), NULL);
    expect_failure(&run, 1, "expected 'mgm-foreground'", files);
    run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"), "--model",
                  in_workshop("f.safetensors"), "--quiet", NULL);
    expect_failure(&run, 1, "expected 'mgm-matting'", files);
    run = foreground("photo.png", "small.png", "out.png", "--resize-alpha", NULL);
    expect_success(&run);
}

/** Linear light times alpha, in halves; libvips reads it back as floats. */
static void test_exr(void **state)
{
    (void)state;
    struct run straight = foreground("deep.png", "alpha.pgm", "cut.png", "--foreground", "fast");
    struct run exr = foreground("deep.png", "alpha.pgm", "out.exr", "--foreground", "fast");
    expect_success(&straight);
    if (exr.status != 0 && strstr(exr.err, "without OpenEXR"))
        skip();
    expect_success(&exr);
    struct pixels cut = read_pixels("cut.png");
    VipsImage *image = vips_image_new_from_file(in_workshop("out.exr"), NULL);
    if (!image) {
        vips_error_clear();
        free(cut.values);
        skip(); /* a libvips without OpenEXR */
    }
    size_t size;
    float *values = vips_image_write_to_memory(image, &size);
    assert_int_equal(size, W * H * 4 * sizeof(float));
    double opaque = 0; /* libvips may show alpha as 0 … 255 */
    for (int i = 0; i < W * H; i++)
        opaque = fmax(opaque, values[4 * i + 3]);
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++) {
            const double v = cut.values[4 * i + c] / 255.0, a = values[4 * i + 3] / opaque; /* the upper bytes of 16 bit */
            const double linear = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
            assert_true(fabs(a - alpha_at(i) / 255.0) < 1e-3);
            assert_true(fabs(values[4 * i + c] - linear * a) < 0.012);
        }
    g_free(values);
    g_object_unref(image);
    free(cut.values);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (VIPS_INIT(argv[0]) != 0)
        return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, workshop_close)
    const struct CMUnitTest tests[] = {
        TEST(test_every_way),      TEST(test_refining),      TEST(test_colours_are_right),   TEST(test_over_a_colour),
        TEST(test_over_a_picture), TEST(test_premultiplied), TEST(test_matte_does_the_same), TEST(test_matte_as_jpeg),
        TEST(test_refusals),       TEST(test_exr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
