/**
 * Spectral normalisation: a convolution uses W / σ, σ = uᵀ W v, with W flattened on its first dimension to [rows, cols].
 * Source: published code (see network.c). u and v are constants for the gradient.
 */
#ifndef MGM_NN_SPECTRAL_H
#define MGM_NN_SPECTRAL_H

#include <stddef.h>

/** One power iteration: v = Wᵀu / (‖Wᵀu‖ + 1e-12), then u = Wv / (‖Wv‖ + 1e-12). */
void mgm_spectral_iterate(int threads, const float *weights, int rows, int cols, float *u, float *v);

/** uᵀ W v */
float mgm_spectral_sigma(const float *weights, int rows, int cols, const float *u, const float *v);

/**
 * Gradient by W from the gradient by W / σ, in place: g ← g / σ − (Σ g∘W) / σ² · u vᵀ.
 */
void mgm_spectral_backward(int threads, const float *weights, int rows, int cols, const float *u, const float *v,
                           float sigma, float *gradient);

#endif
