#include "train/second_look.h"

#include "base/memory.h"
#include "train/perturb.h"
#include "train/plane.h"

#include <math.h>
#include <string.h>

enum { COIN_KEY = 0x74776963, SAMPLE_KEY = 0x6c6f6f6b };

struct mgm_second_look {
    int n, size;
    float *guidance, *scratch;
};

enum mgm_status mgm_second_look_create(struct mgm_context *ctx, int n, int size, struct mgm_second_look **out)
{
    const size_t plane = (size_t)size * (size_t)size;
    struct mgm_second_look *look = *out = mgm_alloc_zeroed(1, sizeof *look);
    if (look) {
        look->n = n;
        look->size = size;
        look->guidance = mgm_alloc((size_t)n * plane, sizeof(float));
        look->scratch = mgm_alloc(mgm_plane_scratch(size), sizeof(float));
    }
    if (look && look->guidance && look->scratch)
        return MGM_OK;
    mgm_second_look_destroy(out);
    return mgm_fail_nomem(ctx, "training");
}

void mgm_second_look_destroy(struct mgm_second_look **look)
{
    if (!*look)
        return;
    mgm_free((*look)->guidance);
    mgm_free((*look)->scratch);
    mgm_free(*look);
    *look = NULL;
}

bool mgm_second_look_is_due(uint64_t seed, int64_t iteration, double share)
{
    struct mgm_random random = mgm_random_stream(seed ^ COIN_KEY, (uint64_t)iteration);
    return share > 0 && mgm_random_chance(&random, share);
}

void mgm_second_look_at(struct mgm_second_look *look, uint64_t seed, uint64_t first, const struct mgm_batch *batch,
                        const float *alpha, struct mgm_batch *out)
{
    const size_t plane = (size_t)look->size * (size_t)look->size;
    for (int i = 0; i < look->n; i++) {
        struct mgm_random random = mgm_random_stream(seed ^ SAMPLE_KEY, first + (uint64_t)i);
        const size_t at = (size_t)i * plane;
        float *guidance = look->guidance + at;
        const bool again = mgm_random_chance(&random, 0.5);
        const int factor = (int)(pow(4.99, mgm_random_unit(&random))), x = mgm_random_int(&random, 0, factor - 1),
                  y = mgm_random_int(&random, 0, factor - 1);
        if (again)
            mgm_plane_coarse(alpha + at, look->size, factor, x, y, false, guidance, look->scratch);
        if (!again || !mgm_guidance_tells(batch->alpha + at, guidance, look->size))
            memcpy(guidance, batch->guidance + at, plane * sizeof *guidance);
    }
    *out = *batch;
    out->guidance = look->guidance;
}
