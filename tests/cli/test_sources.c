/* mgm train on data sets as they are handed out: listed, checked, mixed with drawn foregrounds, the same at any number of
 * workers. */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char config[] = "iterations = 2;\n"
                             "model : { width = 0.125; precision = \"f32\"; };\n"
                             "crops = ( { until = 1.0; size = 64; batch = 2; } );\n"
                             "foregrounds : { count = 4; size = 96; };\n"
                             "workers = 1; ahead = 1;\n"
                             "validation : { interval = 2; count = 1; size = 64; };\n";

static void make_folders(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mkdir(in_workshop(names[i]), 0777), 0);
}

static void make_pair(const char *pictures, const char *alphas, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.jpg", pictures, name);
    make_picture(path, MOTIF_COLOURS, 120, 90, 3, 8, 0);
    snprintf(path, sizeof path, "%s/%s.png", alphas, name);
    make_picture(path, MOTIF_DISC, 120, 90, 1, 8, 0);
}

/** The training sets of Composition-1k and Distinction-646, a folder like COCO's, and photographs to draw from. */
static int open_with_sets(void **state)
{
    static const char *const names[] = {"dim",
                                        "dim/Training_set",
                                        "dim/Training_set/Adobe-licensed images",
                                        "dim/Training_set/Adobe-licensed images/fg",
                                        "dim/Training_set/Adobe-licensed images/alpha",
                                        "dim/Training_set/Other",
                                        "dim/Training_set/Other/fg",
                                        "dim/Training_set/Other/alpha",
                                        "d646",
                                        "d646/Train",
                                        "d646/Train/FG",
                                        "d646/Train/GT",
                                        "coco",
                                        "data",
                                        "data/photos"};
    if (workshop_open(state) != 0)
        return -1;
    make_folders(names, sizeof names / sizeof *names);
    make_pair("dim/Training_set/Adobe-licensed images/fg", "dim/Training_set/Adobe-licensed images/alpha", "a.1");
    make_pair("dim/Training_set/Adobe-licensed images/fg", "dim/Training_set/Adobe-licensed images/alpha", "b");
    make_pair("dim/Training_set/Other/fg", "dim/Training_set/Other/alpha", "c");
    make_pair("d646/Train/FG", "d646/Train/GT", "d");
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "coco/%012d.jpg", i);
        make_picture(path, MOTIF_SOFT, 100 + 30 * i, 130, 3, 8, 0);
    }
    make_picture("data/photos/p.png", MOTIF_COLOURS, 160, 120, 3, 8, 0);
    char text[1024];
    snprintf(text, sizeof text,
             "%ssources = ( { kind = \"composition-1k\"; path = \"dim\"; weight = 2.0; },\n"
             "            { kind = \"distinction-646\"; path = \"d646\"; } );\nbackgrounds = \"coco\";\n",
             config);
    write_text("sets.cfg", text);
    snprintf(text, sizeof text,
             "%ssources = ( { kind = \"drawn\"; }, { kind = \"composition-1k\"; path = \"dim\"; only = \"list.txt\"; } );\n",
             config);
    write_text("mixed.cfg", text);
    write_text("list.txt", "b.png\nc.png\n");
    return 0;
}

static void test_data_are_counted(void **state)
{
    (void)state;
    struct run run = run_mgm("train", in_workshop("sets.cfg"), "--check", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "dim: 3 foregrounds (composition-1k)"));
    assert_non_null(strstr(run.out, "d646: 1 foregrounds (distinction-646)"));
    assert_non_null(strstr(run.out, "coco: 3 backgrounds"));
    run = run_mgm("train", in_workshop("mixed.cfg"), "--data", in_workshop("data"), "--check", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "data: 1 photographs"));
    assert_non_null(strstr(run.out, "dim: 2 foregrounds"));
}

static void test_what_is_wrong_is_named(void **state)
{
    (void)state;
    unlink(in_workshop("dim/Training_set/Adobe-licensed images/alpha/a.1.png"));
    make_picture("d646/Train/GT/e.png", MOTIF_DISC, 120, 90, 1, 8, 0);
    struct run run = run_mgm("train", in_workshop("sets.cfg"), "--check", NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "fg/a.1.jpg has no matte of the same name"));
    assert_non_null(strstr(run.err, "GT/e.png is the matte of no foreground"));
    const int files = count_files();
    run = run_mgm("train", in_workshop("sets.cfg"), "--run", in_workshop("run"), NULL);
    expect_failure(&run, 1, "2 pictures of the data are missing or superfluous", files);

    make_picture("dim/Training_set/Adobe-licensed images/alpha/a.1.png", MOTIF_DISC, 50, 90, 1, 8, 0);
    unlink(in_workshop("d646/Train/GT/e.png"));
    make_picture("d646/Train/GT/d.png", MOTIF_EMPTY, 120, 90, 1, 8, 0);
    cut_file("coco/000000000001.jpg", 0.5);
    run = run_mgm("train", in_workshop("sets.cfg"), "--check", NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "50 × 90"));
    assert_non_null(strstr(run.err, "nothing in it is foreground"));
    assert_non_null(strstr(run.err, "000000000001.jpg"));
    assert_non_null(strstr(run.err, "3 pictures are missing, damaged or do not fit together"));
    write_text("list.txt", "b.png\nz.png\n");
    run = run_mgm("train", in_workshop("mixed.cfg"), "--data", in_workshop("data"), "--check", NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "z.png is listed, but not there"));
}

static void test_wrong_sources(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"sources=( { kind = \"photos\"; path = \"dim\"; } )", "must be \"drawn\""},
        {"sources=( { path = \"dim\"; } )", "needs a kind"},
        {"sources=( { kind = \"folders\"; } )", "needs its path"},
        {"sources=( { kind = \"folders\"; path = \"nowhere\"; } )", "expected fg and alpha"},
        {"sources=( { kind = \"drawn\"; wait = 1; } )", "is not a key of a source"},
        {"sources=( { kind = \"drawn\"; weight = 0; } )", "sources.weight is 0"},
        {"backgrounds=nowhere", "nowhere: this folder cannot be read"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run run = run_mgm("train", in_workshop("sets.cfg"), "--check", "--set", wrong[i][0], NULL);
        expect_failure(&run, 1, wrong[i][1], count_files());
    }
}

/** The lines of losses, without what depends on time. */
static void read_losses(const char *name, char losses[1024])
{
    char line[4096];
    FILE *file = fopen(in_workshop(name), "r");
    assert_non_null(file);
    losses[0] = '\0';
    while (fgets(line, sizeof line, file)) {
        cJSON *object = cJSON_Parse(line);
        const cJSON *loss = cJSON_GetObjectItem(object, "loss"), *sad = cJSON_GetObjectItem(object, "sad");
        snprintf(losses + strlen(losses), 1024 - strlen(losses), "%.17g ", loss ? loss->valuedouble : sad->valuedouble);
        cJSON_Delete(object);
    }
    fclose(file);
}

/** What the weights say they were trained on. */
static void check_data_facts(const char *folder, const char *data, bool drawn)
{
    char weights[96];
    snprintf(weights, sizeof weights, "%s/weights.safetensors", folder);
    struct run run = run_mgm("info", in_workshop(weights), "--json", NULL);
    expect_success(&run);
    cJSON *facts = cJSON_Parse(run.out);
    const cJSON *training = cJSON_GetObjectItem(cJSON_GetObjectItem(facts, "metadata"), "training");
    assert_string_equal(cJSON_GetObjectItem(training, "data")->valuestring, data);
    assert_int_equal(cJSON_HasObjectItem(training, "foregrounds"), drawn);
    cJSON_Delete(facts);
}

static void test_any_number_of_workers(void **state)
{
    (void)state;
    static const char *const configs[] = {"sets.cfg", "mixed.cfg"};
    for (int i = 0; i < 2; i++) {
        char losses[2][1024];
        for (int k = 0; k < 2; k++) {
            char folder[32], log[64];
            snprintf(folder, sizeof folder, "run-%d-%d", i, k);
            struct run run =
                run_mgm("train", in_workshop(configs[i]), "--data", in_workshop("data"), "--run", in_workshop(folder),
                        "--threads", "1", "--set", k ? "workers=3" : "workers=1", "--set", k ? "ahead=3" : "ahead=1", NULL);
            expect_success(&run);
            snprintf(log, sizeof log, "%s/log.jsonl", folder);
            read_losses(log, losses[k]);
        }
        check_data_facts(i ? "run-1-0" : "run-0-0", i ? "drawn, composition-1k" : "composition-1k, distinction-646", i == 1);
        assert_true(strlen(losses[0]) > 10);
        assert_string_equal(losses[0], losses[1]);
    }
}

static void test_preview_of_sets(void **state)
{
    (void)state;
    struct run run = run_mgm("train", in_workshop("sets.cfg"), "--preview", in_workshop("samples.png"), NULL);
    expect_success(&run);
    struct pixels sheet = read_pixels("samples.png");
    assert_true(sheet.width == 6 * 68 - 4 && sheet.height == 2 * 68 - 4);
    free(sheet.values);
    unlink(in_workshop("coco/000000000000.jpg"));
    unlink(in_workshop("coco/000000000001.jpg"));
    unlink(in_workshop("coco/000000000002.jpg"));
    run = run_mgm("train", in_workshop("sets.cfg"), "--preview", in_workshop("other.png"), NULL);
    expect_failure(&run, 1, "no pictures in it", count_files());
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_sets, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_data_are_counted),      TEST(test_what_is_wrong_is_named), TEST(test_wrong_sources),
        TEST(test_any_number_of_workers), TEST(test_preview_of_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
