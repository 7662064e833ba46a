/* The inference plan's convolutions: kernels for what each comes to with its spectral norm and the norm behind it. */
#include "base/memory.h"
#include "nn/fold.h"
#include "nn/infer_state.h"

static enum mgm_status set_weights(struct mgm_infer_plan *plan, struct mgm_backend_conv *conv, const float *weights,
                                   size_t count)
{
    struct mgm_backend *b = plan->backend;
    if (!b->ops->host_memory) {
        b->ops->upload(b, plan->staging, weights, count * sizeof *weights);
        weights = plan->staging;
    }
    return b->ops->conv_set_weights(b, conv, weights);
}

static enum mgm_status create_conv(struct mgm_infer_plan *plan, const struct mgm_params *params, int index, int norm,
                                   struct infer_step *step)
{
    const struct mgm_layer *layers = plan->graph->layers;
    const struct mgm_infer_plan_settings *s = &plan->settings;
    struct mgm_conv_shape shape = mgm_layer_conv_shape(plan->graph, index, s->n, s->h, s->w);
    shape.blocked = plan->blocked;
    struct mgm_backend *b = plan->backend;
    struct mgm_folded_conv folded;
    enum mgm_status status = mgm_fold_conv(plan->ctx, plan->graph, params, index, norm, plan->folding, &folded);
    if (status == MGM_OK)
        status = b->ops->conv_create_inference(b, &shape, &folded.fusion, &step->conv);
    if (status == MGM_OK && folded.fusion.add_after && b->ops->conv_is_reference(step->conv)) {
        /* Without AVX-512, oneDNN's fast kernels do not add behind other operations. */
        b->ops->conv_destroy(b, &step->conv);
        folded.fusion.add_after = false;
        step->adds_apart = true;
        status = b->ops->conv_create_inference(b, &shape, &folded.fusion, &step->conv);
    }
    if (status == MGM_OK)
        status = set_weights(plan, step->conv, folded.weights, plan->graph->params[layers[index].weights].count);
    mgm_folded_conv_release(&folded);
    return status;
}

static enum mgm_status create_single(struct mgm_infer_plan *plan, const struct mgm_params *params,
                                     const struct mgm_layer *layer, float **out)
{
    const struct mgm_param_info *weights = &plan->graph->params[layer->weights];
    const float bias = layer->bias >= 0 ? params->values[plan->graph->params[layer->bias].offset] : 0;
    struct mgm_backend *b = plan->backend;
    void *memory;
    TRY(b->ops->alloc(b, (weights->count + 1) * sizeof **out, &memory));
    *out = memory;
    b->ops->upload(b, *out, params->values + weights->offset, weights->count * sizeof **out);
    b->ops->upload(b, *out + weights->count, &bias, sizeof bias);
    return MGM_OK;
}

enum mgm_status mgm_infer_create_kernels(struct mgm_infer_plan *plan, const struct mgm_params *params)
{
    size_t largest = 0;
    for (int i = 0; i < plan->graph->param_count; i++)
        if (plan->graph->params[i].count > largest)
            largest = plan->graph->params[i].count;
    plan->folding = mgm_alloc(largest, sizeof *plan->folding);
    if (!plan->folding)
        return mgm_fail_nomem(plan->ctx, "weights");
    if (!plan->backend->ops->host_memory)
        TRY(plan->backend->ops->alloc(plan->backend, largest * sizeof *plan->staging, (void **)&plan->staging));
    for (int i = 0; i < plan->step_count; i++) {
        struct infer_step *step = &plan->steps[i];
        if (step->is_single)
            TRY(create_single(plan, params, &plan->graph->layers[step->first], &step->single));
        else if (mgm_infer_has_kernel(step))
            TRY(create_conv(plan, params, step->first, step->layer != step->first ? step->layer : -1, step));
    }
    return MGM_OK;
}
