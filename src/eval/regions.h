/** Where mattes are compared, and by what: names that tables, logs and command lines share. */
#ifndef MGM_EVAL_REGIONS_H
#define MGM_EVAL_REGIONS_H

enum mgm_region {
    MGM_REGION_WHOLE,   /* the whole picture */
    MGM_REGION_UNKNOWN, /* where a trimap is exactly 128 */
    MGM_REGION_DETAIL,  /* where a map of details is not 0 */
    MGM_REGION_COUNT,
};

enum { MGM_METRIC_COUNT = 4 };

extern const char *const mgm_region_names[MGM_REGION_COUNT]; /* "whole", "unknown", "detail" */
extern const char *const mgm_metric_names[MGM_METRIC_COUNT]; /* "sad", "mse", "grad", "conn" */

#endif
