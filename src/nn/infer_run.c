/* Running an inference plan. */
#include "base/parallel.h"
#include "nn/infer_state.h"

static const struct mgm_storage F32 = {MGM_PRECISION_F32, 1};

float *mgm_infer_plan_input(struct mgm_infer_plan *plan)
{
    return plan->input ? plan->input : mgm_infer_value(plan, 0);
}

const float *mgm_infer_plan_output(const struct mgm_infer_plan *plan, int index)
{
    return plan->outputs[index] ? plan->outputs[index] : mgm_infer_value(plan, plan->graph->outputs[index]);
}

/* Rows of all pictures, from channels last to planes. */
static void read_rows(void *argument, size_t begin, size_t end)
{
    const struct mgm_infer_plan *plan = argument;
    const float *input = mgm_infer_value(plan, 0);
    const size_t c = (size_t)plan->graph->layers[0].channels, h = (size_t)plan->settings.h, w = (size_t)plan->settings.w;
    for (size_t row = begin; row < end; row++)
        for (size_t k = 0; k < c; k++) {
            float *dst = plan->planar + ((row / h * c + k) * h + row % h) * w;
            for (size_t x = 0; x < w; x++)
                dst[x] = input[(row * w + x) * c + k];
        }
}

/* What a layer reads of another. */
static const void *source_of(const struct mgm_infer_plan *plan, int layer)
{
    return plan->blocked && plan->graph->layers[layer].op == MGM_OP_INPUT ? plan->planar : mgm_infer_value(plan, layer);
}

/* What a convolution reads: its source, or that in the storage that it wants. */
static const void *convert_source(const struct mgm_infer_plan *plan, const struct infer_step *step)
{
    const void *src = source_of(plan, step->src);
    const struct mgm_storage stored = plan->storage[step->src];
    if (stored.type == step->src_storage.type)
        return src;
    mgm_convert_storage(plan->settings.threads, mgm_infer_count(plan, step->src), src, stored, plan->converted,
                        step->src_storage);
    return plan->converted;
}

/* The residual to where it will be added to. */
static void place_residual(struct mgm_infer_plan *plan, const struct infer_step *step, void *dst)
{
    const void *residual = mgm_infer_value(plan, step->residual);
    const struct mgm_storage from = plan->storage[step->residual], to = plan->storage[step->layer];
    if (mgm_precision_is_float(to.type) && !mgm_precision_is_float(from.type))
        mgm_convert_storage(plan->settings.threads, mgm_infer_count(plan, step->layer), residual, from, dst, to);
    else if (residual != dst)
        plan->backend->ops->copy(plan->backend, dst, residual, mgm_infer_bytes(plan, step->layer));
}

static enum mgm_status run_conv(struct mgm_infer_plan *plan, const struct infer_step *step)
{
    void *dst = mgm_infer_value(plan, step->layer);
    struct mgm_backend *b = plan->backend;
    const void *src = convert_source(plan, step);
    if (step->op == MGM_OP_CONV) {
        if (step->residual >= 0 && !step->adds_apart)
            place_residual(plan, step, dst);
        TRY(b->ops->conv_forward(b, step->conv, src, dst));
        if (step->adds_apart)
            b->ops->accumulate(b, mgm_infer_type(plan, step->layer), mgm_infer_count(plan, step->layer),
                               mgm_infer_value(plan, step->residual), dst);
        return MGM_OK;
    }
    void *grid = (char *)plan->arena + step->grid;
    TRY(b->ops->conv_forward(b, step->conv, src, grid));
    struct mgm_spatial s = mgm_infer_spatial(plan, step->layer);
    s.h /= 2;
    s.w /= 2;
    b->ops->shuffle(b, &s, grid, dst);
    return MGM_OK;
}

static void run_single(struct mgm_infer_plan *plan, const struct infer_step *step)
{
    struct mgm_spatial s = mgm_infer_spatial(plan, step->src);
    const float *bias = step->single + (size_t)s.c * 9;
    plan->backend->ops->single_conv(plan->backend, &s, mgm_infer_value(plan, step->src), step->single, bias,
                                    mgm_infer_value(plan, step->layer));
}

static void run_spatial(struct mgm_infer_plan *plan, const struct infer_step *step)
{
    const struct mgm_layer *layer = &plan->graph->layers[step->layer];
    struct mgm_spatial here = mgm_infer_spatial(plan, step->layer), there = mgm_infer_spatial(plan, step->src);
    const void *src = mgm_infer_value(plan, step->src);
    void *dst = mgm_infer_value(plan, step->layer);
    struct mgm_backend *b = plan->backend;
    switch (step->op) {
    case MGM_OP_AVERAGE_POOL:
        b->ops->average_pool(b, &here, src, dst);
        break;
    case MGM_OP_UPSAMPLE:
        b->ops->upsample(b, &there, src, dst);
        break;
    case MGM_OP_GLOBAL_POOL:
        if (plan->pooled && !b->ops->host_memory) /* a device computes in f32 */
            b->ops->upload(b, dst, plan->pooled, (size_t)here.c * sizeof *plan->pooled);
        else if (plan->pooled)
            mgm_convert_storage(1, (size_t)here.c, plan->pooled, F32, dst, plan->storage[step->layer]);
        else
            b->ops->sum_pixels(b, &there, src, 1 / (float)(there.h * there.w), dst);
        break;
    case MGM_OP_BROADCAST:
        b->ops->repeat_pixels(b, &here, src, 1, dst);
        break;
    case MGM_OP_CONCAT:
        for (int i = 0, offset = 0; i < layer->input_count; i++) {
            here.c = plan->graph->layers[layer->inputs[i]].channels;
            b->ops->copy_channels_in(b, &here, mgm_infer_value(plan, layer->inputs[i]), dst, layer->channels, offset);
            offset += here.c;
        }
        break;
    default:
        break;
    }
}

/* The input as the first layers want it. */
static void read_input(struct mgm_infer_plan *plan)
{
    struct mgm_backend *b = plan->backend;
    if (plan->blocked)
        mgm_parallel_for(plan->settings.threads, (size_t)plan->settings.n * (size_t)plan->settings.h, read_rows, plan);
    else if (plan->input && b->ops->host_memory)
        mgm_convert_storage(plan->settings.threads, mgm_infer_count(plan, 0), plan->input, F32, mgm_infer_value(plan, 0),
                            plan->storage[0]);
    else if (plan->input)
        b->ops->upload(b, mgm_infer_value(plan, 0), plan->input, mgm_infer_count(plan, 0) * sizeof(float));
}

enum mgm_status mgm_infer_plan_read(const struct mgm_infer_plan *plan, int layer, float *values)
{
    struct mgm_backend *b = plan->backend;
    const struct mgm_spatial s = mgm_infer_spatial(plan, layer);
    const size_t count = mgm_infer_count(plan, layer);
    const void *map = mgm_infer_value(plan, layer);
    if (!b->ops->host_memory)
        return b->ops->download(b, values, map, count * sizeof(float));
    if (plan->blocked)
        mgm_from_blocks(&s, map, values);
    else
        mgm_convert_storage(s.threads, count, map, plan->storage[layer], values, F32);
    return MGM_OK;
}

/* Outputs as the caller wants them, where they are not kept so. */
static enum mgm_status write_outputs(struct mgm_infer_plan *plan)
{
    for (int i = 0; i < plan->graph->output_count; i++)
        if (plan->outputs[i])
            TRY(mgm_infer_plan_read(plan, plan->graph->outputs[i], plan->outputs[i]));
    return plan->backend->ops->finish(plan->backend);
}

void mgm_infer_plan_set_pooled(struct mgm_infer_plan *plan, const float *pooled)
{
    plan->pooled = pooled;
}

struct mgm_tile_map mgm_infer_plan_map(const struct mgm_infer_plan *plan, int layer, int picture)
{
    const struct mgm_spatial s = mgm_infer_spatial(plan, layer);
    const bool is_input = plan->graph->layers[layer].op == MGM_OP_INPUT;
    const size_t picture_bytes = mgm_infer_bytes(plan, layer) / (size_t)s.n;
    return (struct mgm_tile_map){.values = (const char *)mgm_infer_value(plan, layer) + (size_t)picture * picture_bytes,
                                 .precision = s.precision,
                                 .h = s.h,
                                 .w = s.w,
                                 .c = s.c,
                                 .block = is_input ? 0 : s.block,
                                 .tile_h = s.h,
                                 .tile_w = s.w};
}

struct mgm_backend *mgm_infer_plan_backend(const struct mgm_infer_plan *plan)
{
    return plan->backend;
}

static enum mgm_status run_step(struct mgm_infer_plan *plan, const struct infer_step *step)
{
    if (step->conv)
        return run_conv(plan, step);
    if (step->is_single)
        run_single(plan, step);
    else
        run_spatial(plan, step);
    return MGM_OK;
}

enum mgm_status mgm_infer_plan_observe(struct mgm_infer_plan *plan, mgm_observe observe, void *argument)
{
    read_input(plan);
    if (observe)
        observe(argument, 0, mgm_infer_value(plan, 0), mgm_infer_count(plan, 0));
    for (int i = 0; i < plan->step_count; i++) {
        const int layer = plan->steps[i].layer;
        TRY(run_step(plan, &plan->steps[i]));
        if (observe)
            observe(argument, layer, mgm_infer_value(plan, layer), mgm_infer_count(plan, layer));
    }
    return write_outputs(plan);
}

enum mgm_status mgm_infer_plan_run(struct mgm_infer_plan *plan)
{
    return mgm_infer_plan_observe(plan, NULL, NULL);
}
