/* Drawing: exact coverage, colours that go on where nothing was drawn, the same picture on every thread, strict parsing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "synth/library.h"
#include "synth/painter.h"
#include "synth/strands.h"
#include "synth/synth.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 128 };

/* ---- coverage ---- */

static double alpha_sum(const struct canvas *canvas)
{
    double sum = 0;
    for (int i = 0; i < canvas->width * canvas->height; i++)
        sum += (double)canvas->pixels[i][3];
    return sum;
}

static struct canvas canvas_of(int size)
{
    struct canvas canvas;
    assert_int_equal(synth_canvas_create(NULL, size, size, &canvas), MGM_OK);
    return canvas;
}

static v4 paint_orange(const void *argument, float x, float y)
{
    (void)argument, (void)x, (void)y;
    return (v4){0.8f, 0.4f, 0.2f, 1.0f};
}

static void fill_covers_the_exact_area(void **state)
{
    (void)state;
    struct canvas canvas = canvas_of(64);
    struct point triangle[] = {{5.3f, 7.1f}, {50.8f, 12.9f}, {21.4f, 58.6f}};
    double area = 0.5 * fabs((50.8 - 5.3) * (58.6 - 7.1) - (21.4 - 5.3) * (12.9 - 7.1));
    synth_fill(&canvas, triangle, 3, paint_orange, NULL);
    assert_true(fabs(alpha_sum(&canvas) - area) < 0.02);
    for (int i = 0; i < 64 * 64; i++)
        assert_true(canvas.ground[i] == 0.0f);
    synth_canvas_release(&canvas);
}

static void fill_is_clipped(void **state)
{
    (void)state;
    struct canvas canvas = canvas_of(64);
    struct point square[] = {{-20.0f, -30.0f}, {90.0f, -30.0f}, {90.0f, 32.5f}, {-20.0f, 32.5f}};
    synth_fill(&canvas, square, 4, paint_orange, NULL);
    assert_true(fabs(alpha_sum(&canvas) - 64 * 32.5) < 0.05);
    synth_canvas_release(&canvas);
}

/** Its ends lie far away on either side, and where it crosses the picture's columns it is far above them. */
static void strand_that_passes_by_leaves_nothing(void **state)
{
    (void)state;
    struct canvas canvas = canvas_of(64);
    const v4 colour = {1, 1, 1, 1};
    const struct stroke_point points[] = {{-9e11f, 1e12f, 1, colour}, {9e11f, -8e5f, 1, colour}};
    synth_strand(&canvas, points, 2);
    assert_true(alpha_sum(&canvas) == 0);
    synth_canvas_release(&canvas);
}

static void strand_covers_width_times_length(void **state)
{
    (void)state;
    static const struct {
        float x0, y0, x1, y1, radius;
    } cases[] = {{8, 20.3f, 56, 20.3f, 0.1f},
                 {8, 20.3f, 56, 20.3f, 1.7f},
                 {8, 8, 56, 56, 0.3f},
                 {50, 6, 12, 30, 0.8f},
                 {30, 60, 37, 4, 0.25f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct canvas canvas = canvas_of(64);
        struct stroke_point line[2] = {{cases[i].x0, cases[i].y0, cases[i].radius, {1, 1, 1, 1}},
                                       {cases[i].x1, cases[i].y1, cases[i].radius, {1, 1, 1, 1}}};
        synth_strand(&canvas, line, 2);
        double length = hypot((double)(cases[i].x1 - cases[i].x0), (double)(cases[i].y1 - cases[i].y0));
        double area = 2 * (double)cases[i].radius * length;
        assert_true(fabs(alpha_sum(&canvas) - area) < 0.01 * area + 0.01);
        synth_canvas_release(&canvas);
    }
}

/* Cut into pieces, a strand must not get beads or gaps where they meet. */
static void strand_in_pieces_is_the_same_strand(void **state)
{
    (void)state;
    struct canvas whole = canvas_of(64), pieces = canvas_of(64);
    struct stroke_point line[9];
    for (int i = 0; i < 9; i++)
        line[i] = (struct stroke_point){5.0f + 6.1f * (float)i, 10.0f + 2.3f * (float)i, 0.9f, {1, 1, 1, 0.6f}};
    struct stroke_point ends[2] = {line[0], line[8]};
    synth_strand(&whole, ends, 2);
    synth_strand(&pieces, line, 9);
    for (int i = 0; i < 64 * 64; i++)
        assert_true(fabsf(whole.pixels[i][3] - pieces.pixels[i][3]) < 1e-4f);
    synth_canvas_release(&whole);
    synth_canvas_release(&pieces);
}

/* One colour everywhere: blurred, and where nothing was drawn, it must still be that colour. */
static void colour_is_exact_and_continued(void **state)
{
    (void)state;
    struct canvas canvas = canvas_of(65);
    struct point triangle[] = {{20, 22}, {40, 25}, {29, 44}};
    struct stroke_point hair[2] = {{30, 30, 0.2f, {0.8f, 0.4f, 0.2f, 0.5f}}, {60, 8, 0.1f, {0.8f, 0.4f, 0.2f, 0.5f}}};
    synth_fill(&canvas, triangle, 3, paint_orange, NULL);
    synth_strand(&canvas, hair, 2);
    double before = alpha_sum(&canvas);
    assert_int_equal(synth_canvas_defocus(NULL, &canvas, 2.4f), MGM_OK);
    assert_true(fabs(alpha_sum(&canvas) - before) < 1e-3 * before);
    assert_int_equal(synth_canvas_motion(NULL, &canvas, 6.0f, 0.7f), MGM_OK);
    assert_true(fabs(alpha_sum(&canvas) - before) < 1e-3 * before);
    struct mgm_bitmap colour, alpha;
    assert_int_equal(synth_canvas_finish(NULL, &canvas, &colour, &alpha), MGM_OK);
    for (int i = 0; i < 65 * 65; i++) {
        assert_in_range(colour.data[3 * i], 203, 205);
        assert_in_range(colour.data[3 * i + 1], 101, 103);
        assert_in_range(colour.data[3 * i + 2], 50, 52);
    }
    mgm_bitmap_release(&colour);
    mgm_bitmap_release(&alpha);
    synth_canvas_release(&canvas);
}

/* ---- light on strands and folds ---- */

/* A strand that leaves the scalp towards the light and falls away from it: the white highlight first, then the coloured one.
 */
static void a_strand_has_two_highlights(void **state)
{
    (void)state;
    const struct light light = {.x = 0.3f, .y = -0.6f, .z = 0.74f, .ambient = 0.4f, .tint = {1, 1, 1, 1}};
    struct guide guide = {.count = GUIDE_POINTS};
    int shine = 0, glow = 0;
    for (int i = 0; i < GUIDE_POINTS; i++) {
        float angle = 0.6f + 1.8f * (float)i / (GUIDE_POINTS - 1);
        synth_guide_light(&light, &guide, i, 0.2f, sinf(angle), cosf(angle), 1.0f);
        shine = guide.shine[i] > guide.shine[shine] ? i : shine;
        glow = guide.glow[i] > guide.glow[glow] ? i : glow;
        assert_true(guide.light[i] >= 0.39f && guide.light[i] <= 1.11f);
    }
    int wide_shine = 0, wide_glow = 0;
    for (int i = 0; i < GUIDE_POINTS; i++) {
        wide_shine += guide.shine[i] > 0.5f * guide.shine[shine];
        wide_glow += guide.glow[i] > 0.5f * guide.glow[glow];
    }
    float along_shine = -1, along_glow = -1; /* sine to the half-way vector, found again from the geometry */
    float length = sqrtf(light.x * light.x + light.y * light.y + (light.z + 1) * (light.z + 1));
    for (int k = 0; k < 2; k++) {
        float angle = 0.6f + 1.8f * (float)(k ? glow : shine) / (GUIDE_POINTS - 1);
        float h = 0.2f * light.x + sinf(angle) * light.y + cosf(angle) * (light.z + 1);
        *(k ? &along_glow : &along_shine) = h / (length * sqrtf(1.04f));
    }
    assert_true(along_shine > along_glow && wide_glow > wide_shine);
}

static void folds_turn_normals_and_nothing_else(void **state)
{
    (void)state;
    struct material cloth = {.fold_scale = 20, .fold_angle = 0.4f, .seed = 5};
    double turned = 0;
    for (int folded = 0; folded < 2; folded++) {
        cloth.folds = folded ? 0.8f : 0.0f;
        for (int i = 0; i < 400; i++) {
            float x = 0.36f, y = -0.48f, z = 0.8f;
            synth_material_fold(&cloth, (float)(i % 20) * 7.3f, (float)(i / 20) * 5.1f, &x, &y, &z);
            assert_true(fabsf(x * x + y * y + z * z - 1) < 1e-4f && z > 0);
            double moved = hypot((double)x - 0.36, (double)y + 0.48);
            assert_true(folded || moved == hypot((double)0.36f - 0.36, (double)-0.48f + 0.48));
            turned += folded ? moved / 400 : 0;
        }
    }
    assert_true(turned > 0.1 && turned < 0.9);
}

/* ---- strand files ---- */

enum { STRANDS = 60, VERTICES = 5 };

static size_t strand_file(unsigned char *bytes, bool old)
{
    float version = old ? 3.0f : 4.0f;
    uint32_t count = STRANDS, vertices = VERTICES, offset = 160;
    size_t size = old ? 296 : 160, stride = old ? 3 : 4;
    memset(bytes, 0, 296);
    memcpy(bytes, &version, 4);
    memcpy(bytes + 4, &count, 4);
    memcpy(bytes + 8, &vertices, 4);
    memcpy(bytes + 12, old ? (uint32_t[]){0} : &offset, 4);
    for (int s = 0; s < STRANDS; s++) {
        for (int v = 0; v < VERTICES; v++) {
            float a = (float)s * 2.4f, r = 1.0f + 0.1f * (float)v, up = 0.9f - 1.4f * (float)s / STRANDS;
            float position[4] = {r * cosf(a) * sqrtf(1 - up * up), r * up, r * sinf(a) * sqrtf(1 - up * up), 1};
            memcpy(bytes + size, position, 4 * stride);
            size += 4 * stride;
        }
    }
    return size;
}

static void strands_are_parsed(void **state)
{
    (void)state;
    static unsigned char bytes[16384];
    for (int old = 0; old < 2; old++) {
        struct mgm_strands strands;
        size_t size = strand_file(bytes, old);
        assert_int_equal(mgm_strands_parse(NULL, "x", bytes, size, &strands), MGM_OK);
        assert_int_equal(strands.count, STRANDS);
        assert_int_equal(strands.vertices, VERTICES);
        assert_true(fabsf(strands.positions[(7 * VERTICES + 2) * 3 + 1] - 1.2f * (0.9f - 1.4f * 7 / STRANDS)) < 1e-5f);
        mgm_strands_release(&strands);
    }
}

static void damaged_strands_are_refused(void **state)
{
    (void)state;
    static unsigned char bytes[16384];
    struct mgm_context ctx = {.threads = 1};
    struct mgm_strands strands;
    size_t size = strand_file(bytes, true);
    for (size_t cut = 0; cut < size; cut += 7)
        assert_int_equal(mgm_strands_parse(&ctx, "cut.tfx", bytes, cut, &strands), MGM_E_FORMAT);
    assert_non_null(strstr(ctx.error, "cut.tfx"));
    float nan_value = NAN;
    memcpy(bytes + 296 + 40, &nan_value, 4);
    assert_int_equal(mgm_strands_parse(&ctx, "nan.tfx", bytes, size, &strands), MGM_E_FORMAT);
    size = strand_file(bytes, false);
    memset(bytes + 12, 0xff, 4); /* positions far behind the end */
    assert_int_equal(mgm_strands_parse(&ctx, "far.tfx", bytes, size, &strands), MGM_E_FORMAT);
    strand_file(bytes, false);
    memset(bytes + 4, 0xff, 4); /* four thousand million strands */
    assert_int_equal(mgm_strands_parse(&ctx, "many.tfx", bytes, size, &strands), MGM_E_FORMAT);
}

/* ---- whole pictures ---- */

/* Stands in for the program's reader: a picture made from its name. */
static enum mgm_status read_made_up(struct mgm_context *ctx, const char *path, int channels, struct mgm_bitmap *out)
{
    TRY(mgm_bitmap_create(ctx, 200, 150, channels, out));
    unsigned salt = (unsigned)path[strlen(path) - 5];
    for (int y = 0; y < 150; y++) {
        for (int x = 0; x < 200; x++) {
            uint8_t *d = out->data + (y * 200 + x) * channels;
            for (int k = 0; k < channels; k++)
                d[k] = (uint8_t)(((unsigned)(x * (k + 1)) + (unsigned)y * salt) / 3);
            if (channels == 4)
                d[3] = (x - 100) * (x - 100) + (y - 75) * (y - 75) < 70 * 70 ? 255 : 0;
        }
    }
    return MGM_OK;
}

struct fixture {
    char folder[64];
    struct mgm_context ctx;
    struct mgm_synth_library *library;
};

static const char *const parts[] = {"photos", "strands", "cards", "particles", "objects"};
static const char *const files[] = {"photos/a.jpg", "photos/b.png", "cards/w_diffuse.png", "particles/p.png",
                                    "objects/o.png"};

static void write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char path[256];
    static unsigned char bytes[16384];
    strcpy(f->folder, "/tmp/mgm-synth-XXXXXX");
    if (!f || !mkdtemp(f->folder))
        return -1;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, parts[i]);
        mkdir(path, 0700);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        write_file(f->folder, files[i], "", 0);
    write_file(f->folder, "strands/h.tfx", bytes, strand_file(bytes, true));
    *state = f;
    return mgm_synth_library_load(&f->ctx, f->folder, read_made_up, &f->library) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char path[256];
    mgm_synth_library_destroy(&f->library);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/strands/h.tfx", f->folder);
    unlink(path);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, parts[i]);
        rmdir(path);
    }
    rmdir(f->folder);
    free(f);
    return 0;
}

static struct mgm_foreground draw(struct fixture *f, uint64_t index, enum mgm_synth_kind kind)
{
    struct mgm_foreground foreground;
    assert_int_equal(mgm_synth_draw(&f->ctx, f->library, 5, index, kind, SIZE, &foreground), MGM_OK);
    assert_int_equal(foreground.colour.width, SIZE);
    assert_int_equal(foreground.colour.channels, 3);
    assert_int_equal(foreground.alpha.channels, 1);
    return foreground;
}

/* The guidance is made from alpha: each picture needs a part that is certainly foreground, and some background. */
static void every_kind_has_a_body(void **state)
{
    for (int kind = 0; kind < MGM_SYNTH_KIND_COUNT; kind++) {
        for (uint64_t index = 0; index < 6; index++) {
            struct mgm_foreground fg = draw(*state, index, kind);
            int solid = 0;
            for (int i = 0; i < SIZE * SIZE; i++)
                solid += fg.alpha.data[i] >= 229;
            assert_true(solid >= SIZE * SIZE * (kind == MGM_SYNTH_GLASS ? 0.03 : 0.08));
            mgm_foreground_release(&fg);
        }
    }
}

struct drawing {
    struct fixture *fixture;
    struct mgm_foreground drawn[12];
};

static void *draw_all(void *argument)
{
    struct drawing *d = argument;
    struct mgm_context ctx = {.threads = 1};
    for (int i = 11; i >= 0; i--)
        if (mgm_synth_draw(&ctx, d->fixture->library, 5, (uint64_t)i, MGM_SYNTH_KIND_COUNT, SIZE, d->drawn + i) != MGM_OK)
            return argument;
    return NULL;
}

static void threads_draw_the_same(void **state)
{
    struct drawing drawings[2] = {{.fixture = *state}, {.fixture = *state}};
    pthread_t threads[2];
    for (int t = 0; t < 2; t++)
        assert_int_equal(pthread_create(threads + t, NULL, draw_all, drawings + t), 0);
    for (int t = 0; t < 2; t++) {
        void *failed;
        pthread_join(threads[t], &failed);
        assert_null(failed);
    }
    for (uint64_t i = 0; i < 12; i++) {
        struct mgm_foreground here = draw(*state, i, MGM_SYNTH_KIND_COUNT);
        for (int t = 0; t < 2; t++) {
            assert_int_equal(drawings[t].drawn[i].kind, here.kind);
            assert_memory_equal(drawings[t].drawn[i].alpha.data, here.alpha.data, SIZE * SIZE);
            assert_memory_equal(drawings[t].drawn[i].colour.data, here.colour.data, 3 * SIZE * SIZE);
        }
        if (i > 0) /* and not all the same picture */
            assert_memory_not_equal(drawings[0].drawn[i - 1].colour.data, here.colour.data, 3 * SIZE * SIZE);
        mgm_foreground_release(&here);
    }
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < 12; i++)
            mgm_foreground_release(drawings[t].drawn + i);
}

static void impossible_requests_are_refused(void **state)
{
    struct fixture *f = *state;
    struct mgm_foreground fg;
    assert_int_equal(mgm_synth_draw(&f->ctx, f->library, 5, 0, MGM_SYNTH_FUR, 63, &fg), MGM_E_INVALID);
    assert_int_equal(mgm_synth_draw(&f->ctx, f->library, 5, 0, MGM_SYNTH_FUR, 2049, &fg), MGM_E_INVALID);
    struct mgm_synth_library *none;
    assert_int_equal(mgm_synth_library_load(&f->ctx, "/nonexistent", read_made_up, &none), MGM_E_IO);
    assert_non_null(strstr(f->ctx.error, "/nonexistent/photos"));
    assert_null(none);
    write_file(f->folder, "strands/h.tfx", "short", 5);
    assert_int_equal(mgm_synth_library_load(&f->ctx, f->folder, read_made_up, &none), MGM_E_FORMAT);
    assert_non_null(strstr(f->ctx.error, "h.tfx"));
    assert_null(none);
}

/** Every third particle is in one part, the others in the other; what there is one of is in both; photographs stay whole in
 * training. */
static void parts_share_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const more[] = {"particles/q.png", "particles/r.png", "particles/s.png"}; /* behind p.png */
    static const enum mgm_synth_part named[] = {MGM_SYNTH_WHOLE, MGM_SYNTH_TRAINING, MGM_SYNTH_HELD_OUT};
    static const char *const particles[] = {"p.png q.png r.png s.png ", "p.png q.png s.png ", "r.png "};
    static const int photos[] = {2, 2, 1};
    char path[256], seen[64];
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        write_file(f->folder, more[i], "", 0);
    for (int part = 0; part < 3; part++) {
        struct mgm_synth_library *library;
        assert_int_equal(mgm_synth_library_load_part(&f->ctx, f->folder, named[part], read_made_up, &library), MGM_OK);
        seen[0] = '\0';
        for (int i = 0; i < library->particles.count; i++)
            strcat(strcat(seen, library->particles.names[i]), " ");
        assert_string_equal(seen, particles[part]);
        assert_int_equal(library->photos.count, photos[part]);
        assert_string_equal(library->photos.names[library->photos.count - 1], "b.png");
        assert_int_equal(library->strand_count, 1);
        mgm_synth_library_destroy(&library);
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, more[i]);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fill_covers_the_exact_area),
        cmocka_unit_test(fill_is_clipped),
        cmocka_unit_test(strand_that_passes_by_leaves_nothing),
        cmocka_unit_test(strand_covers_width_times_length),
        cmocka_unit_test(strand_in_pieces_is_the_same_strand),
        cmocka_unit_test(colour_is_exact_and_continued),
        cmocka_unit_test(a_strand_has_two_highlights),
        cmocka_unit_test(folds_turn_normals_and_nothing_else),
        cmocka_unit_test(strands_are_parsed),
        cmocka_unit_test(damaged_strands_are_refused),
        cmocka_unit_test_setup_teardown(every_kind_has_a_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_draw_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_share_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(impossible_requests_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
