/**
 * The two ways in which anything runs here: for each element, and summing up. A functor says what happens to one element;
 * how elements are dealt out to threads stands here only. Compiled with MGM_CUDA_EMULATED, the same functors run in loops on
 * the CPU, with sums cut into the same parts and added in the same order, so that tests need no device.
 *
 * Sums never use atomic operations: results do not depend on which thread comes first.
 */
#ifndef MGM_NN_BACKENDS_CUDA_LAUNCH_H
#define MGM_NN_BACKENDS_CUDA_LAUNCH_H

#include "nn/backends/cuda/cuda.h"
#include "nn/backends/cuda/values.h"

#ifndef MGM_CUDA_EMULATED
#include "nn/backends/cuda/cuda_device.h"
#endif

enum { MGM_CUDA_THREADS = 256, MGM_CUDA_FINISHERS = 128 };

/**
 * How a sum over [rows] for each of [groups, lanes] is cut up. A block takes `across` neighbouring lanes (neighbours in
 * memory, too) and `deep` rows at a time of one part of the rows.
 */
struct mgm_cuda_partition {
    size_t groups, rows, lanes;
    unsigned across, deep, columns, parts;
};

static inline mgm_cuda_partition mgm_cuda_partition_of(size_t groups, size_t rows, size_t lanes)
{
    const size_t ACROSS = 64, BLOCKS = 1024, LEAST_TURNS = 4;
    mgm_cuda_partition p = {groups, rows, lanes, 0, 0, 0, 0};
    p.across = (unsigned)(lanes < ACROSS ? lanes : ACROSS);
    p.deep = MGM_CUDA_THREADS / p.across;
    p.columns = (unsigned)((lanes + p.across - 1) / p.across);
    const size_t turn = LEAST_TURNS * p.deep, blocks = groups * p.columns;
    const size_t by_rows = (rows + turn - 1) / turn, by_blocks = (BLOCKS + blocks - 1) / blocks;
    const size_t parts = by_rows < by_blocks ? by_rows : by_blocks;
    p.parts = parts ? (unsigned)parts : 1;
    return p;
}

/** What partial sums are added up in. */
template <typename T> struct mgm_total {
    typedef T type;
};
template <> struct mgm_total<float> {
    typedef double type;
};

/* The rows of a part that row `y` of a block's threads takes: first + y, + deep, + 2 deep … */
template <typename F>
MGM_DEVICE void mgm_sum_rows(const F &f, const mgm_cuda_partition &p, size_t group, unsigned part, size_t lane, unsigned y,
                             typename F::sum *own)
{
    const size_t first = p.rows * part / p.parts, last = p.rows * (part + 1) / p.parts;
    for (size_t row = first + y; row < last; row += p.deep)
        f(group, row, lane, own);
}

/* Partial sums lie as [groups, lanes, COUNT, parts]: those of one sum together. */
template <typename F>
MGM_DEVICE size_t mgm_partial_at(const mgm_cuda_partition &p, size_t group, size_t lane, int k, unsigned part)
{
    return ((group * p.lanes + lane) * F::COUNT + (size_t)k) * p.parts + part;
}

/* The largest power of two below count: the first step of adding up in pairs. */
MGM_DEVICE unsigned mgm_first_step(unsigned count)
{
    unsigned step = 1;
    while (2 * step < count)
        step *= 2;
    return count > 1 ? step : 0;
}

#ifdef MGM_CUDA_EMULATED

template <typename F> void mgm_cuda_each(struct mgm_cuda *, size_t count, const F &f)
{
    for (size_t i = 0; i < count; i++)
        f(i);
}

template <typename F>
void mgm_emulate_block(const F &f, const mgm_cuda_partition &p, size_t group, unsigned part, size_t lane,
                       typename F::sum *partials)
{
    typename F::sum own[MGM_CUDA_THREADS][F::COUNT] = {};
    for (unsigned y = 0; y < p.deep; y++)
        mgm_sum_rows(f, p, group, part, lane, y, own[y]);
    for (unsigned step = mgm_first_step(p.deep); step; step /= 2)
        for (unsigned y = 0; y < step && y + step < p.deep; y++)
            for (int k = 0; k < F::COUNT; k++)
                own[y][k] += own[y + step][k];
    for (int k = 0; k < F::COUNT; k++)
        partials[mgm_partial_at<F>(p, group, lane, k, part)] = own[0][k];
}

template <typename F, typename G>
void mgm_emulate_finish(const mgm_cuda_partition &p, size_t group, size_t lane, const typename F::sum *partials,
                        const G &finish)
{
    typename mgm_total<typename F::sum>::type totals[F::COUNT];
    for (int k = 0; k < F::COUNT; k++) {
        typename mgm_total<typename F::sum>::type own[MGM_CUDA_FINISHERS] = {};
        for (unsigned part = 0; part < p.parts; part++)
            own[part % MGM_CUDA_FINISHERS] += partials[mgm_partial_at<F>(p, group, lane, k, part)];
        for (unsigned step = MGM_CUDA_FINISHERS / 2; step; step /= 2)
            for (unsigned t = 0; t < step; t++)
                own[t] += own[t + step];
        totals[k] = own[0];
    }
    finish(group, lane, totals);
}

template <typename F, typename G>
void mgm_cuda_reduce(struct mgm_cuda *cuda, size_t groups, size_t rows, size_t lanes, const F &f, const G &finish)
{
    const mgm_cuda_partition p = mgm_cuda_partition_of(groups, rows, lanes);
    typename F::sum *partials = (typename F::sum *)mgm_cuda_scratch(
        cuda, MGM_CUDA_PARTIALS, groups * lanes * F::COUNT * p.parts * sizeof(typename F::sum));
    for (size_t group = 0; partials && group < groups; group++)
        for (size_t lane = 0; lane < lanes; lane++) {
            for (unsigned part = 0; part < p.parts; part++)
                mgm_emulate_block(f, p, group, part, lane, partials);
        }
    for (size_t i = 0; partials && i < groups * lanes; i++)
        mgm_emulate_finish<F>(p, i / lanes, i % lanes, partials, finish);
}

#else

template <typename F> __global__ void __launch_bounds__(MGM_CUDA_THREADS) mgm_each_kernel(const F f, size_t count)
{
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (size_t)gridDim.x * blockDim.x)
        f(i);
}

/** f(i) for every i in [0, count), in no particular order. */
template <typename F> void mgm_cuda_each(struct mgm_cuda *cuda, size_t count, const F &f)
{
    const size_t MOST_BLOCKS = 1 << 16;
    const size_t blocks = (count + MGM_CUDA_THREADS - 1) / MGM_CUDA_THREADS;
    if (!count || !mgm_cuda_enter(cuda))
        return;
    mgm_each_kernel<<<(unsigned)(blocks < MOST_BLOCKS ? blocks : MOST_BLOCKS), MGM_CUDA_THREADS, 0, mgm_cuda_stream(cuda)>>>(
        f, count);
    mgm_cuda_launched(cuda);
}

template <typename F>
__global__ void __launch_bounds__(MGM_CUDA_THREADS)
    mgm_reduce_kernel(const F f, const mgm_cuda_partition p, typename F::sum *partials)
{
    __shared__ typename F::sum shared[F::COUNT][MGM_CUDA_THREADS];
    const unsigned t = threadIdx.x, x = t % p.across, y = t / p.across;
    const size_t lane = (size_t)blockIdx.y * p.across + x;
    typename F::sum own[F::COUNT] = {};
    if (y < p.deep && lane < p.lanes)
        mgm_sum_rows(f, p, blockIdx.z, blockIdx.x, lane, y, own);
    for (int k = 0; k < F::COUNT; k++)
        shared[k][t] = own[k];
    for (unsigned step = mgm_first_step(p.deep); step; step /= 2) {
        __syncthreads();
        if (y < step && y + step < p.deep)
            for (int k = 0; k < F::COUNT; k++)
                shared[k][t] += shared[k][t + step * p.across];
    }
    if (y == 0 && lane < p.lanes)
        for (int k = 0; k < F::COUNT; k++)
            partials[mgm_partial_at<F>(p, blockIdx.z, lane, k, blockIdx.x)] = shared[k][t];
}

/* One block for each sum. */
template <typename F, typename G>
__global__ void __launch_bounds__(MGM_CUDA_FINISHERS)
    mgm_finish_kernel(const mgm_cuda_partition p, const typename F::sum *partials, const G finish)
{
    typedef typename mgm_total<typename F::sum>::type total;
    __shared__ total shared[F::COUNT][MGM_CUDA_FINISHERS];
    const size_t group = blockIdx.x / p.lanes, lane = blockIdx.x % p.lanes;
    const unsigned t = threadIdx.x;
    for (int k = 0; k < F::COUNT; k++) {
        total own = 0;
        for (unsigned part = t; part < p.parts; part += MGM_CUDA_FINISHERS)
            own += partials[mgm_partial_at<F>(p, group, lane, k, part)];
        shared[k][t] = own;
    }
    for (unsigned step = MGM_CUDA_FINISHERS / 2; step; step /= 2) {
        __syncthreads();
        if (t < step)
            for (int k = 0; k < F::COUNT; k++)
                shared[k][t] += shared[k][t + step];
    }
    if (t > 0)
        return;
    total totals[F::COUNT];
    for (int k = 0; k < F::COUNT; k++)
        totals[k] = shared[k][0];
    finish(group, lane, totals);
}

/**
 * For each group and lane: F::COUNT sums over [rows], f(group, row, lane, sums) adding to F::sum sums[F::COUNT]; then
 * finish(group, lane, totals) once, f64 where sums are f32. f is called once for each triple and may write to memory.
 */
template <typename F, typename G>
void mgm_cuda_reduce(struct mgm_cuda *cuda, size_t groups, size_t rows, size_t lanes, const F &f, const G &finish)
{
    const mgm_cuda_partition p = mgm_cuda_partition_of(groups, rows, lanes);
    typename F::sum *partials = (typename F::sum *)mgm_cuda_scratch(
        cuda, MGM_CUDA_PARTIALS, groups * lanes * F::COUNT * p.parts * sizeof(typename F::sum));
    if (!partials || !mgm_cuda_enter(cuda))
        return;
    const dim3 grid(p.parts, p.columns, (unsigned)groups);
    mgm_reduce_kernel<F><<<grid, MGM_CUDA_THREADS, 0, mgm_cuda_stream(cuda)>>>(f, p, partials);
    mgm_cuda_launched(cuda);
    mgm_finish_kernel<F, G>
        <<<(unsigned)(groups * lanes), MGM_CUDA_FINISHERS, 0, mgm_cuda_stream(cuda)>>>(p, partials, finish);
    mgm_cuda_launched(cuda);
}

#endif

#endif
