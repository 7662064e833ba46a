/**
 * How far foreground colours are from the true ones. Source: §4 (F over α > 0) and Table 3 (α·F). SAD is summed over the
 * three channels, MSE is the mean over them, of values in [0, 1].
 */
#ifndef MGM_EVAL_METRICS_COLOUR_H
#define MGM_EVAL_METRICS_COLOUR_H

#include <stddef.h>
#include <stdint.h>

struct mgm_colour_scores {
    double sad, mse;                 /* of F, over the pixels with true alpha above 0; sad in thousands */
    double sad_blended, mse_blended; /* of alpha·F, over the whole picture */
};

/**
 * @param colours, truth      u8 [count, 3], straight
 * @param alpha, true_alpha   u8 [count]; alpha: what the colours are to be shown with
 */
struct mgm_colour_scores mgm_metric_colour(const uint8_t *colours, const uint8_t *alpha, const uint8_t *truth,
                                           const uint8_t *true_alpha, size_t count);

#endif
