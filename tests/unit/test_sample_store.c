/* The store: what was drawn is found again, what is missing is drawn, another cache is refused; sampling of pictures. */
#include "sample_fixture.h"

#include "train/perturb.h"
#include "train/plane.h"
#include "train/store.h"
#include "train/trimap.h"

#include <math.h>

enum { SIDE = 64, PIXELS = SIDE * SIDE * 4 };

static int set_up(void **state)
{
    return fixture_create((struct fixture **)state);
}

static int tear_down(void **state)
{
    return fixture_destroy(*state);
}

/* ---- cache ---- */

static void count_call(void *argument, int done, int count)
{
    assert_true(done <= count);
    ++*(int *)argument;
}

static enum mgm_status open_store(struct fixture *f, const char *path, uint64_t seed, int count, int size, int *drawn,
                                  struct mgm_foreground_store **out)
{
    *drawn = 0;
    struct mgm_foreground_store_settings settings = {.seed = seed,
                                                     .count = count,
                                                     .size = size,
                                                     .threads = 2,
                                                     .cache = path,
                                                     .progress = count_call,
                                                     .progress_argument = drawn};
    return mgm_foreground_store_open(&f->ctx, f->library, &settings, out);
}

static void cache_path(const struct fixture *f, char path[128])
{
    snprintf(path, 128, "%s/cache", f->folder);
}

static const uint8_t *pixels_of(const struct mgm_foreground_store *store, int index)
{
    return mgm_store_foreground(store, index)->level[0].data;
}

static void a_cache_is_found_again_and_grows(void **state)
{
    struct fixture *f = *state;
    char path[128];
    uint8_t kept[5][PIXELS];
    struct mgm_foreground_store *store;
    int drawn;
    cache_path(f, path);
    assert_int_equal(open_store(f, path, 9, 5, SIDE, &drawn, &store), MGM_OK);
    assert_int_equal(drawn, 5);
    for (int i = 0; i < 5; i++) {
        struct mgm_foreground direct;
        memcpy(kept[i], pixels_of(store, i), PIXELS);
        assert_int_equal(mgm_synth_draw(&f->ctx, f->library, 9, (uint64_t)i, MGM_SYNTH_KIND_COUNT, SIDE, &direct), MGM_OK);
        for (int p = 0; p < SIDE * SIDE; p++) {
            assert_memory_equal(kept[i] + 4 * p, direct.colour.data + 3 * p, 3);
            assert_int_equal(kept[i][4 * p + 3], direct.alpha.data[p]);
        }
        assert_int_equal(mgm_store_foreground_kind(store, i), direct.kind);
        mgm_foreground_release(&direct);
    }
    mgm_foreground_store_destroy(&store);
    assert_int_equal(open_store(f, path, 9, 8, SIDE, &drawn, &store), MGM_OK);
    assert_int_equal(drawn, 3);
    for (int i = 0; i < 5; i++)
        assert_memory_equal(kept[i], pixels_of(store, i), PIXELS);
    mgm_foreground_store_destroy(&store);
    assert_int_equal(open_store(f, path, 9, 4, SIDE, &drawn, &store), MGM_OK); /* fewer than it holds */
    assert_int_equal(drawn, 0);
    mgm_foreground_store_destroy(&store);
    unlink(path);
}

/** All of one kind, and each foreground and photograph in both shares. */
static void an_undivided_store_of_one_kind(void **state)
{
    struct fixture *f = *state;
    const enum mgm_synth_kind kind = MGM_SYNTH_LATTICE;
    const struct mgm_foreground_store_settings settings = {
        .seed = 4, .count = 3, .size = SIDE, .threads = 1, .undivided = true, .kind = &kind};
    struct mgm_foreground_store *store;
    int count;
    assert_int_equal(mgm_foreground_store_open(&f->ctx, f->library, &settings, &store), MGM_OK);
    for (int share = 0; share < 2; share++) {
        const int *indices = mgm_store_foregrounds(store, share, &count);
        assert_int_equal(count, 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(indices[i], i);
        (void)mgm_store_photos(store, share, &count);
        assert_int_equal(count, mgm_synth_library_photo_count(f->library));
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(mgm_store_foreground_kind(store, i), kind);
    mgm_foreground_store_destroy(&store);
}

static void a_cut_off_cache_is_completed(void **state)
{
    struct fixture *f = *state;
    char path[128];
    uint8_t kept[PIXELS];
    struct mgm_foreground_store *store;
    struct stat facts;
    int drawn;
    cache_path(f, path);
    assert_int_equal(open_store(f, path, 9, 4, SIDE, &drawn, &store), MGM_OK);
    memcpy(kept, pixels_of(store, 3), PIXELS);
    mgm_foreground_store_destroy(&store);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(truncate(path, facts.st_size - 9000), 0); /* as after a kill: the last one has no mark */
    assert_int_equal(open_store(f, path, 9, 4, SIDE, &drawn, &store), MGM_OK);
    assert_int_equal(drawn, 1);
    assert_memory_equal(kept, pixels_of(store, 3), PIXELS);
    mgm_foreground_store_destroy(&store);
    unlink(path);
}

static void another_cache_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct mgm_foreground_store *store;
    int drawn;
    cache_path(f, path);
    assert_int_equal(open_store(f, path, 9, 2, SIDE, &drawn, &store), MGM_OK);
    mgm_foreground_store_destroy(&store);
    assert_int_equal(open_store(f, path, 10, 2, SIDE, &drawn, &store), MGM_E_FORMAT);
    assert_non_null(strstr(f->ctx.error, path));
    assert_non_null(strstr(f->ctx.error, "seed 9"));
    assert_null(store);
    assert_int_equal(open_store(f, path, 9, 2, 2 * SIDE, &drawn, &store), MGM_E_FORMAT);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 8, SEEK_SET); /* the version */
    fputc(99, file);
    fclose(file);
    assert_int_equal(open_store(f, path, 9, 2, SIDE, &drawn, &store), MGM_E_FORMAT);
    assert_non_null(strstr(f->ctx.error, "version 99"));
    file = fopen(path, "wb");
    assert_non_null(file);
    fputs("not a cache", file);
    fclose(file);
    assert_int_equal(open_store(f, path, 9, 2, SIDE, &drawn, &store), MGM_E_FORMAT);
    unlink(path);
    assert_int_equal(open_store(f, "/nonexistent/cache", 9, 2, SIDE, &drawn, &store), MGM_E_IO);
}

static void a_cache_drawn_differently_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct mgm_foreground_store *store;
    int drawn;
    cache_path(f, path);
    assert_int_equal(open_store(f, path, 9, 2, SIDE, &drawn, &store), MGM_OK);
    mgm_foreground_store_destroy(&store);
    FILE *file = fopen(path, "r+b"); /* foreground 0 as another drawing might have made it */
    assert_non_null(file);
    fseek(file, 4096, SEEK_SET);
    for (int i = 0; i < PIXELS / 2; i++)
        fputc(i % 251, file);
    fclose(file);
    assert_int_equal(open_store(f, path, 9, 2, SIDE, &drawn, &store), MGM_E_FORMAT);
    assert_non_null(strstr(f->ctx.error, "other photographs"));
    unlink(path);
}

/* ---- pictures ---- */

static void halving_and_composing_can_be_exchanged(void **state)
{
    (void)state;
    uint8_t src[4 * 2 * 4] = {200, 10, 40, 255, 90, 70, 30, 0, 5, 5, 5, 128, 250, 250, 250, 250,
                              100, 50, 60, 64,  8,  9,  7,  0, 1, 2, 3, 255, 4,   4,   4,   0};
    uint8_t half[2 * 4];
    mgm_halve(src, 4, 2, 4, half);
    for (int x = 0; x < 2; x++)
        for (int c = 0; c < 3; c++) {
            double expected = 0;
            for (int k = 0; k < 4; k++) {
                const uint8_t *p = src + 4 * ((k / 2) * 4 + 2 * x + k % 2);
                expected += p[c] * p[3] / 255.0 / 4;
            }
            assert_true(fabs(half[4 * x + c] * half[4 * x + 3] / 255.0 - expected) < 1.0);
        }
}

static void a_crop_reads_where_it_should(void **state)
{
    (void)state;
    enum { W = 8, S = 4 };
    uint8_t data[W * W * 3];
    for (int i = 0; i < W * W * 3; i++)
        data[i] = (uint8_t)(i * 37);
    struct mgm_pyramid pyramid = {.channels = 3, .levels = 1, .level = {{.width = W, .height = W, .data = data}}};
    float out[3 * S * S];
    struct mgm_affine shift = {1, 0, 2, 0, 1, 3};
    mgm_pyramid_crop(&pyramid, &shift, S, out);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < S; y++)
            for (int x = 0; x < S; x++)
                assert_true(fabsf(out[(c * S + y) * S + x] - data[((y + 3) * W + x + 2) * 3 + c] / 255.0f) < 1e-6f);
    struct mgm_affine beyond = {1, 0, -2, 0, 1, 6}; /* mirrored: −2, −1, 0, 1 read 1, 0, 0, 1; 6, 7, 8, 9 read 6, 7, 7, 6 */
    static const int xs[S] = {1, 0, 0, 1}, ys[S] = {6, 7, 7, 6};
    mgm_pyramid_crop(&pyramid, &beyond, S, out);
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++)
            assert_true(fabsf(out[y * S + x] - data[(ys[y] * W + xs[x]) * 3] / 255.0f) < 1e-6f);
    struct mgm_affine turned = {0, 1, 2, 1, 0, 3}; /* transposed */
    mgm_pyramid_crop(&pyramid, &turned, S, out);
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++)
            assert_true(fabsf(out[y * S + x] - data[((x + 3) * W + y + 2) * 3] / 255.0f) < 1e-6f);
}

/* ---- guidance ---- */

enum { S = 64 };

static void disc(float *plane, double x, double y, double radius)
{
    for (int i = 0; i < S * S; i++) {
        double edge = radius - hypot(i % S - x, i / S - y) + 0.5;
        if (edge > 0)
            plane[i] = (float)fmax(plane[i], fmin(edge, 1));
    }
}

static void judging_tells_useful_guidance(void **state)
{
    (void)state;
    static float alpha[S * S], guidance[S * S];
    disc(alpha, 20, 30, 12);
    assert_true(mgm_guidance_tells(alpha, alpha, S));
    assert_false(mgm_guidance_tells(alpha, guidance, S)); /* empty */
    disc(guidance, 50, 30, 8);
    assert_false(mgm_guidance_tells(alpha, guidance, S)); /* elsewhere */
    memset(guidance, 0, sizeof guidance);
    disc(guidance, 20, 30, 9);
    assert_true(mgm_guidance_tells(alpha, guidance, S)); /* eroded */
    disc(alpha, 54, 54, 5);
    assert_false(mgm_guidance_tells(alpha, guidance, S)); /* a second thing that it does not mention */
}

static void a_trimap_is_known_only_well_inside(void **state)
{
    (void)state;
    static float alpha[S * S];
    static uint8_t unknown[S * S], space[S * S];
    disc(alpha, 32, 32, 20);
    assert_int_equal(mgm_trimap_unknown(NULL, alpha, S, 1, 1, unknown, space), MGM_OK);
    for (int i = 0; i < S * S; i++)
        assert_int_equal(unknown[i], alpha[i] > 0 && alpha[i] < 1);
    assert_int_equal(mgm_trimap_unknown(NULL, alpha, S, 9, 5, unknown, space), MGM_OK);
    for (int i = 0; i < S * S; i++) {
        double r = hypot(i % S - 32, i / S - 32);
        if (r < 14 || r > 25)
            assert_int_equal(unknown[i], 0);
        else if (r > 16.5 && r < 21.5)
            assert_int_equal(unknown[i], 1);
    }
}

static void guidance_of_each_kind_has_its_values(void **state)
{
    (void)state;
    static float alpha[S * S], guidance[S * S], field[S * S];
    static uint8_t mask[S * S], other[S * S];
    float *scratch = malloc(mgm_plane_scratch(S) * sizeof(float));
    struct mgm_perturb_space space = {.field = field, .scratch = scratch, .mask = mask, .other = other};
    assert_non_null(scratch);
    disc(alpha, 32, 32, 20);
    for (int kind = 0; kind < 3; kind++) {
        struct mgm_guidance_settings settings = {
            .soft_share = kind == 0, .trimap_share = kind == 1, .coarse_share = 0.5, .kernel_max = 12};
        bool between = false;
        struct mgm_random random = mgm_random_stream(4, (uint64_t)kind);
        for (int round = 0; round < 40; round++) {
            assert_int_equal(mgm_perturb_guidance(NULL, &random, &settings, 1, alpha, NULL, S, &space, guidance), MGM_OK);
            for (int i = 0; i < S * S; i++) {
                bool edge = guidance[i] > 0 && guidance[i] < 1;
                assert_true(guidance[i] >= 0 && guidance[i] <= 1);
                between |= edge;
                if (kind == 1) {
                    assert_true(guidance[i] == 0.5f || guidance[i] == (alpha[i] >= 0.5f)); /* never wrong where known */
                    assert_true(guidance[i] == 0.5f || alpha[i] < 0.004f || alpha[i] > 0.996f);
                }
            }
        }
        assert_int_equal(between, kind < 2); /* masks have nothing in between */
    }
    free(scratch);
}

static void planes_are_averaged_as_they_say(void **state)
{
    (void)state;
    float *scratch = malloc(mgm_plane_scratch(S) * sizeof(float)), plane[S * S], coarse[S * S];
    assert_non_null(scratch);
    for (int i = 0; i < S * S; i++)
        plane[i] = (float)(i % S) / S;
    mgm_plane_coarse(plane, S, 8, 3, 0, true, coarse, scratch);
    assert_true(fabsf(coarse[10 * S + 6] - (5 + 12) / 2.0f / S) < 1e-5f); /* cell of columns 5 … 12 */
    mgm_plane_coarse(plane, S, 8, 3, 0, false, coarse, scratch);
    assert_true(fabsf(coarse[10 * S + 30] - plane[10 * S + 30]) < 1e-5f); /* linear stays linear */
    mgm_plane_disc(plane, S, 5.5, scratch);
    assert_true(fabsf(plane[30 * S + 30] - 30.0f / S) < 1e-4f);
    memset(plane, 0, sizeof plane);
    plane[32 * S + 32] = 1;
    mgm_plane_disc(plane, S, 4, scratch);
    double sum = 0;
    for (int i = 0; i < S * S; i++) {
        sum += plane[i];
        assert_true((plane[i] > 1e-4f) == (hypot(i % S - 32, i / S - 32) <= 4.25));
    }
    assert_true(fabs(sum - 1) < 1e-3);
    free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_is_found_again_and_grows),     cmocka_unit_test(an_undivided_store_of_one_kind),
        cmocka_unit_test(a_cut_off_cache_is_completed),         cmocka_unit_test(another_cache_is_refused),
        cmocka_unit_test(a_cache_drawn_differently_is_refused), cmocka_unit_test(halving_and_composing_can_be_exchanged),
        cmocka_unit_test(a_crop_reads_where_it_should),         cmocka_unit_test(judging_tells_useful_guidance),
        cmocka_unit_test(a_trimap_is_known_only_well_inside),   cmocka_unit_test(guidance_of_each_kind_has_its_values),
        cmocka_unit_test(planes_are_averaged_as_they_say),
    };
    return cmocka_run_group_tests_name("sample-store", tests, set_up, tear_down);
}
