#include "matting/predict.h"

#include "base/memory.h"
#include "matting/refinement.h"
#include "nn/backend.h"
#include "nn/infer_plan.h"
#include "nn/tile_plan.h"

#include <math.h>
#include <string.h>

struct mgm_predictor {
    struct mgm_context *ctx;
    const struct mgm_model *model;
    struct mgm_predictor_settings settings;
    struct mgm_infer_plan *whole;
    struct mgm_tile_plan *tiles; /* NULL: dense */
    float *raw[MGM_HEAD_COUNT];  /* not dense: of the finer heads */
};

/* @param bytes  not NULL: what the plan would take is found out, and no plan made */
static enum mgm_status create_plan(struct mgm_context *ctx, const struct mgm_model *model,
                                   const struct mgm_predictor_settings *s, const int *keep, int keep_count, size_t *bytes,
                                   struct mgm_infer_plan **out)
{
    struct mgm_infer_plan_settings settings = {.n = s->n,
                                               .h = s->h,
                                               .w = s->w,
                                               .threads = s->threads,
                                               .backend = s->backend,
                                               .precision = s->precision,
                                               .keep = keep,
                                               .keep_count = keep_count};
    const struct mgm_quantization quantization = {s->ranges ? s->ranges : model->ranges};
    if (s->precision == MGM_PRECISION_S8) {
        settings.precision = mgm_bf16_is_native() ? MGM_PRECISION_BF16 : MGM_PRECISION_F32;
        settings.quantization = quantization.ranges ? &quantization : NULL;
    }
    if (bytes)
        return mgm_infer_plan_measure(ctx, &model->graph, &settings, bytes);
    return mgm_infer_plan_create(ctx, &model->graph, &model->params, &settings, out);
}

static bool is_dense(const struct mgm_model *model, const struct mgm_predictor_settings *settings)
{
    return settings->dense || model->fusion != MGM_FUSE_BY_REFINEMENT ||
           (settings->backend && !settings->backend->ops->gather);
}

/* The whole network's plan, or what that takes, with all that refinement by tiles needs of it. */
static enum mgm_status create_whole(struct mgm_context *ctx, const struct mgm_model *model,
                                    const struct mgm_predictor_settings *s, size_t *bytes, struct mgm_infer_plan **out)
{
    int *keep = NULL, keep_count = 0;
    if (!is_dense(model, s))
        TRY(mgm_tile_plan_sources(ctx, &model->graph, &keep, &keep_count));
    const enum mgm_status status = create_plan(ctx, model, s, keep, keep_count, bytes, out);
    mgm_free(keep);
    return status;
}

/* What refinement may take beyond what the whole network's plan lends to it. */
static size_t tile_memory(const struct mgm_predictor_settings *settings)
{
    return settings->tile_memory ? settings->tile_memory : (size_t)256 << 20;
}

static enum mgm_status create_tiles(struct mgm_predictor *p)
{
    TRY(mgm_tile_plan_create(p->ctx, &p->model->graph, &p->model->params, p->whole, tile_memory(&p->settings), &p->tiles));
    for (int head = MGM_HEAD_OS4; head < MGM_HEAD_COUNT; head++) {
        const int stride = mgm_head_stride[head];
        p->raw[head] = mgm_alloc_zeroed((size_t)(p->settings.h / stride) * (size_t)(p->settings.w / stride), sizeof(float));
        if (!p->raw[head])
            return mgm_fail_nomem(p->ctx, "the mattes of the network's heads");
    }
    return MGM_OK;
}

enum mgm_status mgm_predictor_create(struct mgm_context *ctx, const struct mgm_model *model,
                                     const struct mgm_predictor_settings *settings, struct mgm_predictor **out)
{
    struct mgm_predictor *p = *out = mgm_alloc_zeroed(1, sizeof *p);
    if (!p)
        return mgm_fail_nomem(ctx, "a predictor");
    *p = (struct mgm_predictor){.ctx = ctx, .model = model, .settings = *settings};
    p->settings.dense = is_dense(model, settings);
    enum mgm_status status = mgm_model_hold_params(ctx, model);
    if (status == MGM_OK) {
        status = create_whole(ctx, model, settings, NULL, &p->whole);
        if (status == MGM_OK && !p->settings.dense)
            status = create_tiles(p);
        mgm_model_drop_params(model);
    }
    if (status != MGM_OK)
        mgm_predictor_destroy(out);
    return status;
}

enum mgm_status mgm_predictor_measure(struct mgm_context *ctx, const struct mgm_model *model,
                                      const struct mgm_predictor_settings *settings, size_t *bytes)
{
    const size_t pixels = (size_t)settings->n * (size_t)settings->h * (size_t)settings->w;
    size_t parameters = 0;
    TRY(create_whole(ctx, model, settings, bytes, NULL));
    for (int i = 0; i < model->graph.param_count; i++)
        parameters += model->graph.params[i].count;
    /* Weights, once as they are stored and once as kernels want them; the finer heads. */
    *bytes += parameters * (sizeof(float) + mgm_precision_bytes(settings->precision));
    *bytes += is_dense(model, settings) ? 0 : (pixels + pixels / 16) * sizeof(float) + tile_memory(settings);
    return MGM_OK;
}

/* The layer whose mean over the picture the network takes. */
static int pooled_layer(const struct mgm_graph *graph)
{
    for (int i = 0; i < graph->layer_count; i++)
        if (graph->layers[i].op == MGM_OP_GLOBAL_POOL)
            return graph->layers[i].inputs[0];
    return -1; /* never: the network has one */
}

enum mgm_status mgm_pooled_plan_create(struct mgm_context *ctx, const struct mgm_model *model,
                                       const struct mgm_predictor_settings *settings, struct mgm_infer_plan **out)
{
    const int layer = pooled_layer(&model->graph);
    TRY(mgm_model_hold_params(ctx, model));
    const enum mgm_status status = create_plan(ctx, model, settings, &layer, 1, NULL, out);
    mgm_model_drop_params(model);
    return status;
}

int mgm_pooled_channels(const struct mgm_model *model)
{
    return model->graph.layers[pooled_layer(&model->graph)].channels;
}

enum mgm_status mgm_pooled_plan_run(const struct mgm_model *model, struct mgm_infer_plan *plan, float *values)
{
    TRY(mgm_infer_plan_run(plan));
    return mgm_infer_plan_read(plan, pooled_layer(&model->graph), values);
}

void mgm_predictor_destroy(struct mgm_predictor **predictor)
{
    struct mgm_predictor *p = *predictor;
    if (!p)
        return;
    mgm_tile_plan_destroy(&p->tiles);
    mgm_infer_plan_destroy(&p->whole);
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        mgm_free(p->raw[head]);
    mgm_free(p);
    *predictor = NULL;
}

const struct mgm_predictor_settings *mgm_predictor_settings_of(const struct mgm_predictor *p)
{
    return &p->settings;
}

float *mgm_predictor_input(struct mgm_predictor *p)
{
    return mgm_infer_plan_input(p->whole);
}

void mgm_predictor_set_pooled(struct mgm_predictor *p, const float *pooled)
{
    mgm_infer_plan_set_pooled(p->whole, pooled);
}

enum mgm_status mgm_predictor_run(struct mgm_predictor *p)
{
    return mgm_infer_plan_run(p->whole);
}

static enum mgm_status damaged(const struct mgm_predictor *p)
{
    return mgm_fail(p->ctx, MGM_E_FORMAT, "the weights of '%s' are damaged: they give values that are not finite",
                    p->model->name);
}

/* Weights that are finite one by one may overflow together. */
static bool all_finite(const float *values, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++)
        finite &= isfinite(values[i]) != 0;
    return finite;
}

/* Raw values of one picture, as the whole network's plan has computed them. */
static const float *raw_of(const struct mgm_predictor *p, int head, int picture)
{
    const size_t count = (size_t)(p->settings.h / mgm_head_stride[head]) * (size_t)(p->settings.w / mgm_head_stride[head]);
    return mgm_infer_plan_output(p->whole, head) + (size_t)picture * count;
}

/* Eq. 2 and 3 for one of the finer heads. @param growth  how far the next head's region may reach beyond this one's */
static enum mgm_status refine(struct mgm_predictor *p, int picture, int head, int dilate, int growth, uint8_t *unknown,
                              const struct mgm_prediction *prediction, double *computed)
{
    const int h = p->settings.h, w = p->settings.w;
    if (prediction->region)
        for (size_t i = 0; i < (size_t)h * (size_t)w; i++)
            unknown[i] = prediction->region[i] != 0;
    else
        TRY(mgm_uncertain_region(p->ctx, prediction->alpha, h, w, dilate, unknown));
    const float *raw = p->raw[head];
    *computed = 1;
    if (p->tiles) {
        const struct mgm_tile_region region = {picture, unknown, growth};
        TRY(mgm_tile_plan_run(p->tiles, head - 1, &region, p->raw[head], computed));
    } else {
        raw = raw_of(p, head, picture);
    }
    if (prediction->heads[head])
        mgm_head_to_alpha(raw, h, w, mgm_head_stride[head], prediction->heads[head]);
    bool finite;
    TRY(mgm_refine_by_head(p->ctx, prediction->alpha, raw, h, w, mgm_head_stride[head], unknown, &finite));
    return finite ? MGM_OK : damaged(p);
}

/* The matte of a model without refinement. */
static enum mgm_status finish_unrefined(struct mgm_predictor *p, int picture, struct mgm_prediction *prediction)
{
    const int h = p->settings.h, w = p->settings.w;
    const size_t count = (size_t)h * (size_t)w;
    const float *raw = raw_of(p, MGM_HEAD_OS1, picture);
    if (!all_finite(raw, count))
        return damaged(p);
    mgm_head_to_alpha(raw, h, w, mgm_head_stride[MGM_HEAD_OS1], prediction->alpha);
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        if (prediction->heads[head])
            mgm_head_to_alpha(raw_of(p, head, picture), h, w, mgm_head_stride[head], prediction->heads[head]);
    memset(prediction->unknown_os4, 1, count);
    memset(prediction->unknown_os1, 1, count);
    prediction->computed_os4 = prediction->computed_os1 = 1;
    return MGM_OK;
}

enum mgm_status mgm_predictor_finish(struct mgm_predictor *p, int picture, struct mgm_prediction *prediction)
{
    const int h = p->settings.h, w = p->settings.w, stride = mgm_head_stride[MGM_HEAD_OS8];
    if (p->model->fusion != MGM_FUSE_BY_REFINEMENT)
        return finish_unrefined(p, picture, prediction);
    const float *raw = raw_of(p, MGM_HEAD_OS8, picture);
    if (!all_finite(raw, (size_t)(h / stride) * (size_t)(w / stride)))
        return damaged(p);
    mgm_head_to_alpha(raw, h, w, stride, prediction->alpha);
    if (prediction->heads[MGM_HEAD_OS8])
        memcpy(prediction->heads[MGM_HEAD_OS8], prediction->alpha, (size_t)h * (size_t)w * sizeof(float));
    /* What stride 4 leaves uncertain lies in the region that it refined; the ellipse reaches half its size beyond. */
    TRY(refine(p, picture, MGM_HEAD_OS4, prediction->dilate_os4, prediction->dilate_os1 / 2, prediction->unknown_os4,
               prediction, &prediction->computed_os4));
    return refine(p, picture, MGM_HEAD_OS1, prediction->dilate_os1, 0, prediction->unknown_os1, prediction,
                  &prediction->computed_os1);
}
