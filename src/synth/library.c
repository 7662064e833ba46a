#include "synth/library.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILES_MAX = 4096, PATH_SIZE = 4096 };

struct names {
    int count;
    char (*names)[SYNTH_NAME_MAX];
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool has_ending(const char *name, const char *const *endings)
{
    const char *dot = strrchr(name, '.');
    for (; dot && *endings; endings++)
        if (strcasecmp(dot, *endings) == 0)
            return true;
    return false;
}

/* What does not fit is an error, not left out: which files would be left out depends on the file system. */
static enum mgm_status add_name(struct mgm_context *ctx, const char *folder, const char *name, struct names *names)
{
    if (names->count == FILES_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: holds more than %d files to draw from", folder, FILES_MAX);
    if (strlen(name) >= SYNTH_NAME_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "%s/%s: the name is longer than %d bytes; rename the file", folder, name,
                        SYNTH_NAME_MAX - 1);
    strcpy(names->names[names->count++], name);
    return MGM_OK;
}

/* The files of a folder in alphabetical order, so that a series does not depend on the file system. */
static enum mgm_status list_folder(struct mgm_context *ctx, const char *folder, const char *const *endings, bool required,
                                   struct names *out)
{
    *out = (struct names){0};
    DIR *dir = opendir(folder);
    if (!dir) {
        if (errno == ENOENT && !required)
            return MGM_OK;
        return mgm_fail(ctx, MGM_E_IO, "%s: this folder cannot be read: %s", folder, strerror(errno));
    }
    out->names = mgm_alloc(FILES_MAX, sizeof *out->names);
    if (!out->names) {
        closedir(dir);
        return mgm_fail_nomem(ctx, folder);
    }
    enum mgm_status status = MGM_OK;
    for (struct dirent *entry; status == MGM_OK && (entry = readdir(dir)) != NULL;)
        if (has_ending(entry->d_name, endings))
            status = add_name(ctx, folder, entry->d_name, out);
    closedir(dir);
    if (status == MGM_OK && required && out->count == 0)
        status = mgm_fail(ctx, MGM_E_IO, "%s: holds no pictures (.jpg, .jpeg, .png)", folder);
    if (status != MGM_OK) {
        mgm_free(out->names);
        *out = (struct names){0};
        return status;
    }
    qsort(out->names, (size_t)out->count, sizeof *out->names, compare_names);
    return MGM_OK;
}

bool mgm_is_held_out(int index, int count, int every)
{
    return count < every ? index == count - 1 : index % every == every - 1;
}

/** Leaves the names of a part; a single one is in both. */
static void keep_part(struct names *names, enum mgm_synth_part part, int every)
{
    int kept = 0;
    if (part == MGM_SYNTH_WHOLE || names->count < 2)
        return;
    for (int i = 0; i < names->count; i++)
        if (mgm_is_held_out(i, names->count, every) == (part == MGM_SYNTH_HELD_OUT))
            memmove(names->names[kept++], names->names[i], SYNTH_NAME_MAX);
    names->count = kept;
}

/* Averages whole blocks; what is left of a fraction is done by the caller's resampling when it draws. */
static enum mgm_status shrink_to(struct mgm_context *ctx, struct mgm_bitmap *picture, int side)
{
    int longest = picture->width > picture->height ? picture->width : picture->height;
    int factor = (longest + side - 1) / side, n = picture->channels;
    if (factor <= 1)
        return MGM_OK;
    struct mgm_bitmap small;
    int width = picture->width / factor, height = picture->height / factor;
    TRY(mgm_bitmap_create(ctx, width < 1 ? 1 : width, height < 1 ? 1 : height, n, &small));
    for (int y = 0; y < small.height; y++) {
        for (int x = 0; x < small.width; x++) {
            uint64_t sum[4] = {0}, weight = 0, count = 0;
            for (int j = y * factor; j < (y + 1) * factor && j < picture->height; j++) {
                for (int i = x * factor; i < (x + 1) * factor && i < picture->width; i++) {
                    const uint8_t *p = picture->data + ((size_t)j * (size_t)picture->width + (size_t)i) * (size_t)n;
                    unsigned w = n == 4 ? p[3] : 1;
                    for (int k = 0; k < 3; k++)
                        sum[k] += w * p[k];
                    weight += w;
                    count++;
                }
            }
            uint8_t *q = small.data + ((size_t)y * (size_t)small.width + (size_t)x) * (size_t)n;
            for (int k = 0; k < 3; k++)
                q[k] = (uint8_t)(weight ? (sum[k] + weight / 2) / weight : 0);
            if (n == 4)
                q[3] = (uint8_t)((weight + count / 2) / count);
        }
    }
    mgm_bitmap_release(picture);
    *picture = small;
    return MGM_OK;
}

static enum mgm_status load_pictures(struct mgm_context *ctx, const char *folder, const char *sub, int channels, int side,
                                     enum mgm_synth_part part, bool required, mgm_read_picture read,
                                     struct picture_list *out)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", NULL};
    char path[PATH_SIZE];
    struct names found;
    snprintf(path, sizeof path, "%s/%s", folder, sub);
    TRY(list_folder(ctx, path, endings, required, &found));
    keep_part(&found, part, required ? MGM_PHOTOS_HELD_OUT : MGM_MATERIALS_HELD_OUT);
    out->names = found.names;
    if (found.count == 0)
        return MGM_OK;
    out->pictures = mgm_alloc_zeroed((size_t)found.count, sizeof *out->pictures);
    if (!out->pictures)
        return mgm_fail_nomem(ctx, path);
    for (; out->count < found.count; out->count++) {
        struct mgm_bitmap *picture = out->pictures + out->count;
        snprintf(path, sizeof path, "%s/%s/%s", folder, sub, found.names[out->count]);
        TRY(read(ctx, path, channels, picture));
        enum mgm_status status = shrink_to(ctx, picture, side);
        if (status != MGM_OK) {
            mgm_bitmap_release(picture);
            return status;
        }
    }
    return MGM_OK;
}

static enum mgm_status load_strands(struct mgm_context *ctx, const char *folder, enum mgm_synth_part part,
                                    struct mgm_synth_library *library)
{
    static const char *const endings[] = {".tfx", NULL};
    char path[PATH_SIZE];
    struct names found;
    snprintf(path, sizeof path, "%s/strands", folder);
    TRY(list_folder(ctx, path, endings, false, &found));
    keep_part(&found, part, MGM_MATERIALS_HELD_OUT);
    library->strand_names = found.names;
    if (found.count == 0)
        return MGM_OK;
    library->strands = mgm_alloc_zeroed((size_t)found.count, sizeof *library->strands);
    if (!library->strands)
        return mgm_fail_nomem(ctx, path);
    for (; library->strand_count < found.count; library->strand_count++) {
        snprintf(path, sizeof path, "%s/strands/%s", folder, found.names[library->strand_count]);
        TRY(mgm_strands_read(ctx, path, library->strands + library->strand_count));
    }
    return MGM_OK;
}

enum mgm_status mgm_synth_library_load(struct mgm_context *ctx, const char *folder, mgm_read_picture read,
                                       struct mgm_synth_library **out)
{
    return mgm_synth_library_load_part(ctx, folder, MGM_SYNTH_WHOLE, read, out);
}

enum mgm_status mgm_synth_library_load_part(struct mgm_context *ctx, const char *folder, enum mgm_synth_part part,
                                            mgm_read_picture read, struct mgm_synth_library **out)
{
    *out = NULL;
    struct mgm_synth_library *library = mgm_alloc_zeroed(1, sizeof *library);
    if (!library)
        return mgm_fail_nomem(ctx, "the library of pictures");
    const enum mgm_synth_part photos = part == MGM_SYNTH_HELD_OUT ? part : MGM_SYNTH_WHOLE;
    enum mgm_status status;
    if ((status = load_pictures(ctx, folder, "photos", 3, SYNTH_PHOTO_SIDE, photos, true, read, &library->photos)) !=
            MGM_OK ||
        (status = load_pictures(ctx, folder, "cards", 4, SYNTH_CARD_SIDE, part, false, read, &library->cards)) != MGM_OK ||
        (status = load_pictures(ctx, folder, "particles", 4, SYNTH_CARD_SIDE, part, false, read, &library->particles)) !=
            MGM_OK ||
        (status = load_pictures(ctx, folder, "objects", 4, SYNTH_PHOTO_SIDE, part, false, read, &library->objects)) !=
            MGM_OK ||
        (status = load_strands(ctx, folder, part, library)) != MGM_OK) {
        mgm_synth_library_destroy(&library);
        return status;
    }
    *out = library;
    return MGM_OK;
}

static void release_pictures(struct picture_list *list)
{
    for (int i = 0; i < list->count; i++)
        mgm_bitmap_release(list->pictures + i);
    mgm_free(list->pictures);
    mgm_free(list->names);
}

void mgm_synth_library_destroy(struct mgm_synth_library **library)
{
    struct mgm_synth_library *l = *library;
    if (!l)
        return;
    release_pictures(&l->photos);
    release_pictures(&l->cards);
    release_pictures(&l->particles);
    release_pictures(&l->objects);
    for (int i = 0; i < l->strand_count; i++)
        mgm_strands_release(l->strands + i);
    mgm_free(l->strands);
    mgm_free(l->strand_names);
    mgm_free(l);
    *library = NULL;
}

int mgm_synth_library_photo_count(const struct mgm_synth_library *library)
{
    return library->photos.count;
}

const struct mgm_bitmap *mgm_synth_library_photo(const struct mgm_synth_library *library, int index)
{
    return library->photos.pictures + index;
}
