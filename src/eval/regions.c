#include "eval/regions.h"

const char *const mgm_region_names[MGM_REGION_COUNT] = {
    [MGM_REGION_WHOLE] = "whole", [MGM_REGION_UNKNOWN] = "unknown", [MGM_REGION_DETAIL] = "detail"};
const char *const mgm_metric_names[MGM_METRIC_COUNT] = {"sad", "mse", "grad", "conn"};
