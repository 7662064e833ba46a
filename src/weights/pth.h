/**
 * Checkpoints as PyTorch writes them (torch.save): a zip archive, or before 1.6 a row of pickles with raw storages behind
 * them. They become the same table of tensors as a safetensors file. Taken is the dictionary called state_dict where the
 * checkpoint has one, else the checkpoint itself; of it, every tensor under its own name, in the file's order.
 *
 * Views that share a storage, strides, and storages of any device are resolved: each tensor's data are contiguous. Pickles
 * are never executed (pickle.h). Whatever the file says, at most its own size is read into memory, and at most 16 times that
 * taken by tensors that had to be made contiguous.
 */
#ifndef MGM_WEIGHTS_PTH_H
#define MGM_WEIGHTS_PTH_H

#include "weights/safetensors.h"

/**
 * A checkpoint in memory that outlives the handle; `name` is for messages.
 * @return MGM_E_FORMAT if it is damaged, truncated or without tensors; MGM_E_UNSUPPORTED for a pickle that asks for anything
 *         but tensors, and for what PyTorch does not write (compressed or big-endian data)
 */
MGM_MUST_CHECK enum mgm_status mgm_pth_parse(struct mgm_context *ctx, const char *name, const void *bytes, size_t size,
                                             struct mgm_safetensors **out);

#endif
