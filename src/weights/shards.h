/**
 * Weights in several safetensors files, the shards, with an index (index.h) beside them that says which tensor is where.
 * Opened by the name of the index, a set is one table of tensors like a single file.
 *
 * A set is either refused, with the name of the index or of a shard, or all of it can be read: every tensor that the index
 * names is in the shard that it says, no shard holds a tensor that it does not name or places elsewhere, and total_size,
 * where it is said, is what all tensors take. Shards lie in the index's own folder.
 *
 * Tensors come in the order of the shards' names and, within each, of its header. Metadata are those of the index (without
 * total_size; what is no text there becomes its JSON) and those of all shards; of a key that is there more than once, the
 * index's value counts, or else the first shard's.
 */
#ifndef MGM_WEIGHTS_SHARDS_H
#define MGM_WEIGHTS_SHARDS_H

#include "weights/safetensors.h"

/**
 * Opens the set whose index is in bytes.
 * @param file  an empty handle that is named after the index; to be closed whatever happens
 * @return as of mgm_index_parse() and, for each shard, mgm_safetensors_open(); MGM_E_FORMAT if they do not fit together
 */
MGM_MUST_CHECK enum mgm_status mgm_shards_read(struct mgm_context *ctx, struct mgm_safetensors *file, const uint8_t *bytes,
                                               size_t size);

/**
 * Writes a set: shards NAME-00001-of-0000N.safetensors, all metadata in each, and then the index. Tensors fill the shards in
 * their order, unless it takes fewer shards to place the largest first (shards_plan.h). Nothing has a name before all of it is written; what fails while names are given is removed again.
 * Shards of an earlier set, of another number, stay where they are.
 * @param path       of the index: NAME.safetensors.index.json, or NAME.index.json
 * @param max_bytes  of a shard, its header included; a single tensor that is larger has a shard of its own
 * @return as of mgm_safetensors_write(); MGM_E_INVALID too if there is no tensor, or more shards than five digits count
 */
MGM_MUST_CHECK enum mgm_status mgm_shards_write(struct mgm_context *ctx, const char *path,
                                                const struct mgm_tensor_source *tensors, int tensor_count,
                                                const char *const *metadata, int metadata_count, uint64_t max_bytes);

#endif
