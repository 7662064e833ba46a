/**
 * The two ways in which anything runs here: for each element, and summing up. A functor says what happens to one element;
 * how elements are dealt out to threads stands here only. Compiled with MGM_CUDA_EMULATED, blocks, and their threads from
 * one barrier to the next, are loops on the CPU, over the same code; so tests need no device.
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

/*
 * What thread t of a block does between two barriers; `shared` is the block's [COUNT][threads]. Which block it is stands in
 * part, column and group. No thread reads between two barriers what another one writes.
 */
template <typename F>
MGM_DEVICE void mgm_reduce_rows(const F &f, const mgm_cuda_partition &p, unsigned part, unsigned column, unsigned group,
                                unsigned t, typename F::sum (*shared)[MGM_CUDA_THREADS])
{
    const unsigned x = t % p.across, y = t / p.across;
    const size_t lane = (size_t)column * p.across + x;
    const size_t first = p.rows * part / p.parts, last = p.rows * (part + 1) / p.parts;
    typename F::sum own[F::COUNT] = {};
    if (y < p.deep && lane < p.lanes)
        for (size_t row = first + y; row < last; row += p.deep)
            f(group, row, lane, own);
    for (int k = 0; k < F::COUNT; k++)
        shared[k][t] = own[k];
}

template <typename F>
MGM_DEVICE void mgm_reduce_pair(const mgm_cuda_partition &p, unsigned step, unsigned t,
                                typename F::sum (*shared)[MGM_CUDA_THREADS])
{
    const unsigned y = t / p.across;
    if (y < step && y + step < p.deep)
        for (int k = 0; k < F::COUNT; k++)
            shared[k][t] += shared[k][t + step * p.across];
}

template <typename F>
MGM_DEVICE void mgm_reduce_store(const mgm_cuda_partition &p, unsigned part, unsigned column, unsigned group, unsigned t,
                                 typename F::sum (*shared)[MGM_CUDA_THREADS], typename F::sum *partials)
{
    const size_t lane = (size_t)column * p.across + t;
    if (t < p.across && lane < p.lanes)
        for (int k = 0; k < F::COUNT; k++)
            partials[mgm_partial_at<F>(p, group, lane, k, part)] = shared[k][t];
}

/* The partial sums of one group and lane, block number `sum` of the second pass. */
template <typename F, typename T>
MGM_DEVICE void mgm_finish_parts(const mgm_cuda_partition &p, size_t sum, unsigned t, const typename F::sum *partials,
                                 T (*shared)[MGM_CUDA_FINISHERS])
{
    for (int k = 0; k < F::COUNT; k++) {
        T own = 0;
        for (unsigned part = t; part < p.parts; part += MGM_CUDA_FINISHERS)
            own += partials[mgm_partial_at<F>(p, sum / p.lanes, sum % p.lanes, k, part)];
        shared[k][t] = own;
    }
}

template <typename F, typename T> MGM_DEVICE void mgm_finish_pair(unsigned step, unsigned t, T (*shared)[MGM_CUDA_FINISHERS])
{
    if (t < step)
        for (int k = 0; k < F::COUNT; k++)
            shared[k][t] += shared[k][t + step];
}

template <typename F, typename G, typename T>
MGM_DEVICE void mgm_finish_store(const mgm_cuda_partition &p, size_t sum, unsigned t, T (*shared)[MGM_CUDA_FINISHERS],
                                 const G &finish)
{
    T totals[F::COUNT];
    if (t > 0)
        return;
    for (int k = 0; k < F::COUNT; k++)
        totals[k] = shared[k][0];
    finish(sum / p.lanes, sum % p.lanes, totals);
}

#ifdef MGM_CUDA_EMULATED

template <typename F> void mgm_cuda_each(struct mgm_cuda *, size_t count, const F &f)
{
    for (size_t i = 0; i < count; i++)
        f(i);
}

/* All threads of a block from one barrier to the next, in an order that is another each time: a race shows. */
template <typename BODY> void mgm_emulate_threads(unsigned count, unsigned &turn, BODY body)
{
    turn++;
    for (unsigned i = 0; i < count; i++)
        body(turn & 1 ? i : count - 1 - i);
}

template <typename F, typename G>
void mgm_run_reduce(const F &f, const mgm_cuda_partition &p, typename F::sum *partials, struct mgm_cuda *, const G &finish)
{
    typedef typename mgm_total<typename F::sum>::type total;
    unsigned turn = 0;
    for (unsigned block = 0; block < p.parts * p.columns * p.groups; block++) {
        const unsigned part = block % p.parts, column = block / p.parts % p.columns;
        const unsigned group = block / p.parts / p.columns;
        typename F::sum shared[F::COUNT][MGM_CUDA_THREADS];
        mgm_emulate_threads(MGM_CUDA_THREADS, turn,
                            [&](unsigned t) { mgm_reduce_rows(f, p, part, column, group, t, shared); });
        for (unsigned step = mgm_first_step(p.deep); step; step /= 2)
            mgm_emulate_threads(MGM_CUDA_THREADS, turn, [&](unsigned t) { mgm_reduce_pair<F>(p, step, t, shared); });
        mgm_emulate_threads(MGM_CUDA_THREADS, turn,
                            [&](unsigned t) { mgm_reduce_store<F>(p, part, column, group, t, shared, partials); });
    }
    for (size_t sum = 0; sum < p.groups * p.lanes; sum++) {
        total shared[F::COUNT][MGM_CUDA_FINISHERS];
        mgm_emulate_threads(MGM_CUDA_FINISHERS, turn, [&](unsigned t) { mgm_finish_parts<F>(p, sum, t, partials, shared); });
        for (unsigned step = MGM_CUDA_FINISHERS / 2; step; step /= 2)
            mgm_emulate_threads(MGM_CUDA_FINISHERS, turn, [&](unsigned t) { mgm_finish_pair<F>(step, t, shared); });
        mgm_emulate_threads(MGM_CUDA_FINISHERS, turn, [&](unsigned t) { mgm_finish_store<F>(p, sum, t, shared, finish); });
    }
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
    const size_t MOST_BLOCKS = 1 << 16, blocks = (count + MGM_CUDA_THREADS - 1) / MGM_CUDA_THREADS;
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
    mgm_reduce_rows(f, p, blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x, shared);
    for (unsigned step = mgm_first_step(p.deep); step; step /= 2) {
        __syncthreads();
        mgm_reduce_pair<F>(p, step, threadIdx.x, shared);
    }
    /* A thread stores what it has added itself: no barrier. */
    mgm_reduce_store<F>(p, blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x, shared, partials);
}

template <typename F, typename G>
__global__ void __launch_bounds__(MGM_CUDA_FINISHERS)
    mgm_finish_kernel(const mgm_cuda_partition p, const typename F::sum *partials, const G finish)
{
    __shared__ typename mgm_total<typename F::sum>::type shared[F::COUNT][MGM_CUDA_FINISHERS];
    mgm_finish_parts<F>(p, blockIdx.x, threadIdx.x, partials, shared);
    for (unsigned step = MGM_CUDA_FINISHERS / 2; step; step /= 2) {
        __syncthreads();
        mgm_finish_pair<F>(step, threadIdx.x, shared);
    }
    mgm_finish_store<F>(p, blockIdx.x, threadIdx.x, shared, finish);
}

template <typename F, typename G>
void mgm_run_reduce(const F &f, const mgm_cuda_partition &p, typename F::sum *partials, struct mgm_cuda *cuda,
                    const G &finish)
{
    const dim3 grid(p.parts, p.columns, (unsigned)p.groups);
    if (!mgm_cuda_enter(cuda))
        return;
    mgm_reduce_kernel<F><<<grid, MGM_CUDA_THREADS, 0, mgm_cuda_stream(cuda)>>>(f, p, partials);
    mgm_cuda_launched(cuda);
    mgm_finish_kernel<F, G>
        <<<(unsigned)(p.groups * p.lanes), MGM_CUDA_FINISHERS, 0, mgm_cuda_stream(cuda)>>>(p, partials, finish);
    mgm_cuda_launched(cuda);
}

#endif

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
    if (partials)
        mgm_run_reduce(f, p, partials, cuda, finish);
}

#endif
