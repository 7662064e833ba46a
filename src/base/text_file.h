/** Small text files, whole. */
#ifndef MGM_BASE_TEXT_FILE_H
#define MGM_BASE_TEXT_FILE_H

#include "base/context.h"

/**
 * Reads a file and puts a zero behind it.
 * @param most  larger ones are refused with MGM_E_FORMAT
 * @param text  for mgm_free; NULL on error
 * @param size  without the zero
 * @return MGM_E_IO, MGM_E_FORMAT, MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_text_file_read(struct mgm_context *ctx, const char *path, size_t most, char **text,
                                                  size_t *size);

#endif
