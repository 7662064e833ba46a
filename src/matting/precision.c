#include "matting/precision.h"

#include <stdio.h>
#include <string.h>

const char *const mgm_precision_names[] = {"auto", "f32", "bf16", "int8", NULL};

const char *mgm_precision_name(enum mgm_precision precision)
{
    return precision == MGM_PRECISION_BF16 ? "bf16" : precision == MGM_PRECISION_S8 ? "int8" : "f32";
}

enum mgm_precision mgm_precision_fastest(const struct mgm_backend *backend)
{
    const bool on_cpu = !backend || backend->ops->host_memory;
    return on_cpu && mgm_bf16_is_native() ? MGM_PRECISION_BF16 : MGM_PRECISION_F32;
}

enum mgm_precision mgm_precision_of(const struct mgm_context *ctx, enum mgm_precision automatic)
{
    if (!ctx->precision[0] || strcmp(ctx->precision, "auto") == 0)
        return automatic;
    if (strcmp(ctx->precision, "int8") == 0)
        return MGM_PRECISION_S8;
    return strcmp(ctx->precision, "bf16") == 0 ? MGM_PRECISION_BF16 : MGM_PRECISION_F32;
}

enum mgm_status mgm_context_set_precision(struct mgm_context *ctx, const char *precision)
{
    for (int i = 0; mgm_precision_names[i]; i++)
        if (strcmp(precision, mgm_precision_names[i]) == 0) {
            snprintf(ctx->precision, sizeof ctx->precision, "%s", precision);
            return MGM_OK;
        }
    return mgm_fail(ctx, MGM_E_INVALID, "there is no precision called '%s'; there are auto, f32, bf16 and int8", precision);
}
