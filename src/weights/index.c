#include "weights/index.h"

#include "base/memory.h"
#include "weights/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 100000000, MAX_FILE_NAME = 255, LEAST_SIZE = 8 };

bool mgm_index_is_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t length = strlen(name), suffix = sizeof MGM_INDEX_SUFFIX - 1;
    return length > suffix && strcmp(name + length - suffix, MGM_INDEX_SUFFIX) == 0;
}

/* The first eight bytes of a safetensors file are the length of its header, whose upper half is zero. */
bool mgm_index_is(const uint8_t *bytes, size_t size)
{
    return size >= LEAST_SIZE && bytes[0] == '{' && !memchr(bytes, 0, LEAST_SIZE);
}

/* The item of that name, which may occur once; NULL if it does not. */
static enum mgm_status find_once(struct mgm_context *ctx, const char *name, const cJSON *object, const char *key,
                                 const cJSON **found)
{
    const cJSON *item;
    *found = NULL;
    cJSON_ArrayForEach(item, object)
    {
        if (strcmp(item->string, key) != 0)
            continue;
        if (*found)
            return mgm_fail(ctx, MGM_E_FORMAT, "%s: it has more than one '%s'", name, key);
        *found = item;
    }
    return MGM_OK;
}

static enum mgm_status read_metadata(struct mgm_context *ctx, const char *name, struct mgm_index *index)
{
    uint64_t size;
    TRY(find_once(ctx, name, index->document, "metadata", &index->metadata));
    if (!index->metadata)
        return MGM_OK;
    if (!cJSON_IsObject(index->metadata))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: its metadata are not a JSON object", name);
    TRY(find_once(ctx, name, index->metadata, MGM_INDEX_TOTAL_SIZE, &index->total_size));
    if (index->total_size && !mgm_json_whole(index->total_size, &size))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: its total_size is not a whole number from 0 to 2^53", name);
    return MGM_OK;
}

static bool is_plain_name(const char *name)
{
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == '/')
            return false;
    return *name && strlen(name) <= MAX_FILE_NAME && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static enum mgm_status read_place(struct mgm_context *ctx, const char *name, const cJSON *item)
{
    if (!cJSON_IsString(item))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: it does not say in which file tensor '%.200s' is: expected a text", name,
                        item->string);
    if (!is_plain_name(item->valuestring))
        return mgm_fail(ctx, MGM_E_FORMAT,
                        "%s: it places tensor '%.200s' in '%.200s'; expected the name of a file beside it, without a folder",
                        name, item->string, item->valuestring);
    return MGM_OK;
}

static int compare_tensors(const void *a, const void *b)
{
    const struct mgm_index_entry *left = a, *right = b;
    return strcmp(left->tensor, right->tensor);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fills in shards: the places of all tensors, each once. */
static enum mgm_status list_shards(struct mgm_context *ctx, const char *name, const cJSON *map, struct mgm_index *index)
{
    const cJSON *item;
    int count = 0;
    cJSON_ArrayForEach(item, map)
    {
        TRY(read_place(ctx, name, item));
        index->shards[count++] = item->valuestring;
    }
    qsort(index->shards, (size_t)count, sizeof *index->shards, compare_texts);
    for (int i = 0; i < count; i++)
        if (i == 0 || strcmp(index->shards[index->shard_count - 1], index->shards[i]) != 0)
            index->shards[index->shard_count++] = index->shards[i];
    return MGM_OK;
}

static enum mgm_status list_tensors(struct mgm_context *ctx, const char *name, const cJSON *map, struct mgm_index *index)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, map)
    {
        const char **shard =
            bsearch(&item->valuestring, index->shards, (size_t)index->shard_count, sizeof *shard, compare_texts);
        index->entries[index->count++] = (struct mgm_index_entry){item->string, (int)(shard - index->shards)};
    }
    qsort(index->entries, (size_t)index->count, sizeof *index->entries, compare_tensors);
    for (int i = 1; i < index->count; i++)
        if (compare_tensors(&index->entries[i - 1], &index->entries[i]) == 0)
            return mgm_fail(ctx, MGM_E_FORMAT, "%s: it names tensor '%.200s' more than once", name,
                            index->entries[i].tensor);
    return MGM_OK;
}

static enum mgm_status read_index(struct mgm_context *ctx, const char *name, const uint8_t *bytes, size_t size,
                                  struct mgm_index *index)
{
    const cJSON *map;
    if (size > MAX_SIZE)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: not an index of shards: it has %zu bytes, and %d is the most", name, size,
                        MAX_SIZE);
    TRY(mgm_json_parse(ctx, name, "not an index of shards: it is not a JSON object", bytes, size, &index->document));
    TRY(find_once(ctx, name, index->document, "weight_map", &map));
    if (!cJSON_IsObject(map) || !map->child)
        return mgm_fail(ctx, MGM_E_FORMAT,
                        "%s: not an index of shards: expected a weight_map that says in which file each tensor is", name);
    TRY(read_metadata(ctx, name, index));
    const size_t capacity = (size_t)cJSON_GetArraySize(map);
    index->entries = mgm_alloc(capacity, sizeof *index->entries);
    index->shards = mgm_alloc(capacity, sizeof *index->shards);
    if (!index->entries || !index->shards)
        return mgm_fail_nomem(ctx, name);
    TRY(list_shards(ctx, name, map, index));
    return list_tensors(ctx, name, map, index);
}

enum mgm_status mgm_index_parse(struct mgm_context *ctx, const char *name, const void *bytes, size_t size,
                                struct mgm_index **out)
{
    *out = mgm_alloc_zeroed(1, sizeof **out);
    if (!*out)
        return mgm_fail_nomem(ctx, name);
    enum mgm_status status = read_index(ctx, name, bytes, size, *out);
    if (status != MGM_OK)
        mgm_index_destroy(out);
    return status;
}

void mgm_index_destroy(struct mgm_index **handle)
{
    struct mgm_index *index = *handle;
    if (!index)
        return;
    cJSON_Delete(index->document);
    mgm_free(index->entries);
    mgm_free(index->shards);
    mgm_free(index);
    *handle = NULL;
}

const struct mgm_index_entry *mgm_index_find(const struct mgm_index *index, const char *tensor)
{
    const struct mgm_index_entry wanted = {.tensor = tensor};
    return bsearch(&wanted, index->entries, (size_t)index->count, sizeof wanted, compare_tensors);
}
