/**
 * The ways to a photo's matte: in one piece, in panes that agree with that, or from coarse to fine. Private to matte.c,
 * piece.c, panes_method.c, pyramid.c and pane_run.c.
 */
#ifndef MGM_MATTING_METHOD_H
#define MGM_MATTING_METHOD_H

#include "matting/frame.h"
#include "matting/panes.h"
#include "matting/session.h"

/** One photo on its way. */
struct mgm_matte_job {
    struct mgm_session *session;
    const struct mgm_image *photo;
    const struct mgm_matte_settings *settings;
    struct mgm_frame frame; /* around the photo */
    enum mgm_precision precision;
    size_t memory; /* bytes that may be used for it */
    bool keeps_component; /* in one piece: only the largest of the padded matte, as in the published code */
    float *alpha;  /* [photo height, photo width]: the guidance; becomes the matte */
    struct mgm_matte_report *report;
};

/** Prepares the session for that, if it fits into memory: if not, that will be told by mgm_matte_in_one_piece(). */
MGM_MUST_CHECK enum mgm_status mgm_matte_make_piece_ready(const struct mgm_matte_job *job);

/** The network sees the whole frame at once. @return MGM_E_NOMEM, before anything is computed, if that takes more than job->memory */
MGM_MUST_CHECK enum mgm_status mgm_matte_in_one_piece(const struct mgm_matte_job *job);

/**
 * The network sees pane after pane of the frame, but pools over the whole of it (ASPP), so that results differ from one piece's only
 * by what lies beyond a pane's halo.
 * @return MGM_E_NOMEM, too, if not even small panes fit into job->memory
 */
MGM_MUST_CHECK enum mgm_status mgm_matte_in_panes(const struct mgm_matte_job *job);

/** Pixels of the smallest level: what the network sees well at once. */
#define MGM_PYRAMID_FIRST (512.0 * 512.0)

/**
 * The matte of the photo made smaller is the guidance for panes of larger ones, up to the photo itself; only panes that hold
 * something uncertain are computed.
 */
MGM_MUST_CHECK enum mgm_status mgm_matte_by_pyramid(const struct mgm_matte_job *job);

/** Prepares what mgm_matte_by_pyramid() needs; of the job's photo only the size is looked at, and no alpha. */
MGM_MUST_CHECK enum mgm_status mgm_pyramid_make_ready(const struct mgm_matte_job *job);

/** Clears what does not belong to the largest 8-connected component of alpha > 0.05. @return MGM_E_NOMEM */
MGM_MUST_CHECK enum mgm_status mgm_matte_keep_component(struct mgm_context *ctx, int height, int width, float *alpha);

/* ---- what they share ------------------------------------------------------------------------------------------------- */

/** Bytes that a predictor of one picture of h × w pixels takes, its planes included: an estimate from above. */
MGM_MUST_CHECK enum mgm_status mgm_matte_memory(const struct mgm_matte_job *job, int h, int w, size_t *bytes);

/** Panes are not made smaller than this. */
enum { MGM_PANE_LEAST = 512 };

/**
 * Side of the largest panes that fit into `memory`: a multiple of 32, at most `most`.
 * @return MGM_E_NOMEM if not even the smallest do
 */
MGM_MUST_CHECK enum mgm_status mgm_choose_pane(const struct mgm_matte_job *job, int most, size_t memory, int *side);

/** Sums of panes may be a rounding error outside of 0 … 1. */
void mgm_limit_alpha(float *alpha, size_t count);

/**
 * The network's matte of one pane of a photo, from the session's predictor, which has the pane's size.
 * @param frame     around the photo
 * @param guidance  for the photo, of any size
 * @param planes    of the pane's size
 */
MGM_MUST_CHECK enum mgm_status mgm_matte_pane(const struct mgm_matte_job *job, const struct mgm_image *photo,
                                              const struct mgm_frame *frame, const struct mgm_plane *guidance, int y, int x,
                                              struct mgm_prediction *planes);

/** Pane after pane of a frame, row by row. */
struct mgm_pane_visit {
    struct mgm_panes panes;
    int row, column, y, x;         /* of the pane that is visited; y and x: where it begins in the frame */
    float *weights_y, *weights_x;  /* [side_h], [side_w]: how much it counts */
    struct mgm_prediction planes;  /* for its matte */
    void *block;
};

/** To be ended even if it fails. */
MGM_MUST_CHECK enum mgm_status mgm_pane_visit_begin(struct mgm_context *ctx, const struct mgm_panes *panes,
                                                    struct mgm_pane_visit *visit);
/** @return false behind the last one */
bool mgm_pane_visit_next(struct mgm_pane_visit *visit);
void mgm_pane_visit_end(struct mgm_pane_visit *visit);

/**
 * Adds the visited pane's matte, weighted, to that of the photo.
 * @param height, width  of the photo in the frame
 * @param dst            f32 [height, width]
 * @param report         the pane's share of uncertain pixels is added
 */
void mgm_pane_add(const struct mgm_pane_visit *visit, const struct mgm_frame *frame, int height, int width, float *dst,
                  struct mgm_matte_report *report);

#endif
