/** Colours by a colour network, in windows (foreground_windows.h). */
#ifndef MGM_MATTING_FOREGROUND_NETWORK_H
#define MGM_MATTING_FOREGROUND_NETWORK_H

#include "matting/model.h"
#include "nn/infer_plan.h"

/** A network that is run on one piece after the other. Zeroed but for the first two it is ready for use. */
struct mgm_colour_network {
    struct mgm_context *ctx;
    const struct mgm_model *model; /* borrowed */
    struct mgm_infer_plan *plan;   /* for the last size of windows */
    struct mgm_infer_plan_settings settings;
};

void mgm_colour_network_release(struct mgm_colour_network *network);

/** A photo, or a pane of one. */
struct mgm_colour_piece {
    int h, w;
    const float *image, *alpha; /* [h, w, 3], [h, w], in [0, 1] */
    const float *wanted;        /* [h, w]; alpha where F is to be found, if mixed; else 0 */
    const float *estimate;      /* [h, w, MGM_ESTIMATE_STRIDE]; for a refining network */
};

/**
 * @param colours   [h, w, 3]; receives F where wanted is neither 0 nor 1
 * @param computed  the pixels of all windows are added to it
 * @return MGM_E_FORMAT if the weights give values that are not finite
 */
MGM_MUST_CHECK enum mgm_status mgm_colour_network_run(struct mgm_colour_network *network,
                                                      const struct mgm_colour_piece *piece, float *colours, size_t *computed);

#endif
