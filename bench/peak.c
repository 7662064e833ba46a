#include "peak.h"

#include "base/parallel.h"
#include "nn/train_plan.h"

#include <sys/resource.h>
#include <time.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { ROUNDS = 4000000, LANES = 16, CHAINS = 16 };

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_peak_mb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024 / 1e6;
}

typedef float vector __attribute__((vector_size(4 * LANES)));

/* Sixteen independent chains keep both multiply-add units busy. */
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
static void
chains_f32(void *argument, size_t begin, size_t end)
{
    volatile float *sink = argument;
    vector a = {0}, b = {0}, sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = a + (float)i;
    a += 0.999f;
    b += 1e-3f;
    for (size_t part = begin; part < end; part++)
        for (int round = 0; round < ROUNDS; round++)
#pragma GCC unroll 16
            for (int i = 0; i < CHAINS; i++)
                sums[i] = sums[i] * a + b;
    for (int i = 0; i < CHAINS; i++)
        sink[begin] += sums[i][0];
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static void chains_bf16(void *argument, size_t begin,
                                                                                        size_t end)
{
    volatile float *sink = argument;
    __m512bh a = (__m512bh)_mm512_set1_epi16(0x3F7F), b = (__m512bh)_mm512_set1_epi16(0x3A80);
    __m512 sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm512_set1_ps((float)i);
    for (size_t part = begin; part < end; part++)
        for (int round = 0; round < ROUNDS; round++)
#pragma GCC unroll 16
            for (int i = 0; i < CHAINS; i++)
                sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
    for (int i = 0; i < CHAINS; i++)
        sink[begin] += _mm512_cvtss_f32(sums[i]);
}
#endif

#if defined(__x86_64__) && defined(__GNUC__)
/*
 * Where the processor multiplies tiles (AMX), nothing else comes near: 16 × 32 values by 32 × 16 in one instruction. Four
 * sums hide its latency.
 */
enum { TILE_ROWS = 16, TILE_BYTES = 64, TILES = 8, TILE_SUMS = 4, TILE_FLOP = 2 * 16 * 16 * 32 };

struct tile_shapes { /* what _tile_loadconfig reads */
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Linux keeps the tiles' state only for processes that have asked for it. */
static bool may_use_tiles(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, HAS_BF16 = 1 << 22, HAS_TILES = 1 << 24 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & HAS_BF16) && (d & HAS_TILES) &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

__attribute__((target("amx-tile,amx-bf16"))) static void tiles_bf16(void *argument, size_t begin, size_t end)
{
    volatile float *sink = argument;
    struct tile_shapes shapes = {.palette = 1};
    float sums[TILE_ROWS][TILE_ROWS];
    for (int i = 0; i < TILES; i++) {
        shapes.row_bytes[i] = TILE_BYTES;
        shapes.rows[i] = TILE_ROWS;
    }
    _tile_loadconfig(&shapes);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (size_t part = begin; part < end; part++)
        for (int round = 0; round < ROUNDS; round++) {
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    _tile_stored(0, sums, sizeof sums[0]);
    sink[begin] += sums[0][0];
    _tile_release();
}
#endif

static double best_rate(int threads, void (*chains)(void *, size_t, size_t), double flop_per_round)
{
    threads = mgm_thread_count(threads);
    float sink[1024] = {0};
    double best = 0;
    for (int attempt = 0; attempt < 5; attempt++) {
        double start = bench_now();
        mgm_parallel_for(threads, (size_t)threads, chains, sink);
        double rate = flop_per_round * ROUNDS * threads / (bench_now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

double bench_peak_f32(int threads)
{
    return best_rate(threads, chains_f32, 2.0 * LANES * CHAINS);
}

double bench_peak_bf16(int threads)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (may_use_tiles())
        return best_rate(threads, tiles_bf16, (double)TILE_FLOP * TILE_SUMS);
    if (mgm_bf16_is_native())
        return best_rate(threads, chains_bf16, 4.0 * LANES * CHAINS);
#endif
    return 0;
}
