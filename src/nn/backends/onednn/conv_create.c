#include "base/memory.h"
#include "nn/backends/onednn/conv_parts.h"
#include "nn/backends/onednn/conv_problem.h"

#include <string.h>

enum { WIDEST_FOR_TILES = 256 };

static mgm_md md_of(const struct conv_primitive *primitive, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(primitive->desc, what, 0);
}

static enum mgm_status create_memory(struct mgm_context *ctx, struct mgm_onednn *onednn, mgm_md md, void *data,
                                     dnnl_memory_t *out)
{
    return mgm_onednn_check(ctx, dnnl_memory_create(out, md, onednn->engine, data ? data : DNNL_MEMORY_NONE),
                            "describe memory");
}

static void release_primitive(struct conv_primitive *p)
{
    dnnl_memory_t memories[] = {p->src, p->weights, p->dst, p->scratch};
    for (int i = 0; i < 4; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (p->handle)
        dnnl_primitive_destroy(p->handle);
    if (p->desc)
        dnnl_primitive_desc_destroy(p->desc);
}

void mgm_conv_destroy(struct mgm_conv **conv)
{
    struct mgm_conv *c = *conv;
    if (!c)
        return;
    release_primitive(&c->data);
    release_primitive(&c->gradient);
    release_primitive(&c->forward);
    dnnl_primitive_t reorders[] = {c->to_forward, c->to_data, c->from_gradient};
    for (int i = 0; i < 3; i++)
        if (reorders[i])
            dnnl_primitive_destroy(reorders[i]);
    dnnl_memory_t memories[] = {c->plain, c->bias, c->scale, c->shift, c->factor};
    for (int i = 0; i < 5; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    mgm_free(c->forward_weights);
    mgm_free(c->data_weights);
    mgm_free(c->gradient_weights);
    mgm_free(c->bias_values);
    mgm_free(c->scale_values);
    mgm_free(c->shift_values);
    mgm_free(c->factor_values);
    mgm_free(c->true_bias);
    mgm_free(c->rest.factor);
    mgm_free(c->rest.offset);
    mgm_free(c->last_src);
    mgm_free(c->last_dst);
    mgm_free(c);
    *conv = NULL;
}

/* Creates the primitive of a direction, its memory objects, and makes the shared scratch memory large enough. */
static enum mgm_status build(struct mgm_context *ctx, struct mgm_onednn *onednn, struct conv_primitive *p,
                             enum mgm_conv_direction direction, const struct mgm_conv_mds *mds, dnnl_primitive_attr_t attr,
                             dnnl_primitive_desc_t hint)
{
    bool data = direction == MGM_CONV_BACKWARD_DATA, gradient = direction == MGM_CONV_BACKWARD_WEIGHTS;
    TRY(mgm_onednn_check(ctx, mgm_conv_pd_create(&p->desc, onednn->engine, direction, mds, attr, hint),
                         "plan a convolution"));
    TRY(mgm_onednn_check(ctx, dnnl_primitive_create(&p->handle, p->desc), "prepare a convolution"));
    TRY(create_memory(ctx, onednn, md_of(p, data ? dnnl_query_diff_src_md : dnnl_query_src_md), NULL, &p->src));
    TRY(create_memory(ctx, onednn, md_of(p, data || gradient ? dnnl_query_diff_dst_md : dnnl_query_dst_md), NULL, &p->dst));
    TRY(create_memory(ctx, onednn, md_of(p, gradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md), NULL,
                      &p->weights));
    mgm_md scratch = md_of(p, dnnl_query_scratchpad_md);
    p->scratch_size = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    if (scratch)
        TRY(create_memory(ctx, onednn, scratch, NULL, &p->scratch));
    if (p->scratch_size > onednn->scratch_size) {
        mgm_free(onednn->scratch);
        onednn->scratch_size = 0;
        onednn->scratch = mgm_alloc(p->scratch_size, 1);
        if (!onednn->scratch)
            return mgm_fail_nomem(ctx, "scratch memory");
        onednn->scratch_size = p->scratch_size;
    }
    return MGM_OK;
}

/* Memory for weights in the layout a primitive wants, and the reorder between it and the caller's plain layout. */
static enum mgm_status build_weights(struct mgm_context *ctx, struct mgm_conv *c, struct conv_primitive *p, bool outward,
                                     void **values, dnnl_primitive_t *reorder)
{
    mgm_md md = md_of(p, outward ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
    *values = mgm_alloc(dnnl_memory_desc_get_size(md), 1);
    if (!*values)
        return mgm_fail_nomem(ctx, "weights");
    TRY(mgm_onednn_check(ctx, dnnl_memory_set_data_handle(p->weights, *values), "place weights"));
    mgm_owned_md plain = {0};
    const struct mgm_conv_shape *s = &c->shape;
    dnnl_dim_t dims[] = {s->oc, s->ic, s->kernel, s->kernel};
    TRY(mgm_onednn_check(ctx, mgm_md_create(&plain, 4, dims, mgm_conv_is_int8(c) ? dnnl_s8 : dnnl_f32, dnnl_oihw),
                         "describe weights"));
    enum mgm_status status = MGM_OK;
    if (!c->plain)
        status = create_memory(ctx, c->onednn, MGM_MD(plain), NULL, &c->plain);
    dnnl_primitive_desc_t desc = NULL;
    dnnl_engine_t engine = c->onednn->engine;
    if (status == MGM_OK)
        status =
            mgm_onednn_check(ctx,
                             outward ? dnnl_reorder_primitive_desc_create(&desc, md, engine, MGM_MD(plain), engine, NULL)
                                     : dnnl_reorder_primitive_desc_create(&desc, MGM_MD(plain), engine, md, engine, NULL),
                             "plan a reordering of weights");
    if (status == MGM_OK)
        status = mgm_onednn_check(ctx, dnnl_primitive_create(reorder, desc), "prepare a reordering of weights");
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    mgm_md_destroy(&plain);
    return status;
}

static enum mgm_status copy_vector(struct mgm_context *ctx, struct mgm_onednn *onednn, const float *src, int count,
                                   mgm_md md, float **values, dnnl_memory_t *memory)
{
    if (!src)
        return MGM_OK;
    *values = mgm_alloc((size_t)count, sizeof **values);
    if (!*values)
        return mgm_fail_nomem(ctx, "a layer");
    memcpy(*values, src, (size_t)count * sizeof **values);
    return create_memory(ctx, onednn, md, *values, memory);
}

/* What an 8-bit convolution has beyond the others; all in units of dst, which are steps where it is 8-bit, too. */
static enum mgm_status create_int8_vectors(struct mgm_context *ctx, struct mgm_conv *c, const struct conv_problem *problem,
                                           const struct mgm_conv_fusion *fusion)
{
    const size_t channels = (size_t)c->shape.oc;
    float *zeros = mgm_alloc_zeroed(channels, sizeof *zeros);
    if (!zeros)
        return mgm_fail_nomem(ctx, "a layer");
    enum mgm_status status =
        copy_vector(ctx, c->onednn, zeros, c->shape.oc, MGM_MD(problem->channels), &c->factor_values, &c->factor);
    if (status == MGM_OK && !fusion->bias)
        status = copy_vector(ctx, c->onednn, zeros, c->shape.oc, MGM_MD(problem->bias), &c->bias_values, &c->bias);
    mgm_free(zeros);
    c->true_bias = mgm_alloc(channels, sizeof *c->true_bias);
    if (status == MGM_OK && !c->true_bias)
        status = mgm_fail_nomem(ctx, "a layer");
    for (size_t i = 0; i < channels && status == MGM_OK; i++) {
        c->true_bias[i] = fusion->bias ? fusion->bias[i] / c->shape.dst_scale : 0;
        if (c->shift_values)
            c->shift_values[i] /= c->shape.dst_scale;
    }
    return status;
}

static enum mgm_status create_forward(struct mgm_context *ctx, struct mgm_conv *c, const struct conv_problem *problem,
                                      const struct mgm_conv_fusion *fusion, enum mgm_conv_direction direction)
{
    const int channels = c->shape.oc;
    const mgm_md repeated = MGM_MD(problem->channels);
    c->scale_op = mgm_conv_is_int8(c) + fusion->add_before + (fusion->slope != 1);
    TRY(copy_vector(ctx, c->onednn, fusion->bias, channels, MGM_MD(problem->bias), &c->bias_values, &c->bias));
    TRY(copy_vector(ctx, c->onednn, fusion->scale, channels, repeated, &c->scale_values, &c->scale));
    TRY(copy_vector(ctx, c->onednn, fusion->shift, channels, repeated, &c->shift_values, &c->shift));
    if (mgm_conv_is_int8(c))
        TRY(create_int8_vectors(ctx, c, problem, fusion));
    TRY(build(ctx, c->onednn, &c->forward, direction, &problem->mds, problem->fused, NULL));
    return build_weights(ctx, c, &c->forward, false, &c->forward_weights, &c->to_forward);
}

static enum mgm_status create_backward_data(struct mgm_context *ctx, struct mgm_conv *c, const struct conv_problem *problem)
{
    TRY(build(ctx, c->onednn, &c->data, MGM_CONV_BACKWARD_DATA, &problem->mds, problem->plain, c->forward.desc));
    return build_weights(ctx, c, &c->data, false, &c->data_weights, &c->to_data);
}

static enum mgm_status create_backward_weights(struct mgm_context *ctx, struct mgm_conv *c,
                                               const struct conv_problem *problem)
{
    struct mgm_conv_mds mds = problem->mds;
    mds.weights = MGM_MD(problem->gradient); /* summed in f32 whatever the precision of the weights */
    /*
     * oneDNN 2.6's kernel for matrix tiles writes past its memory for some wide maps of few channels (3 × 3, 8 to 8
     * channels, 288 or 384 wide; not 320 or 352). Which others is not known; up to 256 none was found.
     */
    mds.without_tiles = c->shape.iw > WIDEST_FOR_TILES;
    TRY(build(ctx, c->onednn, &c->gradient, MGM_CONV_BACKWARD_WEIGHTS, &mds, problem->plain, c->forward.desc));
    return build_weights(ctx, c, &c->gradient, true, &c->gradient_weights, &c->from_gradient);
}

enum mgm_status mgm_conv_create(struct mgm_context *ctx, struct mgm_onednn *onednn, const struct mgm_conv_shape *shape,
                                enum mgm_precision precision, const struct mgm_conv_fusion *fusion,
                                enum mgm_conv_purpose purpose, bool needs_backward_data, struct mgm_conv **out)
{
    bool training = purpose == MGM_CONV_TRAINING;
    *out = NULL;
    struct mgm_conv *c = mgm_alloc_zeroed(1, sizeof *c);
    if (!c)
        return mgm_fail_nomem(ctx, "a convolution");
    c->onednn = onednn;
    c->shape = *shape;
    struct conv_problem problem = {0};
    int previous = mgm_onednn_enter(onednn); /* primitives are planned for a number of threads */
    enum mgm_status status = mgm_conv_describe(ctx, shape, precision, fusion, &problem);
    problem.mds.winograd = purpose == MGM_CONV_WINOGRAD;
    if (status == MGM_OK)
        status = create_forward(ctx, c, &problem, fusion, training ? MGM_CONV_FORWARD_TRAINING : MGM_CONV_FORWARD_INFERENCE);
    if (status == MGM_OK && training && needs_backward_data)
        status = create_backward_data(ctx, c, &problem);
    if (status == MGM_OK && training)
        status = create_backward_weights(ctx, c, &problem);
    mgm_onednn_leave(previous);
    mgm_conv_problem_release(&problem);
    if (status != MGM_OK)
        mgm_conv_destroy(&c);
    *out = c;
    return status;
}

enum mgm_status mgm_conv_create_training(struct mgm_context *ctx, struct mgm_onednn *onednn,
                                         const struct mgm_conv_shape *shape, enum mgm_precision precision, float slope,
                                         bool needs_backward_data, struct mgm_conv **out)
{
    struct mgm_conv_fusion fusion = {.slope = slope};
    return mgm_conv_create(ctx, onednn, shape, precision, &fusion, MGM_CONV_TRAINING, needs_backward_data, out);
}
