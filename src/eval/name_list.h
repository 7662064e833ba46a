/** Lists of file names, as data sets come with: one a line. */
#ifndef MGM_EVAL_NAME_LIST_H
#define MGM_EVAL_NAME_LIST_H

#include "base/context.h"

struct mgm_name_list {
    int count;
    char **names; /* in the order of the list */
    char *text;   /* what they lie in */
};

/**
 * Lines may end with or without a carriage return; empty ones, and blanks around a name, count for nothing.
 * @param name  of the list, for the sentence
 * @return MGM_E_FORMAT if it names nothing, or something that is no plain name (it has a slash, a control character, is "."
 *         or ".."), or more than a million
 */
MGM_MUST_CHECK enum mgm_status mgm_name_list_parse(struct mgm_context *ctx, const char *name, const char *text, size_t size,
                                                   struct mgm_name_list *out);

/** The same from a file of at most 64 MB. @return MGM_E_IO too */
MGM_MUST_CHECK enum mgm_status mgm_name_list_read(struct mgm_context *ctx, const char *path, struct mgm_name_list *out);

/** Takes a zeroed one too. */
void mgm_name_list_release(struct mgm_name_list *list);

#endif
