#include "nn/tile_map.h"

#include "base/parallel.h"

#include <string.h>

struct job {
    const struct mgm_tile_map *src;
    const struct mgm_windows *windows;
    char *dst;
};

/* `count` pixels of one row of one tile. */
static void copy_run(const struct mgm_tile_map *src, int slot, int y, int x, int count, char *dst)
{
    const size_t size = mgm_precision_bytes(src->precision), block = (size_t)(src->block ? src->block : src->c);
    const size_t blocks = (size_t)src->c / block, row = (size_t)src->tile_w, plane = (size_t)src->tile_h * row;
    const char *from =
        (const char *)src->values + (((size_t)slot * blocks * plane) + (size_t)y * row + (size_t)x) * block * size;
    if (blocks == 1) {
        memcpy(dst, from, (size_t)count * block * size);
        return;
    }
    for (size_t b = 0; b < blocks; b++, from += plane * block * size)
        for (size_t i = 0; i < (size_t)count; i++)
            memcpy(dst + (i * blocks + b) * block * size, from + i * block * size, block * size);
}

static int slot_of(const struct mgm_tile_map *src, int row, int column)
{
    const int columns = (src->w + src->tile_w - 1) / src->tile_w;
    return src->slots ? src->slots[row * columns + column] : 0;
}

/* Row y of the map, columns [x, x + count), of which some may be beyond it. */
static void copy_row(const struct mgm_tile_map *src, int y, int x, int count, char *dst)
{
    const size_t pixel = (size_t)src->c * mgm_precision_bytes(src->precision);
    if (y < 0 || y >= src->h) {
        memset(dst, 0, (size_t)count * pixel);
        return;
    }
    const int end = x + count, row = y / src->tile_h;
    while (x < end) {
        int run = end - x, slot = -1;
        if (x < 0) {
            run = -x < run ? -x : run;
        } else if (x < src->w) {
            const int column = x / src->tile_w, tile_end = (column + 1) * src->tile_w;
            const int limit = tile_end < src->w ? tile_end : src->w;
            run = limit - x < run ? limit - x : run;
            slot = slot_of(src, row, column);
        }
        if (slot < 0)
            memset(dst, 0, (size_t)run * pixel);
        else
            copy_run(src, slot, y % src->tile_h, x % src->tile_w, run, dst);
        dst += (size_t)run * pixel;
        x += run;
    }
}

static void gather_windows(void *argument, size_t begin, size_t end)
{
    const struct job *job = argument;
    const struct mgm_windows *w = job->windows;
    const size_t row_bytes = (size_t)w->w * (size_t)job->src->c * mgm_precision_bytes(job->src->precision);
    for (size_t i = begin; i < end; i++)
        for (int y = 0; y < w->h; y++)
            copy_row(job->src, w->corners[2 * i] + y, w->corners[2 * i + 1], w->w,
                     job->dst + (i * (size_t)w->h + (size_t)y) * row_bytes);
}

void mgm_gather_windows(int threads, const struct mgm_tile_map *src, const struct mgm_windows *windows, void *dst)
{
    struct job job = {src, windows, dst};
    mgm_parallel_for(threads, (size_t)windows->count, gather_windows, &job);
}
