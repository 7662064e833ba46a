/** A session, as the files that compute mattes with it see it. Private to what computes mattes. */
#ifndef MGM_MATTING_SESSION_H
#define MGM_MATTING_SESSION_H

#include "matting/predict.h"

/* A photo may need one for a smaller copy, and one for the panes of each larger one: the next photo of the same size finds them. */
enum { MGM_SESSION_PREDICTORS = 4 };

struct mgm_session {
    struct mgm_context *ctx;
    const struct mgm_model *model;
    struct mgm_backend *backend;     /* NULL: the predictor's own, on the CPU */
    struct mgm_predictor *predictor; /* that was prepared last: one of those kept; NULL before the first run */
    struct mgm_predictor *kept[MGM_SESSION_PREDICTORS]; /* the one used last comes first; NULL: no more */
    size_t bytes[MGM_SESSION_PREDICTORS];               /* that each may take */
    float *ranges; /* 8 bit of a model that was not quantized: found on the first picture; else NULL */
};

/* Of a picture, and of the pixels of a batch: so that no count of values that follows from them overflows. */
enum { MGM_MAX_SIDE = 1 << 20 };

/** What a process needs besides: the compute library's own, code that it makes, tables. */
enum { MGM_SESSION_REST = 48 << 20 };

/** Bytes that a photo may take: what the context says, or half of the machine's memory. Refinement gets a quarter of it. */
size_t mgm_session_memory(const struct mgm_session *session);

/**
 * Makes session->predictor fit: one of those kept where size, threads, precision, memory and what is wanted are the same, else a new
 * one, for which those that were not used for longest are given up until all fit into the photo's memory.
 * @return as mgm_predictor_create()
 */
MGM_MUST_CHECK enum mgm_status mgm_session_prepare(struct mgm_session *session, int n, int h, int w,
                                                   enum mgm_precision precision, bool dense);

/** A plan for what the network pools, for panes of that size, computing as the session's predictor will. */
MGM_MUST_CHECK enum mgm_status mgm_session_prepare_pooled(struct mgm_session *session, int h, int w,
                                                          enum mgm_precision precision, struct mgm_infer_plan **plan);

/** Whether a run in 8 bit needs mgm_session_calibrate() first. */
bool mgm_session_lacks_ranges(const struct mgm_session *session, enum mgm_precision precision);

/** For 8 bit with a model that was not quantized: takes the ranges of its results from this input, f32 [h, w, 4]. */
MGM_MUST_CHECK enum mgm_status mgm_session_calibrate(struct mgm_session *session, int h, int w, const float *input);

/**
 * Planes [h, w] that nobody asked for but fusion needs, one block of 6 bytes for each of `count` pixels.
 * @param block  to be released with mgm_free()
 * @param out    with the default dilations
 */
MGM_MUST_CHECK enum mgm_status mgm_allocate_planes(struct mgm_context *ctx, size_t count, void **block,
                                                   struct mgm_prediction *out);

#endif
