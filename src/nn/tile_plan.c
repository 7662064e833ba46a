#include "nn/tile_plan.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "nn/fused_conv.h"
#include "nn/infer_state.h"
#include "nn/single_conv.h"
#include "nn/tile_state.h"

#include <string.h>

/* Results that are finer than this are not kept by the inference plan but computed again where needed. */
enum { COARSE_STRIDE = 4 };

/* What the first output needs, itself included. */
static void mark_whole(const struct mgm_graph *graph, bool *whole)
{
    whole[graph->outputs[0]] = true;
    for (int i = graph->layer_count - 1; i >= 0; i--)
        for (int k = 0; k < graph->layers[i].input_count && whole[i]; k++)
            whole[graph->layers[i].inputs[k]] = true;
}

static bool is_source(const struct mgm_graph *graph, const bool *whole, int layer)
{
    const struct mgm_layer *l = &graph->layers[layer];
    return l->op == MGM_OP_INPUT || (whole[layer] && l->stride >= COARSE_STRIDE);
}

/* Heads are an output each; what is behind them (an output for comparing) is nobody's refinement. */
static int count_stages(const struct mgm_graph *graph)
{
    int count = 0;
    while (count + 1 < graph->output_count && mgm_is_single_conv(&graph->layers[graph->outputs[count + 1]]))
        count++;
    return count;
}

/*
 * The stage that computes each layer, −1 where none does. Also marks the sources.
 * @param stages, sources  [layers]
 */
static enum mgm_status assign_stages(struct mgm_context *ctx, const struct mgm_graph *graph, int *stages, bool *sources)
{
    bool *whole = mgm_alloc_zeroed((size_t)graph->layer_count, 2 * sizeof *whole), *needed = whole + graph->layer_count;
    if (!whole)
        return mgm_fail_nomem(ctx, "a plan of tiles");
    mark_whole(graph, whole);
    for (int i = 0; i < graph->layer_count; i++)
        stages[i] = -1;
    for (int stage = 0; stage < count_stages(graph); stage++) {
        memset(needed, 0, (size_t)graph->layer_count * sizeof *needed);
        needed[graph->outputs[stage + 1]] = true;
        for (int i = graph->layer_count - 1; i >= 0; i--) {
            if (!needed[i] || stages[i] >= 0)
                continue;
            sources[i] = is_source(graph, whole, i);
            if (sources[i])
                continue;
            stages[i] = stage;
            for (int k = 0; k < graph->layers[i].input_count; k++)
                needed[graph->layers[i].inputs[k]] = true;
        }
    }
    mgm_free(whole);
    return MGM_OK;
}

enum mgm_status mgm_tile_plan_sources(struct mgm_context *ctx, const struct mgm_graph *graph, int **keep, int *count)
{
    const size_t layers = (size_t)graph->layer_count;
    int *stages = mgm_alloc(layers, sizeof *stages);
    bool *sources = mgm_alloc_zeroed(layers, sizeof *sources);
    *keep = mgm_alloc(layers, sizeof **keep);
    *count = 0;
    enum mgm_status status =
        stages && sources && *keep ? assign_stages(ctx, graph, stages, sources) : mgm_fail_nomem(ctx, "a plan of tiles");
    for (int i = 0; i < graph->layer_count && status == MGM_OK; i++)
        if (sources[i] || i == graph->outputs[0])
            (*keep)[(*count)++] = i;
    mgm_free(stages);
    mgm_free(sources);
    if (status != MGM_OK) {
        mgm_free(*keep);
        *keep = NULL;
    }
    return status;
}

/* Small enough to follow a thin contour, large enough for full speed. */
static void choose_tile(int stride, struct tile_layer *layer)
{
    layer->tile_h = 16;
    layer->tile_w = stride == 1 ? 32 : 16;
}

static enum mgm_status lay_out_layers(struct mgm_tile_plan *plan)
{
    const struct mgm_graph *graph = plan->graph;
    const size_t count = (size_t)graph->layer_count;
    int *stages = mgm_alloc(count, sizeof *stages);
    bool *sources = mgm_alloc_zeroed(count, sizeof *sources);
    plan->layers = mgm_alloc_zeroed(count, sizeof *plan->layers);
    plan->buffers = mgm_alloc_zeroed(count, sizeof *plan->buffers);
    plan->owners = mgm_alloc_zeroed(count, sizeof *plan->owners);
    enum mgm_status status = stages && sources && plan->layers && plan->buffers && plan->owners
                                 ? assign_stages(plan->ctx, graph, stages, sources)
                                 : mgm_fail_nomem(plan->ctx, "a plan of tiles");
    for (int i = 0; i < graph->layer_count && status == MGM_OK; i++) {
        struct tile_layer *l = &plan->layers[i];
        l->stage = stages[i];
        if (l->stage < 0)
            continue;
        choose_tile(graph->layers[i].stride, l);
        l->side_h = mgm_layer_side(&graph->layers[i], plan->h);
        l->side_w = mgm_layer_side(&graph->layers[i], plan->w);
        l->rows = (l->side_h + l->tile_h - 1) / l->tile_h;
        l->columns = (l->side_w + l->tile_w - 1) / l->tile_w;
        const size_t tiles = (size_t)l->rows * (size_t)l->columns;
        l->slots = mgm_alloc(tiles, sizeof *l->slots);
        l->corners = mgm_alloc(tiles + TILE_BATCH, 2 * sizeof *l->corners);
        if (!l->slots || !l->corners)
            status = mgm_fail_nomem(plan->ctx, "a plan of tiles");
    }
    mgm_free(stages);
    mgm_free(sources);
    return status;
}

/* How large a window of its source a step reads for one tile; false: it cannot be computed by tiles. */
static bool measure_window(const struct mgm_tile_plan *plan, struct tile_step *step)
{
    const struct mgm_layer *conv = &plan->graph->layers[step->first];
    const struct tile_layer *l = &plan->layers[step->layer];
    const int reach = conv->dilation * (conv->kernel - 1) + 1;
    switch (step->op) {
    case MGM_OP_CONV:
        step->window_h = (l->tile_h - 1) * conv->step + reach;
        step->window_w = (l->tile_w - 1) * conv->step + reach;
        return true;
    case MGM_OP_CONV_TRANSPOSE:
        step->window_h = l->tile_h / 2 + 2;
        step->window_w = l->tile_w / 2 + 2;
        return step->residual < 0;
    case MGM_OP_UPSAMPLE:
        step->window_h = l->tile_h / 2;
        step->window_w = l->tile_w / 2;
        return true;
    default:
        return false;
    }
}

/* Whether a step can read what is stored: windows are not converted. */
static bool fits_storage(const struct mgm_tile_plan *plan, const struct tile_step *step)
{
    const bool src = mgm_precision_is_float(tile_type(plan, step->src));
    const bool dst = mgm_precision_is_float(tile_type(plan, step->layer));
    if (step->residual >= 0 && mgm_precision_is_float(tile_type(plan, step->residual)) != dst)
        return false;
    return step->op == MGM_OP_UPSAMPLE ? tile_type(plan, step->src) == tile_type(plan, step->layer)
                                       : step->is_single || !src || dst;
}

static enum mgm_status list_steps(struct mgm_tile_plan *plan)
{
    const struct mgm_graph *graph = plan->graph;
    plan->steps = mgm_alloc_zeroed((size_t)graph->layer_count, sizeof *plan->steps);
    if (!plan->steps)
        return mgm_fail_nomem(plan->ctx, "a plan of tiles");
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        if (plan->layers[i].stage < 0 || layer->op == MGM_OP_NORM)
            continue; /* norms go with their convolutions */
        struct tile_step *step = &plan->steps[plan->step_count++];
        *step = (struct tile_step){.op = layer->op,
                                   .layer = i,
                                   .first = i,
                                   .src = layer->inputs[0],
                                   .residual = -1,
                                   .stage = plan->layers[i].stage,
                                   .is_single = mgm_is_single_conv(layer)};
        const bool convolves = layer->op == MGM_OP_CONV || layer->op == MGM_OP_CONV_TRANSPOSE;
        const int norm = convolves && !step->is_single ? mgm_norm_after(graph, i) : -1;
        if (norm >= 0) {
            step->layer = norm;
            step->residual = graph->layers[norm].input_count > 1 ? graph->layers[norm].inputs[1] : -1;
        }
        if (!measure_window(plan, step) || !fits_storage(plan, step))
            return mgm_fail(plan->ctx, MGM_E_UNSUPPORTED, "layer %d of the graph cannot be computed by tiles", i);
        if (plan->layers[step->src].stage >= 0 && plan->layers[step->src].stage < step->stage)
            plan->layers[step->src].kept = true;
        if (step->residual >= 0 && plan->layers[step->residual].stage < step->stage)
            return mgm_fail(plan->ctx, MGM_E_UNSUPPORTED, "layer %d of the graph cannot be computed by tiles", i);
    }
    return MGM_OK;
}

static enum mgm_status create_conv(struct mgm_tile_plan *plan, const struct mgm_fused_conv_maker *maker,
                                   const struct tile_step *step, struct mgm_backend_conv **out, bool *adds_apart)
{
    const struct tile_layer *l = &plan->layers[step->layer];
    struct mgm_conv_shape shape = mgm_layer_conv_shape(plan->graph, step->first, TILE_BATCH, plan->h, plan->w);
    const bool transposed = step->op == MGM_OP_CONV_TRANSPOSE;
    shape.ih = step->window_h;
    shape.iw = step->window_w;
    shape.oh = transposed ? l->tile_h / 2 + 1 : l->tile_h;
    shape.ow = transposed ? l->tile_w / 2 + 1 : l->tile_w;
    shape.pad_before = shape.pad_after = 0; /* a window carries its surroundings */
    mgm_conv_shape_store(&shape, plan->storage[step->src], plan->storage[step->layer],
                         step->residual >= 0 ? &plan->storage[step->residual] : NULL);
    const int norm = step->layer != step->first ? step->layer : -1;
    return mgm_fused_conv_create(maker, step->first, norm, &shape, out, adds_apart);
}

static enum mgm_status create_scratch(struct mgm_tile_plan *plan, struct tile_lane *lane)
{
    size_t window = 0, grid = 0, head = 0;
    for (int i = 0; i < plan->step_count; i++) {
        const struct tile_step *step = &plan->steps[i];
        const struct tile_layer *l = &plan->layers[step->layer];
        const size_t pixels = (size_t)step->window_h * (size_t)step->window_w;
        const size_t bytes =
            pixels * (size_t)plan->graph->layers[step->src].channels * mgm_precision_bytes(tile_type(plan, step->src));
        const size_t places = (size_t)(l->tile_h / 2 + 1) * (size_t)(l->tile_w / 2 + 1);
        window = bytes > window ? bytes : window;
        window = tile_bytes(plan, step->layer) > window ? tile_bytes(plan, step->layer) : window; /* a residual */
        if (step->op == MGM_OP_CONV_TRANSPOSE && places * 4 * (size_t)plan->graph->layers[step->layer].channels > grid)
            grid = places * 4 * (size_t)plan->graph->layers[step->layer].channels;
        if (step->is_single && pixels > head)
            head = pixels;
    }
    struct mgm_backend *b = lane->backend;
    TRY(b->ops->alloc(b, TILE_BATCH * window, &lane->window));
    TRY(b->ops->alloc(b, TILE_BATCH * (grid > head ? grid : head) * sizeof(float), &lane->grid));
    lane->heads = mgm_alloc(TILE_BATCH * head, sizeof *lane->heads);
    lane->corners = mgm_alloc(TILE_BATCH, 2 * sizeof *lane->corners);
    return lane->heads && lane->corners ? MGM_OK : mgm_fail_nomem(b->ctx, "a plan of tiles");
}

static enum mgm_status fill_lane(struct mgm_tile_plan *plan, const struct mgm_params *params, struct tile_lane *lane)
{
    lane->backend = plan->backend;
    if (plan->backend->ops->host_memory) {
        TRY(mgm_backend_create(&lane->ctx, "cpu", 1, &lane->own));
        lane->backend = lane->own;
    }
    lane->convs = mgm_alloc_zeroed((size_t)plan->step_count, sizeof(struct mgm_backend_conv *));
    if (!lane->convs)
        return mgm_fail_nomem(&lane->ctx, "a plan of tiles");
    struct mgm_fused_conv_maker maker;
    enum mgm_status status = mgm_fused_conv_maker_create(lane->backend, plan->graph, params, &maker);
    for (int i = 0; i < plan->step_count && status == MGM_OK; i++) {
        struct tile_step *step = &plan->steps[i];
        bool adds_apart = false; /* in all lanes alike */
        if (!step->is_single && step->op != MGM_OP_UPSAMPLE)
            status = create_conv(plan, &maker, step, &lane->convs[i], &adds_apart);
        if (lane == plan->lanes)
            step->adds_apart = adds_apart;
    }
    mgm_fused_conv_maker_release(&maker);
    return status == MGM_OK ? create_scratch(plan, lane) : status;
}

/* Single-channel convolutions belong to all lanes. */
static enum mgm_status create_singles(struct mgm_tile_plan *plan, const struct mgm_params *params)
{
    struct mgm_fused_conv_maker maker;
    enum mgm_status status = mgm_fused_conv_maker_create(plan->backend, plan->graph, params, &maker);
    for (int i = 0; i < plan->step_count && status == MGM_OK; i++)
        if (plan->steps[i].is_single)
            status = mgm_fused_single_create(&maker, plan->steps[i].first, &plan->steps[i].single);
    mgm_fused_conv_maker_release(&maker);
    return status;
}

struct lane_making {
    struct mgm_tile_plan *plan;
    const struct mgm_params *params;
    enum mgm_status *statuses; /* [lanes] */
};

static void fill_lanes(void *argument, size_t begin, size_t end)
{
    const struct lane_making *job = argument;
    for (size_t i = begin; i < end; i++)
        job->statuses[i] = fill_lane(job->plan, job->params, &job->plan->lanes[i]);
}

/* Lanes share nothing, so each thread makes its own: what takes time is the compute library's making of code. */
static enum mgm_status create_lanes(struct mgm_tile_plan *plan, const struct mgm_params *params)
{
    const int count = plan->backend->ops->host_memory ? plan->threads : 1;
    enum mgm_status *statuses = mgm_alloc_zeroed((size_t)count, sizeof *statuses), status = MGM_OK;
    plan->lanes = mgm_alloc_zeroed((size_t)count, sizeof *plan->lanes);
    if (!plan->lanes || !statuses) {
        mgm_free(statuses);
        return mgm_fail_nomem(plan->ctx, "a plan of tiles");
    }
    plan->lane_count = count;
    struct lane_making job = {plan, params, statuses};
    mgm_parallel_for(count, (size_t)count, fill_lanes, &job);
    for (int i = 0; i < count && status == MGM_OK; i++) {
        status = statuses[i];
        if (status != MGM_OK && plan->lanes[i].ctx.error[0])
            mgm_fail(plan->ctx, status, "%s", plan->lanes[i].ctx.error);
    }
    mgm_free(statuses);
    return status;
}

enum mgm_status mgm_tile_plan_create(struct mgm_context *ctx, const struct mgm_graph *graph, const struct mgm_params *params,
                                     const struct mgm_infer_plan *whole, size_t memory, struct mgm_tile_plan **out)
{
    *out = NULL;
    struct mgm_tile_plan *plan = mgm_alloc_zeroed(1, sizeof *plan);
    if (!plan)
        return mgm_fail_nomem(ctx, "a plan of tiles");
    const struct mgm_infer_plan_settings *s = &whole->settings;
    *plan = (struct mgm_tile_plan){.ctx = ctx,
                                   .graph = graph,
                                   .whole = whole,
                                   .backend = whole->backend,
                                   .h = s->h,
                                   .w = s->w,
                                   .threads = s->threads,
                                   .memory = memory,
                                   .storage = whole->storage,
                                   .stage_count = count_stages(graph)};
    enum mgm_status status = lay_out_layers(plan);
    if (status == MGM_OK)
        status = list_steps(plan);
    if (status == MGM_OK)
        status = create_singles(plan, params);
    if (status == MGM_OK)
        status = create_lanes(plan, params);
    if (status != MGM_OK)
        mgm_tile_plan_destroy(&plan);
    *out = plan;
    return status;
}

static void release_lane(struct mgm_tile_plan *plan, struct tile_lane *lane)
{
    struct mgm_backend *b = lane->backend;
    for (int i = 0; i < plan->step_count && lane->convs; i++)
        b->ops->conv_destroy(b, &lane->convs[i]);
    if (b) {
        b->ops->release(b, lane->window);
        b->ops->release(b, lane->grid);
    }
    mgm_free(lane->convs);
    mgm_free(lane->heads);
    mgm_free(lane->corners);
    mgm_backend_destroy(&lane->own);
}

void mgm_tile_plan_destroy(struct mgm_tile_plan **plan)
{
    struct mgm_tile_plan *p = *plan;
    if (!p)
        return;
    struct mgm_backend *b = p->backend;
    for (int i = 0; i < p->lane_count; i++)
        release_lane(p, &p->lanes[i]);
    for (int i = 0; i < p->step_count; i++)
        b->ops->release(b, p->steps[i].single);
    for (int i = 0; p->layers && i < p->graph->layer_count; i++) {
        mgm_free(p->layers[i].slots);
        mgm_free(p->layers[i].corners);
    }
    b->ops->release(b, p->arena);
    b->ops->release(b, p->kept);
    mgm_free(p->lanes);
    mgm_free(p->layers);
    mgm_free(p->steps);
    mgm_free(p->buffers);
    mgm_free(p->owners);
    mgm_free(p);
    *plan = NULL;
}
