#include "nn/backends/onednn/conv_problem.h"

static dnnl_data_type_t type_of(enum mgm_precision precision)
{
    switch (precision) {
    case MGM_PRECISION_BF16:
        return dnnl_bf16;
    case MGM_PRECISION_U8:
        return dnnl_u8;
    case MGM_PRECISION_S8:
        return dnnl_s8;
    default:
        return dnnl_f32;
    }
}

void mgm_conv_problem_release(struct conv_problem *p)
{
    mgm_md_destroy(&p->src);
    mgm_md_destroy(&p->weights);
    mgm_md_destroy(&p->gradient);
    mgm_md_destroy(&p->bias);
    mgm_md_destroy(&p->dst);
    mgm_md_destroy(&p->channels);
    if (p->fused)
        dnnl_primitive_attr_destroy(p->fused);
    if (p->plain)
        dnnl_primitive_attr_destroy(p->plain);
}

static enum mgm_status create_attributes(struct mgm_context *ctx, const struct mgm_conv_shape *s,
                                         const struct mgm_conv_fusion *fusion, mgm_md channels, dnnl_primitive_attr_t *out)
{
    const bool int8 = !mgm_precision_is_float(s->src_type);
    const float residual_scale = int8 ? s->residual_scale / s->dst_scale : 1;
    const dnnl_data_type_t residual_type = int8 ? type_of(s->residual_type) : dnnl_data_type_undef;
    dnnl_post_ops_t ops = NULL;
    TRY(mgm_onednn_check(ctx, dnnl_primitive_attr_create(out), "create attributes"));
    TRY(mgm_onednn_check(ctx, dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user), "set attributes"));
    if (!fusion)
        return MGM_OK;
    dnnl_status_t status = dnnl_post_ops_create(&ops);
    if (status == dnnl_success && int8)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_mul, channels);
    if (status == dnnl_success && fusion->add_before)
        status = mgm_post_ops_append_sum(ops, residual_scale, residual_type);
    if (status == dnnl_success && fusion->slope != 1)
        status = mgm_post_ops_append_relu(ops, fusion->slope);
    if (status == dnnl_success && fusion->scale)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_mul, channels);
    if (status == dnnl_success && fusion->scale)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_add, channels);
    if (status == dnnl_success && fusion->add_after)
        status = mgm_post_ops_append_sum(ops, residual_scale, residual_type);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*out, ops);
    if (ops)
        dnnl_post_ops_destroy(ops);
    return mgm_onednn_check(ctx, status, "fuse operations into a convolution");
}

enum mgm_status mgm_conv_describe(struct mgm_context *ctx, const struct mgm_conv_shape *s, enum mgm_precision precision,
                                  const struct mgm_conv_fusion *fusion, struct conv_problem *p)
{
    dnnl_dim_t src[] = {s->n, s->ic, s->ih, s->iw}, weights[] = {s->oc, s->ic, s->kernel, s->kernel};
    dnnl_dim_t dst[] = {s->n, s->oc, s->oh, s->ow}, vector[] = {s->oc}, channels[] = {1, s->oc, 1, 1};
    dnnl_format_tag_t dst_tag = s->blocked ? dnnl_nChw16c : dnnl_nhwc;
    dnnl_format_tag_t src_tag = s->blocked && s->ic < MGM_CONV_BLOCK ? dnnl_nchw : dst_tag;
    const bool int8 = !mgm_precision_is_float(precision);
    const dnnl_data_type_t weights_type = int8 ? dnnl_s8 : type_of(precision);
    const dnnl_data_type_t dst_type = int8 ? type_of(s->dst_type) : type_of(precision);
    TRY(mgm_onednn_check(ctx, mgm_md_create(&p->src, 4, src, type_of(precision), src_tag), "describe a source"));
    TRY(mgm_onednn_check(ctx, mgm_md_create(&p->weights, 4, weights, weights_type, dnnl_format_tag_any),
                         "describe weights"));
    TRY(mgm_onednn_check(ctx, mgm_md_create(&p->gradient, 4, weights, dnnl_f32, dnnl_format_tag_any), "describe weights"));
    TRY(mgm_onednn_check(ctx, mgm_md_create(&p->dst, 4, dst, dst_type, dst_tag), "describe a result"));
    TRY(mgm_onednn_check(ctx, mgm_md_create(&p->bias, 1, vector, dnnl_f32, dnnl_a), "describe a bias"));
    TRY(mgm_onednn_check(ctx, mgm_md_create(&p->channels, 4, channels, dnnl_f32, dnnl_nhwc), "describe channels"));
    TRY(create_attributes(ctx, s, fusion, MGM_MD(p->channels), &p->fused));
    TRY(create_attributes(ctx, s, NULL, NULL, &p->plain));
    p->mds = (struct mgm_conv_mds){.src = MGM_MD(p->src),
                                   .weights = MGM_MD(p->weights),
                                   .bias = fusion->bias || int8 ? MGM_MD(p->bias) : NULL,
                                   .dst = MGM_MD(p->dst),
                                   .strides = {s->step, s->step},
                                   .dilates = {s->dilation - 1, s->dilation - 1},
                                   .pad_before = {s->pad_before, s->pad_before},
                                   .pad_after = {s->pad_after, s->pad_after}};
    return MGM_OK;
}
