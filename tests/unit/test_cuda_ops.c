/*
 * The CUDA backend's memory, failures, weights, optimiser and element-wise operations against the CPU's. Layers are in
 * test_cuda_layers.c, convolutions in test_cuda_conv.c, the objective in test_cuda_objective.c.
 *
 * Tolerances are relative to the root mean square. Element by element both sides do the same few operations in f32 (the
 * device may fuse a product and a sum): 1e-6. Sums of thousands of values in another order: 1e-5 or better.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cuda_bench.h"

#include "base/memory.h"
#include "nn/backend.h"
#include "nn/spectral.h"
#include "nn/vector.h"
#include "train/optimiser.h"
#ifndef MGM_TEST_CUDA_DEVICE
#include "cuda_emulated.h"
#endif

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

static void test_memory(void **state)
{
    (void)state;
    enum { COUNT = 3000001 }; /* more than one part of the staging memory */
    struct both a = bench_values(MGM_PRECISION_F32, COUNT, -1, 1), b = bench_space(MGM_PRECISION_F32, COUNT);
    assert_memory_equal(bench_fetch(a.device, COUNT * 4), a.host, COUNT * 4);
    OPS->copy(bench.b, b.device, a.device, COUNT * 4);
    OPS->clear(bench.b, (float *)b.device + 5, 4 * 7);
    memcpy(b.host, a.host, COUNT * 4);
    memset((float *)b.host + 5, 0, 4 * 7);
    assert_memory_equal(bench_fetch(b.device, COUNT * 4), b.host, COUNT * 4);
    void *none;
    assert_int_equal(OPS->alloc(bench.b, (size_t)1 << 50, &none), MGM_E_NOMEM);
    assert_null(none);
    assert_non_null(strstr(bench.ctx.error, "1125899906842624 bytes"));
    OPS->release(bench.b, NULL);
    assert_int_equal(OPS->finish(bench.b), MGM_OK);
}

#ifndef MGM_TEST_CUDA_DEVICE
static void test_failures_are_reported_once(void **state)
{
    (void)state;
    float values[4] = {0};
    void *device = bench_device(sizeof values);
    mgm_cuda_emulated_break(bench.b);
    mgm_cuda_emulated_break(bench.b);
    assert_int_equal(OPS->download(bench.b, values, device, sizeof values), MGM_E_BACKEND);
    assert_string_equal(bench.ctx.error, "CUDA could not do what the test forbids");
    assert_int_equal(OPS->finish(bench.b), MGM_OK);
}
#endif

/* ---- element by element --------------------------------------------------------------------------------------------- */

static void test_linear(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 7, 8, 4 * 33 * 31, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int p = 0; p < 2; p++) {
            enum mgm_precision precision = bench_precisions[p];
            struct both f32 = bench_values(MGM_PRECISION_F32, counts[i], -1, 1);
            struct both a = bench_values(precision, counts[i], -1, 1), b = bench_values(precision, counts[i], -1, 1);
            mgm_accumulate(1, precision, counts[i], a.host, b.host);
            OPS->accumulate(bench.b, precision, counts[i], a.device, b.device);
            SAME(b, 0);
            mgm_convert_from_f32(1, precision, counts[i], f32.host, b.host);
            OPS->convert_from_f32(bench.b, precision, counts[i], f32.device, b.device);
            SAME(b, 0);
            mgm_convert_to_f32(1, precision, counts[i], a.host, f32.host);
            OPS->convert_to_f32(bench.b, precision, counts[i], a.device, f32.device);
            SAME(f32, 0);
            bench_free_all();
        }
}

static void test_bias(void **state)
{
    (void)state;
    static const int channels[] = {1, 3, 8, 40, 130};
    for (size_t k = 0; k < sizeof channels / sizeof *channels; k++) {
        size_t c = (size_t)channels[k], pixels = 3 * 65 * 31;
        struct both values = bench_values(MGM_PRECISION_F32, pixels * c, -1, 1);
        struct both bias = bench_values(MGM_PRECISION_F32, c, -1, 1), d_bias = bench_space(MGM_PRECISION_F32, c);
        for (size_t i = 0; i < c; i++) {
            double sum = 0;
            for (size_t j = i; j < values.count; j += c)
                sum += ((float *)values.host)[j];
            ((float *)d_bias.host)[i] = (float)sum;
        }
        OPS->bias_gradient(bench.b, pixels, channels[k], values.device, d_bias.device);
        SAME(d_bias, ELEMENT);
        for (size_t j = 0; j < values.count; j++)
            ((float *)values.host)[j] += ((float *)bias.host)[j % c];
        OPS->add_bias(bench.b, pixels, channels[k], bias.device, values.device);
        SAME(values, 0);
        bench_free_all();
    }
}

/* ---- weights -------------------------------------------------------------------------------------------------------- */

static void spectral_case(int rows, int cols)
{
    size_t count = (size_t)rows * (size_t)cols;
    struct both weights = bench_values(MGM_PRECISION_F32, count, -1, 1.2), g = bench_values(MGM_PRECISION_F32, count, -1, 1);
    struct both u = bench_values(MGM_PRECISION_F32, (size_t)rows, -1, 1);
    struct both v = bench_values(MGM_PRECISION_F32, (size_t)cols, -1, 1);
    struct both sigma = bench_space(MGM_PRECISION_F32, 1), divided = bench_space(MGM_PRECISION_F32, count);
    for (int turn = 0; turn < 2; turn++) {
        mgm_spectral_iterate(1, weights.host, rows, cols, u.host, v.host);
        OPS->spectral_iterate(bench.b, weights.device, rows, cols, u.device, v.device, sigma.device);
    }
    float s = *(float *)sigma.host = mgm_spectral_sigma(weights.host, rows, cols, u.host, v.host);
    SAME(u, SUM);
    SAME(v, SUM);
    SAME(sigma, ELEMENT);
    for (int with = 0; with < 2; with++) {
        for (size_t i = 0; i < count; i++)
            ((float *)divided.host)[i] = ((float *)weights.host)[i] * (with ? 1 / s : 1);
        OPS->divide(bench.b, weights.device, count, with ? sigma.device : NULL, divided.device);
        SAME(divided, ELEMENT);
    }
    mgm_spectral_backward(1, weights.host, rows, cols, u.host, v.host, s, g.host);
    OPS->spectral_backward(bench.b, weights.device, rows, cols, u.device, v.device, sigma.device, g.device);
    SAME(g, SUM);
    bench_free_all();
}

static void test_spectral(void **state)
{
    (void)state;
    spectral_case(8, 36);
    spectral_case(24, 8);
    spectral_case(40, 24 * 9);
    spectral_case(256, 1152);
}

static void test_transpose_weights(void **state)
{
    (void)state;
    static const int sides[][2] = {{8, 8}, {24, 40}, {1, 3}};
    for (size_t k = 0; k < sizeof sides / sizeof *sides; k++) {
        int in = sides[k][0], out = sides[k][1];
        struct both plain = bench_values(MGM_PRECISION_F32, (size_t)(16 * in * out), -1, 1), grid = bench_copy(&plain);
        struct both sigma = bench_values(MGM_PRECISION_F32, 1, 2, 3);
        mgm_transpose_weights(plain.host, in, out, 1 / *(float *)sigma.host, grid.host);
        OPS->transpose_weights(bench.b, plain.device, in, out, sigma.device, grid.device);
        SAME(grid, ELEMENT);
        mgm_transpose_weights(plain.host, in, out, 1, grid.host);
        OPS->transpose_weights(bench.b, plain.device, in, out, NULL, grid.device);
        SAME(grid, 0);
        struct both back = bench_values(MGM_PRECISION_F32, grid.count, -1, 1);
        mgm_transpose_weights_backward(back.host, in, out, plain.host);
        OPS->transpose_weights_backward(bench.b, back.device, in, out, plain.device);
        SAME(plain, 0);
        bench_free_all();
    }
}

/* ---- the optimiser -------------------------------------------------------------------------------------------------- */

static void test_optimiser(void **state)
{
    (void)state;
    enum { COUNT = 70001 };
    struct mgm_optimiser cpu;
    struct mgm_optimiser_settings settings = mgm_optimiser_settings_defaults();
    settings.weight_decay = 0.1;
    assert_int_equal(mgm_optimiser_create(&bench.ctx, COUNT, &cpu), MGM_OK);
    struct both values = bench_values(MGM_PRECISION_F32, COUNT, -1, 1);
    struct both first = bench_values(MGM_PRECISION_F32, COUNT, 0, 0), second = bench_values(MGM_PRECISION_F32, COUNT, 0, 0);
    double *sum = bench_device(sizeof *sum);
    for (int step = 1; step <= 3; step++) {
        struct both g = bench_values(MGM_PRECISION_F32, COUNT, -step * step, step);
        double average = cpu.average_norm, norm = mgm_optimiser_step(&cpu, &settings, 1e-3, 1, g.host, values.host);
        OPS->sum_of_squares(bench.b, COUNT, g.device, sum);
        double have = sqrt(*(double *)bench_fetch(sum, sizeof *sum));
        assert_true(fabs(have / norm - 1) < 1e-12);
        double clip = average > 0 ? fmin(1, 2 * average / (norm + 1e-6)) : 1;
        struct mgm_backend_adam adam = {.count = COUNT,
                                        .values = values.device,
                                        .first = first.device,
                                        .second = second.device,
                                        .gradients = g.device,
                                        .shrink_gradient = (float)clip,
                                        .keep1 = 0.5f,
                                        .take1 = 0.5f,
                                        .keep2 = 0.999f,
                                        .take2 = (float)(1 - 0.999),
                                        .step_size = (float)(1e-3 / (1 - pow(0.5, step))),
                                        .root_correction = (float)(1 / sqrt(1 - pow(0.999, step))),
                                        .epsilon = 1e-8f,
                                        .shrink = (float)(1 - 1e-3 * 0.1)};
        OPS->adam(bench.b, &adam);
        memcpy(first.host, cpu.first, COUNT * sizeof(float));
        memcpy(second.host, cpu.second, COUNT * sizeof(float));
        SAME(values, ELEMENT);
        SAME(first, ELEMENT);
        SAME(second, ELEMENT);
    }
    struct both average = bench_values(MGM_PRECISION_F32, COUNT, -1, 1);
    mgm_average_update(average.host, values.host, COUNT, 0.99, 1);
    OPS->average(bench.b, COUNT, 0.99, values.device, average.device);
    SAME(average, ELEMENT);
    mgm_optimiser_release(&cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_memory, free_all),
#ifndef MGM_TEST_CUDA_DEVICE
        cmocka_unit_test_teardown(test_failures_are_reported_once, free_all),
#endif
        cmocka_unit_test_teardown(test_linear, free_all),
        cmocka_unit_test_teardown(test_bias, free_all),
        cmocka_unit_test_teardown(test_spectral, free_all),
        cmocka_unit_test_teardown(test_transpose_weights, free_all),
        cmocka_unit_test_teardown(test_optimiser, free_all),
    };
    int status = bench_open();
    if (status)
        return status;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    bench_close();
    return status;
}
