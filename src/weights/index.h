/**
 * The index of a set of shards, a small JSON file beside them that is called NAME.safetensors.index.json:
 *
 *     {"metadata": {"total_size": 3888}, "weight_map": {"a.weight": "NAME-00001-of-00002.safetensors", …}}
 *
 * Here it is only a text: what it says must be possible by itself. Whether the shards agree with it, shards.h tells.
 */
#ifndef MGM_WEIGHTS_INDEX_H
#define MGM_WEIGHTS_INDEX_H

#include "base/context.h"

#include <stdint.h>

struct cJSON;

struct mgm_index_entry {
    const char *tensor;
    int shard;
};

struct mgm_index {
    struct cJSON *document;          /* owns all texts */
    const struct cJSON *metadata;    /* an object; NULL if there is none */
    const struct cJSON *total_size;  /* a whole number, bytes of all tensors; NULL if it is not said */
    int count, shard_count;          /* at least 1 */
    struct mgm_index_entry *entries; /* [count], sorted by tensor, each of which occurs once */
    const char **shards;             /* [shard_count], sorted, each once: plain names of files, without a folder */
};

#define MGM_INDEX_SUFFIX     ".index.json"
#define MGM_INDEX_TOTAL_SIZE "total_size"

/** Whether path is what an index is called: anything, then ".index.json". */
bool mgm_index_is_name(const char *path);
/** Whether the bytes begin as an index, or any JSON object, does and no safetensors file can. */
bool mgm_index_is(const uint8_t *bytes, size_t size);

/**
 * Reads an index of at most 100 MB. What it says beyond metadata and weight_map is ignored.
 * @param name  for messages
 * @return MGM_E_FORMAT if it is no JSON object, has no weight_map or says something twice, or if a tensor's place is not the
 *         plain name of a file
 */
MGM_MUST_CHECK enum mgm_status mgm_index_parse(struct mgm_context *ctx, const char *name, const void *bytes, size_t size,
                                               struct mgm_index **out);
void mgm_index_destroy(struct mgm_index **index);

/** NULL if the index does not name that tensor. */
const struct mgm_index_entry *mgm_index_find(const struct mgm_index *index, const char *tensor);

#endif
