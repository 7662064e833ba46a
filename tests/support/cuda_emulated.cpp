/* What stands in for cuda_device.cpp and cuda_cudnn.cpp; the rest of the backend is compiled as it is. */
#include "cuda_emulated.h"

#include "nn/backends/cuda/cuda_conv.h"
#include "nn/backends/cuda/launch.h"

#include <stdio.h>
#include <stdlib.h>

static const size_t MOST_BYTES = (size_t)1 << 30;

/* Around what is allocated: its size before it, and bytes on either side that nobody may change. */
enum { FENCE = 64, FENCE_BYTE = 0xA5 };

extern "C" enum mgm_status mgm_cuda_emulated_create(struct mgm_context *ctx, struct mgm_backend **out)
{
    struct mgm_cuda *cuda = (struct mgm_cuda *)mgm_alloc_zeroed(1, sizeof *cuda);
    *out = NULL;
    if (!cuda)
        return mgm_fail_nomem(ctx, "the emulated backend");
    cuda->base.ops = &mgm_cuda_ops;
    cuda->base.ctx = ctx;
    *out = &cuda->base;
    return MGM_OK;
}

extern "C" void mgm_cuda_emulated_break(struct mgm_backend *b)
{
    mgm_cuda_keep(mgm_cuda_of(b), MGM_E_BACKEND, "CUDA could not %s", "do what the test forbids");
}

void mgm_cuda_destroy(struct mgm_backend *b)
{
    mgm_cuda_scratch_release(mgm_cuda_of(b));
    mgm_free(b);
}

enum mgm_status mgm_cuda_alloc(struct mgm_backend *b, size_t bytes, void **out)
{
    char *fenced = bytes > MOST_BYTES ? NULL : (char *)mgm_alloc(bytes + 2 * FENCE, 1);
    *out = NULL;
    if (!fenced)
        return mgm_fail(b->ctx, MGM_E_NOMEM, "not enough memory for %zu bytes", bytes);
    memset(fenced, FENCE_BYTE, bytes + 2 * FENCE);
    memcpy(fenced, &bytes, sizeof bytes);
    *out = fenced + FENCE;
    memset(*out, 0xFF, bytes); /* not a number, so that what is not written shows */
    return MGM_OK;
}

void mgm_cuda_release(struct mgm_backend *, void *values)
{
    if (!values)
        return;
    unsigned char *fenced = (unsigned char *)values - FENCE;
    size_t bytes;
    memcpy(&bytes, fenced, sizeof bytes);
    for (size_t i = sizeof bytes; i < bytes + 2 * FENCE; i = i + 1 == FENCE ? FENCE + bytes : i + 1)
        if (fenced[i] != FENCE_BYTE) {
            fprintf(stderr, "something wrote beside an allocation of %zu bytes\n", bytes);
            abort();
        }
    mgm_free(fenced);
}

void mgm_cuda_clear(struct mgm_backend *, void *values, size_t bytes)
{
    memset(values, 0, bytes);
}

void mgm_cuda_copy(struct mgm_backend *, void *dst, const void *src, size_t bytes)
{
    memcpy(dst, src, bytes);
}

void mgm_cuda_upload(struct mgm_backend *, void *dst, const void *host, size_t bytes)
{
    memcpy(dst, host, bytes);
}

enum mgm_status mgm_cuda_download(struct mgm_backend *b, void *host, const void *src, size_t bytes)
{
    memcpy(host, src, bytes);
    return mgm_cuda_report(mgm_cuda_of(b));
}

enum mgm_status mgm_cuda_finish(struct mgm_backend *b)
{
    return mgm_cuda_report(mgm_cuda_of(b));
}

/* Sums over processes go through the hosts. */
bool mgm_cuda_nccl_join(struct mgm_cuda *, struct mgm_communicator *)
{
    return false;
}

void mgm_cuda_nccl_sum(struct mgm_cuda *, void *, size_t, bool)
{
}

/* ---- the convolution, as cuDNN defines it: the same padding before and after --------------------------------------------
 */

struct mgm_cuda_engine {
    struct mgm_cuda_engine_wish wish;
    int padding;
};

enum mgm_status mgm_cuda_engine_create(struct mgm_cuda *cuda, const struct mgm_cuda_engine_wish *wish,
                                       struct mgm_cuda_engine **out)
{
    *out = (struct mgm_cuda_engine *)mgm_alloc_zeroed(1, sizeof **out);
    if (!*out)
        return mgm_fail_nomem(cuda->base.ctx, "a convolution");
    (*out)->wish = *wish;
    (*out)->padding = mgm_cuda_padding(&wish->shape);
    return MGM_OK;
}

void mgm_cuda_engine_destroy(struct mgm_cuda_engine **engine)
{
    mgm_free(*engine);
    *engine = NULL;
}

/* Calls body(src pixel, weight tap, dst pixel) for all that belong together, in values of one channel each. */
template <typename BODY> static void each_tap(const struct mgm_cuda_engine *e, BODY body)
{
    const struct mgm_conv_shape *s = &e->wish.shape;
    for (int i = 0; i < s->n; i++)
        for (int y = 0; y < s->oh; y++)
            for (int x = 0; x < s->ow; x++)
                for (int t = 0; t < s->kernel * s->kernel; t++) {
                    const int sy = y * s->step - e->padding + t / s->kernel * s->dilation;
                    const int sx = x * s->step - e->padding + t % s->kernel * s->dilation;
                    if (sy >= 0 && sy < s->ih && sx >= 0 && sx < s->iw)
                        body(((size_t)i * s->ih + sy) * s->iw + sx, (size_t)t, ((size_t)i * s->oh + y) * s->ow + x);
                }
}

static bool is_bf16(const struct mgm_cuda_engine *e)
{
    return e->wish.precision == MGM_PRECISION_BF16;
}

static size_t count_of(size_t a, size_t b, size_t c, size_t d)
{
    return a * b * c * d;
}

/* Sums in f64, stored at last. */
static enum mgm_status store(double *sums, size_t count, void *dst, bool bf16)
{
    for (size_t i = 0; i < count; i++)
        mgm_put1(dst, i, (float)sums[i], bf16);
    mgm_free(sums);
    return MGM_OK;
}

enum mgm_status mgm_cuda_engine_forward(struct mgm_cuda *, struct mgm_cuda_engine *e, const void *src, const void *weights,
                                        void *dst)
{
    const struct mgm_conv_shape *s = &e->wish.shape;
    const size_t ic = s->ic, oc = s->oc, taps = s->kernel * s->kernel, count = count_of(s->n, s->oh, s->ow, oc);
    const bool bf16 = is_bf16(e);
    double *sums = (double *)mgm_alloc_zeroed(count, sizeof *sums);
    each_tap(e, [&](size_t from, size_t tap, size_t to) {
        for (size_t o = 0; o < oc; o++)
            for (size_t c = 0; c < ic; c++)
                sums[to * oc + o] +=
                    (double)mgm_get1(src, from * ic + c, bf16) * mgm_get1(weights, (o * taps + tap) * ic + c, bf16);
    });
    return store(sums, count, dst, bf16);
}

enum mgm_status mgm_cuda_engine_backward_data(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, const void *diff_dst,
                                              const void *weights, void *diff_src)
{
    const struct mgm_conv_shape *s = &e->wish.shape;
    const size_t ic = s->ic, oc = s->oc, taps = s->kernel * s->kernel, count = count_of(s->n, s->ih, s->iw, ic);
    const bool bf16 = is_bf16(e);
    if (!e->wish.backward_data)
        return mgm_fail(cuda->base.ctx, MGM_E_BACKEND, "not made for this direction");
    double *sums = (double *)mgm_alloc_zeroed(count, sizeof *sums);
    each_tap(e, [&](size_t from, size_t tap, size_t to) {
        for (size_t o = 0; o < oc; o++)
            for (size_t c = 0; c < ic; c++)
                sums[from * ic + c] +=
                    (double)mgm_get1(diff_dst, to * oc + o, bf16) * mgm_get1(weights, (o * taps + tap) * ic + c, bf16);
    });
    return store(sums, count, diff_src, bf16);
}

enum mgm_status mgm_cuda_engine_backward_weights(struct mgm_cuda *cuda, struct mgm_cuda_engine *e, const void *src,
                                                 const void *diff_dst, void *diff_weights)
{
    const struct mgm_conv_shape *s = &e->wish.shape;
    const size_t ic = s->ic, oc = s->oc, taps = s->kernel * s->kernel, count = count_of(oc, taps, ic, 1);
    const bool bf16 = is_bf16(e);
    if (!e->wish.backward_weights)
        return mgm_fail(cuda->base.ctx, MGM_E_BACKEND, "not made for this direction");
    double *sums = (double *)mgm_alloc_zeroed(count, sizeof *sums);
    each_tap(e, [&](size_t from, size_t tap, size_t to) {
        for (size_t o = 0; o < oc; o++)
            for (size_t c = 0; c < ic; c++)
                sums[(o * taps + tap) * ic + c] +=
                    (double)mgm_get1(src, from * ic + c, bf16) * mgm_get1(diff_dst, to * oc + o, bf16);
    });
    return store(sums, count, diff_weights, bf16);
}

/* ---- everything else ----------------------------------------------------------------------------------------------------
 */

#include "nn/backends/cuda/cuda_backend.cpp"
#include "nn/backends/cuda/cuda_kernels.cu"
#include "nn/backends/cuda/cuda_together.cpp"
