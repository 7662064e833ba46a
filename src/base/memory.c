#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

/* Memory by the page of 4 kB is slow to get: a fault for each. From here on the system is asked for larger pages. */
static const size_t HUGE_PAGE = (size_t)2 << 20;

void *mgm_alloc(size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - ALIGNMENT) / size)
        return NULL;
    size_t bytes = count * size;
    if (bytes == 0)
        bytes = 1;
    const size_t alignment = bytes < 2 * HUGE_PAGE ? ALIGNMENT : HUGE_PAGE;
    if (bytes > SIZE_MAX - alignment)
        return NULL;
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *pointer = NULL;
    if (posix_memalign(&pointer, alignment, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (alignment == HUGE_PAGE)
        madvise(pointer, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a wish: it does not matter if it is not heard */
#endif
    return pointer;
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

/** What a container allows (control groups, version 2); SIZE_MAX if nothing says so. */
static size_t group_limit(void)
{
    unsigned long long bytes = 0;
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    const bool limited = file && fscanf(file, "%llu", &bytes) == 1; /* or "max" */
    if (file)
        fclose(file);
    return limited ? (size_t)bytes : SIZE_MAX;
}

size_t mgm_memory_size(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t size = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : SIZE_MAX;
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size)
        size = (size_t)limit.rlim_cur;
    const size_t group = group_limit();
    size = group < size ? group : size;
    return size == SIZE_MAX ? 0 : size;
}
