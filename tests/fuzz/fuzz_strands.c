/* Any bytes as a strand file: refused with a sentence, or every promised position can be read. */
#include "synth/strands.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context ctx = {.threads = 1};
    struct mgm_strands strands;
    if (mgm_strands_parse(&ctx, "input", bytes, size, &strands) != MGM_OK) {
        if (strands.positions || !ctx.error[0])
            abort(); /* a failure leaves nothing behind but its sentence */
        return 0;
    }
    if (strands.count < 1 || strands.vertices < 2)
        abort();
    for (size_t i = 0; i < (size_t)strands.count * (size_t)strands.vertices * 3; i++)
        if (!(fabsf(strands.positions[i]) < 1e6f))
            abort();
    mgm_strands_release(&strands);
    return 0;
}
