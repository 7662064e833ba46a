/* Convolutions: contracts of backends/onednn/conv.h. The convolution itself is cuda_conv.h's engine. */
#include "nn/backends/cuda/cuda_conv.h"
#include "nn/backends/cuda/launch.h"

struct mgm_backend_conv {
    struct mgm_conv_shape shape;
    bool bf16;
    float slope;
    struct mgm_cuda_engine *engine;
    void *weights;               /* [oc, k, k, ic] in the convolution's precision */
    float *vectors;              /* those of the fusion that there are, [oc] each */
    float *bias, *scale, *shift; /* into vectors, or NULL */
    bool add_before, add_after;
};

namespace
{

/* Number i of [oc, taps, ic], from f32 [oc, ic, taps]. */
struct weights_to_last {
    const float *weights;
    void *last;
    size_t taps, ic;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient tap = mgm_divide(i, ic), out = mgm_divide(tap.whole, taps);
        mgm_put1(last, i, weights[(out.whole * ic + tap.rest) * taps + out.rest], bf16);
    }
};

/* Number i of f32 [oc, ic, taps], from [oc, taps, ic]. */
struct weights_from_last {
    const void *last;
    float *weights;
    size_t taps, ic;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient in = mgm_divide(i, taps), out = mgm_divide(in.whole, ic);
        weights[i] = mgm_get1(last, (out.whole * taps + in.rest) * ic + out.rest, bf16);
    }
};

/* In place: x < 0 ? slope · x : x. A convolution with an activation has eight channels or a multiple. */
struct activate {
    void *values;
    float slope;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        mgm_v8 v = mgm_get8(values, 8 * i, bf16);
        for (int k = 0; k < 8; k++)
            v.lane[k] = v.lane[k] > 0 ? v.lane[k] : v.lane[k] * slope;
        mgm_put8(values, 8 * i, v, bf16);
    }
};

/* dst = [dst +] act(x [+ dst]) · scale + shift, f32; x may be dst where neither addition is asked for. */
struct fuse {
    const float *x;
    float *dst;
    const float *bias, *scale, *shift;
    size_t channels;
    float slope;
    bool add_before, add_after;

    MGM_DEVICE void operator()(size_t i) const
    {
        const size_t c = mgm_divide(i, channels).rest;
        const float old = add_before || add_after ? dst[i] : 0;
        float z = x[i] + (bias ? bias[c] : 0) + (add_before ? old : 0);
        z = z > 0 ? z : z * slope;
        if (scale)
            z = z * scale[c] + shift[c];
        dst[i] = z + (add_after ? old : 0);
    }
};

size_t weight_count(const struct mgm_conv_shape *s)
{
    return (size_t)s->oc * (size_t)s->ic * (size_t)(s->kernel * s->kernel);
}

size_t result_count(const struct mgm_conv_shape *s)
{
    return (size_t)s->n * (size_t)s->oh * (size_t)s->ow * (size_t)s->oc;
}

enum mgm_status create(struct mgm_cuda *cuda, const struct mgm_cuda_engine_wish *wish, float slope,
                       struct mgm_backend_conv **out)
{
    const struct mgm_conv_shape *s = &wish->shape;
    struct mgm_context *ctx = cuda->base.ctx;
    *out = NULL;
    if (s->blocked || mgm_cuda_padding(s) < 0)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED,
                        "no convolution on CUDA from %d × %d to %d × %d pixels: kernel %d, step %d, dilation %d, padding %d "
                        "before and %d after%s",
                        s->iw, s->ih, s->ow, s->oh, s->kernel, s->step, s->dilation, s->pad_before, s->pad_after,
                        s->blocked ? ", in blocks of channels" : "");
    struct mgm_backend_conv *c = (struct mgm_backend_conv *)mgm_alloc_zeroed(1, sizeof *c);
    if (!c)
        return mgm_fail_nomem(ctx, "a convolution");
    c->shape = *s;
    c->bf16 = wish->precision == MGM_PRECISION_BF16;
    c->slope = slope;
    enum mgm_status status = mgm_cuda_alloc(&cuda->base, weight_count(s) * (c->bf16 ? 2 : 4), &c->weights);
    if (status == MGM_OK)
        status = mgm_cuda_engine_create(cuda, wish, &c->engine);
    if (status != MGM_OK)
        mgm_cuda_conv_destroy(&cuda->base, &c);
    *out = c;
    return status;
}

/* The fusion's vectors, which are the host's, one behind the other. */
enum mgm_status keep_vectors(struct mgm_cuda *cuda, struct mgm_backend_conv *c, const struct mgm_conv_fusion *fusion)
{
    const float *const host[] = {fusion->bias, fusion->scale, fusion->shift};
    float **const device[] = {&c->bias, &c->scale, &c->shift};
    const size_t channels = (size_t)c->shape.oc;
    void *vectors;
    TRY(mgm_cuda_alloc(&cuda->base, 3 * channels * sizeof(float), &vectors));
    c->vectors = (float *)vectors;
    for (size_t i = 0; i < 3; i++)
        if (host[i]) {
            *device[i] = c->vectors + i * channels;
            mgm_cuda_upload(&cuda->base, *device[i], host[i], channels * sizeof(float));
        }
    return mgm_cuda_report(cuda);
}

} // namespace

enum mgm_status mgm_cuda_conv_create_training(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                              enum mgm_precision precision, float slope, bool needs_backward_data,
                                              struct mgm_backend_conv **out)
{
    const struct mgm_cuda_engine_wish wish = {*shape, precision, needs_backward_data, true};
    if (slope != 1 && shape->oc % 8)
        return mgm_fail(b->ctx, MGM_E_UNSUPPORTED, "an activation after a convolution to %d channels: not a multiple of 8",
                        shape->oc);
    return create(mgm_cuda_of(b), &wish, slope, out);
}

enum mgm_status mgm_cuda_conv_create_inference(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                               const struct mgm_conv_fusion *fusion, struct mgm_backend_conv **out)
{
    const struct mgm_cuda_engine_wish wish = {*shape, MGM_PRECISION_F32, false, false};
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    TRY(create(cuda, &wish, fusion->slope, out));
    (*out)->add_before = fusion->add_before;
    (*out)->add_after = fusion->add_after;
    if (!fusion->bias && !fusion->scale)
        return MGM_OK;
    enum mgm_status status = keep_vectors(cuda, *out, fusion);
    if (status != MGM_OK)
        mgm_cuda_conv_destroy(b, out);
    return status;
}

void mgm_cuda_conv_destroy(struct mgm_backend *b, struct mgm_backend_conv **conv)
{
    struct mgm_backend_conv *c = *conv;
    if (!c)
        return;
    mgm_cuda_engine_destroy(&c->engine);
    mgm_cuda_release(b, c->weights);
    mgm_cuda_release(b, c->vectors);
    mgm_free(c);
    *conv = NULL;
}

bool mgm_cuda_conv_is_reference(const struct mgm_backend_conv *)
{
    return false;
}

enum mgm_status mgm_cuda_conv_set_weights(struct mgm_backend *b, struct mgm_backend_conv *c, const float *weights)
{
    const struct mgm_conv_shape *s = &c->shape;
    const weights_to_last f = {weights, c->weights, (size_t)(s->kernel * s->kernel), (size_t)s->ic, c->bf16};
    mgm_cuda_each(mgm_cuda_of(b), weight_count(s), f);
    return mgm_cuda_report(mgm_cuda_of(b));
}

enum mgm_status mgm_cuda_conv_forward(struct mgm_backend *b, struct mgm_backend_conv *c, const void *src, void *dst)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const bool adds = c->add_before || c->add_after;
    const size_t count = result_count(&c->shape);
    void *result = dst;
    if (adds) { /* dst's old value is still wanted */
        result = mgm_cuda_scratch(cuda, MGM_CUDA_ASIDE, count * sizeof(float));
        if (!result)
            return mgm_cuda_report(cuda);
    }
    TRY(mgm_cuda_engine_forward(cuda, c->engine, src, c->weights, result));
    if (adds || c->bias || c->scale)
        mgm_cuda_each(cuda, count,
                      fuse{(const float *)result, (float *)dst, c->bias, c->scale, c->shift, (size_t)c->shape.oc, c->slope,
                           c->add_before, c->add_after});
    else if (c->slope != 1 && c->shape.oc % 8 == 0)
        mgm_cuda_each(cuda, count / 8, activate{dst, c->slope, c->bf16});
    else if (c->slope != 1) /* inference only, hence f32 */
        mgm_cuda_each(cuda, count,
                      fuse{(const float *)dst, (float *)dst, NULL, NULL, NULL, (size_t)c->shape.oc, c->slope, false, false});
    return mgm_cuda_report(cuda);
}

enum mgm_status mgm_cuda_conv_backward_data(struct mgm_backend *b, struct mgm_backend_conv *c, const void *diff_dst,
                                            void *diff_src)
{
    TRY(mgm_cuda_engine_backward_data(mgm_cuda_of(b), c->engine, diff_dst, c->weights, diff_src));
    return mgm_cuda_report(mgm_cuda_of(b));
}

enum mgm_status mgm_cuda_conv_backward_weights(struct mgm_backend *b, struct mgm_backend_conv *c, const void *src,
                                               const void *diff_dst, float *diff_weights)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const struct mgm_conv_shape *s = &c->shape;
    void *last = mgm_cuda_scratch(cuda, MGM_CUDA_ASIDE, weight_count(s) * (c->bf16 ? 2 : 4));
    if (!last)
        return mgm_cuda_report(cuda);
    TRY(mgm_cuda_engine_backward_weights(cuda, c->engine, src, diff_dst, last));
    mgm_cuda_each(cuda, weight_count(s),
                  weights_from_last{last, diff_weights, (size_t)(s->kernel * s->kernel), (size_t)s->ic, c->bf16});
    return mgm_cuda_report(cuda);
}
