/** The device: its stream, its staging memory, cuDNN's handle. Included by what is compiled for a device only. */
#ifndef MGM_NN_BACKENDS_CUDA_CUDA_DEVICE_H
#define MGM_NN_BACKENDS_CUDA_CUDA_DEVICE_H

#include "nn/backends/cuda/cuda.h"

#include <cuda_runtime.h>

struct cudnnContext;
struct mgm_cuda_nccl; /* cuda_nccl.cpp */

enum { MGM_CUDA_STAGES = 2 };

struct mgm_cuda_device {
    int number;
    cudaStream_t stream; /* everything runs in this one */
    struct {
        void *values; /* pinned */
        cudaEvent_t passed;
    } stage[MGM_CUDA_STAGES];
    int next_stage;
    struct cudnnContext *cudnn;
    struct mgm_cuda_nccl *nccl; /* NULL: not joined, or not by NCCL */
};

/** Keeps the failure, if it is one, as "CUDA could not WHAT: …". @return whether all is well */
bool mgm_cuda_check(struct mgm_cuda *cuda, cudaError_t error, const char *what);

/** Makes the device the calling thread's. @return false where that failed, which is kept */
bool mgm_cuda_enter(struct mgm_cuda *cuda);

/** To be called after every launch. */
void mgm_cuda_launched(struct mgm_cuda *cuda);

static inline cudaStream_t mgm_cuda_stream(const struct mgm_cuda *cuda)
{
    return cuda->device->stream;
}

/* cuda_cudnn.cpp: the handle, on the device's stream. */
enum mgm_status mgm_cuda_cudnn_create(struct mgm_cuda *cuda);
void mgm_cuda_cudnn_destroy(struct mgm_cuda *cuda);

#endif
