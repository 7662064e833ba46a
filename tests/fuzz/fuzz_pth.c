/* Any bytes as a checkpoint: refused with a sentence, or every tensor of it can be read. */
#include "weights/pth.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    struct mgm_safetensors *file = NULL;
    if (mgm_context_create(&ctx) != MGM_OK)
        return 0;
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
    return 0;
}
