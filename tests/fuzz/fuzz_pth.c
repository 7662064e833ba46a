/* Any bytes as a checkpoint: refused with a sentence, or every tensor of it can be read. */
#include "weights/pth.h"

#include <stdlib.h>
#include <string.h>

/* Of an archive's formats: "PK", 1, 2 and what its directory says of one entry; "PK", 3, 4 and the entry. */
enum { RECORD_BYTES = 46, RECORD_CHECKSUM = 16, RECORD_SIZE = 20, RECORD_AT = 42 };
enum { ENTRY_BYTES = 30, ENTRY_NAME = 26, ENTRY_EXTRA = 28 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void try_bytes(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    struct mgm_safetensors *file = NULL;
    if (mgm_context_create(&ctx) != MGM_OK)
        return;
    if (mgm_pth_parse(ctx, "input", bytes, size, &file) != MGM_OK) {
        if (file || !mgm_context_error(ctx)[0])
            abort();
    } else {
        volatile uint8_t sum = 0;
        for (int i = 0; i < mgm_safetensors_count(file); i++) {
            const struct mgm_tensor *tensor = mgm_safetensors_at(file, i);
            for (size_t k = 0; k < tensor->bytes; k++)
                sum = (uint8_t)(sum + ((const uint8_t *)tensor->data)[k]);
            if (mgm_safetensors_find(file, tensor->name) != tensor)
                abort();
        }
    }
    mgm_safetensors_close(&file);
    mgm_context_destroy(&ctx);
}

static size_t read_number(const uint8_t *bytes, int count)
{
    size_t value = 0;
    for (int i = 0; i < count; i++)
        value |= (size_t)bytes[i] << (8 * i);
    return value;
}

static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320 : 0);
    }
    return ~sum;
}

/* The directory's checksums made right. @return whether any was wrong */
static bool repair(uint8_t *bytes, size_t size)
{
    bool changed = false;
    for (size_t i = 0; i + RECORD_BYTES <= size; i++) {
        uint8_t *record = bytes + i;
        if (memcmp(record, "PK\1\2", 4) != 0)
            continue;
        size_t at = read_number(record + RECORD_AT, 4), length = read_number(record + RECORD_SIZE, 4);
        if (at + ENTRY_BYTES > size)
            continue;
        at += ENTRY_BYTES + read_number(bytes + at + ENTRY_NAME, 2) + read_number(bytes + at + ENTRY_EXTRA, 2);
        if (at > size || length > size - at)
            continue;
        uint32_t sum = checksum(bytes + at, length);
        changed = changed || memcmp(record + RECORD_CHECKSUM, &sum, sizeof sum) != 0;
        memcpy(record + RECORD_CHECKSUM, &sum, sizeof sum);
    }
    return changed;
}

/* A changed archive nearly always fails at its checksums: what lies behind them is seen with right ones. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    try_bytes(bytes, size);
    if (size < 4 || memcmp(bytes, "PK", 2) != 0)
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    if (repair(copy, size))
        try_bytes(copy, size);
    free(copy);
    return 0;
}
