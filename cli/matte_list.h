/** What mgm matte is to work on: pairs of photo and mask, and where each result goes. */
#ifndef MGM_CLI_MATTE_LIST_H
#define MGM_CLI_MATTE_LIST_H

#include "folder.h"
#include "image_file.h"

struct matte_item {
    char *photo;
    const char *mask; /* borrowed from the list or its maker */
    char *output;
    char *complaint; /* why there is nothing to be done with it; else NULL */
};

struct matte_list {
    struct folder masks;
    struct matte_item *items;
    int count, room;
};

/** One photo and its mask; paths are borrowed but for copies of photo and output. */
MGM_MUST_CHECK enum mgm_status matte_list_single(struct mgm_context *ctx, const char *photo, const char *mask,
                                                 const char *output, struct matte_list *out);

/**
 * Photos, and folders of photos, with the masks of the same names (without extension) in one folder. Results have the
 * photos' names in the folder output. A photo without a mask, or with several, and photos of the same name become items with
 * a complaint.
 * @param extension  of the results: ".png"
 * @return an error where there is nothing to do at all: the folder of masks cannot be read or has no pictures
 */
MGM_MUST_CHECK enum mgm_status matte_list_many(struct mgm_context *ctx, char *const *photos, int count, const char *masks,
                                               const char *output, const char *extension, struct matte_list *out);

/** Takes a zeroed one too. */
void matte_list_release(struct matte_list *list);

#endif
