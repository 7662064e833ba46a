/** Which guidances a benchmark is run with. */
#ifndef MGM_CLI_EVAL_KINDS_H
#define MGM_CLI_EVAL_KINDS_H

#include "eval_run.h"

/**
 * Those that are chosen, or all that the pictures allow; where mattes are to be refined, they alone unless others are chosen.
 * @param run     its protocol and cases are known
 * @param chosen  names, may be empty
 * @param mattes  see struct eval_options
 */
MGM_MUST_CHECK enum mgm_status eval_kinds_choose(struct mgm_context *ctx, struct eval_run *run, const char *const *chosen,
                                                 const char *const *mattes);

void eval_kinds_release(struct eval_run *run);

#endif
