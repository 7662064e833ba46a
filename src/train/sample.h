/**
 * Training samples: a crop of a foreground composed over a photograph, with its guidance. Made from a seed and a number
 * only, so that a run can be repeated whatever thread makes them.
 */
#ifndef MGM_TRAIN_SAMPLE_H
#define MGM_TRAIN_SAMPLE_H

#include "image/image.h"
#include "synth/synth.h"

/** What is trained. */
enum mgm_task {
    MGM_TASK_MATTING,    /* photo and guidance to alpha (§3.1) */
    MGM_TASK_FOREGROUND, /* photo and alpha to the foreground's colours (§3.2) */
    MGM_TASK_REFINEMENT, /* photo, alpha and an estimate of the colours to better ones */
};

/** One prepared batch, planar f32, all owned by the batch. Colours in [0, 1], not yet normalised. */
struct mgm_batch {
    int n, size;
    float *image;     /* [n, 3, size, size]; with the accidents of a camera, so not exactly alpha·fg + (1−alpha)·bg */
    float *fg, *bg;   /* [n, 3, size, size] */
    float *alpha;     /* [n, 1, size, size] */
    float *guidance;  /* [n, 1, size, size]; for colours: alpha as the network gets it */
    float *estimate;  /* [n, size, size, MGM_ESTIMATE_STRIDE], of MGM_TASK_REFINEMENT; else NULL */
    uint8_t *unknown; /* [n, 1, size, size]; 1 in the unknown region of the trimap made from alpha; for colours: where they are judged */
};

MGM_MUST_CHECK enum mgm_status mgm_batch_create(struct mgm_context *ctx, int n, int size, struct mgm_batch *out);
/** The same, with all that samples of a task have. */
MGM_MUST_CHECK enum mgm_status mgm_batch_create_for(struct mgm_context *ctx, enum mgm_task task, int n, int size,
                                                    struct mgm_batch *out);
void mgm_batch_release(struct mgm_batch *batch);

/**
 * A contact sheet to judge samples by: a row for each, image | guidance | alpha | unknown | fg | bg.
 * @param out  RGB, allocated here
 */
MGM_MUST_CHECK enum mgm_status mgm_batch_sheet(struct mgm_context *ctx, const struct mgm_batch *batch,
                                               struct mgm_bitmap *out);

/** The batch's images alone, `columns` in a row. @param out  RGB, allocated here */
MGM_MUST_CHECK enum mgm_status mgm_batch_images(struct mgm_context *ctx, const struct mgm_batch *batch, int columns,
                                                struct mgm_bitmap *out);

struct mgm_guidance_settings {
    double soft_share;   /* share of samples whose guidance is a blurred or noisy matte */
    double trimap_share; /* share whose guidance is a trimap as 0 / 0.5 / 1 */
    double coarse_share; /* of the binary ones: share resampled coarsely (4 … 24×) */
    double cutmask;      /* probability of CutMask */
    double blobs;        /* probability that a mask misses parts inside the foreground, or takes along parts beside it */
    double follow;       /* share of these blobs that follow the picture's colours */
    double lines;        /* probability that a piece of a mask ends in a straight line instead */
    int kernel_max;      /* largest ellipse of the random erosion and dilation, for crops of 512²; smaller crops have
                            smaller ones, by the fourth root of the size */
};

struct mgm_camera_settings {
    double noise, blur, jpeg, halo;
}; /* probability of each accident */

/** Light on drawn foregrounds (light.h): probability of each. */
struct mgm_light_settings {
    double relief; /* lit anew, from one side, with shadows */
    double harmony; /* its colours brought nearer to the background's by one exposure and white balance for both */
    double shadow;  /* it casts one on the background */
    double spill;  /* the background's light on its border */
};

/** How samples for the colour network are composed (blend.h). */
struct mgm_blend_settings {
    double ordinary;     /* share composed of a drawn foreground with its own alpha; the others by random alpha blending */
    double alpha_errors; /* share whose alpha is given with the errors of a prediction */
    double hidden;       /* share judged over the whole crop; the others only where alpha is not 0 */
};

struct mgm_sample_settings {
    enum mgm_task task;
    struct mgm_guidance_settings guidance;
    struct mgm_camera_settings camera;
    struct mgm_light_settings light;
    double compose_two; /* probability that two foregrounds are composed into one */
    double distractor;  /* probability that a foreground which the guidance does not mean stands in the background */
    double closeup;     /* probability that a foreground is 1.3 … 2.6 times as large as it was drawn, as hair is in large photographs;
                           else at most 1.3 times; and, by itself, that a photograph behind it is enlarged up to 3 times, else
                           by a quarter. MGM_TASK_MATTING */
    bool published;     /* make samples as the published recipe does (published.h), which looks at compose_two, cutmask, kernel_max */
    double real_world;  /* and at this: probability of the accidents of its real-world variant */
    struct mgm_blend_settings blend; /* MGM_TASK_FOREGROUND, MGM_TASK_REFINEMENT */
    bool validation;    /* take the held-out foregrounds and photographs instead of those for training */
};

struct mgm_sample_settings mgm_sample_settings_defaults(void);

/**
 * Foregrounds drawn once and kept (in memory, and on disk between runs), and the photographs. Read only once made.
 * Every 12th photograph (index 11, 23, …) and every 24th foreground (index 23, 47, …, the first 64 of them) is held out for
 * validation; where there are fewer, the last one; a single one serves both. So does everything in an undivided store.
 */
struct mgm_foreground_store;

struct mgm_dataset;
struct mgm_source;

struct mgm_foreground_store_settings {
    uint64_t seed;
    int count, size;
    int threads;       /* that draw; 0: one per core */
    const char *cache; /* file, or NULL: kept in memory only */
    /** Foregrounds of data sets, and how often each source is drawn from. NULL: drawn ones alone. Borrowed, as the store needs it */
    const struct mgm_dataset *dataset;
    const struct mgm_source *sources;
    int source_count;
    bool undivided;                  /* nothing is held out: the library has only what is */
    const enum mgm_synth_kind *kind; /* the only one that is drawn; NULL: any */
    /** Called now and then while drawing, never from two threads at once; may be NULL. */
    void (*progress)(void *argument, int done, int count);
    void *progress_argument;
};

/**
 * Draws what is missing in the cache. A cache grows with `count` and may hold more than it; every foreground is marked as
 * complete after it is written, so that a killed run loses at most what was being drawn.
 * @param library  borrowed; must outlive the store; may be NULL where the data set has backgrounds and nothing is drawn
 * @return MGM_E_FORMAT if the cache is no such file or of another seed, size or version; MGM_E_IO; MGM_E_INVALID;
 * MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_store_open(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                                         const struct mgm_foreground_store_settings *settings,
                                                         struct mgm_foreground_store **out);

/**
 * Draws `count` foregrounds of `size`² (series `seed`) with `threads` threads, or reads them from `cache` (a file; NULL:
 * none), where those already drawn are found and the missing ones are added.
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_store_create(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                                           uint64_t seed, int count, int size, const char *cache,
                                                           int threads, struct mgm_foreground_store **out);
void mgm_foreground_store_destroy(struct mgm_foreground_store **store);

/** What a sample was made of, for tests and for looking into a sample. */
struct mgm_sample_facts {
    int foreground, second; /* indices in the store, those of data sets behind the drawn ones; second: −1 for none */
    int photo;              /* index in the library, or of the data set's backgrounds; −1: a plain or graded background */
    int distractor;         /* index in the store, −1 for none */
    int tries;              /* candidates drawn until one could be learnt from */
    bool resized;           /* published recipe: made 640 × 640 first */
};

/**
 * Makes sample number `number` of the run `seed` into slot `slot` of the batch. Thread-safe for different slots.
 * Candidates that would only teach to guess (hardly any foreground, nothing opaque, colours that do not tell foreground from
 * background, guidance that misses much of what is wanted) are drawn again.
 */
MGM_MUST_CHECK enum mgm_status mgm_sample_make(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                               const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                                               struct mgm_batch *batch, int slot);
/** The same, and says what it was made of. @param facts  may be NULL */
MGM_MUST_CHECK enum mgm_status mgm_sample_make_with_facts(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                          const struct mgm_sample_settings *settings, uint64_t seed,
                                                          uint64_t number, struct mgm_batch *batch, int slot,
                                                          struct mgm_sample_facts *facts);

/** Makes batches ahead of their use in worker threads. */
struct mgm_loader;
struct mgm_loader_settings {
    int n, size;
    int whole;          /* samples of a whole batch, of which these are the n after the first `offset`; 0: n of n */
    int offset;
    int workers, ahead; /* threads; batches kept ready, which is what bounds the memory: ahead + 1 are held */
    bool step_back;     /* workers only run where nothing else would: what trains computes on the same cores */
    uint64_t seed;
    uint64_t first; /* number of the first whole batch's first sample */
};
MGM_MUST_CHECK enum mgm_status mgm_loader_create(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                                 const struct mgm_sample_settings *samples,
                                                 const struct mgm_loader_settings *settings, struct mgm_loader **out);
void mgm_loader_destroy(struct mgm_loader **loader);
/** The next batch, in order; borrowed until the next call. @param waited_seconds  how long the caller had to wait */
MGM_MUST_CHECK enum mgm_status mgm_loader_next(struct mgm_context *ctx, struct mgm_loader *loader,
                                               const struct mgm_batch **batch, double *waited_seconds);
/** How many batches are ready beyond the one that is borrowed. */
int mgm_loader_ready(struct mgm_loader *loader);

#endif
