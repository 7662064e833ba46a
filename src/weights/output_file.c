#include "weights/output_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ATTEMPTS = 100 };

/* Not mkstemp: that makes files which only their owner may read, whatever the umask says. */
static int open_beside(const char *path, char *temporary, size_t size)
{
    int fd = -1;
    for (int i = 0; i < MAX_ATTEMPTS && fd < 0; i++) {
        snprintf(temporary, size, "%s.%ld-%d.part", path, (long)getpid(), i);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

static void release(struct mgm_output_file *file)
{
    mgm_free(file->path);
    mgm_free(file->temporary);
    *file = (struct mgm_output_file){0};
}

enum mgm_status mgm_output_file_open(struct mgm_context *ctx, const char *path, struct mgm_output_file *out)
{
    size_t size = strlen(path) + 64;
    *out = (struct mgm_output_file){.ctx = ctx, .path = mgm_strdup(path), .temporary = mgm_alloc(size, 1)};
    if (!out->path || !out->temporary) {
        release(out);
        return mgm_fail_nomem(ctx, path);
    }
    int fd = open_beside(path, out->temporary, size);
    out->stream = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!out->stream) {
        enum mgm_status status = mgm_fail(ctx, MGM_E_IO, "%s: cannot be written: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(out->temporary);
        }
        release(out);
        return status;
    }
    return MGM_OK;
}

static enum mgm_status cannot_write(const struct mgm_output_file *file)
{
    return mgm_fail(file->ctx, MGM_E_IO, "%s: writing failed: %s", file->path, strerror(errno));
}

enum mgm_status mgm_output_file_write(struct mgm_output_file *file, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, file->stream) == size ? MGM_OK : cannot_write(file);
}

enum mgm_status mgm_output_file_finish(struct mgm_output_file *file)
{
    enum mgm_status status = MGM_OK;
    FILE *stream = file->stream;
    file->stream = NULL;
    if (fclose(stream) != 0 || rename(file->temporary, file->path) != 0) {
        status = cannot_write(file);
        unlink(file->temporary);
    }
    release(file);
    return status;
}

void mgm_output_file_discard(struct mgm_output_file *file)
{
    if (file->stream) {
        fclose(file->stream);
        unlink(file->temporary);
    }
    release(file);
}
