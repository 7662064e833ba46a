/* Pictures that are well-formed but seldom seen, or a little wrong and meant well: their values are what they mean. */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

enum { W = 45, H = 30 };

static int set_up(void **state)
{
    return workshop_open_with_pictures(state, W, H);
}

static struct run matte(const char *photo, const char *mask, const char *out)
{
    return run_mgm("matte", "--foreground", "none", "--keep-hidden", in_workshop(photo), in_workshop(mask), "-o",
                   in_workshop(out), "--model", in_workshop("w.safetensors"), "--quiet", NULL);
}

static struct pixels matted(const char *photo, const char *mask, const char *out)
{
    struct run run = matte(photo, mask, out);
    expect_success(&run);
    return read_pixels(out);
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(in_workshop(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/** A PNM file of one value everywhere. @param wide  two bytes a value */
static void write_pnm(const char *name, int channels, int value, int white, bool wide)
{
    static unsigned char bytes[64 + 6 * W * H];
    int size = snprintf((char *)bytes, 64, "P%d\n%d %d\n%d\n", channels == 3 ? 6 : 5, W, H, white);
    for (int i = 0; i < channels * W * H; i++) {
        if (wide)
            bytes[size++] = (unsigned char)(value >> 8);
        bytes[size++] = (unsigned char)value;
    }
    write_bytes(name, bytes, (size_t)size);
}

/** White is what the file says. Where a mask covers everything alpha is the same as with any other white. */
static void white_is_what_the_file_says(void **state)
{
    (void)state;
    write_pnm("ten.ppm", 3, 1023, 1023, true);
    struct pixels ten = matted("ten.ppm", "mask.png", "ten.png");
    write_pnm("half.ppm", 3, 50, 100, false);
    struct pixels half = matted("half.ppm", "mask.png", "half.png");
    assert_true(ten.bits == 16 && half.bits == 8);
    assert_true(ten.values[0] == 255 && half.values[0] == 128); /* 50 of 100, rounded */
    write_pnm("full.pgm", 1, 255, 255, false);
    write_pnm("one.pgm", 1, 1, 1, false);
    struct pixels want = matted("photo.png", "full.pgm", "want.png"), got = matted("photo.png", "one.pgm", "got.png");
    assert_memory_equal(got.values, want.values, 4 * W * H);
    free(ten.values);
    free(half.values);
    free(want.values);
    free(got.values);
}

/** Grey floats are linear light, as coloured ones are. */
static void grey_floats_are_grey(void **state)
{
    (void)state;
    VipsImage *grey = NULL, *clear = NULL, *both = NULL, *opaque = NULL;
    VipsImage *black = NULL;
    assert_int_equal(vips_black(&black, W, H, NULL), 0);
    assert_int_equal(vips_linear1(black, &grey, 0, 0.5, NULL), 0); /* floats */
    assert_int_equal(vips_linear1(black, &opaque, 0, 1, NULL), 0);
    assert_int_equal(vips_bandjoin2(grey, opaque, &both, NULL), 0);
    assert_int_equal(vips_linear1(both, &clear, 1, 0, NULL), 0);
    assert_int_equal(vips_image_write_to_file(grey, in_workshop("grey.tif"), NULL), 0);
    assert_int_equal(vips_image_write_to_file(clear, in_workshop("clear.tif"), NULL), 0);
    static const char *const names[] = {"grey.tif", "clear.tif"};
    for (int i = 0; i < 2; i++) {
        struct pixels out = matted(names[i], "mask.png", "out.png");
        assert_int_equal(out.bits, 16);
        for (int channel = 0; channel < 3; channel++) /* 0.5 of the light is 0.735 of sRGB's range */
            assert_in_range(out.values[4 * (H / 2 * W + W / 2) + channel], 187, 189);
        free(out.values);
    }
    VipsImage *const all[] = {grey, clear, both, opaque, black};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        g_object_unref(all[i]);
}

/** Some phones write a field of baseline JPEGs wrongly that decoding does not need; what is cut off is damaged all the same.
 */
static void a_phones_jpeg_is_whole(void **state)
{
    (void)state;
    static unsigned char bytes[1 << 16];
    make_picture("phone.jpg", MOTIF_COLOURS, W, H, 3, 8, 0);
    FILE *file = fopen(in_workshop("phone.jpg"), "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    size_t at = size - 2;
    while (at > 0 && !(bytes[at] == 0xff && bytes[at + 1] == 0xda)) /* start of scan */
        at--;
    assert_true(at > 0);
    struct pixels want = matted("phone.jpg", "mask.png", "want.png");
    unsigned char *last_coefficient = &bytes[at + 5 + 2 * bytes[at + 4] + 1];
    assert_int_equal(*last_coefficient, 63);
    *last_coefficient = 0;
    write_bytes("phone.jpg", bytes, size);
    struct pixels got = matted("phone.jpg", "mask.png", "got.png");
    assert_memory_equal(got.values, want.values, 4 * W * H);
    write_bytes("phone.jpg", bytes, at + 40);
    struct run run = matte("phone.jpg", "mask.png", "cut.png");
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "damaged"));
    free(want.values);
    free(got.values);
}

#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, workshop_close)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(white_is_what_the_file_says),
        IN_WORKSHOP(grey_floats_are_grey),
        IN_WORKSHOP(a_phones_jpeg_is_whole),
    };
    (void)argc;
    if (vips_init(argv[0]) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
