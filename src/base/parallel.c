#include "base/parallel.h"

#include <omp.h>

enum { MAX_THREADS = 1024 }; /* OpenMP ends the program when it cannot start as many as it was told to */

int mgm_thread_count(int threads)
{
    int wanted = threads > 0 ? threads : omp_get_num_procs();
    return wanted < MAX_THREADS ? wanted : MAX_THREADS;
}

void mgm_parallel_for(int threads, size_t count, void (*body)(void *argument, size_t begin, size_t end), void *argument)
{
    size_t parts = (size_t)mgm_thread_count(threads);
    if (parts > count)
        parts = count;
    if (parts <= 1) {
        if (count)
            body(argument, 0, count);
        return;
    }
#pragma omp parallel for num_threads((int)parts) schedule(static, 1)
    for (size_t part = 0; part < parts; part++)
        body(argument, count * part / parts, count * (part + 1) / parts);
}
