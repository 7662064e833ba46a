/**
 * The CUDA backend without a device: the same kernels, run in loops on the CPU (nn/backends/cuda/launch.h), with ordinary
 * memory and a plain convolution in cuDNN's place.
 */
#ifndef MGM_TESTS_CUDA_EMULATED_H
#define MGM_TESTS_CUDA_EMULATED_H

#ifdef __cplusplus
extern "C" {
#endif

#include "base/context.h"

struct mgm_backend;

/** As mgm_cuda_backend_create(). An allocation of more than 1 GiB fails for want of memory. */
enum mgm_status mgm_cuda_emulated_create(struct mgm_context *ctx, struct mgm_backend **out);

/** Keeps a failure, as a launch that went wrong would. */
void mgm_cuda_emulated_break(struct mgm_backend *b);

#ifdef __cplusplus
}
#endif

#endif
