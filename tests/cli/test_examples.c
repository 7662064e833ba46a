/** Every example of every command, as it is written, in a folder that holds what the examples name. */
#include "shell.h"
#include "workshop.h"

#include "checkpoint_file.h"
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct mgm_context *ctx;

/** The checkpoint that a safetensors file could have come from. */
static void make_checkpoint(const char *name, const char *from)
{
    struct mgm_safetensors *file = NULL;
    assert_int_equal(mgm_safetensors_open(ctx, in_workshop(from), &file), MGM_OK);
    const int count = mgm_safetensors_count(file);
    struct mgm_tensor_source *sources = calloc((size_t)count, sizeof *sources);
    assert_non_null(sources);
    for (int i = 0; i < count; i++) {
        const struct mgm_tensor *tensor = mgm_safetensors_at(file, i);
        sources[i] = (struct mgm_tensor_source){
            .name = tensor->name, .dtype = tensor->dtype, .ndim = tensor->ndim, .data = tensor->data};
        memcpy(sources[i].dims, tensor->dims, sizeof tensor->dims);
    }
    write_checkpoint(in_workshop(name), sources, count, false);
    free(sources);
    mgm_safetensors_close(&file);
}

static void make_case(const char *name)
{
    static float image[3 * 32 * 32], guidance[32 * 32];
    const struct mgm_tensor_source tensors[] = {{"image", MGM_DTYPE_F32, 4, {1, 3, 32, 32}, image},
                                                {"guidance", MGM_DTYPE_F32, 4, {1, 1, 32, 32}, guidance}};
    for (int i = 0; i < 32 * 32; i++)
        guidance[i] = (float)motif_at(MOTIF_DISC, 32, 32, i % 32, i / 32, 0) / 255.0f;
    assert_int_equal(mgm_safetensors_write(ctx, in_workshop(name), tensors, 2, NULL, 0), MGM_OK);
}

static void make_folders(void)
{
    static const char *const folders[] = {"mattes", "truth", "trimaps", "data", "data/photos", "photos", "masks", "done", "colours",
                                          "bench", "bench/input", "bench/alpha", "bench/trimap"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(in_workshop(folders[i]), 0777), 0);
    make_picture("mattes/a.png", MOTIF_SOFT, 60, 50, 1, 8, 0);
    make_picture("truth/a.png", MOTIF_DISC, 60, 50, 1, 8, 0);
    make_picture("trimaps/a.png", MOTIF_TRIMAP, 60, 50, 1, 8, 0);
    make_picture("bench/input/a.png", MOTIF_COLOURS, 60, 50, 3, 8, 0);
    make_picture("bench/alpha/a.png", MOTIF_SOFT, 60, 50, 1, 8, 0);
    make_picture("bench/trimap/a.png", MOTIF_TRIMAP, 60, 50, 1, 8, 0);
    make_picture("done/a.png", MOTIF_SOFT, 60, 50, 4, 8, 0);
    make_picture("colours/a.png", MOTIF_COLOURS, 60, 50, 3, 8, 0);
    make_picture("photos/a.jpg", MOTIF_COLOURS, 48, 40, 3, 8, 0);
    make_picture("masks/a.png", MOTIF_DISC, 48, 40, 1, 8, 0);
    make_picture("data/photos/a.png", MOTIF_COLOURS, 160, 120, 3, 8, 0);
    write_text("my.cfg", "iterations = 2;\n"
                         "model : { width = 0.125; precision = \"f32\"; };\n"
                         "crops = ( { until = 1.0; size = 64; batch = 1; } );\n"
                         "foregrounds : { count = 6; size = 96; };\n"
                         "workers = 1; ahead = 1;\n"
                         "validation : { interval = 2; count = 1; size = 64; };\n");
}

static int set_up(void **state)
{
    if (workshop_open(state) != 0 || mgm_context_create(&ctx) != MGM_OK)
        return -1;
    make_weights("model.safetensors", 0.125, true);
    make_checkpoint("model.pth", "model.safetensors");
    make_checkpoint("m.pth", "model.safetensors");
    make_case("case.safetensors");
    make_picture("photo.jpg", MOTIF_COLOURS, 48, 40, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, 48, 40, 1, 8, 0);
    make_picture("matte.png", MOTIF_SOFT, 48, 40, 1, 8, 0);
    make_picture("trimap.png", MOTIF_TRIMAP, 48, 40, 1, 8, 0);
    make_folders();
    return 0;
}

static int tear_down(void **state)
{
    mgm_context_destroy(&ctx);
    return workshop_close(state);
}

/** A command of which this build has the help alone. */
static bool is_built(const struct command *command)
{
#ifndef MGM_WITH_ONNX
    if (strcmp(command->name, "export-onnx") == 0)
        return false;
#endif
    return command->run != NULL;
}

static void test_examples_work(void **state)
{
    (void)state;
    int status, count = 0;
    if (!is_installed("bash"))
        skip();
    for (int i = 0; command_table[i]; i++) {
        const struct command_example *example = is_built(command_table[i]) ? command_table[i]->examples : NULL;
        for (; example && example->purpose; example++, count++) {
            char *text = run_script("bash", example->line, &status);
            if (status != 0)
                fail_msg("%s: exit status %d: %s", example->line, status, text);
            free(text);
        }
    }
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_examples_work, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
