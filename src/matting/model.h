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

/** Metadata keys that a weights file may carry. All values are text. */
#define MGM_METADATA_ARCHITECTURE "architecture" /* "mgm-matting" */
#define MGM_METADATA_WIDTH "width"               /* "0.5" */
#define MGM_METADATA_NAME "name"
#define MGM_METADATA_LICENSE "license"
#define MGM_METADATA_TRAINING "training"         /* JSON object: iterations, samples, seed, data, command */

/** Width factor that the shapes of these tensors belong to. @return MGM_E_SHAPE naming the tensor that does not fit */
MGM_MUST_CHECK enum mgm_status mgm_infer_width(struct mgm_context *ctx, const struct mgm_safetensors *file, double *width);

/**
 * Copies every parameter of graph from file. Tensors of the file that the graph does not know are ignored if they are
 * "num_batches_tracked". @return MGM_E_SHAPE naming the first parameter that is missing, of another shape or not finite
 */
MGM_MUST_CHECK enum mgm_status mgm_params_load(struct mgm_context *ctx, const struct mgm_graph *graph,
                                               const struct mgm_safetensors *file, struct mgm_params *params);

/** Writes parameters as weights. @param dtype  MGM_DTYPE_F32 or MGM_DTYPE_F16 (storage of every tensor) */
MGM_MUST_CHECK enum mgm_status mgm_params_save(struct mgm_context *ctx, const struct mgm_graph *graph,
                                               const struct mgm_params *params, enum mgm_dtype dtype, const char *path,
                                               const char *const *metadata, int metadata_count);

#endif
