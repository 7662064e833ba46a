/** What the files of the training plan share. Private to train_*.c. */
#ifndef MGM_NN_TRAIN_STATE_H
#define MGM_NN_TRAIN_STATE_H

#include "nn/backend.h"
#include "nn/graph.h"
#include "nn/norm.h"
#include "nn/spatial.h"
#include "nn/train_plan.h"

struct train_node {
    int h, w;
    size_t count; /* values of the result, all pictures */
    void *value;  /* result of forward */
    struct mgm_backend_conv *conv;
    float *sigma;          /* [1]; spectral norm of this step; NULL without */
    float *mean, *inverse; /* NORM: of this step */
    /* Backward: up to two contributions to the gradient by the result; a third is added to the second. */
    void *diff[2];
    int diff_count;
    float *output_gradient; /* outputs only: f32, filled by the caller */
    float *output_value;
};

struct mgm_train_plan {
    struct mgm_context *ctx;
    const struct mgm_graph *graph;
    struct mgm_params *params;
    struct mgm_train_plan_settings settings;
    struct mgm_backend *backend, *own_backend; /* own: made by the plan, else NULL */
    struct train_node *nodes;
    void *values;   /* arena of all results, kept from forward to backward */
    void *diffs;    /* arena of gradients, shared by those that do not live at the same time */
    float *vectors; /* means, inverses and spectral norms */
    float *weights; /* one layer's weights as they are used (divided by σ, rearranged), or their gradient */
    float *gradient;
    void *grid;  /* a transposed convolution before it is shuffled */
    void *spare; /* third contributions */
};

static inline size_t mgm_value_size(const struct mgm_train_plan *plan)
{
    return plan->settings.precision == MGM_PRECISION_BF16 ? 2 : 4;
}

static inline float *mgm_param_value(const struct mgm_train_plan *plan, int param)
{
    return plan->params->values + plan->graph->params[param].offset;
}

static inline struct mgm_spatial mgm_spatial_of(const struct mgm_train_plan *plan, int h, int w, int c)
{
    return (struct mgm_spatial){plan->settings.threads, plan->settings.precision, plan->settings.n, h, w, c, 0};
}

static inline struct mgm_norm mgm_norm_of(const struct mgm_train_plan *plan, int index)
{
    const struct mgm_layer *layer = &plan->graph->layers[index];
    const struct train_node *node = &plan->nodes[index];
    return (struct mgm_norm){.threads = plan->settings.threads,
                             .precision = plan->settings.precision,
                             .pixels = (size_t)plan->settings.n * (size_t)node->h * (size_t)node->w,
                             .channels = layer->channels,
                             .slope = layer->slope,
                             .relu_first = layer->relu_first,
                             .together = plan->backend->together};
}

#endif
