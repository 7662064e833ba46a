#include "folder.h"

#include "image_file.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *folder_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = mgm_strdup(slash ? slash + 1 : path);
    char *dot = name ? strrchr(name, '.') : NULL;
    if (dot && dot != name)
        *dot = '\0';
    return name;
}

char *folder_path_of(const char *folder, const char *name, const char *extension)
{
    const char *slash = folder[0] && folder[strlen(folder) - 1] == '/' ? "" : "/";
    const size_t size = strlen(folder) + strlen(name) + strlen(extension) + 2;
    char *path = mgm_alloc(size, 1);
    if (path)
        snprintf(path, size, "%s%s%s%s", folder, slash, name, extension);
    return path;
}

static int compare(const void *a, const void *b)
{
    const struct folder_entry *left = a, *right = b;
    const int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->path, right->path);
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
    *entry = (struct folder_entry){folder_name_of(file), folder_path_of(folder->path, file, "")};
    return entry->name && entry->path ? MGM_OK : mgm_fail_nomem(ctx, "the list of a folder");
}

enum mgm_status folder_list(struct mgm_context *ctx, const char *path, struct folder *out)
{
    *out = (struct folder){.path = path};
    DIR *directory = opendir(path);
    if (!directory)
        return mgm_fail(ctx, MGM_E_IO, "%s: this folder cannot be read: %s", path, strerror(errno));
    enum mgm_status status = MGM_OK;
    int room = 0;
    while (status == MGM_OK) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry && errno)
            status = mgm_fail(ctx, MGM_E_IO, "%s: this folder cannot be read: %s", path, strerror(errno));
        if (!entry)
            break;
        if (entry->d_name[0] != '.' && image_file_has_extension(entry->d_name))
            status = add(ctx, out, &room, entry->d_name);
    }
    closedir(directory);
    if (status == MGM_OK && out->count)
        qsort(out->entries, (size_t)out->count, sizeof *out->entries, compare);
    else if (status == MGM_OK)
        status = mgm_fail(ctx, MGM_E_INVALID, "%s: there are no pictures in it", path);
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

/** Index of the first entry of that name; the number of entries if there is none. */
static int first_of(const struct folder *folder, const char *name)
{
    int low = 0, high = folder->count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (strcmp(folder->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < folder->count && strcmp(folder->entries[low].name, name) == 0 ? low : folder->count;
}

enum mgm_status folder_find(struct mgm_context *ctx, const struct folder *folder, const char *name, const char **path)
{
    const int first = first_of(folder, name);
    if (first == folder->count)
        return mgm_fail(ctx, MGM_E_IO, "%s: there is no picture called %s in it", folder->path, name);
    const struct folder_entry *entry = &folder->entries[first];
    if (first + 1 < folder->count && strcmp(entry[1].name, name) == 0)
        return mgm_fail(ctx, MGM_E_INVALID, "%s and %s have the same name: which is meant?", entry[0].path, entry[1].path);
    *path = entry->path;
    return MGM_OK;
}

bool folder_holds(const struct folder *folder, const char *name)
{
    return first_of(folder, name) < folder->count;
}

bool folder_is(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

enum mgm_status folder_make(struct mgm_context *ctx, const char *path)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && folder_is(path)))
        return MGM_OK;
    if (errno == EEXIST)
        return mgm_fail(ctx, MGM_E_IO, "%s: is a file, but a folder was expected", path);
    return mgm_fail(ctx, MGM_E_IO, "%s: this folder cannot be made: %s", path, strerror(errno));
}
