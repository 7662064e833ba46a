/*
 * The pyramid is linear, so that of alpha − truth is enough. With c₀ = alpha − truth, c_{i+1} = down(c_i) and
 * L_i = c_i − up(c_{i+1}), the gradient runs back as G_{i+1} = G'_{i+1} − upᵀ(∂L_i), G_i = ∂L_i + downᵀ(G_{i+1}).
 *
 * Zero insertion followed by the filter [1 4 6 4 1]/8 is (x[-1] + 6x[0] + x[1])/8 at even positions and (x[0] + x[1])/2 at
 * odd ones. A reflected border makes position −1 equal 1, and (reflected after the insertion) position `size` equal size
 * − 1.
 */
#include "train/losses.h"

#include "base/parallel.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { PAD = 16 }; /* floats before and after a row, so that its neighbours can be read */

/** dst = Σ weight[k] · rows[k], five rows; those of weight 0 are still read. */
MGM_KERNEL static void combine_rows(const float *const rows[5], const float weight[5], int w, float *dst)
{
    const float *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3], *e = rows[4];
    float wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3], we = weight[4];
#pragma omp simd
    for (int x = 0; x < w; x++)
        dst[x] = wa * a[x] + wb * b[x] + wc * c[x] + wd * d[x] + we * e[x];
}

static const float *row_at(const float *plane, int y, int h, int w)
{
    int inside = y < 0 ? 0 : y >= h ? h - 1 : y;
    return plane + (size_t)inside * (size_t)w;
}

MGM_KERNEL static void halve_row(const float *row, int half, float *dst)
{
#pragma omp simd
    for (int x = 0; x < half; x++)
        dst[x] = (row[2 * x - 2] + row[2 * x + 2] + 4 * (row[2 * x - 1] + row[2 * x + 1]) + 6 * row[2 * x]) * (1.0f / 16);
}

/** dst [h/2, w/2] = every second pixel of the filtered src [h, w]. */
static void down(const float *src, int h, int w, float *row, float *dst)
{
    static const float weight[5] = {1.0f / 16, 4.0f / 16, 6.0f / 16, 4.0f / 16, 1.0f / 16};
    for (int y = 0; y < h / 2; y++) {
        const float *rows[5];
        for (int k = 0; k < 5; k++) {
            int from = 2 * y - 2 + k;
            from = from < 0 ? -from : from >= h ? 2 * h - 2 - from : from;
            rows[k] = src + (size_t)from * (size_t)w;
        }
        combine_rows(rows, weight, w, row);
        row[-1] = row[1];
        row[-2] = row[2];
        row[w] = row[w - 2];
        halve_row(row, w / 2, dst + (size_t)y * (size_t)(w / 2));
    }
}

MGM_KERNEL static void subtract_doubled_row(const float *row, int half, float *dst)
{
#pragma omp simd
    for (int x = 0; x < half; x++) {
        dst[2 * x] -= (row[x - 1] + 6 * row[x] + row[x + 1]) * 0.125f;
        dst[2 * x + 1] -= (row[x] + row[x + 1]) * 0.5f;
    }
}

/** dst [2h, 2w] −= src [h, w] up-sampled. */
static void subtract_up(const float *src, int h, int w, float *row, float *dst)
{
    for (int y = 0; y < 2 * h; y++) {
        int k = y / 2;
        bool even = y % 2 == 0;
        const float *here = row_at(src, k, h, w), *next = row_at(src, k + 1, h, w);
        const float *rows[5] = {k ? row_at(src, k - 1, h, w) : row_at(src, 1, h, w), here, next, here, here};
        const float weight[5] = {even ? 0.125f : 0, even ? 0.75f : 0.5f, even ? 0.125f : 0.5f, 0, 0};
        combine_rows(rows, weight, w, row);
        row[-1] = row[1];
        row[w] = row[w - 1];
        subtract_doubled_row(row, w, dst + (size_t)y * (size_t)(2 * w));
    }
}

MGM_KERNEL static void subtract_gathered_row(const float *row, int half, float *dst)
{
#pragma omp simd
    for (int x = 0; x < half; x++)
        dst[x] -= 0.75f * row[2 * x] + 0.125f * (row[2 * x - 2] + row[2 * x + 2]) + 0.5f * (row[2 * x - 1] + row[2 * x + 1]);
}

/** Adjoint of up: dst [h, w] −= upᵀ(src [2h, 2w]). */
static void subtract_up_adjoint(const float *src, int h, int w, float *row, float *dst)
{
    for (int y = 0; y < h; y++) {
        bool last = y == h - 1;
        const float *rows[5];
        for (int k = 0; k < 5; k++)
            rows[k] = row_at(src, 2 * y - 2 + k, 2 * h, 2 * w);
        const float weight[5] = {y == 0   ? 0
                                 : y == 1 ? 0.25f
                                          : 0.125f,
                                 y == 0 ? 0 : 0.5f, last ? 0.875f : 0.75f, last ? 1 : 0.5f, last ? 0 : 0.125f};
        combine_rows(rows, weight, 2 * w, row);
        row[-1] = row[-2] = row[2 * w] = row[2 * w + 1] = 0;
        float *to = dst + (size_t)y * (size_t)w;
        subtract_gathered_row(row, w, to);
        to[1] -= 0.125f * row[0];
        to[w - 1] -= 0.125f * row[2 * w - 2] + 0.5f * row[2 * w - 1];
    }
}

MGM_KERNEL static void add_spread_row(const float *row, int half, float *dst)
{
#pragma omp simd
    for (int x = 0; x < half; x++) {
        dst[2 * x] += (row[x - 1] + 6 * row[x] + row[x + 1]) * (1.0f / 16);
        dst[2 * x + 1] += (row[x] + row[x + 1]) * 0.25f;
    }
}

/** Adjoint of down: dst [2h, 2w] += downᵀ(src [h, w]). */
static void add_down_adjoint(const float *src, int h, int w, float *row, float *dst)
{
    for (int y = 0; y < 2 * h; y++) {
        int k = y / 2;
        bool even = y % 2 == 0, last = k == h - 1;
        const float *here = row_at(src, k, h, w);
        const float *rows[5] = {row_at(src, k - 1, h, w), here, row_at(src, k + 1, h, w), here, here};
        const float before = !even || k == 0 ? 0 : k == 1 ? 2 : 1;
        const float at = even ? (last ? 7 : 6) : (k == 0 ? 8 : 4);
        const float after = last ? 0 : even ? 1 : 4;
        const float weight[5] = {before / 16, at / 16, after / 16, 0, 0};
        combine_rows(rows, weight, w, row);
        row[-1] = row[w] = 0;
        float *to = dst + (size_t)y * (size_t)(2 * w);
        add_spread_row(row, w, to);
        to[1] += 0.25f * row[0];
        to[2] += row[0] * (1.0f / 16);
        to[2 * w - 2] += row[w - 1] * (1.0f / 16);
    }
}

/** Turns one row of a level into its derivative and returns Σ|row|·mask. */
MGM_KERNEL static float absolute_row(float *row, const uint8_t *mask, int step, int w, float scale)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int x = 0; x < w; x++) {
        float g = (float)mask[x * step], d = row[x];
        sum += fabsf(d) * g;
        row[x] = scale * g * (float)((d > 0) - (d < 0));
    }
    return sum;
}

MGM_KERNEL static void subtract(const float *a, const float *b, size_t count, float *dst)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        dst[i] = a[i] - b[i];
}

MGM_KERNEL static void add(const float *src, size_t count, float *dst)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        dst[i] += src[i];
}

MGM_KERNEL static unsigned count_row(const uint8_t *mask, int step, int w)
{
    unsigned sum = 0;
    for (int x = 0; x < w; x += step)
        sum += mask[x];
    return sum;
}

void mgm_laplacian_mask_counts(const uint8_t *mask, int h, int w, uint64_t counts[MGM_LAPLACIAN_LEVELS])
{
    for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++) {
        counts[level] = 0;
        for (int y = 0; y < h; y += 1 << level)
            counts[level] += count_row(mask + (size_t)y * (size_t)w, 1 << level, w);
    }
}

size_t mgm_laplacian_workspace(int h, int w)
{
    size_t count = (size_t)w + 2 * PAD;
    for (int level = 0; level <= MGM_LAPLACIAN_LEVELS; level++)
        count += (size_t)(h >> level) * (size_t)(w >> level);
    return count;
}

void mgm_loss_laplacian(const float *alpha, const float *truth, const uint8_t *mask, int h, int w,
                        const float scale[MGM_LAPLACIAN_LEVELS], float *workspace, double sums[MGM_LAPLACIAN_LEVELS],
                        float *gradient)
{
    float *row = workspace + PAD, *level[MGM_LAPLACIAN_LEVELS + 1];
    float *at = workspace + w + 2 * PAD;
    for (int i = 0; i <= MGM_LAPLACIAN_LEVELS; i++) {
        level[i] = at;
        at += (size_t)(h >> i) * (size_t)(w >> i);
    }
    subtract(alpha, truth, (size_t)h * (size_t)w, level[0]);
    for (int i = 0; i < MGM_LAPLACIAN_LEVELS; i++) {
        int lh = h >> i, lw = w >> i;
        down(level[i], lh, lw, row, level[i + 1]);
        subtract_up(level[i + 1], lh / 2, lw / 2, row, level[i]);
        sums[i] = 0;
        for (int y = 0; y < lh; y++)
            sums[i] += (double)absolute_row(level[i] + (size_t)y * (size_t)lw, mask + ((size_t)y << i) * (size_t)w, 1 << i,
                                            lw, scale[i]);
    }
    int top = MGM_LAPLACIAN_LEVELS;
    memset(level[top], 0, (size_t)(h >> top) * (size_t)(w >> top) * sizeof(float));
    for (int i = top - 1; i >= 0; i--) {
        int lh = h >> (i + 1), lw = w >> (i + 1);
        subtract_up_adjoint(level[i], lh, lw, row, level[i + 1]);
        add_down_adjoint(level[i + 1], lh, lw, row, level[i]);
    }
    add(level[0], (size_t)h * (size_t)w, gradient);
}
