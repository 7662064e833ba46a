/*
 * Each axis is a list of taps for every output position. Rows are summed first, into one row of the source's width (which
 * reads the source front to back, whatever its type), then that row's columns.
 */
#include "image/resize.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "image/filter.h"

#include <math.h>
#include <string.h>

struct axis {
    int taps;
    int *index;    /* [length, taps], inside the source */
    float *weight; /* [length, taps] */
};

struct job {
    int src_width, dst_width, channels;
    const float *src;         /* this one … */
    const uint8_t *src_bytes; /* … or this one */
    float *dst;
    uint8_t *dst_bytes;
    struct axis rows, columns;
    float *spare; /* for each part, a row of the source and one of the output */
    size_t dst_height, parts;
};

static void axis_release(struct axis *axis)
{
    mgm_free(axis->index);
    mgm_free(axis->weight);
}

/* The part of each pixel in [begin, begin + scale), as a share of scale. */
static void cover(double begin, double scale, int length, int taps, int *index, float *weight)
{
    double end = begin + scale, sum = 0;
    int first = (int)floor(begin + 1e-9 * scale);
    for (int k = 0; k < taps; k++) {
        double low = fmax(begin, first + k), high = fmin(end, first + k + 1);
        double share = first + k < length && high > low ? high - low : 0;
        index[k] = mgm_clamp_index(first + k, length);
        weight[k] = (float)share;
        sum += share;
    }
    for (int k = 0; k < taps; k++)
        weight[k] = (float)(weight[k] / sum);
}

static enum mgm_status axis_create(struct mgm_context *ctx, int from, int to, enum mgm_filter filter, struct axis *axis)
{
    double scale = (double)from / to;
    axis->taps = filter == MGM_FILTER_AREA ? (int)ceil(scale) + 1 : mgm_filter_taps(filter);
    axis->index = mgm_alloc((size_t)to * (size_t)axis->taps, sizeof *axis->index);
    axis->weight = mgm_alloc((size_t)to * (size_t)axis->taps, sizeof *axis->weight);
    if (!axis->index || !axis->weight)
        return mgm_fail_nomem(ctx, "resizing a picture");
    for (int i = 0; i < to; i++) {
        int *index = axis->index + (size_t)i * (size_t)axis->taps;
        float *weight = axis->weight + (size_t)i * (size_t)axis->taps;
        if (filter == MGM_FILTER_AREA) {
            cover(i * scale, scale, from, axis->taps, index, weight);
            continue;
        }
        float weights[MGM_FILTER_MAX_TAPS];
        int first = mgm_filter_place(filter, (i + 0.5) * scale, weights);
        for (int k = 0; k < axis->taps; k++) {
            index[k] = mgm_clamp_index(first + k, from);
            weight[k] = weights[k];
        }
    }
    return MGM_OK;
}

MGM_KERNEL static void add_floats(float *restrict sum, const float *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

MGM_KERNEL static void add_bytes(float *restrict sum, const uint8_t *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * (float)row[i];
}

static void sum_rows(const struct job *job, size_t y, float *sum)
{
    size_t count = (size_t)job->src_width * (size_t)job->channels;
    const struct axis *axis = &job->rows;
    memset(sum, 0, count * sizeof *sum);
    for (int k = 0; k < axis->taps; k++) {
        size_t tap = y * (size_t)axis->taps + (size_t)k, offset = (size_t)axis->index[tap] * count;
        if (axis->weight[tap] == 0)
            continue;
        if (job->src)
            add_floats(sum, job->src + offset, axis->weight[tap], count);
        else
            add_bytes(sum, job->src_bytes + offset, axis->weight[tap], count);
    }
}

static inline __attribute__((always_inline)) void sum_columns_of(const struct job *job, const float *row, float *dst,
                                                                 int channels)
{
    const struct axis *axis = &job->columns;
    for (int x = 0; x < job->dst_width; x++) {
        const int *index = axis->index + (size_t)x * (size_t)axis->taps;
        const float *weight = axis->weight + (size_t)x * (size_t)axis->taps;
        for (int c = 0; c < channels; c++) {
            float sum = 0;
            for (int k = 0; k < axis->taps; k++)
                sum += weight[k] * row[(size_t)index[k] * (size_t)channels + (size_t)c];
            dst[(size_t)x * (size_t)channels + (size_t)c] = sum;
        }
    }
}

static void sum_columns(const struct job *job, const float *row, float *dst)
{
    if (job->channels == 1)
        sum_columns_of(job, row, dst, 1);
    else if (job->channels == 3)
        sum_columns_of(job, row, dst, 3);
    else
        sum_columns_of(job, row, dst, job->channels);
}

MGM_KERNEL static void round_bytes(const float *restrict src, size_t count, uint8_t *restrict dst)
{
    for (size_t i = 0; i < count; i++) {
        float value = src[i] < 0 ? 0 : src[i] > 255 ? 255 : src[i];
        dst[i] = (uint8_t)(int)(value + 0.5f);
    }
}

static void resize_part(const struct job *job, size_t part)
{
    size_t src_row = (size_t)job->src_width * (size_t)job->channels,
           dst_row = (size_t)job->dst_width * (size_t)job->channels;
    float *sum = job->spare + part * (src_row + dst_row), *out = sum + src_row;
    for (size_t y = job->dst_height * part / job->parts; y < job->dst_height * (part + 1) / job->parts; y++) {
        sum_rows(job, y, sum);
        sum_columns(job, sum, job->dst ? job->dst + y * dst_row : out);
        if (!job->dst)
            round_bytes(out, dst_row, job->dst_bytes + y * dst_row);
    }
}

static void resize_parts(void *argument, size_t begin, size_t end)
{
    for (size_t part = begin; part < end; part++)
        resize_part(argument, part);
}

static enum mgm_status run(struct mgm_context *ctx, int src_height, enum mgm_filter row_filter,
                           enum mgm_filter column_filter, struct job *job)
{
    int threads = mgm_thread_count(ctx ? ctx->threads : 1);
    job->parts = (size_t)threads < job->dst_height ? (size_t)threads : job->dst_height;
    enum mgm_status status = axis_create(ctx, src_height, (int)job->dst_height, row_filter, &job->rows);
    if (status == MGM_OK)
        status = axis_create(ctx, job->src_width, job->dst_width, column_filter, &job->columns);
    if (status == MGM_OK) {
        size_t values = ((size_t)job->src_width + (size_t)job->dst_width) * (size_t)job->channels;
        job->spare = mgm_alloc(job->parts * values, sizeof *job->spare);
        status = job->spare ? MGM_OK : mgm_fail_nomem(ctx, "resizing a picture");
    }
    if (status == MGM_OK)
        mgm_parallel_for(threads, job->parts, resize_parts, job);
    axis_release(&job->rows);
    axis_release(&job->columns);
    mgm_free(job->spare);
    return status;
}

enum mgm_status mgm_resize(struct mgm_context *ctx, const struct mgm_raster *src, int width, int height,
                           enum mgm_filter filter, struct mgm_raster *dst)
{
    TRY(mgm_raster_create(ctx, width, height, src->channels, dst));
    struct job job = {.src_width = src->width,
                      .dst_width = width,
                      .channels = src->channels,
                      .src = src->data,
                      .dst = dst->data,
                      .dst_height = (size_t)height};
    enum mgm_status status = run(ctx, src->height, filter, filter, &job);
    if (status != MGM_OK)
        mgm_raster_release(dst);
    return status;
}

static enum mgm_filter smooth_filter(int from, int to)
{
    return to < from ? MGM_FILTER_AREA : MGM_FILTER_LINEAR;
}

enum mgm_status mgm_resize_bitmap(struct mgm_context *ctx, const struct mgm_bitmap *src, int width, int height,
                                  struct mgm_bitmap *dst)
{
    TRY(mgm_bitmap_create(ctx, width, height, src->channels, dst));
    struct job job = {.src_width = src->width,
                      .dst_width = width,
                      .channels = src->channels,
                      .src_bytes = src->data,
                      .dst_bytes = dst->data,
                      .dst_height = (size_t)height};
    enum mgm_status status =
        run(ctx, src->height, smooth_filter(src->height, height), smooth_filter(src->width, width), &job);
    if (status != MGM_OK)
        mgm_bitmap_release(dst);
    return status;
}
