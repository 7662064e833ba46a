/** 16-bit floats: IEEE half precision and bfloat16, to and from float, in portable C. */
#ifndef MGM_WEIGHTS_HALF_H
#define MGM_WEIGHTS_HALF_H

#include <stdint.h>

/** Nearest half, ties to even; infinite from 65520 on. NaN stays NaN. */
uint16_t mgm_half_from_float(float value);
/** Exact. */
float mgm_half_to_float(uint16_t half);

/** Nearest bfloat16, ties to even; infinite beyond the largest one. NaN stays NaN. */
uint16_t mgm_bfloat_from_float(float value);
/** Exact. */
float mgm_bfloat_to_float(uint16_t bfloat);

#endif
