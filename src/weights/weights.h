/** Weights, whatever they come as: everything that takes a model or a file with weights opens it here. */
#ifndef MGM_WEIGHTS_WEIGHTS_H
#define MGM_WEIGHTS_WEIGHTS_H

#include "weights/safetensors.h"

/**
 * Opens a safetensors file or a checkpoint of PyTorch's; the content decides.
 * @return as of mgm_safetensors_open() and mgm_pth_parse()
 */
MGM_MUST_CHECK enum mgm_status mgm_weights_open(struct mgm_context *ctx, const char *path, struct mgm_safetensors **out);

#endif
