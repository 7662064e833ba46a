/*
 * The CUDA code is a module of its own, libmgm-cuda.so, loaded when a CUDA device is asked for: a program that computes on
 * the CPU neither loads nor needs CUDA's libraries.
 */
#include "nn/backends/cuda/cuda_backend.h"

#include "base/module.h"

typedef enum mgm_status (*create_function)(struct mgm_context *ctx, int device, struct mgm_backend **out);

enum mgm_status mgm_cuda_backend_create(struct mgm_context *ctx, int device, struct mgm_backend **out)
{
    void *function = NULL;
    *out = NULL;
    TRY(mgm_module_find(ctx, "CUDA", "libmgm-cuda.so", "MGM_CUDA_MODULE", "mgm_cuda_module_create", &function));
    create_function create;
    *(void **)&create = function;
    return create(ctx, device, out);
}
