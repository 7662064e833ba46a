#include "folder.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_picture(const char *file)
{
    static const char *const extensions[] = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"};
    const char *dot = strrchr(file, '.');
    for (size_t i = 0; dot && dot != file && i < sizeof extensions / sizeof *extensions; i++)
        if (strcasecmp(dot, extensions[i]) == 0)
            return true;
    return false;
}

char *folder_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = mgm_strdup(slash ? slash + 1 : path);
    char *dot = name ? strrchr(name, '.') : NULL;
    if (dot && dot != name)
        *dot = '\0';
    return name;
}

static char *join(const char *folder, const char *file)
{
    size_t size = strlen(folder) + strlen(file) + 2;
    char *path = mgm_alloc(size, 1);
    if (path)
        snprintf(path, size, "%s/%s", folder, file);
    return path;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct folder_entry *)a)->name, ((const struct folder_entry *)b)->name);
}

static enum mgm_status add(struct mgm_context *ctx, struct folder *folder, int *room, const char *file)
{
    if (folder->count == *room) {
        *room = *room ? 2 * *room : 64;
        struct folder_entry *more = mgm_alloc((size_t)*room, sizeof *more);
        if (!more)
            return mgm_fail_nomem(ctx, "the list of a folder");
        if (folder->count)
            memcpy(more, folder->entries, (size_t)folder->count * sizeof *more);
        mgm_free(folder->entries);
        folder->entries = more;
    }
    struct folder_entry *entry = &folder->entries[folder->count++];
    *entry = (struct folder_entry){folder_name_of(file), join(folder->path, file)};
    return entry->name && entry->path ? MGM_OK : mgm_fail_nomem(ctx, "the list of a folder");
}

static enum mgm_status check(struct mgm_context *ctx, const struct folder *folder)
{
    if (folder->count == 0)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: there are no pictures in it", folder->path);
    for (int i = 1; i < folder->count; i++)
        if (strcmp(folder->entries[i - 1].name, folder->entries[i].name) == 0)
            return mgm_fail(ctx, MGM_E_INVALID, "%s and %s have the same name: which is meant?", folder->entries[i - 1].path,
                            folder->entries[i].path);
    return MGM_OK;
}

enum mgm_status folder_list(struct mgm_context *ctx, const char *path, struct folder *out)
{
    *out = (struct folder){.path = path};
    DIR *directory = opendir(path);
    if (!directory)
        return mgm_fail(ctx, MGM_E_IO, "%s: this folder cannot be read: %s", path, strerror(errno));
    enum mgm_status status = MGM_OK;
    int room = 0;
    for (const struct dirent *entry; status == MGM_OK && (entry = readdir(directory));)
        if (is_picture(entry->d_name))
            status = add(ctx, out, &room, entry->d_name);
    closedir(directory);
    if (status == MGM_OK) {
        if (out->count)
            qsort(out->entries, (size_t)out->count, sizeof *out->entries, compare);
        status = check(ctx, out);
    }
    if (status != MGM_OK)
        folder_release(out);
    return status;
}

void folder_release(struct folder *folder)
{
    for (int i = 0; i < folder->count; i++) {
        mgm_free(folder->entries[i].name);
        mgm_free(folder->entries[i].path);
    }
    mgm_free(folder->entries);
    *folder = (struct folder){0};
}

const char *folder_find(const struct folder *folder, const char *name)
{
    const struct folder_entry key = {.name = (char *)name};
    if (!folder->count)
        return NULL;
    const struct folder_entry *found =
        bsearch(&key, folder->entries, (size_t)folder->count, sizeof *folder->entries, compare);
    return found ? found->path : NULL;
}
