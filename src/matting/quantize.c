/* Writing a quantized model. */
#include "base/memory.h"
#include "matting/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a file's tensors are made of; one block of each, for all parameters. */
struct quantized {
    struct mgm_tensor_source *tensors; /* two for each parameter, and one */
    int count;
    char (*names)[sizeof(((struct mgm_param_info *)NULL)->name) + 8];
    int8_t *steps;
    float *scales;
};

static size_t at(const struct mgm_param_info *p, bool transposed, size_t channel, size_t i)
{
    const size_t kernel = (size_t)p->dims[2] * (size_t)p->dims[3];
    return transposed ? (i / kernel * (size_t)p->dims[1] + channel) * kernel + i % kernel
                      : channel * (size_t)p->dims[1] * kernel + i;
}

/* Symmetric: the largest weight of each output channel is 127. */
static void quantize(const struct mgm_param_info *param, const float *values, int8_t *steps, float *scales)
{
    const bool transposed = param->dims[2] == 4;
    const size_t channels = (size_t)param->dims[transposed ? 1 : 0], each = param->count / channels;
    for (size_t channel = 0; channel < channels; channel++) {
        float largest = 0;
        for (size_t i = 0; i < each; i++)
            largest = fmaxf(largest, fabsf(values[at(param, transposed, channel, i)]));
        scales[channel] = largest > 0 ? largest / 127 : 1;
        for (size_t i = 0; i < each; i++) {
            const size_t k = at(param, transposed, channel, i);
            steps[k] = (int8_t)lrintf(values[k] / scales[channel]);
        }
    }
}

static void list_tensors(const struct mgm_graph *graph, const struct mgm_params *params, struct quantized *q)
{
    int8_t *steps = q->steps;
    float *scales = q->scales;
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *param = &graph->params[i];
        const float *values = params->values + param->offset;
        struct mgm_tensor_source *t = &q->tensors[q->count++];
        *t = (struct mgm_tensor_source){.name = param->name, .dtype = MGM_DTYPE_F32, .ndim = param->ndim, .data = values};
        for (int d = 0; d < param->ndim; d++)
            t->dims[d] = param->dims[d];
        if (param->ndim != 4)
            continue;
        quantize(param, values, steps, scales);
        t->dtype = MGM_DTYPE_I8;
        t->data = steps;
        const int channels = param->dims[param->dims[2] == 4 ? 1 : 0];
        snprintf(q->names[i], sizeof q->names[i], "%s.scale", param->name);
        q->tensors[q->count++] = (struct mgm_tensor_source){
            .name = q->names[i], .dtype = MGM_DTYPE_F32, .ndim = 1, .dims = {channels}, .data = scales};
        steps += param->count;
        scales += channels;
    }
}

enum mgm_status mgm_params_save_quantized(struct mgm_context *ctx, const struct mgm_graph *graph,
                                          const struct mgm_params *params, const float *ranges, const char *path,
                                          const char *const *metadata, int metadata_count)
{
    const size_t count = (size_t)graph->param_count;
    struct quantized q = {.tensors = mgm_alloc_zeroed(2 * count + 1, sizeof *q.tensors),
                          .names = mgm_alloc(count, sizeof *q.names),
                          .steps = mgm_alloc(graph->value_count, 1),
                          .scales = mgm_alloc(graph->value_count, sizeof *q.scales)};
    enum mgm_status status = MGM_OK;
    if (!q.tensors || !q.names || !q.steps || !q.scales)
        status = mgm_fail_nomem(ctx, path);
    if (status == MGM_OK) {
        list_tensors(graph, params, &q);
        q.tensors[q.count++] = (struct mgm_tensor_source){
            .name = MGM_RANGES, .dtype = MGM_DTYPE_F32, .ndim = 1, .dims = {graph->layer_count}, .data = ranges};
        status = mgm_safetensors_write(ctx, path, q.tensors, q.count, metadata, metadata_count);
    }
    mgm_free(q.tensors);
    mgm_free(q.names);
    mgm_free(q.steps);
    mgm_free(q.scales);
    return status;
}
