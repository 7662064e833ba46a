/* Any bytes: refused with a sentence, or a list of plain names of files. */
#include "eval/name_list.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    struct mgm_name_list list;
    if (mgm_context_create(&ctx) != MGM_OK)
        return 0;
    if (mgm_name_list_parse(ctx, "input", (const char *)bytes, size, &list) == MGM_OK) {
        require(list.count > 0);
        for (int i = 0; i < list.count; i++)
            require(list.names[i][0] && !strpbrk(list.names[i], "/\n\r") && strcmp(list.names[i], "..") != 0);
    } else {
        require(!list.names && mgm_context_error(ctx)[0]);
    }
    mgm_name_list_release(&list);
    mgm_context_destroy(&ctx);
    return 0;
}
