#include "weights/safetensors.h"

#include "base/memory.h"
#include "weights/half.h"
#include "weights/safetensors_file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum mgm_status mgm_safetensors_map(struct mgm_context *ctx, struct mgm_safetensors *file)
{
    const char *path = file->name;
    struct stat facts;
    enum mgm_status status = MGM_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for a writer where path is a pipe */
    if (fd < 0)
        return mgm_fail(ctx, MGM_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &facts) != 0) {
        status = mgm_fail(ctx, MGM_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    } else if (!S_ISREG(facts.st_mode)) {
        status = mgm_fail(ctx, MGM_E_IO, "%s: not a file; expected a file with weights", path);
    } else if (facts.st_size > 0) {
        file->mapping_size = (size_t)facts.st_size;
        file->mapping = mmap(NULL, file->mapping_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file->mapping == MAP_FAILED) {
            file->mapping = NULL;
            status = mgm_fail(ctx, MGM_E_IO, "%s: cannot be mapped into memory: %s", path, strerror(errno));
        }
    }
    close(fd);
    return status;
}

enum mgm_status mgm_safetensors_create(struct mgm_context *ctx, const char *name, struct mgm_safetensors **out)
{
    *out = NULL;
    struct mgm_safetensors *file = mgm_alloc_zeroed(1, sizeof *file);
    if (file)
        file->name = mgm_strdup(name);
    if (!file || !file->name) {
        mgm_free(file);
        return mgm_fail_nomem(ctx, name);
    }
    *out = file;
    return MGM_OK;
}

enum mgm_status mgm_safetensors_parse(struct mgm_context *ctx, const char *name, const void *bytes, size_t size,
                                      struct mgm_safetensors **out)
{
    TRY(mgm_safetensors_create(ctx, name, out));
    enum mgm_status status = mgm_safetensors_read_header(ctx, *out, bytes, size);
    if (status != MGM_OK)
        mgm_safetensors_close(out);
    return status;
}

enum mgm_status mgm_safetensors_open(struct mgm_context *ctx, const char *path, struct mgm_safetensors **out)
{
    TRY(mgm_safetensors_create(ctx, path, out));
    struct mgm_safetensors *file = *out;
    enum mgm_status status = mgm_safetensors_map(ctx, file);
    if (status == MGM_OK)
        status = mgm_safetensors_read_header(ctx, file, file->mapping, file->mapping_size);
    if (status != MGM_OK)
        mgm_safetensors_close(out);
    return status;
}

void mgm_safetensors_close(struct mgm_safetensors **handle)
{
    struct mgm_safetensors *file = *handle;
    if (!file)
        return;
    cJSON_Delete(file->header);
    mgm_free(file->metadata_items);
    mgm_free(file->entries);
    mgm_free(file->by_name);
    for (int i = 0; i < file->shard_count; i++)
        mgm_safetensors_close(&file->shards[i]);
    mgm_free(file->shards);
    for (struct safetensors_block *block = file->blocks, *older; block; block = older) {
        older = block->older;
        mgm_free(block);
    }
    if (file->mapping)
        munmap(file->mapping, file->mapping_size);
    mgm_free(file->name);
    mgm_free(file);
    *handle = NULL;
}

bool mgm_safetensors_is_mapped(const struct mgm_safetensors *file)
{
    bool mapped = !file->blocks && (file->mapping || file->shard_count);
    for (int i = 0; i < file->shard_count; i++)
        mapped = mapped && mgm_safetensors_is_mapped(file->shards[i]);
    return mapped;
}

void mgm_safetensors_rest(const struct mgm_safetensors *file)
{
    for (int i = 0; i < file->shard_count; i++)
        mgm_safetensors_rest(file->shards[i]);
    if (file->mapping)
        madvise(file->mapping, file->mapping_size, MADV_DONTNEED); /* private and never written: read again when needed */
}

const char *mgm_safetensors_name(const struct mgm_safetensors *file)
{
    return file->name;
}

int mgm_safetensors_shard_count(const struct mgm_safetensors *file)
{
    return file->shard_count;
}

size_t mgm_safetensors_bytes(const struct mgm_safetensors *file)
{
    size_t bytes = file->mapping_size;
    for (int i = 0; i < file->shard_count; i++)
        bytes += file->shards[i]->mapping_size;
    return bytes;
}

int mgm_safetensors_count(const struct mgm_safetensors *file)
{
    return file->count;
}

const struct mgm_tensor *mgm_safetensors_at(const struct mgm_safetensors *file, int index)
{
    return &file->entries[index].tensor;
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, (*(struct safetensors_entry *const *)entry)->tensor.name);
}

const struct mgm_tensor *mgm_safetensors_find(const struct mgm_safetensors *file, const char *name)
{
    struct safetensors_entry **found =
        bsearch(name, file->by_name, (size_t)file->count, sizeof *file->by_name, compare_name);
    return found ? &(*found)->tensor : NULL;
}

const char *mgm_safetensors_metadata(const struct mgm_safetensors *file, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file->metadata, key));
}

int mgm_safetensors_metadata_count(const struct mgm_safetensors *file)
{
    return file->metadata_count;
}

void mgm_safetensors_metadata_at(const struct mgm_safetensors *file, int index, const char **key, const char **value)
{
    const cJSON *item = file->metadata_items[index];
    *key = item->string;
    *value = item->valuestring;
}

enum mgm_status mgm_tensor_to_f32(struct mgm_context *ctx, const struct mgm_tensor *tensor, float *dst)
{
    const uint8_t *src = tensor->data;
    uint16_t half;
    double value;
    switch (tensor->dtype) {
    case MGM_DTYPE_F32:
        if (tensor->count)
            memcpy(dst, src, tensor->count * sizeof *dst);
        return MGM_OK;
    case MGM_DTYPE_F16:
    case MGM_DTYPE_BF16:
        for (size_t i = 0; i < tensor->count; i++) {
            memcpy(&half, src + i * sizeof half, sizeof half);
            dst[i] = tensor->dtype == MGM_DTYPE_F16 ? mgm_half_to_float(half) : mgm_bfloat_to_float(half);
        }
        return MGM_OK;
    case MGM_DTYPE_F64:
        for (size_t i = 0; i < tensor->count; i++) {
            memcpy(&value, src + i * sizeof value, sizeof value);
            dst[i] = (float)value;
        }
        return MGM_OK;
    default:
        return mgm_fail(ctx, MGM_E_FORMAT, "tensor '%.200s' is of type %.20s; expected F32, F16, BF16 or F64", tensor->name,
                        tensor->type ? tensor->type : "unknown");
    }
}
