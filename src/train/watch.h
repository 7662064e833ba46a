/**
 * What a run leaves for those who watch it, in its folder:
 *     log.jsonl                one JSON object a line; `mgm report` makes a page of it
 *     events.out.tfevents.*    the same numbers, and the pictures, for TensorBoard
 *     samples/ITERATION.jpg    held-out samples as the model sees them: photo, guidance, its matte, the true one
 * Nothing here stops a run once it has begun: what cannot be written is lost, since training is worth more.
 */
#ifndef MGM_TRAIN_WATCH_H
#define MGM_TRAIN_WATCH_H

#include "image/image.h"
#include "train/events.h"

struct cJSON;

struct mgm_watch {
    FILE *log; /* NULL: nobody watches */
    struct mgm_events events;
    char *folder; /* of the samples */
};

/** @param step  the iteration that the run begins at @return MGM_E_IO */
MGM_MUST_CHECK enum mgm_status mgm_watch_open(struct mgm_context *ctx, const char *folder, int64_t step,
                                              struct mgm_watch *out);

/** Takes a zeroed one too. */
void mgm_watch_close(struct mgm_watch *watch);

/**
 * A line of the log, and its numbers as scalars EVENT/NAME.
 * @param object  has "event", a text, and "iteration"; taken
 */
void mgm_watch_tell(struct mgm_watch *watch, struct cJSON *object);

/** @param picture  3 channels */
void mgm_watch_show(struct mgm_watch *watch, int64_t iteration, const struct mgm_bitmap *picture);

#endif
