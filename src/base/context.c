#include "base/context.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

enum mgm_status mgm_context_create(struct mgm_context **out)
{
    *out = mgm_alloc_zeroed(1, sizeof **out);
    return *out ? MGM_OK : MGM_E_NOMEM;
}

void mgm_context_destroy(struct mgm_context **ctx)
{
    mgm_free(*ctx);
    *ctx = NULL;
}

const char *mgm_context_error(const struct mgm_context *ctx)
{
    return ctx ? ctx->error : "not enough memory for a context";
}

void mgm_context_set_max_memory(struct mgm_context *ctx, size_t bytes)
{
    ctx->max_memory = bytes;
}

void mgm_context_set_threads(struct mgm_context *ctx, int threads)
{
    ctx->threads = threads > 0 ? threads : 0;
}

enum mgm_status mgm_fail(struct mgm_context *ctx, enum mgm_status status, const char *format, ...)
{
    if (ctx) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(ctx->error, sizeof ctx->error, format, arguments);
        va_end(arguments);
    }
    return status;
}

enum mgm_status mgm_fail_nomem(struct mgm_context *ctx, const char *what)
{
    return mgm_fail(ctx, MGM_E_NOMEM, "not enough memory for %s", what);
}
