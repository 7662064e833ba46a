/* Layers of the CUDA backend against the CPU's: norms, what moves pixels, convolutions to one channel. Tolerances as in
 * test_cuda_ops.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cuda_bench.h"

#include "nn/backend.h"
#include "nn/single_conv.h"

#include <math.h>

#define OPS (bench.b->ops)

static const double ELEMENT = 1e-6, SUM = 1e-5;

static int free_all(void **state)
{
    (void)state;
    bench_free_all();
    return 0;
}

/* ---- norms ---------------------------------------------------------------------------------------------------------- */

/* forward_norm() of the training plan. */
static void norm_on_cpu(const struct mgm_norm *norm, const void *x, const void *residual, const float *scale,
                        const float *shift, int replicas, float *running_mean, float *running_variance, float *mean,
                        float *inverse, void *y)
{
    float *workspace = bench_host((mgm_norm_workspace(norm->channels) + 2 * (size_t)norm->channels) * sizeof(float));
    float *factor = workspace + mgm_norm_workspace(norm->channels), *offset = factor + norm->channels;
    mgm_norm_statistics(norm, x, workspace, mean, inverse);
    double count = (double)norm->pixels * replicas, unbiased = count > 1 ? count / (count - 1) : 1;
    for (int c = 0; c < norm->channels; c++) {
        float variance = inverse[c];
        running_mean[c] += MGM_NORM_MOMENTUM * (mean[c] - running_mean[c]);
        running_variance[c] += MGM_NORM_MOMENTUM * ((float)(variance * unbiased) - running_variance[c]);
        inverse[c] = 1 / sqrtf(variance + MGM_NORM_EPSILON);
        factor[c] = scale[c] * inverse[c];
        offset[c] = shift[c] - mean[c] * factor[c];
    }
    mgm_norm_apply(norm, x, residual, factor, offset, y);
}

static void norm_case(enum mgm_precision precision, size_t pixels, int channels, float slope, bool residual,
                      double mean_of_x)
{
    /* Where what is subtracted from x is a hundred times what is left, so is the error. One pixel has no variance: x and the
     * mean cancel, each multiplied by 316 */
    const double fine = mean_of_x > 10 || pixels == 1 ? 1e-4 : SUM;
    size_t c = (size_t)channels, count = pixels * c;
    struct mgm_norm norm = {.precision = precision, .pixels = pixels, .channels = channels, .slope = slope};
    norm.relu_first = residual;
    struct both x = bench_values(precision, count, mean_of_x - 1, mean_of_x + 1);
    struct both r = bench_values(precision, count, -1, 1), y = bench_space(precision, count);
    struct both scale = bench_values(MGM_PRECISION_F32, c, 0.5, 2), shift = bench_values(MGM_PRECISION_F32, c, -1, 1);
    struct both running_mean = bench_values(MGM_PRECISION_F32, c, -1, 1);
    struct both running_variance = bench_values(MGM_PRECISION_F32, c, 1, 2);
    struct both mean = bench_space(MGM_PRECISION_F32, c), inverse = bench_space(MGM_PRECISION_F32, c);
    struct mgm_backend_norm_forward f = {x.device,
                                         residual ? r.device : NULL,
                                         scale.device,
                                         shift.device,
                                         running_mean.device,
                                         running_variance.device,
                                         residual ? 4 : 1,
                                         mean.device,
                                         inverse.device,
                                         y.device};
    norm_on_cpu(&norm, x.host, residual ? r.host : NULL, scale.host, shift.host, f.replicas, running_mean.host,
                running_variance.host, mean.host, inverse.host, y.host);
    OPS->norm_forward(bench.b, &norm, &f);
    SAME(mean, SUM); /* of values around 0, it is a small rest of a large sum */
    SAME(inverse, SUM);
    SAME(running_mean, SUM);
    SAME(running_variance, SUM);
    SAME(y, fine);

    /* backward, from the CPU's y and statistics */
    bench_send(&y);
    bench_send(&mean);
    bench_send(&inverse);
    struct both dy = bench_values(precision, count, -1, 1), dy2 = bench_values(precision, count, -1, 1);
    struct both dx = bench_copy(&dy), d_residual = bench_copy(&dy2);
    struct both d_scale = bench_space(MGM_PRECISION_F32, c), d_shift = bench_space(MGM_PRECISION_F32, c);
    float *workspace = bench_host(mgm_norm_workspace(channels) * sizeof(float));
    struct mgm_norm_backward host = {dx.host,
                                     residual ? d_residual.host : NULL,
                                     y.host,
                                     x.host,
                                     scale.host,
                                     mean.host,
                                     inverse.host,
                                     d_scale.host,
                                     d_shift.host,
                                     dx.host,
                                     residual ? d_residual.host : NULL};
    struct mgm_norm_backward device = {dx.device,
                                       residual ? d_residual.device : NULL,
                                       y.device,
                                       x.device,
                                       scale.device,
                                       mean.device,
                                       inverse.device,
                                       d_scale.device,
                                       d_shift.device,
                                       dx.device,
                                       residual ? d_residual.device : NULL};
    mgm_norm_backward(&norm, &host, workspace);
    OPS->norm_backward(bench.b, &norm, &device);
    SAME(d_scale, SUM);
    SAME(d_shift, SUM);
    SAME(dx, fine);
    if (residual)
        SAME(d_residual, ELEMENT);
    bench_free_all();
}

static void test_norm(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++) {
        norm_case(bench_precisions[p], 7 * 9, 8, 1, false, 0);
        norm_case(bench_precisions[p], 3 * 17 * 13, 24, 0, false, 0.3);
        norm_case(bench_precisions[p], 3 * 17 * 13, 40, 0.2f, true, 0.3);
        norm_case(bench_precisions[p], 1, 8, 0, false, 0);
        norm_case(bench_precisions[p], 33 * 65, 520, 1, true, 0); /* more lanes than a block has */
    }
    norm_case(MGM_PRECISION_F32, 50000, 8, 0, false, 100);
}

/* ---- moving pixels -------------------------------------------------------------------------------------------------- */

static void spatial_case(enum mgm_precision precision, int n, int h, int w, int c)
{
    struct mgm_spatial s = {.precision = precision, .n = n, .h = h, .w = w, .c = c};
    size_t vectors = (size_t)n * (size_t)c, count = vectors * (size_t)(h * w), stride = (size_t)c + 24;
    struct both small = bench_values(precision, count, -1, 1), large = bench_values(precision, 4 * count, -1, 1);
    struct both vector = bench_values(precision, vectors, -1, 1);
    struct both grid = bench_values(precision, 4 * vectors * (size_t)((h + 1) * (w + 1)), -1, 1);
    struct both wide = bench_values(precision, count / (size_t)c * stride, -1, 1);
    struct both to_small = bench_space(precision, small.count), to_large = bench_space(precision, large.count);
    struct both to_vector = bench_space(precision, vectors), to_grid = bench_space(precision, grid.count);

#define CASE(name, src, dst, tolerance)                                                                                     \
    do {                                                                                                                    \
        mgm_##name(&s, (src).host, (dst).host);                                                                             \
        OPS->name(bench.b, &s, (src).device, (dst).device);                                                                 \
        bench_compare(#name, &(dst), (tolerance), 0);                                                                       \
    } while (0)
    CASE(average_pool, large, to_small, ELEMENT);
    CASE(upsample_backward, large, to_small, ELEMENT);
    CASE(average_pool_backward, small, to_large, 0);
    CASE(upsample, small, to_large, 0);
    CASE(shuffle, grid, to_large, 0);
    CASE(shuffle_backward, large, to_grid, 0);
#undef CASE
    mgm_sum_pixels(&s, small.host, 1 / (float)(h * w), to_vector.host);
    OPS->sum_pixels(bench.b, &s, small.device, 1 / (float)(h * w), to_vector.device);
    SAME(to_vector, SUM);
    mgm_repeat_pixels(&s, vector.host, 0.3f, to_small.host);
    OPS->repeat_pixels(bench.b, &s, vector.device, 0.3f, to_small.device);
    SAME(to_small, 0);
    mgm_copy_channels_out(&s, wide.host, (int)stride, 16, to_small.host);
    OPS->copy_channels_out(bench.b, &s, wide.device, (int)stride, 16, to_small.device);
    SAME(to_small, 0);
    mgm_copy_channels_in(&s, small.host, wide.host, (int)stride, 8);
    OPS->copy_channels_in(bench.b, &s, small.device, wide.device, (int)stride, 8);
    SAME(wide, 0);
    bench_free_all();
}

static void test_spatial(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++) {
        spatial_case(bench_precisions[p], 1, 1, 1, 8);
        spatial_case(bench_precisions[p], 1, 5, 9, 8);
        spatial_case(bench_precisions[p], 3, 7, 3, 24);
        spatial_case(bench_precisions[p], 3, 32, 17, 40);
        spatial_case(bench_precisions[p], 2, 2, 3, 520);
    }
}

static void single_case(enum mgm_precision precision, int n, int h, int w, int c, bool with_bias)
{
    struct mgm_spatial s = {.precision = precision, .n = n, .h = h, .w = w, .c = c};
    size_t pixels = (size_t)(n * h * w);
    struct both x = bench_values(precision, pixels * (size_t)c, -1, 1), d_x = bench_space(precision, x.count);
    struct both weights = bench_values(MGM_PRECISION_F32, (size_t)c * 9, -1, 1);
    struct both bias = bench_values(MGM_PRECISION_F32, 1, 0.5, 1), d_bias = bench_space(MGM_PRECISION_F32, 1);
    struct both dst = bench_space(MGM_PRECISION_F32, pixels), d_dst = bench_values(MGM_PRECISION_F32, pixels, -0.5, 1);
    struct both d_weights = bench_space(MGM_PRECISION_F32, weights.count);
    float *workspace = bench_host(mgm_single_conv_workspace(&s) * sizeof(float));
    mgm_single_conv(&s, x.host, weights.host, with_bias ? *(float *)bias.host : 0, workspace, dst.host);
    OPS->single_conv(bench.b, &s, x.device, weights.device, with_bias ? bias.device : NULL, dst.device);
    SAME(dst, SUM);
    mgm_single_conv_backward(&s, x.host, weights.host, d_dst.host, workspace, d_x.host, d_weights.host, d_bias.host);
    OPS->single_conv_backward(bench.b, &s, x.device, weights.device, d_dst.device, d_x.device, d_weights.device,
                              with_bias ? d_bias.device : NULL);
    SAME(d_x, SUM);
    SAME(d_weights, SUM);
    if (with_bias)
        SAME(d_bias, SUM);
    bench_free_all();
}

static void test_single_conv(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++) {
        single_case(bench_precisions[p], 1, 1, 1, 8, true);
        single_case(bench_precisions[p], 1, 1, 5, 8, false);
        single_case(bench_precisions[p], 3, 7, 2, 24, true);
        single_case(bench_precisions[p], 3, 33, 31, 40, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_norm, free_all),
        cmocka_unit_test_teardown(test_spatial, free_all),
        cmocka_unit_test_teardown(test_single_conv, free_all),
    };
    int status = bench_open();
    if (status)
        return status;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    bench_close();
    return status;
}
