#include "nn/backend.h"

#include "nn/backends/onednn/cpu_backend.h"
#ifdef MGM_WITH_CUDA
#include "nn/backends/cuda/cuda_backend.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** "cuda" and "cuda:N". @return −1 if the device is called otherwise */
static int cuda_number(const char *device)
{
    if (strcmp(device, "cuda") == 0)
        return 0;
    if (strncmp(device, "cuda:", 5) != 0 || strspn(device + 5, "0123456789") != strlen(device + 5))
        return -1;
    const size_t digits = strlen(device + 5);
    return digits > 0 && digits < 4 ? atoi(device + 5) : -1;
}

bool mgm_backend_is_known(const char *device)
{
    return strcmp(device, "cpu") == 0 || cuda_number(device) >= 0;
}

static enum mgm_status unknown(struct mgm_context *ctx, const char *device)
{
    return mgm_fail(ctx, MGM_E_INVALID, "there is no device called '%s'; there are cpu, cuda and cuda:N", device);
}

enum mgm_status mgm_context_set_device(struct mgm_context *ctx, const char *device)
{
    if (!mgm_backend_is_known(device))
        return unknown(ctx, device);
    snprintf(ctx->device, sizeof ctx->device, "%s", device);
    return MGM_OK;
}

enum mgm_status mgm_backend_create(struct mgm_context *ctx, const char *device, int threads, struct mgm_backend **out)
{
    *out = NULL;
    if (strcmp(device, "cpu") == 0)
        return mgm_cpu_backend_create(ctx, threads, out);
    const int number = cuda_number(device);
    if (number < 0)
        return unknown(ctx, device);
#ifdef MGM_WITH_CUDA
    return mgm_cuda_backend_create(ctx, number, out);
#else
    return mgm_fail(ctx, MGM_E_UNSUPPORTED, "'%s': this mgm was built without CUDA", device);
#endif
}

void mgm_backend_destroy(struct mgm_backend **b)
{
    if (*b)
        (*b)->ops->destroy(*b);
    *b = NULL;
}
