#include "checkpoint_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { KEY_SIZE = 16 };

void put(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size) + 64;
        bytes->data = realloc(bytes->data, bytes->capacity);
        assert_non_null(bytes->data);
    }
    if (size)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void put_code(struct bytes *bytes, const char *code)
{
    put(bytes, code, strlen(code));
}

void put_text(struct bytes *bytes, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    put(bytes, "X", 1);
    put(bytes, &length, sizeof length);
    put(bytes, text, length);
}

void put_number(struct bytes *bytes, int number)
{
    put(bytes, "J", 1);
    put(bytes, &number, 4);
}

static void put_tuple(struct bytes *bytes, int count, const int *numbers)
{
    put_code(bytes, "(");
    for (int i = 0; i < count; i++)
        put_number(bytes, numbers[i]);
    put_code(bytes, "t");
}

void put_tensor(struct bytes *bytes, const struct pickled_tensor *tensor)
{
    put_code(bytes, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(bytes, "storage");
    put_code(bytes, "ctorch\n");
    put_code(bytes, tensor->type);
    put_code(bytes, "\n");
    put_text(bytes, tensor->key);
    put_text(bytes, "cuda:0");
    put_number(bytes, tensor->storage_count);
    if (tensor->part_of_size) {
        put_code(bytes, "(");
        put_text(bytes, "a key");
        put_number(bytes, tensor->part_at);
        put_number(bytes, tensor->part_of_size);
        put_code(bytes, "t");
    } else if (tensor->legacy) {
        put_code(bytes, "N");
    }
    put_code(bytes, "tQ");
    put_number(bytes, tensor->offset);
    put_tuple(bytes, tensor->ndim, tensor->sizes);
    put_tuple(bytes, tensor->ndim, tensor->strides);
    put_code(bytes, "\x89"
                    "ccollections\nOrderedDict\n)RtR");
}

void put_legacy_head(struct bytes *bytes)
{
    static const uint8_t magic[] = {0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, '.'};
    put(bytes, magic, sizeof magic);
    put_code(bytes, "\x80\x02M\xE9\x03.");
    put_code(bytes, "\x80\x02}(");
    put_text(bytes, "little_endian");
    put_code(bytes, "\x88u.");
}

void put_legacy_keys(struct bytes *bytes, const char *const *keys, int count)
{
    put_code(bytes, "\x80\x02](");
    for (int i = 0; i < count; i++)
        put_text(bytes, keys[i]);
    put_code(bytes, "e.");
}

void put_legacy_storage(struct bytes *bytes, uint64_t count, const void *data, size_t size)
{
    put(bytes, &count, sizeof count);
    put(bytes, data, size);
}

void write_zip(const char *path, const struct zip_entry *entries, int count)
{
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(archive);
    for (int i = 0; i < count; i++) {
        zip_source_t *source = zip_source_buffer(archive, entries[i].data, entries[i].size, 0);
        assert_non_null(source);
        zip_int64_t index = zip_file_add(archive, entries[i].name, source, 0);
        assert_true(index >= 0);
        int method = entries[i].deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
        assert_int_equal(zip_set_file_compression(archive, (zip_uint64_t)index, method, 0), 0);
    }
    assert_int_equal(zip_close(archive), 0);
}

static size_t describe(struct bytes *pickle, const struct mgm_tensor_source *tensor, const char *key, bool legacy)
{
    char name[256];
    int count = 1;
    struct pickled_tensor pickled = {.key = key, .type = "FloatStorage", .ndim = tensor->ndim, .legacy = legacy};
    for (int d = tensor->ndim - 1; d >= 0; d--) {
        pickled.sizes[d] = (int)tensor->dims[d];
        pickled.strides[d] = count;
        count *= pickled.sizes[d];
    }
    pickled.storage_count = count;
    snprintf(name, sizeof name, "module.%s", tensor->name);
    put_text(pickle, name);
    put_tensor(pickle, &pickled);
    return (size_t)count;
}

static void write_legacy(const char *path, const struct bytes *pickle, const struct mgm_tensor_source *tensors, int count,
                         char (*keys)[KEY_SIZE], const size_t *sizes)
{
    struct bytes file = {0};
    const char **list = calloc((size_t)count, sizeof *list);
    assert_non_null(list);
    put_legacy_head(&file);
    put(&file, pickle->data, pickle->size);
    for (int i = 0; i < count; i++)
        list[i] = keys[i];
    put_legacy_keys(&file, list, count);
    for (int i = 0; i < count; i++)
        put_legacy_storage(&file, sizes[i], tensors[i].data, sizes[i] * sizeof(float));
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(file.data, 1, file.size, stream), file.size);
    assert_int_equal(fclose(stream), 0);
    free(list);
    free(file.data);
}

static void write_modern(const char *path, const struct bytes *pickle, const struct mgm_tensor_source *tensors, int count,
                         char (*keys)[KEY_SIZE], const size_t *sizes)
{
    struct zip_entry *entries = calloc((size_t)count + 1, sizeof *entries);
    char(*names)[KEY_SIZE + 16] = calloc((size_t)count, sizeof *names);
    assert_true(entries && names);
    entries[0] = (struct zip_entry){.name = "archive/data.pkl", .data = pickle->data, .size = pickle->size};
    for (int i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "archive/data/%s", keys[i]);
        entries[i + 1] = (struct zip_entry){.name = names[i], .data = tensors[i].data, .size = sizes[i] * sizeof(float)};
    }
    write_zip(path, entries, count + 1);
    free(names);
    free(entries);
}

void write_checkpoint(const char *path, const struct mgm_tensor_source *tensors, int count, bool legacy)
{
    struct bytes pickle = {0};
    char(*keys)[KEY_SIZE] = calloc((size_t)count, sizeof *keys);
    size_t *sizes = calloc((size_t)count, sizeof *sizes);
    assert_true(keys && sizes);
    put_code(&pickle, "\x80\x02}(");
    put_text(&pickle, "iter");
    put_number(&pickle, 100000);
    put_text(&pickle, "state_dict");
    put_code(&pickle, "ccollections\nOrderedDict\n)R(");
    for (int i = 0; i < count; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", 1000 + i);
        sizes[i] = describe(&pickle, &tensors[i], keys[i], legacy);
    }
    put_code(&pickle, "u}");
    put_text(&pickle, "_metadata");
    put_code(&pickle, "}sbu.");
    (legacy ? write_legacy : write_modern)(path, &pickle, tensors, count, keys, sizes);
    free(pickle.data);
    free(keys);
    free(sizes);
}
