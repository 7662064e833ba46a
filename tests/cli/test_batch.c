/** mgm matte on many photos: masks by name, failures that are named and stop nobody, what is there already. */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { W = 20, H = 16 };

static int set_up(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    make_weights("w.safetensors", 0.125, true);
    return mkdir(in_workshop("photos"), 0777) | mkdir(in_workshop("masks"), 0777);
}

static struct run matte_all(const char *extra, const char *value)
{
    return run_mgm("matte", in_workshop("photos"), in_workshop("masks"), "-o", in_workshop("out"), "--model",
                   in_workshop("w.safetensors"), extra, value, NULL);
}

static void make_pair(const char *name, const char *photo_extension, const char *mask_extension)
{
    char path[128];
    snprintf(path, sizeof path, "photos/%s.%s", name, photo_extension);
    make_picture(path, MOTIF_COLOURS, W, H, 3, 8, 0);
    snprintf(path, sizeof path, "masks/%s.%s", name, mask_extension);
    make_picture(path, MOTIF_DISC, W, H, 1, 8, 0);
}

static int count_lines(const char *text, const char *start)
{
    int count = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        count += strncmp(line, start, strlen(start)) == 0;
    return count;
}

static void expect_line_about(const struct run *run, const char *file, const char *what)
{
    const char *at = strstr(run->err, file);
    const char *end = at ? strchr(at, '\n') : NULL;
    const char *reason = at ? strstr(at, what) : NULL;
    if (!reason || !end || reason > end)
        fail_msg("no line with '%s' and '%s' in: %s", file, what, run->err);
}

/** Ten photos that are broken, each in a way of its own. */
static void break_ten(void)
{
    make_pair("p001", "png", "png");
    cut_file("photos/p001.png", 0.6);
    make_pair("p002", "jpg", "png");
    cut_file("photos/p002.jpg", 0.5);
    write_text("photos/p003.jpg", "");
    write_text("photos/p004.tif", "this is a letter, not a picture");
    make_picture("photos/p005.webp", MOTIF_COLOURS, W, H, 3, 8, 0); /* without a mask */
    make_pair("p006", "png", "png");
    make_picture("masks/p006.png", MOTIF_DISC, W + 1, H, 1, 8, 0);
    make_pair("p007", "png", "png");
    make_picture("masks/p007.png", MOTIF_EMPTY, W, H, 1, 8, 0);
    make_pair("p008", "png", "png");
    cut_file("masks/p008.png", 0.4);
    make_pair("p009", "png", "png");
    make_picture("masks/p009.tif", MOTIF_DISC, W, H, 1, 8, 0); /* two masks */
    write_text("photos/p010.png", "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>");
    make_picture("masks/p010.png", MOTIF_DISC, W, H, 1, 8, 0);
}

/** 200 photos, ten of which are broken: 190 cutouts, ten sentences, exit status 1. */
static void test_mixed_folder(void **state)
{
    (void)state;
    static const char *const kinds[] = {"png", "jpg", "tif", "webp", "PNG", "jpeg"};
    const int good = 190;
    char name[32];
    break_ten();
    make_picture("masks/p003.png", MOTIF_DISC, W, H, 1, 8, 0);
    make_picture("masks/p004.png", MOTIF_DISC, W, H, 1, 8, 0);
    write_text("photos/notes.txt", "no picture, and none by its name either");
    for (int i = 0; i < good; i++) {
        snprintf(name, sizeof name, "q%03d", i);
        make_pair(name, kinds[i % 6], kinds[i / 6 % 4]);
    }
    struct run run = matte_all("--quiet", NULL);
    assert_int_equal(run.status, 1);
    assert_int_equal(count_files_in("out"), good);
    assert_int_equal(count_lines(run.err, "mgm matte: "), 10);
    assert_int_equal(count_lines(run.err, ""), 10);
    expect_line_about(&run, "photos/p001.png", "damaged");
    expect_line_about(&run, "photos/p002.jpg", "damaged");
    expect_line_about(&run, "photos/p003.jpg", "is empty");
    expect_line_about(&run, "photos/p004.tif", "is no picture");
    expect_line_about(&run, "photos/p005.webp", "has no mask");
    expect_line_about(&run, "masks/p006.png", "21×16 pixels");
    expect_line_about(&run, "photos/p007.png", "the mask is empty");
    expect_line_about(&run, "masks/p008.png", "damaged");
    expect_line_about(&run, "photos/p009.png", "which is meant?");
    expect_line_about(&run, "photos/p010.png", "is no picture");
}

/** The result of a batch is that of single runs. */
static void test_same_as_single(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    make_picture("photos/b.png", MOTIF_SOFT, 40, 70, 3, 16, 0);
    make_picture("masks/b.png", MOTIF_TRIMAP, 40, 70, 1, 8, 0);
    make_pair("c", "png", "png");
    struct run run = matte_all("--format", "tiff");
    expect_success(&run);
    assert_int_equal(count_files_in("out"), 3);
    for (char name = 'a'; name <= 'c'; name++) {
        char photo[32], mask[32], out[32];
        snprintf(photo, sizeof photo, "photos/%c.png", name);
        snprintf(mask, sizeof mask, "masks/%c.png", name);
        snprintf(out, sizeof out, "out/%c.tif", name);
        run = run_mgm("matte", in_workshop(photo), in_workshop(mask), "-o", in_workshop("single.tif"), "--model",
                      in_workshop("w.safetensors"), NULL);
        expect_success(&run);
        struct pixels want = read_pixels("single.tif"), got = read_pixels(out);
        assert_true(got.width == want.width && got.height == want.height && got.bits == want.bits);
        assert_memory_equal(got.values, want.values, (size_t)(want.width * want.height * 4));
        free(want.values);
        free(got.values);
    }
}

static void test_skip_existing(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    make_pair("b", "png", "png");
    assert_int_equal(mkdir(in_workshop("out"), 0777), 0);
    make_picture("out/a.png", MOTIF_DISC, 5, 5, 1, 8, 0);
    struct run run = matte_all("--skip-existing", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.err, "1 of 2 cut out, 1 there already"));
    struct pixels kept = read_pixels("out/a.png"), made = read_pixels("out/b.png");
    assert_true(kept.width == 5 && made.width == W);
    free(kept.values);
    free(made.values);
    run = matte_all("--quiet", NULL);
    expect_success(&run);
    kept = read_pixels("out/a.png");
    assert_int_equal(kept.width, W);
    free(kept.values);
}

/** One object a line, for every photo. */
static void test_json_lines(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    make_pair("b", "png", "png");
    write_text("photos/b.png", "broken");
    struct run run = matte_all("--json", "--quiet");
    assert_int_equal(run.status, 1);
    char *second = strchr(run.out, '\n');
    assert_non_null(second);
    *second++ = '\0';
    cJSON *first = cJSON_Parse(run.out), *other = cJSON_Parse(second);
    assert_true(first && other);
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(first, "output")), "out/a.png"));
    assert_true(number_in(first, "width") == W);
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(other, "photo")), "photos/b.png"));
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(other, "error")), "is no picture"));
    cJSON_Delete(first);
    cJSON_Delete(other);
}

/** Photos one by one and folders, together; two of one name would overwrite each other. */
static void test_several_photos(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    make_pair("b", "png", "png");
    make_picture("c.jpg", MOTIF_COLOURS, W, H, 3, 8, 0);
    make_picture("masks/c.png", MOTIF_DISC, W, H, 1, 8, 0);
    make_picture("a.jpg", MOTIF_COLOURS, W, H, 3, 8, 0);
    struct run run = run_mgm("matte", in_workshop("c.jpg"), in_workshop("photos"), in_workshop("masks"), "-o",
                             in_workshop("out"), "--model", in_workshop("w.safetensors"), NULL);
    expect_success(&run);
    assert_int_equal(count_files_in("out"), 3);
    run = run_mgm("matte", in_workshop("a.jpg"), in_workshop("photos"), in_workshop("masks"), "-o", in_workshop("new"),
                  "--model", in_workshop("w.safetensors"), "--quiet", NULL);
    assert_int_equal(run.status, 1);
    assert_int_equal(count_lines(run.err, "mgm matte: "), 2);
    expect_line_about(&run, "a.jpg", "would both become");
    expect_line_about(&run, "photos/a.png", "would both become");
    assert_int_equal(count_files_in("new"), 1);
}

static void test_what_stops_everything(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    const int files = count_files();
    struct run run = matte_all("--format", "jpeg");
    expect_failure(&run, 1, "cannot hold transparency", files);
    run = matte_all("--format", "webp");
    expect_success(&run);
    write_text("file", "");
    run = run_mgm("matte", in_workshop("photos"), in_workshop("masks"), "-o", in_workshop("file"), NULL);
    expect_failure(&run, 1, "file: is a file, but a folder was expected", files + 2);
    run = run_mgm("matte", in_workshop("photos"), in_workshop("masks"), "-o", in_workshop("no/such"), NULL);
    expect_failure(&run, 1, "no/such: this folder cannot be made", files + 2);
    run = run_mgm("matte", in_workshop("photos"), in_workshop("masks"), "-o", "-", NULL);
    expect_failure(&run, 2, "- stands for one file", files + 2);
    run = run_mgm("matte", in_workshop("photos"), in_workshop("file"), "-o", in_workshop("x"), NULL);
    expect_failure(&run, 2, "need a folder of masks", files + 2);
    assert_int_equal(remove(in_workshop("masks/a.png")), 0);
    run = matte_all(NULL, NULL);
    expect_failure(&run, 1, "there are no pictures in it", files + 2);
}

/** What is there already is no success of photos that exclude each other, nor is a folder a result. */
static void test_skip_existing_is_no_excuse(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    make_picture("photos/a.jpg", MOTIF_COLOURS, W, H, 3, 8, 0);
    assert_int_equal(mkdir(in_workshop("out"), 0777), 0);
    make_picture("out/a.png", MOTIF_DISC, 5, 5, 1, 8, 0);
    struct run run = matte_all("--skip-existing", "--quiet");
    assert_int_equal(run.status, 1);
    assert_int_equal(count_lines(run.err, "mgm matte: "), 2);
}

/** Folders without photos, files that are hidden or no files, photos that are not there. */
static void test_odd_folders(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    write_text("photos/._a.png", "what another system keeps beside a picture");
    assert_int_equal(mkfifo(in_workshop("photos/pipe.png"), 0666), 0);
    make_picture("masks/pipe.png", MOTIF_DISC, W, H, 1, 8, 0);
    assert_int_equal(mkdir(in_workshop("empty"), 0777), 0);
    struct run run =
        run_mgm("matte", in_workshop("empty"), in_workshop("photos"), in_workshop("none.png"), in_workshop("masks"), "-o",
                in_workshop("out"), "--model", in_workshop("w.safetensors"), "--quiet", NULL);
    assert_int_equal(run.status, 1);
    assert_int_equal(count_lines(run.err, "mgm matte: "), 3);
    expect_line_about(&run, "empty: ", "there are no pictures in it");
    expect_line_about(&run, "photos/pipe.png", "is no ordinary file");
    expect_line_about(&run, "none.png", "cannot be read: No such file");
    assert_int_equal(count_files_in("out"), 1);
}

/** Reading and writing the same file is never meant. */
static void test_no_input_is_overwritten(void **state)
{
    (void)state;
    make_pair("a", "png", "png");
    struct run run = run_mgm("matte", in_workshop("photos"), in_workshop("masks"), "-o", in_workshop("photos"), "--model",
                             in_workshop("w.safetensors"), NULL);
    assert_int_equal(run.status, 1);
    expect_line_about(&run, "photos/a.png", "would be overwritten");
    run = run_mgm("matte", in_workshop("photos/a.png"), in_workshop("masks/a.png"), "-o", in_workshop("masks/a.png"),
                  "--model", in_workshop("w.safetensors"), NULL);
    assert_int_equal(run.status, 1);
    expect_line_about(&run, "masks/a.png", "would be overwritten");
    char photo_path[512];
    snprintf(photo_path, sizeof photo_path, "%s", in_workshop("photos/a.png"));
    run = run_mgm_redirected(photo_path, NULL, "matte", "-", in_workshop("masks/a.png"), "-o", photo_path, "--model",
                             in_workshop("w.safetensors"), NULL);
    assert_int_equal(run.status, 1);
    expect_line_about(&run, "photos/a.png", "would be overwritten");
    run = run_mgm("guidance", in_workshop("masks/a.png"), "-o", in_workshop("masks"), "--kind", "trimap", NULL);
    assert_int_equal(run.status, 1);
    expect_line_about(&run, "masks/a.png", "would be overwritten");
    struct pixels photo = read_pixels("photos/a.png");
    assert_int_equal(photo.channels, 3);
    free(photo.values);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, workshop_close)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_mixed_folder),
        IN_WORKSHOP(test_same_as_single),
        IN_WORKSHOP(test_skip_existing),
        IN_WORKSHOP(test_json_lines),
        IN_WORKSHOP(test_several_photos),
        IN_WORKSHOP(test_what_stops_everything),
        IN_WORKSHOP(test_skip_existing_is_no_excuse),
        IN_WORKSHOP(test_odd_folders),
        IN_WORKSHOP(test_no_input_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
