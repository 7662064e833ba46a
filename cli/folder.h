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
 * Lists what has the extension of a picture (png, jpg, jpeg, tif, tiff, webp, bmp), sorted by name.
 * @return MGM_E_IO if it cannot be read; MGM_E_INVALID if there is none, or two of the same name
 */
MGM_MUST_CHECK enum mgm_status folder_list(struct mgm_context *ctx, const char *path, struct folder *out);

/** Takes a zeroed one too. */
void folder_release(struct folder *folder);

/** Path of the picture of that name; NULL if there is none. */
const char *folder_find(const struct folder *folder, const char *name);

/** Name of a picture's path, without folder and extension. Release with mgm_free; NULL if memory ran out. */
char *folder_name_of(const char *path);

#endif
