/*
 * The benchmark's 9×9 filter is the product of a Gaussian along one axis and its derivative along the other, scaled to
 * length 1; so each factor is scaled to length 1 and the filter applied along the columns, then along the row. Signs do not
 * matter to a magnitude.
 */
#include "eval/metrics.h"

#include "base/memory.h"
#include "image/image.h"

#include <math.h>

enum { REACH = 4, TAPS = 2 * REACH + 1 };
static const double SIGMA = 1.4;

struct filter {
    double smooth[TAPS], slope[TAPS];
};

/** A matte and how its values become 0 … 1. */
struct stretched {
    const uint8_t *values;
    int h, w;
    double low, scale;
};

static void scale_to_length_1(double taps[TAPS])
{
    double squares = 0;
    for (int i = 0; i < TAPS; i++)
        squares += taps[i] * taps[i];
    for (int i = 0; i < TAPS; i++)
        taps[i] /= sqrt(squares);
}

static struct filter make_filter(void)
{
    struct filter filter;
    for (int i = 0; i < TAPS; i++) {
        const double x = i - REACH;
        filter.smooth[i] = exp(-x * x / (2 * SIGMA * SIGMA));
        filter.slope[i] = x * filter.smooth[i];
    }
    scale_to_length_1(filter.smooth);
    scale_to_length_1(filter.slope);
    return filter;
}

/** A matte of one value has no gradient, whatever it is stretched to. */
static struct stretched stretch(const uint8_t *values, int h, int w)
{
    int low = 255, high = 0;
    for (size_t i = 0; i < (size_t)h * (size_t)w; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    return (struct stretched){values, h, w, low, high > low ? 1.0 / (high - low) : 0};
}

/** Row y filtered along the columns, with REACH more pixels on either side. @param smooth, slope  f64 [w + 2 REACH] */
static void filter_columns(const struct filter *filter, const struct stretched *matte, int y, double *smooth, double *slope)
{
    const size_t w = (size_t)matte->w;
    for (size_t x = 0; x < w + 2 * REACH; x++)
        smooth[x] = slope[x] = 0;
    for (int k = 0; k < TAPS; k++) {
        const uint8_t *row = matte->values + (size_t)mgm_clamp_index(y + k - REACH, matte->h) * w;
        for (size_t x = 0; x < w; x++) {
            const double value = (row[x] - matte->low) * matte->scale;
            smooth[REACH + x] += filter->smooth[k] * value;
            slope[REACH + x] += filter->slope[k] * value;
        }
    }
    for (size_t x = 0; x < REACH; x++) {
        smooth[x] = smooth[REACH];
        slope[x] = slope[REACH];
        smooth[REACH + w + x] = smooth[REACH + w - 1];
        slope[REACH + w + x] = slope[REACH + w - 1];
    }
}

/** Magnitudes of the gradient in row y. @param spare  f64 [2, w + 2 REACH] */
static void measure_row(const struct filter *filter, const struct stretched *matte, int y, double *spare, double *magnitudes)
{
    double *smooth = spare, *slope = spare + matte->w + 2 * REACH;
    filter_columns(filter, matte, y, smooth, slope);
    for (int x = 0; x < matte->w; x++) {
        double across = 0, down = 0;
        for (int k = 0; k < TAPS; k++) {
            across += filter->slope[k] * smooth[x + k];
            down += filter->smooth[k] * slope[x + k];
        }
        magnitudes[x] = sqrt(across * across + down * down);
    }
}

enum mgm_status mgm_metric_grad(struct mgm_context *ctx, const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap,
                                int h, int w, double *value)
{
    const struct filter filter = make_filter();
    const struct stretched ours = stretch(matte, h, w), theirs = stretch(truth, h, w);
    const size_t width = (size_t)w;
    double *memory = mgm_alloc(4 * width + 4 * REACH, sizeof *memory), sum = 0;
    if (!memory)
        return mgm_fail_nomem(ctx, "the gradients of a matte");
    double *got = memory, *want = got + width, *spare = want + width;
    for (int y = 0; y < h; y++) {
        measure_row(&filter, &ours, y, spare, got);
        measure_row(&filter, &theirs, y, spare, want);
        for (size_t x = 0; x < width; x++)
            if (!trimap || trimap[(size_t)y * width + x] == MGM_TRIMAP_UNKNOWN)
                sum += (got[x] - want[x]) * (got[x] - want[x]);
    }
    *value = sum / 1000;
    mgm_free(memory);
    return MGM_OK;
}
