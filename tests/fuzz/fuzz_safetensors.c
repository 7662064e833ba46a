/* Any bytes: refused with a sentence, or every tensor and metadata text of them can be read. */
#include "base/memory.h"
#include "weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_tensor(struct mgm_context *ctx, const struct mgm_safetensors *file, const struct mgm_tensor *tensor)
{
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < tensor->bytes; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)tensor->data)[i]);
    if (mgm_safetensors_find(file, tensor->name) != tensor)
        abort();
    float *values = tensor->count <= MAX_VALUES ? mgm_alloc(tensor->count, sizeof *values) : NULL;
    if (values && mgm_tensor_to_f32(ctx, tensor, values) != MGM_OK && !mgm_context_error(ctx)[0])
        abort();
    mgm_free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    struct mgm_safetensors *file = NULL;
    if (mgm_context_create(&ctx) != MGM_OK)
        return 0;
    if (mgm_safetensors_parse(ctx, "input", bytes, size, &file) != MGM_OK) {
        if (file || !mgm_context_error(ctx)[0])
            abort();
    } else {
        for (int i = 0; i < mgm_safetensors_count(file); i++)
            read_tensor(ctx, file, mgm_safetensors_at(file, i));
        for (int i = 0; i < mgm_safetensors_metadata_count(file); i++) {
            const char *key, *value;
            mgm_safetensors_metadata_at(file, i, &key, &value);
            if (strcmp(mgm_safetensors_metadata(file, key), value) != 0)
                abort();
        }
    }
    mgm_safetensors_close(&file);
    mgm_context_destroy(&ctx);
    return 0;
}
