/**
 * Times the preparation of training samples (processor time of one thread): `sample DATA [FOREGROUNDS [CACHE]]`.
 * DATA holds photos/ and the rest that drawing needs; CACHE keeps the drawn foregrounds between runs.
 */
#include "train/sample.h"
#include "../cli/image_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SEED = 7, SIDE = 512, SAMPLES = 100 };

static double seconds_now(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum mgm_status time_samples(struct mgm_context *ctx, const struct mgm_foreground_store *store, int size)
{
    struct mgm_sample_settings settings = mgm_sample_settings_defaults();
    struct mgm_batch batch;
    TRY(mgm_batch_create(ctx, 1, size, &batch));
    enum mgm_status status = MGM_OK;
    double begin = 0, longest = 0, before = 0;
    int tries = 0;
    for (int i = -5; i < SAMPLES && status == MGM_OK; i++) { /* the first five warm up */
        struct mgm_sample_facts facts = {0};
        double now = seconds_now(CLOCK_THREAD_CPUTIME_ID);
        if (i > 0 && now - before > longest)
            longest = now - before;
        if (i == 0)
            begin = now;
        before = now;
        status = mgm_sample_make_with_facts(ctx, store, &settings, SEED, (uint64_t)(i + 5), &batch, 0, &facts);
        tries += i >= 0 ? facts.tries : 0;
    }
    if (status == MGM_OK)
        printf("%4d² %6.2f ms a sample (longest %.2f), %.2f candidates each\n", size,
               1e3 * (seconds_now(CLOCK_THREAD_CPUTIME_ID) - begin) / SAMPLES, 1e3 * longest, (double)tries / SAMPLES);
    mgm_batch_release(&batch);
    return status;
}

static enum mgm_status measure(struct mgm_context *ctx, const char *data, int count, const char *cache)
{
    struct mgm_synth_library *library = NULL;
    struct mgm_foreground_store *store = NULL;
    enum mgm_status status = mgm_synth_library_load(ctx, data, image_file_read, &library);
    double begin = seconds_now(CLOCK_MONOTONIC);
    if (status == MGM_OK)
        status = mgm_foreground_store_create(ctx, library, SEED, count, SIDE, cache, 0, &store);
    printf("store of %d foregrounds: %.1f s\n", count, seconds_now(CLOCK_MONOTONIC) - begin);
    for (int size = 128; size <= 512 && status == MGM_OK; size *= 2)
        status = time_samples(ctx, store, size);
    mgm_foreground_store_destroy(&store);
    mgm_synth_library_destroy(&library);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: sample DATA [FOREGROUNDS [CACHE]]\n");
        return 2;
    }
    struct mgm_context *ctx = NULL;
    if (mgm_context_create(&ctx) != MGM_OK)
        return 1;
    mgm_context_set_threads(ctx, 1);
    enum mgm_status status = measure(ctx, argv[1], argc > 2 ? atoi(argv[2]) : 48, argc > 3 ? argv[3] : NULL);
    if (status != MGM_OK)
        fprintf(stderr, "%s\n", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return status != MGM_OK;
}
