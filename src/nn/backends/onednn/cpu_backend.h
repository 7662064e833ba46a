/** The backend that every build has: oneDNN for convolutions, the kernels of nn/ for the rest. */
#ifndef MGM_NN_BACKENDS_ONEDNN_CPU_BACKEND_H
#define MGM_NN_BACKENDS_ONEDNN_CPU_BACKEND_H

#include "nn/backend.h"

MGM_MUST_CHECK enum mgm_status mgm_cpu_backend_create(struct mgm_context *ctx, int threads, struct mgm_backend **out);

#endif
