#include "matting/frame.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "matting/network.h"

#include <stdlib.h>

enum { REFERENCE_MARGIN = 32 };

static int round_up(int size)
{
    return (size + MGM_NETWORK_GRAIN - 1) / MGM_NETWORK_GRAIN * MGM_NETWORK_GRAIN;
}

struct mgm_frame mgm_frame_around(int width, int height, bool reference)
{
    const int margin = reference ? REFERENCE_MARGIN : 0;
    return (struct mgm_frame){round_up(width) + 2 * margin, round_up(height) + 2 * margin, margin, margin};
}

/** Coordinate in [0, size) that `at` is a reflection of. */
static int reflect(int at, int size)
{
    if (size == 1)
        return 0;
    const int period = 2 * (size - 1);
    at = abs(at) % period;
    return at < size ? at : period - at;
}

struct packing {
    const struct mgm_image *photo;
    const struct mgm_plane *guidance;
    const struct mgm_frame *frame;
    const int *columns; /* [frame width]: where each comes from */
    float *dst;
};

static void pack_rows(void *argument, size_t begin, size_t end)
{
    const struct packing *job = argument;
    const struct mgm_image *photo = job->photo;
    const struct mgm_frame *frame = job->frame;
    const float scale = photo->bits == 16 ? 1.0f / 65535.0f : 1.0f / 255.0f;
    for (size_t y = begin; y < end; y++) {
        const size_t from = (size_t)reflect((int)y - frame->top, photo->height);
        const unsigned char *bytes = (const unsigned char *)photo->pixels + from * photo->stride;
        const uint16_t *words = (const uint16_t *)(const void *)bytes;
        float *dst = job->dst + y * (size_t)frame->width * MGM_NETWORK_INPUTS;
        /* The row's last quarter is written last, so the guidance waits there. */
        float *guidance = dst + (MGM_NETWORK_INPUTS - 1) * frame->width;
        mgm_plane_read(job->guidance, photo->width, photo->height, (int)from, job->columns, frame->width, guidance);
        for (int x = 0; x < frame->width; x++, dst += MGM_NETWORK_INPUTS) {
            const int column = job->columns[x];
            for (int c = 0; c < 3; c++) {
                const int value = photo->bits == 16 ? words[3 * column + c] : bytes[3 * column + c];
                dst[c] = ((float)value * scale - mgm_network_mean[c]) / mgm_network_deviation[c];
            }
            dst[3] = guidance[x];
        }
    }
}

enum mgm_status mgm_frame_pack(struct mgm_context *ctx, const struct mgm_frame *frame, const struct mgm_image *photo,
                               const struct mgm_plane *guidance, float *dst)
{
    int *columns = mgm_alloc((size_t)frame->width, sizeof *columns);
    if (!columns)
        return mgm_fail_nomem(ctx, "the padded photo");
    for (int x = 0; x < frame->width; x++)
        columns[x] = reflect(x - frame->left, photo->width);
    struct packing job = {photo, guidance, frame, columns, dst};
    mgm_parallel_for(ctx->threads, (size_t)frame->height, pack_rows, &job);
    mgm_free(columns);
    return MGM_OK;
}
