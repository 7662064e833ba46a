#include "matte_list.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum mgm_status make_room(struct mgm_context *ctx, struct matte_list *list)
{
    if (list->count < list->room)
        return MGM_OK;
    const int room = list->room ? 2 * list->room : 64;
    struct matte_item *more = mgm_alloc((size_t)room, sizeof *more);
    if (!more)
        return mgm_fail_nomem(ctx, "the list of photos");
    if (list->count)
        memcpy(more, list->items, (size_t)list->count * sizeof *more);
    mgm_free(list->items);
    list->items = more;
    list->room = room;
    return MGM_OK;
}

/** @param output  taken; NULL if there was no memory for it */
static enum mgm_status add(struct mgm_context *ctx, struct matte_list *list, const char *photo, const char *mask,
                           char *output)
{
    const enum mgm_status status = make_room(ctx, list);
    if (status != MGM_OK) {
        mgm_free(output);
        return status;
    }
    struct matte_item *item = &list->items[list->count++];
    *item = (struct matte_item){.photo = mgm_strdup(photo), .mask = mask, .output = output};
    return item->photo && item->output ? MGM_OK : mgm_fail_nomem(ctx, "the list of photos");
}

enum mgm_status matte_list_single(struct mgm_context *ctx, const char *photo, const char *mask, const char *output,
                                  struct matte_list *out)
{
    *out = (struct matte_list){0};
    return add(ctx, out, photo, mask, mgm_strdup(output));
}

static enum mgm_status complain(struct mgm_context *ctx, struct matte_item *item, const char *sentence)
{
    if (!item->complaint)
        item->complaint = mgm_strdup(sentence);
    return item->complaint ? MGM_OK : mgm_fail_nomem(ctx, "the list of photos");
}

static enum mgm_status add_named(struct mgm_context *ctx, struct matte_list *list, const char *photo, const char *name,
                                 const char *output, const char *extension)
{
    const char *mask = NULL;
    struct stat status;
    char sentence[sizeof ctx->error];
    bool found = stat(photo, &status) == 0;
    if (!found)
        snprintf(sentence, sizeof sentence, "%s: cannot be read: %s", photo, strerror(errno));
    else if (!(found = S_ISREG(status.st_mode))) /* a pipe in a folder would be waited for without end */
        snprintf(sentence, sizeof sentence, "%s: is no ordinary file", photo);
    else if (!(found = folder_find(ctx, &list->masks, name, &mask) == MGM_OK))
        snprintf(sentence, sizeof sentence, "%s has no mask: %s", photo, mgm_context_error(ctx));
    TRY(add(ctx, list, photo, mask, folder_path_of(output, name, extension)));
    return found ? MGM_OK : complain(ctx, &list->items[list->count - 1], sentence);
}

static enum mgm_status add_folder(struct mgm_context *ctx, struct matte_list *list, const char *path, const char *output,
                                  const char *extension)
{
    struct folder photos;
    if (folder_list(ctx, path, &photos) != MGM_OK) { /* the others may well have some */
        char sentence[sizeof ctx->error];
        snprintf(sentence, sizeof sentence, "%s", mgm_context_error(ctx));
        TRY(add(ctx, list, path, NULL, mgm_strdup(path)));
        return complain(ctx, &list->items[list->count - 1], sentence);
    }
    enum mgm_status status = MGM_OK;
    for (int i = 0; i < photos.count && status == MGM_OK; i++)
        status = add_named(ctx, list, photos.entries[i].path, photos.entries[i].name, output, extension);
    folder_release(&photos);
    return status;
}

static enum mgm_status add_file(struct mgm_context *ctx, struct matte_list *list, const char *path, const char *output,
                                const char *extension)
{
    char *name = folder_name_of(path);
    const enum mgm_status status =
        name ? add_named(ctx, list, path, name, output, extension) : mgm_fail_nomem(ctx, "the list of photos");
    mgm_free(name);
    return status;
}

static int compare_outputs(const void *a, const void *b)
{
    return strcmp((*(struct matte_item *const *)a)->output, (*(struct matte_item *const *)b)->output);
}

/** Results that would overwrite one another: none of them is made. */
static enum mgm_status find_collisions(struct mgm_context *ctx, struct matte_list *list)
{
    enum mgm_status status = MGM_OK;
    struct matte_item **sorted = mgm_alloc((size_t)list->count, sizeof(struct matte_item *));
    if (!sorted)
        return mgm_fail_nomem(ctx, "the list of photos");
    for (int i = 0; i < list->count; i++)
        sorted[i] = &list->items[i];
    qsort(sorted, (size_t)list->count, sizeof(struct matte_item *), compare_outputs);
    for (int i = 1; i < list->count && status == MGM_OK; i++) {
        char sentence[sizeof ctx->error];
        if (strcmp(sorted[i - 1]->output, sorted[i]->output) != 0)
            continue;
        for (int side = 0; side < 2 && status == MGM_OK; side++) {
            snprintf(sentence, sizeof sentence, "%s and %s would both become %s", sorted[i - side]->photo,
                     sorted[i - 1 + side]->photo, sorted[i]->output);
            status = complain(ctx, sorted[i - side], sentence);
        }
    }
    mgm_free(sorted);
    return status;
}

enum mgm_status matte_list_many(struct mgm_context *ctx, char *const *photos, int count, const char *masks,
                                const char *output, const char *extension, struct matte_list *out)
{
    *out = (struct matte_list){0};
    TRY(folder_list(ctx, masks, &out->masks));
    for (int i = 0; i < count; i++)
        TRY(folder_is(photos[i]) ? add_folder(ctx, out, photos[i], output, extension)
                                 : add_file(ctx, out, photos[i], output, extension));
    return find_collisions(ctx, out);
}

void matte_list_release(struct matte_list *list)
{
    for (int i = 0; i < list->count; i++) {
        mgm_free(list->items[i].photo);
        mgm_free(list->items[i].output);
        mgm_free(list->items[i].complaint);
    }
    mgm_free(list->items);
    folder_release(&list->masks);
    *list = (struct matte_list){0};
}
