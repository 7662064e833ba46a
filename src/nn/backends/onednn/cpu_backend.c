#include "nn/backends/onednn/cpu_backend.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "nn/single_conv.h"
#include "nn/spectral.h"

#include <math.h>
#include <string.h>

struct cpu_backend {
    struct mgm_backend base;
    struct mgm_onednn *onednn;
    int threads;
    float *workspace; /* of whatever operation is running */
    size_t workspace_count;
    bool out_of_memory; /* an operation that returns nothing could not get its workspace */
};

static struct cpu_backend *cpu(struct mgm_backend *b)
{
    return (struct cpu_backend *)b;
}

static struct mgm_conv *conv_of(struct mgm_backend_conv *conv)
{
    return (struct mgm_conv *)conv;
}

/** @return NULL, to be told by the next status, if there is no memory for it */
static float *workspace(struct mgm_backend *b, size_t count)
{
    struct cpu_backend *c = cpu(b);
    if (count <= c->workspace_count)
        return c->workspace;
    mgm_free(c->workspace);
    c->workspace = mgm_alloc(count, sizeof *c->workspace);
    c->workspace_count = c->workspace ? count : 0;
    c->out_of_memory = c->out_of_memory || !c->workspace;
    return c->workspace;
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

static void cpu_destroy(struct mgm_backend *b)
{
    mgm_onednn_destroy(&cpu(b)->onednn);
    mgm_free(cpu(b)->workspace);
    mgm_free(b);
}

static enum mgm_status cpu_alloc(struct mgm_backend *b, size_t bytes, void **out)
{
    *out = mgm_alloc(bytes, 1);
    return *out ? MGM_OK : mgm_fail_nomem(b->ctx, "the network");
}

static void cpu_release(struct mgm_backend *b, void *values)
{
    (void)b;
    mgm_free(values);
}

static void cpu_clear(struct mgm_backend *b, void *values, size_t bytes)
{
    (void)b;
    memset(values, 0, bytes);
}

static void cpu_copy(struct mgm_backend *b, void *dst, const void *src, size_t bytes)
{
    (void)b;
    memcpy(dst, src, bytes);
}

static enum mgm_status cpu_finish(struct mgm_backend *b)
{
    const bool failed = cpu(b)->out_of_memory;
    cpu(b)->out_of_memory = false;
    return failed ? mgm_fail_nomem(b->ctx, "a layer's workspace") : mgm_communicator_check(b->together, b->ctx);
}

static enum mgm_status cpu_download(struct mgm_backend *b, void *host, const void *src, size_t bytes)
{
    TRY(cpu_finish(b));
    memcpy(host, src, bytes);
    return MGM_OK;
}

/* ---- convolutions ----------------------------------------------------------------------------------------------------- */

static enum mgm_status cpu_conv_create_training(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                                enum mgm_precision precision, float slope, bool needs_backward_data,
                                                struct mgm_backend_conv **out)
{
    return mgm_conv_create_training(b->ctx, cpu(b)->onednn, shape, precision, slope, needs_backward_data,
                                    (struct mgm_conv **)out);
}

static enum mgm_status cpu_conv_create_inference(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                                 const struct mgm_conv_fusion *fusion, struct mgm_backend_conv **out)
{
    return mgm_conv_create_inference(b->ctx, cpu(b)->onednn, shape, fusion, (struct mgm_conv **)out);
}

static void cpu_conv_destroy(struct mgm_backend *b, struct mgm_backend_conv **conv)
{
    (void)b;
    mgm_conv_destroy((struct mgm_conv **)conv);
}

static bool cpu_conv_is_reference(const struct mgm_backend_conv *conv)
{
    return mgm_conv_is_reference((const struct mgm_conv *)conv);
}

/* The compute library takes its number of threads from the thread that calls it. */
#define WITH_THREADS(b, call)                                                                                               \
    const int previous_ = mgm_onednn_enter(cpu(b)->onednn);                                                                 \
    const enum mgm_status status_ = call;                                                                                   \
    mgm_onednn_leave(previous_);                                                                                            \
    return status_

static enum mgm_status cpu_conv_set_weights(struct mgm_backend *b, struct mgm_backend_conv *conv, const float *weights)
{
    WITH_THREADS(b, mgm_conv_set_weights(b->ctx, conv_of(conv), weights));
}

static enum mgm_status cpu_conv_forward(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *src, void *dst)
{
    WITH_THREADS(b, mgm_conv_forward(b->ctx, conv_of(conv), src, dst));
}

static enum mgm_status cpu_conv_backward_data(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *diff_dst,
                                              void *diff_src)
{
    WITH_THREADS(b, mgm_conv_backward_data(b->ctx, conv_of(conv), diff_dst, diff_src));
}

static enum mgm_status cpu_conv_backward_weights(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *src,
                                                 const void *diff_dst, float *diff_weights)
{
    WITH_THREADS(b, mgm_conv_backward_weights(b->ctx, conv_of(conv), src, diff_dst, diff_weights));
}

/* ---- weights ---------------------------------------------------------------------------------------------------------- */

static void cpu_spectral_iterate(struct mgm_backend *b, const float *weights, int rows, int cols, float *u, float *v,
                                 float *sigma)
{
    mgm_spectral_iterate(cpu(b)->threads, weights, rows, cols, u, v);
    *sigma = mgm_spectral_sigma(weights, rows, cols, u, v);
}

static void cpu_spectral_backward(struct mgm_backend *b, const float *weights, int rows, int cols, const float *u,
                                  const float *v, const float *sigma, float *gradient)
{
    mgm_spectral_backward(cpu(b)->threads, weights, rows, cols, u, v, *sigma, gradient);
}

static void cpu_divide(struct mgm_backend *b, const float *weights, size_t count, const float *sigma, float *dst)
{
    (void)b;
    const float factor = sigma ? 1 / *sigma : 1;
    for (size_t i = 0; i < count; i++)
        dst[i] = weights[i] * factor;
}

static void cpu_transpose_weights(struct mgm_backend *b, const float *weights, int in, int out, const float *sigma,
                                  float *dst)
{
    (void)b;
    mgm_transpose_weights(weights, in, out, sigma ? 1 / *sigma : 1, dst);
}

static void cpu_transpose_weights_backward(struct mgm_backend *b, const float *d_grid_weights, int in, int out,
                                           float *d_weights)
{
    (void)b;
    mgm_transpose_weights_backward(d_grid_weights, in, out, d_weights);
}

/* ---- norms ------------------------------------------------------------------------------------------------------------ */

static void cpu_norm_forward(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_backend_norm_forward *f)
{
    const size_t channels = (size_t)norm->channels, sums = mgm_norm_workspace(norm->channels);
    float *factor = workspace(b, sums + 2 * channels);
    if (!factor)
        return;
    float *offset = factor + channels;
    mgm_norm_statistics(norm, f->x, offset + channels, f->mean, f->inverse);
    const double count = (double)norm->pixels * mgm_communicator_size(norm->together) * f->replicas;
    const double unbiased = count > 1 ? count / (count - 1) : 1;
    for (size_t c = 0; c < channels; c++) {
        const float variance = f->inverse[c];
        f->running_mean[c] += MGM_NORM_MOMENTUM * (f->mean[c] - f->running_mean[c]);
        f->running_variance[c] += MGM_NORM_MOMENTUM * ((float)(variance * unbiased) - f->running_variance[c]);
        f->inverse[c] = 1 / sqrtf(variance + MGM_NORM_EPSILON);
        factor[c] = f->scale[c] * f->inverse[c];
        offset[c] = f->shift[c] - f->mean[c] * factor[c];
    }
    mgm_norm_apply(norm, f->x, f->residual, factor, offset, f->y);
}

static void cpu_norm_backward(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_norm_backward *d)
{
    float *space = workspace(b, mgm_norm_workspace(norm->channels));
    if (space)
        mgm_norm_backward(norm, d, space);
}

/* ---- the rest: the same functions, without the backend ------------------------------------------------------------------
 */

static void cpu_average_pool(struct mgm_backend *b, const struct mgm_spatial *s, const void *large, void *small)
{
    (void)b;
    mgm_average_pool(s, large, small);
}

static void cpu_average_pool_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_small, void *d_large)
{
    (void)b;
    mgm_average_pool_backward(s, d_small, d_large);
}

static void cpu_upsample(struct mgm_backend *b, const struct mgm_spatial *s, const void *small, void *large)
{
    (void)b;
    mgm_upsample(s, small, large);
}

static void cpu_upsample_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_large, void *d_small)
{
    (void)b;
    mgm_upsample_backward(s, d_large, d_small);
}

static void cpu_sum_pixels(struct mgm_backend *b, const struct mgm_spatial *s, const void *map, float factor, void *vector)
{
    (void)b;
    mgm_sum_pixels(s, map, factor, vector);
}

static void cpu_repeat_pixels(struct mgm_backend *b, const struct mgm_spatial *s, const void *vector, float factor,
                              void *map)
{
    (void)b;
    mgm_repeat_pixels(s, vector, factor, map);
}

static void cpu_copy_channels_in(struct mgm_backend *b, const struct mgm_spatial *s, const void *dense, void *wide,
                                 int stride, int offset)
{
    (void)b;
    mgm_copy_channels_in(s, dense, wide, stride, offset);
}

static void cpu_copy_channels_out(struct mgm_backend *b, const struct mgm_spatial *s, const void *wide, int stride,
                                  int offset, void *dense)
{
    (void)b;
    mgm_copy_channels_out(s, wide, stride, offset, dense);
}

static void cpu_shuffle(struct mgm_backend *b, const struct mgm_spatial *s, const void *grid, void *dst)
{
    (void)b;
    mgm_shuffle(s, grid, dst);
}

static void cpu_shuffle_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_dst, void *d_grid)
{
    (void)b;
    mgm_shuffle_backward(s, d_dst, d_grid);
}

static enum mgm_status cpu_gather(struct mgm_backend *b, const struct mgm_tile_map *src, const struct mgm_windows *windows,
                                  void *dst)
{
    mgm_gather_windows(cpu(b)->threads, src, windows, dst);
    return MGM_OK;
}

static void cpu_accumulate(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src, void *dst)
{
    mgm_accumulate(cpu(b)->threads, precision, count, src, dst);
}

static void cpu_convert_from_f32(struct mgm_backend *b, enum mgm_precision precision, size_t count, const float *src,
                                 void *dst)
{
    mgm_convert_from_f32(cpu(b)->threads, precision, count, src, dst);
}

static void cpu_convert_to_f32(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src,
                               float *dst)
{
    mgm_convert_to_f32(cpu(b)->threads, precision, count, src, dst);
}

static void cpu_add_bias(struct mgm_backend *b, size_t pixels, int channels, const float *bias, float *values)
{
    (void)b;
    for (size_t i = 0; i < pixels * (size_t)channels; i++)
        values[i] += bias[i % (size_t)channels];
}

static void cpu_bias_gradient(struct mgm_backend *b, size_t pixels, int channels, const float *d_values, float *d_bias)
{
    (void)b;
    for (size_t c = 0; c < (size_t)channels; c++) {
        double sum = 0;
        for (size_t i = c; i < pixels * (size_t)channels; i += (size_t)channels)
            sum += d_values[i];
        d_bias[c] = (float)sum;
    }
}

static void cpu_single_conv(struct mgm_backend *b, const struct mgm_spatial *src, const void *x, const float *weights,
                            const float *bias, float *dst)
{
    float *space = workspace(b, 9 * (size_t)src->c);
    if (space)
        mgm_single_conv(src, x, weights, bias ? *bias : 0, space, dst);
}

static void cpu_single_conv_backward(struct mgm_backend *b, const struct mgm_spatial *src, const void *x,
                                     const float *weights, const float *d_dst, void *d_x, float *d_weights, float *d_bias)
{
    float unused, *space = workspace(b, mgm_single_conv_workspace(src));
    if (space)
        mgm_single_conv_backward(src, x, weights, d_dst, space, d_x, d_weights, d_bias ? d_bias : &unused);
}

static enum mgm_status cpu_join(struct mgm_backend *b, struct mgm_communicator *c)
{
    b->together = c;
    return MGM_OK;
}

static void cpu_share(struct mgm_backend *b, float *values, size_t count)
{
    mgm_communicator_sum_f32(b->together, values, count);
}

static const struct mgm_backend_ops cpu_ops = {
    .name = "cpu",
    .host_memory = true,
    .blocked = true,
    .destroy = cpu_destroy,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .clear = cpu_clear,
    .copy = cpu_copy,
    .upload = cpu_copy,
    .download = cpu_download,
    .finish = cpu_finish,
    .conv_create_training = cpu_conv_create_training,
    .conv_create_inference = cpu_conv_create_inference,
    .conv_destroy = cpu_conv_destroy,
    .conv_is_reference = cpu_conv_is_reference,
    .conv_set_weights = cpu_conv_set_weights,
    .conv_forward = cpu_conv_forward,
    .conv_backward_data = cpu_conv_backward_data,
    .conv_backward_weights = cpu_conv_backward_weights,
    .spectral_iterate = cpu_spectral_iterate,
    .spectral_backward = cpu_spectral_backward,
    .divide = cpu_divide,
    .transpose_weights = cpu_transpose_weights,
    .transpose_weights_backward = cpu_transpose_weights_backward,
    .norm_forward = cpu_norm_forward,
    .norm_backward = cpu_norm_backward,
    .average_pool = cpu_average_pool,
    .average_pool_backward = cpu_average_pool_backward,
    .upsample = cpu_upsample,
    .upsample_backward = cpu_upsample_backward,
    .sum_pixels = cpu_sum_pixels,
    .repeat_pixels = cpu_repeat_pixels,
    .copy_channels_in = cpu_copy_channels_in,
    .copy_channels_out = cpu_copy_channels_out,
    .shuffle = cpu_shuffle,
    .shuffle_backward = cpu_shuffle_backward,
    .gather = cpu_gather,
    .accumulate = cpu_accumulate,
    .convert_from_f32 = cpu_convert_from_f32,
    .convert_to_f32 = cpu_convert_to_f32,
    .add_bias = cpu_add_bias,
    .bias_gradient = cpu_bias_gradient,
    .single_conv = cpu_single_conv,
    .single_conv_backward = cpu_single_conv_backward,
    .join = cpu_join,
    .share = cpu_share,
};

enum mgm_status mgm_cpu_backend_create(struct mgm_context *ctx, int threads, struct mgm_backend **out)
{
    *out = NULL;
    struct cpu_backend *backend = mgm_alloc_zeroed(1, sizeof *backend);
    if (!backend)
        return mgm_fail_nomem(ctx, "a backend");
    backend->base = (struct mgm_backend){.ops = &cpu_ops, .ctx = ctx};
    backend->threads = mgm_thread_count(threads);
    const enum mgm_status status = mgm_onednn_create(ctx, threads, &backend->onednn);
    if (status != MGM_OK) {
        mgm_free(backend);
        return status;
    }
    *out = &backend->base;
    return MGM_OK;
}
