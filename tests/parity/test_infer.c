/*
 * The whole inference path in reference mode against oracle/infer: 8-bit photo and mask to 8-bit matte, with and without the
 * largest component. Tolerance: at most one grey level on 99.9 % of the pixels; and 98 % equal, or rounding would pass for
 * truncation.
 */
#include "oracle.h"
#include "picture.h"

#include "base/memory.h"
#include "matting/model.h"
#include "matting/network.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double SHARE = 0.001, EQUAL = 0.98;

static void load(struct oracle_case *c, struct mgm_model *model)
{
    struct mgm_safetensors *small = NULL;
    char *path = oracle_beside(c, "small_tensors.safetensors");
    ASSERT_OK(c->ctx, mgm_safetensors_open(c->ctx, path, &small));
    const char *seed = mgm_safetensors_metadata(small, "seed");
    assert_non_null(seed);
    c->seed = strtoull(seed, NULL, 10);
    mgm_safetensors_close(&small);
    mgm_free(path);
    *model = (struct mgm_model){.width = 1, .name = "recipe", .license = ""};
    ASSERT_OK(c->ctx, mgm_network_build(c->ctx, 1, false, &model->graph));
    oracle_params(c, &model->graph, false, &model->params);
}

static struct mgm_image image_of(const struct test_picture *picture)
{
    return (struct mgm_image){
        picture->width, picture->height, picture->channels, 8, (size_t)picture->width * (size_t)picture->channels,
        picture->values};
}

static void compare(const char *label, const float *alpha, const uint8_t *want, size_t count)
{
    size_t off = 0, equal = 0;
    int most = 0;
    for (size_t i = 0; i < count; i++) {
        const int difference = abs((int)(alpha[i] * 255.0f + 0.5f) - want[i]);
        most = difference > most ? difference : most;
        equal += difference == 0;
        off += difference > 1;
    }
    print_message("%s: %zu of %zu pixels equal, %zu off by more than one grey level, at most by %d\n", label, equal, count,
                  off, most);
    assert_true((double)off <= SHARE * (double)count);
    assert_true((double)equal >= EQUAL * (double)count);
}

static void check_picture(struct mgm_context *ctx, struct mgm_session *session, const char *folder, const char *name)
{
    char file[128];
    snprintf(file, sizeof file, "%s_image.png", name);
    struct test_picture photo = read_test_picture(folder, file, 3);
    snprintf(file, sizeof file, "%s_mask.png", name);
    struct test_picture mask = read_test_picture(folder, file, 1);
    const struct mgm_image photo_image = image_of(&photo), mask_image = image_of(&mask);
    const size_t count = (size_t)photo.width * (size_t)photo.height;
    float *alpha = mgm_alloc(count, sizeof *alpha);
    assert_non_null(alpha);
    for (int largest = 0; largest <= 1; largest++) {
        struct mgm_matte_settings settings = mgm_matte_settings_defaults();
        settings.reference = true;
        settings.largest_component = largest;
        snprintf(file, sizeof file, "%s_alpha%s.png", name, largest ? "_postprocessed" : "");
        struct test_picture want = read_test_picture(folder, file, 1);
        assert_true(want.width == photo.width && want.height == photo.height);
        ASSERT_OK(ctx, mgm_matte(session, &photo_image, &mask_image, &settings, alpha, NULL));
        compare(file, alpha, want.values, count);
        free(want.values);
    }
    mgm_free(alpha);
    free(photo.values);
    free(mask.values);
}

/* The number before "_image.png" names a picture's files. */
static void check_all(struct mgm_context *ctx, const char *folder, const glob_t *found)
{
    struct oracle_case c = {.ctx = ctx, .kind = "infer", .path = found->gl_pathv[0]};
    struct mgm_model model;
    struct mgm_session *session = NULL;
    load(&c, &model);
    ASSERT_OK(ctx, mgm_session_create(ctx, &model, &session));
    for (size_t i = 0; i < found->gl_pathc; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", strrchr(found->gl_pathv[i], '/') + 1);
        *strstr(name, "_image.png") = '\0';
        check_picture(ctx, session, folder, name);
    }
    mgm_session_destroy(&session);
    mgm_params_release(&model.params);
    mgm_graph_release(&model.graph);
}

static void test_infer(void **state)
{
    (void)state;
    char folder[4096], pattern[8192];
    struct mgm_context *ctx = NULL;
    glob_t found = {0};
    snprintf(folder, sizeof folder, "%s/infer", oracle_folder());
    snprintf(pattern, sizeof pattern, "%s/*_image.png", folder);
    if (glob(pattern, 0, NULL, &found) != 0) {
        print_message("no pictures in %s: skipped\n", folder);
        skip();
    }
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    check_all(ctx, folder, &found);
    mgm_context_destroy(&ctx);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_infer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
