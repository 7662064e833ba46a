/**
 * What computes. A plan decides what is computed in which order; a backend does it, with memory of its own: on a graphics
 * processor that is the device's. Pointers called "values", "src", "weights" … are backend memory; only those called `host`
 * may be read by the caller. Where host_memory is true the two are the same.
 *
 * Operations are queued in order and may still be running when a function returns; download() waits for them. What fails
 * while it runs is reported by the next function that returns a status, at the latest by download() or finish().
 *
 * Tensors are channels last, [n, h, w, c], in the precision that the operation is told (struct mgm_spatial, mgm_norm), c a
 * multiple of 8 except for the network's input and where said; vectors, weights, gradients of weights and the planes of the
 * training objective are f32. Definitions of the operations stand where the CPU computes them: spatial.h, norm.h,
 * single_conv.h, spectral.h, and for the objective in train/ (heads.h, losses.h, step.h).
 */
#ifndef MGM_NN_BACKEND_H
#define MGM_NN_BACKEND_H

#include "nn/backends/onednn/conv.h"
#include "nn/communicator.h"
#include "nn/norm.h"
#include "nn/spatial.h"
#include "nn/tile_map.h"

struct mgm_backend;
struct mgm_backend_conv; /* one convolution, made for one shape */

enum { MGM_BACKEND_LEVELS = 5 }; /* of the Laplacian pyramid */

/** BatchNorm in training mode with what stands around it, forward (norm.h). */
struct mgm_backend_norm_forward {
    const void *x, *residual;               /* residual may be NULL */
    const float *scale, *shift;             /* [c] */
    float *running_mean, *running_variance; /* [c]; updated with MGM_NORM_MOMENTUM, unbiased over pixels · replicas */
    int replicas;
    float *mean, *inverse; /* [c]; results: of this batch, 1 / sqrt(variance + MGM_NORM_EPSILON) */
    void *y;
};

/** One level's losses over a whole batch of [n, h, w] planes (train/losses.h); a scale of 0 leaves a loss out. */
struct mgm_backend_losses {
    int n, h, w;
    const float *alpha, *truth;
    const uint8_t *mask;
    const float *fg, *bg; /* [n, 3, h, w] */
    float colour_weight[3];
    float scale_l1, scale_composition, scale_laplacian[MGM_BACKEND_LEVELS];
    float *gradient; /* [n, h, w]; overwritten */
    double *sums;    /* [2 + MGM_BACKEND_LEVELS]: l1, composition, laplacian by level; overwritten */
};

/** One step of Adam (train/optimiser.c); the gradient's norm has been looked at, and clipping is in `shrink_gradient`. */
struct mgm_backend_adam {
    size_t count;
    float *values, *first, *second;
    const float *gradients;
    float shrink_gradient, keep1, take1, keep2, take2, step_size, root_correction, epsilon, shrink;
};

struct mgm_backend_ops {
    const char *name; /* "cpu", "cuda" */
    bool host_memory;
    bool blocked; /* inference may keep maps in blocks of MGM_CONV_BLOCK channels (struct mgm_spatial) */
    void (*destroy)(struct mgm_backend *b);

    /* ---- memory ---- */
    enum mgm_status (*alloc)(struct mgm_backend *b, size_t bytes, void **out); /* uninitialised, 64-byte aligned */
    void (*release)(struct mgm_backend *b, void *values);                      /* takes NULL too */
    void (*clear)(struct mgm_backend *b, void *values, size_t bytes);
    void (*copy)(struct mgm_backend *b, void *dst, const void *src, size_t bytes);
    void (*upload)(struct mgm_backend *b, void *dst, const void *host, size_t bytes); /* host is free again afterwards */
    enum mgm_status (*download)(struct mgm_backend *b, void *host, const void *src, size_t bytes);
    enum mgm_status (*finish)(struct mgm_backend *b); /* waits for everything */

    /* ---- convolutions: contracts of backends/onednn/conv.h ---- */
    enum mgm_status (*conv_create_training)(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                            enum mgm_precision precision, float slope, bool needs_backward_data,
                                            struct mgm_backend_conv **out);
    enum mgm_status (*conv_create_inference)(struct mgm_backend *b, const struct mgm_conv_shape *shape,
                                             const struct mgm_conv_fusion *fusion /* host */, struct mgm_backend_conv **out);
    void (*conv_destroy)(struct mgm_backend *b, struct mgm_backend_conv **conv);
    bool (*conv_is_reference)(const struct mgm_backend_conv *conv);
    enum mgm_status (*conv_set_weights)(struct mgm_backend *b, struct mgm_backend_conv *conv, const float *weights);
    enum mgm_status (*conv_forward)(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *src, void *dst);
    enum mgm_status (*conv_backward_data)(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *diff_dst,
                                          void *diff_src);
    enum mgm_status (*conv_backward_weights)(struct mgm_backend *b, struct mgm_backend_conv *conv, const void *src,
                                             const void *diff_dst, float *diff_weights);

    /* ---- weights ---- */
    /** One power iteration, then sigma [1] = uᵀWv. */
    void (*spectral_iterate)(struct mgm_backend *b, const float *weights, int rows, int cols, float *u, float *v,
                             float *sigma);
    void (*spectral_backward)(struct mgm_backend *b, const float *weights, int rows, int cols, const float *u,
                              const float *v, const float *sigma, float *gradient);
    /** dst = weights / sigma (sigma NULL: 1). */
    void (*divide)(struct mgm_backend *b, const float *weights, size_t count, const float *sigma, float *dst);
    /** The same for a transposed convolution, rearranged as mgm_transpose_weights() does. */
    void (*transpose_weights)(struct mgm_backend *b, const float *weights, int in, int out, const float *sigma, float *dst);
    void (*transpose_weights_backward)(struct mgm_backend *b, const float *d_grid_weights, int in, int out,
                                       float *d_weights);

    /* ---- norms ---- */
    void (*norm_forward)(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_backend_norm_forward *f);
    void (*norm_backward)(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_norm_backward *d);

    /* ---- moving pixels (spatial.h) ---- */
    void (*average_pool)(struct mgm_backend *b, const struct mgm_spatial *s, const void *large, void *small);
    void (*average_pool_backward)(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_small, void *d_large);
    void (*upsample)(struct mgm_backend *b, const struct mgm_spatial *s, const void *small, void *large);
    void (*upsample_backward)(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_large, void *d_small);
    void (*sum_pixels)(struct mgm_backend *b, const struct mgm_spatial *s, const void *map, float factor, void *vector);
    void (*repeat_pixels)(struct mgm_backend *b, const struct mgm_spatial *s, const void *vector, float factor, void *map);
    void (*copy_channels_in)(struct mgm_backend *b, const struct mgm_spatial *s, const void *dense, void *wide, int stride,
                             int offset);
    void (*copy_channels_out)(struct mgm_backend *b, const struct mgm_spatial *s, const void *wide, int stride, int offset,
                              void *dense);
    void (*shuffle)(struct mgm_backend *b, const struct mgm_spatial *s, const void *grid, void *dst);
    void (*shuffle_backward)(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_dst, void *d_grid);

    /** Windows of a map, channels last (tile_map.h); NULL: the backend has no refinement by tiles. */
    enum mgm_status (*gather)(struct mgm_backend *b, const struct mgm_tile_map *src, const struct mgm_windows *windows,
                              void *dst);

    /* ---- element by element ---- */
    void (*accumulate)(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src, void *dst);
    void (*convert_from_f32)(struct mgm_backend *b, enum mgm_precision precision, size_t count, const float *src, void *dst);
    void (*convert_to_f32)(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src, float *dst);
    /** values [pixels, channels] += bias; and bias gradient [channels] = Σ over pixels. f32, any number of channels. */
    void (*add_bias)(struct mgm_backend *b, size_t pixels, int channels, const float *bias, float *values);
    void (*bias_gradient)(struct mgm_backend *b, size_t pixels, int channels, const float *d_values, float *d_bias);

    /* ---- 3 × 3 convolutions to one channel (single_conv.h); bias and d_bias [1] may be NULL ---- */
    void (*single_conv)(struct mgm_backend *b, const struct mgm_spatial *src, const void *x, const float *weights,
                        const float *bias, float *dst);
    void (*single_conv_backward)(struct mgm_backend *b, const struct mgm_spatial *src, const void *x, const float *weights,
                                 const float *d_dst, void *d_x, float *d_weights, float *d_bias);

    /* ---- the training objective: planes [n, size, size]; NULL where host_memory is (train/step.c computes it there) ----
     */
    /** image [n, 3, h, w] in [0, 1] and guidance [n, h, w] to the network's input [n, h, w, 4], f32, normalised. */
    void (*pack)(struct mgm_backend *b, int n, int h, int w, const float *image, const float *guidance, const float mean[3],
                 const float deviation[3], float *input);
    void (*head_forward)(struct mgm_backend *b, int n, int size, int stride, const float *raw, float *alpha);
    void (*head_backward)(struct mgm_backend *b, int n, int size, int stride, const float *alpha, const float *gradient,
                          float *raw_gradient);
    /** 1 where 1/255 ≤ alpha ≤ 254/255 (Eq. 2), dilated by the ellipse of host_sizes[picture]. */
    enum mgm_status (*uncertain)(struct mgm_backend *b, int n, int size, const float *alpha, const int *host_sizes,
                                 uint8_t *mask);
    /** finer = mask ? finer : coarser */
    void (*merge)(struct mgm_backend *b, size_t count, const uint8_t *mask, const float *coarser, float *finer);
    /** Where the mask is 0, the finer gradient goes to the coarser one and becomes 0. */
    void (*unmerge)(struct mgm_backend *b, size_t count, const uint8_t *mask, float *finer, float *coarser);
    /** counts [MGM_BACKEND_LEVELS] over the batch, as mgm_laplacian_mask_counts(). */
    void (*mask_counts)(struct mgm_backend *b, int n, int h, int w, const uint8_t *mask, uint64_t *counts);
    void (*losses)(struct mgm_backend *b, const struct mgm_backend_losses *losses);

    /* ---- the optimiser: NULL where host_memory is ---- */
    /** sum [1] = Σ values² */
    void (*sum_of_squares)(struct mgm_backend *b, size_t count, const float *values, double *sum);
    void (*adam)(struct mgm_backend *b, const struct mgm_backend_adam *adam);
    /** average = decay · average + (1 − decay) · values */
    void (*average)(struct mgm_backend *b, size_t count, double decay, const float *values, float *average);

    /* ---- several processes (communicator.h) ---- */
    /** Called once, by all of them: c, borrowed, becomes `together`, and what follows is done with the others. */
    enum mgm_status (*join)(struct mgm_backend *b, struct mgm_communicator *c);
    /** values = Σ over all processes; nothing happens to a backend that has not joined any. */
    void (*share)(struct mgm_backend *b, float *values, size_t count);
};

/** What every backend's own struct begins with. */
struct mgm_backend {
    const struct mgm_backend_ops *ops;
    struct mgm_context *ctx;
    struct mgm_communicator *together; /* borrowed; NULL: alone */
};

/**
 * @param device   "cpu", "cuda" or "cuda:N"
 * @param threads  of the CPU; 0: one per core
 * @return MGM_E_INVALID for a device of no such name; MGM_E_UNSUPPORTED if this build has no such backend, or there is no
 * such device
 */
MGM_MUST_CHECK enum mgm_status mgm_backend_create(struct mgm_context *ctx, const char *device, int threads,
                                                  struct mgm_backend **out);
/** Whether a name is one of a device; that there is such a device is another thing. */
bool mgm_backend_is_known(const char *device);

/** Takes NULL in it too. */
void mgm_backend_destroy(struct mgm_backend **b);

#endif
