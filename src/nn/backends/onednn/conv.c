#include "nn/backends/onednn/conv.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "nn/backends/onednn/compat.h"

#include <omp.h>
#include <string.h>

struct mgm_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int threads;
    void *scratch; /* as large as the greediest primitive asked for */
    size_t scratch_size;
};

/* A primitive with the memory objects that its calls fill in. */
struct primitive {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t handle;
    dnnl_memory_t src, weights, dst, scratch;
    size_t scratch_size;
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
    TRY(check(ctx, mgm_md_create(&p->src, 4, src, type_of(precision), dnnl_nhwc), "describe a source"));
    TRY(check(ctx, mgm_md_create(&p->weights, 4, weights, type_of(precision), dnnl_format_tag_any), "describe weights"));
    TRY(check(ctx, mgm_md_create(&p->gradient, 4, weights, dnnl_f32, dnnl_format_tag_any), "describe weights"));
    TRY(check(ctx, mgm_md_create(&p->dst, 4, dst, type_of(precision), dnnl_nhwc), "describe a result"));
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

static enum mgm_status create(struct mgm_context *ctx, struct mgm_onednn *onednn, const struct mgm_conv_shape *shape,
                              enum mgm_precision precision, const struct mgm_conv_fusion *fusion, bool training,
                              bool needs_backward_data, struct mgm_conv **out)
{
    *out = NULL;
    struct mgm_conv *c = mgm_alloc_zeroed(1, sizeof *c);
    if (!c)
        return mgm_fail_nomem(ctx, "a convolution");
    c->onednn = onednn;
    c->shape = *shape;
    struct problem problem = {0};
    int previous = mgm_onednn_enter(onednn); /* primitives are planned for a number of threads */
    enum mgm_status status = describe(ctx, shape, precision, fusion, &problem);
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
    return create(ctx, onednn, shape, precision, &fusion, true, needs_backward_data, out);
}

enum mgm_status mgm_conv_create_inference(struct mgm_context *ctx, struct mgm_onednn *onednn,
                                          const struct mgm_conv_shape *shape, const struct mgm_conv_fusion *fusion,
                                          struct mgm_conv **out)
{
    return create(ctx, onednn, shape, MGM_PRECISION_F32, fusion, false, false, out);
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

enum mgm_status mgm_conv_forward(struct mgm_context *ctx, struct mgm_conv *c, const void *src, void *dst)
{
    struct primitive *p = &c->forward;
    TRY(place(ctx, c, p, src, dst));
    dnnl_exec_arg_t arguments[8] = {{DNNL_ARG_SRC, p->src}, {DNNL_ARG_WEIGHTS, p->weights}, {DNNL_ARG_DST, p->dst}};
    int count = 3;
    if (c->bias)
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, c->bias};
    if (c->scale) {
        int first = c->scale_op;
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(first) | DNNL_ARG_SRC_1, c->scale};
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(first + 1) | DNNL_ARG_SRC_1, c->shift};
    }
    return execute(ctx, c, p, arguments, count);
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
