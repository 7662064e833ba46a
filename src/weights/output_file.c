#include "weights/output_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ATTEMPTS = 100, SUFFIX_LENGTH = 64, SELF_LENGTH = 64 };
#define SELF "/proc/self/fd/%d"

/* Where the file's own name begins in its path. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Names are short, whatever the file's: a name of the longest length must be possible. */
static void name_attempt(const char *path, int attempt, char *temporary, size_t size)
{
    snprintf(temporary, size, "%.*s.mgm-%ld-%d.part", (int)folder_length(path), path, (long)getpid(), attempt);
}

/*
 * A file without a name, which the system removes if the program ends before it gets one; −1 where that is not to be had: it
 * takes a file system that can, and /proc to give it a name later.
 */
static int open_nameless(const char *path, char *temporary, size_t size)
{
#ifdef O_TMPFILE
    char self[SELF_LENGTH];
    snprintf(temporary, size, "%.*s.", (int)folder_length(path), path);
    const int fd = open(temporary, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    snprintf(self, sizeof self, SELF, fd);
    if (fd >= 0 && access(self, F_OK) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
#else
    (void)path, (void)temporary, (void)size;
#endif
    return -1;
}

/* Not mkstemp: that makes files which only their owner may read, whatever the umask says. */
static int open_named(const char *path, char *temporary, size_t size)
{
    int fd = -1;
    for (int i = 0; i < MAX_ATTEMPTS && fd < 0; i++) {
        name_attempt(path, i, temporary, size);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

/* Gives a nameless file a temporary name: a file cannot be linked over another, but it can be renamed over it. */
static int give_name(int fd, const char *path, char *temporary, size_t size)
{
    char self[SELF_LENGTH];
    int failed = -1;
    snprintf(self, sizeof self, SELF, fd);
    for (int i = 0; i < MAX_ATTEMPTS && failed; i++) {
        name_attempt(path, i, temporary, size);
        failed = linkat(AT_FDCWD, self, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW);
        if (failed && errno != EEXIST)
            break;
    }
    return failed;
}

/* Whether the name itself is possible, which a file of another name does not tell. */
static bool name_fits(const char *path)
{
    const size_t length = folder_length(path), name = strlen(path) - length;
    errno = name > NAME_MAX ? ENAMETOOLONG : name == 0 ? EISDIR : 0;
    return errno == 0;
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
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode)) {
        release(out);
        return mgm_fail(ctx, MGM_E_IO, "%s: is no ordinary file, which would be put in its place", path);
    }
    int fd = name_fits(path) ? open_nameless(path, out->temporary, size) : -1;
    out->nameless = fd >= 0;
    if (!out->nameless && name_fits(path))
        fd = open_named(path, out->temporary, size);
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
