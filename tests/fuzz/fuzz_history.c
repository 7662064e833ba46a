/* Any bytes: refused with a sentence, or a table whose iterations rise. */
#include "train/history.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check(const struct mgm_history_table *table)
{
    require(table->rows == 0 || (table->columns > 0 && !strcmp(table->names[0], "iteration")));
    for (int row = 1; row < table->rows; row++)
        require(table->values[0][row - 1] < table->values[0][row]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct mgm_context *ctx = NULL;
    struct mgm_history history;
    if (mgm_context_create(&ctx) != MGM_OK)
        return 0;
    if (mgm_history_parse(ctx, "input", (const char *)bytes, size, &history) == MGM_OK) {
        check(&history.progress);
        check(&history.validation);
    } else {
        require(!history.progress.rows && mgm_context_error(ctx)[0]);
    }
    mgm_history_release(&history);
    mgm_context_destroy(&ctx);
    return 0;
}
