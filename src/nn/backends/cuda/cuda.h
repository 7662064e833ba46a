/**
 * What the files of the CUDA backend share: the backend's own struct, its failures, scratch memory, and the operations by
 * name. Everything but cuda_device.cpp and cuda_cudnn.cpp is also compiled by an ordinary C++ compiler, with
 * MGM_CUDA_EMULATED defined, and run on the CPU by tests (launch.h; tests/support/cuda_emulated.cpp).
 *
 * A failure while operations are queued is kept in the backend; whichever function returns a status next reports and
 * forgets it. Operations queued after a failure may compute nonsense but touch no memory that is not theirs.
 */
#ifndef MGM_NN_BACKENDS_CUDA_CUDA_H
#define MGM_NN_BACKENDS_CUDA_CUDA_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern "C" {
#include "base/context.h"
#include "base/memory.h"
#include "nn/backend.h"
}

/** Memory that lives from one operation to the next of the same kind; everything runs in one order, so it can be shared. */
enum mgm_cuda_scratch {
    MGM_CUDA_PARTIALS,  /* of reductions (launch.h) */
    MGM_CUDA_VECTORS,   /* small vectors of one operation */
    MGM_CUDA_PLANES,    /* of the training objective */
    MGM_CUDA_ASIDE,     /* a convolution's result, or its weights' gradient, on the way to where it belongs */
    MGM_CUDA_WORKSPACE, /* of convolutions */
    MGM_CUDA_WINDOWS,   /* where windows of a map lie */
    MGM_CUDA_SCRATCH_COUNT,
};

struct mgm_cuda_device; /* streams, staging memory, cuDNN's handle: cuda_device.h */

struct mgm_cuda {
    struct mgm_backend base;
    struct mgm_cuda_device *device;
    enum mgm_status failure; /* MGM_OK: none */
    char sentence[512];
    bool by_nccl; /* sums over processes go from device to device */
    struct {
        void *values;
        size_t bytes;
    } scratch[MGM_CUDA_SCRATCH_COUNT];
};

static inline struct mgm_cuda *mgm_cuda_of(struct mgm_backend *b)
{
    return (struct mgm_cuda *)b;
}

extern const struct mgm_backend_ops mgm_cuda_ops;

/** Keeps a failure, unless there is one already. */
void mgm_cuda_keep(struct mgm_cuda *cuda, enum mgm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Reports and forgets what has been kept. */
MGM_MUST_CHECK enum mgm_status mgm_cuda_report(struct mgm_cuda *cuda);

/** At least `bytes`, 256-byte aligned; contents are whatever the last user left. NULL after a failure, which is kept. */
void *mgm_cuda_scratch(struct mgm_cuda *cuda, enum mgm_cuda_scratch which, size_t bytes);
void mgm_cuda_scratch_release(struct mgm_cuda *cuda);

/* ---- cuda_device.cpp -------------------------------------------------------------------------------------------------- */

void mgm_cuda_destroy(struct mgm_backend *b);
enum mgm_status mgm_cuda_alloc(struct mgm_backend *b, size_t bytes, void **out);
void mgm_cuda_release(struct mgm_backend *b, void *values);
void mgm_cuda_clear(struct mgm_backend *b, void *values, size_t bytes);
void mgm_cuda_copy(struct mgm_backend *b, void *dst, const void *src, size_t bytes);
void mgm_cuda_upload(struct mgm_backend *b, void *dst, const void *host, size_t bytes);
enum mgm_status mgm_cuda_download(struct mgm_backend *b, void *host, const void *src, size_t bytes);
enum mgm_status mgm_cuda_finish(struct mgm_backend *b);

/* ---- cuda_conv.cu ---------------------------------------------------------------------------------------------------- */

enum mgm_status mgm_cuda_conv_create_training(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                              enum mgm_precision precision, float slope, bool needs_backward_data,
                                              struct mgm_backend_conv **out);
enum mgm_status mgm_cuda_conv_create_inference(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                               const struct mgm_conv_fusion *fusion, struct mgm_backend_conv **out);
void mgm_cuda_conv_destroy(struct mgm_backend *b, struct mgm_backend_conv **conv);
bool mgm_cuda_conv_is_reference(const struct mgm_backend_conv *conv);
enum mgm_status mgm_cuda_conv_set_weights(struct mgm_backend *b, struct mgm_backend_conv *conv, const float *weights);
enum mgm_status mgm_cuda_conv_forward(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *src, void *dst);
enum mgm_status mgm_cuda_conv_backward_data(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *diff_dst,
                                            void *diff_src);
enum mgm_status mgm_cuda_conv_backward_weights(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *src,
                                               const void *diff_dst, float *diff_weights);

/* ---- cuda_weights.cu ------------------------------------------------------------------------------------------------- */

void mgm_cuda_spectral_iterate(struct mgm_backend *b, const float *weights, int rows, int cols, float *u, float *v,
                               float *sigma);
void mgm_cuda_spectral_backward(struct mgm_backend *b, const float *weights, int rows, int cols, const float *u,
                                const float *v, const float *sigma, float *gradient);
void mgm_cuda_divide(struct mgm_backend *b, const float *weights, size_t count, const float *sigma, float *dst);
void mgm_cuda_transpose_weights(struct mgm_backend *b, const float *weights, int in, int out, const float *sigma,
                                float *dst);
void mgm_cuda_transpose_weights_backward(struct mgm_backend *b, const float *d_grid_weights, int in, int out,
                                         float *d_weights);

/* ---- cuda_together.cpp ----------------------------------------------------------------------------------------------- */

enum mgm_status mgm_cuda_join(struct mgm_backend *b, struct mgm_communicator *c);
void mgm_cuda_share(struct mgm_backend *b, float *values, size_t count);
/** values, f32 or f64 on the device, = Σ over all processes. */
void mgm_cuda_sum_all(struct mgm_cuda *cuda, void *values, size_t count, bool f64);

/* ---- cuda_nccl.cpp --------------------------------------------------------------------------------------------------- */

/** Whether all processes can sum up by NCCL: the same answer for all of them. */
bool mgm_cuda_nccl_join(struct mgm_cuda *cuda, struct mgm_communicator *c);
void mgm_cuda_nccl_sum(struct mgm_cuda *cuda, void *values, size_t count, bool f64);
/** Takes a backend that has not joined, too. */
void mgm_cuda_nccl_leave(struct mgm_cuda *cuda);

/* ---- cuda_norm.cu ---------------------------------------------------------------------------------------------------- */

void mgm_cuda_norm_forward(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_backend_norm_forward *f);
void mgm_cuda_norm_backward(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_norm_backward *d);

/* ---- cuda_spatial.cu ------------------------------------------------------------------------------------------------- */

void mgm_cuda_average_pool(struct mgm_backend *b, const struct mgm_spatial *s, const void *large, void *small);
void mgm_cuda_average_pool_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_small, void *d_large);
void mgm_cuda_upsample(struct mgm_backend *b, const struct mgm_spatial *s, const void *small, void *large);
void mgm_cuda_upsample_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_large, void *d_small);
void mgm_cuda_sum_pixels(struct mgm_backend *b, const struct mgm_spatial *s, const void *map, float factor, void *vector);
void mgm_cuda_repeat_pixels(struct mgm_backend *b, const struct mgm_spatial *s, const void *vector, float factor, void *map);
enum mgm_status mgm_cuda_gather(struct mgm_backend *b, const struct mgm_tile_map *src, const struct mgm_windows *windows,
                                void *dst);
void mgm_cuda_copy_channels_in(struct mgm_backend *b, const struct mgm_spatial *s, const void *dense, void *wide, int stride,
                               int offset);
void mgm_cuda_copy_channels_out(struct mgm_backend *b, const struct mgm_spatial *s, const void *wide, int stride, int offset,
                                void *dense);
void mgm_cuda_shuffle(struct mgm_backend *b, const struct mgm_spatial *s, const void *grid, void *dst);
void mgm_cuda_shuffle_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_dst, void *d_grid);

/* ---- cuda_linear.cu -------------------------------------------------------------------------------------------------- */

void mgm_cuda_accumulate(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src, void *dst);
void mgm_cuda_convert_from_f32(struct mgm_backend *b, enum mgm_precision precision, size_t count, const float *src,
                               void *dst);
void mgm_cuda_convert_to_f32(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src, float *dst);
void mgm_cuda_add_bias(struct mgm_backend *b, size_t pixels, int channels, const float *bias, float *values);
void mgm_cuda_bias_gradient(struct mgm_backend *b, size_t pixels, int channels, const float *d_values, float *d_bias);
void mgm_cuda_sum_of_squares(struct mgm_backend *b, size_t count, const float *values, double *sum);
void mgm_cuda_adam(struct mgm_backend *b, const struct mgm_backend_adam *adam);
void mgm_cuda_average(struct mgm_backend *b, size_t count, double decay, const float *values, float *average);

/* ---- cuda_single.cu -------------------------------------------------------------------------------------------------- */

void mgm_cuda_single_conv(struct mgm_backend *b, const struct mgm_spatial *src, const void *x, const float *weights,
                          const float *bias, float *dst);
void mgm_cuda_single_conv_backward(struct mgm_backend *b, const struct mgm_spatial *src, const void *x, const float *weights,
                                   const float *d_dst, void *d_x, float *d_weights, float *d_bias);

/* ---- cuda_heads.cu, cuda_losses.cu ----------------------------------------------------------------------------------- */

void mgm_cuda_pack(struct mgm_backend *b, int n, int h, int w, const float *image, const float *guidance,
                   const float mean[3], const float deviation[3], float *input);
void mgm_cuda_head_forward(struct mgm_backend *b, int n, int size, int stride, const float *raw, float *alpha);
void mgm_cuda_head_backward(struct mgm_backend *b, int n, int size, int stride, const float *alpha, const float *gradient,
                            float *raw_gradient);
enum mgm_status mgm_cuda_uncertain(struct mgm_backend *b, int n, int size, const float *alpha, const int *host_sizes,
                                   uint8_t *mask);
void mgm_cuda_merge(struct mgm_backend *b, size_t count, const uint8_t *mask, const float *coarser, float *finer);
void mgm_cuda_unmerge(struct mgm_backend *b, size_t count, const uint8_t *mask, float *finer, float *coarser);
void mgm_cuda_mask_counts(struct mgm_backend *b, int n, int h, int w, const uint8_t *mask, uint64_t *counts);
void mgm_cuda_losses(struct mgm_backend *b, const struct mgm_backend_losses *losses);
/** The Laplacian part of the above (cuda_laplacian.cu): adds to losses->gradient, overwrites its sums. */
void mgm_cuda_laplacian(struct mgm_cuda *cuda, const struct mgm_backend_losses *losses);

#endif
