/* The inference plan's convolutions: what each comes to with its spectral norm and the norm behind it. */
#include "base/memory.h"
#include "nn/infer_state.h"
#include "nn/norm.h"
#include "nn/single_conv.h"
#include "nn/spectral.h"

#include <math.h>
#include <string.h>

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
    struct folded folded = {0};
    int copies = layers[index].op == MGM_OP_CONV_TRANSPOSE ? 4 : 1;
    enum mgm_status status = fold(plan, params, &layers[index], norm >= 0 ? &layers[norm] : NULL, copies, &folded);
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
    release_folded(&folded);
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
