#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cuda_bench.h"

#include "base/memory.h"
#include "base/random.h"
#include "nn/vector.h"

#ifdef MGM_TEST_CUDA_DEVICE
#include "nn/backends/cuda/cuda_backend.h"
#else
#include "cuda_emulated.h"
#endif

#include <math.h>
#include <stdio.h>
#include <string.h>

struct mgm_cuda_bench bench;

int bench_open(void)
{
#ifdef MGM_TEST_CUDA_DEVICE
    if (mgm_cuda_backend_create(&bench.ctx, 0, &bench.b) == MGM_OK)
        return 0;
    if (strstr(bench.ctx.error, "cannot be loaded")) { /* which it can without a device, too */
        fprintf(stderr, "%s\n", bench.ctx.error);
        return 1;
    }
    printf("skipped: %s\n", bench.ctx.error);
    return 77;
#else
    return mgm_cuda_emulated_create(&bench.ctx, &bench.b) == MGM_OK ? 0 : 1;
#endif
}

void bench_close(void)
{
    bench_free_all();
    bench.b->ops->destroy(bench.b);
}

void bench_free_all(void)
{
    for (int i = 0; i < bench.taken_count; i++)
        if (bench.of_device[i])
            bench.b->ops->release(bench.b, bench.taken[i]);
        else
            mgm_free(bench.taken[i]);
    bench.taken_count = 0;
}

static void *take(void *memory, bool of_device)
{
    assert_non_null(memory);
    assert_true(bench.taken_count < (int)(sizeof bench.taken / sizeof *bench.taken));
    bench.of_device[bench.taken_count] = of_device;
    bench.taken[bench.taken_count++] = memory;
    return memory;
}

void *bench_host(size_t bytes)
{
    return take(mgm_alloc(bytes, 1), false);
}

void *bench_device(size_t bytes)
{
    void *memory;
    assert_int_equal(bench.b->ops->alloc(bench.b, bytes, &memory), MGM_OK);
    return take(memory, true);
}

static size_t bytes_of(const struct both *values)
{
    return values->count * (values->bf16 ? 2 : 4);
}

void bench_send(const struct both *values)
{
    bench.b->ops->upload(bench.b, values->device, values->host, bytes_of(values));
}

void *bench_fetch(const void *device, size_t bytes)
{
    void *host = bench_host(bytes);
    assert_int_equal(bench.b->ops->download(bench.b, host, device, bytes), MGM_OK);
    return host;
}

struct both bench_space(enum mgm_precision precision, size_t count)
{
    struct both values = {.count = count, .bf16 = precision == MGM_PRECISION_BF16};
    values.host = bench_host(bytes_of(&values));
    values.device = bench_device(bytes_of(&values));
    memset(values.host, 0xFF, bytes_of(&values));
    bench_send(&values);
    return values;
}

struct both bench_values(enum mgm_precision precision, size_t count, double low, double high)
{
    struct both values = bench_space(precision, count);
    struct mgm_random random = mgm_random_stream(++bench.seed, 3);
    for (size_t i = 0; i < count; i++)
        mgm_store1(values.host, i, (float)mgm_random_range(&random, low, high), values.bf16);
    bench_send(&values);
    return values;
}

struct both bench_mask(size_t count, double probability)
{
    struct both mask = {.host = bench_host(count), .device = bench_device(count), .count = count};
    struct mgm_random random = mgm_random_stream(++bench.seed, 4);
    for (size_t i = 0; i < count; i++)
        ((uint8_t *)mask.host)[i] = mgm_random_chance(&random, probability);
    bench.b->ops->upload(bench.b, mask.device, mask.host, count);
    return mask;
}

struct both bench_copy(const struct both *values)
{
    struct both copy = bench_space(values->bf16 ? MGM_PRECISION_BF16 : MGM_PRECISION_F32, values->count);
    memcpy(copy.host, values->host, bytes_of(values));
    bench_send(&copy);
    return copy;
}

void bench_compare(const char *what, const struct both *values, double tolerance, double outliers)
{
    const void *got = bench_fetch(values->device, bytes_of(values));
    double square = 0;
    size_t different = 0, outside = 0;
    for (size_t i = 0; i < values->count; i++) {
        double want = mgm_load1(values->host, i, values->bf16);
        square += want * want;
    }
    double bound = tolerance * sqrt(square / (double)values->count);
    for (size_t i = 0; i < values->count; i++) {
        double want = mgm_load1(values->host, i, values->bf16), have = mgm_load1(got, i, values->bf16);
        double most = bound + (values->bf16 ? fabs(want) / 128 : 0);
        different += !(have == want);
        if (!(fabs(have - want) <= most) && ++outside > outliers * (double)values->count)
            fail_msg("%s: number %zu of %zu is %.9g, not within %g of %.9g", what, i, values->count, have, most, want);
    }
    if (values->bf16 && different > values->count / 50 + 2)
        fail_msg("%s: %zu of %zu are rounded otherwise", what, different, values->count);
}
