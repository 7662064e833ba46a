/** The CUDA backend: nn/backend.h on a graphics processor. Plain C; what it is made of stands in cuda.h. */
#ifndef MGM_NN_BACKENDS_CUDA_CUDA_BACKEND_H
#define MGM_NN_BACKENDS_CUDA_CUDA_BACKEND_H

#include "base/context.h"

struct mgm_backend;

/**
 * Loads the module with the CUDA code (cuda_loader.c) and creates a backend on one device. One thread at a time may use it.
 * @param ctx     borrowed; must outlive the backend
 * @param device  number of the device, counted from 0
 * @return MGM_E_UNSUPPORTED if there is no such device, no driver, or the module cannot be loaded; MGM_E_NOMEM;
 *         MGM_E_BACKEND if CUDA or cuDNN fail
 */
MGM_MUST_CHECK enum mgm_status mgm_cuda_backend_create(struct mgm_context *ctx, int device, struct mgm_backend **out);

/** The module's entry, with the same contract; nobody but the loader and tests calls it. */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_cuda_module_create(struct mgm_context *ctx, int device, struct mgm_backend **out);

#endif
