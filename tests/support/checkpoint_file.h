/**
 * Writes checkpoints as PyTorch does, piece by piece or whole, so that tests can also write what PyTorch would not. Anything
 * that goes wrong here fails the running test.
 */
#ifndef MGM_TESTS_CHECKPOINT_FILE_H
#define MGM_TESTS_CHECKPOINT_FILE_H

#include "weights/safetensors.h"

struct bytes {
    uint8_t *data; /* release with free */
    size_t size, capacity;
};

void put(struct bytes *bytes, const void *data, size_t size);
/** Opcodes that are text: no zero goes with them. */
void put_code(struct bytes *bytes, const char *code);
/** A text as a value. */
void put_text(struct bytes *bytes, const char *text);
void put_number(struct bytes *bytes, int number);

struct pickled_tensor {
    const char *key, *type; /* "FloatStorage" */
    int storage_count, offset;
    int ndim, sizes[4], strides[4];
    bool legacy;      /* with the additional part of its storage's id */
    int part_of_size; /* not 0: the storage is the part of so many values … */
    int part_at;      /* … that begins here */
};
void put_tensor(struct bytes *bytes, const struct pickled_tensor *tensor);

/** The older layout: what comes first; after the pickle, the keys; then each storage. */
void put_legacy_head(struct bytes *bytes);
void put_legacy_keys(struct bytes *bytes, const char *const *keys, int count);
void put_legacy_storage(struct bytes *bytes, uint64_t count, const void *data, size_t size);

struct zip_entry {
    const char *name;
    const void *data;
    size_t size;
    bool deflated;
};
void write_zip(const char *path, const struct zip_entry *entries, int count);

/** A whole checkpoint of f32 tensors as the published code writes it: under state_dict, "module." before each name. */
void write_checkpoint(const char *path, const struct mgm_tensor_source *tensors, int count, bool legacy);

#endif
