#include "matting/reduce.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Rows of any kind in, rows of floats summed up, rows of any kind out. */
struct reducing {
    int src_width, src_height, width, height, channels;
    const struct mgm_image *photo; /* or … */
    const float *plane;
    uint16_t *pixels; /* what becomes of the photo, or … */
    float *dst;
    atomic_bool out_of_memory;
};

static void add_row(const struct reducing *job, int y, float weight, float *sum)
{
    const size_t count = (size_t)job->src_width * (size_t)job->channels;
    if (job->plane) {
        const float *row = job->plane + (size_t)y * count;
        for (size_t i = 0; i < count; i++)
            sum[i] += weight * row[i];
        return;
    }
    const unsigned char *bytes = (const unsigned char *)job->photo->pixels + (size_t)y * job->photo->stride;
    const uint16_t *words = (const uint16_t *)(const void *)bytes;
    const bool deep = job->photo->bits == 16;
    weight *= deep ? 1 : 257; /* so that the sum is of 16-bit values */
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * (float)(deep ? words[i] : bytes[i]);
}

/* What a pixel covers along an axis of the source: [begin, end), which may begin and end within a pixel. */
struct cover {
    int first, last;
    double begin, end;
};

static struct cover cover_of(int index, int size, int src_size)
{
    const double step = (double)src_size / size;
    struct cover c = {.begin = index * step, .end = (index + 1) * step};
    c.first = (int)c.begin;
    c.last = (int)ceil(c.end) - 1;
    c.last = c.last >= src_size ? src_size - 1 : c.last;
    return c;
}

static float share_of(const struct cover *c, int index)
{
    const double begin = c->begin > index ? c->begin : index, end = c->end < index + 1 ? c->end : index + 1;
    return (float)((end - begin) / (c->end - c->begin));
}

static void write_row(const struct reducing *job, int y, const float *sum)
{
    for (int x = 0; x < job->width; x++) {
        const struct cover c = cover_of(x, job->width, job->src_width);
        for (int channel = 0; channel < job->channels; channel++) {
            float mean = 0;
            for (int k = c.first; k <= c.last; k++)
                mean += share_of(&c, k) * sum[k * job->channels + channel];
            const size_t at = ((size_t)y * (size_t)job->width + (size_t)x) * (size_t)job->channels + (size_t)channel;
            if (job->dst)
                job->dst[at] = mean;
            else
                job->pixels[at] = (uint16_t)fminf(mean + 0.5f, 65535);
        }
    }
}

static void reduce_rows(void *argument, size_t begin, size_t end)
{
    struct reducing *job = argument;
    const size_t count = (size_t)job->src_width * (size_t)job->channels;
    float *sum = mgm_alloc(count, sizeof *sum);
    if (!sum)
        job->out_of_memory = true;
    for (size_t y = begin; y < end && sum; y++) {
        const struct cover c = cover_of((int)y, job->height, job->src_height);
        memset(sum, 0, count * sizeof *sum);
        for (int row = c.first; row <= c.last; row++)
            add_row(job, row, share_of(&c, row), sum);
        write_row(job, (int)y, sum);
    }
    mgm_free(sum);
}

static enum mgm_status run(struct mgm_context *ctx, struct reducing *job)
{
    mgm_parallel_for(ctx->threads, (size_t)job->height, reduce_rows, job);
    return job->out_of_memory ? mgm_fail_nomem(ctx, "a smaller picture") : MGM_OK;
}

enum mgm_status mgm_reduce_photo(struct mgm_context *ctx, const struct mgm_image *photo, int width, int height,
                                 struct mgm_image *out)
{
    uint16_t *pixels = mgm_alloc((size_t)width * (size_t)height, 3 * sizeof *pixels);
    if (!pixels)
        return mgm_fail_nomem(ctx, "a smaller picture");
    struct reducing job = {photo->width, photo->height, width, height, 3, .photo = photo, .pixels = pixels};
    const enum mgm_status status = run(ctx, &job);
    if (status == MGM_OK)
        *out = (struct mgm_image){width, height, 3, 16, (size_t)width * 6, pixels};
    else
        mgm_free(pixels);
    return status;
}

enum mgm_status mgm_reduce_plane(struct mgm_context *ctx, const float *src, int src_width, int src_height, int width,
                                 int height, float *dst)
{
    struct reducing job = {src_width, src_height, width, height, 1, .plane = src, .dst = dst};
    return run(ctx, &job);
}
