/* Creating and destroying, memory, and waiting: everything that calls the CUDA runtime but launches. */
#include "nn/backends/cuda/cuda_device.h"

extern "C" {
#include "nn/backends/cuda/cuda_backend.h"
}

static const size_t STAGE_BYTES = (size_t)4 << 20;
static const int LEAST_CAPABILITY = 8;

bool mgm_cuda_check(struct mgm_cuda *cuda, cudaError_t error, const char *what)
{
    if (error == cudaSuccess)
        return true;
    mgm_cuda_keep(cuda, MGM_E_BACKEND, "CUDA could not %s on device %d: %s", what, cuda->device->number,
                  cudaGetErrorString(error));
    return false;
}

bool mgm_cuda_enter(struct mgm_cuda *cuda)
{
    return mgm_cuda_check(cuda, cudaSetDevice(cuda->device->number), "use the device");
}

void mgm_cuda_launched(struct mgm_cuda *cuda)
{
    mgm_cuda_check(cuda, cudaGetLastError(), "start a computation");
}

/* ---- creating and destroying ---------------------------------------------------------------------------------------- */

/* Says why a device cannot be used, as something that the user can change. */
static enum mgm_status check_device(struct mgm_context *ctx, int number)
{
    int count = 0, major = 0, minor = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "there is no CUDA device on this machine (%s)", cudaGetErrorString(error));
    if (number < 0 || number >= count)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "there is no CUDA device number %d: this machine has %d, counted from 0",
                        number, count);
    if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, number) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, number) != cudaSuccess)
        return mgm_fail(ctx, MGM_E_BACKEND, "CUDA device %d does not say what it is", number);
    if (major < LEAST_CAPABILITY)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "CUDA device %d has compute capability %d.%d; %d.0 or later is needed",
                        number, major, minor, LEAST_CAPABILITY);
    return MGM_OK;
}

static void create_stages(struct mgm_cuda *cuda)
{
    for (int i = 0; i < MGM_CUDA_STAGES; i++) {
        mgm_cuda_check(cuda, cudaMallocHost(&cuda->device->stage[i].values, STAGE_BYTES), "allocate pinned memory");
        mgm_cuda_check(cuda, cudaEventCreateWithFlags(&cuda->device->stage[i].passed, cudaEventDisableTiming),
                       "create an event");
    }
}

extern "C" enum mgm_status mgm_cuda_module_create(struct mgm_context *ctx, int device, struct mgm_backend **out)
{
    *out = NULL;
    TRY(check_device(ctx, device));
    struct mgm_cuda *cuda = (struct mgm_cuda *)mgm_alloc_zeroed(1, sizeof *cuda);
    if (!cuda)
        return mgm_fail_nomem(ctx, "the CUDA backend");
    cuda->base.ops = &mgm_cuda_ops;
    cuda->base.ctx = ctx;
    cuda->device = (struct mgm_cuda_device *)mgm_alloc_zeroed(1, sizeof *cuda->device);
    if (!cuda->device) {
        mgm_free(cuda);
        return mgm_fail_nomem(ctx, "the CUDA backend");
    }
    cuda->device->number = device;
    if (mgm_cuda_enter(cuda) &&
        mgm_cuda_check(cuda, cudaStreamCreateWithFlags(&cuda->device->stream, cudaStreamNonBlocking), "create a stream"))
        create_stages(cuda);
    enum mgm_status status = mgm_cuda_report(cuda);
    if (status == MGM_OK)
        status = mgm_cuda_cudnn_create(cuda);
    if (status != MGM_OK)
        mgm_cuda_destroy(&cuda->base);
    else
        *out = &cuda->base;
    return status;
}

void mgm_cuda_destroy(struct mgm_backend *b)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    struct mgm_cuda_device *device = cuda->device;
    if (mgm_cuda_enter(cuda)) {
        if (device->stream)
            cudaStreamSynchronize(device->stream);
        mgm_cuda_nccl_leave(cuda);
        mgm_cuda_cudnn_destroy(cuda);
        mgm_cuda_scratch_release(cuda);
        for (int i = 0; i < MGM_CUDA_STAGES; i++) {
            if (device->stage[i].passed)
                cudaEventDestroy(device->stage[i].passed);
            cudaFreeHost(device->stage[i].values);
        }
        if (device->stream)
            cudaStreamDestroy(device->stream);
    }
    mgm_free(device);
    mgm_free(cuda);
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

enum mgm_status mgm_cuda_alloc(struct mgm_backend *b, size_t bytes, void **out)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    *out = NULL;
    if (!mgm_cuda_enter(cuda))
        return mgm_cuda_report(cuda);
    const cudaError_t error = cudaMalloc(out, bytes ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
        size_t free_bytes = 0, all_bytes = 0;
        cudaGetLastError(); /* forgets it: the device is as good as before */
        cudaMemGetInfo(&free_bytes, &all_bytes);
        *out = NULL;
        return mgm_fail(b->ctx, MGM_E_NOMEM,
                        "not enough memory on CUDA device %d: %zu bytes were needed, %zu of %zu are free",
                        cuda->device->number, bytes, free_bytes, all_bytes);
    }
    mgm_cuda_check(cuda, error, "allocate memory");
    return mgm_cuda_report(cuda);
}

void mgm_cuda_release(struct mgm_backend *b, void *values)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    if (values && mgm_cuda_enter(cuda))
        mgm_cuda_check(cuda, cudaFree(values), "release memory"); /* waits for everything that may use it */
}

void mgm_cuda_clear(struct mgm_backend *b, void *values, size_t bytes)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    if (bytes && mgm_cuda_enter(cuda))
        mgm_cuda_check(cuda, cudaMemsetAsync(values, 0, bytes, mgm_cuda_stream(cuda)), "clear memory");
}

void mgm_cuda_copy(struct mgm_backend *b, void *dst, const void *src, size_t bytes)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    if (bytes && mgm_cuda_enter(cuda))
        mgm_cuda_check(cuda, cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, mgm_cuda_stream(cuda)),
                       "copy memory");
}

/* The staging memory next in turn, once nothing uses it; −1 after a failure. An event that was never recorded has passed. */
static int take_stage(struct mgm_cuda *cuda)
{
    const int stage = cuda->device->next_stage;
    cuda->device->next_stage = (stage + 1) % MGM_CUDA_STAGES;
    return mgm_cuda_check(cuda, cudaEventSynchronize(cuda->device->stage[stage].passed), "wait for a copy") ? stage : -1;
}

/* Through pinned memory: one part is copied there while the device takes the one before. */
void mgm_cuda_upload(struct mgm_backend *b, void *dst, const void *host, size_t bytes)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    if (!mgm_cuda_enter(cuda))
        return;
    for (size_t at = 0; at < bytes; at += STAGE_BYTES) {
        const size_t part = bytes - at < STAGE_BYTES ? bytes - at : STAGE_BYTES;
        const int stage = take_stage(cuda);
        if (stage < 0)
            return;
        void *values = cuda->device->stage[stage].values;
        memcpy(values, (const char *)host + at, part);
        if (!mgm_cuda_check(cuda,
                            cudaMemcpyAsync((char *)dst + at, values, part, cudaMemcpyHostToDevice, mgm_cuda_stream(cuda)),
                            "copy to the device"))
            return;
        mgm_cuda_check(cuda, cudaEventRecord(cuda->device->stage[stage].passed, mgm_cuda_stream(cuda)), "record an event");
    }
}

/* Waits for a part that is on its way into a stage, and takes it out. */
static void take_part(struct mgm_cuda *cuda, int stage, void *host, size_t bytes)
{
    if (mgm_cuda_check(cuda, cudaEventSynchronize(cuda->device->stage[stage].passed), "finish its work"))
        memcpy(host, cuda->device->stage[stage].values, bytes);
}

/* One part is taken out of its stage while the device fills the other. */
enum mgm_status mgm_cuda_download(struct mgm_backend *b, void *host, const void *src, size_t bytes)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    int before = -1; /* the stage of the part before, of STAGE_BYTES */
    size_t at = 0, last = 0;
    for (; at < bytes && cuda->failure == MGM_OK && mgm_cuda_enter(cuda); at += STAGE_BYTES) {
        const int stage = take_stage(cuda);
        if (stage < 0)
            break;
        last = bytes - at < STAGE_BYTES ? bytes - at : STAGE_BYTES;
        mgm_cuda_check(cuda,
                       cudaMemcpyAsync(cuda->device->stage[stage].values, (const char *)src + at, last,
                                       cudaMemcpyDeviceToHost, mgm_cuda_stream(cuda)),
                       "copy from the device");
        mgm_cuda_check(cuda, cudaEventRecord(cuda->device->stage[stage].passed, mgm_cuda_stream(cuda)), "record an event");
        if (before >= 0)
            take_part(cuda, before, (char *)host + at - STAGE_BYTES, STAGE_BYTES);
        before = stage;
    }
    if (before >= 0 && cuda->failure == MGM_OK)
        take_part(cuda, before, (char *)host + at - STAGE_BYTES, last);
    return mgm_cuda_finish(b);
}

enum mgm_status mgm_cuda_finish(struct mgm_backend *b)
{
    struct mgm_cuda *cuda = mgm_cuda_of(b);
    if (mgm_cuda_enter(cuda))
        mgm_cuda_check(cuda, cudaStreamSynchronize(mgm_cuda_stream(cuda)), "finish its work");
    return mgm_cuda_report(cuda);
}
