#include "base/text_file.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum mgm_status mgm_text_file_read(struct mgm_context *ctx, const char *path, size_t most, char **text, size_t *size)
{
    struct stat facts;
    *text = NULL;
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &facts) != 0) {
        const int reason = errno;
        if (file)
            fclose(file);
        return mgm_fail(ctx, MGM_E_IO, "cannot read %s: %s", path, strerror(reason));
    }
    enum mgm_status status = MGM_OK;
    if (!S_ISREG(facts.st_mode))
        status = mgm_fail(ctx, MGM_E_IO, "cannot read %s: it is no ordinary file", path);
    else if ((uintmax_t)facts.st_size > most)
        status =
            mgm_fail(ctx, MGM_E_FORMAT, "%s has %lld bytes, expected at most %zu", path, (long long)facts.st_size, most);
    else if (!(*text = mgm_alloc((size_t)facts.st_size + 1, 1)))
        status = mgm_fail_nomem(ctx, path);
    if (status == MGM_OK) {
        *size = fread(*text, 1, (size_t)facts.st_size, file);
        (*text)[*size] = '\0';
        if (ferror(file))
            status = mgm_fail(ctx, MGM_E_IO, "cannot read %s: %s", path, strerror(errno));
    }
    if (status != MGM_OK) {
        mgm_free(*text);
        *text = NULL;
    }
    fclose(file);
    return status;
}
