/* mgm eval --protocol: tiny data sets in the layouts in which they are handed out, from the folder to the tables. */
#include "workshop.h"

#include "../unit/near.h"
#include "eval/protocols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(in_workshop(name), 0777), 0);
}

static int open_with_model(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    make_weights("model.safetensors", 0.125, true);
    return 0;
}

static struct run evaluate(const char *protocol, const char *data, const char *option, const char *value)
{
    return run_mgm("eval", "--protocol", protocol, "--data", in_workshop(data), "-o", in_workshop("out"), "--model",
                   in_workshop("model.safetensors"), "--threads", "1", "--json", "-q", option, value, NULL);
}

/** The line of a guidance and region. */
static const cJSON *result_of(const cJSON *object, const char *guidance, const char *region, bool itself)
{
    const cJSON *row;
    cJSON_ArrayForEach(
        row,
        cJSON_GetObjectItem(object, "results")) if (!strcmp(cJSON_GetObjectItem(row, "guidance")->valuestring, guidance) &&
                                                    !strcmp(cJSON_GetObjectItem(row, "region")->valuestring, region) &&
                                                    cJSON_IsTrue(cJSON_GetObjectItem(row, "itself")) == itself) return row;
    fail_msg("no result of %s in region %s", guidance, region);
    return NULL;
}

static cJSON *parse(const struct run *run)
{
    cJSON *object = cJSON_Parse(run->out);
    if (!object)
        fail_msg("no JSON: %s%s", run->out, run->err);
    return object;
}

/* ---- alphamatting ------------------------------------------------------------------------------------------------------
 */

static void make_alphamatting(void)
{
    static const char *const folders[] = {"data", "data/input_training_lowres", "data/gt_training_lowres",
                                          "data/trimap_training_lowres", "data/trimap_training_lowres/Trimap1"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        make_folder(folders[i]);
    for (int i = 1; i <= 3; i++) {
        char name[128];
        snprintf(name, sizeof name, "data/input_training_lowres/GT%02d.png", i);
        make_picture(name, MOTIF_COLOURS, 100 + i, 90, 3, 8, 0);
        snprintf(name, sizeof name, "data/gt_training_lowres/GT%02d.png", i);
        make_picture(name, MOTIF_DISC, 100 + i, 90, 1, 8, 0);
        snprintf(name, sizeof name, "data/trimap_training_lowres/Trimap1/GT%02d.png", i);
        make_picture(name, MOTIF_TRIMAP, 100 + i, 90, 1, 8, 0);
    }
}

/** What the tables say of a matte is what mgm eval says of the file, and of the mask given to it. */
static void test_tables_agree_with_scoring(void **state)
{
    (void)state;
    make_alphamatting();
    struct run run = evaluate("alphamatting", "data", "--jobs", "2");
    expect_success(&run);
    cJSON *object = parse(&run);
    static const char *const guidances[] = {"trimap-fg", "trimap", "coarse16", "eroded10", "dilated10", "dilated20"};
    for (size_t i = 0; i < sizeof guidances / sizeof *guidances; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "out/%s", guidances[i]);
        assert_int_equal(count_files_in(folder), 3);
        run = run_mgm("eval", "--pred", in_workshop(folder), "--alpha", in_workshop("data/gt_training_lowres"), "--trimap",
                      in_workshop("data/trimap_training_lowres/Trimap1"), "--json", NULL);
        expect_success(&run);
        cJSON *scored = parse(&run);
        static const char *const metrics[] = {"sad", "mse", "grad", "conn"};
        for (int k = 0; k < 4; k++)
            assert_near(number_in(result_of(object, guidances[i], "unknown", false), metrics[k]),
                        number_in(cJSON_GetObjectItem(scored, "mean"), metrics[k]), 1e-9);
        cJSON_Delete(scored);
    }
    assert_true(number_in(result_of(object, "trimap", "whole", true), "sad") > 0);
    assert_int_equal((int)number_in(result_of(object, "trimap", "whole", true), "pictures"), 3);
    cJSON_Delete(object);
}

/** A line for each picture and guidance, of whose values the tables show the mean; made by one method, they are not of
 * another. */
static void test_lines_of_pictures(void **state)
{
    (void)state;
    make_alphamatting();
    struct run run = run_mgm("eval", "--protocol", "alphamatting", "--data", in_workshop("data"), "-o", in_workshop("out"),
                             "--model", in_workshop("model.safetensors"), "--threads", "1", "--csv", "-q", "--guidance",
                             "trimap", "--method", "panes", NULL);
    expect_success(&run);
    double sum[2] = {0};
    char *line = strtok(run.out, "\n");
    assert_string_equal(line,
                        "name,guidance,sad,mse,grad,conn,sad of guidance,mse of guidance,grad of guidance,conn of guidance");
    for (int i = 1; i <= 3; i++) {
        double sad[2];
        int number;
        line = strtok(NULL, "\n");
        assert_non_null(line);
        assert_int_equal(sscanf(line, "GT%d,trimap,%lf,%*f,%*f,%*f,%lf", &number, &sad[0], &sad[1]), 3);
        assert_int_equal(number, i);
        sum[0] += sad[0];
        sum[1] += sad[1];
    }
    assert_null(strtok(NULL, "\n"));
    run = run_mgm("eval", "--protocol", "alphamatting", "--data", in_workshop("data"), "-o", in_workshop("out"), "--model",
                  in_workshop("model.safetensors"), "--json", "-q", "--guidance", "trimap", "--method", "panes", "--resume",
                  NULL);
    expect_success(&run);
    cJSON *object = parse(&run);
    for (int itself = 0; itself < 2; itself++)
        assert_near(number_in(result_of(object, "trimap", "unknown", itself), "sad"), sum[itself] / 3, 1e-6);
    cJSON_Delete(object);
    run = run_mgm("eval", "--protocol", "alphamatting", "--data", in_workshop("data"), "-o", in_workshop("out"), "--model",
                  in_workshop("model.safetensors"), "--json", "-q", "--guidance", "trimap", "--method", "piece", "--resume",
                  NULL);
    expect_failure(&run, 1, "", count_files());
}

static long size_of(const char *name)
{
    struct stat facts;
    return stat(in_workshop(name), &facts) == 0 ? (long)facts.st_size : -1;
}

/** Two lines are lost, one of them in part: they are made again, the others are not, and the tables are the same. */
static void test_a_stopped_run_goes_on(void **state)
{
    (void)state;
    make_alphamatting();
    struct run first = evaluate("alphamatting", "data", "--guidance", "trimap");
    expect_success(&first);
    struct run again = evaluate("alphamatting", "data", "--guidance", "trimap");
    expect_failure(&again, 1, "--resume", count_files());
    const long whole = size_of("out/results.jsonl");
    assert_true(whole > 0);
    assert_int_equal(truncate(in_workshop("out/results.jsonl"), whole - 400), 0);
    unlink(in_workshop("out/trimap/GT01.png")); /* its line is whole, so it is not made again */
    unlink(in_workshop("out/trimap/GT03.png"));
    struct run resumed = run_mgm("eval", "--protocol", "alphamatting", "--data", in_workshop("data"), "-o",
                                 in_workshop("out"), "--model", in_workshop("model.safetensors"), "--threads", "1", "--json",
                                 "-q", "--guidance", "trimap", "--resume", NULL);
    expect_success(&resumed);
    cJSON *before = parse(&first), *after = parse(&resumed);
    static const char *const metrics[] = {"sad", "mse", "grad", "conn", "pictures"};
    for (int k = 0; k < 5; k++) /* through text, which drops the last bit */
        assert_near(number_in(result_of(after, "trimap", "unknown", false), metrics[k]),
                    number_in(result_of(before, "trimap", "unknown", false), metrics[k]), 1e-13);
    cJSON_Delete(before);
    cJSON_Delete(after);
    assert_int_equal(count_files_in("out/trimap"), 2);
    assert_int_equal(access(in_workshop("out/trimap/GT03.png"), F_OK), 0);

    /* other settings are another run */
    struct run other = run_mgm("eval", "--protocol", "alphamatting", "--data", in_workshop("data"), "-o", in_workshop("out"),
                               "--model", in_workshop("model.safetensors"), "-q", "--reference", "--resume", NULL);
    expect_failure(&other, 1, "something else", count_files());
}

static void test_what_is_missing_is_named(void **state)
{
    (void)state;
    make_alphamatting();
    unlink(in_workshop("data/trimap_training_lowres/Trimap1/GT02.png"));
    struct run run = run_mgm("eval", "--protocol", "alphamatting", "--data", in_workshop("data"), "--check", NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "no picture called GT02"));
    assert_non_null(strstr(run.out, "2 pictures are complete, 1 are not"));
    make_picture("data/gt_training_lowres/GT04.png", MOTIF_SOFT, 9, 9, 1, 8, 0);
    make_picture("data/trimap_training_lowres/Trimap1/GT03.png", MOTIF_TRIMAP, 20, 20, 1, 8, 0);
    run = evaluate("alphamatting", "data", "--guidance", "trimap");
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "GT04.png has no photo"));
    assert_non_null(strstr(run.err, "20 × 20"));
    cJSON *object = parse(&run);
    assert_int_equal((int)number_in(result_of(object, "trimap", "unknown", false), "pictures"), 1);
    assert_int_equal((int)number_in(object, "failed"), 3);
    cJSON_Delete(object);
    run = evaluate("alphamatting", "nowhere", "--guidance", "trimap");
    expect_failure(&run, 1, "no such folder", count_files());
}

/* ---- composed test sets ------------------------------------------------------------------------------------------------
 */

/** Two foregrounds, of which one is larger than every background. */
static void make_composition(const char *foregrounds, const char *alphas, bool with_lists)
{
    static const char *const backgrounds[] = {"2008_1.jpg", "2008_2.jpg", "2008_3.jpg"};
    char name[256], list[4096] = "";
    make_folder("voc");
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "voc/%s", backgrounds[i]);
        make_picture(name, MOTIF_COLOURS, 50 + 7 * i, 44, 3, 8, 0);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/thing-%d.png", foregrounds, i);
        make_picture(name, MOTIF_SOFT, 40 + 40 * i, 40 + 20 * i, 3, 8, 0);
        snprintf(name, sizeof name, "%s/thing-%d.png", alphas, i);
        make_picture(name, MOTIF_SOFT, 40 + 40 * i, 40 + 20 * i, 1, 8, 0);
    }
    for (int i = 0; i < 40 && with_lists; i++) {
        strcat(list, backgrounds[i % 3]);
        strcat(list, "\r\n");
    }
    if (with_lists)
        write_text("Combined_Dataset/Test_set/test_bg_names.txt", list);
    if (with_lists)
        write_text("Combined_Dataset/Test_set/test_fg_names.txt", "thing-1.png\nthing-0.png\n");
}

static void test_composition_1k(void **state)
{
    (void)state;
    static const char *const folders[] = {"Combined_Dataset",
                                          "Combined_Dataset/Test_set",
                                          "Combined_Dataset/Test_set/Adobe-licensed images",
                                          "Combined_Dataset/Test_set/Adobe-licensed images/fg",
                                          "Combined_Dataset/Test_set/Adobe-licensed images/alpha",
                                          "Combined_Dataset/Test_set/Adobe-licensed images/trimaps"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        make_folder(folders[i]);
    make_composition(folders[3], folders[4], true);
    for (int i = 0; i < 40; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s/thing-%d_%d.png", folders[5], i / 20, i % 20);
        make_picture(name, MOTIF_TRIMAP, i < 20 ? 40 : 80, i < 20 ? 40 : 60, 1, 8, 0);
    }
    struct run run = evaluate("composition-1k", ".", "--guidance", "trimap");
    expect_failure(&run, 1, "--backgrounds", count_files());
    run = evaluate("composition-1k", ".", "--backgrounds", in_workshop("voc"));
    expect_success(&run);
    cJSON *object = parse(&run);
    assert_int_equal((int)number_in(result_of(object, "trimap-fg", "unknown", false), "pictures"), 40);
    assert_int_equal((int)number_in(result_of(object, "trimap", "whole", false), "pictures"), 40);
    assert_int_equal(count_files_in("out/trimap"), 40);
    assert_near(number_in(cJSON_GetArrayItem(cJSON_GetObjectItem(object, "published"), 7), "sad"), 35.3, 1e-12);
    cJSON_Delete(object);
    unlink(in_workshop("voc/2008_2.jpg"));
    run = run_mgm("eval", "--protocol", "composition-1k", "--data", in_workshop("."), "--backgrounds", in_workshop("voc"),
                  "--check", NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.out, "27 pictures are complete, 13 are not"));
}

/** Refinement: another method's mattes go in, and their own score stands beside. */
static void test_distinction_646_refined(void **state)
{
    (void)state;
    make_folder("data");
    make_folder("data/Test");
    make_folder("data/Test/FG");
    make_folder("data/Test/GT");
    make_composition("data/Test/FG", "data/Test/GT", false);
    make_folder("voc-20");
    make_folder("other");
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof name, "voc-20/%02d.png", i);
        make_picture(name, MOTIF_COLOURS, 90, 70, 3, 8, 0);
        snprintf(name, sizeof name, "other/thing-%d_%d.png", i / 20, i % 20);
        make_picture(name, MOTIF_SOFT, i < 20 ? 40 : 80, i < 20 ? 40 : 60, 1, 8, 0);
    }
    struct run run = run_mgm("eval", "--protocol", "distinction-646", "--data", in_workshop("data"), "--backgrounds",
                             in_workshop("voc-20"), "-o", in_workshop("out"), "--model", in_workshop("model.safetensors"),
                             "--mattes", in_workshop("other"), "--json", "-q", "--report", in_workshop("page.html"), NULL);
    expect_success(&run);
    cJSON *object = parse(&run);
    assert_near(number_in(result_of(object, "other", "whole", true), "sad"), 0, 1e-12); /* they are the truth */
    assert_true(number_in(result_of(object, "other", "whole", false), "sad") > 0);
    cJSON_Delete(object);
    char *page = NULL;
    size_t length = 0;
    FILE *file = fopen(in_workshop("page.html"), "rb");
    assert_non_null(file);
    assert_true(getdelim(&page, &length, 0, file) > 0);
    fclose(file);
    int figures = 0;
    for (const char *at = page; (at = strstr(at, "src=\"data:image/jpeg;base64,")); at++)
        figures++;
    assert_int_equal(figures, 6 * 5); /* the six worst, each as five pictures */
    assert_null(strstr(page, "http"));
    free(page);
}

/* ---- portraits ---------------------------------------------------------------------------------------------------------
 */

static void test_portraits(void **state)
{
    (void)state;
    static const char *const folders[] = {"data", "data/image", "data/alpha", "data/mask", "data/detailmap"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        make_folder(folders[i]);
    make_picture("data/image/one.jpg", MOTIF_COLOURS, 900, 90, 3, 8, 0);
    make_picture("data/alpha/one.png", MOTIF_SOFT, 900, 90, 1, 8, 0);
    make_picture("data/mask/one.png", MOTIF_DISC, 900, 90, 1, 8, 0);
    make_picture("data/detailmap/one_cloud_trimap.png", MOTIF_TRIMAP, 900, 90, 1, 8, 0);
    make_picture("data/image/two.jpg", MOTIF_COLOURS, 40, 50, 3, 8, 0);
    make_picture("data/alpha/two.png", MOTIF_SOFT, 40, 50, 1, 8, 0);
    make_picture("data/mask/two.png", MOTIF_DISC, 40, 50, 1, 8, 0);
    make_picture("data/detailmap/two_cloud_trimap.png", MOTIF_EMPTY, 40, 50, 1, 8, 0);
    struct run run = evaluate("portrait-720", "data", "--jobs", "1");
    expect_success(&run);
    cJSON *object = parse(&run);
    assert_int_equal((int)number_in(result_of(object, "mask", "whole", false), "pictures"), 2);
    assert_int_equal((int)number_in(result_of(object, "mask", "detail", false), "pictures"), 1);
    cJSON_Delete(object);
    struct pixels matte = read_pixels("out/mask/one.png");
    assert_true(matte.width == 720 && matte.height == 72);
    free(matte.values);
    run = run_mgm("eval", "--protocol", "portrait", "--data", in_workshop("data"), "-o", in_workshop("full"), "--model",
                  in_workshop("model.safetensors"), "--guidance", "eroded10", "--guidance", "dilated30", "-q", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "this run, dilated30"));
    assert_non_null(strstr(run.out, "the paper, eroded20")); /* the paper's table stands beside */
    run = evaluate("portrait", "data", "--guidance", "trimap");
    expect_failure(&run, 1, "there is no guidance trimap here; there are: mask, eroded10", count_files());
}

static void test_wrong_command_lines(void **state)
{
    (void)state;
    const int files = count_files();
    struct run run = run_mgm("eval", NULL);
    expect_failure(&run, 2, "--protocol", files);
    run = run_mgm("eval", "--protocol", "portrait", NULL);
    expect_failure(&run, 2, "--data", files);
    run = run_mgm("eval", "--protocol", "portraits", NULL);
    for (const struct mgm_protocol *protocol = mgm_protocols; protocol->name; protocol++) /* all can be chosen */
        expect_failure(&run, 2, protocol->name, files);
    run = run_mgm("eval", "--protocol", "portrait", "--data", in_workshop("x"), NULL);
    expect_failure(&run, 2, "--output", files);
    run = run_mgm("eval", "--protocol", "portrait", "--pred", in_workshop("x"), NULL);
    expect_failure(&run, 2, "--data alone", files);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_model, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tables_agree_with_scoring),
        TEST(test_lines_of_pictures),
        TEST(test_a_stopped_run_goes_on),
        TEST(test_what_is_missing_is_named),
        TEST(test_composition_1k),
        TEST(test_distinction_646_refined),
        TEST(test_portraits),
        TEST(test_wrong_command_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
