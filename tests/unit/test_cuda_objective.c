/*
 * The training objective's operations of the CUDA backend against the CPU's functions. Masks and counts are exact. A
 * gradient's sign where a difference is 0 but for rounding may be another: few pixels, if any, of the Laplacian one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cuda_bench.h"

#include "base/memory.h"
#include "matting/network.h"
#include "matting/refinement.h"
#include "nn/backend.h"
#include "train/feed.h"
#include "train/heads.h"
#include "train/losses.h"

#include <math.h>
#include <string.h>

#define OPS (bench.b->ops)

static const double ELEMENT = 1e-6, SUM = 1e-5;

static int free_all(void **state)
{
    (void)state;
    bench_free_all();
    return 0;
}

static size_t plane_of(int size)
{
    return (size_t)size * (size_t)size;
}

static void test_pack(void **state)
{
    (void)state;
    enum { N = 3, SIZE = 64 };
    size_t plane = plane_of(SIZE);
    struct both image = bench_values(MGM_PRECISION_F32, N * 3 * plane, 0, 1);
    struct both guidance = bench_values(MGM_PRECISION_F32, N * plane, 0, 1);
    struct both input = bench_space(MGM_PRECISION_F32, N * 4 * plane);
    struct mgm_batch batch = {.n = N, .size = SIZE, .image = image.host, .guidance = guidance.host};
    mgm_feed_pack(&batch, 1, input.host);
    OPS->pack(bench.b, N, SIZE, SIZE, image.device, guidance.device, mgm_network_mean, mgm_network_deviation, input.device);
    SAME(input, ELEMENT);
}

static void heads_case(int n, int size, int stride)
{
    size_t plane = plane_of(size), raw_plane = plane_of(size / stride);
    struct both raw = bench_values(MGM_PRECISION_F32, (size_t)n * raw_plane, -9, 9);
    struct both alpha = bench_space(MGM_PRECISION_F32, (size_t)n * plane), d_raw = bench_space(MGM_PRECISION_F32, raw.count);
    struct both gradient = bench_values(MGM_PRECISION_F32, alpha.count, -1, 1);
    float *workspace = bench_host(mgm_head_workspace(size, size) * sizeof(float));
    for (int i = 0; i < n; i++)
        mgm_head_forward((float *)raw.host + (size_t)i * raw_plane, size, size, stride, workspace,
                         (float *)alpha.host + (size_t)i * plane);
    OPS->head_forward(bench.b, n, size, stride, raw.device, alpha.device);
    SAME(alpha, ELEMENT);
    bench_send(&alpha);
    for (int i = 0; i < n; i++)
        mgm_head_backward((float *)alpha.host + (size_t)i * plane, (float *)gradient.host + (size_t)i * plane, size, size,
                          stride, workspace, (float *)d_raw.host + (size_t)i * raw_plane);
    OPS->head_backward(bench.b, n, size, stride, alpha.device, gradient.device, d_raw.device);
    SAME(d_raw, SUM);
    bench_free_all();
}

static void test_heads(void **state)
{
    (void)state;
    static const int strides[] = {1, 4, 8};
    for (int i = 0; i < 3; i++) {
        heads_case(1, 64, strides[i]);
        heads_case(3, 96, strides[i]);
    }
}

/* Mostly certain, with specks and stretches that are not, and values on the very edges of "uncertain". */
static struct both some_alpha(size_t count)
{
    struct both alpha = bench_values(MGM_PRECISION_F32, count, -300, 1), edges = bench_mask(count, 0.5);
    float *values = alpha.host, sparse = 0.99f;
    for (size_t i = 0; i < count; i++) {
        sparse = i % 9000 < 200 ? 0.3f : 0.999f;
        bool certain = values[i] < 1 - 301 * (1 - sparse);
        values[i] = certain ? (float)((uint8_t *)edges.host)[i] : i % 2 ? 0.5f : (float)(1.0 / 255.0);
    }
    values[count / 2] = (float)(1.0 - 1.0 / 255.0);
    values[count / 3] = NAN;
    bench_send(&alpha);
    return alpha;
}

static void uncertain_case(int n, int size, const int *sizes)
{
    size_t plane = plane_of(size), count = (size_t)n * plane;
    struct both alpha = some_alpha(count), mask = bench_mask(count, 0.5);
    for (int i = 0; i < n; i++)
        assert_int_equal(mgm_uncertain_region(&bench.ctx, (float *)alpha.host + (size_t)i * plane, size, size, sizes[i],
                                              (uint8_t *)mask.host + (size_t)i * plane),
                         MGM_OK);
    assert_int_equal(OPS->uncertain(bench.b, n, size, alpha.device, sizes, mask.device), MGM_OK);
    assert_memory_equal(bench_fetch(mask.device, count), mask.host, count);
    bench_free_all();
}

static void test_uncertain(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 4, 5, 8, 15, 30, 41, 128, 254, 255};
    for (size_t i = 0; i + 3 <= sizeof sizes / sizeof *sizes; i++) {
        uncertain_case(1, 64, sizes + i);
        uncertain_case(3, 160, sizes + i);
    }
    static const int wrong[][2] = {{1, 0}, {256, 5}};
    float *alpha = bench_device(2 * 64 * 64 * 4);
    for (int i = 0; i < 2; i++)
        assert_int_equal(OPS->uncertain(bench.b, 2, 64, alpha, wrong[i], (uint8_t *)alpha), MGM_E_INVALID);
}

static void test_merge(void **state)
{
    (void)state;
    enum { COUNT = 33333 };
    struct both mask = bench_mask(COUNT, 0.4), finer = bench_values(MGM_PRECISION_F32, COUNT, -1, 1);
    struct both coarser = bench_values(MGM_PRECISION_F32, COUNT, -1, 1);
    const uint8_t *set = mask.host;
    float *f = finer.host, *c = coarser.host;
    for (int i = 0; i < COUNT; i++)
        f[i] = set[i] ? f[i] : c[i];
    OPS->merge(bench.b, COUNT, mask.device, coarser.device, finer.device);
    SAME(finer, 0);
    struct both g = bench_values(MGM_PRECISION_F32, COUNT, -1, 1);
    for (int i = 0; i < COUNT; i++) {
        float kept = set[i] ? 0 : ((float *)g.host)[i];
        c[i] += kept;
        ((float *)g.host)[i] -= kept;
    }
    OPS->unmerge(bench.b, COUNT, mask.device, g.device, coarser.device);
    SAME(g, 0);
    SAME(coarser, 0);
}

static void test_mask_counts(void **state)
{
    (void)state;
    enum { N = 3, H = 64, W = 96 };
    struct both mask = bench_mask(N * H * W, 0.3);
    uint64_t *counts = bench_device(MGM_BACKEND_LEVELS * sizeof *counts), want[MGM_BACKEND_LEVELS] = {0};
    for (int i = 0; i < N; i++) {
        uint64_t own[MGM_LAPLACIAN_LEVELS];
        mgm_laplacian_mask_counts((uint8_t *)mask.host + i * H * W, H, W, own);
        for (int level = 0; level < MGM_BACKEND_LEVELS; level++)
            want[level] += own[level];
    }
    OPS->mask_counts(bench.b, N, H, W, mask.device, counts);
    assert_memory_equal(bench_fetch(counts, sizeof want), want, sizeof want);
}

static void losses_case(int n, int h, int w, bool l1, bool composition, bool laplacian)
{
    size_t plane = (size_t)h * (size_t)w, count = (size_t)n * plane;
    struct both alpha = bench_values(MGM_PRECISION_F32, count, 0, 1), truth = bench_values(MGM_PRECISION_F32, count, 0, 1);
    struct both fg = bench_values(MGM_PRECISION_F32, 3 * count, 0, 1);
    struct both bg = bench_values(MGM_PRECISION_F32, 3 * count, 0, 1), mask = bench_mask(count, 0.7);
    struct both gradient = bench_space(MGM_PRECISION_F32, count);
    double *sums = bench_device(7 * sizeof *sums), want[7] = {0};
    struct mgm_backend_losses losses = {n,         h, w, alpha.device, truth.device,    mask.device, fg.device, bg.device,
                                        {4, 5, 6}, 0, 0, {0},          gradient.device, sums};
    losses.scale_l1 = l1 ? 0.3f : 0;
    losses.scale_composition = composition ? 0.2f : 0;
    for (int level = 0; laplacian && level < MGM_BACKEND_LEVELS; level++)
        losses.scale_laplacian[level] = 0.1f * (float)(1 << level);
    float *workspace = bench_host(mgm_laplacian_workspace(h, w) * sizeof(float));
    memset(gradient.host, 0, count * sizeof(float));
    for (int i = 0; i < n; i++) {
        size_t at = (size_t)i * plane;
        float *a = (float *)alpha.host + at, *t = (float *)truth.host + at, *g = (float *)gradient.host + at;
        const uint8_t *m = (uint8_t *)mask.host + at;
        struct mgm_loss_colours colours = {t, (float *)fg.host + 3 * at, (float *)bg.host + 3 * at, {4, 5, 6}};
        double own[MGM_LAPLACIAN_LEVELS];
        if (l1)
            want[0] += mgm_loss_l1(a, t, m, plane, losses.scale_l1, g);
        if (composition)
            want[1] += mgm_loss_composition(a, &colours, m, plane, losses.scale_composition, g);
        if (laplacian)
            mgm_loss_laplacian(a, t, m, h, w, losses.scale_laplacian, workspace, own, g);
        for (int level = 0; laplacian && level < MGM_BACKEND_LEVELS; level++)
            want[2 + level] += own[level];
    }
    OPS->losses(bench.b, &losses);
    const double *have = bench_fetch(sums, sizeof want);
    for (int i = 0; i < 7; i++)
        if (!(fabs(have[i] - want[i]) <= SUM * want[i])) /* the CPU sums 4096 values in f32, one by one without vectors */
            fail_msg("loss number %d is %.9g, not %.9g", i, have[i], want[i]);
    bench_compare("the losses' gradient", &gradient, SUM, laplacian ? 0.001 : 0);
    bench_free_all();
}

static void test_losses(void **state)
{
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        losses_case(1, 64, 64, kind & 1, kind & 2, kind & 4);
        losses_case(3, 64, 96, kind & 1, kind & 2, kind & 4);
    }
    losses_case(2, 160, 96, true, true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_pack, free_all),        cmocka_unit_test_teardown(test_heads, free_all),
        cmocka_unit_test_teardown(test_uncertain, free_all),   cmocka_unit_test_teardown(test_merge, free_all),
        cmocka_unit_test_teardown(test_mask_counts, free_all), cmocka_unit_test_teardown(test_losses, free_all),
    };
    int status = bench_open();
    if (status)
        return status;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    bench_close();
    return status;
}
