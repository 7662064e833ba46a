#include "base/memory.h"
#include "base/parallel.h"
#include "nn/fused_conv.h"
#include "nn/graph_check.h"
#include "nn/infer_state.h"

#include <string.h>

static bool can_be_blocked(const struct mgm_graph *graph)
{
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        if (layer->op != MGM_OP_INPUT && !mgm_is_single_conv(layer) && layer->channels % MGM_CONV_BLOCK)
            return false;
        bool reads_input = layer->input_count > 0 && graph->layers[layer->inputs[0]].op == MGM_OP_INPUT;
        if (reads_input && (layer->op != MGM_OP_CONV || graph->layers[layer->inputs[0]].channels >= MGM_CONV_BLOCK))
            return false;
    }
    return true;
}

static enum mgm_status allocate(struct mgm_infer_plan *plan, size_t bytes, void *out /* the address of a pointer */)
{
    return plan->backend->ops->alloc(plan->backend, bytes, out);
}

static enum mgm_status keep_layers(struct mgm_infer_plan *plan)
{
    const struct mgm_infer_plan_settings *s = &plan->settings;
    plan->kept = mgm_alloc_zeroed((size_t)plan->graph->layer_count, sizeof *plan->kept);
    if (!plan->kept)
        return mgm_fail_nomem(plan->ctx, "an inference plan");
    const int *layers = s->keep ? s->keep : plan->graph->outputs;
    const int count = s->keep ? s->keep_count : plan->graph->output_count;
    for (int i = 0; i < count; i++)
        plan->kept[layers[i]] = true;
    plan->settings.keep = NULL; /* the caller's no longer */
    return MGM_OK;
}

static enum mgm_status choose_storage(struct mgm_infer_plan *plan)
{
    const struct mgm_infer_plan_settings *s = &plan->settings;
    plan->storage = mgm_alloc((size_t)plan->graph->layer_count, sizeof *plan->storage);
    if (!plan->storage)
        return mgm_fail_nomem(plan->ctx, "an inference plan");
    mgm_choose_storage(plan->graph, s->precision, s->quantization, plan->storage);
    return MGM_OK;
}

/* What is to be computed, in which order; kernels and memory come later. */

static enum mgm_status list_steps(struct mgm_infer_plan *plan)
{
    const struct mgm_graph *graph = plan->graph;
    bool *needed = mgm_alloc((size_t)graph->layer_count, sizeof *needed);
    if (!needed)
        return mgm_fail_nomem(plan->ctx, "an inference plan");
    memcpy(needed, plan->kept, (size_t)graph->layer_count * sizeof *needed);
    for (int i = graph->layer_count - 1; i >= 0; i--)
        for (int k = 0; k < graph->layers[i].input_count; k++)
            needed[graph->layers[i].inputs[k]] |= needed[i];
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        if (!needed[i] || layer->op == MGM_OP_INPUT || layer->op == MGM_OP_NORM)
            continue; /* norms go with their convolutions */
        struct infer_step *step = &plan->steps[plan->step_count++];
        *step = (struct infer_step){.op = layer->op,
                                    .layer = i,
                                    .first = i,
                                    .src = layer->inputs[0],
                                    .residual = -1,
                                    .is_single = mgm_is_single_conv(layer)};
        const int norm = mgm_infer_has_kernel(step) ? mgm_norm_after(graph, i) : -1;
        if (norm < 0)
            continue;
        step->layer = norm;
        step->residual = graph->layers[norm].input_count > 1 ? graph->layers[norm].inputs[1] : -1;
    }
    mgm_free(needed);
    return MGM_OK;
}

static bool step_reads(const struct mgm_infer_plan *plan, const struct infer_step *step, int layer)
{
    if (step->src == layer || step->residual == layer)
        return true;
    const struct mgm_layer *l = &plan->graph->layers[step->layer];
    for (int k = 0; step->op == MGM_OP_CONCAT && k < l->input_count; k++)
        if (l->inputs[k] == layer)
            return true;
    return false;
}

static int last_read(const struct mgm_infer_plan *plan, int layer)
{
    int last = -1;
    for (int i = 0; i < plan->step_count; i++)
        if (step_reads(plan, &plan->steps[i], layer))
            last = i;
    return last;
}

/* Kept results outlive the run. */
static int last_use(const struct mgm_infer_plan *plan, int layer)
{
    return plan->kept[layer] ? plan->step_count : last_read(plan, layer);
}

/* A residual that nobody reads later, nor the convolution itself now, gives its buffer to the sum, which is made in place.
 */
static bool adds_in_place(const struct mgm_infer_plan *plan, int index)
{
    const struct infer_step *step = &plan->steps[index];
    return step->residual >= 0 && !step->adds_apart && last_use(plan, step->residual) == index &&
           plan->owner[step->residual] != plan->owner[step->src] &&
           mgm_infer_bytes(plan, step->residual) == mgm_infer_bytes(plan, step->layer);
}

/* Where everything stands in the arena. @param bytes  receives the arena's size */
static enum mgm_status plan_arena(struct mgm_infer_plan *plan, size_t *bytes)
{
    int layers = plan->graph->layer_count, count = layers + plan->step_count + 1;
    mgm_free(plan->buffers);
    mgm_free(plan->owner);
    plan->buffers = mgm_alloc_zeroed((size_t)count, sizeof *plan->buffers);
    plan->owner = mgm_alloc_zeroed((size_t)layers, sizeof *plan->owner);
    if (!plan->buffers || !plan->owner)
        return mgm_fail_nomem(plan->ctx, "planning memory");
    for (int i = 0; i < layers; i++)
        plan->owner[i] = i;
    plan->buffers[0] = (struct mgm_plan_buffer){.bytes = mgm_infer_bytes(plan, 0), .first = -1, .last = last_use(plan, 0)};
    for (int i = 0; i < plan->step_count; i++) {
        struct infer_step *step = &plan->steps[i];
        int last = last_use(plan, step->layer);
        if (adds_in_place(plan, i)) {
            int owner = plan->owner[step->layer] = plan->owner[step->residual];
            plan->buffers[owner].last = last;
        } else {
            plan->buffers[step->layer] =
                (struct mgm_plan_buffer){.bytes = mgm_infer_bytes(plan, step->layer), .first = i, .last = last};
        }
        if (step->op == MGM_OP_CONV_TRANSPOSE) {
            const struct mgm_layer *l = &plan->graph->layers[step->layer];
            size_t pixels = (size_t)plan->settings.n * (size_t)(mgm_layer_side(l, plan->settings.h) / 2 + 1) *
                            (size_t)(mgm_layer_side(l, plan->settings.w) / 2 + 1);
            plan->buffers[layers + i] = (struct mgm_plan_buffer){
                pixels * 4 * (size_t)l->channels * mgm_precision_bytes(mgm_infer_type(plan, step->layer)), i, i, 0};
        }
    }
    if (plan->blocked)
        plan->buffers[count - 1] =
            (struct mgm_plan_buffer){.bytes = mgm_infer_bytes(plan, 0), .first = -1, .last = last_read(plan, 0)};
    for (int i = 0; i < layers; i++)
        plan->buffers[i].low = plan->buffers[i].last == plan->step_count;
    return mgm_plan_buffers(plan->ctx, plan->buffers, count, bytes);
}

/*
 * An allocation of more than there is may well succeed, and end the program when it is used; and the compute library is not
 * to be asked about sizes that overflow its own arithmetic. So both are found out before anything is made.
 */
static enum mgm_status check_memory(struct mgm_infer_plan *plan)
{
    const struct mgm_infer_plan_settings *s = &plan->settings;
    const double available = plan->backend->ops->host_memory ? (double)mgm_memory_size() : 0; /* a device tells by itself */
    size_t bytes;
    TRY(plan_arena(plan, &bytes));
    if (available <= 0 || (double)bytes < available)
        return MGM_OK;
    return mgm_fail(plan->ctx, MGM_E_NOMEM,
                    "%d×%d pixels would need %.1f GB of memory for the network alone, and there is %.1f GB", s->w, s->h,
                    (double)bytes / 1e9, available / 1e9);
}

static enum mgm_status create_arena(struct mgm_infer_plan *plan)
{
    size_t bytes;
    TRY(plan_arena(plan, &bytes)); /* again: kernels may have wanted their residuals apart */
    for (int i = 0; i < plan->step_count; i++)
        plan->steps[i].grid = plan->buffers[plan->graph->layer_count + i].offset;
    plan->arena_bytes = bytes;
    TRY(allocate(plan, bytes, &plan->arena));
    if (plan->blocked)
        plan->planar =
            (float *)(void *)((char *)plan->arena + plan->buffers[plan->graph->layer_count + plan->step_count].offset);
    return MGM_OK;
}

/* A plan meets its caller, who has and wants f32, channels last, in host memory. */

static bool needs_input(const struct mgm_infer_plan *plan)
{
    return !plan->backend->ops->host_memory || mgm_infer_type(plan, 0) != MGM_PRECISION_F32;
}

static bool needs_output(const struct mgm_infer_plan *plan, int layer)
{
    const bool as_it_is = mgm_infer_type(plan, layer) == MGM_PRECISION_F32 &&
                          (!plan->blocked || plan->graph->layers[layer].channels == 1); /* the same in every layout */
    return plan->kept[layer] && (!plan->backend->ops->host_memory || !as_it_is);
}

static enum mgm_status create_edges(struct mgm_infer_plan *plan)
{
    bool complete = true;
    if (needs_input(plan))
        complete = (plan->input = mgm_alloc(mgm_infer_count(plan, 0), sizeof(float))) != NULL;
    for (int i = 0; i < plan->graph->output_count; i++) {
        const int layer = plan->graph->outputs[i];
        if (!needs_output(plan, layer))
            continue;
        plan->outputs[i] = mgm_alloc(mgm_infer_count(plan, layer), sizeof(float));
        complete = complete && plan->outputs[i];
    }
    return complete ? MGM_OK : mgm_fail_nomem(plan->ctx, "the network's activations");
}

void *mgm_infer_plan_spare(const struct mgm_infer_plan *plan, size_t *bytes)
{
    size_t kept = 0; /* they stand at the arena's beginning */
    for (int i = 0; i < plan->graph->layer_count; i++) {
        const struct mgm_plan_buffer *b = &plan->buffers[i];
        if (b->bytes && b->last == plan->step_count && b->offset + b->bytes > kept)
            kept = b->offset + b->bytes;
    }
    *bytes = plan->arena_bytes - kept;
    return (char *)plan->arena + kept;
}

static enum mgm_status choose_backend(struct mgm_infer_plan *plan)
{
    if (!plan->settings.backend)
        TRY(mgm_backend_create(plan->ctx, "cpu", plan->settings.threads, &plan->own_backend));
    plan->backend = plan->own_backend ? plan->own_backend : plan->settings.backend;
    const bool f32 = plan->settings.precision == MGM_PRECISION_F32 && !plan->settings.quantization;
    if (!f32 && !plan->backend->ops->host_memory)
        return mgm_fail(plan->ctx, MGM_E_UNSUPPORTED, "inference on '%s' is in f32 only", plan->backend->ops->name);
    plan->blocked = f32 && plan->backend->ops->blocked && can_be_blocked(plan->graph);
    return MGM_OK;
}

/* What only moves pixels moves them as they are. */
static enum mgm_status check_storage(const struct mgm_infer_plan *plan, const struct infer_step *step)
{
    if (mgm_infer_has_kernel(step) || step->is_single ||
        mgm_infer_type(plan, step->src) == mgm_infer_type(plan, step->layer))
        return MGM_OK;
    return mgm_fail(plan->ctx, MGM_E_UNSUPPORTED, "layer %d of the graph cannot be computed in 8 bit", step->layer);
}

static enum mgm_status create_kernels(struct mgm_infer_plan *plan, const struct mgm_params *params)
{
    const struct mgm_infer_plan_settings *s = &plan->settings;
    size_t converted = 0;
    struct mgm_fused_conv_maker maker;
    enum mgm_status status = mgm_fused_conv_maker_create(plan->backend, plan->graph, params, &maker);
    for (int i = 0; i < plan->step_count && status == MGM_OK; i++) {
        struct infer_step *step = &plan->steps[i];
        status = check_storage(plan, step);
        if (step->is_single && status == MGM_OK)
            status = mgm_fused_single_create(&maker, step->first, &step->single);
        if (!mgm_infer_has_kernel(step) || status != MGM_OK)
            continue;
        step->src_storage = mgm_conv_source(plan->graph, step->first, s->quantization, plan->storage);
        if (step->src_storage.type != mgm_infer_type(plan, step->src) && mgm_infer_bytes(plan, step->src) > converted)
            converted = mgm_infer_bytes(plan, step->src);
        struct mgm_conv_shape shape = mgm_layer_conv_shape(plan->graph, step->first, s->n, s->h, s->w);
        shape.blocked = plan->blocked;
        mgm_conv_shape_store(&shape, step->src_storage, plan->storage[step->layer],
                             step->residual >= 0 ? &plan->storage[step->residual] : NULL);
        const int norm = step->layer != step->first ? step->layer : -1;
        status = mgm_fused_conv_create(&maker, step->first, norm, &shape, &step->conv, &step->adds_apart);
    }
    mgm_fused_conv_maker_release(&maker);
    plan->settings.quantization = NULL; /* the caller's no longer */
    return status == MGM_OK && converted ? allocate(plan, converted, &plan->converted) : status;
}

/* What is to be computed, on what, in which storage; nothing large is made yet. */
static enum mgm_status begin(struct mgm_context *ctx, const struct mgm_graph *graph,
                             const struct mgm_infer_plan_settings *settings, struct mgm_infer_plan **out)
{
    *out = NULL;
    if (settings->n < 1 || settings->h < 32 || settings->w < 32 || settings->h % 32 || settings->w % 32)
        return mgm_fail(ctx, MGM_E_SHAPE, "the network's input must have sides that are multiples of 32, not %d × %d",
                        settings->w, settings->h);
    TRY(mgm_graph_check_inference(ctx, graph));
    struct mgm_infer_plan *plan = *out = mgm_alloc_zeroed(1, sizeof *plan);
    if (!plan)
        return mgm_fail_nomem(ctx, "an inference plan");
    *plan = (struct mgm_infer_plan){.ctx = ctx, .graph = graph, .settings = *settings};
    plan->settings.threads = mgm_thread_count(settings->threads);
    plan->steps = mgm_alloc_zeroed((size_t)graph->layer_count, sizeof *plan->steps);
    if (!plan->steps)
        return mgm_fail_nomem(ctx, "an inference plan");
    TRY(choose_backend(plan));
    TRY(choose_storage(plan));
    TRY(keep_layers(plan));
    return list_steps(plan);
}

enum mgm_status mgm_infer_plan_create(struct mgm_context *ctx, const struct mgm_graph *graph,
                                      const struct mgm_params *params, const struct mgm_infer_plan_settings *settings,
                                      struct mgm_infer_plan **out)
{
    enum mgm_status status = begin(ctx, graph, settings, out);
    if (status == MGM_OK)
        status = check_memory(*out);
    if (status == MGM_OK)
        status = create_kernels(*out, params);
    if (status == MGM_OK)
        status = create_arena(*out);
    if (status == MGM_OK)
        status = create_edges(*out);
    if (status != MGM_OK)
        mgm_infer_plan_destroy(out);
    return status;
}

enum mgm_status mgm_infer_plan_measure(struct mgm_context *ctx, const struct mgm_graph *graph,
                                       const struct mgm_infer_plan_settings *settings, size_t *bytes)
{
    struct mgm_infer_plan *plan;
    enum mgm_status status = begin(ctx, graph, settings, &plan);
    if (status == MGM_OK)
        status = plan_arena(plan, bytes);
    if (status == MGM_OK && needs_input(plan))
        *bytes += mgm_infer_count(plan, 0) * sizeof(float);
    for (int i = 0; i < graph->output_count && status == MGM_OK; i++)
        if (needs_output(plan, graph->outputs[i]))
            *bytes += mgm_infer_count(plan, graph->outputs[i]) * sizeof(float);
    mgm_infer_plan_destroy(&plan);
    return status;
}

static void release_memory(struct mgm_infer_plan *plan)
{
    struct mgm_backend *b = plan->backend;
    for (int i = 0; i < plan->step_count; i++) {
        b->ops->conv_destroy(b, &plan->steps[i].conv);
        b->ops->release(b, plan->steps[i].single);
    }
    b->ops->release(b, plan->arena);
    b->ops->release(b, plan->converted);
}

void mgm_infer_plan_destroy(struct mgm_infer_plan **plan)
{
    struct mgm_infer_plan *p = *plan;
    if (!p)
        return;
    if (p->backend)
        release_memory(p);
    mgm_backend_destroy(&p->own_backend);
    mgm_free(p->kept);
    mgm_free(p->storage);
    mgm_free(p->steps);
    mgm_free(p->buffers);
    mgm_free(p->owner);
    mgm_free(p->input);
    for (int i = 0; i < MGM_GRAPH_MAX_OUTPUTS; i++)
        mgm_free(p->outputs[i]);
    mgm_free(p);
    *plan = NULL;
}
