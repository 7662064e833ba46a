#include "train/dataset.h"

#include "base/memory.h"
#include "train/dataset_list.h"

#include <string.h>

const char *const mgm_source_names[MGM_SOURCE_FOLDERS + 1] = {"drawn", "composition-1k", "distinction-646", "folders"};

enum { SIDE_LEAST = 8 };

static enum mgm_status open_all(struct mgm_context *ctx, const struct mgm_source *sources, int count,
                                const char *backgrounds, struct mgm_dataset_listing *listing, struct mgm_dataset *dataset)
{
    for (int i = 0; i < count; i++)
        if (sources[i].kind != MGM_SOURCE_DRAWN)
            TRY(mgm_dataset_list_source(ctx, &sources[i], listing, &dataset->sources[i]));
    if (backgrounds[0])
        TRY(mgm_dataset_list_folder(ctx, backgrounds, &dataset->backgrounds));
    if (listing->complaints)
        return mgm_fail(ctx, MGM_E_INVALID, "%d pictures of the data are missing or superfluous, the first: %s",
                        listing->complaints, listing->first);
    return MGM_OK;
}

enum mgm_status mgm_dataset_open(struct mgm_context *ctx, const struct mgm_source *sources, int count,
                                 const char *backgrounds, mgm_read_picture read,
                                 void (*complain)(void *argument, const char *sentence), void *argument,
                                 struct mgm_dataset **out)
{
    struct mgm_dataset_listing listing = {.complain = complain, .argument = argument};
    struct mgm_dataset *dataset = *out = mgm_alloc_zeroed(1, sizeof *dataset);
    if (!dataset)
        return mgm_fail_nomem(ctx, "the list of the data");
    dataset->read = read;
    const enum mgm_status status = open_all(ctx, sources, count, backgrounds, &listing, dataset);
    if (status != MGM_OK)
        mgm_dataset_close(out);
    return status;
}

void mgm_dataset_close(struct mgm_dataset **dataset)
{
    for (int i = 0; *dataset && i < MGM_SOURCES_MAX; i++)
        mgm_dataset_list_release(&(*dataset)->sources[i]);
    if (*dataset)
        mgm_dataset_list_release(&(*dataset)->backgrounds);
    mgm_free(*dataset);
    *dataset = NULL;
}

int mgm_dataset_count(const struct mgm_dataset *dataset, int source)
{
    return dataset->sources[source].count;
}

int mgm_dataset_background_count(const struct mgm_dataset *dataset)
{
    return dataset->backgrounds.count;
}

void mgm_lease_release(struct mgm_lease *lease)
{
    mgm_free(lease->memory);
    *lease = (struct mgm_lease){.memory = NULL};
}

/** Room for a picture and its halves. @return the first level's pixels; NULL if memory ran out */
static uint8_t *make_levels(int width, int height, int channels, struct mgm_lease *out)
{
    size_t bytes = 0;
    int levels = 0;
    for (; levels < MGM_PYRAMID_LEVELS; levels++) {
        if (levels > 0 && (width >> levels < SIDE_LEAST || height >> levels < SIDE_LEAST))
            break;
        bytes += (size_t)(width >> levels) * (size_t)(height >> levels) * (size_t)channels;
    }
    uint8_t *next = out->memory = mgm_alloc(bytes, 1);
    out->pyramid = (struct mgm_pyramid){.channels = channels, .levels = levels};
    for (int i = 0; next && i < levels; i++) {
        out->pyramid.level[i].width = width >> i;
        out->pyramid.level[i].height = height >> i;
        out->pyramid.level[i].data = next;
        next += (size_t)(width >> i) * (size_t)(height >> i) * (size_t)channels;
    }
    return out->memory;
}

static void fill_halves(struct mgm_lease *lease)
{
    const struct mgm_pyramid *pyramid = &lease->pyramid;
    uint8_t *base = lease->memory;
    for (int i = 1; i < pyramid->levels; i++)
        mgm_halve(pyramid->level[i - 1].data, pyramid->level[i - 1].width, pyramid->level[i - 1].height, pyramid->channels,
                  base + (pyramid->level[i].data - base));
}

static enum mgm_status join(struct mgm_context *ctx, const struct mgm_dataset_entry *entry, const struct mgm_bitmap *colour,
                            const struct mgm_bitmap *alpha, struct mgm_lease *out)
{
    if (alpha->width != colour->width || alpha->height != colour->height)
        return mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, but its foreground %s has %d × %d", entry->alpha,
                        alpha->width, alpha->height, entry->picture, colour->width, colour->height);
    if (colour->width < SIDE_LEAST || colour->height < SIDE_LEAST)
        return mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, expected at least %d × %d", entry->picture, colour->width,
                        colour->height, SIDE_LEAST, SIDE_LEAST);
    uint8_t *pixels = make_levels(colour->width, colour->height, 4, out);
    if (!pixels)
        return mgm_fail_nomem(ctx, entry->picture);
    for (size_t i = 0; i < (size_t)colour->width * (size_t)colour->height; i++) {
        memcpy(pixels + 4 * i, colour->data + 3 * i, 3);
        pixels[4 * i + 3] = alpha->data[i];
    }
    fill_halves(out);
    return MGM_OK;
}

enum mgm_status mgm_dataset_foreground(struct mgm_context *ctx, const struct mgm_dataset *dataset, int source, int index,
                                       struct mgm_lease *out)
{
    const struct mgm_dataset_entry *entry = &dataset->sources[source].entries[index];
    struct mgm_bitmap colour = {0}, alpha = {0};
    *out = (struct mgm_lease){.memory = NULL};
    enum mgm_status status = dataset->read(ctx, entry->picture, 3, &colour);
    if (status == MGM_OK)
        status = dataset->read(ctx, entry->alpha, 1, &alpha);
    if (status == MGM_OK)
        status = join(ctx, entry, &colour, &alpha, out);
    mgm_bitmap_release(&colour);
    mgm_bitmap_release(&alpha);
    return status;
}

enum mgm_status mgm_dataset_background(struct mgm_context *ctx, const struct mgm_dataset *dataset, int index,
                                       struct mgm_lease *out)
{
    const struct mgm_dataset_entry *entry = &dataset->backgrounds.entries[index];
    struct mgm_bitmap colour = {0};
    *out = (struct mgm_lease){.memory = NULL};
    enum mgm_status status = dataset->read(ctx, entry->picture, 3, &colour);
    if (status == MGM_OK && (colour.width < SIDE_LEAST || colour.height < SIDE_LEAST))
        status = mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, expected at least %d × %d", entry->picture, colour.width,
                          colour.height, SIDE_LEAST, SIDE_LEAST);
    uint8_t *pixels = status == MGM_OK ? make_levels(colour.width, colour.height, 3, out) : NULL;
    if (status == MGM_OK && !pixels)
        status = mgm_fail_nomem(ctx, entry->picture);
    if (status == MGM_OK) {
        memcpy(pixels, colour.data, 3 * (size_t)colour.width * (size_t)colour.height);
        fill_halves(out);
    }
    mgm_bitmap_release(&colour);
    return status;
}

/** Whether some of it is foreground. */
static bool shows_something(const struct mgm_pyramid *pyramid)
{
    const size_t count = (size_t)pyramid->level[0].width * (size_t)pyramid->level[0].height;
    for (size_t i = 0; i < count; i++)
        if (pyramid->level[0].data[4 * i + 3] > 127)
            return true;
    return false;
}

int mgm_dataset_check(struct mgm_context *ctx, const struct mgm_dataset *dataset, int backgrounds,
                      void (*complain)(void *argument, const char *sentence), void *argument)
{
    struct mgm_lease lease;
    int wrong = 0;
    for (int source = 0; source < MGM_SOURCES_MAX; source++)
        for (int i = 0; i < dataset->sources[source].count; i++) {
            enum mgm_status status = mgm_dataset_foreground(ctx, dataset, source, i, &lease);
            if (status == MGM_OK && !shows_something(&lease.pyramid))
                status = mgm_fail(ctx, MGM_E_INVALID, "%s: nothing in it is foreground",
                                  dataset->sources[source].entries[i].alpha);
            if (status != MGM_OK) {
                complain(argument, mgm_context_error(ctx));
                wrong++;
            }
            mgm_lease_release(&lease);
        }
    const int count = dataset->backgrounds.count, some = count < backgrounds ? count : backgrounds;
    for (int i = 0; i < some; i++) {
        if (mgm_dataset_background(ctx, dataset, (int)((int64_t)i * count / some), &lease) != MGM_OK) {
            complain(argument, mgm_context_error(ctx));
            wrong++;
        }
        mgm_lease_release(&lease);
    }
    return wrong;
}
