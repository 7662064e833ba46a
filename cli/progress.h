/**
 * What is being done, on stderr, once it has taken longer than a second: on a terminal one line that is rewritten and
 * removed at the end, elsewhere a line for each stage.
 */
#ifndef MGM_CLI_PROGRESS_H
#define MGM_CLI_PROGRESS_H

#include <stdbool.h>

struct progress;

/** NULL if quiet, or if there is no thread to be had; the other functions take that. */
struct progress *progress_start(bool quiet);
void progress_stage(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Between these two the caller may write to stderr; the line that shows the stage is out of the way. */
void progress_pause(struct progress *progress);
void progress_go_on(struct progress *progress);
void progress_stop(struct progress **progress);

#endif
