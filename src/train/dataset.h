/**
 * Foregrounds with mattes, and backgrounds, in folders as data sets are handed out. They are listed once and read when a sample
 * needs them, so that any number of them takes no memory.
 *
 *     composition-1k   [Combined_Dataset/][Training_set/] {Adobe-licensed images, Other, all, .}/{fg, alpha}
 *     distinction-646  [Train/] {FG, GT}
 *     folders          {fg, foreground}, alpha
 *
 * A foreground and its matte have the same name, whatever their extension.
 */
#ifndef MGM_TRAIN_DATASET_H
#define MGM_TRAIN_DATASET_H

#include "image/image.h"
#include "train/pyramid.h"

enum { MGM_SOURCES_MAX = 8, MGM_SOURCE_PATH_MAX = 1024 };

enum mgm_source_kind { MGM_SOURCE_DRAWN, MGM_SOURCE_COMPOSITION, MGM_SOURCE_DISTINCTION, MGM_SOURCE_FOLDERS };

/** "drawn", "composition-1k", "distinction-646", "folders" */
extern const char *const mgm_source_names[MGM_SOURCE_FOLDERS + 1];

/** One of the places that foregrounds come from. */
struct mgm_source {
    enum mgm_source_kind kind;
    double weight;                  /* how often, relative to the others */
    char path[MGM_SOURCE_PATH_MAX]; /* of the data set's folder; "" for drawn ones */
    char only[MGM_SOURCE_PATH_MAX], except[MGM_SOURCE_PATH_MAX]; /* lists of file names (eval/name_list.h); "": none */
};

struct mgm_dataset;

/**
 * Lists what the sources have.
 * @param sources      drawn ones are passed over
 * @param backgrounds  folder of pictures; "": none
 * @param read         reads a picture
 * @param complain     called for what is missing or superfluous in a source; may be NULL
 * @return MGM_E_IO if a folder or list cannot be read; MGM_E_INVALID if a source has nothing, or something was complained of
 */
MGM_MUST_CHECK enum mgm_status mgm_dataset_open(struct mgm_context *ctx, const struct mgm_source *sources, int count,
                                                const char *backgrounds, mgm_read_picture read,
                                                void (*complain)(void *argument, const char *sentence), void *argument,
                                                struct mgm_dataset **out);
void mgm_dataset_close(struct mgm_dataset **dataset);

/** How many a source has; source is its number in the list that was given. */
int mgm_dataset_count(const struct mgm_dataset *dataset, int source);
int mgm_dataset_background_count(const struct mgm_dataset *dataset);

/** A picture that is there until it is released. */
struct mgm_lease {
    struct mgm_pyramid pyramid;
    void *memory; /* NULL: borrowed from somewhere else */
};
void mgm_lease_release(struct mgm_lease *lease);

/** Four channels. Safe to call from several threads. @return as reading has it; MGM_E_SHAPE if the matte is of another size */
MGM_MUST_CHECK enum mgm_status mgm_dataset_foreground(struct mgm_context *ctx, const struct mgm_dataset *dataset, int source,
                                                      int index, struct mgm_lease *out);
/** Three channels. */
MGM_MUST_CHECK enum mgm_status mgm_dataset_background(struct mgm_context *ctx, const struct mgm_dataset *dataset, int index,
                                                      struct mgm_lease *out);

/**
 * Reads every foreground and some of the backgrounds, evenly spread, as a check before a long run.
 * @return how many are damaged, do not fit together, or show nothing; each was complained of
 */
int mgm_dataset_check(struct mgm_context *ctx, const struct mgm_dataset *dataset, int backgrounds,
                      void (*complain)(void *argument, const char *sentence), void *argument);

#endif
