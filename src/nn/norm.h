/**
 * Batch normalisation with what surrounds it: y = act(scale · (x − mean) / sqrt(variance + eps) + shift + residual).
 * Tensors are [pixels, channels], f32 or bf16; channels a multiple of 8; all vectors f32 [channels].
 */
#ifndef MGM_NN_NORM_H
#define MGM_NN_NORM_H

#include "nn/communicator.h"
#include "nn/train_plan.h"

#define MGM_NORM_EPSILON  1e-5f
#define MGM_NORM_MOMENTUM 0.1f

struct mgm_norm {
    int threads;
    enum mgm_precision precision;
    size_t pixels;
    int channels;
    float slope;     /* of the activation where negative; 1: none */
    bool relu_first; /* x is the result of a ReLU, through which the gradient goes too */
    /** Processes that have as many pixels each: statistics, and gradients through them, are those of all their pixels; d_scale
     * and d_shift are this process's share. NULL: alone. */
    struct mgm_communicator *together;
};

/** Values of workspace that the functions below need. */
size_t mgm_norm_workspace(int channels);

/** Mean and biased variance over the pixels. */
void mgm_norm_statistics(const struct mgm_norm *norm, const void *x, float *workspace, float *mean, float *variance);

/** y = act(x · factor + offset + residual); residual may be NULL; y may be x or residual. */
void mgm_norm_apply(const struct mgm_norm *norm, const void *x, const void *residual, const float *factor,
                    const float *offset, void *y);

struct mgm_norm_backward {
    const void *dy, *dy2; /* gradient by y is their sum; dy2 may be NULL */
    const void *y, *x;
    const float *scale, *mean, *inverse; /* inverse: 1 / sqrt(variance + eps) */
    float *d_scale, *d_shift;            /* results */
    void *dx;                            /* result; may be dy */
    void *d_residual;                    /* result; NULL: none; may be dy2 or dy */
};
void mgm_norm_backward(const struct mgm_norm *norm, const struct mgm_norm_backward *b, float *workspace);

#endif
