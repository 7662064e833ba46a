/**
 * safetensors: 8-byte little-endian header length, JSON header, raw data. Read memory-mapped, written atomically (temporary
 * name, then renamed). Limits: header at most 100 MB (as the format's own implementation has it), of at most 2^22 values.
 *
 * A file is either refused when opened (MGM_E_FORMAT, saying what is wrong with it) or every tensor of it can be read: as
 * the format demands, the tensors' data cover what follows the header without gap or overlap, each exactly as large as its
 * shape and type say. Names are unique.
 */
#ifndef MGM_WEIGHTS_SAFETENSORS_H
#define MGM_WEIGHTS_SAFETENSORS_H

#include "base/context.h"

#include <stdint.h>

enum mgm_dtype {
    MGM_DTYPE_F32,
    MGM_DTYPE_F16,
    MGM_DTYPE_BF16,
    MGM_DTYPE_F64,
    MGM_DTYPE_U8,
    MGM_DTYPE_I64,
    MGM_DTYPE_I32,
    MGM_DTYPE_I16,
    MGM_DTYPE_I8,
    MGM_DTYPE_BOOL,
    MGM_DTYPE_OTHER
};

enum { MGM_TENSOR_MAX_DIMS = 8 };

struct mgm_tensor {
    const char *name;
    enum mgm_dtype dtype;
    const char *type; /* the file's own word for it: "F32", "U32" */
    int ndim;
    int64_t dims[MGM_TENSOR_MAX_DIMS];
    size_t count;     /* values */
    size_t bytes;     /* of data */
    const void *data; /* unaligned is possible: read through mgm_tensor_to_f32 or memcpy */
};

struct mgm_safetensors; /* an open file; its tensors point into the mapping */

MGM_MUST_CHECK enum mgm_status mgm_safetensors_open(struct mgm_context *ctx, const char *path, struct mgm_safetensors **out);
/** The same on memory that outlives the handle; `name` is for messages. For tests and fuzzing. */
MGM_MUST_CHECK enum mgm_status mgm_safetensors_parse(struct mgm_context *ctx, const char *name, const void *bytes,
                                                     size_t size, struct mgm_safetensors **out);
/** Takes NULL in the handle. */
void mgm_safetensors_close(struct mgm_safetensors **file);

/** Whether tensors' data stand in mapped files only, so that keeping the handle costs no memory of its own. */
bool mgm_safetensors_is_mapped(const struct mgm_safetensors *file);
/** Gives back the memory that reading mapped tensors took; they can be read again. */
void mgm_safetensors_rest(const struct mgm_safetensors *file);

/** The path that it was opened with, for messages; of a set, its index's. */
const char *mgm_safetensors_name(const struct mgm_safetensors *file);
/** Files of which a set consists (shards.h); 0 for a single file. */
int mgm_safetensors_shard_count(const struct mgm_safetensors *file);
/** Bytes on disk, of all files of a set. */
size_t mgm_safetensors_bytes(const struct mgm_safetensors *file);
int mgm_safetensors_count(const struct mgm_safetensors *file);
/** In the header's order; of a set, one shard's after the other's. */
const struct mgm_tensor *mgm_safetensors_at(const struct mgm_safetensors *file, int index);
/** NULL if there is none. */
const struct mgm_tensor *mgm_safetensors_find(const struct mgm_safetensors *file, const char *name);
/** Value of a __metadata__ key; NULL if there is none. Borrowed. */
const char *mgm_safetensors_metadata(const struct mgm_safetensors *file, const char *key);
int mgm_safetensors_metadata_count(const struct mgm_safetensors *file);
void mgm_safetensors_metadata_at(const struct mgm_safetensors *file, int index, const char **key, const char **value);

/** F32, F16, BF16 and F64 to f32. @return MGM_E_FORMAT for another type (named) */
MGM_MUST_CHECK enum mgm_status mgm_tensor_to_f32(struct mgm_context *ctx, const struct mgm_tensor *tensor, float *dst);

struct mgm_tensor_source {
    const char *name;
    enum mgm_dtype dtype; /* type on disk: F32, F16, BF16 are converted from f32; others are written as they are */
    int ndim;
    int64_t dims[MGM_TENSOR_MAX_DIMS];
    const void *data; /* f32 for F32, F16, BF16; else of that dtype */
};

/**
 * Writes a whole file; nothing is left behind and an existing file stays as it was if that fails.
 * @param metadata  pairs key, value, …; count is the number of pairs
 * @return MGM_E_IO; MGM_E_INVALID naming a tensor whose name is taken, whose type cannot be written (OTHER) or that has a
 *         finite value too large for the type on disk
 */
MGM_MUST_CHECK enum mgm_status mgm_safetensors_write(struct mgm_context *ctx, const char *path,
                                                     const struct mgm_tensor_source *tensors, int tensor_count,
                                                     const char *const *metadata, int metadata_count);

#endif
