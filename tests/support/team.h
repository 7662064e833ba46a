/** Threads that play the processes of a training run, with a communicator that needs no MPI. */
#ifndef MGM_TESTS_TEAM_H
#define MGM_TESTS_TEAM_H

#include "nn/communicator.h"

/** Calls body(c, argument) in `size` threads at once, each with a communicator of its own; returns when all have returned. */
void team_run(int size, void (*body)(struct mgm_communicator *c, void *argument), void *argument);

/** For what goes wrong in one of several threads, where cmocka cannot jump out: says it and ends the program. */
#define TEAM_CHECK(condition, ctx)                                                                                          \
    do {                                                                                                                    \
        if (!(condition))                                                                                                   \
            team_give_up(#condition, __FILE__, __LINE__, ctx);                                                              \
    } while (0)
void team_give_up(const char *condition, const char *file, int line, const struct mgm_context *ctx)
    __attribute__((noreturn));

#endif
