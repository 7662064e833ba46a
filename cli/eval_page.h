/** A benchmark as a page: its tables, and the worst pictures of each guidance side by side. */
#ifndef MGM_CLI_EVAL_PAGE_H
#define MGM_CLI_EVAL_PAGE_H

#include "eval_run.h"

/** @return MGM_E_IO if pictures that were scored can no longer be read, or the page cannot be written */
MGM_MUST_CHECK enum mgm_status eval_page_write(struct mgm_context *ctx, const struct eval_run *run, const char *path);

#endif
