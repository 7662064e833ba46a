/** What the reader of checkpoints is made of: the two layouts, and what they have in common (pth.c). */
#ifndef MGM_WEIGHTS_PTH_FILE_H
#define MGM_WEIGHTS_PTH_FILE_H

#include "weights/pickle.h"
#include "weights/safetensors_file.h"

/** Values in a row, of which tensors are views. */
struct pth_storage {
    const char *key; /* in the pickle's bytes */
    uint32_t key_length;
    enum mgm_dtype dtype;
    uint64_t count;      /* values */
    const uint8_t *data; /* NULL until loaded */
};

struct pth_file {
    struct mgm_context *ctx;
    const char *name;
    const uint8_t *bytes; /* the whole file */
    size_t size;
    struct mgm_safetensors *out; /* what is filled */
    size_t room;                 /* bytes that storages and contiguous copies may still take, each */
    size_t copy_room;

    struct mgm_pickle *pickle;
    struct pth_storage *storages; /* sorted by key */
    size_t storage_count;

    void *archive;        /* zip layout: see pth_zip.c */
    uint8_t *data_pickle; /* zip layout: the bytes of the pickle */
    char prefix[256];     /* zip layout: "NAME/" of all entries */
};

/** Whether the bytes begin as a checkpoint, in either layout. */
bool pth_is(const uint8_t *bytes, size_t size);
/** mgm_pth_parse into an empty handle. */
MGM_MUST_CHECK enum mgm_status pth_read(struct mgm_context *ctx, struct mgm_safetensors *out, const uint8_t *bytes,
                                        size_t size);

/** Bytes that live as long as the result; NULL if memory ran out. */
uint8_t *pth_keep(struct pth_file *file, size_t bytes);
/** Lists the storages of file->pickle. */
MGM_MUST_CHECK enum mgm_status pth_list_storages(struct pth_file *file);
/** NULL if there is none. */
struct pth_storage *pth_find_storage(const struct pth_file *file, const char *key, uint32_t length);
/** @return size in bytes of a storage, which fits */
size_t pth_storage_bytes(const struct pth_storage *storage);

/** Reads everything but the storages. */
MGM_MUST_CHECK enum mgm_status pth_zip_open(struct pth_file *file);
/** Fills in storage->data. */
MGM_MUST_CHECK enum mgm_status pth_zip_load(struct pth_file *file, struct pth_storage *storage);
void pth_zip_close(struct pth_file *file);

bool pth_is_legacy(const uint8_t *bytes, size_t size);
/** Reads everything; all storages have their data afterwards. */
MGM_MUST_CHECK enum mgm_status pth_legacy_open(struct pth_file *file);

#endif
