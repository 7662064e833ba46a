/* The losses over a whole batch, and what their denominators count. Definitions: train/losses.h. */
#include "nn/backends/cuda/launch.h"

namespace
{

/* Level i of the pyramid sees every 2^i-th row and column. */
struct count_mask {
    typedef uint64_t sum;
    enum { COUNT = MGM_BACKEND_LEVELS };
    const uint8_t *mask;
    size_t h, w;

    MGM_DEVICE void operator()(size_t, size_t row, size_t, uint64_t *sums) const
    {
        const mgm_quotient column = mgm_divide(row, w);
        const size_t y = mgm_divide(column.whole, h).rest, place = y | column.rest;
        const uint64_t set = mask[row];
        for (int level = 0; level < COUNT; level++)
            if (!(place & (((size_t)1 << level) - 1)))
                sums[level] += set;
    }
};

struct store_counts {
    uint64_t *counts;

    MGM_DEVICE void operator()(size_t, size_t, const uint64_t *totals) const
    {
        for (int level = 0; level < MGM_BACKEND_LEVELS; level++)
            counts[level] = totals[level];
    }
};

MGM_DEVICE float sign_of(float d)
{
    return (float)((d > 0) - (d < 0));
}

/* |alpha − truth| and |alpha·fg + (1 − alpha)·bg − truth·fg − (1 − truth)·bg|, and the gradient of both. */
struct judge_pixels {
    typedef double sum;
    enum { COUNT = 2 };
    struct mgm_backend_losses l;
    size_t plane;

    MGM_DEVICE void operator()(size_t, size_t row, size_t, double *sums) const
    {
        const float g = (float)l.mask[row], alpha = l.alpha[row];
        float gradient = 0;
        if (l.scale_l1 != 0) {
            const float d = alpha - l.truth[row];
            sums[0] += (double)(fabsf(d) * g);
            gradient += l.scale_l1 * g * sign_of(d);
        }
        if (l.scale_composition != 0) {
            const mgm_quotient picture = mgm_divide(row, plane);
            for (size_t c = 0; c < 3; c++) {
                const size_t at = (3 * picture.whole + c) * plane + picture.rest;
                const float weight = l.colour_weight[c] * g, difference = l.fg[at] - l.bg[at];
                const float d = (alpha - l.truth[row]) * difference;
                sums[1] += (double)(fabsf(d) * weight);
                gradient += l.scale_composition * weight * difference * sign_of(d);
            }
        }
        l.gradient[row] = gradient;
    }
};

struct store_sums {
    double *sums;

    MGM_DEVICE void operator()(size_t, size_t, const double *totals) const
    {
        sums[0] = totals[0];
        sums[1] = totals[1];
    }
};

} // namespace

void mgm_cuda_mask_counts(struct mgm_backend *b, int n, int h, int w, const uint8_t *mask, uint64_t *counts)
{
    const count_mask f = {mask, (size_t)h, (size_t)w};
    mgm_cuda_reduce(mgm_cuda_of(b), 1, (size_t)n * f.h * f.w, 1, f, store_counts{counts});
}

void mgm_cuda_losses(struct mgm_backend *b, const struct mgm_backend_losses *losses)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t plane = (size_t)losses->h * (size_t)losses->w;
    bool laplacian = false;
    for (int level = 0; level < MGM_BACKEND_LEVELS; level++)
        laplacian = laplacian || losses->scale_laplacian[level] != 0;
    mgm_cuda_reduce(cuda, 1, (size_t)losses->n * plane, 1, judge_pixels{*losses, plane}, store_sums{losses->sums});
    if (laplacian)
        mgm_cuda_laplacian(cuda, losses);
    else
        mgm_cuda_clear(b, losses->sums + 2, MGM_BACKEND_LEVELS * sizeof *losses->sums);
}
