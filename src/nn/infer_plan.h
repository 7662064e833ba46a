/**
 * A graph made ready for inference at one size: spectral norm and batch norm folded into convolutions where exact,
 * activations and residual additions fused, buffers shared by tensors that do not live at the same time.
 */
#ifndef MGM_NN_INFER_PLAN_H
#define MGM_NN_INFER_PLAN_H

#include "nn/quantized.h"
#include "nn/tile_map.h"
#include "nn/train_plan.h"

struct mgm_backend;
struct mgm_infer_plan;

struct mgm_infer_plan_settings {
    int n, h, w;                  /* h and w: multiples of 32 */
    int threads;                  /* of the CPU; 0: one per core */
    struct mgm_backend *backend;  /* borrowed; NULL: the CPU */
    enum mgm_precision precision; /* of activations and convolutions, a float; sums are f32 */
    /* Not NULL: 8 bit, the CPU only; `precision` is that of the rest (quantized.h). Borrowed during creation. */
    const struct mgm_quantization *quantization;
    /*
     * The layers whose results are wanted after a run; NULL: the graph's outputs. What they do not need is not computed, and
     * outputs that are not among them are not there. Borrowed during creation.
     */
    const int *keep;
    int keep_count;
};

/**
 * @param graph, params  borrowed; params, in host memory, are read here only and may be released afterwards, the graph may
 * not
 * @return MGM_E_SHAPE for sides that are no multiples of 32; MGM_E_UNSUPPORTED for a graph that cannot be run, see
 *         graph_check.h; MGM_E_FORMAT for weights whose spectral norm is 0, or a norm that overflows; MGM_E_UNSUPPORTED, too, for a precision that
 *         the backend lacks
 */
MGM_MUST_CHECK enum mgm_status mgm_infer_plan_create(struct mgm_context *ctx, const struct mgm_graph *graph,
                                                     const struct mgm_params *params,
                                                     const struct mgm_infer_plan_settings *settings,
                                                     struct mgm_infer_plan **out);
/** Bytes that such a plan would take, kernels and their weights not counted. @return as mgm_infer_plan_create() */
MGM_MUST_CHECK enum mgm_status mgm_infer_plan_measure(struct mgm_context *ctx, const struct mgm_graph *graph,
                                                      const struct mgm_infer_plan_settings *settings, size_t *bytes);
void mgm_infer_plan_destroy(struct mgm_infer_plan **plan);

/** Where the caller puts the input before run: f32 [n, h, w, c] (channels last), host memory. Borrowed; overwritten by run.
 */
float *mgm_infer_plan_input(struct mgm_infer_plan *plan);

MGM_MUST_CHECK enum mgm_status mgm_infer_plan_run(struct mgm_infer_plan *plan);

/**
 * From now on what a layer takes the mean of over the whole picture has the mean `pooled`: for a plan of one picture on the CPU
 * that is a part of a larger one.
 * @param pooled  f32 [channels], borrowed; NULL: its own mean again
 */
void mgm_infer_plan_set_pooled(struct mgm_infer_plan *plan, const float *pooled);

/** Called with each layer's result, f32 in host memory, any order of values, while a plan runs. */
typedef void (*mgm_observe)(void *argument, int layer, const float *values, size_t count);

/** As mgm_infer_plan_run(), for a plan on the CPU; those results are told that some step computes. Values are f32 in plans of f32 only. */
MGM_MUST_CHECK enum mgm_status mgm_infer_plan_observe(struct mgm_infer_plan *plan, mgm_observe observe, void *argument);

/** Output number `index` (graph->outputs order) of the last run: f32 [n, h/stride, w/stride, c], host memory. Borrowed. */
const float *mgm_infer_plan_output(const struct mgm_infer_plan *plan, int index);

/** Result of a kept layer of the last run as f32 [n, h, w, c], host memory. */
MGM_MUST_CHECK enum mgm_status mgm_infer_plan_read(const struct mgm_infer_plan *plan, int layer, float *values);

/** Result of a kept layer, or of the input, of picture number `picture` of the last run, as it stands in the backend's memory. */
struct mgm_tile_map mgm_infer_plan_map(const struct mgm_infer_plan *plan, int layer, int picture);

/** The part of the plan's memory that holds no kept result: anybody's between two runs. */
void *mgm_infer_plan_spare(const struct mgm_infer_plan *plan, size_t *bytes);

/** The backend that the plan computes with. Borrowed. */
struct mgm_backend *mgm_infer_plan_backend(const struct mgm_infer_plan *plan);

#endif
