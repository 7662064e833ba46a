/** What the files of the inference plan share. Private to infer_*.c. */
#ifndef MGM_NN_INFER_STATE_H
#define MGM_NN_INFER_STATE_H

#include "nn/backend.h"
#include "nn/graph.h"
#include "nn/infer_plan.h"
#include "nn/layer_shape.h"
#include "nn/planner.h"
#include "nn/single_conv.h"

/* One step computes the result of layer `layer`; a convolution's takes the norm behind it along. */
struct infer_step {
    enum mgm_op op;
    int layer, first;  /* first: the convolution, where layer is the norm behind it; else the same */
    int src, residual; /* residual −1: none */
    struct mgm_storage src_storage; /* a convolution's: what it reads, made of src's if that is stored otherwise */
    bool is_single;    /* a single-channel convolution, which has a kernel of its own */
    bool adds_apart;   /* the residual is added behind the convolution, not by it */
    struct mgm_backend_conv *conv;
    float *single; /* a single-channel convolution: its weights and, last, its bias */
    size_t grid;   /* transposed: the grid's place in the arena */
};

struct mgm_infer_plan {
    struct mgm_context *ctx;
    const struct mgm_graph *graph;
    struct mgm_infer_plan_settings settings;
    struct mgm_backend *backend, *own_backend; /* own: made by the plan, else NULL */
    bool *kept;                                /* of each layer: its result outlives the run */
    struct mgm_storage *storage;               /* of each layer */
    struct infer_step *steps;
    int step_count;
    struct mgm_plan_buffer *buffers; /* of each layer's result, then of each step's grid, then planar */
    int *owner;                      /* layer whose buffer a layer's result stands in */
    size_t arena_bytes;
    void *arena, *converted; /* converted: a source on its way into another storage */
    /*
     * Whether results are kept in blocks of 16 channels, in which the fastest f32 convolutions work. It needs channel counts
     * that are multiples of 16; narrower networks stay channels last.
     */
    bool blocked;
    float *input;  /* where the first layers want it otherwise, or elsewhere, than the caller: as the caller fills it in */
    float *planar; /* blocked: the input as its convolutions want it, [n, c, h, w], in the arena */
    const float *pooled; /* what pooling over the picture gives; NULL: as it is computed. Borrowed */
    float *outputs[MGM_GRAPH_MAX_OUTPUTS]; /* blocked: those of several channels, channels last; or all, in host memory */
};

static inline void *mgm_infer_value(const struct mgm_infer_plan *plan, int layer)
{
    return (char *)plan->arena + plan->buffers[plan->owner[layer]].offset;
}

static inline size_t mgm_infer_count(const struct mgm_infer_plan *plan, int layer)
{
    const struct mgm_layer *l = &plan->graph->layers[layer];
    const struct mgm_infer_plan_settings *s = &plan->settings;
    return (size_t)s->n * (size_t)mgm_layer_side(l, s->h) * (size_t)mgm_layer_side(l, s->w) * (size_t)l->channels;
}

static inline enum mgm_precision mgm_infer_type(const struct mgm_infer_plan *plan, int layer)
{
    return plan->storage[layer].type;
}

static inline size_t mgm_infer_bytes(const struct mgm_infer_plan *plan, int layer)
{
    return mgm_infer_count(plan, layer) * mgm_precision_bytes(mgm_infer_type(plan, layer));
}

static inline struct mgm_spatial mgm_infer_spatial(const struct mgm_infer_plan *plan, int layer)
{
    const struct mgm_layer *l = &plan->graph->layers[layer];
    const struct mgm_infer_plan_settings *s = &plan->settings;
    return (struct mgm_spatial){s->threads,
                                mgm_infer_type(plan, layer),
                                s->n,
                                mgm_layer_side(l, s->h),
                                mgm_layer_side(l, s->w),
                                l->channels,
                                plan->blocked ? MGM_CONV_BLOCK : 0};
}

static inline bool mgm_infer_has_kernel(const struct infer_step *step)
{
    return !step->is_single && (step->op == MGM_OP_CONV || step->op == MGM_OP_CONV_TRANSPOSE);
}

#endif
