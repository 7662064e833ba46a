/* mgm train: a tiny run from photographs to weights that the other commands take; resuming; and what it refuses. */
#include "workshop.h"

#include "weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_with_data(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    mkdir(in_workshop("data"), 0777);
    mkdir(in_workshop("data/photos"), 0777);
    make_picture("data/photos/a.png", MOTIF_COLOURS, 160, 120, 3, 8, 0);
    make_picture("data/photos/b.png", MOTIF_SOFT, 120, 160, 3, 8, 0);
    write_text("tiny.cfg", "name = \"tiny\"; license = \"CC0\";\n"
                           "iterations = 3;\n"
                           "model : { width = 0.125; precision = \"f32\"; };\n"
                           "crops = ( { until = 1.0; size = 64; batch = 1; } );\n"
                           "foregrounds : { count = 6; size = 96; };\n"
                           "workers = 1; ahead = 1;\n"
                           "validation : { interval = 3; count = 1; size = 64; };\n"
                           "data = \"data\";\n"
                           "run = \"run\";\n");
    return 0;
}

static int64_t iteration_of_checkpoint(void)
{
    struct mgm_context *ctx = NULL;
    struct mgm_safetensors *file = NULL;
    long long iteration = -1;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(mgm_safetensors_open(ctx, in_workshop("run/checkpoint.safetensors"), &file), MGM_OK);
    const char *text = mgm_safetensors_metadata(file, "iteration");
    assert_non_null(text);
    assert_int_equal(sscanf(text, "%lld", &iteration), 1);
    mgm_safetensors_close(&file);
    mgm_context_destroy(&ctx);
    return iteration;
}

/** Weights of a narrower network begin a wider one, if its channels go into these whole times. */
static void test_begins_as_a_narrower_one(void **state)
{
    (void)state;
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "validation.interval=0", NULL);
    expect_success(&run);
    char init[1100];
    snprintf(init, sizeof init, "model.init=\"%s\"", in_workshop("run/weights.safetensors"));
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "validation.interval=0", "--set", init,
                  "--set", "model.width=0.25", "--run", in_workshop("wide"), NULL);
    expect_success(&run);
    assert_non_null(strstr(run.err, "of width 0.125, is the beginning, widened to 0.25"));
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", init, "--set", "model.width=0.2", "--run",
                  in_workshop("odd"), NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "run/weights.safetensors: a network can be widened by whole multiples"));
    assert_int_not_equal(access(in_workshop("odd/weights.safetensors"), F_OK), 0);
}

/** Nothing is there to resume from yet: it begins at the beginning. */
static void test_run_leaves_weights(void **state)
{
    (void)state;
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--resume", "--threads", "1", "--set", "seed=4",
                             "--set=learning_rate=0.0005", NULL);
    expect_success(&run);
    assert_int_equal(iteration_of_checkpoint(), 3);
    assert_non_null(strstr(run.err, "3/3  loss "));
    assert_non_null(strstr(run.err, "held out: SAD "));
    assert_non_null(strstr(run.err, "complete at iteration 3 of 3"));

    run = run_mgm("info", in_workshop("run/weights.safetensors"), "--json", NULL);
    expect_success(&run);
    cJSON *facts = cJSON_Parse(run.out);
    const cJSON *training = cJSON_GetObjectItem(cJSON_GetObjectItem(facts, "metadata"), "training");
    assert_true(number_in(facts, "width") == 0.125);
    assert_true(number_in(training, "iterations") == 3 && number_in(training, "seed") == 4);
    assert_string_equal(cJSON_GetObjectItem(facts, "name")->valuestring, "tiny");
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(facts, "metadata"), "license")->valuestring, "CC0");
    assert_string_equal(cJSON_GetObjectItem(training, "command")->valuestring,
                        "mgm train tiny.cfg --set seed=4 --set learning_rate=0.0005");
    cJSON_Delete(facts);

    make_picture("mask.png", MOTIF_DISC, 160, 120, 1, 8, 0);
    run = run_mgm("matte", in_workshop("data/photos/a.png"), in_workshop("mask.png"), "-o", in_workshop("out.png"),
                  "--model", in_workshop("run/weights.safetensors"), NULL);
    expect_success(&run);
}

static void test_run_goes_on(void **state)
{
    (void)state;
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "iterations=1", NULL);
    expect_success(&run);
    assert_int_equal(iteration_of_checkpoint(), 1);
    const int files = count_files();
    run = run_mgm("train", in_workshop("tiny.cfg"), NULL);
    expect_failure(&run, 1, "run/checkpoint.safetensors exists already: go on with --resume", files);
    assert_null(strstr(run.err, "drawing")); /* said before anything is drawn */
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--resume", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.err, "going on from iteration 1"));
    assert_non_null(strstr(run.err, "the configuration is not the one that the checkpoint was trained with"));
    assert_int_equal(iteration_of_checkpoint(), 3);

    cut_file("run/checkpoint.safetensors", 0.5);
    run = run_mgm("train", in_workshop("tiny.cfg"), "--resume", NULL);
    expect_failure(&run, 1, "checkpoint.safetensors", files);
}

/** As users call it, without what the tests set: the program starts over, and is told the same again. */
static void test_without_a_wait_policy(void **state)
{
    (void)state;
    const char *policy = getenv("OMP_WAIT_POLICY");
    char *kept = policy ? strdup(policy) : NULL;
    unsetenv("OMP_WAIT_POLICY");
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "iterations=2", NULL);
    if (kept)
        setenv("OMP_WAIT_POLICY", kept, 1);
    free(kept);
    expect_success(&run);
    assert_int_equal(iteration_of_checkpoint(), 2);
}

/** The encoder of another run, and nothing else of it. */
static void test_encoder_is_taken(void **state)
{
    (void)state;
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "iterations=1", NULL);
    expect_success(&run);
    char set[512];
    snprintf(set, sizeof set, "model.encoder=%s", in_workshop("run/weights.safetensors"));
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "iterations=1", "--set", set, "--run",
                  in_workshop("second"), NULL);
    expect_success(&run);
    assert_non_null(strstr(run.err, "the encoder begins with"));
    assert_non_null(strstr(run.err, "0 are not there, 0 have other shapes"));
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "model.width=0.5", "--set", set, "--run",
                  in_workshop("third"), NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "nothing in it fits the encoder"));
}

/** Networks of the ablation: weights say what they are, and whoever takes them makes mattes accordingly, or refuses. */
static void test_fusions(void **state)
{
    (void)state;
    static const char *const names[] = {"none", "convolution"};
    mkdir(in_workshop("masks"), 0777);
    make_picture("masks/a.png", MOTIF_DISC, 160, 120, 1, 8, 0);
    for (int i = 0; i < 2; i++) {
        char set[64];
        snprintf(set, sizeof set, "model.fusion=%s", names[i]);
        struct run run =
            run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", set, "--run", in_workshop(names[i]), NULL);
        expect_success(&run);
        assert_non_null(strstr(run.err, "held out: SAD "));
        char weights[512];
        snprintf(weights, sizeof weights, "%s/weights.safetensors", in_workshop(names[i]));
        run = run_mgm("info", weights, "--json", NULL);
        expect_success(&run);
        cJSON *facts = cJSON_Parse(run.out);
        assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(facts, "metadata"), "fusion")->valuestring, names[i]);
        cJSON_Delete(facts);
        run = run_mgm("matte", in_workshop("data/photos/a.png"), in_workshop("masks/a.png"), "-o", in_workshop("out.png"),
                      "--model", weights, NULL);
        expect_success(&run);
        run = run_mgm("quantize", in_workshop("data/photos/a.png"), in_workshop("masks"), "-o",
                      in_workshop("eight.safetensors"), "--model", weights, NULL);
        expect_success(&run);
        run = run_mgm("matte", in_workshop("data/photos/a.png"), in_workshop("masks/a.png"), "-o", in_workshop("out.png"),
                      "--model", in_workshop("eight.safetensors"), "--precision", "int8", NULL);
        expect_success(&run);
        const int files = count_files();
        run = run_mgm("export-onnx", "--model", weights, "-o", in_workshop("out.onnx"), NULL);
        expect_failure(&run, 1, strstr(run.err, "built without ONNX") ? "" : "are not fused by refinement", files);
    }
}

static void test_scoring_a_checkpoint(void **state)
{
    (void)state;
    const int files = count_files();
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--validate", NULL);
    expect_failure(&run, 1, "run/checkpoint.safetensors, which is to be scored", files);
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "iterations=1", NULL);
    expect_success(&run);
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--validate", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.err, "1  held out: SAD "));
    assert_int_equal(iteration_of_checkpoint(), 1);
}

/** The page of a run, and what it is made of. */
static void test_watching(void **state)
{
    (void)state;
    struct run run = run_mgm("report", in_workshop("."), NULL);
    expect_failure(&run, 1, "log.jsonl", count_files());
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", NULL);
    expect_success(&run);
    struct pixels sheet = read_pixels("run/samples/000000003.jpg");
    assert_true(sheet.width == 4 * 68 - 4 && sheet.height == 64 && sheet.channels == 3);
    free(sheet.values);
    assert_int_equal(count_files_in("run"), 5); /* checkpoint, weights, log, events, samples */
    run = run_mgm("report", in_workshop("run"), NULL);
    expect_success(&run);
    struct stat page;
    assert_int_equal(stat(in_workshop("run/report.html"), &page), 0);
    assert_true(page.st_size > 8000);
    write_text("run/log.jsonl", "nothing\n");
    run = run_mgm("report", in_workshop("run"), "-o", in_workshop("other.html"), NULL);
    expect_failure(&run, 1, "no log of a training run", count_files());
}

static void test_refusals(void **state)
{
    (void)state;
    write_text("typo.cfg", "iterations = 3;\nmodel : {\n    widht = 0.5;\n};\n");
    write_text("type.cfg", "iterations = \"many\";\n");
    const int files = count_files();
    const struct {
        const char *config, *option, *value, *parts[3];
        int status;
    } cases[] = {
        {"typo.cfg", "--run", "x", {"typo.cfg, line 3", "model.widht", "not a known key"}, 1},
        {"type.cfg", "--run", "x", {"type.cfg, line 1", "iterations", "a whole number"}, 1},
        {"none.cfg", "--run", "x", {"cannot read", "none.cfg", ""}, 1},
        {"tiny.cfg", "--set", "model.widht=1", {"--set", "model.widht", "not a known key"}, 1},
        {"tiny.cfg", "--se", "iterations=some", {"iterations", "a whole number", ""}, 1},
        {"tiny.cfg", "--set", "iterations", {"--set iterations", "key=value", ""}, 1},
        {"tiny.cfg", "--data", "nowhere", {"nowhere/photos", "cannot be read", ""}, 1},
        {"tiny.cfg", "--set", "data=", {"no data", "--data", "tiny.cfg"}, 1},
        {"tiny.cfg", "--preview", "samples.gif", {"samples.gif", "must end in .png", ""}, 1},
        {"tiny.cfg", "--minutes", "soon", {"--minutes takes a number", "'soon'", ""}, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run run = run_mgm("train", in_workshop(cases[i].config), cases[i].option, cases[i].value, NULL);
        for (int part = 0; part < 3; part++)
            expect_failure(&run, cases[i].status, cases[i].parts[part], files);
        assert_null(strstr(run.err, "drawing"));
    }
}

static void test_preview(void **state)
{
    (void)state;
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--preview", in_workshop("samples.png"), NULL);
    expect_success(&run);
    struct pixels sheet = read_pixels("samples.png");
    assert_true(sheet.width == 6 * 68 - 4 && sheet.height == 64);
    free(sheet.values);
    struct stat status;
    assert_int_equal(stat(in_workshop("run"), &status), -1);
}

/** With hold_out, of three objects the third is not even read: neither is anything drawn of it. */
static void test_held_out_is_left_alone(void **state)
{
    (void)state;
    mkdir(in_workshop("data/objects"), 0777);
    make_picture("data/objects/a.png", MOTIF_DISC, 128, 128, 4, 8, 0);
    make_picture("data/objects/b.png", MOTIF_DISC, 128, 128, 4, 8, 0);
    write_text("data/objects/c.png", "no picture");
    struct run run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "foregrounds.hold_out=1", NULL);
    expect_success(&run);
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--run", in_workshop("other"), NULL);
    expect_failure(&run, 1, "objects/c.png", count_files());
    run = run_mgm("train", in_workshop("tiny.cfg"), "--threads", "1", "--set", "foregrounds.hold_out=2", NULL);
    expect_failure(&run, 1, "foregrounds.hold_out", count_files());
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_data, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_run_leaves_weights),
        TEST(test_begins_as_a_narrower_one),
        TEST(test_run_goes_on),
        TEST(test_scoring_a_checkpoint),
        TEST(test_refusals),
        TEST(test_preview),
        TEST(test_watching),
        TEST(test_encoder_is_taken),
        TEST(test_without_a_wait_policy),
        TEST(test_held_out_is_left_alone),
        TEST(test_fusions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
