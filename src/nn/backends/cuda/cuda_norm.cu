/* Batch norm with what stands around it. Definitions: nn/norm.h, and forward_norm() of the training plan. */
#include "nn/backends/cuda/launch.h"

namespace
{

/* Σ (x − pivot) and Σ (x − pivot)², pivot being the first pixel: no cancellation where the mean is large. */
struct norm_sums {
    typedef float sum;
    enum { COUNT = 16 };
    const void *x;
    size_t lanes;
    bool bf16;

    MGM_DEVICE void operator()(size_t, size_t row, size_t lane, float *sums) const
    {
        const mgm_v8 pivot = mgm_get8(x, 8 * lane, bf16), value = mgm_get8(x, 8 * (row * lanes + lane), bf16);
        for (int k = 0; k < 8; k++) {
            const float d = value.lane[k] - pivot.lane[k];
            sums[k] += d;
            sums[8 + k] += d * d;
        }
    }
};

/* The sums of this process without its pivot, to be added to those of others. */
struct norm_own_sums {
    const void *x;
    double pixels, *sums; /* [lanes, 16] */
    bool bf16;

    MGM_DEVICE void operator()(size_t, size_t lane, const double *totals) const
    {
        for (int k = 0; k < 8; k++) {
            const double pivot = mgm_get1(x, 8 * lane + (size_t)k, bf16), sum = totals[k] + pixels * pivot;
            sums[16 * lane + (size_t)k] = sum;
            sums[16 * lane + 8 + (size_t)k] = totals[8 + k] + pivot * (totals[k] + sum);
        }
    }
};

/* From the sums to statistics, running statistics, and y = act(x · factor + offset …). */
struct norm_statistics {
    struct mgm_backend_norm_forward f;
    double pixels, unbiased;
    float *factor, *offset;
    bool bf16, pivoted;

    MGM_DEVICE void operator()(size_t, size_t lane, const double *totals) const
    {
        for (int k = 0; k < 8; k++) {
            const size_t c = 8 * lane + (size_t)k;
            const double shift = totals[k] / pixels, square = totals[8 + k] / pixels - shift * shift;
            const float mean = (float)((pivoted ? mgm_get1(f.x, c, bf16) : 0) + shift), variance = square > 0 ? (float)square : 0;
            f.mean[c] = mean;
            f.running_mean[c] += MGM_NORM_MOMENTUM * (mean - f.running_mean[c]);
            f.running_variance[c] += MGM_NORM_MOMENTUM * ((float)(variance * unbiased) - f.running_variance[c]);
            f.inverse[c] = 1 / sqrtf(variance + MGM_NORM_EPSILON);
            factor[c] = f.scale[c] * f.inverse[c];
            offset[c] = f.shift[c] - mean * factor[c];
        }
    }
};

/* What finishes a sum, once it is one of all processes. */
template <typename FINISH> struct norm_of_all {
    FINISH finish;
    const double *sums; /* [lanes, 16] */

    MGM_DEVICE void operator()(size_t lane) const
    {
        finish(0, lane, sums + 16 * lane);
    }
};

struct norm_apply {
    const void *x, *residual;
    const float *factor, *offset;
    void *y;
    size_t lanes;
    float slope;
    bool bf16;

    MGM_DEVICE void operator()(size_t i) const
    {
        const size_t c = 8 * mgm_divide(i, lanes).rest;
        const mgm_v8 a = mgm_get8(factor, c, false), b = mgm_get8(offset, c, false);
        mgm_v8 z = mgm_get8(x, 8 * i, bf16), r = {};
        if (residual)
            r = mgm_get8(residual, 8 * i, bf16);
        for (int k = 0; k < 8; k++) {
            const float value = z.lane[k] * a.lane[k] + b.lane[k] + r.lane[k];
            z.lane[k] = value > 0 ? value : value * slope;
        }
        mgm_put8(y, 8 * i, z, bf16);
    }
};

/* Gradient by z, the value before the activation. */
MGM_DEVICE mgm_v8 norm_gradient_by_z(const struct mgm_norm_backward &d, size_t i, float slope, bool bf16)
{
    mgm_v8 dz = mgm_get8(d.dy, i, bf16);
    if (d.dy2) {
        const mgm_v8 more = mgm_get8(d.dy2, i, bf16);
        for (int k = 0; k < 8; k++)
            dz.lane[k] += more.lane[k];
    }
    if (slope != 1) {
        const mgm_v8 y = mgm_get8(d.y, i, bf16);
        for (int k = 0; k < 8; k++)
            dz.lane[k] = y.lane[k] > 0 ? dz.lane[k] : dz.lane[k] * slope;
    }
    return dz;
}

/* Σ dz and Σ dz · (x − mean). */
struct norm_gradient_sums {
    typedef float sum;
    enum { COUNT = 16 };
    struct mgm_norm_backward d;
    size_t lanes;
    float slope;
    bool bf16;

    MGM_DEVICE void operator()(size_t, size_t row, size_t lane, float *sums) const
    {
        const size_t i = 8 * (row * lanes + lane);
        const mgm_v8 dz = norm_gradient_by_z(d, i, slope, bf16), x = mgm_get8(d.x, i, bf16);
        for (int k = 0; k < 8; k++) {
            sums[k] += dz.lane[k];
            sums[8 + k] += dz.lane[k] * (x.lane[k] - d.mean[8 * lane + (size_t)k]);
        }
    }
};

/* The parameters' gradients, and what dx needs of all processes. */
struct norm_gradient_own {
    struct mgm_norm_backward d;
    double *sums; /* [lanes, 16]; NULL: there are no others */

    MGM_DEVICE void operator()(size_t, size_t lane, const double *totals) const
    {
        for (int k = 0; k < 8; k++) {
            const size_t c = 8 * lane + (size_t)k;
            d.d_shift[c] = (float)totals[k];
            d.d_scale[c] = (float)(totals[8 + k] * d.inverse[c]);
        }
        for (int k = 0; sums && k < 16; k++)
            sums[16 * lane + (size_t)k] = totals[k];
    }
};

/* dx = scale · inverse · (dz − mean(dz) − xhat · mean(dz · xhat)) = k1 · dz + k2 · x + k3 */
struct norm_gradient_factors {
    struct mgm_norm_backward d;
    double pixels;
    float *k1, *k2, *k3;

    MGM_DEVICE void operator()(size_t, size_t lane, const double *totals) const
    {
        for (int k = 0; k < 8; k++) {
            const size_t c = 8 * lane + (size_t)k;
            const double inverse = d.inverse[c], total = totals[k], product = totals[8 + k] * inverse;
            const double factor = (double)d.scale[c] * inverse;
            k1[c] = (float)factor;
            k2[c] = (float)(-factor * inverse * product / pixels);
            k3[c] = (float)(factor * (inverse * product * d.mean[c] - total) / pixels);
        }
    }
};

/* Both, for a process that is alone. */
struct norm_gradient_finish {
    norm_gradient_own own;
    norm_gradient_factors factors;

    MGM_DEVICE void operator()(size_t group, size_t lane, const double *totals) const
    {
        own(group, lane, totals);
        factors(group, lane, totals);
    }
};

/* dx may be dy, d_residual dy or dy2: all of element i is read before any of it is written. */
struct norm_gradient_apply {
    struct mgm_norm_backward d;
    const float *k1, *k2, *k3;
    size_t lanes;
    float slope;
    bool bf16, relu_first;

    MGM_DEVICE void operator()(size_t i) const
    {
        const size_t c = 8 * mgm_divide(i, lanes).rest;
        const mgm_v8 dz = norm_gradient_by_z(d, 8 * i, slope, bf16), x = mgm_get8(d.x, 8 * i, bf16);
        const mgm_v8 a = mgm_get8(k1, c, false), b = mgm_get8(k2, c, false), e = mgm_get8(k3, c, false);
        mgm_v8 dx;
        for (int k = 0; k < 8; k++) {
            dx.lane[k] = a.lane[k] * dz.lane[k] + b.lane[k] * x.lane[k] + e.lane[k];
            if (relu_first && !(x.lane[k] > 0))
                dx.lane[k] = 0;
        }
        if (d.d_residual)
            mgm_put8(d.d_residual, 8 * i, dz, bf16);
        mgm_put8(d.dx, 8 * i, dx, bf16);
    }
};

/* Memory of one operation: sums of all processes, if there are others, then vectors. NULL after a failure. */
double *norm_memory(struct mgm_cuda *cuda, const struct mgm_norm *norm, int vectors, float **first)
{
    const size_t channels = (size_t)norm->channels, sums = norm->together ? 2 * channels * sizeof(double) : 0;
    char *memory = (char *)mgm_cuda_scratch(cuda, MGM_CUDA_VECTORS, sums + (size_t)vectors * channels * sizeof(float));
    *first = memory ? (float *)(memory + sums) : NULL;
    return (double *)memory;
}

/* Pixels of all processes. */
double norm_all_pixels(const struct mgm_norm *norm)
{
    return (double)norm->pixels * mgm_communicator_size(norm->together);
}

} // namespace

void mgm_cuda_norm_forward(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_backend_norm_forward *f)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t channels = (size_t)norm->channels, lanes = channels / 8;
    const bool bf16 = norm->precision == MGM_PRECISION_BF16;
    float *factor;
    double *all = norm_memory(cuda, norm, 2, &factor);
    if (!factor) /* the others wait for this process's sums, but it is about to end them all */
        return;
    float *offset = factor + channels;
    const double pixels = norm_all_pixels(norm), count = pixels * f->replicas;
    const norm_sums sums = {f->x, lanes, bf16};
    const norm_statistics statistics = {*f,     pixels, count > 1 ? count / (count - 1) : 1, factor,
                                        offset, bf16,   !norm->together};
    if (norm->together) {
        const norm_own_sums own = {f->x, (double)norm->pixels, all, bf16};
        const norm_of_all<norm_statistics> finish = {statistics, all};
        mgm_cuda_reduce(cuda, 1, norm->pixels, lanes, sums, own);
        mgm_cuda_sum_all(cuda, all, 2 * channels, true);
        mgm_cuda_each(cuda, lanes, finish);
    } else {
        mgm_cuda_reduce(cuda, 1, norm->pixels, lanes, sums, statistics);
    }
    const norm_apply apply = {f->x, f->residual, factor, offset, f->y, lanes, norm->slope, bf16};
    mgm_cuda_each(cuda, norm->pixels * lanes, apply);
}

void mgm_cuda_norm_backward(struct mgm_backend *b, const struct mgm_norm *norm, const struct mgm_norm_backward *d)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t channels = (size_t)norm->channels, lanes = channels / 8;
    const bool bf16 = norm->precision == MGM_PRECISION_BF16;
    float *k1;
    double *all = norm_memory(cuda, norm, 3, &k1);
    if (!k1)
        return;
    float *k2 = k1 + channels, *k3 = k2 + channels;
    const norm_gradient_sums sums = {*d, lanes, norm->slope, bf16};
    const norm_gradient_own own = {*d, norm->together ? all : NULL};
    const norm_gradient_factors factors = {*d, norm_all_pixels(norm), k1, k2, k3};
    if (norm->together) {
        const norm_of_all<norm_gradient_factors> finish = {factors, all};
        mgm_cuda_reduce(cuda, 1, norm->pixels, lanes, sums, own);
        mgm_cuda_sum_all(cuda, all, 2 * channels, true);
        mgm_cuda_each(cuda, lanes, finish);
    } else {
        const norm_gradient_finish finish = {own, factors};
        mgm_cuda_reduce(cuda, 1, norm->pixels, lanes, sums, finish);
    }
    const norm_gradient_apply apply = {*d, k1, k2, k3, lanes, norm->slope, bf16, norm->relu_first};
    mgm_cuda_each(cuda, norm->pixels * lanes, apply);
}
