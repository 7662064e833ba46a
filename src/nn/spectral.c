#include "nn/spectral.h"

#include "base/parallel.h"

#include <math.h>

struct matrix {
    const float *weights;
    int rows, cols;
    const float *u, *v;
    float *result;
    float factor, correction;
};

/* The vector loops are exact enough in f32 with sixteen partial sums; the sums over them are f64. */
MGM_KERNEL static double dot(const float *a, const float *b, int count)
{
    float sums[16] = {0};
    int i = 0;
    for (; i + 16 <= count; i += 16)
        for (int k = 0; k < 16; k++)
            sums[k] += a[i + k] * b[i + k];
    double sum = 0;
    for (int k = 0; k < 16; k++)
        sum += sums[k];
    for (; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

MGM_KERNEL static void spectral_add(const float *src, float factor, float *dst, int count)
{
    for (int i = 0; i < count; i++)
        dst[i] += factor * src[i];
}

MGM_KERNEL static void scale_and_add(float *dst, float factor, const float *src, float src_factor, int count)
{
    for (int i = 0; i < count; i++)
        dst[i] = dst[i] * factor + src[i] * src_factor;
}

/* Columns [begin, end) · 64 of Wᵀu. */
static void transposed_product(void *argument, size_t begin, size_t end)
{
    const struct matrix *m = argument;
    int first = (int)begin * 64, last = (int)end * 64 < m->cols ? (int)end * 64 : m->cols;
    for (int c = first; c < last; c++)
        m->result[c] = 0;
    for (int r = 0; r < m->rows; r++)
        spectral_add(m->weights + (size_t)r * m->cols + first, m->u[r], m->result + first, last - first);
}

static void product(void *argument, size_t begin, size_t end)
{
    const struct matrix *m = argument;
    for (size_t r = begin; r < end; r++)
        m->result[r] = (float)dot(m->weights + r * (size_t)m->cols, m->v, m->cols);
}

static void normalise(float *values, int count)
{
    double length = sqrt(dot(values, values, count)) + 1e-12;
    for (int i = 0; i < count; i++)
        values[i] = (float)(values[i] / length);
}

/* Small matrices are not worth waking a thread for. */
static int threads_for(int threads, int rows, int cols)
{
    return (size_t)rows * (size_t)cols < 65536 ? 1 : threads;
}

void mgm_spectral_iterate(int threads, const float *weights, int rows, int cols, float *u, float *v)
{
    threads = threads_for(threads, rows, cols);
    struct matrix m = {.weights = weights, .rows = rows, .cols = cols, .u = u, .v = v, .result = v};
    mgm_parallel_for(threads, (size_t)(cols + 63) / 64, transposed_product, &m);
    normalise(v, cols);
    m.result = u;
    mgm_parallel_for(threads, (size_t)rows, product, &m);
    normalise(u, rows);
}

float mgm_spectral_sigma(const float *weights, int rows, int cols, const float *u, const float *v)
{
    double sum = 0;
    for (int r = 0; r < rows; r++)
        sum += u[r] * dot(weights + (size_t)r * cols, v, cols);
    return (float)sum;
}

static void correct(void *argument, size_t begin, size_t end)
{
    const struct matrix *m = argument;
    for (size_t r = begin; r < end; r++)
        scale_and_add(m->result + r * (size_t)m->cols, m->factor, m->v, m->correction * m->u[r], m->cols);
}

void mgm_spectral_backward(int threads, const float *weights, int rows, int cols, const float *u, const float *v,
                           float sigma, float *gradient)
{
    double sum = 0;
    for (int r = 0; r < rows; r++)
        sum += dot(gradient + (size_t)r * cols, weights + (size_t)r * cols, cols);
    struct matrix m = {.rows = rows,
                       .cols = cols,
                       .u = u,
                       .v = v,
                       .result = gradient,
                       .factor = 1 / sigma,
                       .correction = (float)(-sum / ((double)sigma * sigma))};
    mgm_parallel_for(threads_for(threads, rows, cols), (size_t)rows, correct, &m);
}
