/*
 * Whether cuDNN, padding both sides as mgm_cuda_padding() says, computes what the network's convolutions should: its own
 * answer, for which it needs no device, for every convolution of the network in several widths and sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>

#include "matting/network.h"
#include "nn/layer_shape.h"
}

#include "nn/backends/cuda/cuda_conv.h"

#include <cudnn.h>

static void check_conv(const struct mgm_conv_shape *s, bool bf16)
{
    const cudnnDataType_t type = bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const int padding = mgm_cuda_padding(s), ok = CUDNN_STATUS_SUCCESS;
    cudnnTensorDescriptor_t src;
    cudnnFilterDescriptor_t weights;
    cudnnConvolutionDescriptor_t conv;
    int n, c, h, w;
    assert_int_equal(cudnnCreateTensorDescriptor(&src), ok);
    assert_int_equal(cudnnCreateFilterDescriptor(&weights), ok);
    assert_int_equal(cudnnCreateConvolutionDescriptor(&conv), ok);
    assert_int_equal(cudnnSetTensor4dDescriptor(src, CUDNN_TENSOR_NHWC, type, s->n, s->ic, s->ih, s->iw), ok);
    assert_int_equal(cudnnSetFilter4dDescriptor(weights, type, CUDNN_TENSOR_NHWC, s->oc, s->ic, s->kernel, s->kernel), ok);
    assert_int_equal(cudnnSetConvolution2dDescriptor(conv, padding, padding, s->step, s->step, s->dilation, s->dilation,
                                                     CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                     ok);
    assert_int_equal(cudnnSetConvolutionMathType(conv, bf16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH), ok);
    assert_int_equal(cudnnGetConvolution2dForwardOutputDim(conv, src, weights, &n, &c, &h, &w), ok);
    assert_int_equal(n, s->n);
    assert_int_equal(c, s->oc);
    assert_int_equal(h, s->oh);
    assert_int_equal(w, s->ow);
    cudnnDestroyConvolutionDescriptor(conv);
    cudnnDestroyFilterDescriptor(weights);
    cudnnDestroyTensorDescriptor(src);
}

static void test_every_convolution(void **)
{
    static const double widths[] = {0.25, 0.5, 1};
    static const int sizes[][2] = {{32, 32}, {64, 96}, {512, 512}, {2048, 32}, {1024, 1536}};
    struct mgm_context ctx = {};
    for (double width : widths) {
        struct mgm_graph graph;
        assert_int_equal(mgm_network_build(&ctx, width, false, &graph), MGM_OK);
        for (const auto &size : sizes)
            for (int i = 0; i < graph.layer_count; i++)
                if (graph.layers[i].op == MGM_OP_CONV || graph.layers[i].op == MGM_OP_CONV_TRANSPOSE) {
                    const struct mgm_conv_shape shape = mgm_layer_conv_shape(&graph, i, 3, size[0], size[1]);
                    check_conv(&shape, false);
                    check_conv(&shape, true);
                }
        mgm_graph_release(&graph);
    }
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_convolution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
