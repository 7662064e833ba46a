/** Scores of many mattes, several at a time. Pictures belong together that have the same name, whatever their extension. */
#ifndef MGM_CLI_SCORING_H
#define MGM_CLI_SCORING_H

#include "folder.h"

#include "eval/metrics.h"
#include "eval/regions.h"
#include "image/image.h"

struct score {
    const char *name; /* borrowed from a folder */
    bool failed;      /* there are no values */
    char *complaint;  /* why; NULL if there was no memory for it */
    double values[MGM_METRIC_COUNT];
    double parts[MGM_SAD_PARTS]; /* of the first of them */
};

struct scoring {
    struct folder preds, alphas, regions; /* regions: trimaps or maps of details; empty for MGM_REGION_WHOLE */
    enum mgm_region region;
    struct score *scores; /* every truth in the order of names, then every matte that has none */
    int count, failed;
};

/**
 * @param region_path  NULL for MGM_REGION_WHOLE
 * @param out          release with scoring_release, also on error
 * @return an error if a folder cannot be listed, or memory ran out; what is wrong with one picture stands in its score
 */
MGM_MUST_CHECK enum mgm_status scoring_run(struct mgm_context *ctx, const char *pred_path, const char *alpha_path,
                                           enum mgm_region region, const char *region_path, struct scoring *out);

/** Takes a zeroed one too. */
void scoring_release(struct scoring *scoring);

/** Mean over the pictures that have values; there must be one. */
struct score scoring_mean(const struct scoring *scoring);

/**
 * All metrics of one matte.
 * @param region  of the mattes' size, 128 where they are compared; NULL: everywhere
 */
MGM_MUST_CHECK enum mgm_status scoring_measure(struct mgm_context *ctx, const struct mgm_bitmap *pred,
                                               const struct mgm_bitmap *alpha, const uint8_t *region,
                                               double values[MGM_METRIC_COUNT]);

#endif
