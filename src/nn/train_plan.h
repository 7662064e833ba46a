/**
 * A graph made ready for training at one batch size: forward in batch-statistics mode, backward, spectral norm with its
 * power iteration. Parameters stay in f32; with MGM_PRECISION_BF16 activations and convolutions are bf16, statistics and
 * accumulated gradients f32.
 */
#ifndef MGM_NN_TRAIN_PLAN_H
#define MGM_NN_TRAIN_PLAN_H

#include "nn/graph.h"

enum mgm_precision { MGM_PRECISION_F32, MGM_PRECISION_BF16 };

static inline size_t mgm_precision_bytes(enum mgm_precision precision)
{
    return precision == MGM_PRECISION_BF16 ? 2 : 4;
}

struct mgm_backend;
struct mgm_train_plan;

struct mgm_train_plan_settings {
    int n, h, w;                 /* h and w: multiples of 32 */
    enum mgm_precision precision;
    int threads; /* of the CPU; 0: one per core */
    struct mgm_backend *backend; /* borrowed; NULL: the CPU. All values that the plan gets and gives are its memory */
};

/** True where the processor multiplies bf16 natively, so that MGM_PRECISION_BF16 is worth choosing. */
bool mgm_bf16_is_native(void);

/**
 * @param graph, params  borrowed, must outlive the plan; params, with gradients, in the backend's memory
 * @return MGM_E_SHAPE for sides that are no multiples of 32, MGM_E_UNSUPPORTED for a graph that cannot be trained
 *         (graph_check.h) or where there are no convolutions of that precision for this processor
 */
MGM_MUST_CHECK enum mgm_status mgm_train_plan_create(struct mgm_context *ctx, const struct mgm_graph *graph,
                                                     struct mgm_params *params,
                                                     const struct mgm_train_plan_settings *settings,
                                                     struct mgm_train_plan **out);
void mgm_train_plan_destroy(struct mgm_train_plan **plan);

/**
 * One forward pass. Updates, as training does, the running statistics (momentum 0.1, unbiased variance) and the
 * spectral-norm vectors (v, then u) in params.
 * @param input  f32 [n, h, w, channels of the graph's input] (channels last)
 */
MGM_MUST_CHECK enum mgm_status mgm_train_plan_forward(struct mgm_train_plan *plan, const float *input);

/** Output number `index` (graph->outputs order) of the last forward pass: f32 [n, h/stride, w/stride, c]. Borrowed. */
const float *mgm_train_plan_output(struct mgm_train_plan *plan, int index);

/** Where the caller puts the gradient of the loss by that output before backward; the same layout. Borrowed. */
float *mgm_train_plan_output_gradient(struct mgm_train_plan *plan, int index);

/** Fills params->gradients (overwriting) for the last forward pass. */
MGM_MUST_CHECK enum mgm_status mgm_train_plan_backward(struct mgm_train_plan *plan);

#endif
