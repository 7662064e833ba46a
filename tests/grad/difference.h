/**
 * Random inputs, and gradients in f32 against central differences of a loss in double.
 *
 * Tolerances, relative: losses 2e-6; gradients 1e-5 of their root mean square. The losses are a few operations of f32 for
 * each pixel, and the rational function that stands for tanh is good to 5e-7.
 */
#ifndef MGM_TESTS_DIFFERENCE_H
#define MGM_TESTS_DIFFERENCE_H

#include "base/random.h"

#include <stddef.h>

void fill(struct mgm_random *random, double low, double high, float *values, size_t count);
void to_double(const float *src, double *dst, size_t count);

/** Blobs with specks, so that masks, and what is left of them when subsampled, are neither empty nor full. */
void fill_mask(struct mgm_random *random, int h, int w, uint8_t *mask);

/**
 * Compares gradient [count] with central differences of loss(argument) by point [count]: some single values, then random
 * directions through all of them. `point` is read by loss and is as before afterwards.
 */
void check_gradient(const char *what, struct mgm_random *random, double (*loss)(void *argument), void *argument,
                    double *point, const float *gradient, size_t count);

void assert_close(const char *what, double actual, double expected);

#endif
