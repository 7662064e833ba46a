/** Bad input: a sentence that says what is wrong, the right exit status, and no file left behind. */
#include "workshop.h"

#include "weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int files;

static int set_up(void **state)
{
    if (workshop_open_with_pictures(state, 48, 40) != 0)
        return -1;
    files = count_files();
    return 0;
}

static struct run matte(const char *photo, const char *mask, const char *out, const char *weights)
{
    return run_mgm("matte", in_workshop(photo), in_workshop(mask), "-o", out, "--model", in_workshop(weights), NULL);
}

static void test_mask_of_another_size(void **state)
{
    (void)state;
    make_picture("other.png", MOTIF_DISC, 30, 40, 1, 8, 0);
    struct run run = matte("photo.png", "other.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "30×40", files + 1);
    expect_failure(&run, 1, "48×40", files + 1);
    expect_failure(&run, 1, "--resize-mask", files + 1);
}

static void test_empty_mask(void **state)
{
    (void)state;
    make_picture("empty.png", MOTIF_EMPTY, 48, 40, 1, 8, 0);
    struct run run = matte("photo.png", "empty.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "the mask is empty", files + 1);
}

static void test_unreadable_pictures(void **state)
{
    (void)state;
    struct run run = matte("nothing.png", "mask.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "nothing.png: cannot be read: No such file", files);
    run = matte("w.safetensors", "mask.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "w.safetensors: is no picture", files);
    run = matte("", "mask.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 2, "need a folder of masks as the last argument", files);
    make_picture("photo.jpg", MOTIF_COLOURS, 48, 40, 3, 8, 0);
    cut_file("photo.jpg", 0.5);
    run = matte("photo.jpg", "mask.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "photo.jpg: is no picture that can be read, or is damaged", files + 1);
    cut_file("photo.png", 0.5);
    run = matte("photo.png", "mask.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "photo.png: is no picture that can be read, or is damaged", files + 1);
}

static void test_truncated_mask(void **state)
{
    (void)state;
    cut_file("mask.png", 0.6);
    struct run run = matte("photo.png", "mask.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "mask.png: is no picture that can be read, or is damaged", files);
}

static void test_bad_weights(void **state)
{
    (void)state;
    struct mgm_context *ctx = NULL;
    const float value = 1;
    const struct mgm_tensor_source foreign = {"embedding.weight", MGM_DTYPE_F32, 1, {1}, &value};
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(mgm_safetensors_write(ctx, in_workshop("foreign.safetensors"), &foreign, 1, NULL, 0), MGM_OK);
    mgm_context_destroy(&ctx);
    struct run run = matte("photo.png", "mask.png", in_workshop("out.png"), "foreign.safetensors");
    expect_failure(&run, 1, "tensor '", files + 1);
    run = matte("photo.png", "mask.png", in_workshop("out.png"), "missing.safetensors");
    expect_failure(&run, 1, "missing.safetensors", files + 1);
    cut_file("w.safetensors", 0.7);
    run = matte("photo.png", "mask.png", in_workshop("out.png"), "w.safetensors");
    expect_failure(&run, 1, "w.safetensors", files + 1);
}

static void test_unwritable_output(void **state)
{
    (void)state;
    struct run run = matte("photo.png", "mask.png", in_workshop("no/such/out.png"), "w.safetensors");
    expect_failure(&run, 1, "out.png: cannot be written: No such file", files);
    assert_int_equal(mkdir(in_workshop("taken.png"), 0777), 0);
    run = matte("photo.png", "mask.png", in_workshop("taken.png"), "w.safetensors");
    expect_failure(&run, 1, "taken.png: cannot be written", files + 1);
    run = matte("photo.png", "mask.png", in_workshop("out.jpg"), "w.safetensors");
    expect_failure(&run, 1, "cannot hold transparency", files + 1);
    run = matte("photo.png", "mask.png", in_workshop("out.tga"), "w.safetensors");
    expect_failure(&run, 1, "must end in .png, .tif, .webp, .exr or .jpg", files + 1);
}

/** As when the disk is full: what could not be written whole is not there at all, and an older result stays. */
static void test_full_disk(void **state)
{
    (void)state;
    for (int older = 0; older < 2; older++) {
        if (older)
            make_picture("out.png", MOTIF_DISC, 5, 5, 1, 8, 0);
        struct run run = run_mgm_limited(1000, "matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o",
                                         in_workshop("out.png"), "--model", in_workshop("w.safetensors"), NULL);
        expect_failure(&run, 1, "out.png: writing failed", files + older);
    }
    struct pixels kept = read_pixels("out.png");
    assert_int_equal(kept.width, 5);
    free(kept.values);
}

/** Devices and folders that take no file, whatever the rights; results and reports that go to a full standard output. */
static void test_nowhere_to_write(void **state)
{
    (void)state;
    struct run run = matte("photo.png", "mask.png", "/dev/full", "w.safetensors");
    expect_failure(&run, 1, "/dev/full: the name of a picture to write must end in", files);
    run = matte("photo.png", "mask.png", "/proc/out.png", "w.safetensors");
    expect_failure(&run, 1, "/proc/out.png: cannot be written", files);
    run = run_mgm("convert", in_workshop("w.safetensors"), "/proc/out.safetensors", NULL);
    expect_failure(&run, 1, "/proc/out.safetensors: cannot be written", files);
    run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"), "--model",
                  in_workshop("w.safetensors"), "--depth=16", "--reference", "--format=jpeg", NULL);
    expect_failure(&run, 1, "a jpeg file's name must end in .jpg", files);
    run = run_mgm_redirected(NULL, "/dev/full", "matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", "-",
                             "--model", in_workshop("w.safetensors"), NULL);
    expect_failure(&run, 1, "standard output: writing failed: No space left", files);
    run = run_mgm_redirected(NULL, "/dev/full", "info", in_workshop("w.safetensors"), NULL);
    expect_failure(&run, 1, "could not be written to standard output: No space left", files);
    static const char *const texts[] = {"help", "--help", "--version"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        run = run_mgm_redirected(NULL, "/dev/full", texts[i], NULL);
        expect_failure(&run, 1, "could not be written to standard output", files);
    }
    run = run_mgm_redirected(NULL, "/dev/full", "matte", "--help", NULL);
    expect_failure(&run, 1, "could not be written to standard output", files);
}

/** A name of the longest length is possible; a longer one is refused before any work. */
static void test_long_names(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'n', sizeof name);
    memcpy(name + 251, ".png", 5);
    struct run run = matte("photo.png", "mask.png", in_workshop(name), "w.safetensors");
    expect_success(&run);
    assert_int_equal(count_files(), files + 1);
    memcpy(name + 252, ".png", 5);
    name[251] = 'n';
    run = matte("photo.png", "mask.png", in_workshop(name), "no-weights.safetensors");
    expect_failure(&run, 1, "no-weights.safetensors", files + 1);
    run = matte("photo.png", "mask.png", in_workshop(name), "w.safetensors");
    expect_failure(&run, 1, "cannot be written: File name too long", files + 1);
}

/** With its streams closed, the program must not write its messages into what it has opened. */
static void test_closed_streams(void **state)
{
    (void)state;
    char command[2048];
    static const char *const ways[] = {"-o out.png", "-o out.png --json", "-o -"}; /* the last two have something to say */
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(command, sizeof command, "cd '%s' && '%s' matte photo.png mask.png %s --model w.safetensors <&- >&- 2>&-",
                 in_workshop("."), getenv("MGM_PROGRAM"), ways[i]);
        const int status = system(command);
        assert_int_equal(WEXITSTATUS(status), i ? 1 : 0);
        if (i == 2)
            break;
        struct pixels out = read_pixels("out.png");
        assert_int_equal(out.width, 48);
        free(out.values);
    }
}

static void test_wrong_command_lines(void **state)
{
    (void)state;
    const struct {
        const char *arguments[6], *message;
    } cases[] = {
        {{"paint"}, "there is no command 'paint'"},
        {{"matte"}, "--output OUT is missing"},
        {{"matte", "-o", "x.png"}, "nothing was named"},
        {{"matte", "a.png", "-o", "x.png"}, "missing after 'a.png'"},
        {{"matte", "a", "b", "c", "--output=x.png"}, "a folder of masks as the last argument, which 'c' is not"},
        {{"matte", "a", "b", "-o"}, "-o needs a value"},
        {{"matte", "--shiny", "a", "b"}, "there is no option --shiny"},
        {{"matte", "-z", "a", "b"}, "there is no option -z"},
        {{"matte", "--json=1", "a", "b"}, "--json takes no value"},
        {{"matte", "--threads", "many", "a", "b"}, "--threads takes a whole number"},
        {{"matte", "--threads", "-1", "a", "b"}, "--threads takes a whole number"},
        {{"matte", "a", "b", "-ox.png", "--guidance=scribble"}, "not 'scribble'"},
        {{"help", "paint"}, "there is no command 'paint'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *a = cases[i].arguments;
        struct run run = run_mgm(a[0], a[1], a[2], a[3], a[4], a[5], NULL);
        expect_failure(&run, 2, cases[i].message, files);
    }
}

static void test_default_model_missing(void **state)
{
    (void)state;
    setenv("MGM_MODELS", in_workshop("nowhere"), 1);
    struct run run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"), NULL);
    expect_failure(&run, 1, "no model was named with --model", files);
    expect_failure(&run, 1, in_workshop("nowhere"), files);
    assert_int_equal(rename(in_workshop("w.safetensors"), in_workshop("small.safetensors")), 0);
    setenv("MGM_MODELS", in_workshop(""), 1);
    run = run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"), NULL);
    unsetenv("MGM_MODELS");
    expect_success(&run);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, workshop_close)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_mask_of_another_size),
        IN_WORKSHOP(test_empty_mask),
        IN_WORKSHOP(test_unreadable_pictures),
        IN_WORKSHOP(test_truncated_mask),
        IN_WORKSHOP(test_bad_weights),
        IN_WORKSHOP(test_unwritable_output),
        IN_WORKSHOP(test_full_disk),
        IN_WORKSHOP(test_nowhere_to_write),
        IN_WORKSHOP(test_long_names),
        IN_WORKSHOP(test_closed_streams),
        IN_WORKSHOP(test_wrong_command_lines),
        IN_WORKSHOP(test_default_model_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
