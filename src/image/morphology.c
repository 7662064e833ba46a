/*
 * Rows are packed to one bit per pixel. Each source row is widened step by step to the widths of the ellipse's rows, from
 * the narrowest to the widest, and each widened row is merged into the output rows that see it through such a row of the
 * ellipse. All inner loops are shifts and ors of 64-bit words.
 */
#include "image/morphology.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Shifts of up to 127 bits read this many words beyond either end of a row; these stay zero. */
enum { PAD = 2 };

/* One row of the ellipse: an output pixel sees the source pixels from `back` before its own column to `ahead` after. */
struct span {
    int row, back, ahead;
};

struct job {
    const uint8_t *src;
    uint8_t *dst;
    int h, w, size;
    size_t words;                       /* of a row, without padding */
    uint64_t flip;                      /* all ones for erosion, which is the dilation of what is not set */
    uint64_t *source;                   /* [h, words], padding bits zero */
    uint64_t *target;                   /* [h, words] */
    uint64_t *spare;                    /* two padded rows for each part */
    struct span spans[MGM_ELLIPSE_MAX]; /* narrowest first */
    int span_count;
    size_t parts;
};

void mgm_ellipse(int size, int left[MGM_ELLIPSE_MAX], int right[MGM_ELLIPSE_MAX])
{
    int radius = size / 2;
    for (int row = 0; row < size; row++) {
        int dy = row - radius;
        double share = radius ? (double)(radius * radius - dy * dy) * (1.0 / ((double)radius * radius)) : 0;
        int dx = (int)lrint(radius * sqrt(share));
        left[row] = radius - dx > 0 ? radius - dx : 0;
        right[row] = radius + dx + 1 < size ? radius + dx + 1 : size;
    }
}

static void list_spans(struct job *job)
{
    int left[MGM_ELLIPSE_MAX], right[MGM_ELLIPSE_MAX], anchor = job->size / 2;
    mgm_ellipse(job->size, left, right);
    for (int width = 1; width <= job->size; width++)
        for (int row = 0; row < job->size; row++)
            if (right[row] - left[row] == width)
                job->spans[job->span_count++] = (struct span){row - anchor, anchor - left[row], right[row] - 1 - anchor};
}

/* 8 bytes to 8 bits, the first byte to the lowest bit. */
static uint64_t pack_bytes(const uint8_t *bytes)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    uint64_t v;
    memcpy(&v, bytes, sizeof v);
    v = le64toh(v);
    uint64_t set = (((v & low) + low) | v) & ~low;
    return ((set >> 7) * 0x0102040810204080u) >> 56;
}

static void unpack_bits(uint64_t bits, uint8_t *bytes)
{
    uint64_t v = (bits & 0xff) * 0x0101010101010101u & 0x8040201008040201u;
    v = htole64(((v + 0x7f7f7f7f7f7f7f7fu) >> 7) & 0x0101010101010101u);
    memcpy(bytes, &v, sizeof v);
}

static void pack_row(const struct job *job, const uint8_t *src, uint64_t *dst)
{
    for (size_t i = 0; i < job->words; i++) {
        size_t left = (size_t)job->w - 64 * i, count = left < 64 ? left : 64;
        uint64_t word = 0;
        if (count == 64) {
            for (size_t k = 0; k < 8; k++)
                word |= pack_bytes(src + 64 * i + 8 * k) << (8 * k);
        } else {
            for (size_t k = 0; k < count; k++)
                word |= (uint64_t)(src[64 * i + k] != 0) << k;
        }
        dst[i] = (word ^ job->flip) & (count == 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1);
    }
}

static void unpack_row(const struct job *job, const uint64_t *src, uint8_t *dst)
{
    for (size_t i = 0; i < job->words; i++) {
        size_t left = (size_t)job->w - 64 * i, count = left < 64 ? left : 64;
        uint64_t word = src[i] ^ job->flip;
        if (count == 64) {
            for (size_t k = 0; k < 8; k++)
                unpack_bits(word >> (8 * k), dst + 64 * i + 8 * k);
        } else {
            for (size_t k = 0; k < count; k++)
                dst[64 * i + k] = word >> k & 1;
        }
    }
}

/* dst = src, src moved `ahead` bits down, and src moved `back` bits up, merged. */
MGM_KERNEL static void widen(const uint64_t *restrict src, size_t words, int back, int ahead, uint64_t *restrict dst)
{
    const uint64_t *up = src - back / 64, *down = src + ahead / 64;
    back %= 64;
    ahead %= 64;
    for (size_t i = 0; i < words; i++)
        dst[i] = src[i] | up[i] << back | up[(ptrdiff_t)i - 1] >> 1 >> (63 - back) | down[i] >> ahead |
                 down[i + 1] << 1 << (63 - ahead);
}

MGM_KERNEL static void merge(const uint64_t *restrict src, size_t words, uint64_t *restrict dst)
{
    for (size_t i = 0; i < words; i++)
        dst[i] |= src[i];
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static bool is_empty(const uint64_t *row, size_t words)
{
    uint64_t any = 0;
    for (size_t i = 0; i < words; i++)
        any |= row[i];
    return any == 0;
}

/* Merges source row y into the target rows in [begin, end) that see it. */
static void spread_row(const struct job *job, int y, int begin, int end, uint64_t *row, uint64_t *other)
{
    int back = 0, ahead = 0;
    memcpy(row, job->source + (size_t)y * job->words, job->words * sizeof *row);
    for (int i = 0; i < job->span_count; i++) {
        const struct span *span = &job->spans[i];
        while (back < span->back || ahead < span->ahead) {
            /* A step of more than what is covered would need pixels outside the picture to pass bits on. */
            int step = least(back, ahead) + 1;
            int more_back = least(span->back - back, step), more_ahead = least(span->ahead - ahead, step);
            widen(row, job->words, more_back, more_ahead, other);
            uint64_t *swap = row;
            row = other;
            other = swap;
            back += more_back;
            ahead += more_ahead;
        }
        int target = y - span->row;
        if (target >= begin && target < end)
            merge(row, job->words, job->target + (size_t)target * job->words);
    }
}

static void pack_rows(void *argument, size_t begin, size_t end)
{
    const struct job *job = argument;
    for (size_t y = begin; y < end; y++)
        pack_row(job, job->src + y * (size_t)job->w, job->source + y * job->words);
}

static void spread_part(const struct job *job, size_t part)
{
    size_t padded = job->words + 2 * PAD;
    uint64_t *row = job->spare + 2 * part * padded + PAD, *other = row + padded;
    int begin = (int)((size_t)job->h * part / job->parts), end = (int)((size_t)job->h * (part + 1) / job->parts);
    int first = begin - job->size / 2, last = end + job->size / 2;
    for (int y = first > 0 ? first : 0; y < least(last, job->h); y++)
        if (!is_empty(job->source + (size_t)y * job->words, job->words))
            spread_row(job, y, begin, end, row, other);
    for (int y = begin; y < end; y++)
        unpack_row(job, job->target + (size_t)y * job->words, job->dst + (size_t)y * (size_t)job->w);
}

static void spread_parts(void *argument, size_t begin, size_t end)
{
    for (size_t part = begin; part < end; part++)
        spread_part(argument, part);
}

static enum mgm_status run(struct mgm_context *ctx, struct job *job)
{
    if (job->size < 1 || job->size > MGM_ELLIPSE_MAX || job->h < 1 || job->w < 1)
        return mgm_fail(ctx, MGM_E_INVALID, "an ellipse of size %d on %d × %d pixels: sizes are 1 … %d, pictures not empty",
                        job->size, job->w, job->h, MGM_ELLIPSE_MAX);
    int threads = mgm_thread_count(ctx ? ctx->threads : 1);
    size_t rows = (size_t)job->h;
    job->words = ((size_t)job->w + 63) / 64;
    job->parts = (size_t)least(threads, job->h);
    job->source = mgm_alloc(rows * job->words, sizeof *job->source);
    job->target = mgm_alloc_zeroed(rows * job->words, sizeof *job->target);
    job->spare = mgm_alloc_zeroed(job->parts * 2 * (job->words + 2 * PAD), sizeof *job->spare);
    enum mgm_status status = MGM_OK;
    if (job->source && job->target && job->spare) {
        list_spans(job);
        mgm_parallel_for(threads, rows, pack_rows, job);
        mgm_parallel_for(threads, job->parts, spread_parts, job);
    } else {
        status = mgm_fail_nomem(ctx, "dilating or eroding a mask");
    }
    mgm_free(job->source);
    mgm_free(job->target);
    mgm_free(job->spare);
    return status;
}

enum mgm_status mgm_dilate(struct mgm_context *ctx, const uint8_t *src, int h, int w, int size, uint8_t *dst)
{
    struct job job = {.src = src, .dst = dst, .h = h, .w = w, .size = size};
    return run(ctx, &job);
}

enum mgm_status mgm_erode(struct mgm_context *ctx, const uint8_t *src, int h, int w, int size, uint8_t *dst)
{
    struct job job = {.src = src, .dst = dst, .h = h, .w = w, .size = size, .flip = ~(uint64_t)0};
    return run(ctx, &job);
}
