/**
 * Parts that are loaded when they are asked for, since they need libraries which most who use the program do not have. A module
 * is looked for where an environment variable says, else beside this library (or the program that contains it), in the
 * build's folder, and where it is installed.
 */
#ifndef MGM_BASE_MODULE_H
#define MGM_BASE_MODULE_H

#include "base/context.h"

/**
 * Finds a function in a module, which then stays loaded.
 * @param what      as sentences call it: "CUDA"
 * @param file      "libmgm-cuda.so"
 * @param variable  of the environment, that may name the file
 * @return MGM_E_UNSUPPORTED if the module cannot be loaded, or has no such function
 */
MGM_MUST_CHECK enum mgm_status mgm_module_find(struct mgm_context *ctx, const char *what, const char *file,
                                               const char *variable, const char *function, void **out);

#endif
