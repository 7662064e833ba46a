#include "weights/pickle_stack.h"

#include "base/memory.h"

#include <string.h>

enum { MAX_OBJECTS = 1 << 20, MAX_ITEMS = 1 << 22 };

enum mgm_status pickle_damaged(struct mgm_pickle *p, const char *what)
{
    return mgm_fail(p->ctx, MGM_E_FORMAT, "%s: damaged, or no checkpoint of PyTorch's: %s (byte %zu of its pickle)", p->name,
                    what, p->at);
}

enum mgm_status pickle_append(struct mgm_pickle *p, struct pickle_items *items, struct pickle_value value)
{
    if (items->count == items->capacity) {
        size_t capacity = items->capacity ? 2 * items->capacity : 8;
        struct pickle_value *values = mgm_alloc(capacity, sizeof *values);
        if (!values)
            return mgm_fail_nomem(p->ctx, p->name);
        if (items->count)
            memcpy(values, items->values, items->count * sizeof *values);
        mgm_free(items->values);
        items->values = values;
        items->capacity = capacity;
    }
    items->values[items->count++] = value;
    return MGM_OK;
}

enum mgm_status pickle_push(struct mgm_pickle *p, struct pickle_value value)
{
    if (p->stack.count == PICKLE_MAX_STACK)
        return pickle_damaged(p, "more values at once than any checkpoint has");
    return pickle_append(p, &p->stack, value);
}

size_t pickle_floor(const struct mgm_pickle *p)
{
    return p->marks.count ? (size_t)p->marks.values[p->marks.count - 1].integer : 0;
}

enum mgm_status pickle_pop(struct mgm_pickle *p, struct pickle_value *value)
{
    *value = (struct pickle_value){0};
    if (p->stack.count <= pickle_floor(p))
        return pickle_damaged(p, "a value is missing");
    *value = p->stack.values[--p->stack.count];
    return MGM_OK;
}

enum mgm_status pickle_peek(struct mgm_pickle *p, struct pickle_value **value)
{
    *value = NULL;
    if (p->stack.count <= pickle_floor(p))
        return pickle_damaged(p, "a value is missing");
    *value = &p->stack.values[p->stack.count - 1];
    return MGM_OK;
}

enum mgm_status pickle_add_item(struct mgm_pickle *p, struct pickle_items *items, struct pickle_value value)
{
    if (++p->item_count > MAX_ITEMS)
        return pickle_damaged(p, "more items than any checkpoint has");
    return pickle_append(p, items, value);
}

enum mgm_status pickle_push_object(struct mgm_pickle *p, enum pickle_kind kind, size_t count)
{
    if (p->stack.count - pickle_floor(p) < count)
        return pickle_damaged(p, "a value is missing");
    if (++p->object_count > MAX_OBJECTS)
        return pickle_damaged(p, "more objects than any checkpoint has");
    struct pickle_items *items = mgm_alloc_zeroed(1, sizeof *items);
    if (!items)
        return mgm_fail_nomem(p->ctx, p->name);
    items->older = p->newest;
    p->newest = items;
    for (size_t i = p->stack.count - count; i < p->stack.count; i++)
        TRY(pickle_add_item(p, items, p->stack.values[i]));
    p->stack.count -= count;
    return pickle_push(p, (struct pickle_value){.kind = kind, .items = items});
}

enum mgm_status pickle_pop_mark(struct mgm_pickle *p, size_t *count)
{
    *count = 0;
    if (!p->marks.count)
        return pickle_damaged(p, "a mark is missing");
    *count = p->stack.count - pickle_floor(p);
    p->marks.count--;
    return MGM_OK;
}

void mgm_pickle_destroy(struct mgm_pickle **handle)
{
    struct mgm_pickle *p = *handle;
    if (!p)
        return;
    for (struct pickle_items *items = p->newest, *older; items; items = older) {
        older = items->older;
        mgm_free(items->values);
        mgm_free(items);
    }
    mgm_free(p->stack.values);
    mgm_free(p->memo.values);
    mgm_free(p->storages.values);
    mgm_free(p->marks.values);
    mgm_free(p);
    *handle = NULL;
}

const struct pickle_value *mgm_pickle_top(const struct mgm_pickle *pickle)
{
    return &pickle->stack.values[0];
}

const struct pickle_items *mgm_pickle_storages(const struct mgm_pickle *pickle)
{
    return &pickle->storages;
}

bool mgm_pickle_text_is(const struct pickle_value *value, const char *text)
{
    return value->kind == PICKLE_TEXT && value->length == strlen(text) && memcmp(value->text, text, value->length) == 0;
}

const struct pickle_value *mgm_pickle_lookup(const struct pickle_value *dict, const char *key)
{
    if (dict->kind != PICKLE_DICT)
        return NULL;
    for (size_t i = dict->items->count; i >= 2; i -= 2)
        if (mgm_pickle_text_is(&dict->items->values[i - 2], key))
            return &dict->items->values[i - 1];
    return NULL;
}
