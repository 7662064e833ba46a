#include "base/memory.h"
#include "nn/backends/onednn/conv_parts.h"

#include <string.h>

/*
 * Winograd's algorithm F(4×4, 3×3) needs a quarter of the multiplications, but weights of 6 × 6 instead of 3 × 3. It is
 * taken where those stay smaller than the maps they work on: where they do not, little time is won for much memory.
 */
static bool suits_winograd(const struct mgm_conv_shape *s, const struct mgm_conv_fusion *fusion)
{
    enum { MAX_ASIDE = 12 << 20, MAX_MAPS = 12 << 20 };
    size_t pixels = (size_t)s->n * (size_t)s->oh * (size_t)s->ow, weights = (size_t)36 * (size_t)s->ic * (size_t)s->oc;
    if (!s->blocked || s->kernel != 3 || s->step != 1 || s->dilation != 1 || s->ic < MGM_CONV_BLOCK)
        return false;
    /* A sum behind scale and shift needs the result put aside: for the largest maps that is too much memory for the gain. */
    if (fusion->add_after && pixels * (size_t)s->oc > MAX_ASIDE)
        return false;
    /* Its scratch memory is 36 / 16 of both maps: for the largest ones too much for what is won on few channels. */
    return weights <= pixels * (size_t)(s->ic + s->oc) && pixels * (size_t)(s->ic + s->oc) < MAX_MAPS;
}

/* oneDNN's Winograd convolution fuses an addition and a plain ReLU, nothing else: the part of a fusion it can do. */
static struct mgm_conv_fusion winograd_part(const struct mgm_conv_fusion *fusion)
{
    struct mgm_conv_fusion part = {.bias = fusion->bias, .add_before = fusion->add_before, .slope = fusion->slope};
    if (fusion->slope != 0)
        part.slope = 1;
    return part;
}

static enum mgm_status keep_rest(struct mgm_context *ctx, struct mgm_conv *c, const struct mgm_conv_fusion *fusion)
{
    struct conv_rest *rest = &c->rest;
    size_t channels = (size_t)c->shape.oc, count = (size_t)c->shape.n * channels * (size_t)(c->shape.oh * c->shape.ow);
    bool leaky = fusion->slope != 0 && fusion->slope != 1;
    *rest =
        (struct conv_rest){.needed = leaky || fusion->scale, .add = fusion->add_after, .slope = leaky ? fusion->slope : 1};
    if (!rest->needed)
        return MGM_OK;
    rest->factor = mgm_alloc(channels, sizeof(float));
    rest->offset = mgm_alloc(channels, sizeof(float));
    if (!rest->factor || !rest->offset)
        return mgm_fail_nomem(ctx, "a layer");
    for (size_t i = 0; i < channels; i++) {
        rest->factor[i] = fusion->scale ? fusion->scale[i] : 1;
        rest->offset[i] = fusion->scale ? fusion->shift[i] : 0;
    }
    if (rest->add && count > c->onednn->aside_count) {
        mgm_free(c->onednn->aside);
        c->onednn->aside_count = 0;
        c->onednn->aside = mgm_alloc(count, sizeof(float));
        if (!c->onednn->aside)
            return mgm_fail_nomem(ctx, "the network's activations");
        c->onednn->aside_count = count;
    }
    return MGM_OK;
}

/*
 * Some shapes (a dilation larger than a quarter of the picture, say) have a fast kernel for channels last only: replaces
 * *out by one that converts around it.
 */
static enum mgm_status create_converting(struct mgm_context *ctx, const struct mgm_conv_shape *shape,
                                         const struct mgm_conv_fusion *fusion, struct mgm_conv **out)
{
    struct mgm_onednn *onednn = (*out)->onednn;
    struct mgm_conv_shape last = *shape;
    last.blocked = false;
    mgm_conv_destroy(out);
    TRY(mgm_conv_create(ctx, onednn, &last, MGM_PRECISION_F32, fusion, MGM_CONV_INFERENCE, false, out));
    struct mgm_conv *c = *out;
    c->last_src = mgm_alloc((size_t)last.n * (size_t)(last.ih * last.iw) * (size_t)last.ic, sizeof(float));
    c->last_dst = mgm_alloc((size_t)last.n * (size_t)(last.oh * last.ow) * (size_t)last.oc, sizeof(float));
    if (c->last_src && c->last_dst)
        return MGM_OK;
    mgm_conv_destroy(out);
    return mgm_fail_nomem(ctx, "a layer");
}

enum mgm_status mgm_conv_create_inference(struct mgm_context *ctx, struct mgm_onednn *onednn,
                                          const struct mgm_conv_shape *shape, const struct mgm_conv_fusion *fusion,
                                          struct mgm_conv **out)
{
    if (suits_winograd(shape, fusion)) {
        struct mgm_conv_fusion part = winograd_part(fusion);
        enum mgm_status status = mgm_conv_create(ctx, onednn, shape, shape->src_type, &part, MGM_CONV_WINOGRAD, false, out);
        if (status == MGM_OK) {
            status = keep_rest(ctx, *out, fusion);
            if (status != MGM_OK)
                mgm_conv_destroy(out);
        }
        if (status != MGM_E_UNSUPPORTED)
            return status;
        ctx->error[0] = '\0'; /* an ordinary convolution will do */
    }
    TRY(mgm_conv_create(ctx, onednn, shape, shape->src_type, fusion, MGM_CONV_INFERENCE, false, out));
    bool adds = fusion->add_before || fusion->add_after;
    return shape->blocked && !adds && mgm_conv_is_reference(*out) ? create_converting(ctx, shape, fusion, out) : MGM_OK;
}

bool mgm_conv_is_reference(const struct mgm_conv *conv)
{
    const char *name = NULL;
    dnnl_status_t status = dnnl_primitive_desc_query(conv->forward.desc, dnnl_query_impl_info_str, 0, &name);
    return status == dnnl_success && name && strncmp(name, "ref", 3) == 0;
}
