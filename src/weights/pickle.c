#include "weights/pickle_stack.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MAX_MEMO = 1 << 20, MAX_SIZE = 64 << 20 };
enum { HIGHEST_PROTOCOL = 2, MAX_NAME = 120 };

/* Everything that a pickle may name. */
static const struct pickle_global whitelist[] = {
    {"torch._utils", "_rebuild_tensor_v2", PICKLE_REBUILD_TENSOR, MGM_DTYPE_OTHER},
    {"torch._utils", "_rebuild_parameter", PICKLE_REBUILD_PARAMETER, MGM_DTYPE_OTHER},
    {"collections", "OrderedDict", PICKLE_ORDERED_DICT, MGM_DTYPE_OTHER},
    {"torch", "FloatStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_F32},
    {"torch", "HalfStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_F16},
    {"torch", "BFloat16Storage", PICKLE_STORAGE_TYPE, MGM_DTYPE_BF16},
    {"torch", "DoubleStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_F64},
    {"torch", "LongStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_I64},
    {"torch", "IntStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_I32},
    {"torch", "ShortStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_I16},
    {"torch", "CharStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_I8},
    {"torch", "ByteStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_U8},
    {"torch", "BoolStorage", PICKLE_STORAGE_TYPE, MGM_DTYPE_BOOL},
};

/* ---- reading the bytes ---------------------------------------------------------------------------------------------- */

static enum mgm_status take(struct mgm_pickle *p, size_t count, const uint8_t **bytes)
{
    *bytes = p->bytes + p->at;
    if (p->size - p->at < count)
        return mgm_fail(p->ctx, MGM_E_FORMAT, "%s: truncated: its pickle ends early (byte %zu)", p->name, p->size);
    p->at += count;
    return MGM_OK;
}

/* Little-endian, of 1 to 8 bytes. */
static enum mgm_status take_unsigned(struct mgm_pickle *p, int bytes, uint64_t *value)
{
    const uint8_t *at;
    *value = 0;
    TRY(take(p, (size_t)bytes, &at));
    for (int i = 0; i < bytes; i++)
        *value |= (uint64_t)at[i] << (8 * i);
    return MGM_OK;
}

static enum mgm_status push_integer(struct mgm_pickle *p, int bytes)
{
    uint64_t value;
    TRY(take_unsigned(p, bytes, &value));
    int64_t number = bytes == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
    return pickle_push(p, (struct pickle_value){.kind = PICKLE_INTEGER, .integer = number});
}

/* LONG1: two's complement of any length. */
static enum mgm_status push_long(struct mgm_pickle *p)
{
    uint64_t length, value = 0;
    const uint8_t *at;
    TRY(take_unsigned(p, 1, &length));
    TRY(take(p, length, &at));
    if (length > 8)
        return pickle_push(p, (struct pickle_value){.kind = PICKLE_HUGE});
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t byte = i < length ? at[i] : length && (at[length - 1] & 0x80) ? 0xFF : 0;
        value |= byte << (8 * i);
    }
    return pickle_push(p, (struct pickle_value){.kind = PICKLE_INTEGER, .integer = (int64_t)value});
}

static enum mgm_status push_real(struct mgm_pickle *p)
{
    const uint8_t *at;
    uint64_t bits = 0;
    double real;
    TRY(take(p, 8, &at)); /* big-endian, unlike everything else */
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | at[i];
    memcpy(&real, &bits, sizeof real);
    return pickle_push(p, (struct pickle_value){.kind = PICKLE_REAL, .real = real});
}

static enum mgm_status push_text(struct mgm_pickle *p, int length_bytes)
{
    uint64_t length;
    const uint8_t *at;
    TRY(take_unsigned(p, length_bytes, &length));
    TRY(take(p, length, &at));
    return pickle_push(p, (struct pickle_value){.kind = PICKLE_TEXT, .length = (uint32_t)length, .text = (const char *)at});
}

/* A line of the pickle, printable, for comparing and for messages. */
static enum mgm_status take_line(struct mgm_pickle *p, char line[MAX_NAME])
{
    const uint8_t *at;
    size_t length = 0;
    for (;;) {
        TRY(take(p, 1, &at));
        line[length] = 0;
        if (*at == '\n')
            return MGM_OK;
        if (length < MAX_NAME - 1)
            line[length++] = isprint(*at) ? (char)*at : '?';
    }
}

static enum mgm_status push_global(struct mgm_pickle *p)
{
    char module[MAX_NAME], name[MAX_NAME];
    TRY(take_line(p, module));
    TRY(take_line(p, name));
    for (size_t i = 0; i < sizeof whitelist / sizeof *whitelist; i++)
        if (strcmp(module, whitelist[i].module) == 0 && strcmp(name, whitelist[i].name) == 0)
            return pickle_push(p, (struct pickle_value){.kind = PICKLE_GLOBAL, .global = &whitelist[i]});
    return mgm_fail(
        p->ctx, MGM_E_UNSUPPORTED,
        "%s: refused: its pickle asks for '%s.%s'; expected nothing but tensors, their storages and dictionaries "
        "(nothing of it was executed)",
        p->name, module, name);
}

/* ---- opcodes that build --------------------------------------------------------------------------------------------- */

static enum mgm_status remember(struct mgm_pickle *p, int index_bytes)
{
    uint64_t index;
    struct pickle_value *value;
    TRY(take_unsigned(p, index_bytes, &index));
    TRY(pickle_peek(p, &value));
    if (index >= MAX_MEMO || index > p->memo.count)
        return pickle_damaged(p, "values are not remembered in order");
    if (index == p->memo.count)
        return pickle_append(p, &p->memo, *value);
    p->memo.values[index] = *value;
    return MGM_OK;
}

static enum mgm_status recall(struct mgm_pickle *p, int index_bytes)
{
    uint64_t index;
    TRY(take_unsigned(p, index_bytes, &index));
    if (index >= p->memo.count)
        return pickle_damaged(p, "a value is used that was never remembered");
    return pickle_push(p, p->memo.values[index]);
}

/* Moves the count uppermost values into the list, or the dictionary, below them. */
static enum mgm_status add_to_container(struct mgm_pickle *p, enum pickle_kind kind, size_t count)
{
    if (p->stack.count - pickle_floor(p) <= count)
        return pickle_damaged(p, "a value is missing");
    size_t first = p->stack.count - count;
    struct pickle_value target = p->stack.values[first - 1];
    if (target.kind != kind || (kind == PICKLE_DICT && count % 2))
        return pickle_damaged(p, kind == PICKLE_DICT ? "expected a dictionary and pairs for it" : "expected a list");
    for (size_t i = first; i < p->stack.count; i++)
        TRY(pickle_add_item(p, target.items, p->stack.values[i]));
    p->stack.count = first;
    return MGM_OK;
}

/* OrderedDict(), or OrderedDict([[key, value], …]) as Python 2 wrote it. */
static enum mgm_status make_dict(struct mgm_pickle *p, const struct pickle_items *arguments)
{
    TRY(pickle_push_object(p, PICKLE_DICT, 0));
    struct pickle_items *dict = p->newest;
    if (!arguments->count)
        return MGM_OK;
    struct pickle_value list = arguments->values[0];
    if (arguments->count != 1 || list.kind != PICKLE_LIST)
        return pickle_damaged(p, "expected a list of pairs for a dictionary");
    for (size_t i = 0; i < list.items->count; i++) {
        struct pickle_value pair = list.items->values[i];
        if ((pair.kind != PICKLE_LIST && pair.kind != PICKLE_TUPLE) || pair.items->count != 2)
            return pickle_damaged(p, "expected a list of pairs for a dictionary");
        TRY(pickle_add_item(p, dict, pair.items->values[0]));
        TRY(pickle_add_item(p, dict, pair.items->values[1]));
    }
    return MGM_OK;
}

/* What Python would call is merely put down as what it stands for. */
static enum mgm_status reduce(struct mgm_pickle *p)
{
    struct pickle_value arguments, called;
    TRY(pickle_pop(p, &arguments));
    TRY(pickle_pop(p, &called));
    if (called.kind != PICKLE_GLOBAL || called.global->action == PICKLE_STORAGE_TYPE || arguments.kind != PICKLE_TUPLE)
        return pickle_damaged(p, "expected a function and its arguments");
    if (called.global->action == PICKLE_ORDERED_DICT)
        return make_dict(p, arguments.items);
    if (called.global->action == PICKLE_REBUILD_TENSOR)
        return pickle_push(p, (struct pickle_value){.kind = PICKLE_TENSOR, .items = arguments.items});
    if (!arguments.items->count || arguments.items->values[0].kind != PICKLE_TENSOR)
        return pickle_damaged(p, "expected a tensor for a parameter");
    return pickle_push(p, arguments.items->values[0]);
}

/* Attributes of an ordered dictionary (a state_dict's "_metadata"): of no use here. */
static enum mgm_status build(struct mgm_pickle *p)
{
    struct pickle_value state, *target;
    TRY(pickle_pop(p, &state));
    TRY(pickle_peek(p, &target));
    return target->kind == PICKLE_DICT ? MGM_OK : pickle_damaged(p, "expected a dictionary");
}

static enum mgm_status persistent(struct mgm_pickle *p)
{
    struct pickle_value id;
    TRY(pickle_pop(p, &id));
    if (id.kind != PICKLE_TUPLE)
        return pickle_damaged(p, "expected what a storage consists of");
    id.kind = PICKLE_STORAGE;
    TRY(pickle_add_item(p, &p->storages, id));
    return pickle_push(p, id);
}

static enum mgm_status check_protocol(struct mgm_pickle *p)
{
    uint64_t protocol;
    TRY(take_unsigned(p, 1, &protocol));
    if (protocol > HIGHEST_PROTOCOL)
        return mgm_fail(p->ctx, MGM_E_UNSUPPORTED, "%s: a pickle of protocol %d; expected 2, which PyTorch writes", p->name,
                        (int)protocol);
    return MGM_OK;
}

/* ---- the machine ---------------------------------------------------------------------------------------------------- */

static enum mgm_status step_marked(struct mgm_pickle *p, uint8_t opcode)
{
    size_t count;
    TRY(pickle_pop_mark(p, &count));
    switch (opcode) {
    case 't':
        return pickle_push_object(p, PICKLE_TUPLE, count);
    case 'e':
        return add_to_container(p, PICKLE_LIST, count);
    default: /* 'u' */
        return add_to_container(p, PICKLE_DICT, count);
    }
}

static enum mgm_status step_scalar(struct mgm_pickle *p, uint8_t opcode)
{
    switch (opcode) {
    case 'N':
        return pickle_push(p, (struct pickle_value){.kind = PICKLE_NONE});
    case 0x88:
    case 0x89:
        return pickle_push(p, (struct pickle_value){.kind = PICKLE_BOOL, .integer = opcode == 0x88});
    case 'J':
        return push_integer(p, 4);
    case 'K':
        return push_integer(p, 1);
    case 'M':
        return push_integer(p, 2);
    case 0x8A:
        return push_long(p);
    case 'G':
        return push_real(p);
    case 'X':
    case 'T': /* Python 2 */
        return push_text(p, 4);
    case 'U':
        return push_text(p, 1);
    case 'c':
        return push_global(p);
    default:
        return mgm_fail(p->ctx, MGM_E_FORMAT,
                        "%s: damaged, or no checkpoint of PyTorch's: opcode 0x%02X (byte %zu of its pickle) is none that it "
                        "writes",
                        p->name, opcode, p->at - 1);
    }
}

static enum mgm_status step(struct mgm_pickle *p, uint8_t opcode)
{
    switch (opcode) {
    case 0x80:
        return check_protocol(p);
    case '.':
        p->done = true;
        return MGM_OK;
    case '(':
        return p->marks.count == PICKLE_MAX_STACK
                   ? pickle_damaged(p, "more marks than any checkpoint has")
                   : pickle_append(p, &p->marks,
                                   (struct pickle_value){.kind = PICKLE_INTEGER, .integer = (int64_t)p->stack.count});
    case 't':
    case 'e':
    case 'u':
        return step_marked(p, opcode);
    case ')':
    case 0x85:
    case 0x86:
    case 0x87:
        return pickle_push_object(p, PICKLE_TUPLE, opcode == ')' ? 0 : opcode - 0x84u);
    case ']':
        return pickle_push_object(p, PICKLE_LIST, 0);
    case '}':
        return pickle_push_object(p, PICKLE_DICT, 0);
    case 'a':
        return add_to_container(p, PICKLE_LIST, 1);
    case 's':
        return add_to_container(p, PICKLE_DICT, 2);
    case 'q':
    case 'r':
        return remember(p, opcode == 'q' ? 1 : 4);
    case 'h':
    case 'j':
        return recall(p, opcode == 'h' ? 1 : 4);
    case 'R':
        return reduce(p);
    case 'b':
        return build(p);
    case 'Q':
        return persistent(p);
    default:
        return step_scalar(p, opcode);
    }
}

static enum mgm_status run(struct mgm_pickle *p)
{
    const uint8_t *opcode;
    while (!p->done) {
        TRY(take(p, 1, &opcode));
        TRY(step(p, *opcode));
    }
    return p->stack.count == 1 && !p->marks.count ? MGM_OK : pickle_damaged(p, "it does not end with one value");
}

enum mgm_status mgm_pickle_read(struct mgm_context *ctx, const char *name, const uint8_t *bytes, size_t size, size_t *used,
                                struct mgm_pickle **out)
{
    *out = NULL;
    struct mgm_pickle *p = mgm_alloc_zeroed(1, sizeof *p);
    if (!p)
        return mgm_fail_nomem(ctx, name);
    p->ctx = ctx;
    p->name = name;
    p->bytes = bytes;
    p->size = size < MAX_SIZE ? size : MAX_SIZE;
    enum mgm_status status = run(p);
    *used = p->at;
    if (status != MGM_OK)
        mgm_pickle_destroy(&p);
    *out = p;
    return status;
}
