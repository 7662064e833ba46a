/**
 * Training samples: a crop of a foreground composed over a photograph, with its guidance. Made from a seed and a number
 * only, so that a run can be repeated whatever thread makes them.
 */
#ifndef MGM_TRAIN_SAMPLE_H
#define MGM_TRAIN_SAMPLE_H

#include "image/image.h"
#include "synth/synth.h"

/** One prepared batch, planar f32, all owned by the batch. Colours in [0, 1], not yet normalised. */
struct mgm_batch {
    int n, size;
    float *image;    /* [n, 3, size, size]; with the accidents of a camera, so not exactly alpha·fg + (1−alpha)·bg */
    float *fg, *bg;  /* [n, 3, size, size] */
    float *alpha;    /* [n, 1, size, size] */
    float *guidance; /* [n, 1, size, size] */
    uint8_t *unknown; /* [n, 1, size, size]; 1 in the unknown region of the trimap made from alpha */
};

MGM_MUST_CHECK enum mgm_status mgm_batch_create(struct mgm_context *ctx, int n, int size, struct mgm_batch *out);
void mgm_batch_release(struct mgm_batch *batch);

struct mgm_guidance_settings {
    double soft_share;    /* share of samples whose guidance is a blurred or noisy matte */
    double trimap_share;  /* share whose guidance is a trimap as 0 / 0.5 / 1 */
    double coarse_share;  /* of the binary ones: share resampled coarsely (4 … 24×) */
    double cutmask;       /* probability of CutMask */
    int kernel_max;       /* largest ellipse of the random erosion and dilation */
};

struct mgm_camera_settings { double noise, blur, jpeg; }; /* probability of each accident */

struct mgm_sample_settings {
    struct mgm_guidance_settings guidance;
    struct mgm_camera_settings camera;
    double compose_two;   /* probability that two foregrounds are composed into one */
};

struct mgm_sample_settings mgm_sample_settings_defaults(void);

/** Foregrounds drawn once and kept (in memory, and on disk between runs), and the photographs. Read only once made. */
struct mgm_foreground_store;

/**
 * Draws `count` foregrounds of `size`² (series `seed`) with `threads` threads, or reads them from `cache` (a file; NULL:
 * none), where those already drawn are found and the missing ones are added.
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_store_create(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                                           uint64_t seed, int count, int size, const char *cache, int threads,
                                                           struct mgm_foreground_store **out);
void mgm_foreground_store_destroy(struct mgm_foreground_store **store);

/** Makes sample number `number` of the run `seed` into slot `slot` of the batch. Thread-safe for different slots. */
MGM_MUST_CHECK enum mgm_status mgm_sample_make(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                               const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                                               struct mgm_batch *batch, int slot);

/** Makes batches ahead of their use in worker threads. */
struct mgm_loader;
struct mgm_loader_settings {
    int n, size;
    int workers, ahead; /* threads; batches kept ready */
    uint64_t seed;
    uint64_t first; /* number of the first sample */
};
MGM_MUST_CHECK enum mgm_status mgm_loader_create(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                 const struct mgm_sample_settings *samples,
                                                 const struct mgm_loader_settings *settings, struct mgm_loader **out);
void mgm_loader_destroy(struct mgm_loader **loader);
/** The next batch, in order; borrowed until the next call. @param waited_seconds  how long the caller had to wait */
MGM_MUST_CHECK enum mgm_status mgm_loader_next(struct mgm_context *ctx, struct mgm_loader *loader,
                                               const struct mgm_batch **batch, double *waited_seconds);

#endif
