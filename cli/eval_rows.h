/** The tables of a benchmark: this run's lines and the published ones beside them, for every way of showing them. */
#ifndef MGM_CLI_EVAL_ROWS_H
#define MGM_CLI_EVAL_ROWS_H

#include "eval_run.h"

#include <cjson/cJSON.h>

struct eval_row {
    char title[128];
    double values[MGM_METRIC_COUNT]; /* SAD, MSE · 10³, Grad, Conn; NaN: none */
    bool published;                  /* not measured here */
    bool itself;                     /* of the guidance that the line above was given */
    int count;                       /* pictures; 0 for published ones */
};

enum { EVAL_ROWS_MAX = 2 * EVAL_KINDS_MAX + 32 };

/** @return how many there are */
int eval_rows_make(const struct eval_run *run, enum mgm_region region, struct eval_row rows[EVAL_ROWS_MAX]);

/** A number as tables have it, "–" for none. */
void eval_row_text(const struct eval_row *row, int metric, char text[32]);

/** Titles of the columns, in the order of the metrics. */
extern const char *const eval_row_columns[MGM_METRIC_COUNT];

/** On stdout, a table for each region. */
void eval_rows_print(const struct eval_run *run);

/**
 * On stdout, comma-separated: a heading, then name, guidance, and sad, mse, grad and conn of the matte and of the guidance itself, over the
 * first region of the protocol, for every picture and guidance that is done.
 */
void eval_rows_print_pictures(const struct eval_run *run);

/** The same as JSON; MSE is not multiplied there. */
cJSON *eval_rows_describe(const struct eval_run *run);

#endif
