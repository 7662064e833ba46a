#include "weights/shards.h"

#include "base/memory.h"
#include "weights/index.h"
#include "weights/json.h"
#include "weights/safetensors_file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beside the index. NULL: no memory. */
static char *path_beside(const char *index, const char *name)
{
    const char *slash = strrchr(index, '/');
    const size_t folder = slash ? (size_t)(slash - index) + 1 : 0, size = folder + strlen(name) + 1;
    char *path = mgm_alloc(size, 1);
    if (path)
        snprintf(path, size, "%.*s%s", (int)folder, index, name);
    return path;
}

static enum mgm_status open_shards(struct mgm_context *ctx, const struct mgm_index *index, struct mgm_safetensors *set)
{
    set->shards = mgm_alloc_zeroed((size_t)index->shard_count, sizeof *set->shards);
    if (!set->shards)
        return mgm_fail_nomem(ctx, set->name);
    for (int i = 0; i < index->shard_count; i++) {
        char *path = path_beside(set->name, index->shards[i]);
        if (!path)
            return mgm_fail_nomem(ctx, set->name);
        enum mgm_status status = mgm_safetensors_open(ctx, path, &set->shards[i]);
        mgm_free(path);
        TRY(status);
        set->shard_count++;
    }
    return MGM_OK;
}

/* ---- tensors -------------------------------------------------------------------------------------------------------- */

/* Index and shard agree on every tensor of the shard: the index has as many places as there can be. */
static enum mgm_status take_tensors(struct mgm_context *ctx, const struct mgm_index *index, int shard,
                                    struct mgm_safetensors *set)
{
    const struct mgm_safetensors *file = set->shards[shard];
    for (int i = 0; i < file->count; i++) {
        const char *tensor = file->entries[i].tensor.name;
        const struct mgm_index_entry *place = mgm_index_find(index, tensor);
        if (!place)
            return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%.200s' is in it, but %s does not name it", file->name, tensor,
                            set->name);
        if (place->shard != shard)
            return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%.200s' is in it, but %s places it in '%s'", file->name, tensor,
                            set->name, index->shards[place->shard]);
        set->entries[set->count] = file->entries[i];
        set->by_name[set->count] = &set->entries[set->count];
        set->count++;
    }
    return MGM_OK;
}

static enum mgm_status check_promises(struct mgm_context *ctx, const struct mgm_index *index,
                                      const struct mgm_safetensors *set)
{
    uint64_t total = 0, promised;
    for (int i = 0; i < index->count; i++) {
        const struct mgm_index_entry *place = &index->entries[i];
        const struct mgm_tensor *tensor = mgm_safetensors_find(set->shards[place->shard], place->tensor);
        if (!tensor)
            return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%.200s' is missing; %s places it there",
                            set->shards[place->shard]->name, place->tensor, set->name);
        total += tensor->bytes;
    }
    if (index->total_size && mgm_json_whole(index->total_size, &promised) && promised != total)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: its total_size is %llu, but the tensors of its shards have %llu bytes",
                        set->name, (unsigned long long)promised, (unsigned long long)total);
    return MGM_OK;
}

static enum mgm_status fill_table(struct mgm_context *ctx, const struct mgm_index *index, struct mgm_safetensors *set)
{
    set->entries = mgm_alloc((size_t)index->count, sizeof *set->entries);
    set->by_name = mgm_alloc((size_t)index->count, sizeof *set->by_name);
    if (!set->entries || !set->by_name)
        return mgm_fail_nomem(ctx, set->name);
    for (int i = 0; i < set->shard_count; i++)
        TRY(take_tensors(ctx, index, i, set));
    TRY(check_promises(ctx, index, set));
    return mgm_safetensors_sort_names(ctx, set);
}

/* ---- metadata ------------------------------------------------------------------------------------------------------- */

/* What was said, in the order of who says it. */
struct statement {
    const cJSON *item;
    bool repeated; /* someone before has said something else, or the same, under that key */
};

static int compare_statements(const void *a, const void *b)
{
    const struct statement *left = *(struct statement *const *)a, *right = *(struct statement *const *)b;
    const int order = strcmp(left->item->string, right->item->string);
    return order ? order : (left > right) - (left < right);
}

static void mark_repeated(struct statement **sorted, size_t count)
{
    qsort(sorted, count, sizeof *sorted, compare_statements);
    for (size_t i = 1; i < count; i++)
        sorted[i]->repeated = strcmp(sorted[i - 1]->item->string, sorted[i]->item->string) == 0;
}

static size_t gather(const cJSON *object, struct statement *statements, struct statement **sorted)
{
    const cJSON *item;
    size_t count = 0;
    cJSON_ArrayForEach(item, object)
    {
        sorted[count] = &statements[count];
        statements[count++] = (struct statement){.item = item};
    }
    return count;
}

/* False only where memory ran out. */
static bool add_statement(cJSON *metadata, const cJSON *item)
{
    char *json = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
    const char *text = cJSON_IsString(item) ? item->valuestring : json;
    bool ok = text && cJSON_AddStringToObject(metadata, item->string, text);
    cJSON_free(json);
    return ok;
}

static bool merge(const struct mgm_index *index, struct mgm_safetensors *set, struct statement *statements,
                  struct statement **sorted)
{
    size_t count = gather(index->metadata, statements, sorted);
    for (int i = 0; i < set->shard_count; i++)
        count += gather(set->shards[i]->metadata, statements + count, sorted + count);
    mark_repeated(sorted, count);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        if (statements[i].repeated || statements[i].item == index->total_size)
            continue;
        ok = add_statement(set->metadata, statements[i].item);
    }
    return ok;
}

static enum mgm_status merge_metadata(struct mgm_context *ctx, const struct mgm_index *index, struct mgm_safetensors *set)
{
    size_t count = (size_t)cJSON_GetArraySize(index->metadata);
    for (int i = 0; i < set->shard_count; i++)
        count += (size_t)set->shards[i]->metadata_count;
    struct statement *statements = mgm_alloc(count, sizeof *statements), **sorted = mgm_alloc(count, sizeof *sorted);
    set->header = set->metadata = cJSON_CreateObject();
    bool ok = statements && sorted && set->metadata && merge(index, set, statements, sorted);
    mgm_free(statements);
    mgm_free(sorted);
    return ok ? mgm_safetensors_list_metadata(ctx, set) : mgm_fail_nomem(ctx, set->name);
}

enum mgm_status mgm_shards_read(struct mgm_context *ctx, struct mgm_safetensors *file, const uint8_t *bytes, size_t size)
{
    struct mgm_index *index = NULL;
    TRY(mgm_index_parse(ctx, file->name, bytes, size, &index));
    enum mgm_status status = open_shards(ctx, index, file);
    if (status == MGM_OK)
        status = fill_table(ctx, index, file);
    if (status == MGM_OK)
        status = merge_metadata(ctx, index, file);
    mgm_index_destroy(&index);
    return status;
}
