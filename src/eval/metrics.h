/**
 * What benchmarks of matting measure, on 8-bit mattes. Source: Rhemann et al., "A perceptually motivated online benchmark
 * for image matting" (CVPR 2009), and its public MATLAB code.
 *
 * Every metric takes a trimap, of which it reads only whether a value is exactly 128: that is the unknown region over which
 * it is summed. NULL stands for the whole picture. Sums are in f64; an empty region scores 0.
 * @param matte, truth, trimap  borrowed; u8 [count], for the metrics that look at neighbours u8 [h, w]
 */
#ifndef MGM_EVAL_METRICS_H
#define MGM_EVAL_METRICS_H

#include "base/context.h"

enum { MGM_TRIMAP_UNKNOWN = 128 };

/** Sum of absolute differences of alpha in [0, 1], divided by 1000. */
double mgm_metric_sad(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count);

/** What SAD is the sum of, by the true alpha; mattes that were measured have noise of a few per cent, so its ends are wide. */
enum mgm_sad_part {
    MGM_SAD_LOST,  /* errors where it is at least 0.95: holes */
    MGM_SAD_ADDED, /* errors where it is at most 0.05: background taken for foreground */
    MGM_SAD_OVER,  /* too much in between: veils, merged strands */
    MGM_SAD_UNDER, /* too little in between: strands missed */
    MGM_SAD_PARTS,
};
extern const char *const mgm_sad_part_names[MGM_SAD_PARTS]; /* "lost", "added", "over", "under" */

/** Splits mgm_metric_sad(). @param parts  receives the parts, which sum to it */
void mgm_metric_sad_parts(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count,
                          double parts[MGM_SAD_PARTS]);

/** Mean of the squared differences of alpha in [0, 1]. */
double mgm_metric_mse(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count);

/**
 * Sum of the squared differences of the gradients' magnitudes, divided by 1000. Gradients by derivatives of a Gaussian
 * (σ 1.4, 9×9, of length 1), the border repeated; either matte is first stretched so that its own extremes become 0 and 1.
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_metric_grad(struct mgm_context *ctx, const uint8_t *matte, const uint8_t *truth,
                                               const uint8_t *trimap, int h, int w, double *value);

/**
 * How differently pixels hang together with what both mattes agree is foreground (the largest 4-connected component where
 * both reach a threshold, in steps of 0.1): sum of the differences of the connectivity φ, divided by 1000.
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_metric_conn(struct mgm_context *ctx, const uint8_t *matte, const uint8_t *truth,
                                               const uint8_t *trimap, int h, int w, double *value);

#endif
