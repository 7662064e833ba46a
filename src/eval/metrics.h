/**
 * What benchmarks of matting measure, on 8-bit mattes. Source: Rhemann et al., "A perceptually motivated online benchmark
 * for image matting" (CVPR 2009), and its public MATLAB code.
 *
 * Every metric takes a trimap, of which it reads only whether a value is exactly 128: that is the unknown region over which
 * it is summed. NULL stands for the whole picture. Sums are in f64; an empty region scores 0.
 * @param matte, truth, trimap  borrowed; u8 [count]
 */
#ifndef MGM_EVAL_METRICS_H
#define MGM_EVAL_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum { MGM_TRIMAP_UNKNOWN = 128 };

/** Sum of absolute differences of alpha in [0, 1], divided by 1000. */
double mgm_metric_sad(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count);

/** Mean of the squared differences of alpha in [0, 1]. */
double mgm_metric_mse(const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap, size_t count);

#endif
