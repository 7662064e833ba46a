/*
 * Several processes, each with a device: sums over all of them, by NCCL between the devices where that is to be had, else through
 * the memory of the hosts and the communicator.
 */
#include "nn/backends/cuda/cuda.h"

enum mgm_status mgm_cuda_join(struct mgm_backend *b, struct mgm_communicator *c)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    b->together = c;
    cuda->by_nccl = c->size > 1 && mgm_cuda_nccl_join(cuda, c);
    TRY(mgm_communicator_check(c, b->ctx));
    return mgm_cuda_report(cuda);
}

/* Nobody may stay away from the sum, even with a failure of its own: the others would wait for it. */
static void sum_through_hosts(struct mgm_cuda *cuda, void *values, size_t count, bool f64)
{
    struct mgm_backend *b = &cuda->base;
    const size_t bytes = count * (f64 ? sizeof(double) : sizeof(float));
    void *host = mgm_alloc_zeroed(bytes, 1);
    if (!host) {
        b->together->failed = true; /* which makes this process end all */
        snprintf(b->together->sentence, sizeof b->together->sentence, "not enough memory for %zu bytes", bytes);
        return;
    }
    const enum mgm_status status = mgm_cuda_download(b, host, values, bytes);
    if (status != MGM_OK)
        mgm_cuda_keep(cuda, status, "%s", b->ctx ? b->ctx->error : "a copy from the CUDA device failed");
    if (f64)
        mgm_communicator_sum_f64(b->together, (double *)host, count);
    else
        mgm_communicator_sum_f32(b->together, (float *)host, count);
    mgm_cuda_upload(b, values, host, bytes);
    mgm_free(host);
}

void mgm_cuda_sum_all(struct mgm_cuda *cuda, void *values, size_t count, bool f64)
{
    if (mgm_communicator_size(cuda->base.together) == 1)
        return;
    if (cuda->by_nccl)
        mgm_cuda_nccl_sum(cuda, values, count, f64);
    else
        sum_through_hosts(cuda, values, count, f64);
}

void mgm_cuda_share(struct mgm_backend *b, float *values, size_t count)
{
    mgm_cuda_sum_all(mgm_cuda_of(b), values, count, false);
}
