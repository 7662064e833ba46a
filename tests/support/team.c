#include "team.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8 };

struct team {
    pthread_barrier_t barrier;
    int size;
    void *parts[MOST]; /* what each member has brought */
    void (*body)(struct mgm_communicator *c, void *argument);
    void *argument;
};

struct member {
    struct mgm_communicator base;
    struct team *team;
};

static struct member *member_of(struct mgm_communicator *c)
{
    return (struct member *)c;
}

/* Brings memory and waits until all have. */
static struct team *meet(struct mgm_communicator *c, void *part)
{
    struct team *team = member_of(c)->team;
    team->parts[c->rank] = part;
    pthread_barrier_wait(&team->barrier);
    return team;
}

#define DEFINE_SUM(name, type)                                                                                              \
    static bool name(struct mgm_communicator *c, type *values, size_t count)                                                \
    {                                                                                                                       \
        type *sums = calloc(count + 1, sizeof *sums);                                                                       \
        struct team *team = meet(c, values);                                                                                \
        for (int rank = 0; rank < team->size; rank++)                                                                       \
            for (size_t i = 0; i < count; i++)                                                                              \
                sums[i] += ((const type *)team->parts[rank])[i];                                                            \
        pthread_barrier_wait(&team->barrier);                                                                               \
        memcpy(values, sums, count * sizeof *sums);                                                                         \
        free(sums);                                                                                                         \
        return true;                                                                                                        \
    }
DEFINE_SUM(sum_f32, float)
DEFINE_SUM(sum_f64, double)

static bool tell(struct mgm_communicator *c, void *values, size_t bytes)
{
    struct team *team = meet(c, values);
    if (c->rank > 0)
        memcpy(values, team->parts[0], bytes);
    pthread_barrier_wait(&team->barrier);
    return true;
}

static void *run_member(void *argument)
{
    struct member *member = argument;
    member->team->body(&member->base, member->team->argument);
    return NULL;
}

void team_run(int size, void (*body)(struct mgm_communicator *c, void *argument), void *argument)
{
    static const struct mgm_communicator_ops ops = {sum_f32, sum_f64, tell};
    struct team team = {.size = size, .body = body, .argument = argument};
    struct member members[MOST] = {0};
    pthread_t threads[MOST];
    TEAM_CHECK(size <= MOST && pthread_barrier_init(&team.barrier, NULL, (unsigned)size) == 0, NULL);
    for (int i = 0; i < size; i++) {
        members[i] = (struct member){{.ops = &ops, .rank = i, .size = size, .local_rank = i}, &team};
        TEAM_CHECK(pthread_create(&threads[i], NULL, run_member, &members[i]) == 0, NULL);
    }
    for (int i = 0; i < size; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&team.barrier);
}

void team_give_up(const char *condition, const char *file, int line, const struct mgm_context *ctx)
{
    fprintf(stderr, "%s:%d: not %s: %s\n", file, line, condition, ctx ? ctx->error : "");
    abort();
}
