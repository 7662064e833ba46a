/**
 * Pickles, as far as PyTorch writes them into checkpoints: data in, data out. Nothing is ever looked up, imported or called:
 * a pickle that names anything but tensors, storages and ordered dictionaries is refused, by that name.
 *
 * Known are the opcodes that PyTorch's protocol 2 uses. A value refers to others instead of holding them, as in the pickle
 * itself, so it may even hold itself: whoever reads a value goes down only as far as it knows the way. Limits: 64 MB,
 * 2^20 objects, 2^22 items in them, 2^20 remembered values, 2^20 on the stack.
 */
#ifndef MGM_WEIGHTS_PICKLE_H
#define MGM_WEIGHTS_PICKLE_H

#include "weights/safetensors.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INTEGER,
    PICKLE_REAL,
    PICKLE_TEXT,
    PICKLE_HUGE,    /* an integer beyond 64 bits */
    PICKLE_GLOBAL,  /* a name of the whitelist */
    PICKLE_TUPLE,   /* items */
    PICKLE_LIST,    /* items */
    PICKLE_DICT,    /* key, value, key, value …; ordered dictionaries too */
    PICKLE_STORAGE, /* what a persistent id consists of: "storage", type, key, place, size … */
    PICKLE_TENSOR,  /* what _rebuild_tensor_v2 takes: storage, offset, sizes, strides … */
};

struct pickle_value {
    enum pickle_kind kind;
    uint32_t length; /* of the text */
    union {
        int64_t integer; /* BOOL: 0 or 1 */
        double real;
        const char *text; /* in the pickle's bytes, without a zero behind it */
        const struct pickle_global *global;
        struct pickle_items *items; /* TUPLE and what comes after it */
    };
};

struct pickle_items {
    struct pickle_items *older; /* all of a pickle are chained, to be released */
    struct pickle_value *values;
    size_t count, capacity;
};

enum pickle_action { PICKLE_REBUILD_TENSOR, PICKLE_REBUILD_PARAMETER, PICKLE_ORDERED_DICT, PICKLE_STORAGE_TYPE };

struct pickle_global {
    const char *module, *name;
    enum pickle_action action;
    enum mgm_dtype dtype; /* of a storage type */
};

struct mgm_pickle;

/**
 * Reads the one pickle at the beginning of bytes, which must outlive the result.
 * @param name  of the file, for messages
 * @param used  bytes that it took
 * @return MGM_E_UNSUPPORTED for a name beyond the whitelist, MGM_E_FORMAT for what is no pickle of PyTorch's or beyond a
 * limit
 */
MGM_MUST_CHECK enum mgm_status mgm_pickle_read(struct mgm_context *ctx, const char *name, const uint8_t *bytes, size_t size,
                                               size_t *used, struct mgm_pickle **out);
/** Takes NULL in the handle. */
void mgm_pickle_destroy(struct mgm_pickle **pickle);

/** The value that the pickle stands for. Borrowed, as all that follows. */
const struct pickle_value *mgm_pickle_top(const struct mgm_pickle *pickle);
/** Every storage that it mentions, each as often as it does. */
const struct pickle_items *mgm_pickle_storages(const struct mgm_pickle *pickle);

bool mgm_pickle_text_is(const struct pickle_value *value, const char *text);
/** The last value of that key; NULL if dict is none or has no such key. */
const struct pickle_value *mgm_pickle_lookup(const struct pickle_value *dict, const char *key);

#endif
