/* mgm synth: what it writes from a few photographs, and how it fails. */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int open_with_photos(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    mkdir(in_workshop("data"), 0777);
    mkdir(in_workshop("data/photos"), 0777);
    make_picture("data/photos/a.png", MOTIF_COLOURS, 90, 70, 3, 8, 0);
    make_picture("data/photos/b.jpg", MOTIF_SOFT, 80, 100, 3, 8, 0);
    return 0;
}

static void test_series_is_repeated(void **state)
{
    (void)state;
    static const char *const folders[] = {"one", "two"};
    struct pixels alphas[2];
    for (int i = 0; i < 2; i++) {
        struct run run = run_mgm("synth", "--data", in_workshop("data"), "--seed", "5", "--count", "2", "--size", "64",
                                 "--kind", "solid", "--sheet", in_workshop(folders[i]), NULL);
        expect_success(&run);
        assert_string_equal(run.out, "0000 solid\n0001 solid\n");
        alphas[i] = read_pixels(i ? "two/0001_alpha.png" : "one/0001_alpha.png");
    }
    const size_t count = 64 * 64;
    assert_true(alphas[0].width == 64 && alphas[0].height == 64 && alphas[0].channels == 1);
    assert_memory_equal(alphas[0].values, alphas[1].values, count);
    assert_non_null(memchr(alphas[0].values, 0, count));
    assert_non_null(memchr(alphas[0].values, 255, count));

    /* the preview is the foreground over something: where alpha is full, it is the foreground's colour */
    struct pixels fg = read_pixels("one/0001_fg.png"), preview = read_pixels("one/0001_preview.png");
    assert_true(fg.channels == 3 && preview.channels == 3);
    for (size_t i = 0; i < count; i++)
        if (alphas[0].values[i] == 255)
            assert_memory_equal(fg.values + 3 * i, preview.values + 3 * i, 3);
    struct pixels sheet = read_pixels("one/sheet.png");
    assert_true(sheet.width == 8 * 256 && sheet.height == 256);
    for (int i = 0; i < 2; i++)
        free(alphas[i].values);
    free(fg.values);
    free(preview.values);
    free(sheet.values);
}

static void test_bad_data(void **state)
{
    (void)state;
    const int files = count_files();
    struct run run = run_mgm("synth", in_workshop("out"), NULL);
    expect_failure(&run, 2, "--data DATA is missing", files);
    run = run_mgm("synth", "--data", in_workshop("nowhere"), in_workshop("out"), NULL);
    expect_failure(&run, 1, "nowhere/photos: this folder cannot be read: No such file", files);
    run = run_mgm("synth", "--data", in_workshop("data"), "--kind", "cat", in_workshop("out"), NULL);
    expect_failure(&run, 2,
                   "--kind takes groom, fur, hair, solid, plant, lattice, feather, glass, card or object, not 'cat'", files);

    cut_file("data/photos/a.png", 0.5);
    run = run_mgm("synth", "--data", in_workshop("data"), in_workshop("out"), NULL);
    expect_failure(&run, 1, "a.png: is no picture that can be read, or is damaged", files);
    assert_int_equal(remove(in_workshop("data/photos/a.png")), 0);
    assert_int_equal(remove(in_workshop("data/photos/b.jpg")), 0);
    run = run_mgm("synth", "--data", in_workshop("data"), in_workshop("out"), NULL);
    expect_failure(&run, 1, "data/photos: holds no pictures", files);
}

/** A card of any name becomes hair; one on which nothing is visible leaves the head bare. */
static void test_cards(void **state)
{
    (void)state;
    static const enum motif motifs[] = {MOTIF_SOFT, MOTIF_EMPTY};
    struct pixels drawn[2];
    mkdir(in_workshop("data/cards"), 0777);
    for (int i = 0; i < 2; i++) {
        make_picture("data/cards/lock.png", motifs[i], 30, 20, 4, 8, 0);
        struct run run =
            run_mgm("synth", "--data", in_workshop("data"), "--size", "64", "--kind", "card", in_workshop("out"), NULL);
        expect_success(&run);
        drawn[i] = read_pixels("out/0000_fg.png");
    }
    assert_memory_not_equal(drawn[0].values, drawn[1].values, 64 * 64 * 3);
    free(drawn[0].values);
    free(drawn[1].values);
}

static void test_long_names_are_not_passed_over(void **state)
{
    (void)state;
    char name[128] = "data/photos/";
    memset(name + strlen(name), 'x', 70);
    strcat(name, ".png");
    make_picture(name, MOTIF_COLOURS, 20, 20, 3, 8, 0);
    const int files = count_files();
    struct run run = run_mgm("synth", "--data", in_workshop("data"), in_workshop("out"), NULL);
    expect_failure(&run, 1, "x.png: the name is longer than 63 bytes", files);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_photos, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_series_is_repeated),
        TEST(test_bad_data),
        TEST(test_cards),
        TEST(test_long_names_are_not_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
