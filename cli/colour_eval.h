/** Scores of foreground colours: what mgm eval does with --foreground. */
#ifndef MGM_CLI_COLOUR_EVAL_H
#define MGM_CLI_COLOUR_EVAL_H

#include "base/context.h"

/**
 * Scores every picture of a folder of cutouts and prints a line for each, the mean last (eval/metrics_colour.h).
 * Pictures belong together that have the same name; what is missing or of another size is told on stderr and left out.
 * @param preds   RGBA with straight alpha; pictures without transparency are shown with the true alpha
 * @param truths  true foreground colours
 * @param alphas  true mattes
 * @param csv     comma-separated, with all digits
 * @param failed  receives how many could not be scored
 * @return an error if nothing could be scored
 */
MGM_MUST_CHECK enum mgm_status colour_eval(struct mgm_context *ctx, const char *preds, const char *truths,
                                           const char *alphas, bool csv, int *failed);

#endif
