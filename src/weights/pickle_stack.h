/** What the reader of pickles works with: its stack, its objects, and their end. The opcodes are in pickle.c. */
#ifndef MGM_WEIGHTS_PICKLE_STACK_H
#define MGM_WEIGHTS_PICKLE_STACK_H

#include "weights/pickle.h"

enum { PICKLE_MAX_STACK = 1 << 20 };

struct mgm_pickle {
    struct mgm_context *ctx;
    const char *name; /* only while it is read */
    const uint8_t *bytes;
    size_t size, at;
    struct pickle_items *newest; /* all objects */
    size_t object_count, item_count;
    struct pickle_items stack, memo, storages;
    struct pickle_items marks; /* INTEGER: height of the stack */
    bool done;
};

/** @return MGM_E_FORMAT, with a sentence that ends in what */
enum mgm_status pickle_damaged(struct mgm_pickle *p, const char *what);

/** Without a limit of its own: for the stack, the memo, the marks. */
MGM_MUST_CHECK enum mgm_status pickle_append(struct mgm_pickle *p, struct pickle_items *items, struct pickle_value value);
/** The same for what counts as an item of an object. */
MGM_MUST_CHECK enum mgm_status pickle_add_item(struct mgm_pickle *p, struct pickle_items *items, struct pickle_value value);

/** Height below which nothing may be taken from the stack: that of the last mark. */
size_t pickle_floor(const struct mgm_pickle *p);
MGM_MUST_CHECK enum mgm_status pickle_push(struct mgm_pickle *p, struct pickle_value value);
MGM_MUST_CHECK enum mgm_status pickle_pop(struct mgm_pickle *p, struct pickle_value *value);
/** The value on top, which stays. */
MGM_MUST_CHECK enum mgm_status pickle_peek(struct mgm_pickle *p, struct pickle_value **value);
/** Pushes a new object that takes the count uppermost values from the stack; it is then p->newest. */
MGM_MUST_CHECK enum mgm_status pickle_push_object(struct mgm_pickle *p, enum pickle_kind kind, size_t count);
/** Removes the last mark. @param count  values above it */
MGM_MUST_CHECK enum mgm_status pickle_pop_mark(struct mgm_pickle *p, size_t *count);

#endif
