#include "train/trimap.h"

#include "image/morphology.h"

enum mgm_status mgm_trimap_unknown(struct mgm_context *ctx, const float *alpha, int size, int erode_fg, int erode_bg,
                                   uint8_t *unknown, uint8_t *space)
{
    size_t count = (size_t)size * size;
    for (size_t i = 0; i < count; i++)
        unknown[i] = alpha[i] >= 1;
    TRY(mgm_erode(ctx, unknown, size, size, erode_fg, unknown));
    for (size_t i = 0; i < count; i++)
        space[i] = alpha[i] <= 0;
    TRY(mgm_erode(ctx, space, size, size, erode_bg, space));
    for (size_t i = 0; i < count; i++)
        unknown[i] = !unknown[i] && !space[i];
    return MGM_OK;
}
