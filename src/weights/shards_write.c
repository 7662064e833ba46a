#include "base/memory.h"
#include "weights/index.h"
#include "weights/output_file.h"
#include "weights/safetensors_file.h"
#include "weights/shards.h"
#include "weights/shards_plan.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SHARDS = 99999, NAME_LENGTH = 64 };
static const char SHARD_SUFFIX[] = ".safetensors";

struct set {
    struct mgm_context *ctx;
    const char *path; /* of the index */
    const struct mgm_tensor_source *given;
    struct mgm_tensor_source *tensors; /* as given, shard by shard */
    int tensor_count;
    uint64_t total_size;
    char *stem;                           /* what comes before "-00001-of-00002.safetensors" */
    int shard_count, *first;              /* [shard_count + 1]: the shards' first tensors, and the end */
    struct mgm_output_file *files, index; /* [shard_count] */
};

/* ---- the plan ------------------------------------------------------------------------------------------------------- */

static enum mgm_status find_stem(struct set *set)
{
    if (!mgm_index_is_name(set->path))
        return mgm_fail(set->ctx, MGM_E_INVALID, "%s: no name for an index of shards; expected NAME%s%s", set->path,
                        SHARD_SUFFIX, MGM_INDEX_SUFFIX);
    set->stem = mgm_strdup(set->path);
    if (!set->stem)
        return mgm_fail_nomem(set->ctx, set->path);
    size_t length = strlen(set->stem) - (sizeof MGM_INDEX_SUFFIX - 1), suffix = sizeof SHARD_SUFFIX - 1;
    set->stem[length] = 0;
    if (length > suffix && strcmp(set->stem + length - suffix, SHARD_SUFFIX) == 0)
        set->stem[length - suffix] = 0;
    return MGM_OK;
}

/* Where text is written as JSON, at most so many bytes, quotes and what separates it from the next included. */
static uint64_t text_bound(const char *text)
{
    uint64_t bytes = 4;
    for (; *text; text++)
        bytes += (unsigned char)*text < 0x20 || *text == '"' || *text == '\\' ? 6 : 1;
    return bytes;
}

/* Bytes of a shard with no tensor in it, at most. */
static uint64_t empty_bound(const char *const *metadata, int count)
{
    uint64_t bytes = 2 * SAFETENSORS_LENGTH_BYTES + sizeof "{\"" SAFETENSORS_METADATA "\":{},}";
    for (int i = 0; i < 2 * count; i++)
        bytes += text_bound(metadata[i]);
    return bytes;
}

/* What a tensor adds to the header, at most: no number takes more than 24 characters. */
static uint64_t entry_bound(const struct mgm_tensor_source *tensor)
{
    return text_bound(tensor->name) + sizeof "{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[]}," +
           25 * ((uint64_t)tensor->ndim + 2);
}

/* Shard by shard, within each in the order given. */
static void arrange(struct set *set, const int *shard)
{
    int placed = 0;
    for (int i = 0; i < set->shard_count; i++) {
        set->first[i] = placed;
        for (int k = 0; k < set->tensor_count; k++)
            if (shard[k] == i)
                set->tensors[placed++] = set->given[k];
    }
    set->first[set->shard_count] = placed;
}

static enum mgm_status plan(struct set *set, uint64_t empty, uint64_t max_bytes)
{
    const size_t count = (size_t)set->tensor_count;
    if (set->tensor_count < 1)
        return mgm_fail(set->ctx, MGM_E_INVALID, "%s: there is no tensor to be written", set->path);
    uint64_t *sizes = mgm_alloc(count, sizeof *sizes);
    int *shard = mgm_alloc(count, sizeof *shard);
    set->tensors = mgm_alloc(count, sizeof *set->tensors);
    set->first = mgm_alloc(count + 1, sizeof *set->first);
    enum mgm_status status = sizes && shard && set->tensors && set->first ? MGM_OK : mgm_fail_nomem(set->ctx, set->path);
    for (int i = 0; i < set->tensor_count && status == MGM_OK; i++) {
        size_t bytes = 0;
        status = mgm_safetensors_check_source(set->ctx, set->path, set->given, i, &bytes);
        sizes[i] = bytes + entry_bound(&set->given[i]);
        set->total_size += bytes;
    }
    if (status == MGM_OK) {
        set->shard_count = mgm_shards_plan(sizes, set->tensor_count, empty, max_bytes, shard);
        status = set->shard_count ? MGM_OK : mgm_fail_nomem(set->ctx, set->path);
    }
    if (status == MGM_OK && set->shard_count > MAX_SHARDS)
        status = mgm_fail(set->ctx, MGM_E_INVALID, "%s: %d shards would be needed, and %d are the most: make them larger",
                          set->path, set->shard_count, MAX_SHARDS);
    if (status == MGM_OK)
        arrange(set, shard);
    else
        set->shard_count = 0;
    mgm_free(sizes);
    mgm_free(shard);
    return status;
}

/* NULL: no memory. */
static char *shard_path(const struct set *set, int shard)
{
    const size_t size = strlen(set->stem) + NAME_LENGTH;
    char *path = mgm_alloc(size, 1);
    if (path)
        snprintf(path, size, "%s-%05d-of-%05d%s", set->stem, shard + 1, set->shard_count, SHARD_SUFFIX);
    return path;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static enum mgm_status write_shards(struct set *set, const char *const *metadata, int metadata_count)
{
    set->files = mgm_alloc_zeroed((size_t)set->shard_count, sizeof *set->files);
    if (!set->files)
        return mgm_fail_nomem(set->ctx, set->path);
    for (int i = 0; i < set->shard_count; i++) {
        const int begin = set->first[i], count = set->first[i + 1] - begin;
        char *path = shard_path(set, i);
        if (!path)
            return mgm_fail_nomem(set->ctx, set->path);
        enum mgm_status status =
            mgm_safetensors_prepare(set->ctx, path, set->tensors + begin, count, metadata, metadata_count, &set->files[i]);
        mgm_free(path);
        TRY(status);
    }
    return MGM_OK;
}

/* False only where memory ran out. */
static bool add_places(const struct set *set, cJSON *map)
{
    bool ok = map;
    for (int i = 0; i < set->shard_count && ok; i++) {
        char *path = shard_path(set, i);
        const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
        for (int k = set->first[i]; k < set->first[i + 1] && ok; k++)
            ok = name && cJSON_AddStringToObject(map, set->tensors[k].name, name);
        mgm_free(path);
    }
    return ok;
}

static enum mgm_status write_index(struct set *set)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *facts = cJSON_AddObjectToObject(document, "metadata");
    bool ok = cJSON_AddNumberToObject(facts, MGM_INDEX_TOTAL_SIZE, (double)set->total_size) &&
              add_places(set, cJSON_AddObjectToObject(document, "weight_map"));
    char *text = ok ? cJSON_Print(document) : NULL;
    cJSON_Delete(document);
    enum mgm_status status = text ? MGM_OK : mgm_fail_nomem(set->ctx, set->path);
    if (status == MGM_OK)
        status = mgm_output_file_open(set->ctx, set->path, &set->index);
    if (status == MGM_OK)
        status = mgm_output_file_write(&set->index, text, strlen(text));
    if (status == MGM_OK)
        status = mgm_output_file_write(&set->index, "\n", 1);
    if (status == MGM_OK)
        status = mgm_output_file_flush(&set->index);
    cJSON_free(text);
    return status;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static void remove_shards(const struct set *set, int count)
{
    for (int i = 0; i < count; i++) {
        char *path = shard_path(set, i);
        if (path)
            unlink(path);
        mgm_free(path);
    }
}

/* The index of an earlier set goes before its shards are replaced: it never names some old ones and some new ones. */
static enum mgm_status give_names(struct set *set)
{
    enum mgm_status status = MGM_OK;
    int named = 0;
    if (unlink(set->path) != 0 && errno != ENOENT)
        return mgm_fail(set->ctx, MGM_E_IO, "%s: cannot be replaced: %s", set->path, strerror(errno));
    while (named < set->shard_count && status == MGM_OK) {
        status = mgm_output_file_finish(&set->files[named]);
        named += status == MGM_OK;
    }
    if (status == MGM_OK)
        status = mgm_output_file_finish(&set->index);
    if (status != MGM_OK)
        remove_shards(set, named);
    return status;
}

static void release(struct set *set)
{
    for (int i = 0; set->files && i < set->shard_count; i++)
        mgm_output_file_discard(&set->files[i]);
    mgm_output_file_discard(&set->index);
    mgm_free(set->files);
    mgm_free(set->tensors);
    mgm_free(set->first);
    mgm_free(set->stem);
}

enum mgm_status mgm_shards_write(struct mgm_context *ctx, const char *path, const struct mgm_tensor_source *tensors,
                                 int tensor_count, const char *const *metadata, int metadata_count, uint64_t max_bytes)
{
    struct set set = {.ctx = ctx, .path = path, .given = tensors, .tensor_count = tensor_count};
    enum mgm_status status = find_stem(&set);
    if (status == MGM_OK)
        status = plan(&set, empty_bound(metadata, metadata_count), max_bytes);
    if (status == MGM_OK)
        status = write_shards(&set, metadata, metadata_count);
    if (status == MGM_OK)
        status = write_index(&set);
    if (status == MGM_OK)
        status = give_names(&set);
    release(&set);
    return status;
}
