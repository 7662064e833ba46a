/** The models that are used when none is named. */
#ifndef MGM_CLI_DEFAULT_MODEL_H
#define MGM_CLI_DEFAULT_MODEL_H

#include "base/context.h"

/** Names of their files. */
#define DEFAULT_MODEL            "small.safetensors"
#define DEFAULT_FOREGROUND_MODEL "foreground.safetensors"

/**
 * Looks for a model that comes with mgm in $MGM_MODELS (alone, if it is set); else beside the installed program (../share/mgm/models),
 * in the folder it was configured to be installed to, and in the source tree it was built from.
 * @param name  of the file
 * @param path  receives where it is
 * @return MGM_E_IO naming every folder that was looked into
 */
MGM_MUST_CHECK enum mgm_status default_model_find(struct mgm_context *ctx, const char *name, char *path, size_t size);

#endif
