/* What the library has read, written as it keeps it: what training needs of a data folder, and nothing that it throws away.
 */
#include "synth/library.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

/** The name with another ending: a series follows the alphabet, and names in it are told apart by what precedes the ending.
 */
static void with_ending(const char *name, const char *ending, char out[SYNTH_NAME_MAX + 8])
{
    const char *dot = strrchr(name, '.');
    snprintf(out, SYNTH_NAME_MAX + 8, "%.*s%s", (int)(dot ? dot - name : (long)strlen(name)), name, ending);
}

static enum mgm_status write_list(struct mgm_context *ctx, const struct picture_list *list, const char *folder,
                                  const char *sub, const char *ending, mgm_synth_write_picture write, void *argument)
{
    char before[SYNTH_NAME_MAX + 8] = "", name[SYNTH_NAME_MAX + 8], path[PATH_SIZE];
    for (int i = 0; i < list->count; i++) {
        with_ending(list->names[i], ending, name);
        if (strcmp(name, before) <= 0)
            return mgm_fail(
                ctx, MGM_E_INVALID,
                "%s: %s would be called %s, which another is called already or which changes its place; rename it", sub,
                list->names[i], name);
        strcpy(before, name);
        if (snprintf(path, sizeof path, "%s/%s/%s", folder, sub, name) >= (int)sizeof path)
            return mgm_fail(ctx, MGM_E_IO, "%.100s…: this path is too long", folder);
        TRY(write(argument, ctx, path, &list->pictures[i]));
    }
    return MGM_OK;
}

enum mgm_status mgm_synth_library_write(struct mgm_context *ctx, const struct mgm_synth_library *library, const char *folder,
                                        mgm_synth_write_picture write, void *argument)
{
    TRY(write_list(ctx, &library->photos, folder, "photos", ".jpg", write, argument));
    TRY(write_list(ctx, &library->cards, folder, "cards", ".png", write, argument));
    TRY(write_list(ctx, &library->particles, folder, "particles", ".png", write, argument));
    return write_list(ctx, &library->objects, folder, "objects", ".png", write, argument);
}
