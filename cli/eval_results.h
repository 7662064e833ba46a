/** The results file of a benchmark: opened, or gone on with. */
#ifndef MGM_CLI_EVAL_RESULTS_H
#define MGM_CLI_EVAL_RESULTS_H

#include "eval_run.h"

#include <stdio.h>

/**
 * Makes the output's folders and opens results.jsonl in it, after marking in the run what is there already. The first line
 * holds what decides the results: protocol, SHA-256 of the weights, settings; a file that says otherwise is refused.
 * @param model  path of the weights
 * @param log    for fclose; NULL on error
 * @return MGM_E_INVALID if results are there and `resume` is off, or they are another run's; MGM_E_IO
 */
MGM_MUST_CHECK enum mgm_status eval_results_open(struct mgm_context *ctx, const struct eval_options *options,
                                                 const char *model, struct eval_run *run, FILE **log);

#endif
