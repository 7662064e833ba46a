/* Before PyTorch 1.6: pickles of a magic number, the version, facts of the machine, the data, the keys of the storages; then
 * each storage as the count of its values and the values. */
#include "weights/pth_file.h"

#include <string.h>

/* How a pickled 0x1950A86A20F9469CFC6C begins, after the byte of the protocol. */
static const uint8_t MAGIC[12] = {0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19};
enum { MAGIC_AT = 2, PICKLES_BEFORE = 3, MACHINE = 2 };

/* No header of a safetensors file can begin like this: it would be far too long. */
bool pth_is_legacy(const uint8_t *bytes, size_t size)
{
    return size >= MAGIC_AT + sizeof MAGIC && bytes[0] == 0x80 && memcmp(bytes + MAGIC_AT, MAGIC, sizeof MAGIC) == 0;
}

static enum mgm_status read_pickle(struct pth_file *file, size_t *at, struct mgm_pickle **pickle)
{
    size_t used = 0;
    enum mgm_status status = mgm_pickle_read(file->ctx, file->name, file->bytes + *at, file->size - *at, &used, pickle);
    *at += used;
    return status;
}

static enum mgm_status check_machine(struct pth_file *file, const struct mgm_pickle *pickle)
{
    const struct pickle_value *little = mgm_pickle_lookup(mgm_pickle_top(pickle), "little_endian");
    if (little && little->kind == PICKLE_BOOL && !little->integer)
        return mgm_fail(file->ctx, MGM_E_UNSUPPORTED, "%s: a checkpoint with big-endian data; expected little-endian ones",
                        file->name);
    return MGM_OK;
}

static enum mgm_status skip_head(struct pth_file *file, size_t *at)
{
    for (int i = 0; i < PICKLES_BEFORE; i++) {
        struct mgm_pickle *pickle = NULL;
        enum mgm_status status = read_pickle(file, at, &pickle);
        if (status == MGM_OK && i == MACHINE)
            status = check_machine(file, pickle);
        mgm_pickle_destroy(&pickle);
        TRY(status);
    }
    return MGM_OK;
}

static enum mgm_status truncated(const struct pth_file *file, const struct pth_storage *storage)
{
    return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: truncated: it ends within storage '%.*s', of %llu values", file->name,
                    (int)storage->key_length, storage->key, (unsigned long long)storage->count);
}

static enum mgm_status locate(struct pth_file *file, const struct pickle_value *key, size_t *at)
{
    struct pth_storage *storage = key->kind == PICKLE_TEXT ? pth_find_storage(file, key->text, key->length) : NULL;
    if (!storage || storage->data)
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: its list of storages is not that of its tensors", file->name);
    uint64_t count;
    if (file->size - *at < sizeof count)
        return truncated(file, storage);
    memcpy(&count, file->bytes + *at, sizeof count);
    *at += sizeof count;
    if (count != storage->count)
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: storage '%.*s' has %llu values; its tensors expect %llu",
                        file->name, (int)storage->key_length, storage->key, (unsigned long long)count,
                        (unsigned long long)storage->count);
    size_t bytes = pth_storage_bytes(storage);
    if (bytes > file->size - *at)
        return truncated(file, storage);
    storage->data = file->bytes + *at;
    *at += bytes;
    return MGM_OK;
}

enum mgm_status pth_legacy_open(struct pth_file *file)
{
    size_t at = 0;
    struct mgm_pickle *keys = NULL;
    TRY(skip_head(file, &at));
    TRY(read_pickle(file, &at, &file->pickle));
    TRY(pth_list_storages(file));
    TRY(read_pickle(file, &at, &keys));
    const struct pickle_value *list = mgm_pickle_top(keys);
    enum mgm_status status = MGM_OK;
    if (list->kind != PICKLE_LIST)
        status = mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: it has no list of storages", file->name);
    for (size_t i = 0; status == MGM_OK && i < list->items->count; i++)
        status = locate(file, &list->items->values[i], &at);
    mgm_pickle_destroy(&keys);
    return status;
}
