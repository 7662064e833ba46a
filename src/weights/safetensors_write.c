#include "base/memory.h"
#include "weights/half.h"
#include "weights/output_file.h"
#include "weights/safetensors_file.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 4096 };

enum mgm_status mgm_safetensors_check_source(struct mgm_context *ctx, const char *path,
                                             const struct mgm_tensor_source *tensors, int index, size_t *bytes)
{
    const struct mgm_tensor_source *tensor = &tensors[index];
    if (tensor->dtype >= MGM_DTYPE_OTHER)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: tensor '%s' is of a type that cannot be written", path, tensor->name);
    bool taken = strcmp(tensor->name, SAFETENSORS_METADATA) == 0;
    for (int i = 0; i < index && !taken; i++)
        taken = strcmp(tensors[i].name, tensor->name) == 0;
    if (taken)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: the name '%s' of a tensor is taken", path, tensor->name);
    uint64_t size = (uint64_t)mgm_dtype_bytes(tensor->dtype);
    bool valid = tensor->ndim >= 0 && tensor->ndim <= MGM_TENSOR_MAX_DIMS;
    for (int i = 0; i < tensor->ndim && valid; i++)
        valid = tensor->dims[i] >= 0 && !__builtin_mul_overflow(size, (uint64_t)tensor->dims[i], &size);
    if (!valid || size > SIZE_MAX / 2)
        return mgm_fail(ctx, MGM_E_INVALID, "%s: tensor '%s' has a shape that cannot be", path, tensor->name);
    *bytes = (size_t)size;
    return MGM_OK;
}

/* False only where memory ran out. */
static bool describe_tensor(cJSON *header, const struct mgm_tensor_source *tensor, size_t begin, size_t end)
{
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name);
    cJSON *dtype = cJSON_AddStringToObject(entry, "dtype", mgm_dtype_word(tensor->dtype));
    cJSON *shape = cJSON_AddArrayToObject(entry, "shape"), *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
    bool ok = dtype && shape && offsets;
    for (int i = 0; i < tensor->ndim && ok; i++)
        ok = cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)tensor->dims[i]));
    return ok && cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)begin)) &&
           cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)end));
}

static bool describe_metadata(cJSON *header, const char *const *metadata, int count)
{
    cJSON *object = count ? cJSON_AddObjectToObject(header, SAFETENSORS_METADATA) : NULL;
    bool ok = object || !count;
    for (int i = 0; i < count && ok; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, metadata[2 * i]); /* the last value of a key is the one */
        ok = cJSON_AddStringToObject(object, metadata[2 * i], metadata[2 * i + 1]) != NULL;
    }
    return ok;
}

/* The header as text, for cJSON_free. NULL: see ctx. */
static char *describe(struct mgm_context *ctx, const char *path, const struct mgm_tensor_source *tensors, int count,
                      const char *const *metadata, int metadata_count, enum mgm_status *status)
{
    cJSON *header = cJSON_CreateObject();
    char *text = NULL;
    size_t end = 0;
    bool ok = header && describe_metadata(header, metadata, metadata_count);
    *status = MGM_OK;
    for (int i = 0; i < count && ok && *status == MGM_OK; i++) {
        size_t bytes = 0, begin = end;
        *status = mgm_safetensors_check_source(ctx, path, tensors, i, &bytes);
        end += bytes;
        ok = *status != MGM_OK || describe_tensor(header, &tensors[i], begin, end);
    }
    if (ok && *status == MGM_OK)
        text = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    if (!text && *status == MGM_OK)
        *status = mgm_fail_nomem(ctx, path);
    return text;
}

static enum mgm_status write_header(struct mgm_output_file *file, const char *text)
{
    uint64_t length = strlen(text), padding = -length % SAFETENSORS_LENGTH_BYTES, whole = length + padding;
    TRY(mgm_output_file_write(file, &whole, sizeof whole));
    TRY(mgm_output_file_write(file, text, length));
    return mgm_output_file_write(file, "       ", padding);
}

static enum mgm_status write_halves(struct mgm_output_file *file, const struct mgm_tensor_source *tensor, size_t count)
{
    const float *values = tensor->data;
    bool brain = tensor->dtype == MGM_DTYPE_BF16;
    uint16_t halves[CHUNK];
    for (size_t begin = 0; begin < count; begin += CHUNK) {
        size_t part = count - begin < CHUNK ? count - begin : CHUNK;
        for (size_t i = 0; i < part; i++) {
            float value = values[begin + i];
            halves[i] = brain ? mgm_bfloat_from_float(value) : mgm_half_from_float(value);
            if (isfinite(value) && !isfinite(brain ? mgm_bfloat_to_float(halves[i]) : mgm_half_to_float(halves[i])))
                return mgm_fail(file->ctx, MGM_E_INVALID, "%s: tensor '%s' has a value of %g, too large for %s", file->path,
                                tensor->name, (double)value, mgm_dtype_word(tensor->dtype));
        }
        TRY(mgm_output_file_write(file, halves, part * sizeof *halves));
    }
    return MGM_OK;
}

static enum mgm_status write_tensor(struct mgm_output_file *file, const struct mgm_tensor_source *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->ndim; i++)
        count *= (size_t)tensor->dims[i];
    if (tensor->dtype == MGM_DTYPE_F16 || tensor->dtype == MGM_DTYPE_BF16)
        return write_halves(file, tensor, count);
    return count ? mgm_output_file_write(file, tensor->data, count * (size_t)mgm_dtype_bytes(tensor->dtype)) : MGM_OK;
}

enum mgm_status mgm_safetensors_prepare(struct mgm_context *ctx, const char *path, const struct mgm_tensor_source *tensors,
                                        int tensor_count, const char *const *metadata, int metadata_count,
                                        struct mgm_output_file *out)
{
    enum mgm_status status;
    *out = (struct mgm_output_file){0};
    char *header = describe(ctx, path, tensors, tensor_count, metadata, metadata_count, &status);
    if (status == MGM_OK)
        status = mgm_output_file_open(ctx, path, out);
    if (status == MGM_OK)
        status = write_header(out, header);
    for (int i = 0; i < tensor_count && status == MGM_OK; i++)
        status = write_tensor(out, &tensors[i]);
    if (status == MGM_OK)
        status = mgm_output_file_flush(out);
    if (status != MGM_OK)
        mgm_output_file_discard(out);
    cJSON_free(header);
    return status;
}

enum mgm_status mgm_safetensors_write(struct mgm_context *ctx, const char *path, const struct mgm_tensor_source *tensors,
                                      int tensor_count, const char *const *metadata, int metadata_count)
{
    struct mgm_output_file file;
    TRY(mgm_safetensors_prepare(ctx, path, tensors, tensor_count, metadata, metadata_count, &file));
    return mgm_output_file_finish(&file);
}
