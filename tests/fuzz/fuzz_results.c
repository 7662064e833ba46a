/* Any bytes after the first line: refused with a sentence, or results with names, a time and numbers. */
#include "eval/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "{\"protocol\":\"x\"}"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static enum mgm_status check(void *argument, const struct mgm_eval_result *result)
{
    (void)argument;
    require(result->name && result->guidance && isfinite(result->seconds));
    for (int region = 0; region < MGM_REGION_COUNT; region++)
        for (int k = 0; k < MGM_METRIC_COUNT; k++)
            require(!isinf(result->matte.values[region][k]) && !isinf(result->itself.values[region][k]));
    return MGM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    size_t whole = 0;
    if (mgm_context_create(&ctx) != MGM_OK)
        return 0;
    if (mgm_eval_results_parse(ctx, "input", (const char *)bytes, size, HEADER, check, NULL, &whole) != MGM_OK)
        require(mgm_context_error(ctx)[0]);
    require(whole <= size && (whole == 0 || bytes[whole - 1] == '\n'));
    mgm_context_destroy(&ctx);
    return 0;
}
