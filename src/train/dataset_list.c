#include "train/dataset_list.h"

#include "base/memory.h"
#include "eval/name_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096 };

/* ---- one folder --------------------------------------------------------------------------------------------------------
 */

static bool is_picture(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i]))
            return name[0] != '.';
    return false;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/** Compares names without folder and extension. */
static int compare_stems(const char *a, const char *b)
{
    a = name_of(a);
    b = name_of(b);
    const size_t m = (size_t)(strrchr(a, '.') - a), n = (size_t)(strrchr(b, '.') - b);
    const int order = memcmp(a, b, m < n ? m : n);
    return order ? order : m < n ? -1 : m > n;
}

static int compare(const void *a, const void *b)
{
    const char *left = ((const struct mgm_dataset_entry *)a)->picture;
    const char *right = ((const struct mgm_dataset_entry *)b)->picture;
    const int order = compare_stems(left, right);
    return order ? order : strcmp(left, right);
}

/** @param picture, alpha  taken */
static enum mgm_status add(struct mgm_context *ctx, struct mgm_dataset_list *list, char *picture, char *alpha)
{
    if (list->count == list->room) {
        const int room = list->room ? 2 * list->room : 256;
        struct mgm_dataset_entry *more = mgm_alloc((size_t)room, sizeof *more);
        if (!more) {
            mgm_free(picture);
            mgm_free(alpha);
            return mgm_fail_nomem(ctx, "the list of the data");
        }
        if (list->count)
            memcpy(more, list->entries, (size_t)list->count * sizeof *more);
        mgm_free(list->entries);
        list->entries = more;
        list->room = room;
    }
    list->entries[list->count++] = (struct mgm_dataset_entry){picture, alpha};
    return picture ? MGM_OK : mgm_fail_nomem(ctx, "the list of the data");
}

enum mgm_status mgm_dataset_list_folder(struct mgm_context *ctx, const char *path, struct mgm_dataset_list *out)
{
    char file[PATH_SIZE];
    DIR *directory = opendir(path);
    if (!directory)
        return mgm_fail(ctx, MGM_E_IO, "%s: this folder cannot be read: %s", path, strerror(errno));
    enum mgm_status status = MGM_OK;
    for (const struct dirent *entry; status == MGM_OK && (entry = readdir(directory));)
        if (is_picture(entry->d_name)) {
            snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
            status = add(ctx, out, mgm_strdup(file), NULL);
        }
    closedir(directory);
    if (status == MGM_OK && !out->count)
        status = mgm_fail(ctx, MGM_E_INVALID, "%s: there are no pictures in it", path);
    if (out->count)
        qsort(out->entries, (size_t)out->count, sizeof *out->entries, compare);
    return status;
}

void mgm_dataset_list_release(struct mgm_dataset_list *list)
{
    for (int i = 0; i < list->count; i++) {
        mgm_free(list->entries[i].picture);
        mgm_free(list->entries[i].alpha);
    }
    mgm_free(list->entries);
    *list = (struct mgm_dataset_list){0};
}

/* ---- pairs of two folders ----------------------------------------------------------------------------------------------
 */

static void complain(struct mgm_dataset_listing *listing, const char *path, const char *what)
{
    char sentence[PATH_SIZE + 256];
    snprintf(sentence, sizeof sentence, "%s %s", path, what);
    if (!listing->complaints++)
        snprintf(listing->first, sizeof listing->first, "%.511s", sentence);
    if (listing->complain)
        listing->complain(listing->argument, sentence);
}

struct choice {
    struct mgm_name_list only, except;
};

static bool holds(const struct mgm_name_list *list, const char *path)
{
    for (int i = 0; i < list->count; i++) {
        const char *name = name_of(path), *listed = list->names[i], *dot = strrchr(listed, '.');
        const size_t length = dot ? (size_t)(dot - listed) : strlen(listed);
        if (!strcmp(name, listed) || ((size_t)(strrchr(name, '.') - name) == length && !strncmp(name, listed, length)))
            return true;
    }
    return false;
}

static bool is_chosen(const struct choice *choice, const char *path)
{
    return (!choice->only.count || holds(&choice->only, path)) && !holds(&choice->except, path);
}

/** Both are sorted: each is gone through once. */
static enum mgm_status pair(struct mgm_context *ctx, const struct mgm_dataset_list *pictures,
                            const struct mgm_dataset_list *alphas, const struct choice *choice,
                            struct mgm_dataset_listing *listing, struct mgm_dataset_list *out)
{
    for (int i = 0, k = 0; i < pictures->count || k < alphas->count;) {
        const char *picture = i < pictures->count ? pictures->entries[i].picture : NULL;
        const char *alpha = k < alphas->count ? alphas->entries[k].picture : NULL;
        const int order = !picture ? 1 : !alpha ? -1 : compare_stems(picture, alpha);
        if (order < 0 && is_chosen(choice, picture))
            complain(listing, picture, "has no matte of the same name");
        if (order > 0 && is_chosen(choice, alpha))
            complain(listing, alpha, "is the matte of no foreground, or of one that has another already");
        if (order == 0 && is_chosen(choice, picture))
            TRY(add(ctx, out, mgm_strdup(picture), mgm_strdup(alpha)));
        i += order <= 0;
        k += order >= 0;
    }
    return MGM_OK;
}

static bool is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/** @return MGM_OK and nothing added if the folders are not there */
static enum mgm_status list_pair(struct mgm_context *ctx, const char *root, const char *const names[2],
                                 const struct choice *choice, struct mgm_dataset_listing *listing,
                                 struct mgm_dataset_list *out)
{
    char pictures_path[PATH_SIZE], alphas_path[PATH_SIZE];
    struct mgm_dataset_list pictures = {0}, alphas = {0};
    snprintf(pictures_path, sizeof pictures_path, "%s/%s", root, names[0]);
    snprintf(alphas_path, sizeof alphas_path, "%s/%s", root, names[1]);
    if (!is_folder(pictures_path) || !is_folder(alphas_path))
        return MGM_OK;
    enum mgm_status status = mgm_dataset_list_folder(ctx, pictures_path, &pictures);
    if (status == MGM_OK)
        status = mgm_dataset_list_folder(ctx, alphas_path, &alphas);
    if (status == MGM_OK)
        status = pair(ctx, &pictures, &alphas, choice, listing, out);
    mgm_dataset_list_release(&pictures);
    mgm_dataset_list_release(&alphas);
    return status;
}

/* ---- sources -----------------------------------------------------------------------------------------------------------
 */

enum { PAIRS_MAX = 4 };

static const struct layout {
    const char *roots[3];            /* the first that is there; NULL: the folder itself */
    const char *pairs[PAIRS_MAX][2]; /* all that are there … */
    bool first_only;                 /* … or the first */
    const char *wanted;              /* for the sentence */
} layouts[] = {
    [MGM_SOURCE_COMPOSITION] = {{"Combined_Dataset/Training_set", "Training_set", NULL},
                                {{"Adobe-licensed images/fg", "Adobe-licensed images/alpha"},
                                 {"Other/fg", "Other/alpha"},
                                 {"fg", "alpha"},
                                 {"all/fg", "all/alpha"}},
                                false,
                                "Training_set with 'Adobe-licensed images' and 'Other', each with fg and alpha"},
    [MGM_SOURCE_DISTINCTION] = {{"Train", NULL}, {{"FG", "GT"}}, true, "Train with FG and GT"},
    [MGM_SOURCE_FOLDERS] = {{NULL}, {{"fg", "alpha"}, {"foreground", "alpha"}}, true, "fg and alpha"},
};

static enum mgm_status list_layout(struct mgm_context *ctx, const struct mgm_source *source, const struct choice *choice,
                                   struct mgm_dataset_listing *listing, struct mgm_dataset_list *out)
{
    const struct layout *layout = &layouts[source->kind];
    char root[PATH_SIZE] = "";
    for (int i = 0; layout->roots[i] && !is_folder(root); i++)
        snprintf(root, sizeof root, "%s/%s", source->path, layout->roots[i]);
    if (!is_folder(root))
        snprintf(root, sizeof root, "%s", source->path);
    const int complaints = listing->complaints;
    for (int i = 0; i < PAIRS_MAX && layout->pairs[i][0]; i++)
        if (!out->count || (!layout->first_only && i < 2)) /* 'all' holds the same pictures once more */
            TRY(list_pair(ctx, root, layout->pairs[i], choice, listing, out));
    if (!out->count && listing->complaints == complaints)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: there are no foregrounds in it; expected %s", source->path, layout->wanted);
    return MGM_OK;
}

enum mgm_status mgm_dataset_list_source(struct mgm_context *ctx, const struct mgm_source *source,
                                        struct mgm_dataset_listing *listing, struct mgm_dataset_list *out)
{
    struct choice choice = {{0}, {0}};
    enum mgm_status status = MGM_OK;
    if (source->only[0])
        status = mgm_name_list_read(ctx, source->only, &choice.only);
    if (status == MGM_OK && source->except[0])
        status = mgm_name_list_read(ctx, source->except, &choice.except);
    if (status == MGM_OK)
        status = list_layout(ctx, source, &choice, listing, out);
    for (int i = 0; status == MGM_OK && i < choice.only.count; i++) {
        bool found = false;
        for (int k = 0; k < out->count && !found; k++) {
            const struct mgm_name_list one = {1, &choice.only.names[i], NULL};
            found = holds(&one, out->entries[k].picture);
        }
        if (!found)
            complain(listing, choice.only.names[i], "is listed, but not there");
    }
    mgm_name_list_release(&choice.only);
    mgm_name_list_release(&choice.except);
    return status;
}
