/**
 * A training run. Everything it leaves lies in the run folder:
 *     checkpoint.safetensors  to go on from
 *     weights.safetensors     the model, 16-bit, with metadata (of the moving average, where one is kept)
 *     log.jsonl, events.out.tfevents.*, samples/   for those who watch it (watch.h)
 * Source: §4.
 */
#ifndef MGM_TRAIN_LOOP_H
#define MGM_TRAIN_LOOP_H

#include "nn/communicator.h"
#include "train/config.h"
#include "train/validation.h"

#include <signal.h>

/** Means since the last report, but for iteration, learning_rate, size, batch and seconds_left. */
struct mgm_train_progress {
    int64_t iteration, iterations; /* done, of */
    int size, batch;
    struct mgm_step_losses losses;
    double learning_rate, gradient_norm;
    double images_per_second;
    double waiting_share; /* of the time, for samples */
    double truth_share;   /* of the iterations, masked by the ground truth */
    double seconds_left;
};

/** What the run tells and asks; every pointer may be NULL. Called from the thread that runs. */
struct mgm_train_hooks {
    void *argument;
    void (*progress)(void *argument, const struct mgm_train_progress *progress);
    void (*validated)(void *argument, int64_t iteration, const struct mgm_validation_scores *scores);
    void (*note)(void *argument, const char *sentence);
    const volatile sig_atomic_t *stop; /* nonzero: finish the iteration, write a checkpoint, return MGM_OK */
};

struct mgm_train_options {
    bool resume;         /* go on from the run folder's checkpoint if there is one */
    bool validate;       /* only score the checkpoint, which must be there */
    int threads;         /* 0: one per core */
    const char *device;  /* "cpu", "cuda", "cuda:N" (nn/backend.h); NULL: "cpu" */
    /** Processes that train together, each with its even share of every batch, as one would with all of it. The first reads and
     * writes whatever is in the run folder, and is the only one to call hooks (but for `stop`, which may be set in any of them).
     * With "cuda" each takes the device of its number on its machine. NULL: alone */
    struct mgm_communicator *together;
    double minutes;      /* stop after this long, with a checkpoint, but not before an iteration; 0: no limit */
    double report_every; /* seconds between progress reports */
    const char *command; /* how it was started, for the metadata; may be NULL */
};

/**
 * Whether a run may begin: in its folder (which need not exist yet), on its device; without changing anything there.
 * @return MGM_E_INVALID if the folder holds a checkpoint and resume is off, or processes cannot share a batch evenly;
 * MGM_E_UNSUPPORTED if there is no such device
 */
MGM_MUST_CHECK enum mgm_status mgm_train_check(struct mgm_context *ctx, const struct mgm_train_config *config,
                                               const struct mgm_train_options *options);

/**
 * @param config  checked
 * @param store   borrowed
 * @return MGM_OK when the run is complete or was stopped; MGM_E_INVALID if the run folder holds a checkpoint and resume is
 * off; MGM_E_BACKEND if training diverged (the last checkpoint stays)
 */
MGM_MUST_CHECK enum mgm_status mgm_train_run(struct mgm_context *ctx, const struct mgm_train_config *config,
                                             const struct mgm_foreground_store *store,
                                             const struct mgm_train_options *options, const struct mgm_train_hooks *hooks);

#endif
