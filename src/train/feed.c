#include "train/feed.h"

#include "base/memory.h"
#include "base/parallel.h"

struct mgm_feed {
    struct mgm_loader *loader; /* NULL: the fixed batches */
    struct mgm_batch *fixed;
    int fixed_count, next;
};

/** As many whole batches as hold the fixed samples; slots left over repeat the first ones. */
static enum mgm_status make_fixed(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                  const struct mgm_train_config *config, const struct mgm_loader_settings *part,
                                  struct mgm_feed *feed)
{
    int count = (config->overfit + part->whole - 1) / part->whole;
    feed->fixed = mgm_alloc_zeroed((size_t)count, sizeof *feed->fixed);
    if (!feed->fixed)
        return mgm_fail_nomem(ctx, "fixed samples");
    feed->fixed_count = count;
    for (int i = 0; i < count; i++) {
        TRY(mgm_batch_create_for(ctx, config->samples.task, part->n, part->size, &feed->fixed[i]));
        for (int slot = 0; slot < part->n; slot++)
            TRY(mgm_sample_make(ctx, store, &config->samples, (uint64_t)config->seed,
                                (uint64_t)((i * part->whole + part->offset + slot) % config->overfit), &feed->fixed[i],
                                slot));
    }
    return MGM_OK;
}

enum mgm_status mgm_feed_create(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                const struct mgm_train_config *config, const struct mgm_crop_phase *phase,
                                const struct mgm_backend *backend, uint64_t first, struct mgm_feed **out)
{
    const int n = phase->batch / mgm_communicator_size(backend->together);
    struct mgm_feed *feed = *out = mgm_alloc_zeroed(1, sizeof *feed);
    if (!feed)
        return mgm_fail_nomem(ctx, "the samples");
    const struct mgm_loader_settings settings = {
        .n = n,
        .size = phase->size,
        .whole = phase->batch,
        .offset = n * mgm_communicator_rank(backend->together),
        .workers = config->workers ? config->workers : mgm_thread_count(0),
        .step_back = backend->ops->host_memory,
        .ahead = config->ahead,
        .seed = (uint64_t)config->seed,
        .first = first,
    };
    enum mgm_status status = config->overfit ? make_fixed(ctx, store, config, &settings, feed)
                                             : mgm_loader_create(ctx, store, &config->samples, &settings, &feed->loader);
    if (status == MGM_OK && feed->fixed_count) /* a run that goes on takes them in the same order */
        feed->next = (int)(first / (uint64_t)phase->batch % (uint64_t)feed->fixed_count);
    if (status != MGM_OK)
        mgm_feed_destroy(out);
    return status;
}

void mgm_feed_destroy(struct mgm_feed **feed)
{
    if (!*feed)
        return;
    mgm_loader_destroy(&(*feed)->loader);
    for (int i = 0; i < (*feed)->fixed_count; i++)
        mgm_batch_release(&(*feed)->fixed[i]);
    mgm_free((*feed)->fixed);
    mgm_free(*feed);
    *feed = NULL;
}

enum mgm_status mgm_feed_next(struct mgm_context *ctx, struct mgm_feed *feed, const struct mgm_batch **batch, double *waited)
{
    if (feed->loader)
        return mgm_loader_next(ctx, feed->loader, batch, waited);
    *waited = 0;
    *batch = &feed->fixed[feed->next];
    feed->next = (feed->next + 1) % feed->fixed_count;
    return MGM_OK;
}

struct pack_job {
    const struct mgm_batch *batch;
    float *input;
};

static void pack_pictures(void *argument, size_t begin, size_t end)
{
    const struct pack_job *job = argument;
    size_t plane = (size_t)job->batch->size * (size_t)job->batch->size;
    for (size_t picture = begin; picture < end; picture++) {
        const float *image = job->batch->image + picture * 3 * plane, *guidance = job->batch->guidance + picture * plane;
        float *input = job->input + picture * plane * MGM_NETWORK_INPUTS;
        for (size_t i = 0; i < plane; i++) {
            for (size_t c = 0; c < 3; c++)
                input[4 * i + c] = (image[c * plane + i] - mgm_network_mean[c]) * (1 / mgm_network_deviation[c]);
            input[4 * i + 3] = guidance[i];
        }
    }
}

void mgm_feed_pack(const struct mgm_batch *batch, int threads, float *input)
{
    struct pack_job job = {batch, input};
    mgm_parallel_for(threads, (size_t)batch->n, pack_pictures, &job);
}
