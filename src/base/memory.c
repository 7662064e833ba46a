#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

void *mgm_alloc(size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - ALIGNMENT) / size)
        return NULL;
    size_t bytes = count * size;
    if (bytes == 0)
        bytes = 1;
    return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

void *mgm_alloc_zeroed(size_t count, size_t size)
{
    void *pointer = mgm_alloc(count, size);
    if (pointer)
        memset(pointer, 0, count * size);
    return pointer;
}

char *mgm_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = mgm_alloc(bytes, 1);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void mgm_free(void *pointer)
{
    free(pointer);
}

size_t mgm_memory_size(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : 0;
}
