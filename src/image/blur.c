/*
 * Weights are whole multiples of 2^-20 that sum to exactly 1, so that an alpha of 0 or 1 far from any edge comes out as 0 or
 * 1 exactly: whether a pixel is certain is decided by comparing with these.
 */
#include "image/blur.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

static int thread_count(const struct mgm_context *ctx)
{
    return ctx ? ctx->threads : 1;
}

/* The rest goes to weights[main]. */
static void settle_weights(float *weights, int count, int main)
{
    double sum = 0, given = 0;
    for (int i = 0; i < count; i++)
        sum += weights[i];
    for (int i = 0; i < count; i++) {
        weights[i] = (float)(nearbyint(weights[i] / sum * 0x1p20) * 0x1p-20);
        given += weights[i];
    }
    weights[main] += (float)(1 - given);
}

/* src with `pad` more columns on either side, the border pixels going on. */
static void pad_row(const float *src, int width, int channels, int pad, float *dst)
{
    for (int x = -pad; x < 0; x++, dst += channels)
        memcpy(dst, src, (size_t)channels * sizeof *dst);
    memcpy(dst, src, (size_t)width * (size_t)channels * sizeof *dst);
    dst += width * channels;
    for (int x = 0; x < pad; x++, dst += channels)
        memcpy(dst, src + (width - 1) * channels, (size_t)channels * sizeof *dst);
}

MGM_KERNEL static void add_scaled(float *restrict sum, const float *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

/* ---- weights on rows and columns: Gaussian, motion ------------------------------------------------------------------ */

struct tap {
    int dx, dy;
    float weight;
};

struct taps_job {
    struct mgm_raster *raster;
    const float *padded; /* [height, width + 2 pad, channels] */
    int pad, count;
    const struct tap *taps;
};

static void apply_rows(void *argument, size_t begin, size_t end)
{
    const struct taps_job *job = argument;
    const struct mgm_raster *raster = job->raster;
    size_t channels = (size_t)raster->channels, row = (size_t)raster->width * channels;
    size_t padded_row = row + 2 * (size_t)job->pad * channels;
    for (size_t y = begin; y < end; y++) {
        float *sum = raster->data + y * row;
        memset(sum, 0, row * sizeof *sum);
        for (int i = 0; i < job->count; i++) {
            const struct tap *tap = &job->taps[i];
            size_t from = (size_t)mgm_clamp_index((int)y + tap->dy, raster->height);
            const float *src = job->padded + from * padded_row + (size_t)(job->pad + tap->dx) * channels;
            add_scaled(sum, src, tap->weight, row);
        }
    }
}

/* Each pixel becomes the sum of its neighbours by those taps, none of which is further than pad to the side. */
static enum mgm_status apply_taps(struct mgm_context *ctx, struct mgm_raster *raster, const struct tap *taps, int count,
                                  int pad)
{
    size_t channels = (size_t)raster->channels, row = (size_t)raster->width * channels;
    size_t padded_row = row + 2 * (size_t)pad * channels;
    float *padded = mgm_alloc((size_t)raster->height * padded_row, sizeof *padded);
    if (!padded)
        return mgm_fail_nomem(ctx, "blurring a picture");
    for (size_t y = 0; y < (size_t)raster->height; y++)
        pad_row(raster->data + y * row, raster->width, raster->channels, pad, padded + y * padded_row);
    struct taps_job job = {raster, padded, pad, count, taps};
    mgm_parallel_for(thread_count(ctx), (size_t)raster->height, apply_rows, &job);
    mgm_free(padded);
    return MGM_OK;
}

enum mgm_status mgm_blur_gaussian(struct mgm_context *ctx, struct mgm_raster *raster, float sigma)
{
    if (!(sigma >= 0.01f))
        return MGM_OK;
    int radius = (int)ceilf(4 * sigma), count = 2 * radius + 1;
    struct tap *taps = mgm_alloc((size_t)count, sizeof *taps);
    float *weights = mgm_alloc((size_t)count, sizeof *weights);
    enum mgm_status status = MGM_E_NOMEM;
    if (!taps || !weights) {
        mgm_fail_nomem(ctx, "blurring a picture");
        goto out;
    }
    for (int i = 0; i < count; i++)
        weights[i] = expf(-0.5f * (float)((i - radius) * (i - radius)) / (sigma * sigma));
    settle_weights(weights, count, radius);
    for (int i = 0; i < count; i++)
        taps[i] = (struct tap){i - radius, 0, weights[i]};
    status = apply_taps(ctx, raster, taps, count, radius);
    for (int i = 0; i < count; i++)
        taps[i] = (struct tap){0, i - radius, weights[i]};
    if (status == MGM_OK)
        status = apply_taps(ctx, raster, taps, count, 0);
out:
    mgm_free(taps);
    mgm_free(weights);
    return status;
}

/* Points along the line, each shared between the four pixels around it. */
static void draw_line(float *grid, int radius, float length, float angle)
{
    int side = 2 * radius + 1, points = 4 * (int)ceilf(length) + 1;
    for (int i = 0; i < points; i++) {
        float along = length * (((float)i + 0.5f) / (float)points - 0.5f);
        float x = along * cosf(angle) + (float)radius, y = along * sinf(angle) + (float)radius;
        int x0 = (int)x, y0 = (int)y;
        float u = x - (float)x0, v = y - (float)y0, *at = grid + y0 * side + x0;
        at[0] += (1 - u) * (1 - v);
        at[1] += u * (1 - v);
        at[side] += (1 - u) * v;
        at[side + 1] += u * v;
    }
}

enum mgm_status mgm_blur_motion(struct mgm_context *ctx, struct mgm_raster *raster, float length, float angle)
{
    if (!(length > 1))
        return MGM_OK;
    int radius = (int)ceilf(length / 2) + 1, side = 2 * radius + 1, used = 0;
    float *grid = mgm_alloc_zeroed((size_t)side * (size_t)side, sizeof *grid);
    struct tap *taps = mgm_alloc((size_t)side * (size_t)side, sizeof *taps);
    enum mgm_status status = MGM_E_NOMEM;
    if (grid && taps) {
        draw_line(grid, radius, length, angle);
        settle_weights(grid, side * side, radius * side + radius);
        for (int i = 0; i < side * side; i++)
            if (grid[i] != 0)
                taps[used++] = (struct tap){i % side - radius, i / side - radius, grid[i]};
        status = apply_taps(ctx, raster, taps, used, radius);
    } else {
        mgm_fail_nomem(ctx, "blurring a picture");
    }
    mgm_free(grid);
    mgm_free(taps);
    return status;
}

/* ---- disc: runs of equal weight, by running sums --------------------------------------------------------------------- */

struct disc_job {
    struct mgm_raster *raster;
    double *sums;       /* [height, 1 + width + 2 pad, channels]: of all that is left of each padded pixel */
    int pad, reach;     /* rows from -reach to reach */
    const int *half;    /* [reach + 1]: runs from -half to half (-1: of length -1, for runs shorter than a pixel) */
    const float *share; /* [reach + 1]: how far from that run to the one wider by a pixel at each end */
    float total;
};

static void sum_rows(void *argument, size_t begin, size_t end)
{
    const struct disc_job *job = argument;
    const struct mgm_raster *raster = job->raster;
    int channels = raster->channels, padded = raster->width + 2 * job->pad;
    for (size_t y = begin; y < end; y++) {
        const float *src = raster->data + y * (size_t)raster->width * (size_t)channels;
        double *sum = job->sums + y * (size_t)(padded + 1) * (size_t)channels;
        for (int c = 0; c < channels; c++)
            sum[c] = 0;
        for (int x = 0; x < padded; x++)
            for (int c = 0; c < channels; c++)
                sum[(x + 1) * channels + c] =
                    sum[x * channels + c] + src[mgm_clamp_index(x - job->pad, raster->width) * channels + c];
    }
}

/* With n = half, f = share: (1 - f) · run of n + f · run of n + 1. */
MGM_KERNEL static void add_run(float *restrict out, const double *restrict low, const double *restrict high, size_t channels,
                               float share, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double inner = high[i] - low[i], outer = high[i + channels] - low[(ptrdiff_t)i - (ptrdiff_t)channels];
        out[i] += (float)(inner + share * (outer - inner));
    }
}

static void disc_rows(void *argument, size_t begin, size_t end)
{
    const struct disc_job *job = argument;
    const struct mgm_raster *raster = job->raster;
    size_t channels = (size_t)raster->channels, row = (size_t)raster->width * channels;
    size_t sums_row = row + (2 * (size_t)job->pad + 1) * channels;
    for (size_t y = begin; y < end; y++) {
        float *out = raster->data + y * row;
        memset(out, 0, row * sizeof *out);
        for (int dy = -job->reach; dy <= job->reach; dy++) {
            int half = job->half[dy < 0 ? -dy : dy];
            const double *sums = job->sums + (size_t)mgm_clamp_index((int)y + dy, raster->height) * sums_row;
            const double *low = sums + (size_t)(job->pad - half) * channels;
            const double *high = sums + (size_t)(job->pad + half + 1) * channels;
            add_run(out, low, high, channels, job->share[dy < 0 ? -dy : dy], row);
        }
        for (size_t i = 0; i < row; i++)
            out[i] /= job->total;
    }
}

/* Half the disc's width in the pixel row that far from its centre, averaged over the row's height. */
static float half_width(float radius, int row)
{
    enum { LINES = 16 };
    float sum = 0;
    for (int i = 0; i < LINES; i++) {
        float y = (float)row + ((float)i + 0.5f) / LINES - 0.5f, square = radius * radius - y * y;
        sum += square > 0 ? sqrtf(square) : 0;
    }
    return sum / LINES;
}

/* @return the sum of all weights, exact, as the shares are multiples of 1/256 */
static float shape_disc(float radius, int reach, int *half, float *share)
{
    float total = 0;
    for (int row = 0; row <= reach; row++) {
        float width = half_width(radius, row) - 0.5f; /* beyond the centre pixel's half */
        half[row] = (int)floorf(width);
        share[row] = nearbyintf((width - floorf(width)) * 256) / 256;
        float weight = 2 * ((float)half[row] + share[row]) + 1;
        total += row ? 2 * weight : weight;
    }
    return total;
}

/* Small discs, of which runs would be a poor picture: each pixel's weight is the share of it that the disc covers. */
static enum mgm_status blur_small_disc(struct mgm_context *ctx, struct mgm_raster *raster, float radius)
{
    enum { REACH = 5, SIDE = 2 * REACH + 1, LINES = 16 };
    float grid[SIDE * SIDE] = {0};
    struct tap taps[SIDE * SIDE];
    int used = 0;
    for (int y = 0; y < SIDE * LINES; y++)
        for (int x = 0; x < SIDE * LINES; x++) {
            float dy = ((float)y + 0.5f) / LINES - SIDE * 0.5f, dx = ((float)x + 0.5f) / LINES - SIDE * 0.5f;
            grid[y / LINES * SIDE + x / LINES] += dx * dx + dy * dy <= radius * radius ? 1.0f : 0.0f;
        }
    settle_weights(grid, SIDE * SIDE, REACH * SIDE + REACH);
    for (int i = 0; i < SIDE * SIDE; i++)
        if (grid[i] != 0)
            taps[used++] = (struct tap){i % SIDE - REACH, i / SIDE - REACH, grid[i]};
    return apply_taps(ctx, raster, taps, used, REACH);
}

enum mgm_status mgm_blur_disc(struct mgm_context *ctx, struct mgm_raster *raster, float radius)
{
    if (!(radius >= 0.5f))
        return MGM_OK;
    if (radius < 4)
        return blur_small_disc(ctx, raster, radius);
    int reach = (int)ceilf(radius + 0.5f) - 1, pad = (int)ceilf(radius) + 2;
    size_t sums_row = ((size_t)raster->width + 2 * (size_t)pad + 1) * (size_t)raster->channels;
    int *half = mgm_alloc((size_t)reach + 1, sizeof *half);
    float *share = mgm_alloc((size_t)reach + 1, sizeof *share);
    double *sums = mgm_alloc((size_t)raster->height * sums_row, sizeof *sums);
    enum mgm_status status = MGM_OK;
    if (half && share && sums) {
        struct disc_job job = {raster, sums, pad, reach, half, share, shape_disc(radius, reach, half, share)};
        mgm_parallel_for(thread_count(ctx), (size_t)raster->height, sum_rows, &job);
        mgm_parallel_for(thread_count(ctx), (size_t)raster->height, disc_rows, &job);
    } else {
        status = mgm_fail_nomem(ctx, "blurring a picture");
    }
    mgm_free(half);
    mgm_free(share);
    mgm_free(sums);
    return status;
}
