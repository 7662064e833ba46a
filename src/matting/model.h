/**
 * A model: the network's graph, its parameters, and what the file says of itself. The public part is in mgm.h.
 */
#ifndef MGM_MATTING_MODEL_H
#define MGM_MATTING_MODEL_H

#include "matting/foreground.h"
#include "matting/network.h"
#include "weights/safetensors.h"

#include <pthread.h>

struct mgm_model {
    struct mgm_graph graph;
    struct mgm_params params; /* no gradients; values NULL where they were dropped */
    pthread_mutex_t lock; /* of params and holders: all else of a loaded model is only read, by several threads perhaps */
    int holders;
    struct mgm_safetensors *file; /* where they can be read again; NULL: they are never dropped */
    float *ranges;                /* [layers], quantized.h: what a quantized model was calibrated to; else NULL */
    double width;
    enum mgm_head_fusion fusion;
    bool colour;               /* of a colour network, not of the matting network */
    enum mgm_colour_kind kind; /* which colour network */
    char *name, *license;
};

/**
 * mgm_model_load, or mgm_foreground_model_load, for a file that is open already: the metadata tell which network it is of.
 * @param file  borrowed, and no longer needed afterwards
 * @return MGM_E_UNSUPPORTED if its metadata name another architecture or fusion of the heads, MGM_E_FORMAT if the width
 * there is no number in (0, 8], MGM_E_SHAPE as of mgm_params_load
 */
MGM_MUST_CHECK enum mgm_status mgm_model_from_file(struct mgm_context *ctx, const struct mgm_safetensors *file,
                                                   struct mgm_model **out);

/**
 * Sees to it that the parameters are in memory, as whoever makes a plan of them needs it, until they are dropped as often as
 * held. Whether they are there is no part of what a model is, so it may be const. Thread-safe.
 */
MGM_MUST_CHECK enum mgm_status mgm_model_hold_params(struct mgm_context *ctx, const struct mgm_model *model);

/** If that was the last who held them, releases the parameters where there are many and they can be read again: plans have
 * copies of their own. */
void mgm_model_drop_params(const struct mgm_model *model);

/** A model of random weights, as training starts from: for measuring. */
MGM_MUST_CHECK enum mgm_status mgm_model_random(struct mgm_context *ctx, double width, uint64_t seed,
                                                struct mgm_model **out);

/** What the metadata call a network. @param kind  MGM_COLOUR_KINDS: the matting network */
const char *mgm_architecture_name(enum mgm_colour_kind kind);

/** Metadata keys that a weights file may carry. All values are text. */
#define MGM_METADATA_ARCHITECTURE "architecture" /* "mgm-matting" */
#define MGM_METADATA_WIDTH        "width"        /* "0.5" */
#define MGM_METADATA_FUSION       "fusion"       /* of mgm_head_fusion_names; absent: "refinement" */
#define MGM_METADATA_NAME         "name"
#define MGM_METADATA_LICENSE      "license"
#define MGM_METADATA_TRAINING     "training" /* JSON object: iterations, samples, seed, data, command */

#define MGM_ARCHITECTURE            "mgm-matting"
#define MGM_ARCHITECTURE_FOREGROUND "mgm-foreground" /* the paper's colour network */
#define MGM_ARCHITECTURE_REFINING   "mgm-refinement" /* the one that corrects an estimate */

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

/**
 * Writes parameters as 8-bit weights, symmetric, with a scale for each output channel ("NAME.scale"), and the ranges that
 * the network's results take (MGM_RANGES). Everything of one dimension stays F32.
 */
MGM_MUST_CHECK enum mgm_status mgm_params_save_quantized(struct mgm_context *ctx, const struct mgm_graph *graph,
                                                         const struct mgm_params *params, const float *ranges,
                                                         const char *path, const char *const *metadata, int metadata_count);

/** The tensor of a quantized model that holds the ranges: F32 [layers]. */
#define MGM_RANGES "quantization.ranges"

/** Reads them, where a file has any. @param ranges  allocated here; NULL if there are none */
MGM_MUST_CHECK enum mgm_status mgm_ranges_load(struct mgm_context *ctx, const struct mgm_graph *graph,
                                               const struct mgm_safetensors *file, float **ranges);

#endif
