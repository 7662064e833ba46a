/** The model that is used when none is named. */
#ifndef MGM_CLI_DEFAULT_MODEL_H
#define MGM_CLI_DEFAULT_MODEL_H

#include "base/context.h"

/**
 * Looks for small.safetensors in $MGM_MODELS (alone, if it is set); else beside the installed program (../share/mgm/models),
 * in the folder it was configured to be installed to, and in the source tree it was built from.
 * @param path  receives the file's name
 * @return MGM_E_IO naming every folder that was looked into
 */
MGM_MUST_CHECK enum mgm_status default_model_find(struct mgm_context *ctx, char *path, size_t size);

#endif
