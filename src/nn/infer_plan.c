#include "nn/infer_plan.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph_check.h"
#include "nn/layer_shape.h"
#include "nn/norm.h"
#include "nn/planner.h"
#include "nn/single_conv.h"
#include "nn/spatial.h"
#include "nn/spectral.h"

#include <math.h>
#include <string.h>

/* One step computes the result of layer `layer`; a convolution's takes the norm behind it along. */
struct infer_step {
    enum mgm_op op;
    int layer, first;  /* first: the convolution, where layer is the norm behind it; else the same */
    int src, residual; /* residual −1: none */
    bool is_single;    /* a single-channel convolution, which has a kernel of its own */
    bool adds_apart;   /* the residual is added behind the convolution, not by it */
    struct mgm_conv *conv;
    float *single; /* a single-channel convolution: its weights and, last, its bias */
    size_t grid;   /* transposed: the grid's place in the arena; single: its workspace's */
};

struct mgm_infer_plan {
    struct mgm_context *ctx;
    const struct mgm_graph *graph;
    struct mgm_infer_plan_settings settings;
    struct mgm_onednn *onednn;
    struct infer_step *steps;
    int step_count;
    struct mgm_plan_buffer *buffers; /* of each layer's result, then of each step's grid */
    int *owner;                      /* layer whose buffer a layer's result stands in */
    void *arena;
    float
        *folding; /* while the plan is made: one convolution's weights; once for all, lest the heap be left full of holes */
    /*
     * Whether results are kept in blocks of 16 channels, in which the fastest convolutions work. It needs channel counts
     * that are multiples of 16; narrower networks stay channels last.
     */
    bool blocked;
    float *planar;                         /* blocked: the input as its convolutions want it, [n, c, h, w] */
    float *outputs[MGM_GRAPH_MAX_OUTPUTS]; /* blocked: those of several channels, channels last */
};

static void *value_of(const struct mgm_infer_plan *plan, int layer)
{
    return (char *)plan->arena + plan->buffers[plan->owner[layer]].offset;
}

static size_t value_count(const struct mgm_infer_plan *plan, int layer)
{
    const struct mgm_layer *l = &plan->graph->layers[layer];
    const struct mgm_infer_plan_settings *s = &plan->settings;
    return (size_t)s->n * (size_t)mgm_layer_side(l, s->h) * (size_t)mgm_layer_side(l, s->w) * (size_t)l->channels;
}

static struct mgm_spatial spatial_of(const struct mgm_infer_plan *plan, int layer)
{
    const struct mgm_layer *l = &plan->graph->layers[layer];
    const struct mgm_infer_plan_settings *s = &plan->settings;
    return (struct mgm_spatial){s->threads,
                                MGM_PRECISION_F32,
                                s->n,
                                mgm_layer_side(l, s->h),
                                mgm_layer_side(l, s->w),
                                l->channels,
                                plan->blocked ? MGM_CONV_BLOCK : 0};
}

static bool has_kernel(const struct infer_step *step)
{
    return !step->is_single && (step->op == MGM_OP_CONV || step->op == MGM_OP_CONV_TRANSPOSE);
}

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

/* ---- folding: what a convolution and the norm behind it come to ----------------------------------------------------- */

struct folded {
    float *weights;              /* [oc, ic, k, k] of the convolution that is run; the plan's */
    float *bias, *scale, *shift; /* [oc] of it */
    struct mgm_conv_fusion fusion;
};

static void release_folded(struct folded *f)
{
    mgm_free(f->bias);
    mgm_free(f->scale);
    mgm_free(f->shift);
}

static float spectral_factor(const struct mgm_graph *graph, const struct mgm_params *params, const struct mgm_layer *conv)
{
    if (conv->u < 0)
        return 1;
    const struct mgm_param_info *info = &graph->params[conv->weights];
    int rows = info->dims[0];
    return 1 / mgm_spectral_sigma(params->values + info->offset, rows, (int)(info->count / (size_t)rows),
                                  params->values + graph->params[conv->u].offset,
                                  params->values + graph->params[conv->v].offset);
}

/* Factor and offset of a norm with its running statistics. */
static void norm_affine(const struct mgm_graph *graph, const struct mgm_params *params, const struct mgm_layer *norm,
                        float *factor, float *offset)
{
    const float *scale = params->values + graph->params[norm->scale].offset;
    const float *shift = params->values + graph->params[norm->shift].offset;
    const float *mean = params->values + graph->params[norm->mean].offset;
    const float *variance = params->values + graph->params[norm->variance].offset;
    for (int c = 0; c < norm->channels; c++) {
        factor[c] = (float)(scale[c] / sqrt((double)variance[c] + MGM_NORM_EPSILON));
        offset[c] = shift[c] - mean[c] * factor[c];
    }
}

static enum mgm_status fold(struct mgm_infer_plan *plan, const struct mgm_params *params, const struct mgm_layer *conv,
                            const struct mgm_layer *norm, int copies, struct folded *f)
{
    const struct mgm_param_info *info = &plan->graph->params[conv->weights];
    const int channels = conv->channels, total = channels * copies;
    const size_t per_channel = info->count / (size_t)channels; /* both layouts: the same number of values for each */
    f->weights = plan->folding;
    f->bias = mgm_alloc_zeroed((size_t)total, sizeof(float));
    f->scale = mgm_alloc((size_t)total, sizeof(float));
    f->shift = mgm_alloc((size_t)total, sizeof(float));
    if (!f->bias || !f->scale || !f->shift)
        return mgm_fail_nomem(plan->ctx, "weights");
    const float *weights = params->values + info->offset;
    float factor = spectral_factor(plan->graph, params, conv);
    if (!isfinite(factor)) /* activations would hide the values that are not numbers */
        return mgm_fail(plan->ctx, MGM_E_FORMAT, "the weights '%s' cannot be divided by their spectral norm, which is 0",
                        info->name);
    if (conv->op == MGM_OP_CONV_TRANSPOSE)
        mgm_transpose_weights(weights, info->dims[0], info->dims[1], factor, f->weights);
    else
        for (size_t i = 0; i < info->count; i++)
            f->weights[i] = weights[i] * factor;
    f->fusion = (struct mgm_conv_fusion){.slope = 1};
    if (conv->bias >= 0) {
        const float *bias = params->values + plan->graph->params[conv->bias].offset;
        for (int copy = 0; copy < copies; copy++)
            memcpy(f->bias + copy * channels, bias, (size_t)channels * sizeof(float));
        f->fusion.bias = f->bias;
    }
    if (!norm)
        return MGM_OK;

    norm_affine(plan->graph, params, norm, f->scale, f->shift);
    for (int copy = 1; copy < copies; copy++) {
        memcpy(f->scale + copy * channels, f->scale, (size_t)channels * sizeof(float));
        memcpy(f->shift + copy * channels, f->shift, (size_t)channels * sizeof(float));
    }
    bool residual = norm->input_count > 1;
    if (norm->relu_first) { /* ReLU – norm – add: the norm cannot be folded through the ReLU */
        f->fusion.slope = 0;
        f->fusion.scale = f->scale;
        f->fusion.shift = f->shift;
        f->fusion.add_after = residual;
        return MGM_OK;
    }
    size_t values = per_channel / (size_t)copies;
    for (int c = 0; c < total; c++) {
        f->bias[c] = f->bias[c] * f->scale[c] + f->shift[c];
        for (size_t i = 0; i < values; i++)
            f->weights[(size_t)c * values + i] *= f->scale[c];
    }
    f->fusion.bias = f->bias;
    f->fusion.slope = norm->slope;
    f->fusion.add_before = residual;
    return MGM_OK;
}

static enum mgm_status create_conv(struct mgm_infer_plan *plan, const struct mgm_params *params, int index, int norm,
                                   struct infer_step *step)
{
    const struct mgm_layer *layers = plan->graph->layers;
    const struct mgm_infer_plan_settings *s = &plan->settings;
    struct mgm_conv_shape shape = mgm_layer_conv_shape(plan->graph, index, s->n, s->h, s->w);
    shape.blocked = plan->blocked;
    struct folded folded = {0};
    int copies = layers[index].op == MGM_OP_CONV_TRANSPOSE ? 4 : 1;
    enum mgm_status status = fold(plan, params, &layers[index], norm >= 0 ? &layers[norm] : NULL, copies, &folded);
    if (status == MGM_OK)
        status = mgm_conv_create_inference(plan->ctx, plan->onednn, &shape, &folded.fusion, &step->conv);
    if (status == MGM_OK && folded.fusion.add_after && mgm_conv_is_reference(step->conv)) {
        /* Without AVX-512, oneDNN's fast kernels do not add behind other operations. */
        mgm_conv_destroy(&step->conv);
        folded.fusion.add_after = false;
        step->adds_apart = true;
        status = mgm_conv_create_inference(plan->ctx, plan->onednn, &shape, &folded.fusion, &step->conv);
    }
    if (status == MGM_OK)
        status = mgm_conv_set_weights(plan->ctx, step->conv, folded.weights);
    release_folded(&folded);
    return status;
}

static enum mgm_status create_single(struct mgm_infer_plan *plan, const struct mgm_params *params,
                                     const struct mgm_layer *layer, float **out)
{
    const struct mgm_param_info *weights = &plan->graph->params[layer->weights];
    *out = mgm_alloc(weights->count + 1, sizeof **out);
    if (!*out)
        return mgm_fail_nomem(plan->ctx, "weights");
    memcpy(*out, params->values + weights->offset, weights->count * sizeof **out);
    (*out)[weights->count] = layer->bias >= 0 ? params->values[plan->graph->params[layer->bias].offset] : 0;
    return MGM_OK;
}

/* ---- steps and memory --------------------------------------------------------------------------------------------- */

/* What is to be computed, in which order; kernels and memory come later. */
static void list_steps(struct mgm_infer_plan *plan)
{
    const struct mgm_graph *graph = plan->graph;
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        if (layer->op == MGM_OP_INPUT || layer->op == MGM_OP_NORM)
            continue; /* norms go with their convolutions */
        struct infer_step *step = &plan->steps[plan->step_count++];
        *step = (struct infer_step){.op = layer->op,
                                    .layer = i,
                                    .first = i,
                                    .src = layer->inputs[0],
                                    .residual = -1,
                                    .is_single = mgm_is_single_conv(layer)};
        const int norm = has_kernel(step) ? mgm_norm_after(graph, i) : -1;
        if (norm < 0)
            continue;
        step->layer = norm;
        step->residual = graph->layers[norm].input_count > 1 ? graph->layers[norm].inputs[1] : -1;
    }
}

static enum mgm_status create_kernels(struct mgm_infer_plan *plan, const struct mgm_params *params)
{
    size_t largest = 0;
    for (int i = 0; i < plan->graph->param_count; i++)
        if (plan->graph->params[i].count > largest)
            largest = plan->graph->params[i].count;
    plan->folding = mgm_alloc(largest, sizeof *plan->folding);
    if (!plan->folding)
        return mgm_fail_nomem(plan->ctx, "weights");
    for (int i = 0; i < plan->step_count; i++) {
        struct infer_step *step = &plan->steps[i];
        if (step->is_single)
            TRY(create_single(plan, params, &plan->graph->layers[step->first], &step->single));
        else if (has_kernel(step))
            TRY(create_conv(plan, params, step->first, step->layer != step->first ? step->layer : -1, step));
    }
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

static int last_use(const struct mgm_infer_plan *plan, int layer)
{
    for (int i = 0; i < plan->graph->output_count; i++)
        if (plan->graph->outputs[i] == layer)
            return plan->step_count; /* outlives the run */
    int last = -1;
    for (int i = 0; i < plan->step_count; i++)
        if (step_reads(plan, &plan->steps[i], layer))
            last = i;
    return last;
}

/* A residual that nobody reads later, nor the convolution itself now, gives its buffer to the sum, which is made in place.
 */
static bool adds_in_place(const struct mgm_infer_plan *plan, int index)
{
    const struct infer_step *step = &plan->steps[index];
    return step->residual >= 0 && !step->adds_apart && last_use(plan, step->residual) == index &&
           plan->owner[step->residual] != plan->owner[step->src];
}

/* Where everything stands in the arena. @param bytes  receives the arena's size */
static enum mgm_status plan_arena(struct mgm_infer_plan *plan, size_t *bytes)
{
    int layers = plan->graph->layer_count, count = layers + plan->step_count;
    mgm_free(plan->buffers);
    mgm_free(plan->owner);
    plan->buffers = mgm_alloc_zeroed((size_t)count, sizeof *plan->buffers);
    plan->owner = mgm_alloc_zeroed((size_t)layers, sizeof *plan->owner);
    if (!plan->buffers || !plan->owner)
        return mgm_fail_nomem(plan->ctx, "planning memory");
    for (int i = 0; i < layers; i++)
        plan->owner[i] = i;
    plan->buffers[0] = (struct mgm_plan_buffer){value_count(plan, 0) * sizeof(float), -1, last_use(plan, 0), 0};
    for (int i = 0; i < plan->step_count; i++) {
        struct infer_step *step = &plan->steps[i];
        int last = last_use(plan, step->layer);
        if (adds_in_place(plan, i)) {
            int owner = plan->owner[step->layer] = plan->owner[step->residual];
            plan->buffers[owner].last = last;
        } else {
            plan->buffers[step->layer] =
                (struct mgm_plan_buffer){value_count(plan, step->layer) * sizeof(float), i, last, 0};
        }
        if (step->is_single) {
            struct mgm_spatial s = spatial_of(plan, step->src);
            plan->buffers[layers + i] = (struct mgm_plan_buffer){mgm_single_conv_workspace(&s) * sizeof(float), i, i, 0};
        }
        if (step->op == MGM_OP_CONV_TRANSPOSE) {
            const struct mgm_layer *l = &plan->graph->layers[step->layer];
            size_t pixels = (size_t)plan->settings.n * (size_t)(mgm_layer_side(l, plan->settings.h) / 2 + 1) *
                            (size_t)(mgm_layer_side(l, plan->settings.w) / 2 + 1);
            plan->buffers[layers + i] = (struct mgm_plan_buffer){pixels * 4 * (size_t)l->channels * sizeof(float), i, i, 0};
        }
    }
    return mgm_plan_buffers(plan->ctx, plan->buffers, count, bytes);
}

/*
 * An allocation of more than there is may well succeed, and end the program when it is used; and the compute library is not
 * to be asked about sizes that overflow its own arithmetic. So both are found out before anything is made.
 */
static enum mgm_status check_memory(struct mgm_infer_plan *plan)
{
    const struct mgm_infer_plan_settings *s = &plan->settings;
    const double available = (double)mgm_memory_size();
    size_t bytes;
    TRY(plan_arena(plan, &bytes));
    if (available <= 0 || (double)bytes < available)
        return MGM_OK;
    return mgm_fail(plan->ctx, MGM_E_NOMEM,
                    "%d×%d pixels would need %.1f GB of memory for the network alone, and there is %.1f GB", s->w,
                    s->h, (double)bytes / 1e9, available / 1e9);
}

static enum mgm_status create_arena(struct mgm_infer_plan *plan)
{
    size_t bytes;
    TRY(plan_arena(plan, &bytes)); /* again: kernels may have wanted their residuals apart */
    for (int i = 0; i < plan->step_count; i++)
        plan->steps[i].grid = plan->buffers[plan->graph->layer_count + i].offset;
    plan->arena = mgm_alloc(bytes, 1);
    return plan->arena ? MGM_OK : mgm_fail_nomem(plan->ctx, "the network's activations");
}

/* Where a blocked plan meets its caller, who has and wants channels last. */
static enum mgm_status create_edges(struct mgm_infer_plan *plan)
{
    plan->planar = mgm_alloc(value_count(plan, 0), sizeof(float));
    bool complete = plan->planar != NULL;
    for (int i = 0; i < plan->graph->output_count; i++) {
        int layer = plan->graph->outputs[i];
        if (plan->graph->layers[layer].channels == 1)
            continue;
        plan->outputs[i] = mgm_alloc(value_count(plan, layer), sizeof(float));
        complete = complete && plan->outputs[i];
    }
    return complete ? MGM_OK : mgm_fail_nomem(plan->ctx, "the network's activations");
}

enum mgm_status mgm_infer_plan_create(struct mgm_context *ctx, const struct mgm_graph *graph,
                                      const struct mgm_params *params, const struct mgm_infer_plan_settings *settings,
                                      struct mgm_infer_plan **out)
{
    *out = NULL;
    if (settings->n < 1 || settings->h < 32 || settings->w < 32 || settings->h % 32 || settings->w % 32)
        return mgm_fail(ctx, MGM_E_SHAPE, "the network's input must have sides that are multiples of 32, not %d × %d",
                        settings->w, settings->h);
    TRY(mgm_graph_check_inference(ctx, graph));
    struct mgm_infer_plan *plan = mgm_alloc_zeroed(1, sizeof *plan);
    if (!plan)
        return mgm_fail_nomem(ctx, "an inference plan");
    *plan = (struct mgm_infer_plan){.ctx = ctx, .graph = graph, .settings = *settings};
    plan->settings.threads = mgm_thread_count(settings->threads);
    plan->blocked = can_be_blocked(graph);
    plan->steps = mgm_alloc_zeroed((size_t)graph->layer_count, sizeof *plan->steps);
    enum mgm_status status = plan->steps ? MGM_OK : mgm_fail_nomem(ctx, "an inference plan");
    if (status == MGM_OK) {
        list_steps(plan);
        status = check_memory(plan);
    }
    if (status == MGM_OK)
        status = mgm_onednn_create(ctx, settings->threads, &plan->onednn);
    if (status == MGM_OK) {
        int previous = mgm_onednn_enter(plan->onednn);
        status = create_kernels(plan, params);
        mgm_free(plan->folding);
        plan->folding = NULL;
        mgm_onednn_leave(previous);
    }
    if (status == MGM_OK)
        status = create_arena(plan);
    if (status == MGM_OK && plan->blocked)
        status = create_edges(plan);
    if (status != MGM_OK)
        mgm_infer_plan_destroy(&plan);
    *out = plan;
    return status;
}

void mgm_infer_plan_destroy(struct mgm_infer_plan **plan)
{
    struct mgm_infer_plan *p = *plan;
    if (!p)
        return;
    for (int i = 0; p->steps && i < p->graph->layer_count; i++) {
        mgm_conv_destroy(&p->steps[i].conv);
        mgm_free(p->steps[i].single);
    }
    mgm_onednn_destroy(&p->onednn);
    mgm_free(p->steps);
    mgm_free(p->buffers);
    mgm_free(p->owner);
    mgm_free(p->arena);
    mgm_free(p->planar);
    for (int i = 0; i < MGM_GRAPH_MAX_OUTPUTS; i++)
        mgm_free(p->outputs[i]);
    mgm_free(p);
    *plan = NULL;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

float *mgm_infer_plan_input(struct mgm_infer_plan *plan)
{
    return value_of(plan, 0);
}

const float *mgm_infer_plan_output(const struct mgm_infer_plan *plan, int index)
{
    return plan->outputs[index] ? plan->outputs[index] : value_of(plan, plan->graph->outputs[index]);
}

/* Rows of all pictures, from channels last to planes. */
static void read_rows(void *argument, size_t begin, size_t end)
{
    const struct mgm_infer_plan *plan = argument;
    const float *input = value_of(plan, 0);
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
    return plan->blocked && plan->graph->layers[layer].op == MGM_OP_INPUT ? plan->planar : value_of(plan, layer);
}

static enum mgm_status run_conv(struct mgm_infer_plan *plan, const struct infer_step *step)
{
    void *dst = value_of(plan, step->layer);
    if (step->op == MGM_OP_CONV) {
        const size_t count = value_count(plan, step->layer);
        const void *residual = step->residual >= 0 ? value_of(plan, step->residual) : NULL;
        if (residual && residual != dst && !step->adds_apart)
            memcpy(dst, residual, count * sizeof(float));
        TRY(mgm_conv_forward(plan->ctx, step->conv, source_of(plan, step->src), dst));
        if (step->adds_apart)
            mgm_accumulate(plan->settings.threads, MGM_PRECISION_F32, count, residual, dst);
        return MGM_OK;
    }
    void *grid = (char *)plan->arena + step->grid;
    TRY(mgm_conv_forward(plan->ctx, step->conv, source_of(plan, step->src), grid));
    struct mgm_spatial s = spatial_of(plan, step->layer);
    s.h /= 2;
    s.w /= 2;
    mgm_shuffle(&s, grid, dst);
    return MGM_OK;
}

static void run_single(struct mgm_infer_plan *plan, const struct infer_step *step)
{
    struct mgm_spatial s = spatial_of(plan, step->src);
    const float *bias = step->single + (size_t)s.c * 9;
    mgm_single_conv(&s, value_of(plan, step->src), step->single, *bias, (float *)((char *)plan->arena + step->grid),
                    value_of(plan, step->layer));
}

static void run_spatial(struct mgm_infer_plan *plan, const struct infer_step *step)
{
    const struct mgm_layer *layer = &plan->graph->layers[step->layer];
    struct mgm_spatial here = spatial_of(plan, step->layer), there = spatial_of(plan, step->src);
    const void *src = value_of(plan, step->src);
    void *dst = value_of(plan, step->layer);
    switch (step->op) {
    case MGM_OP_AVERAGE_POOL:
        mgm_average_pool(&here, src, dst);
        break;
    case MGM_OP_UPSAMPLE:
        mgm_upsample(&there, src, dst);
        break;
    case MGM_OP_GLOBAL_POOL:
        mgm_sum_pixels(&there, src, 1 / (float)(there.h * there.w), dst);
        break;
    case MGM_OP_BROADCAST:
        mgm_repeat_pixels(&here, src, 1, dst);
        break;
    case MGM_OP_CONCAT:
        for (int i = 0, offset = 0; i < layer->input_count; i++) {
            here.c = plan->graph->layers[layer->inputs[i]].channels;
            mgm_copy_channels_in(&here, value_of(plan, layer->inputs[i]), dst, layer->channels, offset);
            offset += here.c;
        }
        break;
    default:
        break;
    }
}

enum mgm_status mgm_infer_plan_run(struct mgm_infer_plan *plan)
{
    int previous = mgm_onednn_enter(plan->onednn);
    enum mgm_status status = MGM_OK;
    if (plan->blocked)
        mgm_parallel_for(plan->settings.threads, (size_t)plan->settings.n * (size_t)plan->settings.h, read_rows, plan);
    for (int i = 0; i < plan->step_count && status == MGM_OK; i++) {
        if (plan->steps[i].is_single)
            run_single(plan, &plan->steps[i]);
        else if (plan->steps[i].conv)
            status = run_conv(plan, &plan->steps[i]);
        else
            run_spatial(plan, &plan->steps[i]);
    }
    for (int i = 0; i < plan->graph->output_count; i++)
        if (plan->outputs[i]) {
            struct mgm_spatial s = spatial_of(plan, plan->graph->outputs[i]);
            mgm_from_blocks(&s, value_of(plan, plan->graph->outputs[i]), plan->outputs[i]);
        }
    mgm_onednn_leave(previous);
    return status;
}
