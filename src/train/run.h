/**
 * What a training run holds while it runs; shared by loop.c (the iterations) and run.c (what is written).
 */
#ifndef MGM_TRAIN_RUN_H
#define MGM_TRAIN_RUN_H

#include "nn/train_plan.h"
#include "train/checkpoint.h"
#include "train/colour_step.h"
#include "train/feed.h"
#include "train/learner.h"
#include "train/loop.h"
#include "train/second_look.h"
#include "train/watch.h"

struct mgm_train_run {
    struct mgm_context *ctx;
    const struct mgm_train_config *config;
    const struct mgm_foreground_store *store;
    const struct mgm_train_options *options;
    const struct mgm_train_hooks *hooks;
    struct mgm_graph graph;
    struct mgm_train_state state;
    struct mgm_backend *backend;
    struct mgm_learner learner; /* the state where it is trained */
    struct mgm_validation *validation;
    struct mgm_validation_scores scores; /* the last ones, */
    int64_t scored_at;                   /* at this iteration; −1: none since the run began or went on */
    struct mgm_watch watch; /* of process 0 */
    /* of the present crop phase */
    int phase; /* −1: none yet */
    struct mgm_feed *feed;
    struct mgm_train_plan *plan;
    struct mgm_step *step;               /* of the matting network, … */
    struct mgm_colour_step *colour_step; /* … or of the colour network */
    struct mgm_second_look *look;        /* NULL: none is had */
    float *input;   /* the backend's memory */
    int *dilate[2]; /* [batch], for os4 and os1 */
    uint8_t *everywhere; /* [batch, size, size], ones: the masks where heads are not fused by refinement; else NULL */
    /* since the last report */
    struct mgm_train_progress sums;
    int iterations;
    double waited, images, reported_at;
    int failures; /* gradients that were not finite, in a row */
};

/** Whether this is the process that reads and writes the run folder, and tells how it goes. */
static inline bool mgm_run_is_first(const struct mgm_train_run *run)
{
    return mgm_communicator_rank(run->options->together) == 0;
}

/** The device of this process. */
void mgm_run_device(const struct mgm_train_options *options, char device[MGM_DEVICE_LENGTH]);

void mgm_run_note(struct mgm_train_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Makes the run folder, or reads the checkpoint; opens the log. All processes get the state that the first one has. */
MGM_MUST_CHECK enum mgm_status mgm_run_open(struct mgm_train_run *run);

/** The means since the last report go to the log and the hook; starts counting anew. */
void mgm_run_report(struct mgm_train_run *run);

/** Path of a file in the run folder. */
MGM_MUST_CHECK enum mgm_status mgm_run_path(struct mgm_context *ctx, const struct mgm_train_config *config, const char *name,
                                            char path[MGM_CONFIG_PATH_MAX]);

/**
 * The model as it is written: the moving average where there is one. The spectral-norm vectors follow the newest weights by
 * power iteration; an average of them would not have length 1.
 */
MGM_MUST_CHECK enum mgm_status mgm_run_present_params(struct mgm_train_run *run, struct mgm_params *out);

/** Writes that, with metadata that tell which network it is and how it was trained. */
MGM_MUST_CHECK enum mgm_status mgm_run_save_weights(struct mgm_train_run *run);

/** Writes the checkpoint and the weights. */
MGM_MUST_CHECK enum mgm_status mgm_run_save(struct mgm_train_run *run);

/** Scores the model as it would be written now. */
MGM_MUST_CHECK enum mgm_status mgm_run_validate(struct mgm_train_run *run);

#endif
