/*
 * The engine behind convolutions (cuda_conv.h), through cuDNN's convolution functions: tensors NHWC, weights NHWC too, that
 * is [oc, kh, kw, ic]. f32 is multiplied as f32 (CUDNN_FMA_MATH: no TF32), bf16 on tensor cores with sums in f32. In bf16
 * the weights' gradient is summed in f32, too, and rounded once to bf16: these functions write it in the operands' type.
 */
#include "nn/backends/cuda/cuda_conv.h"
#include "nn/backends/cuda/cuda_device.h"

#include <cudnn.h>

enum { DIRECTIONS = 3, FORWARD = 0, DATA = 1, WEIGHTS = 2 };

/* More workspace than this is not worth its speed. */
static const size_t WORKSPACE_LIMIT = (size_t)512 << 20;

struct mgm_cuda_engine {
    cudnnTensorDescriptor_t src, dst;
    cudnnFilterDescriptor_t weights;
    cudnnConvolutionDescriptor_t conv[DIRECTIONS]; /* they may differ in the kind of multiplication */
    int algorithm[DIRECTIONS];
    size_t workspace[DIRECTIONS];
};

static bool check(struct mgm_cuda *cuda, cudnnStatus_t status, const char *what)
{
    if (status == CUDNN_STATUS_SUCCESS)
        return true;
    const bool memory = status == CUDNN_STATUS_ALLOC_FAILED;
    const bool unsupported = status == CUDNN_STATUS_NOT_SUPPORTED || status == CUDNN_STATUS_ARCH_MISMATCH;
    mgm_cuda_keep(cuda,
                  memory        ? MGM_E_NOMEM
                  : unsupported ? MGM_E_UNSUPPORTED
                                : MGM_E_BACKEND,
                  "cuDNN could not %s on CUDA device %d: %s", what, cuda->device->number, cudnnGetErrorString(status));
    return false;
}

enum mgm_status mgm_cuda_cudnn_create(struct mgm_cuda *cuda)
{
    if (check(cuda, cudnnCreate(&cuda->device->cudnn), "start"))
        check(cuda, cudnnSetStream(cuda->device->cudnn, mgm_cuda_stream(cuda)), "use a stream");
    return mgm_cuda_report(cuda);
}

void mgm_cuda_cudnn_destroy(struct mgm_cuda *cuda)
{
    if (cuda->device->cudnn)
        cudnnDestroy(cuda->device->cudnn);
    cuda->device->cudnn = NULL;
}

static bool describe(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, const struct mgm_cuda_engine_wish *wish)
{
    const struct mgm_conv_shape *s = &wish->shape;
    const bool bf16 = wish->precision == MGM_PRECISION_BF16;
    const cudnnDataType_t type = bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const int padding = mgm_cuda_padding(s);
    bool well =
        check(cuda, cudnnCreateTensorDescriptor(&e->src), "describe a tensor") &&
        check(cuda, cudnnCreateTensorDescriptor(&e->dst), "describe a tensor") &&
        check(cuda, cudnnCreateFilterDescriptor(&e->weights), "describe weights") &&
        check(cuda, cudnnSetTensor4dDescriptor(e->src, CUDNN_TENSOR_NHWC, type, s->n, s->ic, s->ih, s->iw),
              "describe a tensor") &&
        check(cuda, cudnnSetTensor4dDescriptor(e->dst, CUDNN_TENSOR_NHWC, type, s->n, s->oc, s->oh, s->ow),
              "describe a tensor") &&
        check(cuda, cudnnSetFilter4dDescriptor(e->weights, type, CUDNN_TENSOR_NHWC, s->oc, s->ic, s->kernel, s->kernel),
              "describe weights");
    for (int i = 0; i < DIRECTIONS && well; i++)
        well = check(cuda, cudnnCreateConvolutionDescriptor(&e->conv[i]), "describe a convolution") &&
               check(cuda,
                     cudnnSetConvolution2dDescriptor(e->conv[i], padding, padding, s->step, s->step, s->dilation,
                                                     s->dilation, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                     "describe a convolution") &&
               check(cuda, cudnnSetConvolutionMathType(e->conv[i], bf16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH),
                     "choose a kind of multiplication");
    return well;
}

/*
 * The first of the candidates, which come fastest first, that gives the same result every time, is there (asking for its
 * workspace tells) and needs a bearable workspace.
 */
template <typename PERF, typename SIZE>
static bool choose(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, int direction, const PERF *candidates, int count,
                   bool bf16, SIZE workspace_of)
{
    for (int i = 0; i < count; i++) {
        size_t bytes = 0;
        if (candidates[i].status != CUDNN_STATUS_SUCCESS || candidates[i].determinism != CUDNN_DETERMINISTIC)
            continue;
        /* f32 stays with plain multiplications whatever is proposed. */
        if (bf16 && cudnnSetConvolutionMathType(e->conv[direction], candidates[i].mathType) != CUDNN_STATUS_SUCCESS)
            continue;
        if (workspace_of(candidates[i].algo, &bytes) != CUDNN_STATUS_SUCCESS || bytes > WORKSPACE_LIMIT)
            continue;
        e->algorithm[direction] = (int)candidates[i].algo;
        e->workspace[direction] = bytes;
        return mgm_cuda_scratch(cuda, MGM_CUDA_WORKSPACE, bytes) != NULL;
    }
    static const char *const names[DIRECTIONS] = {"forward", "backward to its source", "backward to its weights"};
    mgm_cuda_keep(cuda, MGM_E_UNSUPPORTED,
                  "cuDNN has no reproducible algorithm for a convolution %s in %s on CUDA device %d (of %d proposed)",
                  names[direction], bf16 ? "bf16" : "f32", cuda->device->number, count);
    return false;
}

static bool choose_forward(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, bool bf16)
{
    cudnnConvolutionFwdAlgoPerf_t candidates[CUDNN_CONVOLUTION_FWD_ALGO_COUNT];
    cudnnHandle_t handle = cuda->device->cudnn;
    int count = 0;
    return check(cuda,
                 cudnnGetConvolutionForwardAlgorithm_v7(handle, e->src, e->weights, e->conv[FORWARD], e->dst,
                                                        CUDNN_CONVOLUTION_FWD_ALGO_COUNT, &count, candidates),
                 "propose a convolution") &&
           choose(cuda, e, FORWARD, candidates, count, bf16, [&](cudnnConvolutionFwdAlgo_t algorithm, size_t *bytes) {
               return cudnnGetConvolutionForwardWorkspaceSize(handle, e->src, e->weights, e->conv[FORWARD], e->dst,
                                                              algorithm, bytes);
           });
}

static bool choose_data(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, bool bf16)
{
    cudnnConvolutionBwdDataAlgoPerf_t candidates[CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT];
    cudnnHandle_t handle = cuda->device->cudnn;
    int count = 0;
    return check(cuda,
                 cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, e->weights, e->dst, e->conv[DATA], e->src,
                                                             CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT, &count, candidates),
                 "propose a convolution") &&
           choose(cuda, e, DATA, candidates, count, bf16, [&](cudnnConvolutionBwdDataAlgo_t algorithm, size_t *bytes) {
               return cudnnGetConvolutionBackwardDataWorkspaceSize(handle, e->weights, e->dst, e->conv[DATA], e->src,
                                                                   algorithm, bytes);
           });
}

static bool choose_weights(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, bool bf16)
{
    cudnnConvolutionBwdFilterAlgoPerf_t candidates[CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT];
    cudnnHandle_t handle = cuda->device->cudnn;
    int count = 0;
    return check(cuda,
                 cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, e->src, e->dst, e->conv[WEIGHTS], e->weights,
                                                               CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT, &count, candidates),
                 "propose a convolution") &&
           choose(cuda, e, WEIGHTS, candidates, count, bf16, [&](cudnnConvolutionBwdFilterAlgo_t algorithm, size_t *bytes) {
               return cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, e->src, e->dst, e->conv[WEIGHTS], e->weights,
                                                                     algorithm, bytes);
           });
}

enum mgm_status mgm_cuda_engine_create(struct mgm_cuda *cuda, const struct mgm_cuda_engine_wish *wish,
                                       struct mgm_cuda_engine **out)
{
    const bool bf16 = wish->precision == MGM_PRECISION_BF16;
    struct mgm_cuda_engine *e = (struct mgm_cuda_engine *)mgm_alloc_zeroed(1, sizeof *e);
    *out = NULL;
    if (!e)
        return mgm_fail_nomem(cuda->base.ctx, "a convolution");
    if (mgm_cuda_enter(cuda) && describe(cuda, e, wish) && choose_forward(cuda, e, bf16) &&
        (!wish->backward_data || choose_data(cuda, e, bf16)) && (!wish->backward_weights || choose_weights(cuda, e, bf16)))
        *out = e;
    else
        mgm_cuda_engine_destroy(&e);
    return mgm_cuda_report(cuda);
}

void mgm_cuda_engine_destroy(struct mgm_cuda_engine **engine)
{
    struct mgm_cuda_engine *e = *engine;
    if (!e)
        return;
    if (e->src)
        cudnnDestroyTensorDescriptor(e->src);
    if (e->dst)
        cudnnDestroyTensorDescriptor(e->dst);
    if (e->weights)
        cudnnDestroyFilterDescriptor(e->weights);
    for (int i = 0; i < DIRECTIONS; i++)
        if (e->conv[i])
            cudnnDestroyConvolutionDescriptor(e->conv[i]);
    mgm_free(e);
    *engine = NULL;
}

static const float ONE = 1, NOTHING = 0;

enum mgm_status mgm_cuda_engine_forward(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, const void *src,
                                        const void *weights, void *dst)
{
    void *workspace = mgm_cuda_scratch(cuda, MGM_CUDA_WORKSPACE, e->workspace[FORWARD]);
    if (workspace && mgm_cuda_enter(cuda))
        check(cuda,
              cudnnConvolutionForward(cuda->device->cudnn, &ONE, e->src, src, e->weights, weights, e->conv[FORWARD],
                                      (cudnnConvolutionFwdAlgo_t)e->algorithm[FORWARD], workspace, e->workspace[FORWARD],
                                      &NOTHING, e->dst, dst),
              "convolve");
    return mgm_cuda_report(cuda);
}

enum mgm_status mgm_cuda_engine_backward_data(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, const void *diff_dst,
                                              const void *weights, void *diff_src)
{
    void *workspace = mgm_cuda_scratch(cuda, MGM_CUDA_WORKSPACE, e->workspace[DATA]);
    if (workspace && mgm_cuda_enter(cuda))
        check(cuda,
              cudnnConvolutionBackwardData(cuda->device->cudnn, &ONE, e->weights, weights, e->dst, diff_dst, e->conv[DATA],
                                           (cudnnConvolutionBwdDataAlgo_t)e->algorithm[DATA], workspace, e->workspace[DATA],
                                           &NOTHING, e->src, diff_src),
              "convolve backwards to a source");
    return mgm_cuda_report(cuda);
}

enum mgm_status mgm_cuda_engine_backward_weights(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, const void *src,
                                                 const void *diff_dst, void *diff_weights)
{
    void *workspace = mgm_cuda_scratch(cuda, MGM_CUDA_WORKSPACE, e->workspace[WEIGHTS]);
    if (workspace && mgm_cuda_enter(cuda))
        check(cuda,
              cudnnConvolutionBackwardFilter(cuda->device->cudnn, &ONE, e->src, src, e->dst, diff_dst, e->conv[WEIGHTS],
                                             (cudnnConvolutionBwdFilterAlgo_t)e->algorithm[WEIGHTS], workspace,
                                             e->workspace[WEIGHTS], &NOTHING, e->weights, diff_weights),
              "convolve backwards to weights");
    return mgm_cuda_report(cuda);
}
