/** Models by name: which are installed, that every command takes a name or a file, and what is said of a name that nothing
 * has. */
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int set_up(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    mkdir(in_workshop("models"), 0777);
    make_weights("models/small.safetensors", 0.125, true);
    make_weights("models/base.safetensors", 0.25, true);
    write_text("models/base.md", "# base.safetensors\n\nThe better one.\nMore of it.\n");
    write_text("models/.hidden.safetensors", "");
    write_text("models/set.safetensors.index.json", "{}");
    make_weights("file.safetensors", 0.5, true);
    make_picture("photo.png", MOTIF_COLOURS, 48, 40, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, 48, 40, 1, 8, 0);
    return setenv("MGM_MODELS", in_workshop("models"), 1);
}

static int tear_down(void **state)
{
    unsetenv("MGM_MODELS");
    return workshop_close(state);
}

/** The width that mgm info tells of what is named so. */
static double width_of(const char *named)
{
    struct run run = run_mgm("info", named, "--json", NULL);
    expect_success(&run);
    cJSON *facts = cJSON_Parse(run.out);
    assert_non_null(facts);
    const double width = number_in(facts, "width");
    cJSON_Delete(facts);
    return width;
}

static void test_names_and_files(void **state)
{
    (void)state;
    assert_true(width_of("small") == 0.125);
    assert_true(width_of("base") == 0.25);
    assert_true(width_of(in_workshop("file.safetensors")) == 0.5);
}

static void test_list(void **state)
{
    (void)state;
    struct run run = run_mgm("info", NULL);
    expect_success(&run);
    assert_string_equal(run.out, "base         The better one.\nsmall        \n");
    run = run_mgm("info", "--json", NULL);
    expect_success(&run);
    cJSON *list = cJSON_Parse(run.out);
    assert_int_equal(cJSON_GetArraySize(list), 2);
    const cJSON *first = cJSON_GetArrayItem(list, 0);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(first, "name")), "base");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(first, "card")), "The better one.");
    cJSON_Delete(list);
}

static struct run matte(const char *model, const char *out)
{
    return run_mgm("matte", in_workshop("photo.png"), in_workshop("mask.png"), "-o", in_workshop(out), "--model", model,
                   "--alpha-only", "--threads", "1", "--quiet", NULL);
}

/** By its name a model mattes as it does by its file, and otherwise than the default one. */
static void test_matte_by_name(void **state)
{
    (void)state;
    static const char *const outs[] = {"name.png", "path.png", "small.png"};
    const char *const models[] = {"base", in_workshop("models/base.safetensors"), "small"};
    struct pixels mattes[3];
    for (int i = 0; i < 3; i++) {
        struct run run = matte(models[i], outs[i]);
        expect_success(&run);
        mattes[i] = read_pixels(outs[i]);
    }
    assert_memory_equal(mattes[0].values, mattes[1].values, 48 * 40);
    assert_true(memcmp(mattes[0].values, mattes[2].values, 48 * 40) != 0);
    for (int i = 0; i < 3; i++)
        free(mattes[i].values);
}

static void test_every_command_takes_names(void **state)
{
    (void)state;
    static const char message[] = "no model is called 'huge'; installed are: base, small (a file of that name is ./huge)";
    const int files = count_files();
    struct run run = matte("huge", "out.png");
    expect_failure(&run, 1, message, files);
    run = run_mgm("info", "huge", NULL);
    expect_failure(&run, 1, message, files);
    run = run_mgm("bench", "--model", "huge", "--size", "32x32", NULL);
    expect_failure(&run, 1, message, files);
#ifdef MGM_WITH_ONNX
    run = run_mgm("export-onnx", "--model", "huge", "-o", in_workshop("net.onnx"), NULL);
    expect_failure(&run, 1, message, files);
#endif
    make_weights("case.safetensors", 0.125, true);
    run = run_mgm("forward", "--model", "small", "-i", in_workshop("case.safetensors"), "-o", in_workshop("out"), NULL);
    expect_failure(&run, 1, "has no tensor 'image'", files + 1);
    setenv("MGM_MODELS", in_workshop("nowhere"), 1);
    run = matte("huge", "out.png");
    expect_failure(&run, 1, "installed are: none", files + 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_and_files),
        TEST(test_list),
        TEST(test_matte_by_name),
        TEST(test_every_command_takes_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
