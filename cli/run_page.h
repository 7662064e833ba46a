/** A training run as a page: its curves, its held-out scores, its mattes over time. */
#ifndef MGM_CLI_RUN_PAGE_H
#define MGM_CLI_RUN_PAGE_H

#include "base/context.h"

/**
 * @param folder  of the run (train/watch.h)
 * @param path    of the page
 * @return MGM_E_IO if there is no log.jsonl, MGM_E_FORMAT if it is no run's
 */
MGM_MUST_CHECK enum mgm_status run_page_write(struct mgm_context *ctx, const char *folder, const char *path);

#endif
