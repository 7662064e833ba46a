/* Any text as a configuration, and as a setting of the command line: read or refused with a sentence; what is accepted is
 * within its ranges. */
#include "train/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void try_text(struct mgm_context *ctx, const char *text)
{
    struct mgm_train_config config = mgm_train_config_defaults();
    enum mgm_status status = mgm_train_config_parse(ctx, "input", text, &config);
    if (status != MGM_OK && !mgm_context_error(ctx)[0])
        abort();
    if (status == MGM_OK && mgm_train_config_check(ctx, &config) == MGM_OK &&
        (config.phase_count < 1 || config.phase_count > MGM_CROP_PHASES_MAX || config.iterations < 1 ||
         !(config.width > 0) || config.fusion >= MGM_HEAD_FUSION_COUNT || config.source_count > MGM_SOURCES_MAX ||
         config.phases[0].size % 32 || config.dilate_os4[0] < 1))
        abort();
}

static void try_assignment(struct mgm_context *ctx, const char *text)
{
    struct mgm_train_config config = mgm_train_config_defaults();
    if (mgm_train_config_set(ctx, text, &config) != MGM_OK && !mgm_context_error(ctx)[0])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    char *text = malloc(size + 1);
    if (!text || mgm_context_create(&ctx) != MGM_OK)
        abort();
    memcpy(text, bytes, size);
    text[size] = '\0';
    if (!strstr(text, "@include")) { /* other files are the file system's affair */
        try_text(ctx, text);
        ctx->error[0] = '\0';
        try_assignment(ctx, text);
    }
    mgm_context_destroy(&ctx);
    free(text);
    return 0;
}
