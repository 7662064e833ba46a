/*
 * Per output pixel: the source position, then a general gather that knows borders. Pictures of 1, 3 and 4 channels
 * take a short way where all pixels that a filter reads are inside.
 */
#include "image/warp.h"

#include "base/parallel.h"
#include "image/filter.h"

#include <math.h>
#include <stdbool.h>

struct job {
    int width, height, channels; /* of the source */
    const float *src;            /* this one … */
    const uint8_t *src_bytes;    /* … or this one */
    float m[6];
    enum mgm_filter filter;
    float outside;
    struct mgm_raster *dst;
};

/* Far outside is as good as just outside, and fits an int; so does what is not a number. */
static float confine(float position, int length)
{
    const float margin = 2 * MGM_FILTER_MAX_TAPS;
    if (!(position > -margin))
        return -margin;
    return position < (float)length + margin ? position : (float)length + margin;
}

static float value_at(const struct job *job, size_t index)
{
    return job->src ? job->src[index] : (float)job->src_bytes[index] * (1.0f / 255.0f);
}

/* One output pixel, any filter, any border. */
static void gather(const struct job *job, float sx, float sy, float *out)
{
    float wx[MGM_FILTER_MAX_TAPS], wy[MGM_FILTER_MAX_TAPS];
    int taps = mgm_filter_taps(job->filter), channels = job->channels;
    int x0 = mgm_filter_place(job->filter, confine(sx, job->width), wx);
    int y0 = mgm_filter_place(job->filter, confine(sy, job->height), wy);
    bool clamped = isnan(job->outside);
    for (int c = 0; c < channels; c++)
        out[c] = 0;
    for (int j = 0; j < taps; j++) {
        for (int i = 0; i < taps; i++) {
            int x = x0 + i, y = y0 + j;
            bool inside = x >= 0 && x < job->width && y >= 0 && y < job->height;
            size_t pixel =
                (size_t)mgm_clamp_index(y, job->height) * (size_t)job->width + (size_t)mgm_clamp_index(x, job->width);
            for (int c = 0; c < channels; c++)
                out[c] +=
                    wx[i] * wy[j] * (inside || clamped ? value_at(job, pixel * (size_t)channels + (size_t)c) : job->outside);
        }
    }
}

/* A row of linear interpolation; channels and kind of source are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void linear_row(const struct job *job, int row, size_t channels, bool bytes)
{
    const float *m = job->m, y = (float)row + 0.5f;
    const float xb = m[1] * y + m[2], yb = m[4] * y + m[5], scale = bytes ? 1.0f / 255.0f : 1.0f;
    const float right = (float)(job->width - 1), bottom = (float)(job->height - 1);
    const size_t stride = (size_t)job->width * channels;
    float *out = job->dst->data + (size_t)row * (size_t)job->dst->width * channels;
    for (int column = 0; column < job->dst->width; column++, out += channels) {
        float sx = m[0] * ((float)column + 0.5f) + xb, sy = m[3] * ((float)column + 0.5f) + yb;
        float px = sx - 0.5f, py = sy - 0.5f;
        if (!(px >= 0 && px < right && py >= 0 && py < bottom)) {
            gather(job, sx, sy, out);
            continue;
        }
        int x = (int)px, line = (int)py;
        float u = px - (float)x, v = py - (float)line;
        size_t at = (size_t)line * stride + (size_t)x * channels;
        for (size_t k = 0; k < channels; k++, at++) {
            float p = bytes ? (float)job->src_bytes[at] : job->src[at];
            float q = bytes ? (float)job->src_bytes[at + channels] : job->src[at + channels];
            float r = bytes ? (float)job->src_bytes[at + stride] : job->src[at + stride];
            float s = bytes ? (float)job->src_bytes[at + stride + channels] : job->src[at + stride + channels];
            float above = p + u * (q - p), below = r + u * (s - r); /* so that equal values stay what they are */
            out[k] = (above + v * (below - above)) * scale;
        }
    }
}

/* A row of any other filter. Constants as above. */
static inline __attribute__((always_inline)) void taps_row(const struct job *job, int row, size_t channels, bool bytes)
{
    const float *m = job->m, y = (float)row + 0.5f, scale = bytes ? 1.0f / 255.0f : 1.0f;
    const int taps = mgm_filter_taps(job->filter);
    float *out = job->dst->data + (size_t)row * (size_t)job->dst->width * channels;
    for (int column = 0; column < job->dst->width; column++, out += channels) {
        float x = (float)column + 0.5f, sx = m[0] * x + m[1] * y + m[2], sy = m[3] * x + m[4] * y + m[5];
        float wx[MGM_FILTER_MAX_TAPS], wy[MGM_FILTER_MAX_TAPS], sum[4] = {0};
        int left = mgm_filter_place(job->filter, confine(sx, job->width), wx);
        int top = mgm_filter_place(job->filter, confine(sy, job->height), wy);
        if (left < 0 || left + taps > job->width || top < 0 || top + taps > job->height) {
            gather(job, sx, sy, out);
            continue;
        }
        for (int j = 0; j < taps; j++) {
            size_t at = ((size_t)(top + j) * (size_t)job->width + (size_t)left) * channels;
            for (int i = 0; i < taps; i++, at += channels) {
                float weight = wy[j] * wx[i];
                for (size_t k = 0; k < channels; k++)
                    sum[k] += weight * (bytes ? (float)job->src_bytes[at + k] : job->src[at + k]);
            }
        }
        for (size_t k = 0; k < channels; k++)
            out[k] = sum[k] * scale;
    }
}

static inline __attribute__((always_inline)) void filter_row(const struct job *job, int row, size_t channels, bool bytes)
{
    if (job->filter == MGM_FILTER_LINEAR)
        linear_row(job, row, channels, bytes);
    else
        taps_row(job, row, channels, bytes);
}

MGM_KERNEL static void quick_rows(const struct job *job, int begin, int end)
{
    for (int row = begin; row < end; row++) {
        if (job->channels == 1 && job->src)
            filter_row(job, row, 1, false);
        else if (job->channels == 3 && job->src)
            filter_row(job, row, 3, false);
        else if (job->channels == 4 && job->src)
            filter_row(job, row, 4, false);
        else if (job->channels == 1)
            filter_row(job, row, 1, true);
        else if (job->channels == 3)
            filter_row(job, row, 3, true);
        else
            filter_row(job, row, 4, true);
    }
}

static void general_rows(const struct job *job, int begin, int end)
{
    const float *m = job->m;
    for (int row = begin; row < end; row++) {
        float *out = job->dst->data + (size_t)row * (size_t)job->dst->width * (size_t)job->channels;
        for (int column = 0; column < job->dst->width; column++, out += job->channels) {
            float x = (float)column + 0.5f, y = (float)row + 0.5f;
            gather(job, m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], out);
        }
    }
}

static void warp_rows(void *argument, size_t begin, size_t end)
{
    const struct job *job = argument;
    bool short_way = job->channels == 1 || job->channels == 3 || job->channels == 4;
    if (short_way)
        quick_rows(job, (int)begin, (int)end);
    else
        general_rows(job, (int)begin, (int)end);
}

static enum mgm_status run(struct mgm_context *ctx, struct job *job, int threads)
{
    if (job->dst->channels != job->channels)
        return mgm_fail(ctx, MGM_E_SHAPE, "a picture with %d channels cannot be warped into one with %d", job->channels,
                        job->dst->channels);
    if (job->filter == MGM_FILTER_AREA)
        job->filter = MGM_FILTER_LINEAR;
    mgm_parallel_for(threads, (size_t)job->dst->height, warp_rows, job);
    return MGM_OK;
}

static struct job prepare(int width, int height, int channels, const float m[6], enum mgm_filter filter, float outside,
                          struct mgm_raster *dst)
{
    return (struct job){.width = width,
                        .height = height,
                        .channels = channels,
                        .m = {m[0], m[1], m[2], m[3], m[4], m[5]},
                        .filter = filter,
                        .outside = outside,
                        .dst = dst};
}

enum mgm_status mgm_warp_affine(struct mgm_context *ctx, const struct mgm_raster *src, const float m[6],
                                enum mgm_filter filter, float outside, struct mgm_raster *dst)
{
    struct job job = prepare(src->width, src->height, src->channels, m, filter, outside, dst);
    job.src = src->data;
    return run(ctx, &job, ctx ? ctx->threads : 1);
}

enum mgm_status mgm_warp_affine_bitmap(struct mgm_context *ctx, const struct mgm_bitmap *src, const float m[6],
                                       enum mgm_filter filter, float outside, struct mgm_raster *dst)
{
    struct job job = prepare(src->width, src->height, src->channels, m, filter, outside, dst);
    job.src_bytes = src->data;
    return run(ctx, &job, 1);
}
