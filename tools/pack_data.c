/**
 * Writes the pictures of a data folder (docs/data.md) as training keeps them in memory, for tools/train-default.sh:
 *
 *     pack-data DATA OUT QUALITY
 *
 * OUT must hold the folders photos, cards, particles and objects. QUALITY is that of the photographs' JPEG; the others are
 * PNG.
 */
#include "image_file.h"

#include "synth/synth.h"

#include <stdio.h>
#include <stdlib.h>

static enum mgm_status write_picture(void *argument, struct mgm_context *ctx, const char *path,
                                     const struct mgm_bitmap *picture)
{
    struct image_target target;
    TRY(image_target_choose(ctx, path, NULL, picture->channels, &target));
    target.quality = *(const int *)argument;
    const struct mgm_image image = {.width = picture->width,
                                    .height = picture->height,
                                    .channels = picture->channels,
                                    .bits = 8,
                                    .stride = (size_t)picture->width * (size_t)picture->channels,
                                    .pixels = picture->data};
    return image_target_write(ctx, &target, &image, NULL, 0);
}

static enum mgm_status pack(struct mgm_context *ctx, const char *from, const char *to, int quality)
{
    struct mgm_synth_library *library = NULL;
    TRY(mgm_synth_library_load(ctx, from, image_file_read, &library));
    enum mgm_status status = mgm_synth_library_write(ctx, library, to, write_picture, &quality);
    mgm_synth_library_destroy(&library);
    return status;
}

int main(int argc, char **argv)
{
    struct mgm_context *ctx = NULL;
    const int quality = argc == 4 ? atoi(argv[3]) : 0;
    if (quality < 1 || quality > 100) {
        fprintf(stderr, "usage: pack-data DATA OUT QUALITY\n");
        return 2;
    }
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK)
        status = pack(ctx, argv[1], argv[2], quality);
    if (status != MGM_OK)
        fprintf(stderr, "pack-data: %s\n", ctx ? mgm_context_error(ctx) : "not enough memory");
    mgm_context_destroy(&ctx);
    return status == MGM_OK ? 0 : 1;
}
