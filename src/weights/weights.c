#include "weights/weights.h"

#include "weights/index.h"
#include "weights/pth_file.h"
#include "weights/safetensors_file.h"
#include "weights/shards.h"

enum mgm_status mgm_weights_open(struct mgm_context *ctx, const char *path, struct mgm_safetensors **out)
{
    TRY(mgm_safetensors_create(ctx, path, out));
    struct mgm_safetensors *file = *out;
    enum mgm_status status = mgm_safetensors_map(ctx, file);
    const uint8_t *bytes = file->mapping;
    const size_t size = file->mapping_size;
    if (status == MGM_OK) {
        if (mgm_index_is_name(path) || mgm_index_is(bytes, size))
            status = mgm_shards_read(ctx, file, bytes, size);
        else if (pth_is(bytes, size))
            status = pth_read(ctx, file, bytes, size);
        else
            status = mgm_safetensors_read_header(ctx, file, bytes, size);
    }
    if (status != MGM_OK)
        mgm_safetensors_close(out);
    return status;
}
