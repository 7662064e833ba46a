#include "progress.h"

#include "command.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct progress {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    char stage[256];
    int stages; /* how many there have been */
    bool done, shown;
};

static struct timespec after(struct timespec start, long milliseconds)
{
    start.tv_sec += milliseconds / 1000;
    start.tv_nsec += milliseconds % 1000 * 1000000;
    if (start.tv_nsec >= 1000000000) {
        start.tv_nsec -= 1000000000;
        start.tv_sec++;
    }
    return start;
}

/** Takes the line away again that shows the stage. Called with the lock held. */
static void hide(struct progress *progress)
{
    if (progress->shown && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

/** Called with the lock held. @param last  number of the stage that was shown last */
static void show(struct progress *progress, int *last, long seconds)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s … %ld s", progress->stage, seconds);
    else if (*last != progress->stages)
        fprintf(stderr, "%s …\n", progress->stage);
    fflush(stderr);
    *last = progress->stages;
    progress->shown = true;
}

static void *watch(void *argument)
{
    struct progress *progress = argument;
    int last = 0;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pthread_mutex_lock(&progress->lock);
    for (long seconds = 1; !progress->done; seconds++) {
        const struct timespec until = after(start, 1000 * seconds);
        int woken = 0;
        while (!progress->done && woken != ETIMEDOUT) {
            woken = pthread_cond_timedwait(&progress->wake, &progress->lock, &until);
            if (woken == 0 && seconds > 1 && !progress->done)
                show(progress, &last, seconds - 1); /* a new stage */
        }
        if (!progress->done)
            show(progress, &last, seconds);
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

struct progress *progress_start(bool quiet)
{
    struct progress *progress = quiet ? NULL : calloc(1, sizeof *progress);
    if (!progress)
        return NULL;
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&progress->lock, NULL);
    pthread_cond_init(&progress->wake, &clock);
    pthread_condattr_destroy(&clock);
    progress_stage(progress, "starting");
    if (pthread_create(&progress->thread, NULL, watch, progress) != 0) {
        free(progress);
        return NULL;
    }
    return progress;
}

void progress_stage(struct progress *progress, const char *format, ...)
{
    if (!progress)
        return;
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&progress->lock);
    vsnprintf(progress->stage, sizeof progress->stage, format, arguments);
    command_printable(progress->stage);
    progress->stages++;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
    va_end(arguments);
}

void progress_pause(struct progress *progress)
{
    if (!progress)
        return;
    pthread_mutex_lock(&progress->lock);
    hide(progress);
}

void progress_go_on(struct progress *progress)
{
    if (!progress)
        return;
    fflush(stderr);
    pthread_mutex_unlock(&progress->lock);
}

void progress_stop(struct progress **progress)
{
    if (!*progress)
        return;
    pthread_mutex_lock(&(*progress)->lock);
    (*progress)->done = true;
    pthread_cond_signal(&(*progress)->wake);
    pthread_mutex_unlock(&(*progress)->lock);
    pthread_join((*progress)->thread, NULL);
    hide(*progress);
    pthread_cond_destroy(&(*progress)->wake);
    pthread_mutex_destroy(&(*progress)->lock);
    free(*progress);
    *progress = NULL;
}
