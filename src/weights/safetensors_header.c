#include "base/memory.h"
#include "weights/safetensors_file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data are little-endian; reading them on this machine needs a conversion that is not written yet"
#endif

/* All types of the format, in the order of enum mgm_dtype. Those without a value of their own can be listed and measured,
 * not converted. */
static const struct {
    const char *word;
    enum mgm_dtype dtype;
    int bytes;
} types[] = {
    {"F32", MGM_DTYPE_F32, 4},       {"F16", MGM_DTYPE_F16, 2},       {"BF16", MGM_DTYPE_BF16, 2},
    {"F64", MGM_DTYPE_F64, 8},       {"U8", MGM_DTYPE_U8, 1},         {"I64", MGM_DTYPE_I64, 8},
    {"I32", MGM_DTYPE_I32, 4},       {"I16", MGM_DTYPE_I16, 2},       {"I8", MGM_DTYPE_I8, 1},
    {"BOOL", MGM_DTYPE_BOOL, 1},     {"U16", MGM_DTYPE_OTHER, 2},     {"U32", MGM_DTYPE_OTHER, 4},
    {"U64", MGM_DTYPE_OTHER, 8},     {"C64", MGM_DTYPE_OTHER, 8},     {"F8_E4M3", MGM_DTYPE_OTHER, 1},
    {"F8_E5M2", MGM_DTYPE_OTHER, 1}, {"F8_E8M0", MGM_DTYPE_OTHER, 1},
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

int mgm_dtype_bytes(enum mgm_dtype dtype)
{
    return dtype < MGM_DTYPE_OTHER ? types[dtype].bytes : 0;
}

const char *mgm_dtype_word(enum mgm_dtype dtype)
{
    return dtype < MGM_DTYPE_OTHER ? types[dtype].word : "";
}

/* JSON numbers arrive as doubles: from 2^53 on, a neighbour of what was written. */
static bool as_integer(const cJSON *item, uint64_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble >= 0x1p53 ||
        floor(item->valuedouble) != item->valuedouble)
        return false;
    *out = (uint64_t)item->valuedouble;
    return true;
}

static enum mgm_status refuse(struct mgm_context *ctx, const struct mgm_safetensors *file, const char *tensor,
                              const char *what)
{
    return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%.200s' %s", file->name, tensor, what);
}

static enum mgm_status read_shape(struct mgm_context *ctx, const struct mgm_safetensors *file, const cJSON *shape,
                                  struct mgm_tensor *tensor)
{
    if (!cJSON_IsArray(shape))
        return refuse(ctx, file, tensor->name, "has no shape: expected a list of sizes");
    uint64_t count = 1;
    const cJSON *item;
    cJSON_ArrayForEach(item, shape)
    {
        uint64_t dim;
        if (!as_integer(item, &dim))
            return refuse(ctx, file, tensor->name, "has a size that is not a whole number from 0 to 2^53");
        if (tensor->ndim == MGM_TENSOR_MAX_DIMS)
            return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: tensor '%.200s' has more than %d dimensions", file->name,
                            tensor->name, MGM_TENSOR_MAX_DIMS);
        if (__builtin_mul_overflow(count, dim, &count) || count > SIZE_MAX)
            return refuse(ctx, file, tensor->name, "has a shape of more values than memory can hold");
        tensor->dims[tensor->ndim++] = (int64_t)dim;
    }
    tensor->count = (size_t)count;
    return MGM_OK;
}

static enum mgm_status read_type(struct mgm_context *ctx, const struct mgm_safetensors *file, const cJSON *dtype,
                                 struct mgm_tensor *tensor, int *bytes)
{
    if (!cJSON_IsString(dtype))
        return refuse(ctx, file, tensor->name, "has no dtype: expected a text such as \"F32\"");
    tensor->type = dtype->valuestring;
    tensor->dtype = MGM_DTYPE_OTHER;
    *bytes = 0;
    for (int i = 0; i < TYPE_COUNT; i++) {
        if (strcmp(types[i].word, dtype->valuestring) == 0) {
            tensor->dtype = types[i].dtype;
            *bytes = types[i].bytes;
        }
    }
    return MGM_OK;
}

static enum mgm_status read_offsets(struct mgm_context *ctx, const struct mgm_safetensors *file, const cJSON *offsets,
                                    uint64_t data_size, struct safetensors_entry *entry)
{
    const char *name = entry->tensor.name;
    const cJSON *begin = cJSON_IsArray(offsets) ? offsets->child : NULL, *end = begin ? begin->next : NULL;
    if (!end || end->next || !as_integer(begin, &entry->begin) || !as_integer(end, &entry->end))
        return refuse(ctx, file, name, "has no data_offsets: expected a list of two whole numbers");
    if (entry->begin > entry->end || entry->end > data_size)
        return mgm_fail(ctx, MGM_E_FORMAT,
                        "%s: tensor '%.200s' should lie in bytes %llu to %llu of the data, of which there are %llu: the "
                        "file is truncated or damaged",
                        file->name, name, (unsigned long long)entry->begin, (unsigned long long)entry->end,
                        (unsigned long long)data_size);
    return MGM_OK;
}

static enum mgm_status read_entry(struct mgm_context *ctx, const struct mgm_safetensors *file, const cJSON *item,
                                  const uint8_t *data, uint64_t data_size, struct safetensors_entry *entry)
{
    struct mgm_tensor *tensor = &entry->tensor;
    tensor->name = item->string;
    if (!cJSON_IsObject(item))
        return refuse(ctx, file, tensor->name, "is not described by a JSON object");
    const cJSON *fields[3] = {0}, *field; /* dtype, shape, data_offsets */
    static const char *const names[3] = {"dtype", "shape", "data_offsets"};
    cJSON_ArrayForEach(field, item)
    {
        for (int i = 0; i < 3; i++) {
            if (strcmp(field->string, names[i]) != 0)
                continue;
            if (fields[i])
                return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%.200s' has more than one '%s'", file->name, tensor->name,
                                names[i]);
            fields[i] = field;
        }
    }
    int bytes = 0;
    uint64_t size;
    TRY(read_type(ctx, file, fields[0], tensor, &bytes));
    TRY(read_shape(ctx, file, fields[1], tensor));
    TRY(read_offsets(ctx, file, fields[2], data_size, entry));
    tensor->bytes = (size_t)(entry->end - entry->begin);
    tensor->data = data + entry->begin;
    if (bytes && (__builtin_mul_overflow((uint64_t)tensor->count, (uint64_t)bytes, &size) || size != tensor->bytes))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: tensor '%.200s' has %zu bytes of data; its shape and type %s need %zu × %d",
                        file->name, tensor->name, tensor->bytes, tensor->type, tensor->count, bytes);
    return MGM_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct safetensors_entry *const *)a)->tensor.name,
                  (*(struct safetensors_entry *const *)b)->tensor.name);
}

static int compare_offsets(const void *a, const void *b)
{
    const struct safetensors_entry *left = *(struct safetensors_entry *const *)a;
    const struct safetensors_entry *right = *(struct safetensors_entry *const *)b;
    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    return (left->end > right->end) - (left->end < right->end);
}

enum mgm_status mgm_safetensors_sort_names(struct mgm_context *ctx, struct mgm_safetensors *file)
{
    qsort(file->by_name, (size_t)file->count, sizeof *file->by_name, compare_names);
    for (int i = 1; i < file->count; i++)
        if (compare_names(&file->by_name[i - 1], &file->by_name[i]) == 0)
            return refuse(ctx, file, file->by_name[i]->tensor.name, "occurs more than once");
    return MGM_OK;
}

/* Data without gap, overlap or rest; names that occur once. Leaves by_name sorted by name. */
static enum mgm_status check_together(struct mgm_context *ctx, struct mgm_safetensors *file, uint64_t data_size)
{
    uint64_t end = 0;
    qsort(file->by_name, (size_t)file->count, sizeof *file->by_name, compare_offsets);
    for (int i = 0; i < file->count; i++) {
        const struct safetensors_entry *entry = file->by_name[i];
        if (entry->begin != end)
            return refuse(ctx, file, entry->tensor.name,
                          entry->begin < end ? "overlaps another one's data" : "comes after a gap in the data");
        end = entry->end;
    }
    if (end != data_size)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: %llu bytes of data, but its tensors take %llu", file->name,
                        (unsigned long long)data_size, (unsigned long long)end);
    return mgm_safetensors_sort_names(ctx, file);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A table of them, as finding the n-th in a list takes n steps: too many for a file that was made to have it so. */
static enum mgm_status list_metadata(struct mgm_context *ctx, struct mgm_safetensors *file)
{
    const cJSON *item;
    if (!cJSON_IsObject(file->metadata))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: its " SAFETENSORS_METADATA " is not a JSON object", file->name);
    file->metadata_items = mgm_alloc((size_t)cJSON_GetArraySize(file->metadata), sizeof *file->metadata_items);
    if (!file->metadata_items)
        return mgm_fail_nomem(ctx, file->name);
    cJSON_ArrayForEach(item, file->metadata)
    {
        file->metadata_items[file->metadata_count++] = item;
        if (!cJSON_IsString(item))
            return mgm_fail(ctx, MGM_E_FORMAT, "%s: metadata '%.200s' is not a text", file->name, item->string);
    }
    return MGM_OK;
}

static enum mgm_status check_metadata(struct mgm_context *ctx, struct mgm_safetensors *file)
{
    TRY(list_metadata(ctx, file));
    const int count = file->metadata_count;
    const char **keys = mgm_alloc((size_t)count, sizeof *keys);
    if (!keys)
        return mgm_fail_nomem(ctx, file->name);
    for (int i = 0; i < count; i++)
        keys[i] = file->metadata_items[i]->string;
    enum mgm_status status = MGM_OK;
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    for (int i = 1; i < count && status == MGM_OK; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            status = mgm_fail(ctx, MGM_E_FORMAT, "%s: metadata '%.200s' occurs more than once", file->name, keys[i]);
    mgm_free(keys);
    return status;
}

static enum mgm_status read_entries(struct mgm_context *ctx, struct mgm_safetensors *file, const uint8_t *data,
                                    uint64_t data_size)
{
    size_t capacity = (size_t)cJSON_GetArraySize(file->header);
    file->entries = mgm_alloc_zeroed(capacity, sizeof *file->entries);
    file->by_name = mgm_alloc(capacity, sizeof *file->by_name);
    if (!file->entries || !file->by_name)
        return mgm_fail_nomem(ctx, file->name);
    cJSON *item;
    cJSON_ArrayForEach(item, file->header)
    {
        if (strcmp(item->string, SAFETENSORS_METADATA) == 0) {
            if (file->metadata)
                return mgm_fail(ctx, MGM_E_FORMAT, "%s: more than one " SAFETENSORS_METADATA, file->name);
            file->metadata = item;
            TRY(check_metadata(ctx, file));
            continue;
        }
        TRY(read_entry(ctx, file, item, data, data_size, &file->entries[file->count]));
        file->by_name[file->count] = &file->entries[file->count];
        file->count++;
    }
    return check_together(ctx, file, data_size);
}

/* Each value takes some 64 bytes once it is read, even a mere 0: without a limit, a few bytes would become many. */
static bool has_few_values(const char *text, size_t length)
{
    size_t values = 1;
    for (size_t i = 0; i < length; i++)
        values += text[i] == ',' || text[i] == '{' || text[i] == '[';
    return values <= SAFETENSORS_MAX_VALUES;
}

/* The parser takes control bytes within texts (a zero would end one early) and whatever follows the value. */
static bool is_one_object(const char *text, size_t length, const char *parsed_end)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
            return false;
    return strspn(parsed_end, " \t\n\r") == length - (size_t)(parsed_end - text);
}

static enum mgm_status parse_json(struct mgm_context *ctx, struct mgm_safetensors *file, const uint8_t *bytes, size_t length)
{
    /* A copy with a zero behind it: releases of the parser before 1.7.18 read one byte further than they may. */
    char *text = mgm_alloc(length + 1, 1);
    if (!text)
        return mgm_fail_nomem(ctx, file->name);
    memcpy(text, bytes, length);
    text[length] = 0;
    const char *end = text;
    errno = 0; /* tells want of memory, which the parser does not */
    file->header = text[0] == '{' ? cJSON_ParseWithLengthOpts(text, length, &end, 0) : NULL;
    bool out_of_memory = !file->header && errno == ENOMEM, valid = file->header && is_one_object(text, length, end);
    mgm_free(text);
    if (out_of_memory)
        return mgm_fail_nomem(ctx, file->name);
    if (!valid)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: not a safetensors file: its header is not a JSON object", file->name);
    return MGM_OK;
}

enum mgm_status mgm_safetensors_read_header(struct mgm_context *ctx, struct mgm_safetensors *file, const uint8_t *bytes,
                                            size_t size)
{
    if (size < SAFETENSORS_LENGTH_BYTES)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: not a safetensors file, or truncated: it has %zu bytes", file->name, size);
    uint64_t length;
    memcpy(&length, bytes, sizeof length);
    if (length > SAFETENSORS_MAX_HEADER)
        return mgm_fail(ctx, MGM_E_FORMAT,
                        "%s: not a safetensors file: its first 8 bytes give a header of %llu bytes, and %d is the most",
                        file->name, (unsigned long long)length, SAFETENSORS_MAX_HEADER);
    if (length > size - SAFETENSORS_LENGTH_BYTES)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: truncated, or not a safetensors file: %zu bytes for a header of %llu",
                        file->name, size, (unsigned long long)length);
    const uint8_t *header = bytes + SAFETENSORS_LENGTH_BYTES;
    if (!has_few_values((const char *)header, (size_t)length))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: a header of more values than any weights have (%d)", file->name,
                        SAFETENSORS_MAX_VALUES);
    TRY(parse_json(ctx, file, header, (size_t)length));
    return read_entries(ctx, file, header + length, size - SAFETENSORS_LENGTH_BYTES - length);
}
