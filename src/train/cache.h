/**
 * The file (or, without a path, the memory) that holds drawn foregrounds, mapped.
 *
 * Layout, host byte order: a header of one page, then records of whole pages, foreground i at record i:
 *     u8 [size, size, 4] RGBA straight, [size/2, size/2, 4], [size/4, size/4, 4] averaged; u32 kind; u32 complete
 * `complete` is written after the pixels have reached the disk.
 */
#ifndef MGM_TRAIN_CACHE_H
#define MGM_TRAIN_CACHE_H

#include "train/pyramid.h"
#include "train/sample.h"

enum { MGM_CACHE_LEVELS = 3 };

struct mgm_foreground_cache {
    int count, size;
    size_t record_bytes, mapped_bytes;
    uint8_t *base; /* the mapping */
    int fd;        /* −1: memory only */
};

/**
 * Opens or makes the cache and grows it to `count` records; disk space is reserved here, so that writing cannot fail later.
 * @param path  NULL: memory only
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_cache_open(struct mgm_context *ctx, const char *path, uint64_t seed, int count,
                                                         int size, struct mgm_foreground_cache *out);
void mgm_foreground_cache_close(struct mgm_foreground_cache *cache);

bool mgm_foreground_cache_has(const struct mgm_foreground_cache *cache, int index);
/** Writes a record and marks it complete. Thread-safe for different indices. @param foreground  of the cache's size */
void mgm_foreground_cache_put(struct mgm_foreground_cache *cache, int index, const struct mgm_foreground *foreground);
enum mgm_synth_kind mgm_foreground_cache_kind(const struct mgm_foreground_cache *cache, int index);
void mgm_foreground_cache_pyramid(const struct mgm_foreground_cache *cache, int index, struct mgm_pyramid *out);

#endif
