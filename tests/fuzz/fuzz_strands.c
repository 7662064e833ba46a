/**
 * Strand files. Built with clang's -fsanitize=fuzzer and -DMGM_FUZZER it is a libFuzzer target; otherwise it replays the
 * files it is given, and short damages of each: every truncation of the header, and every byte of it changed.
 */
#include "synth/strands.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mgm_context ctx = {.threads = 1};
    struct mgm_strands strands;
    if (mgm_strands_parse(&ctx, "fuzz", data, size, &strands) != MGM_OK) {
        if (strands.positions || !ctx.error[0])
            abort(); /* a failure leaves nothing behind but its sentence */
        return 0;
    }
    float sum = 0;
    for (size_t i = 0; i < (size_t)strands.count * (size_t)strands.vertices * 3; i++)
        sum += strands.positions[i]; /* every promised position must be readable */
    if (!(sum == sum) || strands.count < 1 || strands.vertices < 2)
        abort();
    mgm_strands_release(&strands);
    return 0;
}

#ifndef MGM_FUZZER
static void try_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* of the exact size, so that a sanitizer sees a read beyond it */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay(const char *path)
{
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file), header = size < 320 ? size : 320;
    fclose(file);
    try_copy(data, size);
    for (size_t cut = 0; cut <= header; cut++)
        try_copy(data, cut);
    for (size_t at = 0; at < header; at++) {
        static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        uint8_t before = data[at];
        for (size_t k = 0; k < sizeof values; k++) {
            data[at] = values[k];
            try_copy(data, size);
        }
        data[at] = before;
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
