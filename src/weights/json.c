#include "weights/json.h"

#include "base/memory.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <string.h>

enum { MAX_VALUES = 1 << 22 };

/* Each value takes some 64 bytes once it is read, even a mere 0: without a limit, a few bytes would become many. */
static bool has_few_values(const uint8_t *text, size_t length)
{
    size_t values = 1;
    for (size_t i = 0; i < length; i++)
        values += text[i] == ',' || text[i] == '{' || text[i] == '[';
    return values <= MAX_VALUES;
}

/* The parser takes control bytes within texts (a zero would end one early) and whatever follows the value. */
static bool is_all(const char *text, size_t length, const char *parsed_end)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
            return false;
    return strspn(parsed_end, " \t\n\r") == length - (size_t)(parsed_end - text);
}

enum mgm_status mgm_json_parse(struct mgm_context *ctx, const char *name, const char *what, const uint8_t *bytes,
                               size_t size, cJSON **out)
{
    *out = NULL;
    if (!has_few_values(bytes, size))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: its JSON has more values than any weights have (%d)", name, MAX_VALUES);
    /* A copy with a zero behind it: releases of the parser before 1.7.18 read one byte further than they may. */
    char *text = mgm_alloc(size + 1, 1);
    if (!text)
        return mgm_fail_nomem(ctx, name);
    if (size)
        memcpy(text, bytes, size);
    text[size] = 0;
    const char *end = text;
    errno = 0; /* tells want of memory, which the parser does not */
    cJSON *object = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    bool out_of_memory = !object && errno == ENOMEM, valid = cJSON_IsObject(object) && is_all(text, size, end);
    mgm_free(text);
    if (valid) {
        *out = object;
        return MGM_OK;
    }
    cJSON_Delete(object);
    return out_of_memory ? mgm_fail_nomem(ctx, name) : mgm_fail(ctx, MGM_E_FORMAT, "%s: %s", name, what);
}

bool mgm_json_whole(const cJSON *item, uint64_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble >= 0x1p53 ||
        floor(item->valuedouble) != item->valuedouble)
        return false;
    *out = (uint64_t)item->valuedouble;
    return true;
}
