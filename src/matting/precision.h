/** In what a session computes: by name for users, by value for plans. */
#ifndef MGM_MATTING_PRECISION_H
#define MGM_MATTING_PRECISION_H

#include "base/context.h"
#include "nn/backend.h"
#include "nn/train_plan.h"

/** What mgm_context_set_precision() takes; ends with NULL. */
extern const char *const mgm_precision_names[];

/** "f32", "bf16"; "int8" for MGM_PRECISION_S8. */
const char *mgm_precision_name(enum mgm_precision precision);

/** The fastest that a backend does well and that costs no visible quality. @param backend  NULL: the CPU */
enum mgm_precision mgm_precision_fastest(const struct mgm_backend *backend);

/** What the context asks for; `automatic` where it leaves the choice. */
enum mgm_precision mgm_precision_of(const struct mgm_context *ctx, enum mgm_precision automatic);

#endif
