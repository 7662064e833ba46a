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

/* Memory by the page of 4 kB is slow to get: a fault for each. From twice this on the system is asked for larger pages. */
static const size_t HUGE_PAGE = (size_t)2 << 20;

static void ask_for_huge_pages(void *pointer, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)pointer + page - 1) / page * page;
    /* A wish: it does not matter if it is not heard. */
    madvise((void *)begin, ((uintptr_t)pointer + bytes - begin) / page * page, MADV_HUGEPAGE);
#else
    (void)pointer;
    (void)bytes;
#endif
}

void *mgm_alloc(size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - ALIGNMENT) / size)
        return NULL;
    size_t bytes = count * size;
    if (bytes == 0)
        bytes = 1;
    void *pointer = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (pointer && bytes >= 2 * HUGE_PAGE)
        ask_for_huge_pages(pointer, bytes);
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
