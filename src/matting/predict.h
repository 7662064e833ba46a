/**
 * The network made ready for pictures of one size, and what is made of its answers: coarse matte, then refinement where that is
 * uncertain (§3.1, Eq. 2–3), computed only there if need be. A model whose heads are not fused by refinement has one matte, that
 * of its last output, and counts as refined everywhere.
 */
#ifndef MGM_MATTING_PREDICT_H
#define MGM_MATTING_PREDICT_H

#include "matting/model.h"
#include "matting/network.h"
#include "matting/refinement.h"
#include "nn/train_plan.h"

struct mgm_backend;
struct mgm_infer_plan;
struct mgm_predictor;

struct mgm_predictor_settings {
    int n, h, w;                 /* h and w: multiples of 32 */
    int threads;                 /* of the CPU; 0: one per core */
    struct mgm_backend *backend; /* borrowed; NULL: the CPU */
    enum mgm_precision precision; /* MGM_PRECISION_S8: 8 bit */
    const float *ranges;          /* borrowed; for 8 bit, see struct mgm_quantization; NULL: the model's, which must have some */
    size_t tile_memory; /* bytes that refinement may take beyond what the rest lends to it; 0: 256 MB */
    bool dense; /* all heads are computed for all pixels; else the finer ones only where they are looked at */
};

/** @param model  borrowed, must outlive the predictor. @return as mgm_infer_plan_create() */
MGM_MUST_CHECK enum mgm_status mgm_predictor_create(struct mgm_context *ctx, const struct mgm_model *model,
                                                    const struct mgm_predictor_settings *settings,
                                                    struct mgm_predictor **out);
/** Bytes that such a predictor would take, its weights included: an estimate from above, but for what the compute library needs. */
MGM_MUST_CHECK enum mgm_status mgm_predictor_measure(struct mgm_context *ctx, const struct mgm_model *model,
                                                     const struct mgm_predictor_settings *settings, size_t *bytes);
void mgm_predictor_destroy(struct mgm_predictor **predictor);
/** As they were asked for, but for `dense`, which is true where backend or model cannot do otherwise. */
const struct mgm_predictor_settings *mgm_predictor_settings_of(const struct mgm_predictor *predictor);

/** Where the caller puts the input before run: f32 [n, h, w, 4], normalised colours, then guidance. Borrowed; overwritten. */
float *mgm_predictor_input(struct mgm_predictor *predictor);

/**
 * What the network takes the mean of over the whole picture (ASPP) is, from now on, given: for panes of a larger picture.
 * @param pooled  f32 [mgm_pooled_channels()], borrowed; NULL: its own mean again
 */
void mgm_predictor_set_pooled(struct mgm_predictor *predictor, const float *pooled);

/** The network up to the coarse matte (all of it, if dense), for all n pictures. */
MGM_MUST_CHECK enum mgm_status mgm_predictor_run(struct mgm_predictor *predictor);

/** One picture's matte: planes [h, w], caller's. */
struct mgm_prediction {
    int dilate_os4, dilate_os1;         /* in */
    const uint8_t *region;              /* in: not 0 where to refine, whatever the mattes say; NULL: Eq. 2 decides */
    float *alpha;                       /* fused */
    uint8_t *unknown_os4, *unknown_os1; /* where it was refined */
    float *heads[MGM_HEAD_COUNT];       /* the three mattes; NULL: not wanted; the finer two only of a dense predictor */
    double computed_os4, computed_os1;  /* share of each finer head's pixels that were computed, 0 … 1 */
};

/**
 * The matte of picture number `picture` of the last run.
 * @return MGM_E_FORMAT if the weights give values that are not finite
 */
MGM_MUST_CHECK enum mgm_status mgm_predictor_finish(struct mgm_predictor *predictor, int picture,
                                                    struct mgm_prediction *prediction);

/**
 * A plan for what the network takes that mean of, and nothing behind it. Its input is that of an inference plan.
 * @param settings  of the predictor that is to use the mean
 */
MGM_MUST_CHECK enum mgm_status mgm_pooled_plan_create(struct mgm_context *ctx, const struct mgm_model *model,
                                                      const struct mgm_predictor_settings *settings,
                                                      struct mgm_infer_plan **out);
int mgm_pooled_channels(const struct mgm_model *model);

/** @param values  f32 [h / 32, w / 32, channels] */
MGM_MUST_CHECK enum mgm_status mgm_pooled_plan_run(const struct mgm_model *model, struct mgm_infer_plan *plan, float *values);

#endif
