/** Allocation: 64-byte aligned, overflow-checked. Everything in the library is allocated and released here. */
#ifndef MGM_BASE_MEMORY_H
#define MGM_BASE_MEMORY_H

#include <stddef.h>

/** count × size bytes, uninitialised, aligned for any vector; NULL if that overflows or memory ran out. */
void *mgm_alloc(size_t count, size_t size);

/** The same, zeroed. */
void *mgm_alloc_zeroed(size_t count, size_t size);

/** NULL if memory ran out. */
char *mgm_strdup(const char *text);

/** Bytes of memory that the process can have: the machine's, or less where limits are set; 0 if that cannot be told. */
size_t mgm_memory_size(void);

/** Takes NULL too. */
void mgm_free(void *pointer);

#endif
