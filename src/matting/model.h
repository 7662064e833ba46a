/**
 * A model: the network's graph, its parameters, and what the file says of itself. The public part is in mgm.h.
 */
#ifndef MGM_MATTING_MODEL_H
#define MGM_MATTING_MODEL_H

#include "nn/graph.h"
#include "weights/safetensors.h"

struct mgm_model {
    struct mgm_graph graph;
    struct mgm_params params; /* no gradients */
    double width;
    char *name, *license;
};

/**
 * mgm_model_load for a file that is open already.
 * @param file  borrowed, and no longer needed afterwards
 * @return MGM_E_UNSUPPORTED if its metadata name another architecture, MGM_E_FORMAT if the width there is no number in
 *         (0, 8], MGM_E_SHAPE as of mgm_params_load
 */
MGM_MUST_CHECK enum mgm_status mgm_model_from_file(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                                   struct mgm_model **out);

/** A model of random weights, as training starts from: for measuring. */
MGM_MUST_CHECK enum mgm_status mgm_model_random(struct mgm_context *ctx, double width, uint64_t seed, struct mgm_model **out);

/** Metadata keys that a weights file may carry. All values are text. */
#define MGM_METADATA_ARCHITECTURE "architecture" /* "mgm-matting" */
#define MGM_METADATA_WIDTH        "width"        /* "0.5" */
#define MGM_METADATA_NAME         "name"
#define MGM_METADATA_LICENSE      "license"
#define MGM_METADATA_TRAINING     "training" /* JSON object: iterations, samples, seed, data, command */

#define MGM_ARCHITECTURE "mgm-matting"

/**
 * Width factor that the shapes of these tensors belong to: a multiple of 1/64, which gives the same channel counts as the
 * width that the network was built with. The one-dimensional tensors suffice.
 * @return MGM_E_SHAPE naming the tensor that is missing or does not fit
 */
MGM_MUST_CHECK enum mgm_status mgm_infer_width(struct mgm_context *ctx, const struct mgm_safetensors *file, double *width);

/**
 * Whether file holds graph's parameters and nothing else; names there may begin with "module.", and "….num_batches_tracked"
 * is ignored. To be asked before memory is allocated for a width that a file merely claims.
 * @return MGM_E_SHAPE naming the first parameter, in graph's order, that is missing or of another shape, or else the first
 *         tensor that graph does not know; MGM_E_FORMAT for a parameter that is not of floats
 */
MGM_MUST_CHECK enum mgm_status mgm_params_check(struct mgm_context *ctx, const struct mgm_graph *graph,
                                                const struct mgm_safetensors *file);

/**
 * Copies every parameter of graph from file.
 * @return as mgm_params_check(), then MGM_E_SHAPE naming the first parameter that is not finite or a negative variance
 */
MGM_MUST_CHECK enum mgm_status mgm_params_load(struct mgm_context *ctx, const struct mgm_graph *graph,
                                               const struct mgm_safetensors *file, struct mgm_params *params);

/**
 * Writes parameters as weights.
 * @param dtype  storage of the convolutions' weights: MGM_DTYPE_F32, F16 or BF16. One-dimensional parameters stay F32: they
 *               are 1 % of a file, and a running variance may be beyond a half's range
 */
MGM_MUST_CHECK enum mgm_status mgm_params_save(struct mgm_context *ctx, const struct mgm_graph *graph,
                                               const struct mgm_params *params, enum mgm_dtype dtype, const char *path,
                                               const char *const *metadata, int metadata_count);

#endif
