/** What the reader's two halves share: the file's life (safetensors.c) and its header (safetensors_header.c). */
#ifndef MGM_WEIGHTS_SAFETENSORS_FILE_H
#define MGM_WEIGHTS_SAFETENSORS_FILE_H

#include "weights/safetensors.h"

struct cJSON;

struct safetensors_entry {
    struct mgm_tensor tensor;
    uint64_t begin, end; /* of its data, counted from the end of the header */
};

/* Bytes that belong to an open file: what a checkpoint's tensors point to. */
struct safetensors_block {
    struct safetensors_block *older;
    _Alignas(64) uint8_t bytes[];
};

struct mgm_safetensors {
    char *name;
    void *mapping; /* NULL where the bytes are the caller's */
    size_t mapping_size;
    struct cJSON *header;                /* owns all names */
    struct cJSON *metadata;              /* within header; NULL if there is none */
    const struct cJSON **metadata_items; /* [metadata_count], in the header's order */
    int count, metadata_count;
    struct safetensors_entry *entries;  /* [count], in the header's order */
    struct safetensors_entry **by_name; /* [count], sorted */
    struct safetensors_block *blocks;
};

/** Bytes of a value on disk, 0 for OTHER. */
int mgm_dtype_bytes(enum mgm_dtype dtype);
/** "F32", …; "" for OTHER. */
const char *mgm_dtype_word(enum mgm_dtype dtype);

enum { SAFETENSORS_LENGTH_BYTES = 8, SAFETENSORS_MAX_HEADER = 100000000, SAFETENSORS_MAX_VALUES = 1 << 22 };
#define SAFETENSORS_METADATA "__metadata__"

/** An empty handle with that name. */
MGM_MUST_CHECK enum mgm_status mgm_safetensors_create(struct mgm_context *ctx, const char *name,
                                                      struct mgm_safetensors **out);
/** Maps the file that it is named after. An empty file maps to NULL, which is no failure. */
MGM_MUST_CHECK enum mgm_status mgm_safetensors_map(struct mgm_context *ctx, struct mgm_safetensors *file);
/** Sorts by_name. @return MGM_E_FORMAT for a name that occurs more than once */
MGM_MUST_CHECK enum mgm_status mgm_safetensors_sort_names(struct mgm_context *ctx, struct mgm_safetensors *file);

/** Reads and checks the header in bytes; fills everything of file but its name and mapping. */
MGM_MUST_CHECK enum mgm_status mgm_safetensors_read_header(struct mgm_context *ctx, struct mgm_safetensors *file,
                                                           const uint8_t *bytes, size_t size);

#endif
