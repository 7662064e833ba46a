/**
 * All that a run needs to go on exactly where it stopped, in one safetensors file, written atomically.
 */
#ifndef MGM_TRAIN_CHECKPOINT_H
#define MGM_TRAIN_CHECKPOINT_H

#include "nn/graph.h"
#include "train/optimiser.h"

struct mgm_train_state {
    const struct mgm_graph *graph; /* borrowed */
    struct mgm_params params;
    struct mgm_optimiser optimiser;
    float *average;    /* [value_count]; moving average of the values, NULL: none is kept */
    int64_t iteration; /* the next one */
    uint64_t sample;   /* number of the next sample */
    uint64_t seed;
    uint64_t config_digest; /* mgm_train_config_digest() of the configuration that it was trained with last */
    double seconds;         /* spent on training so far */
};

/** Starting values, no steps taken. @param with_average  also keep a moving average */
MGM_MUST_CHECK enum mgm_status mgm_train_state_create(struct mgm_context *ctx, const struct mgm_graph *graph, uint64_t seed,
                                                      bool with_average, struct mgm_train_state *out);
void mgm_train_state_release(struct mgm_train_state *state);

MGM_MUST_CHECK enum mgm_status mgm_checkpoint_save(struct mgm_context *ctx, const char *path,
                                                   const struct mgm_train_state *state);

/**
 * Reads a checkpoint into a state made for the same graph. Where the state keeps an average and the file has none, it starts
 * at the values. @return MGM_E_SHAPE if the file belongs to another network (its width or its layout differs), MGM_E_FORMAT
 * if it is no checkpoint; then the state is unspecified
 */
MGM_MUST_CHECK enum mgm_status mgm_checkpoint_load(struct mgm_context *ctx, const char *path, struct mgm_train_state *state);

#endif
