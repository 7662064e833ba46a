/* Running a tile plan's stages. */
#include "base/memory.h"
#include "base/parallel.h"
#include "nn/tile_state.h"

#include <stdatomic.h>
#include <string.h>

/* ---- which tiles ------------------------------------------------------------------------------------------------------ */

static void need(struct tile_layer *layer, int margin)
{
    if (margin > layer->margin)
        layer->margin = margin;
}

/* How far beyond the needed pixels of its result a step reads, in pixels at stride 1. */
static int halo_of(const struct mgm_graph *graph, const struct tile_step *step)
{
    const struct mgm_layer *conv = &graph->layers[step->first];
    if (step->op == MGM_OP_CONV)
        return conv->dilation * (conv->kernel / 2) * graph->layers[step->src].stride;
    return step->op == MGM_OP_CONV_TRANSPOSE ? conv->stride : 0;
}

/* Margins of all layers for a run of `stage`, later stages included as far as they read what this one computes. */
static void find_margins(struct mgm_tile_plan *plan, int stage, int growth)
{
    const struct mgm_graph *graph = plan->graph;
    for (int i = 0; i < graph->layer_count; i++)
        plan->layers[i].margin = -1;
    for (int s = plan->stage_count - 1; s >= stage; s--) {
        const int output = graph->outputs[s + 1];
        need(&plan->layers[output], graph->layers[output].stride / 2); /* bilinear up-sampling */
        for (int i = plan->step_count - 1; i >= 0; i--) {
            const struct tile_step *step = &plan->steps[i];
            const int margin = plan->layers[step->layer].margin;
            if (step->stage != s)
                continue;
            const int grown = plan->layers[step->src].stage < s ? growth : 0;
            need(&plan->layers[step->src], margin + halo_of(graph, step) + grown);
            if (step->residual >= 0)
                need(&plan->layers[step->residual], margin);
        }
    }
}

/* Rows of the picture for which a stage is run at a time. */
struct band {
    int begin, end;
};

static bool any_in(const uint8_t *region, const struct band *band, int w, int y0, int y1, int x0, int x1)
{
    y0 = y0 < band->begin ? band->begin : y0;
    x0 = x0 < 0 ? 0 : x0;
    y1 = y1 > band->end ? band->end : y1;
    x1 = x1 > w ? w : x1;
    for (int y = y0; y < y1; y++) {
        const uint8_t *row = region + (size_t)y * (size_t)w;
        unsigned any = 0;
        for (int x = x0; x < x1; x++)
            any |= row[x];
        if (any)
            return true;
    }
    return false;
}

/* The tiles of a layer that the region needs, as far as it lies in the band. */
static void choose_tiles(struct mgm_tile_plan *plan, int layer, const uint8_t *region, const struct band *band)
{
    struct tile_layer *l = &plan->layers[layer];
    const int stride = plan->graph->layers[layer].stride, margin = l->margin;
    l->count = 0;
    for (int row = 0; row < l->rows; row++)
        for (int column = 0; column < l->columns; column++) {
            const int y = row * l->tile_h, x = column * l->tile_w;
            const bool needed = any_in(region, band, plan->w, y * stride - margin, (y + l->tile_h) * stride + margin,
                                       x * stride - margin, (x + l->tile_w) * stride + margin);
            l->slots[row * l->columns + column] = needed ? l->count : -1;
            if (!needed)
                continue;
            l->corners[2 * l->count] = y;
            l->corners[2 * l->count + 1] = x;
            l->count++;
        }
    for (int i = l->count; i % TILE_BATCH; i++) /* a batch is always full */
        memcpy(l->corners + 2 * i, l->corners + 2 * (i - 1), 2 * sizeof *l->corners);
}

struct choosing {
    struct mgm_tile_plan *plan;
    int stage;
    const uint8_t *region;
    struct band band;
};

static void choose_for_steps(void *argument, size_t begin, size_t end)
{
    const struct choosing *job = argument;
    for (size_t i = begin; i < end; i++)
        if (job->plan->steps[i].stage == job->stage)
            choose_tiles(job->plan, job->plan->steps[i].layer, job->region, &job->band);
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

static size_t layer_bytes(const struct mgm_tile_plan *plan, int layer)
{
    const struct tile_layer *l = &plan->layers[layer];
    return (size_t)((l->count + TILE_BATCH - 1) / TILE_BATCH * TILE_BATCH) * tile_bytes(plan, layer);
}

static int last_reader(const struct mgm_tile_plan *plan, int layer)
{
    int last = -1;
    for (int i = 0; i < plan->step_count; i++)
        if (plan->steps[i].src == layer || plan->steps[i].residual == layer)
            last = i;
    return last;
}

static enum mgm_status grow(struct mgm_backend *b, void **memory, size_t *have, size_t bytes)
{
    if (bytes <= *have)
        return MGM_OK;
    b->ops->release(b, *memory);
    *memory = NULL;
    *have = 0;
    TRY(b->ops->alloc(b, bytes, memory));
    *have = bytes;
    return MGM_OK;
}

/* A residual that nobody reads later becomes the sum in place: both are needed in the same tiles. */
static bool adds_in_place(const struct mgm_tile_plan *plan, int index)
{
    const struct tile_step *step = &plan->steps[index];
    if (step->residual < 0 || step->adds_apart || step->residual == step->src)
        return false;
    const struct tile_layer *residual = &plan->layers[step->residual], *sum = &plan->layers[step->layer];
    return residual->stage == step->stage && !residual->kept && !sum->kept && residual->margin == sum->margin &&
           tile_bytes(plan, step->residual) == tile_bytes(plan, step->layer) && last_reader(plan, step->residual) == index;
}

static bool is_placed(const struct mgm_tile_plan *plan, int step, int stage)
{
    return plan->steps[step].stage == stage && !plan->steps[step].is_single;
}

/* Where the results of this stage's steps stand among each other. @param arena  bytes; results that later stages read not
 * counted */
static enum mgm_status plan_results(struct mgm_tile_plan *plan, int stage, size_t *arena)
{
    memset(plan->buffers, 0, (size_t)plan->graph->layer_count * sizeof *plan->buffers);
    for (int i = 0; i < plan->step_count; i++) {
        const int layer = plan->steps[i].layer;
        if (!is_placed(plan, i, stage))
            continue;
        plan->owners[layer] = adds_in_place(plan, i) ? plan->owners[plan->steps[i].residual] : layer;
        const int owner = plan->owners[layer], last = last_reader(plan, layer);
        if (plan->layers[layer].kept)
            continue;
        if (owner != layer)
            plan->buffers[owner].last = last;
        else
            plan->buffers[layer] = (struct mgm_plan_buffer){.bytes = layer_bytes(plan, layer), .first = i, .last = last};
    }
    return mgm_plan_buffers(plan->ctx, plan->buffers, plan->graph->layer_count, arena);
}

/* Room for them; those that later stages read stand apart from the rest. */
static enum mgm_status place_results(struct mgm_tile_plan *plan, int stage, size_t arena)
{
    size_t spare, kept = 0;
    char *results = mgm_infer_plan_spare(plan->whole, &spare);
    for (int i = 0; i < plan->step_count; i++)
        if (is_placed(plan, i, stage) && plan->layers[plan->steps[i].layer].kept)
            kept += layer_bytes(plan, plan->steps[i].layer);
    if (arena > spare) {
        TRY(grow(plan->backend, &plan->arena, &plan->arena_bytes, arena));
        results = plan->arena;
    }
    if (kept)
        TRY(grow(plan->backend, &plan->kept, &plan->kept_bytes, kept));
    char *next = plan->kept;
    for (int i = 0; i < plan->step_count; i++) {
        const int layer = plan->steps[i].layer;
        if (!is_placed(plan, i, stage))
            continue;
        struct tile_layer *l = &plan->layers[layer];
        l->values = l->kept ? next : results + plan->buffers[plan->owners[layer]].offset;
        next += l->kept ? layer_bytes(plan, layer) : 0;
    }
    return MGM_OK;
}

/* ---- computing -------------------------------------------------------------------------------------------------------- */

static struct mgm_tile_map map_of(const struct mgm_tile_plan *plan, int layer, int picture)
{
    const struct tile_layer *l = &plan->layers[layer];
    if (l->stage < 0)
        return mgm_infer_plan_map(plan->whole, layer, picture);
    return (struct mgm_tile_map){.values = l->values,
                                 .precision = tile_type(plan, layer),
                                 .h = l->side_h,
                                 .w = l->side_w,
                                 .c = plan->graph->layers[layer].channels,
                                 .tile_h = l->tile_h,
                                 .tile_w = l->tile_w,
                                 .slots = l->slots};
}

/* One step on its tiles, for all threads. */
struct stepping {
    struct mgm_tile_plan *plan;
    int step, picture;
    float *output;
    atomic_int next;   /* tile that nobody has begun with */
    atomic_int status; /* of the first lane that failed */
    atomic_int failed; /* its number */
};

static struct mgm_spatial batch_of(const struct mgm_tile_plan *plan, int layer, int h, int w)
{
    const int threads = plan->backend->ops->host_memory ? 1 : plan->threads;
    return (struct mgm_spatial){threads, tile_type(plan, layer), TILE_BATCH, h, w, plan->graph->layers[layer].channels, 0};
}

/* The inner pixels of a batch of heads' windows to where they belong. */
static enum mgm_status write_heads(const struct stepping *job, struct tile_lane *lane, const int *corners, int count)
{
    const struct tile_step *step = &job->plan->steps[job->step];
    const struct tile_layer *l = &job->plan->layers[step->layer];
    const size_t pixels = (size_t)step->window_h * (size_t)step->window_w;
    struct mgm_backend *b = lane->backend;
    TRY(b->ops->download(b, lane->heads, lane->grid, TILE_BATCH * pixels * sizeof(float)));
    for (int i = 0; i < count; i++) {
        const int y = corners[2 * i], x = corners[2 * i + 1];
        const int rows = l->side_h - y < l->tile_h ? l->side_h - y : l->tile_h;
        const int columns = l->side_w - x < l->tile_w ? l->side_w - x : l->tile_w;
        for (int r = 0; r < rows; r++)
            memcpy(job->output + (size_t)(y + r) * (size_t)l->side_w + (size_t)x,
                   lane->heads + (size_t)i * pixels + (size_t)(r + 1) * (size_t)step->window_w + 1,
                   (size_t)columns * sizeof *lane->heads);
    }
    return MGM_OK;
}

static enum mgm_status run_conv(const struct stepping *job, struct tile_lane *lane, const int *corners, void *dst)
{
    const struct mgm_tile_plan *plan = job->plan;
    const struct tile_step *step = &plan->steps[job->step];
    const struct tile_layer *l = &plan->layers[step->layer];
    struct mgm_backend *b = lane->backend;
    struct mgm_backend_conv *conv = lane->convs[job->step];
    if (step->op == MGM_OP_CONV_TRANSPOSE) {
        const struct mgm_spatial s = batch_of(plan, step->layer, l->tile_h / 2, l->tile_w / 2);
        TRY(b->ops->conv_forward(b, conv, lane->window, lane->grid));
        b->ops->shuffle(b, &s, lane->grid, dst);
        return MGM_OK;
    }
    if (step->residual < 0)
        return b->ops->conv_forward(b, conv, lane->window, dst);
    const struct mgm_tile_map residual = map_of(plan, step->residual, job->picture);
    if (residual.values == l->values)
        return b->ops->conv_forward(b, conv, lane->window, dst);
    const struct mgm_windows same = {TILE_BATCH, l->tile_h, l->tile_w, corners};
    if (!step->adds_apart) {
        TRY(b->ops->gather(b, &residual, &same, dst));
        return b->ops->conv_forward(b, conv, lane->window, dst);
    }
    TRY(b->ops->conv_forward(b, conv, lane->window, dst));
    TRY(b->ops->gather(b, &residual, &same, lane->window));
    const enum mgm_precision type = tile_type(plan, step->layer);
    b->ops->accumulate(b, type, TILE_BATCH * tile_bytes(plan, step->layer) / mgm_precision_bytes(type), lane->window, dst);
    return MGM_OK;
}

/* The batch of tiles that begins with tile number `first`. */
static enum mgm_status run_batch(const struct stepping *job, struct tile_lane *lane, int first)
{
    const struct mgm_tile_plan *plan = job->plan;
    const struct tile_step *step = &plan->steps[job->step];
    const struct tile_layer *l = &plan->layers[step->layer];
    struct mgm_backend *b = lane->backend;
    const int *corners = l->corners + 2 * first;
    for (int i = 0; i < 2 * TILE_BATCH; i++)
        lane->corners[i] = window_begin(&plan->graph->layers[step->first], corners[i]);
    const struct mgm_tile_map src = map_of(plan, step->src, job->picture);
    const struct mgm_windows windows = {TILE_BATCH, step->window_h, step->window_w, lane->corners};
    void *dst = step->is_single ? NULL : (char *)l->values + (size_t)first * tile_bytes(plan, step->layer);
    TRY(b->ops->gather(b, &src, &windows, lane->window));
    if (step->op == MGM_OP_UPSAMPLE) {
        const struct mgm_spatial s = batch_of(plan, step->layer, step->window_h, step->window_w);
        b->ops->upsample(b, &s, lane->window, dst);
        return MGM_OK;
    }
    if (!step->is_single)
        return run_conv(job, lane, corners, dst);
    const struct mgm_spatial s = batch_of(plan, step->src, step->window_h, step->window_w);
    b->ops->single_conv(b, &s, lane->window, step->single, step->single + (size_t)s.c * 9, lane->grid);
    const int left = l->count - first;
    return write_heads(job, lane, corners, left < TILE_BATCH ? left : TILE_BATCH);
}

/* What lane number `begin` does: batch after batch, as long as there are any. */
static void run_lane(void *argument, size_t begin, size_t end)
{
    struct stepping *job = argument;
    const struct tile_layer *l = &job->plan->layers[job->plan->steps[job->step].layer];
    for (size_t lane = begin; lane < end; lane++)
        for (int first; (first = atomic_fetch_add(&job->next, TILE_BATCH)) < l->count && job->status == MGM_OK;) {
            const enum mgm_status status = run_batch(job, &job->plan->lanes[lane], first);
            int fine = MGM_OK;
            if (status != MGM_OK && atomic_compare_exchange_strong(&job->status, &fine, (int)status))
                job->failed = (int)lane;
        }
}

static enum mgm_status run_step(struct mgm_tile_plan *plan, int step, int picture, float *output)
{
    struct stepping job = {.plan = plan, .step = step, .picture = picture, .output = output};
    mgm_parallel_for(plan->lane_count, (size_t)plan->lane_count, run_lane, &job);
    enum mgm_status status = (enum mgm_status)job.status;
    int failed = job.failed;
    for (int i = 0; i < plan->lane_count && status == MGM_OK && plan->lanes[i].own; i++) /* what a lane's workspace lacked */
        status = plan->lanes[failed = i].backend->ops->finish(plan->lanes[i].backend);
    const char *sentence = plan->lanes[failed].ctx.error;
    if (status != MGM_OK && sentence[0])
        mgm_fail(plan->ctx, status, "%s", sentence);
    return status;
}

static double share_of(const struct tile_layer *l)
{
    double pixels = 0;
    for (int i = 0; i < l->count; i++) {
        const int y = l->corners[2 * i], x = l->corners[2 * i + 1];
        pixels += (double)(l->side_h - y < l->tile_h ? l->side_h - y : l->tile_h) *
                  (double)(l->side_w - x < l->tile_w ? l->side_w - x : l->tile_w);
    }
    return pixels / ((double)l->side_h * (double)l->side_w);
}

/* Smaller bands would mostly consist of halos, which are computed twice. */
enum { BAND_LEAST = 128, BAND_GRAIN = 32 };

/*
 * A stage for the region's part in a band, in two halves if its results would not fit. Only behind the last stage nobody
 * reads results of another band.
 */
static enum mgm_status run_band(struct mgm_tile_plan *plan, int stage, const struct mgm_tile_region *region,
                                struct band band, float *output, double *share)
{
    struct choosing job = {plan, stage, region->pixels, band};
    size_t arena, spare;
    mgm_parallel_for(plan->threads, (size_t)plan->step_count, choose_for_steps, &job);
    TRY(plan_results(plan, stage, &arena));
    mgm_infer_plan_spare(plan->whole, &spare);
    const int rows = band.end - band.begin;
    if (arena > spare && arena > plan->memory && stage == plan->stage_count - 1 && rows >= 2 * BAND_LEAST) {
        const int middle = band.begin + rows / 2 / BAND_GRAIN * BAND_GRAIN;
        TRY(run_band(plan, stage, region, (struct band){band.begin, middle}, output, share));
        return run_band(plan, stage, region, (struct band){middle, band.end}, output, share);
    }
    TRY(place_results(plan, stage, arena));
    for (int i = 0; i < plan->step_count; i++)
        if (plan->steps[i].stage == stage && plan->layers[plan->steps[i].layer].count > 0)
            TRY(run_step(plan, i, region->picture, output));
    *share += share_of(&plan->layers[plan->graph->outputs[stage + 1]]);
    return MGM_OK;
}

enum mgm_status mgm_tile_plan_run(struct mgm_tile_plan *plan, int stage, const struct mgm_tile_region *region, float *output,
                                  double *share)
{
    *share = 0;
    find_margins(plan, stage, region->growth);
    TRY(run_band(plan, stage, region, (struct band){0, plan->h}, output, share));
    return plan->backend->ops->finish(plan->backend);
}
