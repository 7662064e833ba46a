/** The pictures of a folder, found by their name without extension: how results, truths and trimaps belong together. */
#ifndef MGM_CLI_FOLDER_H
#define MGM_CLI_FOLDER_H

#include "base/context.h"

struct folder_entry {
    char *name; /* without folder and extension */
    char *path;
};

struct folder {
    const char *path; /* borrowed */
    struct folder_entry *entries;
    int count;
};

/**
 * Lists what has the extension of a picture that can be read (image_file.h) and is not hidden, sorted by name, then by path.
 * @return MGM_E_IO if it cannot be read; MGM_E_INVALID if there is none
 */
MGM_MUST_CHECK enum mgm_status folder_list(struct mgm_context *ctx, const char *path, struct folder *out);

/** Takes a zeroed one too. */
void folder_release(struct folder *folder);

/**
 * Path of the picture of that name, borrowed from the folder.
 * @return MGM_E_IO if there is none; MGM_E_INVALID if there are several, which differ in their extension
 */
MGM_MUST_CHECK enum mgm_status folder_find(struct mgm_context *ctx, const struct folder *folder, const char *name,
                                           const char **path);

/** Whether there is a picture of that name, or several. */
bool folder_holds(const struct folder *folder, const char *name);

bool folder_is(const char *path);

/** Makes the folder unless it is there. @return MGM_E_IO */
MGM_MUST_CHECK enum mgm_status folder_make(struct mgm_context *ctx, const char *path);

/** Name of a picture's path, without folder and extension. Release with mgm_free; NULL if memory ran out. */
char *folder_name_of(const char *path);

/** "FOLDER/NAME.EXTENSION". Release with mgm_free; NULL if memory ran out. */
char *folder_path_of(const char *folder, const char *name, const char *extension);

#endif
