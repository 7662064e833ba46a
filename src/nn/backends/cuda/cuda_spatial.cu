/* Layers that move or average pixels, channels last. Definitions: nn/spatial.h. One thread takes eight channels. */
#include "nn/backends/cuda/launch.h"

namespace
{

bool is_bf16(const struct mgm_spatial *s)
{
    return s->precision == MGM_PRECISION_BF16;
}

size_t pixels_of(const struct mgm_spatial *s)
{
    return (size_t)s->n * (size_t)s->h * (size_t)s->w;
}

/* Number i of the smaller tensor's vectors of eight: small = factor · (sum of the 2 × 2 of large). */
struct gather_squares {
    const void *large;
    void *small;
    size_t w, lanes;
    float factor;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient pixel = mgm_divide(i, lanes), place = mgm_divide(pixel.whole, w);
        const size_t from = 8 * ((4 * place.whole * w + 2 * place.rest) * lanes + pixel.rest);
        const size_t right = 8 * lanes, down = 16 * w * lanes;
        mgm_v8 a = mgm_get8(large, from, bf16), b = mgm_get8(large, from + right, bf16);
        const mgm_v8 c = mgm_get8(large, from + down, bf16), d = mgm_get8(large, from + down + right, bf16);
        for (int k = 0; k < 8; k++)
            a.lane[k] = (a.lane[k] + b.lane[k] + c.lane[k] + d.lane[k]) * factor;
        mgm_put8(small, 8 * i, a, bf16);
    }
};

/* The same i: each value, scaled, to its 2 × 2 of large. */
struct scatter_squares {
    const void *small;
    void *large;
    size_t w, lanes;
    float factor;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient pixel = mgm_divide(i, lanes), place = mgm_divide(pixel.whole, w);
        const size_t to = 8 * ((4 * place.whole * w + 2 * place.rest) * lanes + pixel.rest);
        const size_t right = 8 * lanes, down = 16 * w * lanes;
        mgm_v8 v = mgm_get8(small, 8 * i, bf16);
        for (int k = 0; k < 8; k++)
            v.lane[k] *= factor;
        mgm_put8(large, to, v, bf16);
        mgm_put8(large, to + right, v, bf16);
        mgm_put8(large, to + down, v, bf16);
        mgm_put8(large, to + down + right, v, bf16);
    }
};

/* Σ over the pixels of one picture. */
struct pixel_sums {
    typedef float sum;
    enum { COUNT = 8 };
    const void *map;
    size_t pixels, lanes;
    bool bf16;

    MGM_DEVICE void operator()(size_t picture, size_t row, size_t lane, float *sums) const
    {
        const mgm_v8 v = mgm_get8(map, 8 * ((picture * pixels + row) * lanes + lane), bf16);
        for (int k = 0; k < 8; k++)
            sums[k] += v.lane[k];
    }
};

/* Sixteen bytes of a pixel, whatever they mean. */
struct mgm_unit {
    uint32_t words[4];
};

/* Unit number i of windows out of a map that is cut into tiles (nn/tile_map.h). */
struct gather_units {
    const mgm_unit *map;
    mgm_unit *windows;
    const int *corners, *slots; /* slots NULL: the map is one tile */
    size_t units;               /* of a pixel */
    int h, w, tile_h, tile_w, window_h, window_w;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient pixel = mgm_divide(i, units), row = mgm_divide(pixel.whole, (size_t)window_w);
        const mgm_quotient window = mgm_divide(row.whole, (size_t)window_h);
        const int y = corners[2 * window.whole] + (int)window.rest, x = corners[2 * window.whole + 1] + (int)row.rest;
        const mgm_unit nothing = {{0, 0, 0, 0}};
        windows[i] = nothing;
        if (y < 0 || y >= h || x < 0 || x >= w)
            return;
        const int columns = (w + tile_w - 1) / tile_w;
        const int slot = slots ? slots[y / tile_h * columns + x / tile_w] : 0;
        if (slot >= 0)
            windows[i] =
                map[(((size_t)slot * (size_t)tile_h + (size_t)(y % tile_h)) * (size_t)tile_w + (size_t)(x % tile_w)) * units +
                    pixel.rest];
    }
};

struct store_pixel_sums {
    void *vector;
    size_t lanes;
    float factor;
    bool bf16;

    MGM_DEVICE void operator()(size_t picture, size_t lane, const double *totals) const
    {
        mgm_v8 v;
        for (int k = 0; k < 8; k++)
            v.lane[k] = (float)totals[k] * factor;
        mgm_put8(vector, 8 * (picture * lanes + lane), v, bf16);
    }
};

struct repeat_vectors {
    const void *vector;
    void *map;
    size_t pixels, lanes;
    float factor;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient pixel = mgm_divide(i, lanes);
        mgm_v8 v = mgm_get8(vector, 8 * (mgm_divide(pixel.whole, pixels).whole * lanes + pixel.rest), bf16);
        for (int k = 0; k < 8; k++)
            v.lane[k] *= factor;
        mgm_put8(map, 8 * i, v, bf16);
    }
};

/* `stride` and `offset` in vectors of eight: dense ↔ wide. */
struct copy_lanes {
    const void *src;
    void *dst;
    size_t lanes, stride, offset;
    bool out, bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient pixel = mgm_divide(i, lanes);
        const size_t wide = pixel.whole * stride + offset + pixel.rest;
        mgm_put8(dst, 8 * (out ? i : wide), mgm_get8(src, 8 * (out ? wide : i), bf16), bf16);
    }
};

/* Number i of the result's [n, 2h, 2w, lanes] vectors: which of the grid's it comes from. */
struct shuffle_grid {
    const void *grid;
    void *dst;
    size_t h, w, lanes;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient pixel = mgm_divide(i, lanes), column = mgm_divide(pixel.whole, 2 * w);
        const mgm_quotient row = mgm_divide(column.whole, 2 * h);
        const size_t py = row.rest & 1, px = column.rest & 1, gy = (row.rest + py) / 2, gx = (column.rest + px) / 2;
        const size_t place = (row.whole * (h + 1) + gy) * (w + 1) + gx;
        mgm_put8(dst, 8 * i, mgm_get8(grid, 8 * ((4 * place + 2 * py + px) * lanes + pixel.rest), bf16), bf16);
    }
};

/* Number i of the grid's [n, h + 1, w + 1, 4, lanes] vectors: the result's pixel, or zero where there is none. */
struct unshuffle_grid {
    const void *d_dst;
    void *d_grid;
    size_t h, w, lanes;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient block = mgm_divide(i, lanes), column = mgm_divide(block.whole / 4, w + 1);
        const mgm_quotient row = mgm_divide(column.whole, h + 1);
        const size_t y = 2 * row.rest - (block.whole / 2 & 1), x = 2 * column.rest - (block.whole & 1);
        mgm_v8 v = {};
        if (y < 2 * h && x < 2 * w) /* −1 is a very large number */
            v = mgm_get8(d_dst, 8 * (((row.whole * 2 * h + y) * 2 * w + x) * lanes + block.rest), bf16);
        mgm_put8(d_grid, 8 * i, v, bf16);
    }
};

void gather(struct mgm_backend *b, const struct mgm_spatial *s, const void *large, float factor, void *small)
{
    const gather_squares f = {large, small, (size_t)s->w, (size_t)s->c / 8, factor, is_bf16(s)};
    mgm_cuda_each(mgm_cuda_of(b), pixels_of(s) * f.lanes, f);
}

void scatter(struct mgm_backend *b, const struct mgm_spatial *s, const void *small, float factor, void *large)
{
    const scatter_squares f = {small, large, (size_t)s->w, (size_t)s->c / 8, factor, is_bf16(s)};
    mgm_cuda_each(mgm_cuda_of(b), pixels_of(s) * f.lanes, f);
}

} // namespace

void mgm_cuda_average_pool(struct mgm_backend *b, const struct mgm_spatial *s, const void *large, void *small)
{
    gather(b, s, large, 0.25f, small);
}

void mgm_cuda_average_pool_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_small, void *d_large)
{
    scatter(b, s, d_small, 0.25f, d_large);
}

void mgm_cuda_upsample(struct mgm_backend *b, const struct mgm_spatial *s, const void *small, void *large)
{
    scatter(b, s, small, 1, large);
}

void mgm_cuda_upsample_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_large, void *d_small)
{
    gather(b, s, d_large, 1, d_small);
}

void mgm_cuda_sum_pixels(struct mgm_backend *b, const struct mgm_spatial *s, const void *map, float factor, void *vector)
{
    const size_t pixels = (size_t)s->h * (size_t)s->w, lanes = (size_t)s->c / 8;
    const pixel_sums sums = {map, pixels, lanes, is_bf16(s)};
    const store_pixel_sums store = {vector, lanes, factor, is_bf16(s)};
    mgm_cuda_reduce(mgm_cuda_of(b), (size_t)s->n, pixels, lanes, sums, store);
}

void mgm_cuda_repeat_pixels(struct mgm_backend *b, const struct mgm_spatial *s, const void *vector, float factor, void *map)
{
    const repeat_vectors f = {vector, map, (size_t)s->h * (size_t)s->w, (size_t)s->c / 8, factor, is_bf16(s)};
    mgm_cuda_each(mgm_cuda_of(b), pixels_of(s) * f.lanes, f);
}

void mgm_cuda_copy_channels_in(struct mgm_backend *b, const struct mgm_spatial *s, const void *dense, void *wide, int stride,
                               int offset)
{
    const copy_lanes f = {dense, wide, (size_t)s->c / 8, (size_t)stride / 8, (size_t)offset / 8, false, is_bf16(s)};
    mgm_cuda_each(mgm_cuda_of(b), pixels_of(s) * f.lanes, f);
}

void mgm_cuda_copy_channels_out(struct mgm_backend *b, const struct mgm_spatial *s, const void *wide, int stride, int offset,
                                void *dense)
{
    const copy_lanes f = {wide, dense, (size_t)s->c / 8, (size_t)stride / 8, (size_t)offset / 8, true, is_bf16(s)};
    mgm_cuda_each(mgm_cuda_of(b), pixels_of(s) * f.lanes, f);
}

enum mgm_status mgm_cuda_gather(struct mgm_backend *b, const struct mgm_tile_map *src, const struct mgm_windows *windows,
                                void *dst)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t pixel_bytes = (size_t)src->c * mgm_precision_bytes(src->precision), corners = 2 * (size_t)windows->count;
    if (src->block || pixel_bytes % sizeof(mgm_unit))
        return mgm_fail(b->ctx, MGM_E_UNSUPPORTED, "windows of a map with %d channels cannot be gathered on CUDA", src->c);
    const size_t tiles = (size_t)((src->h + src->tile_h - 1) / src->tile_h) * (size_t)((src->w + src->tile_w - 1) / src->tile_w);
    int *numbers = (int *)mgm_cuda_scratch(cuda, MGM_CUDA_WINDOWS, (corners + (src->slots ? tiles : 0)) * sizeof(int));
    if (!numbers)
        return mgm_cuda_report(cuda);
    mgm_cuda_upload(b, numbers, windows->corners, corners * sizeof(int));
    if (src->slots)
        mgm_cuda_upload(b, numbers + corners, src->slots, tiles * sizeof(int));
    const gather_units f = {(const mgm_unit *)src->values,
                            (mgm_unit *)dst,
                            numbers,
                            src->slots ? numbers + corners : NULL,
                            pixel_bytes / sizeof(mgm_unit),
                            src->h,
                            src->w,
                            src->tile_h,
                            src->tile_w,
                            windows->h,
                            windows->w};
    mgm_cuda_each(cuda, (size_t)windows->count * (size_t)windows->h * (size_t)windows->w * f.units, f);
    return mgm_cuda_report(cuda);
}

void mgm_cuda_shuffle(struct mgm_backend *b, const struct mgm_spatial *s, const void *grid, void *dst)
{
    const shuffle_grid f = {grid, dst, (size_t)s->h, (size_t)s->w, (size_t)s->c / 8, is_bf16(s)};
    mgm_cuda_each(mgm_cuda_of(b), 4 * pixels_of(s) * f.lanes, f);
}

void mgm_cuda_shuffle_backward(struct mgm_backend *b, const struct mgm_spatial *s, const void *d_dst, void *d_grid)
{
    const unshuffle_grid f = {d_dst, d_grid, (size_t)s->h, (size_t)s->w, (size_t)s->c / 8, is_bf16(s)};
    mgm_cuda_each(mgm_cuda_of(b), 4 * (size_t)s->n * (f.h + 1) * (f.w + 1) * f.lanes, f);
}
