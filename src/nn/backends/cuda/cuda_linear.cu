/* Element by element, and sums over flat arrays. Definitions: nn/spatial.h, nn/backend.h, train/optimiser.c. */
#include "nn/backends/cuda/launch.h"

namespace
{

/* dst = src [+ dst], eight values a thread; the last few one by one. */
struct convert_values {
    const void *src;
    void *dst;
    size_t count;
    bool src_bf16, dst_bf16, add;

    MGM_DEVICE void operator()(size_t i) const
    {
        if (8 * i + 8 > count) {
            for (size_t k = 8 * i; k < count; k++)
                mgm_put1(dst, k, mgm_get1(src, k, src_bf16) + (add ? mgm_get1(dst, k, dst_bf16) : 0), dst_bf16);
            return;
        }
        mgm_v8 v = mgm_get8(src, 8 * i, src_bf16);
        if (add) {
            const mgm_v8 old = mgm_get8(dst, 8 * i, dst_bf16);
            for (int k = 0; k < 8; k++)
                v.lane[k] += old.lane[k];
        }
        mgm_put8(dst, 8 * i, v, dst_bf16);
    }
};

struct add_bias {
    const float *bias;
    float *values;
    size_t channels;

    MGM_DEVICE void operator()(size_t i) const
    {
        values[i] += bias[mgm_divide(i, channels).rest];
    }
};

/* f64, as on the CPU: a bias's gradient may sum a million values. */
struct bias_sums {
    typedef double sum;
    enum { COUNT = 1 };
    const float *values;
    size_t channels;

    MGM_DEVICE void operator()(size_t, size_t row, size_t lane, double *sums) const
    {
        sums[0] += (double)values[row * channels + lane];
    }
};

struct store_f32 {
    float *dst;

    MGM_DEVICE void operator()(size_t, size_t lane, const double *totals) const
    {
        dst[lane] = (float)totals[0];
    }
};

struct squares {
    typedef double sum;
    enum { COUNT = 1 };
    const float *values;

    MGM_DEVICE void operator()(size_t, size_t row, size_t, double *sums) const
    {
        sums[0] += (double)values[row] * (double)values[row];
    }
};

struct store_f64 {
    double *dst;

    MGM_DEVICE void operator()(size_t, size_t, const double *totals) const
    {
        *dst = totals[0];
    }
};

struct adam_step {
    struct mgm_backend_adam a;

    MGM_DEVICE void operator()(size_t i) const
    {
        const float g = a.shrink_gradient * a.gradients[i];
        const float first = a.keep1 * a.first[i] + a.take1 * g, second = a.keep2 * a.second[i] + a.take2 * g * g;
        a.first[i] = first;
        a.second[i] = second;
        a.values[i] = a.shrink * a.values[i] - a.step_size * first / (sqrtf(second) * a.root_correction + a.epsilon);
    }
};

struct average_values {
    const float *values;
    float *average;
    float take;

    MGM_DEVICE void operator()(size_t i) const
    {
        average[i] += take * (values[i] - average[i]);
    }
};

void run_convert(struct mgm_backend *b, const convert_values &f)
{
    mgm_cuda_each(mgm_cuda_of(b), (f.count + 7) / 8, f);
}

} // namespace

void mgm_cuda_accumulate(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src, void *dst)
{
    const bool bf16 = precision == MGM_PRECISION_BF16;
    run_convert(b, convert_values{src, dst, count, bf16, bf16, true});
}

void mgm_cuda_convert_from_f32(struct mgm_backend *b, enum mgm_precision precision, size_t count, const float *src,
                               void *dst)
{
    run_convert(b, convert_values{src, dst, count, false, precision == MGM_PRECISION_BF16, false});
}

void mgm_cuda_convert_to_f32(struct mgm_backend *b, enum mgm_precision precision, size_t count, const void *src, float *dst)
{
    run_convert(b, convert_values{src, dst, count, precision == MGM_PRECISION_BF16, false, false});
}

void mgm_cuda_add_bias(struct mgm_backend *b, size_t pixels, int channels, const float *bias, float *values)
{
    const add_bias f = {bias, values, (size_t)channels};
    mgm_cuda_each(mgm_cuda_of(b), pixels * f.channels, f);
}

void mgm_cuda_bias_gradient(struct mgm_backend *b, size_t pixels, int channels, const float *d_values, float *d_bias)
{
    const bias_sums sums = {d_values, (size_t)channels};
    mgm_cuda_reduce(mgm_cuda_of(b), 1, pixels, sums.channels, sums, store_f32{d_bias});
}

void mgm_cuda_sum_of_squares(struct mgm_backend *b, size_t count, const float *values, double *sum)
{
    mgm_cuda_reduce(mgm_cuda_of(b), 1, count, 1, squares{values}, store_f64{sum});
}

void mgm_cuda_adam(struct mgm_backend *b, const struct mgm_backend_adam *adam)
{
    mgm_cuda_each(mgm_cuda_of(b), adam->count, adam_step{*adam});
}

void mgm_cuda_average(struct mgm_backend *b, size_t count, double decay, const float *values, float *average)
{
    mgm_cuda_each(mgm_cuda_of(b), count, average_values{values, average, (float)(1 - decay)});
}
