/**
 * What a benchmark leaves of each picture: one JSON object a line, the first of which says what was run, so that a run that
 * was stopped goes on, and only as what it was.
 *
 *     {"protocol": "alphamatting", "model": "…", …}
 *     {"name": "GT01", "guidance": "trimap", "seconds": 0.5,
 *      "matte": {"unknown": [sad, mse, grad, conn], "whole": […]}, "itself": {…}}
 */
#ifndef MGM_EVAL_RESULTS_H
#define MGM_EVAL_RESULTS_H

#include "base/context.h"
#include "eval/regions.h"

/** [region][metric]; NaN where nothing was measured. */
struct mgm_eval_scores {
    double values[MGM_REGION_COUNT][MGM_METRIC_COUNT];
};

struct mgm_eval_result {
    const char *name, *guidance;          /* borrowed */
    struct mgm_eval_scores matte, itself; /* of the network's matte, and of the guidance that it was given */
    double seconds;                       /* for the matte */
};

/** All NaN. */
struct mgm_eval_scores mgm_eval_scores_none(void);

/** Its line, without a line break; release with cJSON_free. NULL if memory ran out. */
char *mgm_eval_result_print(const struct mgm_eval_result *result);

/**
 * Takes a results file apart.
 * @param name    for the sentence
 * @param header  the first line that is expected
 * @param each    called for every line after the first; may fail
 * @param whole   receives the bytes that whole lines take: what a killed run left unfinished is not among them
 * @return MGM_E_INVALID if the first line is another one; MGM_E_FORMAT if a line is no result, with its number
 */
MGM_MUST_CHECK enum mgm_status
mgm_eval_results_parse(struct mgm_context *ctx, const char *name, const char *text, size_t size, const char *header,
                       enum mgm_status (*each)(void *argument, const struct mgm_eval_result *result), void *argument,
                       size_t *whole);

#endif
