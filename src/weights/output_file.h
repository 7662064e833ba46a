/**
 * A file that appears under its name only when it is whole: written without a name, or, where the file system cannot do
 * that, beside it under another; renamed at the end, removed on failure.
 */
#ifndef MGM_WEIGHTS_OUTPUT_FILE_H
#define MGM_WEIGHTS_OUTPUT_FILE_H

#include "base/context.h"

#include <stdio.h>

struct mgm_output_file {
    struct mgm_context *ctx;
    char *path, *temporary;
    bool nameless; /* temporary is not there yet */
    FILE *stream;
};

MGM_MUST_CHECK enum mgm_status mgm_output_file_open(struct mgm_context *ctx, const char *path, struct mgm_output_file *out);
MGM_MUST_CHECK enum mgm_status mgm_output_file_write(struct mgm_output_file *file, const void *bytes, size_t size);
/** Hands all that was written to the system, so that a full disk is noticed while the file can still be discarded. */
MGM_MUST_CHECK enum mgm_status mgm_output_file_flush(struct mgm_output_file *file);
/** Makes the file appear. Releases everything, on failure too. */
MGM_MUST_CHECK enum mgm_status mgm_output_file_finish(struct mgm_output_file *file);
/** Removes what was written. Takes a zeroed or finished file too. */
void mgm_output_file_discard(struct mgm_output_file *file);

#endif
