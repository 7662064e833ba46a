#include "weights/pth.h"

#include "base/memory.h"
#include "weights/pth_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char STATE[] = "state_dict";

enum { COPY_FACTOR = 16, MAX_TEXT = 200 };

/* Positions in what PyTorch hands to persistent_load and to _rebuild_tensor_v2. */
enum { ID_WORD, ID_TYPE, ID_KEY, ID_PLACE, ID_COUNT, ID_LEAST, ID_VIEW = ID_LEAST };
enum { TENSOR_STORAGE, TENSOR_OFFSET, TENSOR_SIZES, TENSOR_STRIDES, TENSOR_LEAST };

/* Where a tensor's values are, in values of its storage. */
struct view {
    struct pth_storage *storage;
    int64_t offset, strides[MGM_TENSOR_MAX_DIMS];
};

/* ---- storages ------------------------------------------------------------------------------------------------------- */

uint8_t *pth_keep(struct pth_file *file, size_t bytes)
{
    struct safetensors_block *block = bytes < SIZE_MAX - sizeof *block ? mgm_alloc(sizeof *block + bytes, 1) : NULL;
    if (!block)
        return NULL;
    block->older = file->out->blocks;
    file->out->blocks = block;
    return block->bytes;
}

size_t pth_storage_bytes(const struct pth_storage *storage)
{
    return (size_t)storage->count * (size_t)mgm_dtype_bytes(storage->dtype);
}

static int compare_keys(const void *a, const void *b)
{
    const struct pth_storage *left = a, *right = b;
    if (left->key_length != right->key_length)
        return left->key_length < right->key_length ? -1 : 1;
    return memcmp(left->key, right->key, left->key_length);
}

struct pth_storage *pth_find_storage(const struct pth_file *file, const char *key, uint32_t length)
{
    struct pth_storage wanted = {.key = key, .key_length = length};
    return file->storage_count ? bsearch(&wanted, file->storages, file->storage_count, sizeof wanted, compare_keys) : NULL;
}

static enum mgm_status read_storage(struct pth_file *file, const struct pickle_items *id, struct pth_storage *storage)
{
    const struct pickle_value *v = id->values;
    if (id->count < ID_LEAST || !mgm_pickle_text_is(&v[ID_WORD], "storage") || v[ID_TYPE].kind != PICKLE_GLOBAL ||
        v[ID_TYPE].global->action != PICKLE_STORAGE_TYPE || v[ID_KEY].kind != PICKLE_TEXT ||
        v[ID_COUNT].kind != PICKLE_INTEGER || v[ID_COUNT].integer < 0 || v[ID_COUNT].integer >= (int64_t)1 << 56)
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: it describes a storage otherwise than PyTorch does",
                        file->name);
    *storage = (struct pth_storage){.key = v[ID_KEY].text,
                                    .key_length = v[ID_KEY].length,
                                    .dtype = v[ID_TYPE].global->dtype,
                                    .count = (uint64_t)v[ID_COUNT].integer};
    return MGM_OK;
}

enum mgm_status pth_list_storages(struct pth_file *file)
{
    const struct pickle_items *ids = mgm_pickle_storages(file->pickle);
    file->storages = mgm_alloc(ids->count, sizeof *file->storages);
    if (!file->storages)
        return mgm_fail_nomem(file->ctx, file->name);
    for (size_t i = 0; i < ids->count; i++)
        TRY(read_storage(file, ids->values[i].items, &file->storages[i]));
    qsort(file->storages, ids->count, sizeof *file->storages, compare_keys);
    for (size_t i = 0; i < ids->count; i++) {
        const struct pth_storage *storage = &file->storages[i];
        const struct pth_storage *last = file->storage_count ? &file->storages[file->storage_count - 1] : NULL;
        if (!last || compare_keys(last, storage) != 0)
            file->storages[file->storage_count++] = *storage;
        else if (last->dtype != storage->dtype || last->count != storage->count)
            return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: damaged: storage '%.*s' has two types or two sizes", file->name,
                            (int)storage->key_length, storage->key);
    }
    return MGM_OK;
}

/* ---- tensors -------------------------------------------------------------------------------------------------------- */

static enum mgm_status refuse(const struct pth_file *file, const struct mgm_tensor *tensor, const char *what)
{
    return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: tensor '%.200s' %s", file->name, tensor->name, what);
}

static bool is_count(const struct pickle_value *value)
{
    return value->kind == PICKLE_INTEGER && value->integer >= 0;
}

static enum mgm_status read_shape(const struct pth_file *file, const struct pickle_value *v, struct mgm_tensor *tensor,
                                  struct view *view)
{
    if (v[TENSOR_SIZES].kind != PICKLE_TUPLE || v[TENSOR_STRIDES].kind != PICKLE_TUPLE ||
        v[TENSOR_SIZES].items->count != v[TENSOR_STRIDES].items->count)
        return refuse(file, tensor, "has no shape, or no stride for each of its dimensions");
    if (v[TENSOR_SIZES].items->count > MGM_TENSOR_MAX_DIMS)
        return mgm_fail(file->ctx, MGM_E_UNSUPPORTED, "%s: tensor '%.200s' has more than %d dimensions", file->name,
                        tensor->name, MGM_TENSOR_MAX_DIMS);
    tensor->ndim = (int)v[TENSOR_SIZES].items->count;
    int64_t count = 1;
    for (int i = 0; i < tensor->ndim; i++) {
        const struct pickle_value *size = &v[TENSOR_SIZES].items->values[i], *stride = &v[TENSOR_STRIDES].items->values[i];
        if (!is_count(size) || !is_count(stride) || __builtin_mul_overflow(count, size->integer, &count) ||
            count >= (int64_t)1 << 56)
            return refuse(file, tensor, "has a shape or strides that cannot be");
        tensor->dims[i] = size->integer;
        view->strides[i] = stride->integer;
    }
    tensor->count = (size_t)count;
    return MGM_OK;
}

/* The storage, and where in it the tensor begins; in the older layout a storage may itself be part of another. */
static enum mgm_status read_place(const struct pth_file *file, const struct pickle_value *v, const struct mgm_tensor *tensor,
                                  struct view *view)
{
    const struct pickle_items *id = v[TENSOR_STORAGE].items;
    view->storage = pth_find_storage(file, id->values[ID_KEY].text, id->values[ID_KEY].length);
    view->offset = v[TENSOR_OFFSET].integer;
    if (id->count <= ID_VIEW || id->values[ID_VIEW].kind == PICKLE_NONE)
        return MGM_OK;
    const struct pickle_value *part = &id->values[ID_VIEW];
    if (part->kind != PICKLE_TUPLE || part->items->count != 3 || !is_count(&part->items->values[1]) ||
        __builtin_add_overflow(view->offset, part->items->values[1].integer, &view->offset))
        return refuse(file, tensor, "is in a part of a storage that is described otherwise than PyTorch does");
    return MGM_OK;
}

/* Whether the values lie in the storage in their order without gaps. @return by out, after the check that they are in it */
static enum mgm_status check_extent(const struct pth_file *file, const struct mgm_tensor *tensor, const struct view *view,
                                    bool *contiguous)
{
    int64_t last = view->offset, dense = 1, step;
    bool inside = true;
    *contiguous = true;
    for (int i = tensor->ndim - 1; i >= 0 && tensor->count; i--) {
        if (tensor->dims[i] == 1)
            continue;
        inside = inside && !__builtin_mul_overflow(tensor->dims[i] - 1, view->strides[i], &step) &&
                 !__builtin_add_overflow(last, step, &last);
        *contiguous = *contiguous && view->strides[i] == dense;
        dense *= tensor->dims[i];
    }
    if (tensor->count && (!inside || (uint64_t)last >= view->storage->count))
        return refuse(file, tensor, "reaches beyond its storage");
    return MGM_OK;
}

static void gather(const struct mgm_tensor *tensor, const struct view *view, size_t bytes, uint8_t *to)
{
    int64_t index[MGM_TENSOR_MAX_DIMS] = {0}, at = view->offset;
    for (size_t i = 0; i < tensor->count; i++) {
        memcpy(to + i * bytes, view->storage->data + (size_t)at * bytes, bytes);
        for (int d = tensor->ndim - 1; d >= 0; d--) {
            at += view->strides[d];
            if (++index[d] < tensor->dims[d])
                break;
            at -= index[d] * view->strides[d];
            index[d] = 0;
        }
    }
}

static enum mgm_status find_data(struct pth_file *file, const struct view *view, struct mgm_tensor *tensor)
{
    const size_t bytes = (size_t)mgm_dtype_bytes(tensor->dtype);
    bool contiguous;
    TRY(check_extent(file, tensor, view, &contiguous));
    tensor->bytes = tensor->count * bytes;
    tensor->data = "";
    if (!tensor->count)
        return MGM_OK;
    if (!view->storage->data && file->archive)
        TRY(pth_zip_load(file, view->storage));
    if (!view->storage->data)
        return refuse(file, tensor, "has a storage that is missing");
    tensor->data = view->storage->data + (size_t)view->offset * bytes;
    if (contiguous)
        return MGM_OK;
    if (tensor->bytes > file->copy_room)
        return refuse(file, tensor, "repeats its storage more often than any weights do");
    file->copy_room -= tensor->bytes;
    uint8_t *copy = pth_keep(file, tensor->bytes);
    if (!copy)
        return mgm_fail_nomem(file->ctx, file->name);
    gather(tensor, view, bytes, copy);
    tensor->data = copy;
    return MGM_OK;
}

static enum mgm_status read_tensor(struct pth_file *file, const struct pickle_items *arguments, struct mgm_tensor *tensor)
{
    const struct pickle_value *v = arguments->values;
    struct view view = {0};
    if (arguments->count < TENSOR_LEAST || v[TENSOR_STORAGE].kind != PICKLE_STORAGE || !is_count(&v[TENSOR_OFFSET]))
        return refuse(file, tensor, "is described otherwise than PyTorch does");
    TRY(read_shape(file, v, tensor, &view));
    TRY(read_place(file, v, tensor, &view));
    tensor->dtype = view.storage->dtype;
    tensor->type = mgm_dtype_word(tensor->dtype);
    return find_data(file, &view, tensor);
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static enum mgm_status find_state(const struct pth_file *file, const struct pickle_value **state)
{
    const struct pickle_value *top = mgm_pickle_top(file->pickle), *inner = mgm_pickle_lookup(top, STATE);
    *state = inner ? inner : top;
    if ((*state)->kind != PICKLE_DICT)
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: a checkpoint without weights: expected a dictionary of tensors%s",
                        file->name, inner ? " as its state_dict" : "");
    return MGM_OK;
}

static enum mgm_status copy_name(struct pth_file *file, const struct pickle_value *key, const char **name)
{
    bool valid = key->kind == PICKLE_TEXT && key->length;
    for (uint32_t i = 0; valid && i < key->length; i++)
        valid = (unsigned char)key->text[i] >= 0x20;
    if (!valid)
        return mgm_fail(file->ctx, MGM_E_FORMAT, "%s: a tensor in it has a name that is no text", file->name);
    char *copy = (char *)pth_keep(file, (size_t)key->length + 1);
    if (!copy)
        return mgm_fail_nomem(file->ctx, file->name);
    memcpy(copy, key->text, key->length);
    copy[key->length] = 0;
    *name = copy;
    return MGM_OK;
}

static enum mgm_status fill_table(struct pth_file *file)
{
    const struct pickle_value *state;
    struct mgm_safetensors *out = file->out;
    TRY(find_state(file, &state));
    const size_t pairs = state->items->count / 2;
    out->entries = mgm_alloc_zeroed(pairs, sizeof *out->entries);
    out->by_name = mgm_alloc(pairs, sizeof *out->by_name);
    if (!out->entries || !out->by_name)
        return mgm_fail_nomem(file->ctx, file->name);
    for (size_t i = 0; i < pairs; i++) {
        const struct pickle_value *pair = &state->items->values[2 * i];
        struct safetensors_entry *entry = &out->entries[out->count];
        if (pair[1].kind != PICKLE_TENSOR)
            continue;
        TRY(copy_name(file, &pair[0], &entry->tensor.name));
        TRY(read_tensor(file, pair[1].items, &entry->tensor));
        out->by_name[out->count++] = entry;
    }
    if (!out->count)
        return mgm_fail(file->ctx, MGM_E_FORMAT,
                        "%s: a checkpoint without weights: neither it nor a state_dict in it holds "
                        "tensors by name",
                        file->name);
    return mgm_safetensors_sort_names(file->ctx, out);
}

static bool is_zip(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

static enum mgm_status read_checkpoint(struct mgm_context *ctx, struct mgm_safetensors *out, const uint8_t *bytes,
                                       size_t size)
{
    struct pth_file file = {.ctx = ctx, .name = out->name, .bytes = bytes, .size = size, .out = out, .room = size};
    if (__builtin_mul_overflow(size, (size_t)COPY_FACTOR, &file.copy_room))
        file.copy_room = SIZE_MAX;
    enum mgm_status status;
    errno = 0; /* tells want of memory, which libzip hides behind an entry that is not there, or gives no reason for */
    if (is_zip(bytes, size))
        status = pth_zip_open(&file);
    else if (pth_is_legacy(bytes, size))
        status = pth_legacy_open(&file);
    else
        status = mgm_fail(ctx, MGM_E_FORMAT, "%s: no checkpoint of PyTorch's: neither a zip archive nor its older layout",
                          out->name);
    if (status == MGM_OK)
        status = fill_table(&file);
    if (status == MGM_E_FORMAT && errno == ENOMEM)
        status = mgm_fail_nomem(ctx, out->name);
    pth_zip_close(&file);
    mgm_pickle_destroy(&file.pickle);
    mgm_free(file.storages);
    return status;
}

enum mgm_status mgm_pth_parse(struct mgm_context *ctx, const char *name, const void *bytes, size_t size,
                              struct mgm_safetensors **out)
{
    TRY(mgm_safetensors_create(ctx, name, out));
    enum mgm_status status = read_checkpoint(ctx, *out, bytes, size);
    if (status != MGM_OK)
        mgm_safetensors_close(out);
    return status;
}

enum mgm_status mgm_weights_open(struct mgm_context *ctx, const char *path, struct mgm_safetensors **out)
{
    TRY(mgm_safetensors_create(ctx, path, out));
    struct mgm_safetensors *file = *out;
    enum mgm_status status = mgm_safetensors_map(ctx, file);
    if (status == MGM_OK) {
        const uint8_t *bytes = file->mapping;
        bool checkpoint = is_zip(bytes, file->mapping_size) || pth_is_legacy(bytes, file->mapping_size);
        status = checkpoint ? read_checkpoint(ctx, file, bytes, file->mapping_size)
                            : mgm_safetensors_read_header(ctx, file, bytes, file->mapping_size);
    }
    if (status != MGM_OK)
        mgm_safetensors_close(out);
    return status;
}
