/*
 * What is uncertain, for `mgm bench --uncertain`: the contour of a mask, widened by a number of pixels on either side.
 *
 *     region MASK HEIGHTxWIDTH MARGIN OUT.png
 */
#include "../cli/image_file.h"
#include "base/memory.h"
#include "image/morphology.h"

#include <stdio.h>
#include <stdlib.h>

static enum mgm_status contour(struct mgm_context *ctx, const char *path, int h, int w, int margin, const char *out)
{
    struct picture mask = {0};
    struct mgm_bitmap result = {.width = w, .height = h, .channels = 1};
    const size_t count = (size_t)h * (size_t)w;
    uint8_t *inner = mgm_alloc(count, 1);
    uint8_t *outer = result.data = mgm_alloc(count, 1);
    enum mgm_status status = inner && outer ? MGM_OK : mgm_fail_nomem(ctx, "the region");
    if (status == MGM_OK)
        status = picture_read_mask(ctx, path, &mask);
    if (status == MGM_OK)
        status = picture_resize_mask(ctx, &mask, w, h, true);
    for (int y = 0; y < h && status == MGM_OK; y++)
        for (int x = 0; x < w; x++)
            inner[y * w + x] = ((const uint8_t *)mask.image.pixels)[(size_t)y * mask.image.stride + (size_t)x] >= 128;
    if (status == MGM_OK)
        status = mgm_dilate(ctx, inner, h, w, 2 * margin + 1, outer);
    if (status == MGM_OK)
        status = mgm_erode(ctx, inner, h, w, 2 * margin + 1, inner);
    for (size_t i = 0; i < count && status == MGM_OK; i++)
        outer[i] = outer[i] && !inner[i] ? 255 : 0;
    if (status == MGM_OK)
        status = image_file_write(ctx, out, &result);
    picture_release(&mask);
    mgm_free(inner);
    mgm_free(outer);
    return status;
}

int main(int argc, char **argv)
{
    int h, w;
    struct mgm_context *ctx = NULL;
    if (argc != 5 || sscanf(argv[2], "%dx%d", &h, &w) != 2 || h < 1 || w < 1 || mgm_context_create(&ctx) != MGM_OK) {
        fprintf(stderr, "usage: %s MASK HEIGHTxWIDTH MARGIN OUT.png\n", argv[0]);
        return 2;
    }
    const enum mgm_status status = contour(ctx, argv[1], h, w, atoi(argv[3]), argv[4]);
    if (status != MGM_OK)
        fprintf(stderr, "%s\n", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return status == MGM_OK ? 0 : 1;
}
