#include "nn/backends/onednn/conv.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "nn/backends/onednn/compat.h"
#include "nn/norm.h"
#include "nn/spatial.h"

#include <omp.h>
#include <string.h>

struct mgm_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int threads;
    void *scratch; /* as large as the greediest primitive asked for */
    size_t scratch_size;
    float *aside; /* a result on its way through what a convolution could not fuse */
    size_t aside_count;
};

/* A primitive with the memory objects that its calls fill in. */
struct primitive {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t handle;
    dnnl_memory_t src, weights, dst, scratch;
    size_t scratch_size;
};

/* What of a fusion is left to do after the convolution: dst = act(x) · factor + offset [+ dst]. */
struct rest {
    bool needed, add;
    float slope;
    float *factor, *offset; /* [oc] */
};

struct mgm_conv {
    struct mgm_onednn *onednn;
    struct mgm_conv_shape shape;
    struct primitive forward, data, gradient;
    dnnl_memory_t plain;                                 /* f32 [oc, ic, kh, kw], the caller's */
    dnnl_primitive_t to_forward, to_data, from_gradient; /* weight reorders */
    void *forward_weights, *data_weights, *gradient_weights;
    dnnl_memory_t bias, scale, shift;
    float *bias_values, *scale_values, *shift_values;
    int scale_op; /* place of the multiplication among the fused operations; the shift follows */
    struct rest rest;
    float *last_src, *last_dst; /* a blocked convolution that runs channels last: its operands in that layout */
};

static enum mgm_status check(struct mgm_context *ctx, dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return MGM_OK;
    if (status == dnnl_out_of_memory)
        return mgm_fail_nomem(ctx, what);
    if (status == dnnl_unimplemented) /* such as bf16 where the processor lacks the instructions */
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "oneDNN cannot do this on this processor: %s", what);
    return mgm_fail(ctx, MGM_E_BACKEND, "oneDNN could not do this: %s (status %d)", what, (int)status);
}

enum mgm_status mgm_onednn_create(struct mgm_context *ctx, int threads, struct mgm_onednn **out)
{
    *out = NULL;
    struct mgm_onednn *onednn = mgm_alloc_zeroed(1, sizeof *onednn);
    if (!onednn)
        return mgm_fail_nomem(ctx, "the compute library");
    onednn->threads = mgm_thread_count(threads);
    enum mgm_status status = check(ctx, dnnl_engine_create(&onednn->engine, dnnl_cpu, 0), "create an engine");
    if (status == MGM_OK)
        status =
            check(ctx, dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags), "create a stream");
    if (status != MGM_OK) {
        mgm_onednn_destroy(&onednn);
        return status;
    }
    *out = onednn;
    return MGM_OK;
}

void mgm_onednn_destroy(struct mgm_onednn **onednn)
{
    if (!*onednn)
        return;
    if ((*onednn)->stream)
        dnnl_stream_destroy((*onednn)->stream);
    if ((*onednn)->engine)
        dnnl_engine_destroy((*onednn)->engine);
    mgm_free((*onednn)->scratch);
    mgm_free((*onednn)->aside);
    mgm_free(*onednn);
    *onednn = NULL;
}

int mgm_onednn_enter(const struct mgm_onednn *onednn)
{
    int previous = omp_get_max_threads();
    omp_set_num_threads(onednn->threads);
    return previous;
}

void mgm_onednn_leave(int previous)
{
    omp_set_num_threads(previous);
}

static dnnl_data_type_t type_of(enum mgm_precision precision)
{
    return precision == MGM_PRECISION_BF16 ? dnnl_bf16 : dnnl_f32;
}

static mgm_md md_of(const struct primitive *primitive, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(primitive->desc, what, 0);
}

static enum mgm_status create_memory(struct mgm_context *ctx, struct mgm_onednn *onednn, mgm_md md, void *data,
                                     dnnl_memory_t *out)
{
    return check(ctx, dnnl_memory_create(out, md, onednn->engine, data ? data : DNNL_MEMORY_NONE), "describe memory");
}

static void release_primitive(struct primitive *p)
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
    dnnl_memory_t memories[] = {c->plain, c->bias, c->scale, c->shift};
    for (int i = 0; i < 4; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    mgm_free(c->forward_weights);
    mgm_free(c->data_weights);
    mgm_free(c->gradient_weights);
    mgm_free(c->bias_values);
    mgm_free(c->scale_values);
    mgm_free(c->shift_values);
    mgm_free(c->rest.factor);
    mgm_free(c->rest.offset);
    mgm_free(c->last_src);
    mgm_free(c->last_dst);
    mgm_free(c);
    *conv = NULL;
}

/* What a convolution is created from: descriptors (channels last; weights in any layout) and attributes. */
struct problem {
    mgm_owned_md src, weights, gradient, bias, dst;
    mgm_owned_md channels; /* of a vector that a fused operation repeats over the pixels */
    dnnl_primitive_attr_t fused, plain;
    struct mgm_conv_mds mds;
};

static void release_problem(struct problem *p)
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

static enum mgm_status create_attributes(struct mgm_context *ctx, const struct mgm_conv_fusion *fusion, mgm_md channels,
                                         dnnl_primitive_attr_t *out)
{
    dnnl_post_ops_t ops = NULL;
    TRY(check(ctx, dnnl_primitive_attr_create(out), "create attributes"));
    TRY(check(ctx, dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user), "set attributes"));
    if (!fusion)
        return MGM_OK;
    dnnl_status_t status = dnnl_post_ops_create(&ops);
    if (status == dnnl_success && fusion->add_before)
        status = mgm_post_ops_append_sum(ops);
    if (status == dnnl_success && fusion->slope != 1)
        status = mgm_post_ops_append_relu(ops, fusion->slope);
    if (status == dnnl_success && fusion->scale)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_mul, channels);
    if (status == dnnl_success && fusion->scale)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_add, channels);
    if (status == dnnl_success && fusion->add_after)
        status = mgm_post_ops_append_sum(ops);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*out, ops);
    if (ops)
        dnnl_post_ops_destroy(ops);
    return check(ctx, status, "fuse operations into a convolution");
}

static enum mgm_status describe(struct mgm_context *ctx, const struct mgm_conv_shape *s, enum mgm_precision precision,
                                const struct mgm_conv_fusion *fusion, struct problem *p)
{
    dnnl_dim_t src[] = {s->n, s->ic, s->ih, s->iw}, weights[] = {s->oc, s->ic, s->kernel, s->kernel};
    dnnl_dim_t dst[] = {s->n, s->oc, s->oh, s->ow}, vector[] = {s->oc}, channels[] = {1, s->oc, 1, 1};
    dnnl_format_tag_t dst_tag = s->blocked ? dnnl_nChw16c : dnnl_nhwc;
    dnnl_format_tag_t src_tag = s->blocked && s->ic < MGM_CONV_BLOCK ? dnnl_nchw : dst_tag;
    TRY(check(ctx, mgm_md_create(&p->src, 4, src, type_of(precision), src_tag), "describe a source"));
    TRY(check(ctx, mgm_md_create(&p->weights, 4, weights, type_of(precision), dnnl_format_tag_any), "describe weights"));
    TRY(check(ctx, mgm_md_create(&p->gradient, 4, weights, dnnl_f32, dnnl_format_tag_any), "describe weights"));
    TRY(check(ctx, mgm_md_create(&p->dst, 4, dst, type_of(precision), dst_tag), "describe a result"));
    TRY(check(ctx, mgm_md_create(&p->bias, 1, vector, dnnl_f32, dnnl_a), "describe a bias"));
    TRY(check(ctx, mgm_md_create(&p->channels, 4, channels, dnnl_f32, dnnl_nhwc), "describe channels"));
    TRY(create_attributes(ctx, fusion, MGM_MD(p->channels), &p->fused));
    TRY(create_attributes(ctx, NULL, NULL, &p->plain));
    p->mds = (struct mgm_conv_mds){.src = MGM_MD(p->src),
                                   .weights = MGM_MD(p->weights),
                                   .bias = fusion->bias ? MGM_MD(p->bias) : NULL,
                                   .dst = MGM_MD(p->dst),
                                   .strides = {s->step, s->step},
                                   .dilates = {s->dilation - 1, s->dilation - 1},
                                   .pad_before = {s->pad_before, s->pad_before},
                                   .pad_after = {s->pad_after, s->pad_after}};
    return MGM_OK;
}

/* Creates the primitive of a direction, its memory objects, and makes the shared scratch memory large enough. */
static enum mgm_status build(struct mgm_context *ctx, struct mgm_onednn *onednn, struct primitive *p,
                             enum mgm_conv_direction direction, const struct mgm_conv_mds *mds, dnnl_primitive_attr_t attr,
                             dnnl_primitive_desc_t hint)
{
    bool data = direction == MGM_CONV_BACKWARD_DATA, gradient = direction == MGM_CONV_BACKWARD_WEIGHTS;
    TRY(check(ctx, mgm_conv_pd_create(&p->desc, onednn->engine, direction, mds, attr, hint), "plan a convolution"));
    TRY(check(ctx, dnnl_primitive_create(&p->handle, p->desc), "prepare a convolution"));
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
static enum mgm_status build_weights(struct mgm_context *ctx, struct mgm_conv *c, struct primitive *p, bool outward,
                                     void **values, dnnl_primitive_t *reorder)
{
    mgm_md md = md_of(p, outward ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
    *values = mgm_alloc(dnnl_memory_desc_get_size(md), 1);
    if (!*values)
        return mgm_fail_nomem(ctx, "weights");
    TRY(check(ctx, dnnl_memory_set_data_handle(p->weights, *values), "place weights"));
    mgm_owned_md plain = {0};
    const struct mgm_conv_shape *s = &c->shape;
    dnnl_dim_t dims[] = {s->oc, s->ic, s->kernel, s->kernel};
    TRY(check(ctx, mgm_md_create(&plain, 4, dims, dnnl_f32, dnnl_oihw), "describe weights"));
    enum mgm_status status = MGM_OK;
    if (!c->plain)
        status = create_memory(ctx, c->onednn, MGM_MD(plain), NULL, &c->plain);
    dnnl_primitive_desc_t desc = NULL;
    dnnl_engine_t engine = c->onednn->engine;
    if (status == MGM_OK)
        status = check(ctx,
                       outward ? dnnl_reorder_primitive_desc_create(&desc, md, engine, MGM_MD(plain), engine, NULL)
                               : dnnl_reorder_primitive_desc_create(&desc, MGM_MD(plain), engine, md, engine, NULL),
                       "plan a reordering of weights");
    if (status == MGM_OK)
        status = check(ctx, dnnl_primitive_create(reorder, desc), "prepare a reordering of weights");
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

static enum mgm_status create_forward(struct mgm_context *ctx, struct mgm_conv *c, const struct problem *problem,
                                      const struct mgm_conv_fusion *fusion, enum mgm_conv_direction direction)
{
    const int channels = c->shape.oc;
    const mgm_md repeated = MGM_MD(problem->channels);
    c->scale_op = fusion->add_before + (fusion->slope != 1);
    TRY(copy_vector(ctx, c->onednn, fusion->bias, channels, MGM_MD(problem->bias), &c->bias_values, &c->bias));
    TRY(copy_vector(ctx, c->onednn, fusion->scale, channels, repeated, &c->scale_values, &c->scale));
    TRY(copy_vector(ctx, c->onednn, fusion->shift, channels, repeated, &c->shift_values, &c->shift));
    TRY(build(ctx, c->onednn, &c->forward, direction, &problem->mds, problem->fused, NULL));
    return build_weights(ctx, c, &c->forward, false, &c->forward_weights, &c->to_forward);
}

static enum mgm_status create_backward_data(struct mgm_context *ctx, struct mgm_conv *c, const struct problem *problem)
{
    TRY(build(ctx, c->onednn, &c->data, MGM_CONV_BACKWARD_DATA, &problem->mds, problem->plain, c->forward.desc));
    return build_weights(ctx, c, &c->data, false, &c->data_weights, &c->to_data);
}

static enum mgm_status create_backward_weights(struct mgm_context *ctx, struct mgm_conv *c, const struct problem *problem)
{
    struct mgm_conv_mds mds = problem->mds;
    mds.weights = MGM_MD(problem->gradient); /* summed in f32 whatever the precision of the weights */
    TRY(build(ctx, c->onednn, &c->gradient, MGM_CONV_BACKWARD_WEIGHTS, &mds, problem->plain, c->forward.desc));
    return build_weights(ctx, c, &c->gradient, true, &c->gradient_weights, &c->from_gradient);
}

enum create_for { CREATE_TRAINING, CREATE_INFERENCE, CREATE_WINOGRAD };

static enum mgm_status create(struct mgm_context *ctx, struct mgm_onednn *onednn, const struct mgm_conv_shape *shape,
                              enum mgm_precision precision, const struct mgm_conv_fusion *fusion, enum create_for purpose,
                              bool needs_backward_data, struct mgm_conv **out)
{
    bool training = purpose == CREATE_TRAINING;
    *out = NULL;
    struct mgm_conv *c = mgm_alloc_zeroed(1, sizeof *c);
    if (!c)
        return mgm_fail_nomem(ctx, "a convolution");
    c->onednn = onednn;
    c->shape = *shape;
    struct problem problem = {0};
    int previous = mgm_onednn_enter(onednn); /* primitives are planned for a number of threads */
    enum mgm_status status = describe(ctx, shape, precision, fusion, &problem);
    problem.mds.winograd = purpose == CREATE_WINOGRAD;
    if (status == MGM_OK)
        status = create_forward(ctx, c, &problem, fusion, training ? MGM_CONV_FORWARD_TRAINING : MGM_CONV_FORWARD_INFERENCE);
    if (status == MGM_OK && training && needs_backward_data)
        status = create_backward_data(ctx, c, &problem);
    if (status == MGM_OK && training)
        status = create_backward_weights(ctx, c, &problem);
    mgm_onednn_leave(previous);
    release_problem(&problem);
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
    return create(ctx, onednn, shape, precision, &fusion, CREATE_TRAINING, needs_backward_data, out);
}

/*
 * Winograd's algorithm F(4×4, 3×3) needs a quarter of the multiplications, but weights of 6 × 6 instead of 3 × 3. It is
 * taken where those stay smaller than the maps they work on: where they do not, little time is won for much memory.
 */
static bool suits_winograd(const struct mgm_conv_shape *s, const struct mgm_conv_fusion *fusion)
{
    enum { MAX_ASIDE = 12 << 20 };
    size_t pixels = (size_t)s->n * (size_t)s->oh * (size_t)s->ow, weights = (size_t)36 * (size_t)s->ic * (size_t)s->oc;
    if (!s->blocked || s->kernel != 3 || s->step != 1 || s->dilation != 1 || s->ic < MGM_CONV_BLOCK)
        return false;
    /* A sum behind scale and shift needs the result put aside: for the largest maps that is too much memory for the gain. */
    if (fusion->add_after && pixels * (size_t)s->oc > MAX_ASIDE)
        return false;
    return weights <= pixels * (size_t)(s->ic + s->oc);
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
    struct rest *rest = &c->rest;
    size_t channels = (size_t)c->shape.oc, count = (size_t)c->shape.n * channels * (size_t)(c->shape.oh * c->shape.ow);
    bool leaky = fusion->slope != 0 && fusion->slope != 1;
    *rest = (struct rest){.needed = leaky || fusion->scale, .add = fusion->add_after, .slope = leaky ? fusion->slope : 1};
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

/* The factor and offset come after the activation; norm_apply has them before, so one of the two must be idle. */
static void apply_rest(struct mgm_conv *c, const float *x, float *dst)
{
    const struct mgm_conv_shape *s = &c->shape;
    size_t pixels = (size_t)s->oh * (size_t)s->ow, plane = pixels * MGM_CONV_BLOCK;
    int blocks = s->oc / MGM_CONV_BLOCK;
    struct mgm_norm norm = {.threads = c->onednn->threads,
                            .precision = MGM_PRECISION_F32,
                            .pixels = pixels,
                            .channels = MGM_CONV_BLOCK,
                            .slope = c->rest.slope};
    for (int i = 0; i < s->n * blocks; i++) {
        size_t at = (size_t)i * plane, first = (size_t)(i % blocks) * MGM_CONV_BLOCK;
        mgm_norm_apply(&norm, x + at, c->rest.add ? dst + at : NULL, c->rest.factor + first, c->rest.offset + first,
                       dst + at);
    }
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
    TRY(create(ctx, onednn, &last, MGM_PRECISION_F32, fusion, CREATE_INFERENCE, false, out));
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
        enum mgm_status status = create(ctx, onednn, shape, shape->src_type, &part, CREATE_WINOGRAD, false, out);
        if (status == MGM_OK) {
            status = keep_rest(ctx, *out, fusion);
            if (status != MGM_OK)
                mgm_conv_destroy(out);
        }
        if (status != MGM_E_UNSUPPORTED)
            return status;
        ctx->error[0] = '\0'; /* an ordinary convolution will do */
    }
    TRY(create(ctx, onednn, shape, shape->src_type, fusion, CREATE_INFERENCE, false, out));
    bool adds = fusion->add_before || fusion->add_after;
    return shape->blocked && !adds && mgm_conv_is_reference(*out) ? create_converting(ctx, shape, fusion, out) : MGM_OK;
}

bool mgm_conv_is_reference(const struct mgm_conv *conv)
{
    const char *name = NULL;
    dnnl_status_t status = dnnl_primitive_desc_query(conv->forward.desc, dnnl_query_impl_info_str, 0, &name);
    return status == dnnl_success && name && strncmp(name, "ref", 3) == 0;
}

static enum mgm_status reorder(struct mgm_context *ctx, struct mgm_onednn *onednn, dnnl_primitive_t handle,
                               dnnl_memory_t from, dnnl_memory_t to)
{
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return check(ctx, dnnl_primitive_execute(handle, onednn->stream, 2, arguments), "reorder weights");
}

enum mgm_status mgm_conv_set_weights(struct mgm_context *ctx, struct mgm_conv *c, const float *weights)
{
    TRY(check(ctx, dnnl_memory_set_data_handle(c->plain, (void *)weights), "place weights"));
    TRY(reorder(ctx, c->onednn, c->to_forward, c->plain, c->forward.weights));
    if (c->to_data)
        TRY(reorder(ctx, c->onednn, c->to_data, c->plain, c->data.weights));
    return check(ctx, dnnl_stream_wait(c->onednn->stream), "reorder weights");
}

static enum mgm_status place(struct mgm_context *ctx, struct mgm_conv *c, struct primitive *p, const void *src,
                             const void *dst)
{
    TRY(check(ctx, dnnl_memory_set_data_handle(p->src, (void *)src), "place a source"));
    if (p->scratch)
        TRY(check(ctx, dnnl_memory_set_data_handle(p->scratch, c->onednn->scratch), "place scratch memory"));
    return check(ctx, dnnl_memory_set_data_handle(p->dst, (void *)dst), "place a result");
}

static enum mgm_status execute(struct mgm_context *ctx, struct mgm_conv *c, struct primitive *p, dnnl_exec_arg_t *arguments,
                               int count)
{
    if (p->scratch)
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, p->scratch};
    TRY(check(ctx, dnnl_primitive_execute(p->handle, c->onednn->stream, count, arguments), "convolve"));
    return check(ctx, dnnl_stream_wait(c->onednn->stream), "convolve");
}

static struct mgm_spatial blocks_of(const struct mgm_conv *c, int h, int w, int channels)
{
    return (struct mgm_spatial){c->onednn->threads, MGM_PRECISION_F32, c->shape.n, h, w, channels, MGM_CONV_BLOCK};
}

enum mgm_status mgm_conv_forward(struct mgm_context *ctx, struct mgm_conv *c, const void *src, void *dst)
{
    struct primitive *p = &c->forward;
    void *result = c->rest.add ? c->onednn->aside : c->last_dst ? c->last_dst : dst;
    if (c->last_src) {
        struct mgm_spatial s = blocks_of(c, c->shape.ih, c->shape.iw, c->shape.ic);
        mgm_from_blocks(&s, src, c->last_src);
        src = c->last_src;
    }
    TRY(place(ctx, c, p, src, result));
    dnnl_exec_arg_t arguments[8] = {{DNNL_ARG_SRC, p->src}, {DNNL_ARG_WEIGHTS, p->weights}, {DNNL_ARG_DST, p->dst}};
    int count = 3;
    if (c->bias)
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, c->bias};
    if (c->scale) {
        int first = c->scale_op;
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(first) | DNNL_ARG_SRC_1, c->scale};
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(first + 1) | DNNL_ARG_SRC_1, c->shift};
    }
    TRY(execute(ctx, c, p, arguments, count));
    if (c->rest.needed)
        apply_rest(c, result, dst);
    if (c->last_dst) {
        struct mgm_spatial s = blocks_of(c, c->shape.oh, c->shape.ow, c->shape.oc);
        mgm_to_blocks(&s, c->last_dst, dst);
    }
    return MGM_OK;
}

enum mgm_status mgm_conv_backward_data(struct mgm_context *ctx, struct mgm_conv *c, const void *diff_dst, void *diff_src)
{
    struct primitive *p = &c->data;
    TRY(place(ctx, c, p, diff_src, diff_dst));
    dnnl_exec_arg_t arguments[8] = {
        {DNNL_ARG_DIFF_SRC, p->src}, {DNNL_ARG_WEIGHTS, p->weights}, {DNNL_ARG_DIFF_DST, p->dst}};
    return execute(ctx, c, p, arguments, 3);
}

enum mgm_status mgm_conv_backward_weights(struct mgm_context *ctx, struct mgm_conv *c, const void *src, const void *diff_dst,
                                          float *diff_weights)
{
    struct primitive *p = &c->gradient;
    TRY(place(ctx, c, p, src, diff_dst));
    dnnl_exec_arg_t arguments[8] = {
        {DNNL_ARG_SRC, p->src}, {DNNL_ARG_DIFF_WEIGHTS, p->weights}, {DNNL_ARG_DIFF_DST, p->dst}};
    TRY(execute(ctx, c, p, arguments, 3));
    TRY(check(ctx, dnnl_memory_set_data_handle(c->plain, diff_weights), "place weights"));
    TRY(reorder(ctx, c->onednn, c->from_gradient, p->weights, c->plain));
    return check(ctx, dnnl_stream_wait(c->onednn->stream), "reorder weights");
}
