/**
 * The table of configuration keys: the one place that says what a run can be told. Shared by config.c and config_read.c.
 */
#ifndef MGM_TRAIN_CONFIG_KEYS_H
#define MGM_TRAIN_CONFIG_KEYS_H

#include "train/config.h"

enum mgm_config_kind { REAL, INTEGER, WIDE, TEXT, PATH, TASK, PRECISION, PHASES, SOURCES, RECIPE, FUSION };

/** One key: where its value goes and what it may be. `length` values for REAL and INTEGER, as an array if more than one. */
struct mgm_config_key {
    const char *name;
    enum mgm_config_kind kind;
    size_t offset;
    int length;
    double low, high;
    bool shapes_result; /* belongs to the digest */
    bool late;          /* came later: belongs to it only where it is set, so that older checkpoints keep theirs */
};

extern const struct mgm_config_key mgm_config_keys[];
extern const int mgm_config_key_count;

#endif
