/*
 * Convolutions of the CUDA backend against oneDNN's, and their fusions against what they say. Emulated, the convolution
 * itself is a few loops in cuDNN's place; what is tested then is layouts, padding, activations and fusions.
 *
 * bf16 is compared with an f32 convolution of the same rounded values: one rounding of the result lies between them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cuda_bench.h"

#include "base/memory.h"
#include "matting/network.h"
#include "nn/backend.h"
#include "nn/layer_shape.h"
#include "nn/vector.h"

#include <math.h>
#include <string.h>

#define OPS (bench.b->ops)

static const double SUM = 1e-5;

static int free_all(void **state)
{
    (void)state;
    bench_free_all();
    return 0;
}

static float *in_f32(const struct both *values)
{
    float *f32 = bench_host(values->count * sizeof *f32);
    for (size_t i = 0; i < values->count; i++)
        f32[i] = mgm_load1(values->host, i, values->bf16);
    return f32;
}

/* f32 results, as the host's side of `values`. */
static void expect_f32(const struct both *values, const float *f32)
{
    for (size_t i = 0; i < values->count; i++)
        mgm_store1(values->host, i, f32[i], values->bf16);
}

/* Weights that bf16 represents, so that rounding them changes nothing. */
static struct both plain_weights(size_t count)
{
    struct both rounded = bench_values(MGM_PRECISION_BF16, count, -0.3, 0.3), w = bench_space(MGM_PRECISION_F32, count);
    memcpy(w.host, in_f32(&rounded), count * sizeof(float));
    bench_send(&w);
    return w;
}

static void training_case(enum mgm_precision precision, struct mgm_conv_shape s, float slope)
{
    size_t src_count = (size_t)(s.n * s.ih * s.iw * s.ic), dst_count = (size_t)(s.n * s.oh * s.ow * s.oc);
    struct mgm_onednn *onednn;
    struct mgm_conv *cpu;
    struct mgm_backend_conv *gpu;
    assert_int_equal(mgm_onednn_create(&bench.ctx, 1, &onednn), MGM_OK);
    int previous = mgm_onednn_enter(onednn);
    assert_int_equal(mgm_conv_create_training(&bench.ctx, onednn, &s, MGM_PRECISION_F32, slope, true, &cpu), MGM_OK);
    assert_int_equal(OPS->conv_create_training(bench.b, &s, precision, slope, true, &gpu), MGM_OK);
    assert_false(OPS->conv_is_reference(gpu));

    struct both weights = plain_weights((size_t)(s.oc * s.ic * s.kernel * s.kernel));
    struct both src = bench_values(precision, src_count, -1, 1), dst = bench_space(precision, dst_count);
    struct both d_dst = bench_values(precision, dst_count, -1, 1), d_src = bench_space(precision, src_count);
    struct both d_weights = bench_space(MGM_PRECISION_F32, weights.count);
    float *result = bench_host((src_count + dst_count) * sizeof *result);
    assert_int_equal(mgm_conv_set_weights(&bench.ctx, cpu, weights.host), MGM_OK);
    assert_int_equal(OPS->conv_set_weights(bench.b, gpu, weights.device), MGM_OK);

    assert_int_equal(mgm_conv_forward(&bench.ctx, cpu, in_f32(&src), result), MGM_OK);
    assert_int_equal(OPS->conv_forward(bench.b, gpu, src.device, dst.device), MGM_OK);
    expect_f32(&dst, result);
    SAME(dst, SUM);
    assert_int_equal(mgm_conv_backward_data(&bench.ctx, cpu, in_f32(&d_dst), result), MGM_OK);
    assert_int_equal(OPS->conv_backward_data(bench.b, gpu, d_dst.device, d_src.device), MGM_OK);
    expect_f32(&d_src, result);
    SAME(d_src, SUM);
    assert_int_equal(mgm_conv_backward_weights(&bench.ctx, cpu, in_f32(&src), in_f32(&d_dst), d_weights.host), MGM_OK);
    assert_int_equal(OPS->conv_backward_weights(bench.b, gpu, src.device, d_dst.device, d_weights.device), MGM_OK);
    if (precision == MGM_PRECISION_BF16) { /* the weights' gradient is rounded once, too */
        const float *have = bench_fetch(d_weights.device, d_weights.count * sizeof *have), *want = d_weights.host;
        double bound = 0;
        for (size_t i = 0; i < d_weights.count; i++)
            bound += SUM * fabs(want[i]) / (double)d_weights.count;
        for (size_t i = 0; i < d_weights.count; i++)
            assert_true(fabsf(have[i] - want[i]) <= fabsf(want[i]) / 250 + bound);
    } else {
        SAME(d_weights, SUM);
    }
    OPS->conv_destroy(bench.b, &gpu);
    assert_null(gpu);
    mgm_conv_destroy(&cpu);
    mgm_onednn_leave(previous);
    mgm_onednn_destroy(&onednn);
    bench_free_all();
}

static void test_training(void **state)
{
    (void)state;
    static const struct mgm_conv_shape shapes[] = {
        {1, 9, 7, 8, 24, 9, 7, 3, 1, 1, 1, 1, false},   {3, 10, 6, 4, 8, 5, 3, 3, 2, 1, 1, 0, false},
        {3, 6, 10, 24, 40, 3, 5, 3, 2, 1, 1, 0, false}, {1, 9, 7, 24, 8, 9, 7, 3, 1, 4, 4, 4, false},
        {2, 5, 6, 40, 24, 5, 6, 1, 1, 1, 0, 0, false},  {3, 1, 1, 24, 8, 1, 1, 1, 1, 1, 0, 0, false},
        {2, 4, 7, 8, 32, 5, 8, 2, 1, 1, 1, 1, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int p = 0; p < 2; p++)
            training_case(bench_precisions[p], shapes[i], i % 2 ? 0 : 1);
}

/* dst = [dst +] act(x [+ dst]) · scale + shift, from a convolution without any of it. */
static void fusion_case(bool bias, bool before, float slope, bool scale, bool after, int oc)
{
    struct mgm_conv_shape s = {2, 9, 5, 8, oc, 9, 5, 3, 1, 1, 1, 1, false};
    size_t count = (size_t)(s.n * s.oh * s.ow * oc);
    struct both weights = plain_weights((size_t)(oc * 8 * 9)), dst = bench_values(MGM_PRECISION_F32, count, -1, 1);
    struct both src = bench_values(MGM_PRECISION_F32, (size_t)(s.n * s.ih * s.iw * s.ic), -1, 1);
    struct both plain = bench_space(MGM_PRECISION_F32, count), b = bench_values(MGM_PRECISION_F32, (size_t)oc, -1, 1);
    struct both factor = bench_values(MGM_PRECISION_F32, (size_t)oc, -1, 2),
                shift = bench_values(MGM_PRECISION_F32, (size_t)oc, -1, 2);
    struct mgm_conv_fusion none = {.slope = 1}, fusion = {.bias = bias ? b.host : NULL,
                                                          .add_before = before,
                                                          .slope = slope,
                                                          .scale = scale ? factor.host : NULL,
                                                          .shift = scale ? shift.host : NULL,
                                                          .add_after = after};
    struct mgm_backend_conv *conv[2];
    assert_int_equal(OPS->conv_create_inference(bench.b, &s, &none, &conv[0]), MGM_OK);
    assert_int_equal(OPS->conv_create_inference(bench.b, &s, &fusion, &conv[1]), MGM_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(OPS->conv_set_weights(bench.b, conv[i], weights.device), MGM_OK);
        assert_int_equal(OPS->conv_forward(bench.b, conv[i], src.device, i ? dst.device : plain.device), MGM_OK);
        OPS->conv_destroy(bench.b, &conv[i]);
    }
    const float *x = bench_fetch(plain.device, count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        size_t c = i % (size_t)oc;
        float *d = (float *)dst.host + i, z = x[i] + (bias ? ((float *)b.host)[c] : 0) + (before ? *d : 0);
        z = z > 0 ? z : z * slope;
        if (scale)
            z = z * ((float *)factor.host)[c] + ((float *)shift.host)[c];
        *d = z + (after ? *d : 0);
    }
    SAME(dst, 1e-6);
    bench_free_all();
}

static void test_fusion(void **state)
{
    (void)state;
    for (int kind = 0; kind < 16; kind++)
        for (int after = 0; after < 2; after++)
            fusion_case(kind & 1, kind & 2, kind & 4 ? 0.2f : kind & 8 ? 1 : 0, kind & 8, after, kind & 1 ? 24 : 8);
    fusion_case(false, false, 0, false, false, 3);
    fusion_case(true, false, 1, false, false, 1);
}

/* cuDNN pads both sides alike: shapes for which that is something else are refused, and the network has none of those. */
static void test_padding(void **state)
{
    (void)state;
    struct mgm_backend_conv *conv;
    struct mgm_conv_shape odd = {1, 9, 9, 8, 8, 4, 4, 3, 2, 1, 1, 0, false};
    assert_int_equal(OPS->conv_create_training(bench.b, &odd, MGM_PRECISION_F32, 1, true, &conv), MGM_E_UNSUPPORTED);
    assert_non_null(strstr(bench.ctx.error, "9 × 9 to 4 × 4"));
    assert_null(conv);
    struct mgm_graph graph;
    assert_int_equal(mgm_network_build(&bench.ctx, 0.25, false, &graph), MGM_OK);
    int seen = 0;
    for (int i = 0; i < graph.layer_count; i++) {
        if (graph.layers[i].op != MGM_OP_CONV && graph.layers[i].op != MGM_OP_CONV_TRANSPOSE)
            continue;
        struct mgm_conv_shape shape = mgm_layer_conv_shape(&graph, i, 2, 64, 96);
        assert_int_equal(OPS->conv_create_training(bench.b, &shape, MGM_PRECISION_BF16, 1, true, &conv), MGM_OK);
        OPS->conv_destroy(bench.b, &conv);
        seen++;
    }
    assert_true(seen > 60);
    mgm_graph_release(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_training, free_all),
        cmocka_unit_test_teardown(test_fusion, free_all),
        cmocka_unit_test_teardown(test_padding, free_all),
    };
    int status = bench_open();
    if (status)
        return status;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    bench_close();
    return status;
}
