/** Pictures that are damaged, absurd, hostile or no pictures: one sentence with the file's name, exit status 1, no result.
 */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vips/vips.h>

enum { W = 40, H = 33 };

static int set_up(void **state)
{
    return workshop_open_with_pictures(state, W, H);
}

static struct run matte(const char *photo, const char *mask)
{
    return run_mgm("matte", in_workshop(photo), in_workshop(mask), "-o", in_workshop("out.png"), "--model",
                   in_workshop("w.safetensors"), "--quiet", "--resize-mask", NULL);
}

/** As photo and as mask. */
static void expect_refused(const char *name, const char *part)
{
    char whole[128];
    const int files = count_files();
    struct run run = matte(name, "mask.png");
    snprintf(whole, sizeof whole, "%s: ", name);
    expect_failure(&run, 1, whole, files);
    expect_failure(&run, 1, part, files);
    run = matte("photo.png", name);
    expect_failure(&run, 1, whole, files);
    expect_failure(&run, 1, part, files);
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(in_workshop(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/** Every format, cut at many places: never a picture that is grey or black in parts. */
static void test_truncated(void **state)
{
    (void)state;
    static const char *const names[] = {
        "cut.png", "cut.jpg", "cut.tif", "cut.tif[compression=deflate]", "cut.webp", "cut.webp[lossless]",
        "cut.gif", "cut.bmp", "cut.ppm"};
    static const double shares[] = {0.1, 0.4, 0.7, 0.9};
    VipsImage *photo = vips_image_new_from_file(in_workshop("photo.png"), NULL);
    assert_non_null(photo);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
            char name[64];
            snprintf(name, sizeof name, "%s", names[i]);
            name[strcspn(name, "[")] = '\0';
            assert_int_equal(vips_image_write_to_file(photo, in_workshop(names[i]), NULL), 0);
            cut_file(name, shares[k]);
            const int files = count_files();
            struct run run = matte(name, "mask.png");
            if (run.status != 1)
                fail_msg("%s, cut at %g: exit status %d", names[i], shares[k], run.status);
            expect_failure(&run, 1, name, files);
            assert_int_equal(remove(in_workshop(name)), 0);
        }
    }
    g_object_unref(photo);
}

/** One byte changed in the middle of what is compressed. */
static void test_damaged(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(stat(in_workshop("photo.png"), &status), 0);
    FILE *file = fopen(in_workshop("photo.png"), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)status.st_size / 2, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    assert_int_equal(fputc(byte ^ 0x55, file), byte ^ 0x55);
    assert_int_equal(fclose(file), 0);
    struct run run = matte("photo.png", "mask.png");
    expect_failure(&run, 1, "photo.png: is no picture that can be read, or is damaged", count_files());
}

/** A PNG file of nothing but a valid header and pixel data without a pixel. */
static void write_png_header(const char *name, const void *sides, const void *checksum)
{
    unsigned char bytes[45] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
    memcpy(bytes + 16, sides, 8);
    memcpy(bytes + 24, "\x08\x02\0\0\0", 5); /* 8 bit, RGB */
    memcpy(bytes + 29, checksum, 4);
    memcpy(bytes + 33, "\0\0\0\0IDAT\x35\xaf\x06\x1e", 12);
    write_bytes(name, bytes, sizeof bytes);
}

static void test_absurd_sizes(void **state)
{
    (void)state;
    /* a small file that would unfold to 30 GB: refused by its header */
    write_png_header("bomb.png", "\0\x01\x86\xa0\0\x01\x86\xa0", "\x27\x30\x9c\x9f");
    expect_refused("bomb.png", "100000×100000 pixels; pictures of at most 512 million");
    write_png_header("huge.png", "\x77\x35\x94\0\x77\x35\x94\0", "\xd4\x42\xf3\x71");
    expect_refused("huge.png", "is no picture that can be read, or is damaged");
    write_png_header("none.png", "\0\0\0\0\0\0\0\x05", "\xe4\x24\x7a\xf6");
    expect_refused("none.png", "is no picture that can be read, or is damaged");
    /* within the limit, but nothing behind the header */
    write_png_header("hollow.png", "\0\0\x4e\x20\0\0\x3a\x98", "\x82\xac\xb4\x4e");
    expect_refused("hollow.png", "is no picture that can be read, or is damaged");
}

/** A real one: a picture of 700 million pixels in a file of less than a megabyte. */
static void test_decompression_bomb(void **state)
{
    (void)state;
    VipsImage *black = NULL;
    assert_int_equal(vips_black(&black, 28000, 25000, NULL), 0);
    if (vips_pngsave(black, in_workshop("bomb.png"), "bitdepth", 1, NULL) != 0)
        fail_msg("%s", vips_error_buffer());
    g_object_unref(black);
    struct stat status;
    assert_int_equal(stat(in_workshop("bomb.png"), &status), 0);
    assert_true(status.st_size < 1000000);
    expect_refused("bomb.png", "28000×25000 pixels; pictures of at most 512 million");
}

/** Kinds of files that run interpreters or were not made for strangers' files. */
static void test_no_pictures(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *part;
    } cases[] = {
        {"drawing.svg",
         "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"33\"><rect width=\"9\" height=\"9\"/></svg>"},
        {"drawing.png",
         "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"33\"></svg>"},
        {"script.mvg",
         "push graphic-context\nviewbox 0 0 40 33\nimage over 0,0 0,0 'text:/etc/passwd'\npop graphic-context\n"},
        {"script.png", "push graphic-context\nviewbox 0 0 40 33\nfill 'url(https://example.com/x)'\npop graphic-context\n"},
        {"page.pdf", "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"},
        {"page.ps", "%!PS-Adobe-3.0\n%%BoundingBox: 0 0 40 33\nshowpage\n"},
        {"matrix.txt", "2 2\n0 255\n255 0\n"},
        {"table.csv", "0,255\n255,0\n"},
        {"letter.jpg", "Dear Sir or Madam,\n"},
        {"bitmap.bmp", "BM, which is how a BMP begins, but it goes on otherwise", "pictures of at most 512 million pixels"},
        {"short.bmp", "BM, and little more"},
        {"empty.png", "", "is empty, not a picture"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(cases[i].name, cases[i].text);
        expect_refused(cases[i].name, cases[i].part ? cases[i].part : "is no picture that can be read");
        assert_int_equal(remove(in_workshop(cases[i].name)), 0);
    }
}

/** Numbers of which nobody can say what they mean. */
static void test_odd_numbers(void **state)
{
    (void)state;
    VipsImage *photo = vips_image_new_from_file(in_workshop("photo.png"), NULL), *whole = NULL, *real = NULL;
    assert_non_null(photo);
    assert_int_equal(vips_cast(photo, &whole, VIPS_FORMAT_UINT, NULL) | vips_cast(photo, &real, VIPS_FORMAT_FLOAT, NULL), 0);
    assert_int_equal(
        vips_tiffsave(whole, in_workshop("whole.tif"), NULL) | vips_tiffsave(real, in_workshop("real.tif"), NULL), 0);
    expect_refused("whole.tif", "stored as uint; 8 or 16 bit without sign, or floats, are read");
    struct run run = matte("photo.png", "real.tif");
    expect_failure(&run, 1, "its values go up to 255, but floats are taken as 0 to 1", count_files());
    g_object_unref(real);
    g_object_unref(whole);
    g_object_unref(photo);
}

/** What is no file at all, and would never end. */
static void test_devices(void **state)
{
    (void)state;
    const int files = count_files();
    struct run run = run_mgm("matte", in_workshop("photo.png"), "/dev/zero", "-o", in_workshop("out.png"), "--model",
                             in_workshop("w.safetensors"), NULL);
    expect_failure(&run, 1, "/dev/zero: is a device, not a picture", files);
    run = run_mgm_redirected("/dev/zero", NULL, "matte", "-", in_workshop("mask.png"), "-o", in_workshop("out.png"),
                             "--model", in_workshop("w.safetensors"), NULL);
    expect_failure(&run, 1, "standard input: is a device, not a picture", files);
}

/** A black mask that is opaque everywhere is empty, whatever its alpha. */
static void test_opaque_black_mask(void **state)
{
    (void)state;
    VipsImage *black = NULL, *opaque = NULL;
    assert_int_equal(vips_black(&black, W, H, "bands", 3, NULL) | vips_bandjoin_const1(black, &opaque, 255, NULL), 0);
    VipsImage *tagged = NULL;
    assert_int_equal(vips_copy(opaque, &tagged, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    assert_int_equal(vips_pngsave(tagged, in_workshop("black.png"), NULL), 0);
    g_object_unref(tagged);
    g_object_unref(opaque);
    g_object_unref(black);
    struct run run = matte("photo.png", "black.png");
    expect_failure(&run, 1, "the mask is empty", count_files());
}

/** A format that cannot hold the result's size says so before the network runs. */
static void test_result_too_large_for_format(void **state)
{
    (void)state;
    VipsImage *photo = NULL, *mask = NULL, *white = NULL;
    assert_int_equal(vips_black(&photo, 16384, 1, "bands", 3, NULL), 0);
    assert_int_equal(vips_black(&mask, 16384, 1, NULL), 0);
    assert_int_equal(vips_invert(mask, &white, NULL), 0);
    assert_int_equal(
        vips_pngsave(photo, in_workshop("wide.png"), NULL) | vips_pngsave(white, in_workshop("white.png"), NULL), 0);
    g_object_unref(white);
    g_object_unref(mask);
    g_object_unref(photo);
    struct run run = run_mgm("matte", in_workshop("wide.png"), in_workshop("white.png"), "-o", in_workshop("out.webp"),
                             "--model", in_workshop("w.safetensors"), NULL);
    expect_failure(&run, 1, "16384×1 pixels are more than a webp file can hold", count_files());
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, workshop_close)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_truncated),
        IN_WORKSHOP(test_damaged),
        IN_WORKSHOP(test_absurd_sizes),
        IN_WORKSHOP(test_decompression_bomb),
        IN_WORKSHOP(test_no_pictures),
        IN_WORKSHOP(test_odd_numbers),
        IN_WORKSHOP(test_devices),
        IN_WORKSHOP(test_opaque_black_mask),
        IN_WORKSHOP(test_result_too_large_for_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
