#include "train/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, VERSION = 1, COMPLETE = 0x444e4f43 };

static const char MAGIC[8] = "MGMFGS\r\n";

struct header {
    char magic[8];
    uint32_t version, size;
    uint64_t seed, record_bytes;
};

struct trailer {
    uint32_t kind;
    _Atomic uint32_t complete;
};

static size_t level_bytes(int size, int level)
{
    size_t side = (size_t)(size >> level);
    return side * side * 4;
}

static size_t pixel_bytes(int size)
{
    size_t bytes = 0;
    for (int level = 0; level < MGM_CACHE_LEVELS; level++)
        bytes += level_bytes(size, level);
    return bytes;
}

static uint8_t *record(const struct mgm_foreground_cache *cache, int index)
{
    return cache->base + PAGE + (size_t)index * cache->record_bytes;
}

static struct trailer *trailer(const struct mgm_foreground_cache *cache, int index)
{
    return (struct trailer *)(void *)(record(cache, index) + pixel_bytes(cache->size));
}

/** Reads the header of an existing file, or writes that of an empty one. */
static enum mgm_status agree_on_header(struct mgm_context *ctx, int fd, const char *path, const struct header *wanted)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return mgm_fail(ctx, MGM_E_IO, "cannot examine the foreground cache %s: %s", path, strerror(errno));
    if (facts.st_size == 0) {
        if (pwrite(fd, wanted, sizeof *wanted, 0) != (ssize_t)sizeof *wanted)
            return mgm_fail(ctx, MGM_E_IO, "cannot write the foreground cache %s: %s", path, strerror(errno));
        return MGM_OK;
    }
    struct header found;
    if (pread(fd, &found, sizeof found, 0) != (ssize_t)sizeof found || memcmp(found.magic, MAGIC, sizeof MAGIC) != 0)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s is not a cache of foregrounds; delete it or name another file", path);
    if (found.version != wanted->version)
        return mgm_fail(ctx, MGM_E_FORMAT, "the foreground cache %s has version %u of its layout, this program writes %u",
                        path, found.version, wanted->version);
    if (found.seed != wanted->seed || found.size != wanted->size)
        return mgm_fail(ctx, MGM_E_FORMAT,
                        "the foreground cache %s holds seed %llu at %u×%u pixels, wanted are seed %llu at %u×%u; "
                        "delete it or name another file",
                        path, (unsigned long long)found.seed, found.size, found.size, (unsigned long long)wanted->seed,
                        wanted->size, wanted->size);
    return MGM_OK;
}

/** Opens the file and reserves its disk space: writing to a mapping of a full disk would be a signal, not an error. */
static enum mgm_status open_file(struct mgm_context *ctx, const char *path, const struct header *header, size_t bytes,
                                 int *out)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return mgm_fail(ctx, MGM_E_IO, "cannot open the foreground cache %s: %s", path, strerror(errno));
    enum mgm_status status = agree_on_header(ctx, fd, path, header);
    if (status == MGM_OK) {
        int error = posix_fallocate(fd, 0, (off_t)bytes);
        if (error)
            status = mgm_fail(ctx, MGM_E_IO, "cannot grow the foreground cache %s to %zu MB: %s", path, bytes >> 20,
                              strerror(error));
    }
    if (status != MGM_OK) {
        close(fd);
        return status;
    }
    *out = fd;
    return MGM_OK;
}

enum mgm_status mgm_foreground_cache_open(struct mgm_context *ctx, const char *path, uint64_t seed, int count, int size,
                                          struct mgm_foreground_cache *out)
{
    *out = (struct mgm_foreground_cache){.fd = -1};
    if (count < 1 || size < 64 || size > 2048 || size % 4 != 0)
        return mgm_fail(ctx, MGM_E_INVALID,
                        "a store of %d foregrounds of %d pixels: expected at least one, of 64 … 2048 pixels, divisible by 4",
                        count, size);
    struct mgm_foreground_cache cache = {.count = count, .size = size, .fd = -1};
    cache.record_bytes = (pixel_bytes(size) + sizeof(struct trailer) + PAGE - 1) / PAGE * PAGE;
    cache.mapped_bytes = PAGE + (size_t)count * cache.record_bytes;
    struct header header = {.version = VERSION, .size = (uint32_t)size, .seed = seed, .record_bytes = cache.record_bytes};
    memcpy(header.magic, MAGIC, sizeof MAGIC);
    if (path)
        TRY(open_file(ctx, path, &header, cache.mapped_bytes, &cache.fd));
    int flags = path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    void *base = mmap(NULL, cache.mapped_bytes, PROT_READ | PROT_WRITE, flags, cache.fd, 0);
    if (base == MAP_FAILED) {
        if (cache.fd >= 0)
            close(cache.fd);
        return mgm_fail_nomem(ctx, "the drawn foregrounds");
    }
    cache.base = base;
    *out = cache;
    return MGM_OK;
}

void mgm_foreground_cache_close(struct mgm_foreground_cache *cache)
{
    if (cache->base) {
        munmap(cache->base, cache->mapped_bytes);
        if (cache->fd >= 0)
            close(cache->fd);
    }
    *cache = (struct mgm_foreground_cache){.fd = -1};
}

bool mgm_foreground_cache_has(const struct mgm_foreground_cache *cache, int index)
{
    return atomic_load(&trailer(cache, index)->complete) == COMPLETE;
}

enum mgm_synth_kind mgm_foreground_cache_kind(const struct mgm_foreground_cache *cache, int index)
{
    uint32_t kind = trailer(cache, index)->kind;
    return kind < MGM_SYNTH_KIND_COUNT ? (enum mgm_synth_kind)kind : MGM_SYNTH_KIND_COUNT;
}

void mgm_foreground_cache_put(struct mgm_foreground_cache *cache, int index, const struct mgm_foreground *foreground)
{
    uint8_t *pixels = record(cache, index);
    size_t count = (size_t)cache->size * cache->size;
    const uint8_t *colour = foreground->colour.data, *alpha = foreground->alpha.data;
    for (size_t i = 0; i < count; i++) {
        memcpy(pixels + 4 * i, colour + 3 * i, 3);
        pixels[4 * i + 3] = alpha[i];
    }
    for (int level = 1; level < MGM_CACHE_LEVELS; level++) {
        uint8_t *next = pixels + level_bytes(cache->size, level - 1);
        mgm_halve(pixels, cache->size >> (level - 1), cache->size >> (level - 1), 4, next);
        pixels = next;
    }
    trailer(cache, index)->kind = (uint32_t)foreground->kind;
    if (cache->fd >= 0)
        (void)msync(record(cache, index), cache->record_bytes, MS_SYNC); /* a failure only costs drawing it again */
    atomic_store(&trailer(cache, index)->complete, COMPLETE);
}

void mgm_foreground_cache_pyramid(const struct mgm_foreground_cache *cache, int index, struct mgm_pyramid *out)
{
    *out = (struct mgm_pyramid){.channels = 4, .levels = MGM_CACHE_LEVELS};
    const uint8_t *pixels = record(cache, index);
    for (int level = 0; level < MGM_CACHE_LEVELS; level++) {
        out->level[level].width = out->level[level].height = cache->size >> level;
        out->level[level].data = pixels;
        pixels += level_bytes(cache->size, level);
    }
}
