/** What the processor can do at most: multiply-adds in registers only, all threads. For putting other figures in relation. */
#ifndef MGM_BENCH_PEAK_H
#define MGM_BENCH_PEAK_H

#include <stdbool.h>

/** GFLOP/s of f32 multiply-adds on `threads` threads (0: one per core). */
double bench_peak_f32(int threads);

/** The same for bf16, by tiles (AMX) or else by dot products (AVX-512), as the processor has it; 0 where it has neither. */
double bench_peak_bf16(int threads);

/** Seconds of a monotonic clock. */
double bench_now(void);

/** Largest resident size of this process so far, in MB (10⁶ bytes). */
double bench_peak_mb(void);

#endif
