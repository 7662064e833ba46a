/** JSON as weights come with it: one object from bytes that nobody vouches for. */
#ifndef MGM_WEIGHTS_JSON_H
#define MGM_WEIGHTS_JSON_H

#include "base/context.h"

#include <stdint.h>

struct cJSON;

/**
 * @param what  that the bytes are wrong for: "NAME: WHAT" is the sentence
 * @param out   for cJSON_Delete
 * @return MGM_E_FORMAT unless the bytes are one JSON object of at most 2^22 values, with nothing but blanks around it and no
 *         control byte within
 */
MGM_MUST_CHECK enum mgm_status mgm_json_parse(struct mgm_context *ctx, const char *name, const char *what,
                                              const uint8_t *bytes, size_t size, struct cJSON **out);

/** JSON numbers arrive as doubles: from 2^53 on, a neighbour of what was written. @return whether item is a whole number
 *  below that */
bool mgm_json_whole(const struct cJSON *item, uint64_t *out);

#endif
