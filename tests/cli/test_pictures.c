/** mgm matte on pictures as they come: formats, depths, colour spaces, profiles, orientation, pipes. */
#include "workshop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

enum { W = 45, H = 30 };

static int set_up(void **state)
{
    return workshop_open_with_pictures(state, W, H);
}

static struct run matte(const char *photo, const char *mask, const char *out, const char *extra, const char *value)
{
    return run_mgm("matte", "--foreground", "none", "--keep-hidden", in_workshop(photo), in_workshop(mask), "-o",
                   in_workshop(out), "--model", in_workshop("w.safetensors"), "--quiet", extra, value, NULL);
}

static struct pixels matted(const char *photo, const char *mask, const char *out, const char *extra, const char *value)
{
    struct run run = matte(photo, mask, out, extra, value);
    expect_success(&run);
    return read_pixels(out);
}

static void expect_equal(const struct pixels *got, const struct pixels *want)
{
    assert_true(got->width == want->width && got->height == want->height && got->channels == want->channels);
    assert_memory_equal(got->values, want->values, (size_t)(want->width * want->height * want->channels));
}

/** The same where something can be seen: WebP files forget colours that are wholly transparent. */
static void expect_looks_equal(const struct pixels *got, const struct pixels *want)
{
    assert_true(got->width == want->width && got->height == want->height && got->channels == 4 && want->channels == 4);
    for (int i = 0; i < want->width * want->height; i++)
        if (want->values[4 * i + 3])
            assert_memory_equal(got->values + 4 * i, want->values + 4 * i, 4);
        else
            assert_int_equal(got->values[4 * i + 3], 0);
}

static VipsImage *open_picture(const char *name)
{
    VipsImage *image = vips_image_new_from_file(in_workshop(name), NULL);
    if (!image)
        fail_msg("%s: %s", name, vips_error_buffer());
    return image;
}

/** Saves with options in the name, as libvips takes them: "x.png[palette]". */
static void save(VipsImage *image, const char *name)
{
    if (vips_image_write_to_file(image, in_workshop(name), NULL) != 0)
        fail_msg("%s: %s", name, vips_error_buffer());
}

/** The same photo in every format that keeps it exactly gives the same cutout. */
static void test_formats_read(void **state)
{
    (void)state;
    const char *const same[] = {"photo.tif", "photo.webp[lossless]", "photo.tiff[compression=lzw]", "photo.ppm",
                                "photo.bmp"};
    struct pixels want = matted("photo.png", "mask.png", "want.png", NULL, NULL);
    VipsImage *photo = open_picture("photo.png"), *mask = open_picture("mask.png");
    save(mask, "mask.gif");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char name[64];
        save(photo, same[i]);
        snprintf(name, sizeof name, "%s", same[i]);
        name[strcspn(name, "[")] = '\0';
        struct pixels got = matted(name, "mask.gif", "got.png", NULL, NULL);
        expect_equal(&got, &want);
        free(got.values);
    }
    g_object_unref(photo);
    g_object_unref(mask);
    free(want.values);
}

/** The extension decides the format, and all but JPEG lose nothing. */
static void test_formats_written(void **state)
{
    (void)state;
    const struct {
        const char *name, *loader;
    } cases[] = {{"out.tif", "Tiff"}, {"out.TIFF", "Tiff"}, {"out.webp", "Webp"}, {"out.PNG", "Png"}};
    struct pixels want = matted("photo.png", "mask.png", "want.png", NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pixels got = matted("photo.png", "mask.png", cases[i].name, NULL, NULL);
        expect_looks_equal(&got, &want);
        const char *loader = vips_foreign_find_load(in_workshop(cases[i].name));
        assert_non_null(loader);
        assert_non_null(strstr(loader, cases[i].loader));
        free(got.values);
    }
    struct pixels grey = matted("photo.png", "mask.png", "grey.jpeg", "--alpha-only", NULL);
    assert_int_equal(grey.channels, 1);
    free(grey.values);
    free(want.values);
}

static void test_depth(void **state)
{
    (void)state;
    make_picture("deep.png", MOTIF_COLOURS, W, H, 3, 16, 0);
    const struct {
        const char *photo, *out, *extra, *value;
        int bits;
    } cases[] = {
        {"deep.png", "out.png", NULL, NULL, 16},           {"deep.png", "out.tif", NULL, NULL, 16},
        {"deep.png", "out.webp", NULL, NULL, 8},           {"deep.png", "out.png", "--depth", "8", 8},
        {"photo.png", "out.png", NULL, NULL, 8},           {"photo.png", "out.png", "--depth", "16", 16},
        {"deep.png", "out.png", "--alpha-only", NULL, 16}, {"photo.png", "out.png", "--alpha-only", NULL, 8},
    };
    struct pixels want = matted("photo.png", "mask.png", "want.png", NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pixels got = matted(cases[i].photo, "mask.png", cases[i].out, cases[i].extra, cases[i].value);
        assert_int_equal(got.bits, cases[i].bits);
        if (got.channels == 4)
            for (int k = 0; k < W * H; k++)
                if (got.values[4 * k + 3])
                    assert_memory_equal(got.values + 4 * k, want.values + 4 * k, 3);
        free(got.values);
    }
    free(want.values);
    struct run run = matte("deep.png", "mask.png", "no.webp", "--depth", "16");
    expect_failure(&run, 1, "cannot hold 16 bit", count_files());
}

/** 16-bit alpha says more than 8 bit can. */
static void test_deep_matte_is_not_rounded(void **state)
{
    (void)state;
    struct run run = matte("photo.png", "mask.png", "out.png", "--alpha-only", "--depth=16");
    expect_success(&run);
    VipsImage *image = open_picture("out.png");
    size_t size;
    uint16_t *values = vips_image_write_to_memory(image, &size);
    int between = 0;
    assert_int_equal(size, W * H * 2);
    for (int i = 0; i < W * H; i++)
        between += values[i] % 257 != 0;
    assert_true(between > 10);
    g_free(values);
    g_object_unref(image);
}

static void test_palette(void **state)
{
    (void)state;
    make_picture("few.png", MOTIF_TRIMAP, W, H, 3, 8, 0);
    VipsImage *few = open_picture("few.png");
    save(few, "palette.png[palette]");
    g_object_unref(few);
    struct pixels want = matted("few.png", "few.png", "want.png", NULL, NULL);
    struct pixels got = matted("palette.png", "palette.png", "got.png", NULL, NULL);
    expect_equal(&got, &want);
    free(got.values);
    free(want.values);
}

/** Grey, with and without alpha: three equal channels; transparent parts are seen over white. */
static void test_grey_and_transparent(void **state)
{
    (void)state;
    make_picture("clear.png", MOTIF_COLOURS, W, H, 4, 8, 0);
    make_picture("grey.png", MOTIF_SOFT, W, H, 2, 8, 0);
    struct pixels grey = matted("grey.png", "mask.png", "grey-out.png", NULL, NULL);
    assert_int_equal(grey.channels, 4);
    for (int i = 0; i < W * H; i++)
        assert_true(grey.values[4 * i] == grey.values[4 * i + 1] && grey.values[4 * i] == grey.values[4 * i + 2]);
    struct pixels clear = matted("clear.png", "mask.png", "clear-out.png", NULL, NULL);
    const int x = 20, y = 12, at = y * W + x;
    const int alpha = motif_at(MOTIF_COLOURS, W, H, x, y, 3), red = motif_at(MOTIF_COLOURS, W, H, x, y, 0);
    assert_in_range(clear.values[4 * at], (red * alpha + 255 * (255 - alpha)) / 255 - 1,
                    (red * alpha + 255 * (255 - alpha)) / 255 + 1);
    free(grey.values);
    free(clear.values);
}

static void test_cmyk(void **state)
{
    (void)state;
    VipsImage *image = NULL, *cmyk = NULL;
    double ink[4] = {0, 255, 255, 0}; /* magenta and yellow: red */
    assert_int_equal(vips_black(&image, W, H, "bands", 4, NULL), 0);
    VipsImage *inked = NULL;
    assert_int_equal(vips_linear(image, &inked, (double[]){1, 1, 1, 1}, ink, 4, "uchar", TRUE, NULL), 0);
    assert_int_equal(vips_copy(inked, &cmyk, "interpretation", VIPS_INTERPRETATION_CMYK, NULL), 0);
    save(cmyk, "cmyk.jpg[Q=100]");
    struct pixels out = matted("cmyk.jpg", "mask.png", "out.png", NULL, NULL);
    const uint8_t *pixel = out.values + 4 * (H / 2 * W + W / 2);
    assert_int_equal(out.channels, 4);
    if (pixel[0] < 180 || pixel[1] > 90 || pixel[2] > 90)
        fail_msg("red became %d, %d, %d", pixel[0], pixel[1], pixel[2]);
    free(out.values);
    g_object_unref(cmyk);
    g_object_unref(inked);
    g_object_unref(image);
}

static size_t profile_size(VipsImage *image)
{
    const void *profile;
    size_t size = 0;
    if (vips_image_get_typeof(image, VIPS_META_ICC_NAME))
        assert_int_equal(vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &size), 0);
    return size;
}

/** A photo in a wide colour space keeps its values and its profile; the network sees it in sRGB. */
static void test_profile(void **state)
{
    (void)state;
    VipsImage *photo = open_picture("photo.png"), *wide = NULL;
    VipsBlob *p3 = NULL;
    size_t size;
    assert_int_equal(vips_profile_load("p3", &p3, NULL), 0);
    const void *bytes = vips_blob_get(p3, &size);
    assert_int_equal(vips_copy(photo, &wide, NULL), 0);
    vips_image_set_blob_copy(wide, VIPS_META_ICC_NAME, bytes, size);
    save(wide, "wide.png");
    const char *const outs[] = {"out.png", "out.tif", "out.webp"};
    struct pixels plain = matted("photo.png", "mask.png", "plain.png", NULL, NULL);
    for (size_t i = 0; i < sizeof outs / sizeof *outs; i++) {
        struct pixels got = matted("wide.png", "mask.png", outs[i], NULL, NULL);
        int moved = 0;
        for (int k = 0; k < W * H; k++) {
            if (got.values[4 * k + 3])
                assert_memory_equal(got.values + 4 * k, plain.values + 4 * k, 3);
            moved += got.values[4 * k + 3] != plain.values[4 * k + 3];
        }
        assert_true(moved > 0); /* the network saw other colours */
        VipsImage *out = open_picture(outs[i]);
        assert_int_equal(profile_size(out), size);
        g_object_unref(out);
        free(got.values);
    }
    struct pixels alone = matted("wide.png", "mask.png", "alone.png", "--alpha-only", NULL);
    VipsImage *out = open_picture("alone.png"), *untagged = open_picture("plain.png");
    assert_int_equal(profile_size(out), 0); /* a matte is no colour */
    assert_int_equal(profile_size(untagged), 0);
    g_object_unref(out);
    g_object_unref(untagged);
    free(alone.values);
    free(plain.values);
    vips_area_unref(VIPS_AREA(p3));
    g_object_unref(wide);
    g_object_unref(photo);
}

/** A profile that is none is passed over. */
static void test_broken_profile(void **state)
{
    (void)state;
    VipsImage *photo = open_picture("photo.png"), *broken = NULL;
    assert_int_equal(vips_copy(photo, &broken, NULL), 0);
    vips_image_set_blob_copy(broken, VIPS_META_ICC_NAME, "this is no profile at all", 25);
    save(broken, "broken.tif");
    struct pixels want = matted("photo.png", "mask.png", "want.png", NULL, NULL);
    struct pixels got = matted("broken.tif", "mask.png", "got.png", NULL, NULL);
    expect_equal(&got, &want);
    VipsImage *out = open_picture("got.png");
    assert_int_equal(profile_size(out), 0);
    g_object_unref(out);
    free(got.values);
    free(want.values);
    g_object_unref(broken);
    g_object_unref(photo);
}

/** The picture that looks upright once orientation is applied: what a camera stores. */
static void save_turned(VipsImage *upright, int orientation, const char *name)
{
    static const VipsAngle back[] = {VIPS_ANGLE_D0,   VIPS_ANGLE_D0,   VIPS_ANGLE_D0,  VIPS_ANGLE_D180, VIPS_ANGLE_D180,
                                     VIPS_ANGLE_D270, VIPS_ANGLE_D270, VIPS_ANGLE_D90, VIPS_ANGLE_D90};
    const bool mirrored = orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7;
    VipsImage *flipped = NULL, *turned = NULL;
    assert_int_equal(
        mirrored ? vips_flip(upright, &flipped, VIPS_DIRECTION_HORIZONTAL, NULL) : vips_copy(upright, &flipped, NULL), 0);
    assert_int_equal(vips_rot(flipped, &turned, back[orientation], NULL), 0);
    vips_image_set_int(turned, VIPS_META_ORIENTATION, orientation);
    save(turned, name);
    g_object_unref(turned);
    g_object_unref(flipped);
}

/** Photo and mask, stored in every way there is, are put upright alike. */
static void test_orientation(void **state)
{
    (void)state;
    make_picture("upright.png", MOTIF_COLOURS, H, W, 3, 8, 0);
    make_picture("soft.png", MOTIF_SOFT, H, W, 1, 8, 0);
    struct pixels want = matted("upright.png", "soft.png", "want.png", NULL, NULL);
    VipsImage *photo = open_picture("upright.png"), *mask = open_picture("soft.png");
    for (int orientation = 1; orientation <= 8; orientation++) {
        save_turned(photo, orientation, "photo.tif");
        save_turned(mask, 9 - orientation, "mask.tif");
        struct pixels got = matted("photo.tif", "mask.tif", "got.png", NULL, NULL);
        expect_equal(&got, &want);
        free(got.values);
    }
    free(want.values);
    g_object_unref(mask);
    g_object_unref(photo);
}

static struct run piped(const char *in, const char *out, const char *photo, const char *mask, const char *extra)
{
    char from[512], to[512];
    snprintf(from, sizeof from, "%s", in_workshop(in ? in : ""));
    snprintf(to, sizeof to, "%s", in_workshop(out ? out : ""));
    return run_mgm_redirected(in ? from : NULL, out ? to : NULL, "matte", "--foreground", "none", "--keep-hidden",
                              photo ? in_workshop(photo) : "-", mask ? in_workshop(mask) : "-", "-o", "-", "--model",
                              in_workshop("w.safetensors"), "--quiet", extra, NULL);
}

static void test_standard_streams(void **state)
{
    (void)state;
    struct pixels want = matted("photo.png", "mask.png", "want.png", NULL, NULL);
    const char *const extras[] = {NULL, "--format=tiff", "--format=webp"};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        struct run run = piped("photo.png", "got", NULL, "mask.png", extras[i]);
        expect_success(&run);
        struct pixels got = read_pixels("got");
        expect_looks_equal(&got, &want);
        free(got.values);
        run = piped("mask.png", "got", "photo.png", NULL, extras[i]);
        expect_success(&run);
        got = read_pixels("got");
        expect_looks_equal(&got, &want);
        free(got.values);
    }
    free(want.values);
    const int files = count_files();
    struct run run = piped("w.safetensors", NULL, NULL, "mask.png", NULL);
    expect_failure(&run, 1, "standard input: is no picture", files);
    run = piped("photo.png", NULL, NULL, NULL, NULL);
    expect_failure(&run, 2, "only one of photo and mask", files);
    run = piped("photo.png", NULL, NULL, "mask.png", "--json");
    expect_failure(&run, 2, "cannot both go to standard output", files);
    run = piped("photo.png", NULL, NULL, "mask.png", "--format=jpeg");
    expect_failure(&run, 1, "cannot hold transparency", files);
}

/** Formats that not every libvips has, by name and through standard input. */
static void test_newer_formats(void **state)
{
    (void)state;
    static const char *const names[] = {"new.avif", "new.heic", "new.jxl"};
    VipsImage *photo = open_picture("photo.png");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (vips_image_write_to_file(photo, in_workshop(names[i]), NULL) != 0) {
            vips_error_clear();
            continue;
        }
        struct pixels out = matted(names[i], "mask.png", "out.png", NULL, NULL);
        struct run run = piped(names[i], "piped", NULL, "mask.png", NULL);
        expect_success(&run);
        struct pixels through = read_pixels("piped");
        expect_equal(&through, &out);
        free(through.values);
        free(out.values);
        cut_file(names[i], 0.7);
        run = matte(names[i], "mask.png", "none.png", NULL, NULL);
        assert_int_equal(run.status, 1);
        assert_non_null(strstr(run.err, names[i]));
    }
    g_object_unref(photo);
}

static void run_through_pipe(const char *file, const char *out)
{
    char command[2048];
    snprintf(command, sizeof command, "cat '%s' | '%s' matte - '%s' -o - --model '%s' --quiet --foreground none --keep-hidden | cat > '%s'",
             in_workshop(file), getenv("MGM_PROGRAM"), in_workshop("mask.png"), in_workshop("w.safetensors"),
             in_workshop(out));
    assert_int_equal(system(command), 0);
}

/** A pipe, which cannot be read twice; least of all where the file makes libvips warn of something harmless. */
static void test_pipe(void **state)
{
    (void)state;
    VipsImage *photo = open_picture("photo.png");
    save(photo, "photo.tif");
    g_object_unref(photo);
    FILE *file = fopen(in_workshop("photo.tif"), "r+b");
    unsigned char head[8], entries[2];
    assert_non_null(file);
    assert_int_equal(fread(head, 1, 8, file), 8);
    assert_int_equal(fseek(file, (long)(head[4] | head[5] << 8 | head[6] << 16), SEEK_SET), 0);
    assert_int_equal(fread(entries, 1, 2, file), 2);
    assert_int_equal(fseek(file, 12L * (entries[0] - 1), SEEK_CUR), 0);
    assert_int_equal(fwrite("\xe8\xfd", 1, 2, file), 2); /* the last entry becomes a private one, 65000 */
    assert_int_equal(fclose(file), 0);
    struct pixels want = matted("photo.png", "mask.png", "want.png", NULL, NULL);
    static const char *const files[] = {"photo.png", "photo.tif"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        run_through_pipe(files[i], "got");
        struct pixels got = read_pixels("got");
        expect_equal(&got, &want);
        free(got.values);
    }
    free(want.values);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, workshop_close)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_formats_read),
        IN_WORKSHOP(test_formats_written),
        IN_WORKSHOP(test_depth),
        IN_WORKSHOP(test_deep_matte_is_not_rounded),
        IN_WORKSHOP(test_palette),
        IN_WORKSHOP(test_grey_and_transparent),
        IN_WORKSHOP(test_cmyk),
        IN_WORKSHOP(test_profile),
        IN_WORKSHOP(test_broken_profile),
        IN_WORKSHOP(test_orientation),
        IN_WORKSHOP(test_standard_streams),
        IN_WORKSHOP(test_newer_formats),
        IN_WORKSHOP(test_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
