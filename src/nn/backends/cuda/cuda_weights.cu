/* Weights on their way to convolutions and back. Definitions: nn/spectral.h, mgm_transpose_weights() of nn/spatial.h. */
#include "nn/backends/cuda/launch.h"

namespace
{

/* Wᵀu: a thread takes a column, so that neighbours read neighbours. */
struct transposed_product {
    typedef float sum;
    enum { COUNT = 1 };
    const float *weights, *u;
    size_t cols;

    MGM_DEVICE void operator()(size_t, size_t row, size_t lane, float *sums) const
    {
        sums[0] += weights[row * cols + lane] * u[row];
    }
};

/* Wv: a block takes a row. */
struct plain_product {
    typedef float sum;
    enum { COUNT = 1 };
    const float *weights, *v;
    size_t cols;

    MGM_DEVICE void operator()(size_t group, size_t row, size_t, float *sums) const
    {
        sums[0] += weights[group * cols + row] * v[row];
    }
};

struct store_product {
    float *dst;

    MGM_DEVICE void operator()(size_t group, size_t lane, const double *totals) const
    {
        dst[group + lane] = (float)totals[0]; /* one of the two is always 0 */
    }
};

/* Σ a² and Σ a · b */
struct lengths {
    typedef double sum;
    enum { COUNT = 2 };
    const float *a, *b;

    MGM_DEVICE void operator()(size_t, size_t row, size_t, double *sums) const
    {
        sums[0] += (double)a[row] * (double)a[row];
        sums[1] += (double)a[row] * (double)b[row];
    }
};

struct store_totals {
    double *dst;

    MGM_DEVICE void operator()(size_t, size_t, const double *totals) const
    {
        dst[0] = totals[0];
        dst[1] = totals[1];
    }
};

struct normalise {
    const float *src;
    const double *square;
    float *dst;

    MGM_DEVICE void operator()(size_t i) const
    {
        dst[i] = (float)(src[i] / (sqrt(*square) + 1e-12));
    }
};

/* sigma = uᵀ(Wv), u being normalised and Wv what it was made of. */
struct store_sigma {
    float *sigma;

    MGM_DEVICE void operator()(size_t, size_t, const double *totals) const
    {
        *sigma = (float)totals[1];
    }
};

/* g ← g / σ − (Σ g∘W) / σ² · u vᵀ */
struct correct {
    const float *u, *v, *sigma;
    const double *products; /* [1]: Σ g∘W */
    float *gradient;
    size_t cols;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient q = mgm_divide(i, cols);
        const double s = *sigma;
        const float factor = 1 / *sigma, correction = (float)(-products[1] / (s * s));
        gradient[i] = gradient[i] * factor + v[q.rest] * (correction * u[q.whole]);
    }
};

struct scale_values {
    const float *weights, *sigma;
    float *dst;

    MGM_DEVICE void operator()(size_t i) const
    {
        dst[i] = sigma ? weights[i] * (1 / *sigma) : weights[i];
    }
};

/*
 * Number i of the plain weights [in, out, 4, 4], at (row, column) of the kernel: the place of the same weight in the grid's
 * [4 · out, in, 2, 2], tap (ty, tx) of the 2 × 2 window at parity (py, px).
 */
MGM_DEVICE size_t grid_place(size_t i, size_t in, size_t out)
{
    const size_t row = i / 4 & 3, column = i & 3;
    const mgm_quotient q = mgm_divide(i / 16, out);
    const size_t ty = (3 - row) / 2, py = (3 - row) & 1, tx = (3 - column) / 2, px = (3 - column) & 1;
    return (((2 * py + px) * out + q.rest) * in + q.whole) * 4 + 2 * ty + tx;
}

struct to_grid {
    const float *weights, *sigma;
    float *dst;
    size_t in, out;

    MGM_DEVICE void operator()(size_t i) const
    {
        dst[grid_place(i, in, out)] = sigma ? weights[i] * (1 / *sigma) : weights[i];
    }
};

struct from_grid {
    const float *d_grid_weights;
    float *d_weights;
    size_t in, out;

    MGM_DEVICE void operator()(size_t i) const
    {
        d_weights[i] = d_grid_weights[grid_place(i, in, out)];
    }
};

} // namespace

void mgm_cuda_spectral_iterate(struct mgm_backend *b, const float *weights, int rows, int cols, float *u, float *v,
                               float *sigma)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t height = (size_t)rows, width = (size_t)cols;
    double *squares_of = (double *)mgm_cuda_scratch(cuda, MGM_CUDA_VECTORS,
                                                    2 * sizeof(double) + (height > width ? height : width) * sizeof(float));
    if (!squares_of)
        return;
    float *product = (float *)(squares_of + 2);
    mgm_cuda_reduce(cuda, 1, height, width, transposed_product{weights, u, width}, store_product{product});
    mgm_cuda_reduce(cuda, 1, width, 1, lengths{product, product}, store_totals{squares_of});
    mgm_cuda_each(cuda, width, normalise{product, squares_of, v});
    mgm_cuda_reduce(cuda, height, width, 1, plain_product{weights, v, width}, store_product{product});
    mgm_cuda_reduce(cuda, 1, height, 1, lengths{product, product}, store_totals{squares_of});
    mgm_cuda_each(cuda, height, normalise{product, squares_of, u});
    mgm_cuda_reduce(cuda, 1, height, 1, lengths{u, product}, store_sigma{sigma});
}

void mgm_cuda_spectral_backward(struct mgm_backend *b, const float *weights, int rows, int cols, const float *u,
                                const float *v, const float *sigma, float *gradient)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    const size_t width = (size_t)cols, count = (size_t)rows * width;
    double *products = (double *)mgm_cuda_scratch(cuda, MGM_CUDA_VECTORS, 2 * sizeof(double));
    if (!products)
        return;
    mgm_cuda_reduce(cuda, 1, count, 1, lengths{gradient, weights}, store_totals{products});
    mgm_cuda_each(cuda, count, correct{u, v, sigma, products, gradient, width});
}

void mgm_cuda_divide(struct mgm_backend *b, const float *weights, size_t count, const float *sigma, float *dst)
{
    mgm_cuda_each(mgm_cuda_of(b), count, scale_values{weights, sigma, dst});
}

void mgm_cuda_transpose_weights(struct mgm_backend *b, const float *weights, int in, int out, const float *sigma, float *dst)
{
    mgm_cuda_each(mgm_cuda_of(b), 16 * (size_t)in * (size_t)out, to_grid{weights, sigma, dst, (size_t)in, (size_t)out});
}

void mgm_cuda_transpose_weights_backward(struct mgm_backend *b, const float *d_grid_weights, int in, int out,
                                         float *d_weights)
{
    mgm_cuda_each(mgm_cuda_of(b), 16 * (size_t)in * (size_t)out,
                  from_grid{d_grid_weights, d_weights, (size_t)in, (size_t)out});
}
