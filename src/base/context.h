/**
 * The context: where a failure leaves its sentence, and how many threads a computation may use.
 * Whoever detects an error calls mgm_fail(); everyone above passes the status on with TRY().
 */
#ifndef MGM_BASE_CONTEXT_H
#define MGM_BASE_CONTEXT_H

#include "mgm.h"

enum { MGM_DEVICE_LENGTH = 16 };

struct mgm_context {
    char error[1024];
    size_t max_memory; /* bytes; 0: half of the machine's */
    int threads; /* 0: as many as the process may use */
    char precision[8]; /* as mgm_context_set_precision() takes it; "": auto */
    char device[MGM_DEVICE_LENGTH]; /* as nn/backend.h names them; "": the CPU */
};

/** Records the sentence and returns status, so that `return mgm_fail(…)` is the whole error path. ctx may be NULL. */
enum mgm_status mgm_fail(struct mgm_context *ctx, enum mgm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** mgm_fail for memory: "not enough memory for WHAT". */
enum mgm_status mgm_fail_nomem(struct mgm_context *ctx, const char *what);

/** Passes a failure on. Only where the function owns nothing that must be released. */
#define TRY(expression)                                                                                                    \
    do {                                                                                                                   \
        enum mgm_status try_status_ = (expression);                                                                        \
        if (try_status_ != MGM_OK)                                                                                         \
            return try_status_;                                                                                            \
    } while (0)

#endif
