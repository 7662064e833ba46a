#include "eval_cases.h"

#include "base/memory.h"
#include "eval/name_list.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the list ----------------------------------------------------------------------------------------------------------
 */

static enum mgm_status grow(struct mgm_context *ctx, void **items, int count, int *room, size_t size)
{
    if (count < *room)
        return MGM_OK;
    const int wanted = *room ? 2 * *room : 64;
    void *more = mgm_alloc((size_t)wanted, size);
    if (!more)
        return mgm_fail_nomem(ctx, "the list of pictures");
    if (count)
        memcpy(more, *items, (size_t)count * size);
    mgm_free(*items);
    *items = more;
    *room = wanted;
    return MGM_OK;
}

/** Keeps the context's sentence. */
static enum mgm_status complain(struct mgm_context *ctx, struct eval_cases *cases)
{
    void *items = cases->complaints;
    TRY(grow(ctx, &items, cases->complaint_count, &cases->complaint_room, sizeof *cases->complaints));
    cases->complaints = items;
    char *sentence = mgm_strdup(mgm_context_error(ctx));
    if (!sentence)
        return mgm_fail_nomem(ctx, "the list of pictures");
    cases->complaints[cases->complaint_count++] = sentence;
    return MGM_OK;
}

static void release_case(struct eval_case *one)
{
    char *texts[] = {one->name,  one->image,  one->foreground, one->background,
                     one->alpha, one->trimap, one->mask,       one->detail};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        mgm_free(texts[i]);
}

/** Takes a case, or the complaint that it was not complete. @param status  of making it */
static enum mgm_status add(struct mgm_context *ctx, struct eval_cases *cases, struct eval_case *one, enum mgm_status status)
{
    void *items = cases->cases;
    if (status == MGM_OK)
        status = grow(ctx, &items, cases->count, &cases->room, sizeof *one);
    cases->cases = items;
    if (status == MGM_OK) {
        cases->trimaps = cases->trimaps && one->trimap;
        cases->masks = cases->masks && one->mask;
        cases->details = cases->details && one->detail;
        cases->cases[cases->count++] = *one;
        return MGM_OK;
    }
    release_case(one);
    return status == MGM_E_NOMEM ? status : complain(ctx, cases);
}

void eval_cases_release(struct eval_cases *cases)
{
    for (int i = 0; i < cases->count; i++)
        release_case(&cases->cases[i]);
    for (int i = 0; i < cases->complaint_count; i++)
        mgm_free(cases->complaints[i]);
    mgm_free(cases->cases);
    mgm_free(cases->complaints);
    *cases = (struct eval_cases){0};
}

/* ---- folders and files -------------------------------------------------------------------------------------------------
 */

enum { PATH_SIZE = 4096 };

/** The first of these folders that is there, "" if none is. @param names  ends with NULL */
static void choose_folder(const char *data, const char *const *names, char path[PATH_SIZE])
{
    for (; *names; names++) {
        if (snprintf(path, PATH_SIZE, "%s/%s", data, *names) < PATH_SIZE && folder_is(path))
            return;
    }
    path[0] = '\0';
}

static enum mgm_status copy_text(struct mgm_context *ctx, const char *text, char **out)
{
    *out = mgm_strdup(text);
    return *out ? MGM_OK : mgm_fail_nomem(ctx, "the list of pictures");
}

/** "photo_3" without its number; the whole of a name that has none. */
static size_t base_length(const char *name)
{
    size_t length = strlen(name), end = length;
    while (end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9')
        end--;
    return end > 1 && end < length && name[end - 1] == '_' ? end - 1 : length;
}

/** The picture of a name, or of one of two others that it may go by. */
static enum mgm_status find(struct mgm_context *ctx, const struct folder *folder, const char *name, bool numbered,
                            const char *suffix, char **out)
{
    char other[PATH_SIZE];
    const char *path;
    if (!folder_holds(folder, name) && numbered) {
        snprintf(other, sizeof other, "%.*s", (int)base_length(name), name);
        if (folder_holds(folder, other))
            name = other;
    } else if (!folder_holds(folder, name) && suffix) {
        snprintf(other, sizeof other, "%s%s", name, suffix);
        if (folder_holds(folder, other))
            name = other;
    }
    TRY(folder_find(ctx, folder, name, &path));
    return copy_text(ctx, path, out);
}

static enum mgm_status check_file(struct mgm_context *ctx, const char *path)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_IO, "%s: there is no such file, or nothing in it", path);
}

/* ---- photos and mattes, side by side -----------------------------------------------------------------------------------
 */

struct pairs {
    char paths[5][PATH_SIZE]; /* of photos, mattes, trimaps, masks, details; "": none */
    struct folder folders[5];
};

static const char *const photo_folders[] = {"image", "images", "input", "input_training_lowres", "merged", "Image", NULL};
static const char *const matte_folders[] = {"alpha", "alphas", "gt_training_lowres", "GT", NULL};
static const char *const trimap_folders[] = {"trimap", "trimaps", "trimap_training_lowres/Trimap1", "Trimap", NULL};
static const char *const mask_folders[] = {"mask", "masks", NULL};
static const char *const detail_folders[] = {"detail", "details", "detailmap", NULL};
static const char *const *const pair_folders[5] = {photo_folders, matte_folders, trimap_folders, mask_folders,
                                                   detail_folders};

static enum mgm_status list_pairs(struct mgm_context *ctx, const struct mgm_protocol *protocol, const char *data,
                                  struct pairs *pairs)
{
    const bool needed[5] = {true, true, protocol->needs_trimap, protocol->needs_mask, protocol->needs_detail};
    for (int i = 0; i < 5; i++) {
        choose_folder(data, pair_folders[i], pairs->paths[i]);
        if (!pairs->paths[i][0] && needed[i])
            return mgm_fail(ctx, MGM_E_IO, "%s: protocol %s needs a folder %s in it", data, protocol->name,
                            pair_folders[i][0]);
        if (pairs->paths[i][0])
            TRY(folder_list(ctx, pairs->paths[i], &pairs->folders[i]));
    }
    return MGM_OK;
}

static enum mgm_status make_pair(struct mgm_context *ctx, const struct pairs *pairs, const struct folder_entry *photo,
                                 struct eval_case *one)
{
    *one = (struct eval_case){0};
    const struct folder *folders = pairs->folders;
    TRY(copy_text(ctx, photo->name, &one->name));
    TRY(find(ctx, &folders[0], photo->name, false, NULL, &one->image));
    TRY(find(ctx, &folders[1], photo->name, true, NULL, &one->alpha));
    if (folders[2].count)
        TRY(find(ctx, &folders[2], photo->name, false, NULL, &one->trimap));
    if (folders[3].count)
        TRY(find(ctx, &folders[3], photo->name, false, NULL, &one->mask));
    return folders[4].count ? find(ctx, &folders[4], photo->name, false, "_cloud_trimap", &one->detail) : MGM_OK;
}

/** Mattes without a photo are pictures that are missing. */
static enum mgm_status find_lonely(struct mgm_context *ctx, const struct pairs *pairs, struct eval_cases *cases)
{
    const struct folder *photos = &pairs->folders[0], *mattes = &pairs->folders[1];
    for (int i = 0; i < mattes->count; i++) {
        const char *name = mattes->entries[i].name;
        bool found = folder_holds(photos, name);
        for (int k = 0; k < photos->count && !found; k++) {
            const char *photo = photos->entries[k].name;
            found = base_length(photo) == strlen(name) && !strncmp(photo, name, strlen(name));
        }
        if (!found) {
            (void)mgm_fail(ctx, MGM_E_IO, "%s has no photo in %s", mattes->entries[i].path, photos->path);
            TRY(complain(ctx, cases));
        }
    }
    return MGM_OK;
}

static enum mgm_status find_pairs(struct mgm_context *ctx, const struct mgm_protocol *protocol, const char *data,
                                  struct eval_cases *cases)
{
    struct pairs pairs = {0};
    enum mgm_status status = list_pairs(ctx, protocol, data, &pairs);
    for (int i = 0; status == MGM_OK && i < pairs.folders[0].count; i++) {
        struct eval_case one;
        const enum mgm_status made = make_pair(ctx, &pairs, &pairs.folders[0].entries[i], &one);
        status = add(ctx, cases, &one, made);
    }
    if (status == MGM_OK)
        status = find_lonely(ctx, &pairs, cases);
    for (int i = 0; i < 5; i++)
        folder_release(&pairs.folders[i]);
    return status;
}

/* ---- foregrounds over backgrounds --------------------------------------------------------------------------------------
 */

struct composed {
    char root[PATH_SIZE], foregrounds[PATH_SIZE], alphas[PATH_SIZE], trimaps[PATH_SIZE]; /* trimaps "": none */
    struct mgm_name_list foreground_names, background_names;
};

static enum mgm_status check_counts(struct mgm_context *ctx, const struct composed *set)
{
    const int wanted = EVAL_BACKGROUNDS * set->foreground_names.count;
    if (set->background_names.count >= wanted)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_INVALID, "%s: %d foregrounds need %d backgrounds each, but only %d are listed", set->root,
                    set->foreground_names.count, EVAL_BACKGROUNDS, set->background_names.count);
}

static enum mgm_status read_lists(struct mgm_context *ctx, const char *data, struct composed *set)
{
    static const char *const roots[] = {"Combined_Dataset/Test_set", "Test_set", ".", NULL};
    char path[2 * PATH_SIZE];
    choose_folder(data, roots, set->root);
    snprintf(set->foregrounds, PATH_SIZE, "%.4000s/Adobe-licensed images/fg", set->root);
    snprintf(set->alphas, PATH_SIZE, "%.4000s/Adobe-licensed images/alpha", set->root);
    snprintf(set->trimaps, PATH_SIZE, "%.4000s/Adobe-licensed images/trimaps", set->root);
    snprintf(path, sizeof path, "%s/test_fg_names.txt", set->root);
    TRY(mgm_name_list_read(ctx, path, &set->foreground_names));
    snprintf(path, sizeof path, "%s/test_bg_names.txt", set->root);
    TRY(mgm_name_list_read(ctx, path, &set->background_names));
    return check_counts(ctx, set);
}

/** The names of a folder's pictures, in order, as a list. */
static enum mgm_status names_of_folder(struct mgm_context *ctx, const char *path, struct mgm_name_list *out)
{
    struct folder folder;
    TRY(folder_list(ctx, path, &folder));
    size_t size = 1;
    for (int i = 0; i < folder.count; i++)
        size += strlen(strrchr(folder.entries[i].path, '/'));
    char *text = mgm_alloc(size, 1), *next = text;
    enum mgm_status status = text ? MGM_OK : mgm_fail_nomem(ctx, path);
    for (int i = 0; status == MGM_OK && i < folder.count; i++)
        next += sprintf(next, "%s\n", strrchr(folder.entries[i].path, '/') + 1);
    if (status == MGM_OK)
        status = mgm_name_list_parse(ctx, path, text, (size_t)(next - text), out);
    mgm_free(text);
    folder_release(&folder);
    return status;
}

static enum mgm_status read_folders(struct mgm_context *ctx, const char *data, const char *backgrounds, struct composed *set)
{
    static const char *const roots[] = {"Test", ".", NULL};
    char path[2 * PATH_SIZE];
    choose_folder(data, roots, set->root);
    snprintf(set->foregrounds, PATH_SIZE, "%.4000s/FG", set->root);
    snprintf(set->alphas, PATH_SIZE, "%.4000s/GT", set->root);
    TRY(names_of_folder(ctx, set->foregrounds, &set->foreground_names));
    snprintf(path, sizeof path, "%s/test_bg_names.txt", set->root);
    struct stat facts;
    if (stat(path, &facts) == 0)
        TRY(mgm_name_list_read(ctx, path, &set->background_names));
    else
        TRY(names_of_folder(ctx, backgrounds, &set->background_names));
    return check_counts(ctx, set);
}

static enum mgm_status make_composed(struct mgm_context *ctx, const struct composed *set, const struct folder folders[3],
                                     const char *backgrounds, int index, struct eval_case *one)
{
    *one = (struct eval_case){0};
    char path[PATH_SIZE];
    char *stem = folder_name_of(set->foreground_names.names[index / EVAL_BACKGROUNDS]);
    if (!stem)
        return mgm_fail_nomem(ctx, "the list of pictures");
    snprintf(path, sizeof path, "%s_%d", stem, index % EVAL_BACKGROUNDS);
    enum mgm_status status = copy_text(ctx, path, &one->name);
    if (status == MGM_OK)
        status = find(ctx, &folders[0], stem, false, NULL, &one->foreground);
    if (status == MGM_OK)
        status = find(ctx, &folders[1], stem, false, NULL, &one->alpha);
    if (status == MGM_OK && set->trimaps[0])
        status = find(ctx, &folders[2], one->name, false, NULL, &one->trimap);
    mgm_free(stem);
    if (status == MGM_OK) {
        one->background = folder_path_of(backgrounds, set->background_names.names[index], "");
        status = one->background ? check_file(ctx, one->background) : mgm_fail_nomem(ctx, "the list of pictures");
    }
    return status;
}

static enum mgm_status find_composed(struct mgm_context *ctx, const struct mgm_protocol *protocol, const char *data,
                                     const char *backgrounds, struct eval_cases *cases)
{
    struct composed set = {0};
    struct folder folders[3] = {{0}};
    if (!backgrounds)
        return mgm_fail(ctx, MGM_E_INVALID,
                        "protocol %s lays foregrounds over pictures of PASCAL VOC: name their folder with --backgrounds",
                        protocol->name);
    enum mgm_status status = protocol->layout == MGM_LAYOUT_COMPOSITION ? read_lists(ctx, data, &set)
                                                                        : read_folders(ctx, data, backgrounds, &set);
    const char *const paths[3] = {set.foregrounds, set.alphas, set.trimaps};
    for (int i = 0; status == MGM_OK && i < 3; i++)
        if (paths[i][0])
            status = folder_list(ctx, paths[i], &folders[i]);
    for (int i = 0; status == MGM_OK && i < EVAL_BACKGROUNDS * set.foreground_names.count; i++) {
        struct eval_case one;
        const enum mgm_status made = make_composed(ctx, &set, folders, backgrounds, i, &one);
        status = add(ctx, cases, &one, made);
    }
    for (int i = 0; i < 3; i++)
        folder_release(&folders[i]);
    mgm_name_list_release(&set.foreground_names);
    mgm_name_list_release(&set.background_names);
    return status;
}

enum mgm_status eval_cases_find(struct mgm_context *ctx, const struct mgm_protocol *protocol, const char *data,
                                const char *backgrounds, struct eval_cases *out)
{
    static const char *const composed[] = {"merged", "Image", NULL};
    static const char *const roots[] = {"", "/Test"};
    char path[PATH_SIZE], root[PATH_SIZE];
    bool pairs = protocol->layout == MGM_LAYOUT_PAIRS;
    *out = (struct eval_cases){.trimaps = true, .masks = true, .details = true};
    if (!folder_is(data))
        return mgm_fail(ctx, MGM_E_IO, "%s: there is no such folder", data);
    snprintf(root, sizeof root, "%s", data);
    for (int i = 0; i < 2 && !pairs; i++) { /* somebody has composed them already */
        snprintf(root, sizeof root, "%s%s", data, roots[i]);
        choose_folder(root, composed, path);
        pairs = path[0] != 0;
    }
    if (pairs)
        TRY(find_pairs(ctx, protocol, root, out));
    else
        TRY(find_composed(ctx, protocol, data, backgrounds, out));
    if (out->count)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_INVALID, "%s: no picture of it is complete: %s", data,
                    out->complaint_count ? out->complaints[0] : "there are none");
}
