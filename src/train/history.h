/** A run's log, read back: what `mgm report` shows. */
#ifndef MGM_TRAIN_HISTORY_H
#define MGM_TRAIN_HISTORY_H

#include "base/context.h"

enum { MGM_HISTORY_COLUMNS = 48, MGM_HISTORY_NAME = 32 };

/** The lines of one kind of event, in the order of their iterations. */
struct mgm_history_table {
    int rows, room;
    int columns;
    char names[MGM_HISTORY_COLUMNS][MGM_HISTORY_NAME]; /* the first is "iteration" */
    double *values[MGM_HISTORY_COLUMNS];               /* [rows]; NaN where a line has no such number */
};

struct mgm_history {
    struct mgm_history_table progress, validation;
    int unread; /* lines that are none of these: torn by a kill, or another program's */
};

/**
 * Where a run went on from a checkpoint, what the log has of later iterations was lost, and is left out.
 * @param name  for the sentence
 * @param out   release with mgm_history_release; zeroed on error
 * @return MGM_E_FORMAT if no line is a run's; MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_history_parse(struct mgm_context *ctx, const char *name, const char *text, size_t size,
                                                 struct mgm_history *out);

/** Takes a zeroed one too. */
void mgm_history_release(struct mgm_history *history);

/** Its values, [rows]; NULL if there is no such column. */
const double *mgm_history_column(const struct mgm_history_table *table, const char *name);

#endif
