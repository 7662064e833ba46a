#include "train/pyramid.h"

#include "base/parallel.h"

#include <math.h>
#include <stddef.h>

static void halve_opaque(const uint8_t *top, const uint8_t *bottom, int width, int channels, uint8_t *dst)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < channels; c++) {
            int left = 2 * x * channels + c, right = left + channels;
            dst[x * channels + c] = (uint8_t)((top[left] + top[right] + bottom[left] + bottom[right] + 2) >> 2);
        }
}

static void halve_with_alpha(const uint8_t *top, const uint8_t *bottom, int width, uint8_t *dst)
{
    for (int x = 0; x < width; x++) {
        const uint8_t *p[4] = {top + 8 * x, top + 8 * x + 4, bottom + 8 * x, bottom + 8 * x + 4};
        /* one more than alpha: where all four are empty, the plain mean continues the colour */
        int w[4] = {16 * p[0][3] + 1, 16 * p[1][3] + 1, 16 * p[2][3] + 1, 16 * p[3][3] + 1};
        int total = w[0] + w[1] + w[2] + w[3];
        for (int c = 0; c < 3; c++)
            dst[4 * x + c] =
                (uint8_t)((p[0][c] * w[0] + p[1][c] * w[1] + p[2][c] * w[2] + p[3][c] * w[3] + total / 2) / total);
        dst[4 * x + 3] = (uint8_t)((p[0][3] + p[1][3] + p[2][3] + p[3][3] + 2) >> 2);
    }
}

void mgm_halve(const uint8_t *src, int width, int height, int channels, uint8_t *dst)
{
    size_t stride = (size_t)width * channels;
    for (int y = 0; y < height / 2; y++) {
        const uint8_t *top = src + 2 * (size_t)y * stride;
        uint8_t *row = dst + (size_t)y * (width / 2) * channels;
        if (channels == 4)
            halve_with_alpha(top, top + stride, width / 2, row);
        else
            halve_opaque(top, top + stride, width / 2, channels, row);
    }
}

/** The coordinate inside [0, n), mirrored at the borders (edge pixels twice) as often as needed. */
static inline int mirror(int i, int n)
{
    if ((unsigned)i < (unsigned)n)
        return i;
    int period = 2 * n;
    i = (i % period + period) % period;
    return i < n ? i : period - 1 - i;
}

/** Where one row of the window reads, and how much of each. */
MGM_KERNEL static void row_weights(double x0, double y0, double dx, double dy, int size, int *restrict xi, int *restrict yi,
                                   float *restrict fx, float *restrict fy)
{
    for (int x = 0; x < size; x++) {
        double sx = x0 + dx * x, sy = y0 + dy * x;
        double ix = floor(sx), iy = floor(sy);
        xi[x] = (int)ix;
        yi[x] = (int)iy;
        fx[x] = (float)(sx - ix);
        fy[x] = (float)(sy - iy);
    }
}

static inline float blend(uint8_t p, uint8_t q, uint8_t r, uint8_t s, float fx, float fy)
{
    float top = p + fx * (float)(q - p), bottom = r + fx * (float)(s - r);
    return (top + fy * (bottom - top)) * (1 / 255.0f);
}

enum { ROW = 64 };

static inline void crop_row(const uint8_t *data, int width, int height, int channels, const int *xi, const int *yi,
                            const float *fx, const float *fy, int count, float *dst, size_t plane)
{
    for (int x = 0; x < count; x++) {
        int x0 = xi[x], x1 = x0 + 1, y0 = yi[x], y1 = y0 + 1;
        if (x0 < 0 || y0 < 0 || x1 >= width || y1 >= height) {
            x0 = mirror(x0, width);
            x1 = mirror(x1, width);
            y0 = mirror(y0, height);
            y1 = mirror(y1, height);
        }
        const uint8_t *p = data + ((size_t)y0 * width + x0) * channels, *q = data + ((size_t)y0 * width + x1) * channels;
        const uint8_t *r = data + ((size_t)y1 * width + x0) * channels, *s = data + ((size_t)y1 * width + x1) * channels;
        for (int c = 0; c < channels; c++)
            dst[c * plane + x] = blend(p[c], q[c], r[c], s[c], fx[x], fy[x]);
    }
}

void mgm_pyramid_crop(const struct mgm_pyramid *pyramid, const struct mgm_affine *map, int size, float *dst)
{
    /* a level up for every halving beyond a shrinking of √2: what remains is at most that */
    double shrink = sqrt(fabs(map->a * map->e - map->b * map->d));
    int level = 0;
    while (level + 1 < pyramid->levels && shrink > 1.42) {
        shrink /= 2;
        level++;
    }
    double scale = 1.0 / (1 << level);
    int width = pyramid->level[level].width, height = pyramid->level[level].height, channels = pyramid->channels;
    const uint8_t *data = pyramid->level[level].data;
    size_t plane = (size_t)size * size;
    int xi[ROW], yi[ROW];
    float fx[ROW], fy[ROW];
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x += ROW) {
            double px = x + 0.5, py = y + 0.5;
            double sx = (map->a * px + map->b * py + map->c) * scale - 0.5;
            double sy = (map->d * px + map->e * py + map->f) * scale - 0.5;
            int count = size - x < ROW ? size - x : ROW;
            row_weights(sx, sy, map->a * scale, map->d * scale, count, xi, yi, fx, fy);
            float *row = dst + (size_t)y * size + x;
            if (channels == 4)
                crop_row(data, width, height, 4, xi, yi, fx, fy, count, row, plane);
            else
                crop_row(data, width, height, 3, xi, yi, fx, fy, count, row, plane);
        }
}
