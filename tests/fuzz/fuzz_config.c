/**
 * Configurations: whatever the text, it is read or refused; what is accepted is within its ranges. Built with clang's
 * -fsanitize=fuzzer and -DMGM_FUZZER it is a libFuzzer target; otherwise it replays the files it is given, and short damages
 * of each: truncated at every byte, and every byte changed.
 */
#include "train/config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    char *text = malloc(size + 1);
    struct mgm_context *ctx = NULL;
    if (!text || mgm_context_create(&ctx) != MGM_OK)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    struct mgm_train_config config = mgm_train_config_defaults();
    /* Other files are the file system's affair. */
    if (!strstr(text, "@include")) {
        enum mgm_status status = mgm_train_config_parse(ctx, "fuzz", text, &config);
        if (status != MGM_OK && !mgm_context_error(ctx)[0])
            abort(); /* a refusal without a reason */
        if (status == MGM_OK && mgm_train_config_check(ctx, &config) == MGM_OK &&
            (config.phase_count < 1 || config.phase_count > MGM_CROP_PHASES_MAX || config.iterations < 1 ||
             !(config.width > 0) || config.phases[0].size % 32 || config.dilate_os4[0] < 1))
            abort();
        if (mgm_train_config_set(ctx, text, &config) != MGM_OK && !mgm_context_error(ctx)[0])
            abort();
    }
    mgm_context_destroy(&ctx);
    free(text);
    return 0;
}

#ifndef MGM_FUZZER
static int replay(const char *path)
{
    static uint8_t data[1 << 14];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    for (size_t at = 0; at < size; at++) {
        static const uint8_t replacements[] = {0, '{', ';', '=', '"', '9', 'x', 0xff};
        uint8_t kept = data[at];
        LLVMFuzzerTestOneInput(data, at);
        data[at] = replacements[at % sizeof replacements];
        LLVMFuzzerTestOneInput(data, size);
        data[at] = kept;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    return failed;
}
#endif
