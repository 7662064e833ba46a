#include "nn/train_plan.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph_check.h"
#include "nn/layer_shape.h"
#include "nn/planner.h"
#include "nn/single_conv.h"
#include "nn/train_state.h"

bool mgm_bf16_is_native(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

static void measure(struct mgm_train_plan *plan)
{
    const struct mgm_train_plan_settings *s = &plan->settings;
    for (int i = 0; i < plan->graph->layer_count; i++) {
        const struct mgm_layer *layer = &plan->graph->layers[i];
        struct train_node *node = &plan->nodes[i];
        node->h = mgm_layer_side(layer, s->h);
        node->w = mgm_layer_side(layer, s->w);
        node->count = (size_t)s->n * (size_t)node->h * (size_t)node->w * (size_t)layer->channels;
    }
}

static enum mgm_status create_conv(struct mgm_train_plan *plan, int index)
{
    const struct mgm_train_plan_settings *s = &plan->settings;
    struct mgm_conv_shape shape = mgm_layer_conv_shape(plan->graph, index, s->n, s->h, s->w);
    /* A ReLU that stands before a norm is fused into the convolution that feeds it. */
    int norm = mgm_norm_after(plan->graph, index);
    float slope = norm >= 0 && plan->graph->layers[norm].relu_first ? 0 : 1;
    bool needs_data = plan->graph->layers[plan->graph->layers[index].inputs[0]].op != MGM_OP_INPUT;
    return plan->backend->ops->conv_create_training(plan->backend, &shape, s->precision, slope, needs_data,
                                                    &plan->nodes[index].conv);
}

static enum mgm_status create_convs(struct mgm_train_plan *plan)
{
    for (int i = 0; i < plan->graph->layer_count; i++) {
        enum mgm_op op = plan->graph->layers[i].op;
        if ((op == MGM_OP_CONV || op == MGM_OP_CONV_TRANSPOSE) && !mgm_is_single_conv(&plan->graph->layers[i]))
            TRY(create_conv(plan, i));
    }
    return MGM_OK;
}

static enum mgm_status allocate(struct mgm_train_plan *plan, size_t bytes, void *out /* the address of a pointer */)
{
    return plan->backend->ops->alloc(plan->backend, bytes, out);
}

/* Largest of what single layers need for a while. */
static enum mgm_status create_scratch(struct mgm_train_plan *plan)
{
    size_t weights = 0, grid = 0, spare = 0, value = mgm_value_size(plan);
    for (int i = 0; i < plan->graph->layer_count; i++) {
        const struct mgm_layer *layer = &plan->graph->layers[i];
        const struct train_node *node = &plan->nodes[i];
        if (node->conv && plan->graph->params[layer->weights].count > weights)
            weights = plan->graph->params[layer->weights].count;
        if (layer->op == MGM_OP_CONV_TRANSPOSE) {
            size_t pixels = (size_t)plan->settings.n * (size_t)(node->h / 2 + 1) * (size_t)(node->w / 2 + 1);
            size_t needed = pixels * 4 * (size_t)layer->channels;
            grid = needed > grid ? needed : grid;
        }
        if (layer->op != MGM_OP_INPUT && node->count > spare)
            spare = node->count;
    }
    TRY(allocate(plan, weights * sizeof(float), &plan->weights));
    TRY(allocate(plan, weights * sizeof(float), &plan->gradient));
    TRY(allocate(plan, grid * value, &plan->grid));
    return allocate(plan, spare * value, &plan->spare);
}

/* Vectors begin where a cache line, and a device's widest load, does. */
static size_t rounded(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

static enum mgm_status create_vectors(struct mgm_train_plan *plan)
{
    size_t count = 0;
    for (int i = 0; i < plan->graph->layer_count; i++)
        count += plan->graph->layers[i].op == MGM_OP_NORM ? 2 * rounded((size_t)plan->graph->layers[i].channels) : 16;
    TRY(allocate(plan, count * sizeof(float), &plan->vectors));
    float *next = plan->vectors;
    for (int i = 0; i < plan->graph->layer_count; i++) {
        const struct mgm_layer *layer = &plan->graph->layers[i];
        struct train_node *node = &plan->nodes[i];
        if (layer->op == MGM_OP_NORM) {
            node->mean = next;
            node->inverse = next + rounded((size_t)layer->channels);
            next += 2 * rounded((size_t)layer->channels);
        } else if (node->conv && layer->u >= 0) {
            node->sigma = next;
            next += 16;
        }
    }
    return MGM_OK;
}

/* Steps of backward are counted so that layer i is taken at step layer_count − i; outputs get their gradient at step 0. */
static void diff_lives(const struct mgm_train_plan *plan, int index, struct mgm_plan_buffer buffers[2])
{
    int found = 0, layers = plan->graph->layer_count;
    const struct train_node *node = &plan->nodes[index];
    for (int i = 0; i < plan->graph->output_count; i++)
        if (plan->graph->outputs[i] == index)
            buffers[found++].first = 0;
    for (int i = layers - 1; i > index && found < 2; i--)
        for (int k = 0; k < plan->graph->layers[i].input_count && found < 2; k++)
            if (plan->graph->layers[i].inputs[k] == index)
                buffers[found++].first = layers - i;
    for (int i = 0; i < found; i++) {
        buffers[i].bytes = node->count * mgm_value_size(plan);
        buffers[i].last = layers - index;
    }
}

static enum mgm_status create_diffs(struct mgm_train_plan *plan)
{
    int layers = plan->graph->layer_count;
    struct mgm_plan_buffer *buffers = mgm_alloc_zeroed((size_t)layers * 2, sizeof *buffers);
    if (!buffers)
        return mgm_fail_nomem(plan->ctx, "training");
    for (int i = 0; i < layers; i++)
        if (plan->graph->layers[i].op != MGM_OP_INPUT)
            diff_lives(plan, i, buffers + (size_t)2 * i);
    size_t bytes;
    enum mgm_status status = mgm_plan_buffers(plan->ctx, buffers, 2 * layers, &bytes);
    if (status == MGM_OK)
        status = allocate(plan, bytes, &plan->diffs);
    for (int i = 0; i < 2 * layers && status == MGM_OK; i++)
        plan->nodes[i / 2].diff[i % 2] = buffers[i].bytes ? (char *)plan->diffs + buffers[i].offset : NULL;
    mgm_free(buffers);
    return status;
}

static enum mgm_status create_values(struct mgm_train_plan *plan)
{
    size_t bytes = 0;
    for (int i = 0; i < plan->graph->layer_count; i++)
        bytes += (plan->nodes[i].count * mgm_value_size(plan) + 63) / 64 * 64;
    TRY(allocate(plan, bytes, &plan->values));
    char *next = plan->values;
    for (int i = 0; i < plan->graph->layer_count; i++) {
        plan->nodes[i].value = next;
        next += (plan->nodes[i].count * mgm_value_size(plan) + 63) / 64 * 64;
    }
    for (int i = 0; i < plan->graph->output_count; i++) {
        struct train_node *node = &plan->nodes[plan->graph->outputs[i]];
        TRY(allocate(plan, node->count * sizeof(float), &node->output_value));
        TRY(allocate(plan, node->count * sizeof(float), &node->output_gradient));
        plan->backend->ops->clear(plan->backend, node->output_value, node->count * sizeof(float));
        plan->backend->ops->clear(plan->backend, node->output_gradient, node->count * sizeof(float));
    }
    return MGM_OK;
}

static enum mgm_status choose_backend(struct mgm_train_plan *plan)
{
    if (!plan->settings.backend)
        TRY(mgm_backend_create(plan->ctx, "cpu", plan->settings.threads, &plan->own_backend));
    plan->backend = plan->own_backend ? plan->own_backend : plan->settings.backend;
    return MGM_OK;
}

enum mgm_status mgm_train_plan_create(struct mgm_context *ctx, const struct mgm_graph *graph, struct mgm_params *params,
                                      const struct mgm_train_plan_settings *settings, struct mgm_train_plan **out)
{
    *out = NULL;
    if (settings->n < 1 || settings->h < 32 || settings->w < 32 || settings->h % 32 || settings->w % 32)
        return mgm_fail(ctx, MGM_E_SHAPE, "training needs crops whose sides are multiples of 32, not %d × %d × %d",
                        settings->n, settings->h, settings->w);
    TRY(mgm_graph_check_training(ctx, graph));
    struct mgm_train_plan *plan = mgm_alloc_zeroed(1, sizeof *plan);
    if (!plan)
        return mgm_fail_nomem(ctx, "a training plan");
    *plan = (struct mgm_train_plan){.ctx = ctx, .graph = graph, .params = params, .settings = *settings};
    plan->settings.threads = mgm_thread_count(settings->threads);
    plan->nodes = mgm_alloc_zeroed((size_t)graph->layer_count, sizeof *plan->nodes);
    enum mgm_status status = plan->nodes ? MGM_OK : mgm_fail_nomem(ctx, "a training plan");
    if (status == MGM_OK)
        measure(plan);
    if (status == MGM_OK)
        status = choose_backend(plan);
    if (status == MGM_OK)
        status = create_convs(plan);
    if (status == MGM_OK)
        status = create_vectors(plan);
    if (status == MGM_OK)
        status = create_scratch(plan);
    if (status == MGM_OK)
        status = create_values(plan);
    if (status == MGM_OK)
        status = create_diffs(plan);
    if (status != MGM_OK)
        mgm_train_plan_destroy(&plan);
    *out = plan;
    return status;
}

static void release_memory(struct mgm_train_plan *plan)
{
    struct mgm_backend *b = plan->backend;
    void *const blocks[] = {plan->values,   plan->diffs, plan->vectors, plan->weights,
                            plan->gradient, plan->grid,  plan->spare};
    for (int i = 0; i < plan->graph->layer_count; i++) {
        b->ops->conv_destroy(b, &plan->nodes[i].conv);
        b->ops->release(b, plan->nodes[i].output_value);
        b->ops->release(b, plan->nodes[i].output_gradient);
    }
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        b->ops->release(b, blocks[i]);
}

void mgm_train_plan_destroy(struct mgm_train_plan **plan)
{
    struct mgm_train_plan *p = *plan;
    if (!p)
        return;
    if (p->backend)
        release_memory(p);
    mgm_backend_destroy(&p->own_backend);
    mgm_free(p->nodes);
    mgm_free(p);
    *plan = NULL;
}

const float *mgm_train_plan_output(struct mgm_train_plan *plan, int index)
{
    return plan->nodes[plan->graph->outputs[index]].output_value;
}

float *mgm_train_plan_output_gradient(struct mgm_train_plan *plan, int index)
{
    return plan->nodes[plan->graph->outputs[index]].output_gradient;
}
