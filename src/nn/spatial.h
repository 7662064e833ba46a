/**
 * Layers that move or average pixels, forward and backward, channels last. Tensors are f32 or bf16; `n, h, w, c` is the
 * shape of the smaller side unless said otherwise; c a multiple of 8 (mgm_convert excepted).
 */
#ifndef MGM_NN_SPATIAL_H
#define MGM_NN_SPATIAL_H

#include "nn/train_plan.h"

struct mgm_spatial {
    int threads;
    enum mgm_precision precision;
    int n, h, w, c;
    int block; /* 0: channels last; else [n, c / block, h, w, block], a layout that some convolutions want (forward only) */
};

/** Mean of 2 × 2: large [n, 2h, 2w, c] → small [n, h, w, c]; and its adjoint. */
void mgm_average_pool(const struct mgm_spatial *s, const void *large, void *small);
void mgm_average_pool_backward(const struct mgm_spatial *s, const void *d_small, void *d_large);

/** Nearest ×2: [n, h, w, c] → [n, 2h, 2w, c]; and its adjoint. */
void mgm_upsample(const struct mgm_spatial *s, const void *small, void *large);
void mgm_upsample_backward(const struct mgm_spatial *s, const void *d_large, void *d_small);

/** [n, h, w, c] → [n, 1, 1, c] (mean), and repeated back. `factor` scales: 1 / (h·w) for a mean, 1 for a plain sum or copy.
 */
void mgm_sum_pixels(const struct mgm_spatial *s, const void *map, float factor, void *vector);
void mgm_repeat_pixels(const struct mgm_spatial *s, const void *vector, float factor, void *map);

/** Copies c channels at `offset` of a tensor with `stride` channels from or to a dense [n, h, w, c]. */
void mgm_copy_channels_in(const struct mgm_spatial *s, const void *dense, void *wide, int stride, int offset);
void mgm_copy_channels_out(const struct mgm_spatial *s, const void *wide, int stride, int offset, void *dense);

/**
 * A transposed convolution 4 × 4, stride 2, padding 1 is one 2 × 2 convolution to 4c channels on the (h+1) × (w+1) grid:
 * channel block 2·py + px at grid row g is row 2g − py of the result (columns alike). mgm_shuffle makes the result
 * [n, 2h, 2w, c] of the grid [n, h+1, w+1, 4c] (both blocked alike); backward fills the grid, zeros where it is cropped.
 */
void mgm_shuffle(const struct mgm_spatial *s, const void *grid, void *dst);
void mgm_shuffle_backward(const struct mgm_spatial *s, const void *d_dst, void *d_grid);

/** The same convolution's weights: [in, out, 4, 4] ↔ [4·out, in, 2, 2]. */
void mgm_transpose_weights(const float *weights, int in, int out, float factor, float *grid_weights);
void mgm_transpose_weights_backward(const float *d_grid_weights, int in, int out, float *d_weights);

/** Between the two layouts, f32: s->block says into or out of which blocks. */
void mgm_to_blocks(const struct mgm_spatial *s, const float *last, float *blocked);
void mgm_from_blocks(const struct mgm_spatial *s, const float *blocked, float *last);

/** dst += src */
void mgm_accumulate(int threads, enum mgm_precision precision, size_t count, const void *src, void *dst);

/** Between f32 and a storage type. */
void mgm_convert_from_f32(int threads, enum mgm_precision precision, size_t count, const float *src, void *dst);
void mgm_convert_to_f32(int threads, enum mgm_precision precision, size_t count, const void *src, float *dst);

#endif
