/** Weights, whatever they come as: everything that takes a model or a file with weights opens it here. */
#ifndef MGM_WEIGHTS_WEIGHTS_H
#define MGM_WEIGHTS_WEIGHTS_H

#include "weights/safetensors.h"

/**
 * Opens a safetensors file, a checkpoint of PyTorch's, or a set of shards by its index. The content decides, but what is
 * called ….index.json is always taken as an index.
 * @return as of mgm_safetensors_open(), mgm_pth_parse() and mgm_shards_read()
 */
MGM_MUST_CHECK enum mgm_status mgm_weights_open(struct mgm_context *ctx, const char *path, struct mgm_safetensors **out);

#endif
