/**
 * One JPEG that shows how a portrait was matted, for tools/portraits:
 *
 *     portrait-sheet PHOTO MASK MATTE CUTOUT X Y MOST_BYTES OUT.jpg
 *
 *     photo with the mask's outline | matte | cutout      made smaller
 *     photo | cutout                                      a part from (X, Y) on, pixel for pixel
 *
 * MASK has any size; the others have the photo's. Quality goes down until the file has MOST_BYTES at most.
 */
#include "image_file.h"

#include "image/resize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WIDTH = 900, GAP = 6, SMALL = (WIDTH - 2 * GAP) / 3, PART = (WIDTH - GAP) / 2, PART_HEIGHT = 300 };

enum role { PHOTO, MASK, MATTE, CUTOUT, ROLES };

static const uint8_t outline[3] = {255, 0, 200};

static const uint8_t *pixel_at(const struct mgm_bitmap *picture, int x, int y)
{
    return picture->data + ((size_t)y * (size_t)picture->width + (size_t)x) * (size_t)picture->channels;
}

/** Puts a part of a picture, RGB or grey, at (left, top) of the sheet. */
static void put(struct mgm_bitmap *sheet, int left, int top, const struct mgm_bitmap *picture, int x0, int y0, int width,
                int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const uint8_t *from = pixel_at(picture, x0 + x, y0 + y);
            uint8_t *to = sheet->data + ((size_t)(top + y) * (size_t)sheet->width + (size_t)(left + x)) * 3;
            for (int k = 0; k < 3; k++)
                to[k] = from[picture->channels == 3 ? k : 0];
        }
}

/** Colours the pixels of a photo along which a mask of its size ends. */
static void draw_outline(struct mgm_bitmap *photo, const struct mgm_bitmap *mask)
{
    for (int y = 1; y < mask->height; y++)
        for (int x = 1; x < mask->width; x++) {
            const int set = *pixel_at(mask, x, y) >> 7;
            if (set != *pixel_at(mask, x - 1, y) >> 7 || set != *pixel_at(mask, x, y - 1) >> 7)
                memcpy(photo->data + ((size_t)y * (size_t)photo->width + (size_t)x) * 3, outline, 3);
        }
}

static int clamp(int value, int high)
{
    return value > high ? (high > 0 ? high : 0) : value < 0 ? 0 : value;
}

static enum mgm_status fill_sheet(struct mgm_context *ctx, const struct mgm_bitmap pictures[ROLES],
                                  struct mgm_bitmap small[ROLES], int x, int y, struct mgm_bitmap *sheet)
{
    const struct mgm_bitmap *photo = &pictures[PHOTO];
    const int height = (photo->height * SMALL + photo->width / 2) / photo->width;
    const int part_width = photo->width < PART ? photo->width : PART;
    const int part_height = photo->height < PART_HEIGHT ? photo->height : PART_HEIGHT;
    for (int role = 0; role < ROLES; role++)
        TRY(mgm_resize_bitmap(ctx, &pictures[role], SMALL, height, &small[role]));
    draw_outline(&small[PHOTO], &small[MASK]);
    TRY(mgm_bitmap_create(ctx, WIDTH, height + GAP + PART_HEIGHT, 3, sheet));
    memset(sheet->data, 255, (size_t)sheet->width * (size_t)sheet->height * 3);
    put(sheet, 0, 0, &small[PHOTO], 0, 0, SMALL, height);
    put(sheet, SMALL + GAP, 0, &small[MATTE], 0, 0, SMALL, height);
    put(sheet, 2 * (SMALL + GAP), 0, &small[CUTOUT], 0, 0, SMALL, height);
    x = clamp(x, photo->width - part_width);
    y = clamp(y, photo->height - part_height);
    put(sheet, 0, height + GAP, photo, x, y, part_width, part_height);
    put(sheet, PART + GAP, height + GAP, &pictures[CUTOUT], x, y, part_width, part_height);
    return MGM_OK;
}

static enum mgm_status write_within(struct mgm_context *ctx, const char *path, const struct mgm_bitmap *sheet, long most)
{
    struct image_target target;
    struct stat written = {0};
    TRY(image_target_choose(ctx, path, NULL, 3, &target));
    const struct mgm_image image = {sheet->width, sheet->height, 3, 8, 3 * (size_t)sheet->width, sheet->data};
    for (target.quality = 90; target.quality >= 30; target.quality -= 4) {
        TRY(image_target_write(ctx, &target, &image, NULL, 0));
        if (stat(path, &written) == 0 && written.st_size <= most)
            return MGM_OK;
    }
    return mgm_fail(ctx, MGM_E_INVALID, "%s: does not fit into %ld bytes", path, most);
}

static enum mgm_status make_sheet(struct mgm_context *ctx, char **argv)
{
    struct mgm_bitmap pictures[ROLES] = {{0}}, small[ROLES] = {{0}}, sheet = {0};
    enum mgm_status status = MGM_OK;
    for (int role = 0; role < ROLES && status == MGM_OK; role++)
        status = image_file_read(ctx, argv[1 + role], role == PHOTO || role == CUTOUT ? 3 : 1, &pictures[role]);
    for (int role = MATTE; role < ROLES && status == MGM_OK; role++)
        if (pictures[role].width != pictures[PHOTO].width || pictures[role].height != pictures[PHOTO].height)
            status = mgm_fail(ctx, MGM_E_SHAPE, "%s has not the size of %s", argv[1 + role], argv[1]);
    if (status == MGM_OK)
        status = fill_sheet(ctx, pictures, small, atoi(argv[5]), atoi(argv[6]), &sheet);
    if (status == MGM_OK)
        status = write_within(ctx, argv[8], &sheet, atol(argv[7]));
    for (int role = 0; role < ROLES; role++) {
        mgm_bitmap_release(&pictures[role]);
        mgm_bitmap_release(&small[role]);
    }
    mgm_bitmap_release(&sheet);
    return status;
}

int main(int argc, char **argv)
{
    struct mgm_context *ctx = NULL;
    if (argc != 9) {
        fprintf(stderr, "usage: portrait-sheet PHOTO MASK MATTE CUTOUT X Y MOST_BYTES OUT.jpg\n");
        return 2;
    }
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK)
        status = make_sheet(ctx, argv);
    if (status != MGM_OK)
        fprintf(stderr, "portrait-sheet: %s\n", ctx ? mgm_context_error(ctx) : "not enough memory");
    mgm_context_destroy(&ctx);
    return status == MGM_OK ? 0 : 1;
}
