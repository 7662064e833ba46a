/* Samples: the same for a seed and a number, consistent planes, guidance that says something, nothing held out in training.
 */
#include "sample_fixture.h"

#include "train/composite.h"
#include "train/plane.h"
#include "train/sample.h"

#include <math.h>

enum { FOREGROUNDS = 30, SIDE = 128, SIZE = 64, COUNT = SIZE * SIZE };

static int set_up(void **state)
{
    struct fixture *f;
    if (fixture_create(&f) != 0)
        return -1;
    *state = f;
    return mgm_foreground_store_create(&f->ctx, f->library, 3, FOREGROUNDS, SIDE, NULL, 2, &f->store) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mgm_foreground_store_destroy(&f->store);
    return fixture_destroy(f);
}

static void make(struct fixture *f, const struct mgm_sample_settings *settings, uint64_t number, struct mgm_batch *batch,
                 int slot)
{
    if (mgm_sample_make(&f->ctx, f->store, settings, 11, number, batch, slot) != MGM_OK)
        fail_msg("%s", f->ctx.error);
}

static struct mgm_batch batch_of(int n)
{
    struct mgm_batch batch;
    assert_int_equal(mgm_batch_create(NULL, n, SIZE, &batch), MGM_OK);
    return batch;
}

static void assert_unit_range(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(values[i] >= 0 && values[i] <= 1); /* false for NaN too */
}

static void values_stay_in_range_and_agree(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings settings = mgm_sample_settings_defaults();
    struct mgm_batch batch = batch_of(1);
    for (uint64_t number = 0; number < 150; number++) {
        make(f, &settings, number, &batch, 0);
        assert_unit_range(batch.image, 3 * COUNT);
        assert_unit_range(batch.fg, 3 * COUNT);
        assert_unit_range(batch.bg, 3 * COUNT);
        assert_unit_range(batch.alpha, COUNT);
        assert_unit_range(batch.guidance, COUNT);
        int said = 0, opaque = 0;
        for (int i = 0; i < COUNT; i++) {
            assert_true(batch.unknown[i] <= 1);
            if (batch.alpha[i] > 0 && batch.alpha[i] < 1)
                assert_int_equal(batch.unknown[i], 1);
            said += batch.guidance[i] > 0.9f;
            opaque += batch.alpha[i] > 0.9f;
        }
        assert_true(said > 0 && opaque >= COUNT * 15 / 1000);
    }
    mgm_batch_release(&batch);
}

/** Squared changes of alpha from a pixel to the next, over many placings: borders are softer where things are larger. */
static double sharpness(struct fixture *f, double closeup)
{
    float *planes = malloc((4 * COUNT + mgm_plane_scratch(SIZE)) * sizeof *planes), *alpha = planes + 3 * COUNT;
    struct mgm_random random = mgm_random_stream(12, 0);
    double sum = 0;
    for (int i = 0; i < 4 * FOREGROUNDS; i++) {
        struct mgm_lease lease;
        assert_int_equal(mgm_store_take_foreground(&f->ctx, f->store, i % FOREGROUNDS, &lease), MGM_OK);
        mgm_place_foreground(&random, &lease.pyramid, &(struct mgm_placing){0.1, true, closeup}, SIZE, planes,
                             planes + 4 * COUNT);
        mgm_lease_release(&lease);
        for (int k = 1; k < COUNT; k++)
            sum += k % SIZE ? pow((double)alpha[k] - alpha[k - 1], 2) : 0;
    }
    free(planes);
    return sum;
}

static void closeups_are_larger(void **state)
{
    const double usual = sharpness(*state, 0), closeup = sharpness(*state, 1);
    assert_true(closeup > 0.2 * usual && closeup < 0.65 * usual);
}

static void without_accidents_the_image_is_the_composite(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings clean = mgm_sample_settings_defaults(), rough = clean;
    clean.camera = (struct mgm_camera_settings){0, 0, 0};
    rough.camera = (struct mgm_camera_settings){1, 1, 1};
    struct mgm_batch a = batch_of(1), b = batch_of(1);
    for (uint64_t number = 0; number < 20; number++) {
        make(f, &clean, number, &a, 0);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < COUNT; i++) {
                float alpha = a.alpha[i], fg = a.fg[c * COUNT + i], bg = a.bg[c * COUNT + i];
                assert_true(fabsf(a.image[c * COUNT + i] - (alpha * fg + (1 - alpha) * bg)) < 1e-6f);
            }
        make(f, &rough, number, &b, 0); /* the accidents happen to the image alone */
        assert_memory_equal(a.fg, b.fg, 3 * COUNT * sizeof(float));
        assert_memory_equal(a.bg, b.bg, 3 * COUNT * sizeof(float));
        assert_memory_equal(a.alpha, b.alpha, COUNT * sizeof(float));
        assert_memory_equal(a.guidance, b.guidance, COUNT * sizeof(float));
        double difference = 0;
        for (int i = 0; i < 3 * COUNT; i++)
            difference += fabsf(a.image[i] - b.image[i]) / (3.0 * COUNT);
        assert_true(difference > 1e-3 && difference < 0.06);
    }
    mgm_batch_release(&a);
    mgm_batch_release(&b);
}

/** Light changes the foreground's colours, in the label and so in the composite; matte and background are what they were. */
static void light_is_in_the_label(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings dark = mgm_sample_settings_defaults(), lit = dark;
    dark.light = (struct mgm_light_settings){0};
    lit.light = (struct mgm_light_settings){.relief = 1, .harmony = 1, .spill = 1};
    dark.camera = lit.camera = (struct mgm_camera_settings){0};
    struct mgm_batch a = batch_of(1), b = batch_of(1);
    int compared = 0;
    for (uint64_t number = 0; number < 30; number++) {
        struct mgm_sample_facts facts[2];
        assert_int_equal(mgm_sample_make_with_facts(&f->ctx, f->store, &dark, 11, number, &a, 0, facts), MGM_OK);
        assert_int_equal(mgm_sample_make_with_facts(&f->ctx, f->store, &lit, 11, number, &b, 0, facts + 1), MGM_OK);
        if (facts[0].tries > 1 || facts[1].tries > 1)
            continue; /* what is drawn again depends on the colours */
        compared++;
        assert_memory_equal(a.alpha, b.alpha, COUNT * sizeof(float));
        assert_memory_equal(a.bg, b.bg, 3 * COUNT * sizeof(float));
        double difference = 0;
        for (int i = 0; i < 3 * COUNT; i++) {
            const float alpha = b.alpha[i % COUNT];
            difference += fabsf(a.fg[i] - b.fg[i]) / (3.0 * COUNT);
            assert_true(fabsf(b.image[i] - (alpha * b.fg[i] + (1 - alpha) * b.bg[i])) < 1e-6f);
        }
        assert_true(difference > 1e-3);
    }
    assert_true(compared > 15);
    mgm_batch_release(&a);
    mgm_batch_release(&b);
}

static void assert_same_sample(const struct mgm_batch *a, int i, const struct mgm_batch *b, int j)
{
    size_t plane = COUNT * sizeof(float);
    assert_memory_equal(a->image + 3 * i * COUNT, b->image + 3 * j * COUNT, 3 * plane);
    assert_memory_equal(a->fg + 3 * i * COUNT, b->fg + 3 * j * COUNT, 3 * plane);
    assert_memory_equal(a->bg + 3 * i * COUNT, b->bg + 3 * j * COUNT, 3 * plane);
    assert_memory_equal(a->alpha + i * COUNT, b->alpha + j * COUNT, plane);
    assert_memory_equal(a->guidance + i * COUNT, b->guidance + j * COUNT, plane);
    assert_memory_equal(a->unknown + i * COUNT, b->unknown + j * COUNT, COUNT);
}

static void a_number_names_a_sample(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings settings = mgm_sample_settings_defaults();
    struct mgm_batch batch = batch_of(3);
    make(f, &settings, 5, &batch, 0);
    make(f, &settings, 6, &batch, 1);
    make(f, &settings, 5, &batch, 2);
    assert_same_sample(&batch, 0, &batch, 2);
    assert_memory_not_equal(batch.image, batch.image + 3 * COUNT, 3 * COUNT * sizeof(float));
    mgm_batch_release(&batch);
}

static void held_out_pictures_stay_out(void **state)
{
    struct fixture *f = *state;
    struct mgm_batch batch = batch_of(1);
    for (int validation = 0; validation < 2; validation++) {
        struct mgm_sample_settings settings = mgm_sample_settings_defaults();
        settings.validation = validation;
        settings.compose_two = settings.distractor = 0.5;
        bool photo_seen[PHOTOS] = {false}, foreground_seen[FOREGROUNDS] = {false};
        for (uint64_t number = 0; number < 250; number++) {
            struct mgm_sample_facts facts;
            assert_int_equal(mgm_sample_make_with_facts(&f->ctx, f->store, &settings, 1, number, &batch, 0, &facts), MGM_OK);
            if (facts.photo >= 0)
                photo_seen[facts.photo] = true;
            const int used[] = {facts.foreground, facts.second, facts.distractor};
            for (int i = 0; i < 3; i++)
                if (used[i] >= 0)
                    foreground_seen[used[i]] = true;
        }
        for (int i = 0; i < PHOTOS; i++) /* 250 draws of 22 (or 2): none of those allowed stays unseen */
            assert_int_equal(photo_seen[i], (i % 12 == 11) == validation);
        for (int i = 0; i < FOREGROUNDS; i++)
            if ((i % 24 == 23) != validation)
                assert_false(foreground_seen[i]);
    }
    mgm_batch_release(&batch);
}

static void wrong_settings_are_refused(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings settings = mgm_sample_settings_defaults();
    struct mgm_batch batch = batch_of(1);
    settings.guidance.soft_share = 0.8;
    settings.guidance.trimap_share = 0.7;
    assert_int_equal(mgm_sample_make(&f->ctx, f->store, &settings, 1, 1, &batch, 0), MGM_E_INVALID);
    settings = mgm_sample_settings_defaults();
    settings.guidance.kernel_max = 0;
    assert_int_equal(mgm_sample_make(&f->ctx, f->store, &settings, 1, 1, &batch, 0), MGM_E_INVALID);
    mgm_batch_release(&batch);
}

/* ---- loader ---- */

static void any_number_of_workers_makes_the_same_batches(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings samples = mgm_sample_settings_defaults();
    enum { N = 3, BATCHES = 8, FIRST = 100 };
    struct mgm_batch expected = batch_of(1);
    static const struct {
        int workers, ahead;
    } cases[] = {{1, 1}, {3, 2}, {5, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mgm_loader_settings settings = {
            .n = N, .size = SIZE, .workers = cases[i].workers, .ahead = cases[i].ahead, .seed = 11, .first = FIRST};
        struct mgm_loader *loader;
        assert_int_equal(mgm_loader_create(&f->ctx, f->store, &samples, &settings, &loader), MGM_OK);
        for (uint64_t b = 0; b < BATCHES; b++) {
            const struct mgm_batch *batch;
            double waited = -1;
            assert_int_equal(mgm_loader_next(&f->ctx, loader, &batch, &waited), MGM_OK);
            assert_true(waited >= 0);
            for (int slot = 0; slot < N; slot++) {
                make(f, &samples, FIRST + b * N + (uint64_t)slot, &expected, 0);
                assert_same_sample(batch, slot, &expected, 0);
            }
        }
        mgm_loader_destroy(&loader);
    }
    mgm_batch_release(&expected);
}

static void a_part_of_each_batch_has_its_numbers(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings samples = mgm_sample_settings_defaults();
    enum { N = 2, WHOLE = 6, OFFSET = 4, FIRST = 50 };
    const struct mgm_loader_settings settings = {
        .n = N, .size = SIZE, .whole = WHOLE, .offset = OFFSET, .workers = 3, .ahead = 2, .seed = 11, .first = FIRST};
    struct mgm_batch expected = batch_of(1);
    struct mgm_loader *loader;
    assert_int_equal(mgm_loader_create(&f->ctx, f->store, &samples, &settings, &loader), MGM_OK);
    for (uint64_t b = 0; b < 3; b++) {
        const struct mgm_batch *batch;
        assert_int_equal(mgm_loader_next(&f->ctx, loader, &batch, NULL), MGM_OK);
        for (int slot = 0; slot < N; slot++) {
            make(f, &samples, FIRST + b * WHOLE + OFFSET + (uint64_t)slot, &expected, 0);
            assert_same_sample(batch, slot, &expected, 0);
        }
    }
    mgm_loader_destroy(&loader);
    mgm_batch_release(&expected);
}

/** The slowest consumer finds as many batches ready as were asked for, and no more were made. */
static void a_loader_keeps_ahead_and_stops(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings samples = mgm_sample_settings_defaults();
    enum { AHEAD = 5 };
    const struct mgm_loader_settings settings = {.n = 2, .size = SIZE, .workers = 2, .ahead = AHEAD, .seed = 3};
    struct mgm_loader *loader;
    const struct mgm_batch *batch;
    assert_int_equal(mgm_loader_create(&f->ctx, f->store, &samples, &settings, &loader), MGM_OK);
    assert_int_equal(mgm_loader_next(&f->ctx, loader, &batch, NULL), MGM_OK);
    for (int patience = 0; mgm_loader_ready(loader) < AHEAD; patience++) {
        assert_true(patience < 6000);
        usleep(10000);
    }
    usleep(50000);
    assert_int_equal(mgm_loader_ready(loader), AHEAD);
    mgm_loader_destroy(&loader);
}

static void a_workers_failure_reaches_the_caller(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings samples = mgm_sample_settings_defaults();
    samples.compose_two = 1.5;
    struct mgm_loader_settings settings = {.n = 2, .size = SIZE, .workers = 2, .ahead = 2};
    struct mgm_loader *loader;
    const struct mgm_batch *batch;
    assert_int_equal(mgm_loader_create(&f->ctx, f->store, &samples, &settings, &loader), MGM_OK);
    assert_int_equal(mgm_loader_next(&f->ctx, loader, &batch, NULL), MGM_E_INVALID);
    assert_non_null(strstr(f->ctx.error, "1.5"));
    assert_null(batch);
    mgm_loader_destroy(&loader);
    assert_null(loader);
}

static void a_loader_can_end_at_any_time(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings samples = mgm_sample_settings_defaults();
    struct mgm_loader_settings settings = {.n = 4, .size = SIZE, .workers = 3, .ahead = 3};
    for (int i = 0; i < 10; i++) {
        struct mgm_loader *loader;
        const struct mgm_batch *batch;
        assert_int_equal(mgm_loader_create(&f->ctx, f->store, &samples, &settings, &loader), MGM_OK);
        for (int k = 0; k < i % 3; k++)
            assert_int_equal(mgm_loader_next(&f->ctx, loader, &batch, NULL), MGM_OK);
        mgm_loader_destroy(&loader);
    }
}

static void a_sheet_shows_the_planes(void **state)
{
    struct fixture *f = *state;
    struct mgm_sample_settings settings = mgm_sample_settings_defaults();
    struct mgm_batch batch = batch_of(2);
    make(f, &settings, 0, &batch, 0);
    make(f, &settings, 1, &batch, 1);
    struct mgm_bitmap sheet;
    assert_int_equal(mgm_batch_sheet(&f->ctx, &batch, &sheet), MGM_OK);
    int pitch = (sheet.width - SIZE) / 5;
    assert_int_equal(sheet.height, pitch + SIZE);
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            const uint8_t *pixel = sheet.data + 3 * ((pitch + y) * sheet.width + 2 * pitch + x);
            assert_int_equal(pixel[1], (int)(255 * batch.alpha[COUNT + y * SIZE + x] + 0.5f));
            pixel += 3 * 2 * pitch;
            assert_int_equal(pixel[2], (int)(255 * batch.fg[(3 + 2) * COUNT + y * SIZE + x] + 0.5f));
        }
    mgm_bitmap_release(&sheet);
    assert_int_equal(mgm_batch_images(&f->ctx, &batch, 1, &sheet), MGM_OK); /* the images alone, one below the other */
    assert_int_equal(sheet.width, SIZE);
    assert_int_equal(sheet.height, pitch + SIZE);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(sheet.data[3 * (pitch * SIZE + i) + 1], (int)(255 * batch.image[(3 + 1) * COUNT + i] + 0.5f));
    mgm_bitmap_release(&sheet);
    mgm_batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stay_in_range_and_agree),
        cmocka_unit_test(closeups_are_larger),
        cmocka_unit_test(without_accidents_the_image_is_the_composite),
        cmocka_unit_test(light_is_in_the_label),
        cmocka_unit_test(a_number_names_a_sample),
        cmocka_unit_test(held_out_pictures_stay_out),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(any_number_of_workers_makes_the_same_batches),
        cmocka_unit_test(a_part_of_each_batch_has_its_numbers),
        cmocka_unit_test(a_loader_keeps_ahead_and_stops),
        cmocka_unit_test(a_workers_failure_reaches_the_caller),
        cmocka_unit_test(a_loader_can_end_at_any_time),
        cmocka_unit_test(a_sheet_shows_the_planes),
    };
    return cmocka_run_group_tests_name("sample", tests, set_up, tear_down);
}
