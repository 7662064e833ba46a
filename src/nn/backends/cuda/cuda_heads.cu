/*
 * The training objective up to its losses: the network's input, heads to alpha and back, where a prediction is uncertain,
 * merging. Definitions: train/feed.c, train/heads.h, matting/refinement.h (Eq. 2), train/step.c.
 */
#include "nn/backends/cuda/launch.h"

extern "C" {
#include "image/morphology.h"
}

namespace
{

struct pack_pixels {
    const float *image, *guidance;
    float *input;
    size_t plane;
    float mean[3], factor[3];

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient q = mgm_divide(i, plane);
        for (size_t c = 0; c < 3; c++)
            input[4 * i + c] = (image[(q.whole * 3 + c) * plane + q.rest] - mean[c]) * factor[c];
        input[4 * i + 3] = guidance[i];
    }
};

/* The two source positions of an up-sampled position, and the weight of the second. */
struct head_tap {
    int first, second;
    float weight;
};

MGM_DEVICE head_tap head_tap_at(int position, int stride, int count)
{
    float at = ((float)position + 0.5f) / (float)stride - 0.5f;
    at = at < 0 ? 0 : at;
    head_tap tap;
    tap.first = (int)at;
    tap.second = tap.first < count - 1 ? tap.first + 1 : tap.first;
    tap.weight = at - (float)tap.first;
    return tap;
}

/* The same rational function as on the CPU (heads.c says where it is from): both train the same network. */
MGM_DEVICE float head_tanh(float x)
{
    const float limit = 7.90531110763549805f;
    x = x > limit ? limit : x < -limit ? -limit : x;
    const float s = x * x;
    float p = -2.76076847742355e-16f * s + 2.00018790482477e-13f;
    p = p * s - 8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    float q = 1.19825839466702e-06f * s + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    const float t = x * p / q;
    return t > 1 ? 1 : t < -1 ? -1 : t;
}

struct head_predict {
    const float *raw;
    float *alpha;
    int size, stride;

    MGM_DEVICE float stretched(const float *row, const head_tap &x) const
    {
        return row[x.first] + x.weight * (row[x.second] - row[x.first]);
    }

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient column = mgm_divide(i, (size_t)size), row = mgm_divide(column.whole, (size_t)size);
        const int side = size / stride;
        const float *plane = raw + row.whole * (size_t)side * (size_t)side;
        const head_tap x = head_tap_at((int)column.rest, stride, side), y = head_tap_at((int)row.rest, stride, side);
        const float first = stretched(plane + (size_t)y.first * (size_t)side, x);
        const float second = stretched(plane + (size_t)y.second * (size_t)side, x);
        alpha[i] = 0.5f * head_tanh(first + y.weight * (second - first)) + 0.5f;
    }
};

/* How much of up-sampled `position` belongs to `source`. */
MGM_DEVICE float head_share(int position, int source, int stride, int count)
{
    const head_tap tap = head_tap_at(position, stride, count);
    return (tap.first == source ? 1 - tap.weight : 0) + (tap.second == source ? tap.weight : 0);
}

/* Positions [first, last) may belong to `source`. */
MGM_DEVICE void head_range(int source, int stride, int size, int *first, int *last)
{
    *first = (source - 1) * stride > 0 ? (source - 1) * stride : 0;
    *last = (source + 2) * stride < size ? (source + 2) * stride : size;
}

/* Number i of wide [n, side, size]: gradient · dα/dx, gathered from the rows that belong to it. */
struct head_gather_rows {
    const float *alpha, *gradient;
    float *wide;
    int size, stride;

    MGM_DEVICE void operator()(size_t i) const
    {
        const int side = size / stride;
        const mgm_quotient column = mgm_divide(i, (size_t)size), row = mgm_divide(column.whole, (size_t)side);
        int first, last;
        head_range((int)row.rest, stride, size, &first, &last);
        float sum = 0;
        for (int y = first; y < last; y++) {
            const size_t at = (row.whole * (size_t)size + (size_t)y) * (size_t)size + column.rest;
            const float a = alpha[at];
            sum += head_share(y, (int)row.rest, stride, side) * (2 * a * (1 - a) * gradient[at]);
        }
        wide[i] = sum;
    }
};

/* Number i of raw [n, side, side], gathered from the columns of wide. */
struct head_gather_columns {
    const float *wide;
    float *raw_gradient;
    int size, stride;

    MGM_DEVICE void operator()(size_t i) const
    {
        const int side = size / stride;
        const mgm_quotient column = mgm_divide(i, (size_t)side);
        int first, last;
        head_range((int)column.rest, stride, size, &first, &last);
        float sum = 0;
        for (int x = first; x < last; x++)
            sum += head_share(x, (int)column.rest, stride, side) * wide[column.whole * (size_t)size + (size_t)x];
        raw_gradient[i] = sum;
    }
};

/* One row of an ellipse: a pixel sees from `back` before its own column to `ahead` after it. */
struct ellipse_row {
    int16_t back, ahead;
};

/* How far to the left the nearest uncertain pixel is (0: this one); FAR_AWAY: no ellipse reaches it. */
struct uncertain_distance {
    enum { FAR_AWAY = 255 };
    const float *alpha;
    uint8_t *distance;
    const int32_t *sizes;
    size_t size;

    MGM_DEVICE void operator()(size_t i) const
    {
        const float low = (float)(1.0 / 255.0), high = (float)(1.0 - 1.0 / 255.0);
        const mgm_quotient column = mgm_divide(i, size);
        const size_t reach = (size_t)sizes[mgm_divide(column.whole, size).whole];
        uint8_t found = FAR_AWAY;
        for (size_t d = 0; d < reach && d <= column.rest && found == FAR_AWAY; d++)
            if (!(alpha[i - d] < low || alpha[i - d] > high))
                found = (uint8_t)d;
        distance[i] = found;
    }
};

/* 1 where a row of the ellipse sees an uncertain pixel: where the nearest to the left of its end is not before its start. */
struct uncertain_dilate {
    const uint8_t *distance;
    const int32_t *sizes;
    const ellipse_row *rows; /* [n, MGM_ELLIPSE_MAX] */
    uint8_t *mask;
    int size;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient column = mgm_divide(i, (size_t)size), row = mgm_divide(column.whole, (size_t)size);
        const int x = (int)column.rest, y = (int)row.rest, ellipse = sizes[row.whole], anchor = ellipse / 2;
        const uint8_t *plane = distance + row.whole * (size_t)size * (size_t)size;
        const ellipse_row *spans = rows + row.whole * MGM_ELLIPSE_MAX;
        uint8_t seen = 0;
        for (int k = 0; k < ellipse && !seen; k++) {
            const int from = y + k - anchor;
            if (from < 0 || from >= size)
                continue;
            const int end = x + spans[k].ahead < size ? x + spans[k].ahead : size - 1;
            const int away = plane[(size_t)from * (size_t)size + (size_t)end];
            seen = away != uncertain_distance::FAR_AWAY && end - away >= x - spans[k].back;
        }
        mask[i] = seen;
    }
};

struct merge_levels {
    const uint8_t *mask;
    const float *coarser;
    float *finer;

    MGM_DEVICE void operator()(size_t i) const
    {
        if (!mask[i])
            finer[i] = coarser[i];
    }
};

struct unmerge_levels {
    const uint8_t *mask;
    float *finer, *coarser;

    MGM_DEVICE void operator()(size_t i) const
    {
        if (!mask[i]) {
            coarser[i] += finer[i];
            finer[i] = 0;
        }
    }
};

enum mgm_status list_ellipses(struct mgm_cuda *cuda, int n, const int *sizes, int32_t **device_sizes,
                              ellipse_row **device_rows)
{
    const size_t count = (size_t)n * MGM_ELLIPSE_MAX, bytes = count * sizeof(ellipse_row) + (size_t)n * sizeof(int32_t);
    ellipse_row *rows = (ellipse_row *)mgm_alloc(bytes, 1);
    void *device = mgm_cuda_scratch(cuda, MGM_CUDA_VECTORS, bytes);
    if (!rows || !device) {
        const enum mgm_status status = rows ? mgm_cuda_report(cuda) : mgm_fail_nomem(cuda->base.ctx, "dilating a mask");
        mgm_free(rows);
        return status;
    }
    int32_t *list = (int32_t *)(rows + count);
    memset(rows, 0, bytes);
    for (int picture = 0; picture < n; picture++) {
        int left[MGM_ELLIPSE_MAX], right[MGM_ELLIPSE_MAX], anchor = sizes[picture] / 2;
        list[picture] = sizes[picture];
        mgm_ellipse(sizes[picture], left, right);
        for (int row = 0; row < sizes[picture]; row++)
            rows[picture * MGM_ELLIPSE_MAX + row] = {(int16_t)(anchor - left[row]), (int16_t)(right[row] - 1 - anchor)};
    }
    mgm_cuda_upload(&cuda->base, device, rows, bytes);
    mgm_free(rows);
    *device_rows = (ellipse_row *)device;
    *device_sizes = (int32_t *)(*device_rows + count);
    return MGM_OK;
}

} // namespace

void mgm_cuda_pack(struct mgm_backend *b, int n, int h, int w, const float *image, const float *guidance,
                   const float mean[3], const float deviation[3], float *input)
{
    pack_pixels f = {image, guidance, input, (size_t)h * (size_t)w, {}, {}};
    for (int c = 0; c < 3; c++) {
        f.mean[c] = mean[c];
        f.factor[c] = 1 / deviation[c];
    }
    mgm_cuda_each(mgm_cuda_of(b), (size_t)n * f.plane, f);
}

void mgm_cuda_head_forward(struct mgm_backend *b, int n, int size, int stride, const float *raw, float *alpha)
{
    mgm_cuda_each(mgm_cuda_of(b), (size_t)n * (size_t)size * (size_t)size, head_predict{raw, alpha, size, stride});
}

void mgm_cuda_head_backward(struct mgm_backend *b, int n, int size, int stride, const float *alpha, const float *gradient,
                            float *raw_gradient)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t side = (size_t)(size / stride), count = (size_t)n * side * (size_t)size;
    float *wide = raw_gradient;
    if (stride > 1)
        wide = (float *)mgm_cuda_scratch(cuda, MGM_CUDA_PLANES, count * sizeof *wide);
    if (!wide)
        return;
    mgm_cuda_each(cuda, count, head_gather_rows{alpha, gradient, wide, size, stride});
    if (stride > 1)
        mgm_cuda_each(cuda, (size_t)n * side * side, head_gather_columns{wide, raw_gradient, size, stride});
}

enum mgm_status mgm_cuda_uncertain(struct mgm_backend *b, int n, int size, const float *alpha, const int *host_sizes,
                                   uint8_t *mask)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t side = (size_t)size, count = (size_t)n * side * side;
    int32_t *sizes;
    ellipse_row *rows;
    for (int picture = 0; picture < n; picture++)
        if (host_sizes[picture] < 1 || host_sizes[picture] > MGM_ELLIPSE_MAX)
            return mgm_fail(b->ctx, MGM_E_INVALID, "an ellipse of size %d: sizes are 1 … %d", host_sizes[picture],
                            MGM_ELLIPSE_MAX);
    TRY(list_ellipses(cuda, n, host_sizes, &sizes, &rows));
    uint8_t *distance = (uint8_t *)mgm_cuda_scratch(cuda, MGM_CUDA_PLANES, count);
    if (!distance)
        return mgm_cuda_report(cuda);
    mgm_cuda_each(cuda, count, uncertain_distance{alpha, distance, sizes, side});
    mgm_cuda_each(cuda, count, uncertain_dilate{distance, sizes, rows, mask, size});
    return mgm_cuda_report(cuda);
}

void mgm_cuda_merge(struct mgm_backend *b, size_t count, const uint8_t *mask, const float *coarser, float *finer)
{
    mgm_cuda_each(mgm_cuda_of(b), count, merge_levels{mask, coarser, finer});
}

void mgm_cuda_unmerge(struct mgm_backend *b, size_t count, const uint8_t *mask, float *finer, float *coarser)
{
    mgm_cuda_each(mgm_cuda_of(b), count, unmerge_levels{mask, finer, coarser});
}
