/**
 * Parallel loops. The compute library brings OpenMP; sharing its threads avoids two pools fighting for the same cores.
 */
#ifndef MGM_BASE_PARALLEL_H
#define MGM_BASE_PARALLEL_H

#include <stddef.h>

/** Threads that a request for `threads` means: itself, or (0) one per core that the process may use; 1024 at most. */
int mgm_thread_count(int threads);

/** Calls body(argument, begin, end) for consecutive parts of [0, count), on up to `threads` threads (0: see above). */
void mgm_parallel_for(int threads, size_t count, void (*body)(void *argument, size_t begin, size_t end), void *argument);

/** For kernels: one clone for each level of x86-64, chosen when the program starts; nothing elsewhere. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(MGM_NO_CLONES) && !defined(__SANITIZE_ADDRESS__) &&                \
    !defined(__SANITIZE_THREAD__)
#define MGM_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MGM_KERNEL
#endif

#endif
