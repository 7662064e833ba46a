#include "scarce.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Allocations that still succeed; below zero once one has failed. */
static atomic_long left;
static atomic_bool active, everywhere, persistent;

static bool is_refused(bool ours)
{
    if (!active || (!ours && !everywhere))
        return false;
    const long before = atomic_fetch_sub(&left, 1);
    const bool refused = before == 0 || (before < 0 && persistent);
    if (refused)
        errno = ENOMEM;
    return refused;
}

void scarce_begin(enum scarcity scarcity, long count, bool lasting)
{
    everywhere = scarcity == SCARCE_EVERYWHERE;
    persistent = lasting;
    left = count - 1;
    active = true;
}

bool scarce_end(void)
{
    active = false;
    return left < 0;
}

#if SANITIZED

/* The sanitizer keeps malloc for itself; what it has under other names is enough for us and for cJSON. */
void *aligned_alloc(size_t alignment, size_t size)
{
    void *pointer = NULL;
    if (is_refused(true))
        return NULL;
    return posix_memalign(&pointer, alignment, size) == 0 ? pointer : NULL;
}

static void *scarce_malloc(size_t size)
{
    return is_refused(false) ? NULL : malloc(size);
}

__attribute__((constructor)) static void hook_cjson(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){scarce_malloc, free});
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_refused(true) ? NULL : __libc_memalign(alignment, size);
}

void *malloc(size_t size)
{
    return is_refused(false) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_refused(false) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
    return is_refused(false) ? NULL : __libc_realloc(pointer, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size)
{
    if (is_refused(false))
        return ENOMEM;
    void *memory = __libc_memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *pointer = memory;
    return 0;
}

#endif
