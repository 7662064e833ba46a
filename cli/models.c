#include "models.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char extension[] = ".safetensors";

enum { FOLDERS_MOST = 3 };

struct folders {
    int count;
    char paths[FOLDERS_MOST][PATH_MAX];
};

/** The folder of the running program, "" if it cannot be told. */
static void program_folder(char *folder, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", folder, size - 1);
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
}

/** Where models are looked for, in this order. */
static void find_folders(struct folders *out)
{
    char program[PATH_MAX - 32];
    const char *chosen = getenv("MGM_MODELS");
    if (chosen && chosen[0]) {
        out->count = 1;
        snprintf(out->paths[0], PATH_MAX, "%s", chosen);
        return;
    }
    program_folder(program, sizeof program);
    out->count = 3;
    snprintf(out->paths[0], PATH_MAX, "%s/../share/mgm/models", program);
    snprintf(out->paths[1], PATH_MAX, "%s", MGM_MODELS_DIR);
    snprintf(out->paths[2], PATH_MAX, "%s", MGM_SOURCE_MODELS_DIR);
}

/** NAME of NAME.safetensors, if that is what a file is called. */
static bool name_of(const char *file, char name[MODEL_NAME_MOST])
{
    const size_t length = strcspn(file, ".");
    if (length == 0 || length >= MODEL_NAME_MOST || strcmp(file + length, extension) != 0)
        return false;
    snprintf(name, MODEL_NAME_MOST, "%.*s", (int)length, file);
    return true;
}

static void add_name(struct model_names *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            return;
    if (list->count < MODELS_MOST)
        strcpy(list->names[list->count++], name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

void models_list(struct model_names *out)
{
    struct folders folders;
    char name[MODEL_NAME_MOST];
    find_folders(&folders);
    out->count = 0;
    for (int i = 0; i < folders.count; i++) {
        DIR *folder = opendir(folders.paths[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder));)
            if (name_of(entry->d_name, name))
                add_name(out, name);
        if (folder)
            closedir(folder);
    }
    qsort(out->names, (size_t)out->count, sizeof out->names[0], by_name);
}

/** @param ending  of the file: of the weights, or of their card */
static bool find_file(const char *name, const char *ending, char *path, size_t size)
{
    struct folders folders;
    find_folders(&folders);
    for (int i = 0; i < folders.count; i++)
        if (snprintf(path, size, "%s/%s%s", folders.paths[i], name, ending) < (int)size && access(path, R_OK) == 0)
            return true;
    return false;
}

static bool find(const char *name, char *path, size_t size)
{
    return find_file(name, extension, path, size);
}

const char *model_card_line(const char *name, char *text, size_t size)
{
    char path[PATH_MAX], line[512] = "";
    FILE *card = find_file(name, ".md", path, sizeof path) ? fopen(path, "r") : NULL;
    while (card && fgets(line, sizeof line, card) && (line[0] == '#' || line[0] == '\n'))
        line[0] = '\0';
    if (card)
        fclose(card);
    snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
    return text;
}

static enum mgm_status default_is_missing(struct mgm_context *ctx, const char *option, const char *name)
{
    struct folders folders;
    char tried[FOLDERS_MOST * (PATH_MAX + 2)] = "";
    find_folders(&folders);
    for (int i = 0; i < folders.count; i++) {
        const size_t used = strlen(tried);
        snprintf(tried + used, sizeof tried - used, "%s%s", i ? ", " : "", folders.paths[i]);
    }
    return mgm_fail(ctx, MGM_E_IO, "no model was named with --%s, and %s%s is not in %.800s", option, name, extension,
                    tried);
}

enum mgm_status model_find(struct mgm_context *ctx, const char *named, char *path, size_t size)
{
    if (!named)
        return find(DEFAULT_MODEL, path, size) ? MGM_OK : default_is_missing(ctx, "model", DEFAULT_MODEL);
    if (named[0] == '\0' || strpbrk(named, "./")) {
        if (snprintf(path, size, "%s", named) < (int)size)
            return MGM_OK;
        return mgm_fail(ctx, MGM_E_INVALID, "this path is too long: %.100s…", named);
    }
    if (find(named, path, size))
        return MGM_OK;
    struct model_names installed;
    char list[512] = "";
    models_list(&installed);
    for (int i = 0; i < installed.count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", installed.names[i]);
    }
    return mgm_fail(ctx, MGM_E_IO, "no model is called '%.100s'; installed are: %s (a file of that name is ./%.100s)", named,
                    list[0] ? list : "none", named);
}

enum mgm_status foreground_model_find(struct mgm_context *ctx, char *path, size_t size)
{
    return find(DEFAULT_FOREGROUND_MODEL, path, size)
               ? MGM_OK
               : default_is_missing(ctx, "foreground-model", DEFAULT_FOREGROUND_MODEL);
}
