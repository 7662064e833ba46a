/* Any bytes: refused with a sentence, or an index whose tensors can be found and whose shards are plain names of files. */
#include "weights/index.h"
#include "weights/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_index(const struct mgm_index *index)
{
    uint64_t total;
    require(index->count > 0 && index->shard_count > 0 && index->shard_count <= index->count);
    for (int i = 0; i < index->count; i++) {
        const struct mgm_index_entry *entry = &index->entries[i];
        require(entry->shard >= 0 && entry->shard < index->shard_count);
        require(i == 0 || strcmp(entry[-1].tensor, entry->tensor) < 0);
        require(mgm_index_find(index, entry->tensor) == entry);
    }
    for (int i = 0; i < index->shard_count; i++) {
        const char *name = index->shards[i];
        require(i == 0 || strcmp(index->shards[i - 1], name) < 0);
        require(name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    }
    require(!index->total_size || mgm_json_whole(index->total_size, &total));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    struct mgm_index *index = NULL;
    if (mgm_context_create(&ctx) != MGM_OK)
        return 0;
    if (mgm_index_parse(ctx, "input", bytes, size, &index) == MGM_OK)
        check_index(index);
    else
        require(!index && mgm_context_error(ctx)[0]);
    mgm_index_is(bytes, size);
    mgm_index_destroy(&index);
    mgm_context_destroy(&ctx);
    return 0;
}
