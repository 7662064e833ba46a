/**
 * What the tests of the CUDA backend share: a backend, values on both sides, and comparing. Emulated, or on a device
 * (MGM_TEST_CUDA_DEVICE), the tests are the same.
 */
#ifndef MGM_TESTS_CUDA_BENCH_H
#define MGM_TESTS_CUDA_BENCH_H

#include "nn/backend.h"

#include <stdint.h>

struct mgm_cuda_bench {
    struct mgm_context ctx;
    struct mgm_backend *b;
    void *taken[256]; /* what free_all() releases, on either side */
    bool of_device[256];
    int taken_count;
    uint64_t seed;
};
extern struct mgm_cuda_bench bench;

/** @return 0; 77 after saying why there is no device; 1 where the module itself cannot be loaded */
int bench_open(void);
void bench_close(void);
/** Releases everything that the functions below gave. */
void bench_free_all(void);

/** The same values on both sides, in the storage type. */
struct both {
    void *host, *device;
    size_t count;
    bool bf16;
};

static const enum mgm_precision bench_precisions[2] = {MGM_PRECISION_F32, MGM_PRECISION_BF16};

/** Host memory; device memory of undefined contents. */
void *bench_host(size_t bytes);
void *bench_device(size_t bytes);
/** Uniform in [low, high). */
struct both bench_values(enum mgm_precision precision, size_t count, double low, double high);
/** Undefined contents (no numbers). */
struct both bench_space(enum mgm_precision precision, size_t count);
/** Each 1 with that probability. */
struct both bench_mask(size_t count, double probability);
/** A copy of both sides. */
struct both bench_copy(const struct both *values);
/** Host to device. */
void bench_send(const struct both *values);
/** Device to memory of its own on the host. */
void *bench_fetch(const void *device, size_t bytes);

/**
 * The device's values must be those of the host within tolerance · rms; in bf16 one rounding more for each value, but most
 * must be the same. A share of at most `outliers` may be anything (where a sign decides).
 */
void bench_compare(const char *what, const struct both *values, double tolerance, double outliers);

#define SAME(values, tolerance) bench_compare(#values, &(values), (tolerance), 0)

#endif
