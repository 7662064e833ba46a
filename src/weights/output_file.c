#include "weights/output_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ATTEMPTS = 100, SUFFIX_LENGTH = 64 };

/* A file without a name, which the system removes if the program ends before it gets one; −1 where that is not to be had. */
static int open_nameless(const char *path, char *folder)
{
#ifdef O_TMPFILE
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    memcpy(folder, path, length);
    strcpy(folder + length, ".");
    return open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
#else
    (void)path, (void)folder;
    return -1;
#endif
}

static int name_of_attempt(const char *path, int attempt, char *temporary, size_t size)
{
    return snprintf(temporary, size, "%s.%ld-%d.part", path, (long)getpid(), attempt);
}

/* Not mkstemp: that makes files which only their owner may read, whatever the umask says. */
static int open_beside(const char *path, char *temporary, size_t size)
{
    int fd = -1;
    for (int i = 0; i < MAX_ATTEMPTS && fd < 0; i++) {
        name_of_attempt(path, i, temporary, size);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

/* Gives a nameless file a temporary name: a file cannot be linked over another, but it can be renamed over it. */
static int give_name(int fd, const char *path, char *temporary, size_t size)
{
    char self[64];
    int failed = -1;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    for (int i = 0; i < MAX_ATTEMPTS && failed; i++) {
        name_of_attempt(path, i, temporary, size);
        failed = linkat(AT_FDCWD, self, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW);
        if (failed && errno != EEXIST)
            break;
    }
    return failed;
}

static void release(struct mgm_output_file *file)
{
    mgm_free(file->path);
    mgm_free(file->temporary);
    *file = (struct mgm_output_file){0};
}

enum mgm_status mgm_output_file_open(struct mgm_context *ctx, const char *path, struct mgm_output_file *out)
{
    size_t size = strlen(path) + SUFFIX_LENGTH;
    *out = (struct mgm_output_file){.ctx = ctx, .path = mgm_strdup(path), .temporary = mgm_alloc(size, 1)};
    if (!out->path || !out->temporary) {
        release(out);
        return mgm_fail_nomem(ctx, path);
    }
    int fd = open_nameless(path, out->temporary);
    out->nameless = fd >= 0;
    if (!out->nameless)
        fd = open_beside(path, out->temporary, size);
    out->stream = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!out->stream) {
        enum mgm_status status = mgm_fail(ctx, MGM_E_IO, "%s: cannot be written: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            if (!out->nameless)
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

enum mgm_status mgm_output_file_flush(struct mgm_output_file *file)
{
    return fflush(file->stream) == 0 ? MGM_OK : cannot_write(file);
}

enum mgm_status mgm_output_file_finish(struct mgm_output_file *file)
{
    FILE *stream = file->stream;
    enum mgm_status status = mgm_output_file_flush(file);
    if (status == MGM_OK && file->nameless) {
        file->nameless = give_name(fileno(stream), file->path, file->temporary, strlen(file->path) + SUFFIX_LENGTH) != 0;
        if (file->nameless)
            status = cannot_write(file);
    }
    file->stream = NULL;
    if (fclose(stream) != 0 && status == MGM_OK)
        status = cannot_write(file);
    if (status == MGM_OK && rename(file->temporary, file->path) != 0)
        status = cannot_write(file);
    if (status != MGM_OK && !file->nameless)
        unlink(file->temporary);
    release(file);
    return status;
}

void mgm_output_file_discard(struct mgm_output_file *file)
{
    if (file->stream) {
        fclose(file->stream);
        if (!file->nameless)
            unlink(file->temporary);
    }
    release(file);
}
