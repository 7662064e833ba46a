/**
 * Scores on held-out composites: the same ones every time, run by the inference plan and fused as in use.
 */
#ifndef MGM_TRAIN_VALIDATION_H
#define MGM_TRAIN_VALIDATION_H

#include "matting/network.h"
#include "train/sample.h"

/** Means over the samples. SAD in thousands, as benchmarks have it. */
struct mgm_validation_scores {
    double sad, mse;             /* over the unknown region of the ground truth's trimap */
    double sad_whole, mse_whole; /* over the whole crop */
    double sad_guidance;         /* of the guidance itself, unknown region: what the model has to improve on */
    /* Of the colour network (then true): sad and mse are those of F over alpha > 0, the whole ones those of alpha·F, and
       sad_guidance that of the photo's own colours; SAD is summed over the channels. */
    bool colour;
};

struct mgm_validation;

enum { MGM_SHEET_COLUMNS = 4, MGM_SHEET_GAP = 4 };

/** Draws `count` held-out samples of `size`², which depend on nothing but the store and the settings. */
MGM_MUST_CHECK enum mgm_status mgm_validation_create(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                     const struct mgm_sample_settings *samples,
                                                     enum mgm_head_fusion heads, int count, int size,
                                                     struct mgm_validation **out);
void mgm_validation_destroy(struct mgm_validation **validation);

/** @param params  as trained; read only */
MGM_MUST_CHECK enum mgm_status mgm_validation_run(struct mgm_context *ctx, struct mgm_validation *validation,
                                                  const struct mgm_graph *graph, const struct mgm_params *params,
                                                  int threads, struct mgm_validation_scores *scores);

/** The first samples in rows, as squares with gaps between: photo, guidance, matte of the last run, true matte. Borrowed. */
const struct mgm_bitmap *mgm_validation_sheet(const struct mgm_validation *validation);

#endif
