/** What lies in the folders of data sets. For dataset.c. */
#ifndef MGM_TRAIN_DATASET_LIST_H
#define MGM_TRAIN_DATASET_LIST_H

#include "train/dataset.h"

struct mgm_dataset_entry {
    char *picture;
    char *alpha; /* NULL: a background */
};

/** In the order of their names, so that it does not depend on the file system. */
struct mgm_dataset_list {
    struct mgm_dataset_entry *entries;
    int count, room;
};

struct mgm_dataset {
    mgm_read_picture read;
    struct mgm_dataset_list sources[MGM_SOURCES_MAX], backgrounds;
};

/** Who hears of what is missing. */
struct mgm_dataset_listing {
    void (*complain)(void *argument, const char *sentence);
    void *argument;
    int complaints;
    char first[512];
};

/** All pictures of one folder. @return MGM_E_INVALID if there are none */
MGM_MUST_CHECK enum mgm_status mgm_dataset_list_folder(struct mgm_context *ctx, const char *path,
                                                       struct mgm_dataset_list *out);

/** All pairs of a source. */
MGM_MUST_CHECK enum mgm_status mgm_dataset_list_source(struct mgm_context *ctx, const struct mgm_source *source,
                                                       struct mgm_dataset_listing *listing, struct mgm_dataset_list *out);

void mgm_dataset_list_release(struct mgm_dataset_list *list);

#endif
