#include "train/plane.h"

#include "base/parallel.h"

#include <math.h>
#include <string.h>

size_t mgm_plane_scratch(int size)
{
    size_t padded = (size_t)size + 2 * MGM_DISC_RADIUS_MAX + 1;
    return (size_t)size * padded + padded;
}

/** Running sums of the rows, padded by r replicated pixels: sums over any span are then one subtraction. */
static void prefix_rows(const float *plane, int size, int r, float *prefix)
{
    int width = size + 2 * r + 1;
    for (int y = 0; y < size; y++) {
        const float *row = plane + (size_t)y * size;
        float *out = prefix + (size_t)y * width, sum = 0;
        for (int i = 0; i < width; i++) {
            int x = i - r < 0 ? 0 : i - r >= size ? size - 1 : i - r;
            out[i] = sum;
            sum += row[x];
        }
    }
}

MGM_KERNEL static void add_span(const float *restrict end, const float *restrict begin, int count, float *restrict sum)
{
    for (int x = 0; x < count; x++)
        sum[x] += end[x] - begin[x];
}

MGM_KERNEL static void scale_plane_row(const float *restrict src, float factor, int count, float *restrict dst)
{
    for (int x = 0; x < count; x++)
        dst[x] = src[x] * factor;
}

void mgm_plane_disc(float *plane, int size, double radius, float *scratch)
{
    int r = (int)ceil(radius), width = size + 2 * r + 1;
    if (radius < 0.5)
        return;
    int half[2 * MGM_DISC_RADIUS_MAX + 1], area = 0;
    for (int dy = -r; dy <= r; dy++) {
        double left = (radius + 0.25) * (radius + 0.25) - dy * dy;
        half[dy + r] = left < 0 ? -1 : (int)sqrt(left);
        area += left < 0 ? 0 : 2 * half[dy + r] + 1;
    }
    float *sum = scratch, *prefix = scratch + width;
    prefix_rows(plane, size, r, prefix);
    for (int y = 0; y < size; y++) {
        memset(sum, 0, (size_t)size * sizeof *sum);
        for (int dy = -r; dy <= r; dy++) {
            int w = half[dy + r], from = y + dy < 0 ? 0 : y + dy >= size ? size - 1 : y + dy;
            const float *row = prefix + (size_t)from * width;
            if (w >= 0)
                add_span(row + r + w + 1, row + r - w, size, sum);
        }
        scale_plane_row(sum, 1 / (float)area, size, plane + (size_t)y * size);
    }
}

static void interpolation(int size, double first, double step, int count, int *index, float *fraction)
{
    for (int x = 0; x < size; x++) {
        double at = first + step * x;
        at = at < 0 ? 0 : at > count - 1.0 ? count - 1.0 : at;
        index[x] = (int)at < count - 1 ? (int)at : count > 1 ? count - 2 : 0;
        fraction[x] = (float)(at - index[x]);
    }
}

/** Enlarges a grid of columns × rows; pixel x looks at grid position first_x + step·x. */
static void enlarge(const float *grid, int columns, int rows, double first_x, double first_y, double step, int size,
                    float *dst)
{
    enum { MOST = 4096 };
    int xi[MOST], yi[MOST];
    float fx[MOST], fy[MOST];
    interpolation(size, first_x, step, columns, xi, fx);
    interpolation(size, first_y, step, rows, yi, fy);
    for (int y = 0; y < size; y++) {
        const float *top = grid + (size_t)yi[y] * columns, *bottom = rows > 1 ? top + columns : top;
        for (int x = 0; x < size; x++) {
            int i = xi[x], j = columns > 1 ? i + 1 : i;
            float upper = top[i] + fx[x] * (top[j] - top[i]), lower = bottom[i] + fx[x] * (bottom[j] - bottom[i]);
            dst[(size_t)y * size + x] = upper + fy[y] * (lower - upper);
        }
    }
}

void mgm_plane_noise(struct mgm_random *random, int size, double cell, float *dst, float *scratch)
{
    int count = (int)(size / cell) + 3;
    double x = mgm_random_unit(random), y = mgm_random_unit(random);
    for (int i = 0; i < count * count; i++) {
        double value = mgm_random_normal(random);
        scratch[i] = (float)(value < -2.5 ? -2.5 : value > 2.5 ? 2.5 : value);
    }
    enlarge(scratch, count, count, x, y, 1 / cell, size, dst);
}

void mgm_plane_coarse(const float *src, int size, int factor, int x0, int y0, bool repeat, float *dst, float *scratch)
{
    int columns = (size + x0 + factor - 1) / factor, rows = (size + y0 + factor - 1) / factor;
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < columns; i++) {
            int left = i * factor - x0, right = left + factor, top = j * factor - y0, bottom = top + factor;
            left = left < 0 ? 0 : left;
            top = top < 0 ? 0 : top;
            right = right > size ? size : right;
            bottom = bottom > size ? size : bottom;
            float sum = 0;
            for (int y = top; y < bottom; y++)
                for (int x = left; x < right; x++)
                    sum += src[(size_t)y * size + x];
            scratch[j * columns + i] = sum / (float)((right - left) * (bottom - top));
        }
    if (!repeat) {
        enlarge(scratch, columns, rows, (x0 + 0.5) / factor - 0.5, (y0 + 0.5) / factor - 0.5, 1.0 / factor, size, dst);
        return;
    }
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            dst[(size_t)y * size + x] = scratch[(y + y0) / factor * columns + (x + x0) / factor];
}

MGM_KERNEL static void three_rows(const float *restrict a, const float *restrict b, const float *restrict c, float w,
                                  int count, float *restrict dst)
{
    for (int x = 0; x < count; x++)
        dst[x] = b[x] + w * (a[x] - 2 * b[x] + c[x]);
}

void mgm_plane_three_taps(float *plane, int size, float w, float *scratch)
{
    float *row = scratch + (size_t)size * size; /* a row with one replicated pixel on each side */
    for (int y = 0; y < size; y++) {
        memcpy(row + 1, plane + (size_t)y * size, (size_t)size * sizeof *row);
        row[0] = row[1];
        row[size + 1] = row[size];
        three_rows(row, row + 1, row + 2, w, size, scratch + (size_t)y * size);
    }
    for (int y = 0; y < size; y++) {
        const float *here = scratch + (size_t)y * size;
        three_rows(y ? here - size : here, here, y + 1 < size ? here + size : here, w, size, plane + (size_t)y * size);
    }
}

MGM_KERNEL void mgm_plane_clamp(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] < 0 ? 0 : values[i] > 1 ? 1 : values[i];
}
