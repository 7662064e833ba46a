#include "train/events.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of a protocol buffer's fields. */
enum wire { WIRE_VARINT = 0, WIRE_DOUBLE = 1, WIRE_BYTES = 2, WIRE_FLOAT = 5 };
enum { SESSION_START = 1, COLOURS_RGB = 3, RECORD_HEAD = 12, RECORD_TAIL = 4 };

uint32_t mgm_crc32c(const void *bytes, size_t size)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= ((const unsigned char *)bytes)[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/** As records have it, so that a checksum of something with checksums in it is no special case. */
static uint32_t masked(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static void put_le(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static size_t varint_length(uint64_t value)
{
    size_t length = 1;
    for (; value >= 128; value >>= 7)
        length++;
    return length;
}

static unsigned char *put_varint(unsigned char *at, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *at++ = (unsigned char)(value | 128);
    *at++ = (unsigned char)value;
    return at;
}

static unsigned char *put_key(unsigned char *at, int field, enum wire wire)
{
    return put_varint(at, (uint64_t)field << 3 | wire);
}

static unsigned char *put_bytes(unsigned char *at, int field, const void *bytes, size_t size)
{
    at = put_varint(put_key(at, field, WIRE_BYTES), size);
    if (size)
        memcpy(at, bytes, size);
    return at + size;
}

/** Bytes of a field of bytes whose key takes one byte, as all do here. */
static size_t field_length(size_t size)
{
    return 1 + varint_length(size) + size;
}

/** Room for more of the summary; NULL if memory ran out. */
static unsigned char *extend(struct mgm_events *events, size_t more)
{
    if (events->size + more > events->room) {
        const size_t room = 2 * (events->size + more);
        unsigned char *larger = mgm_alloc(room, 1);
        if (!larger)
            return NULL;
        if (events->size)
            memcpy(larger, events->summary, events->size);
        mgm_free(events->summary);
        events->summary = larger;
        events->room = room;
    }
    unsigned char *at = events->summary + events->size;
    events->size += more;
    return at;
}

void mgm_events_add_scalar(struct mgm_events *events, const char *tag, double value)
{
    const size_t length = strlen(tag), inner = field_length(length) + 1 + 4;
    const float simple = (float)value;
    uint32_t bits;
    memcpy(&bits, &simple, sizeof bits);
    unsigned char *at = events->file ? extend(events, field_length(inner)) : NULL;
    if (!at)
        return;
    at = put_varint(put_key(at, 1, WIRE_BYTES), inner);
    at = put_key(put_bytes(at, 1, tag, length), 2, WIRE_FLOAT);
    put_le(at, bits, 4);
}

void mgm_events_add_picture(struct mgm_events *events, const char *tag, int width, int height, const void *encoded,
                            size_t size)
{
    const size_t length = strlen(tag),
                 picture = 1 + varint_length((uint64_t)height) + 1 + varint_length((uint64_t)width) + 2 + field_length(size),
                 inner = field_length(length) + field_length(picture);
    unsigned char *at = events->file ? extend(events, field_length(inner)) : NULL;
    if (!at)
        return;
    at = put_varint(put_key(at, 1, WIRE_BYTES), inner);
    at = put_varint(put_key(put_bytes(at, 1, tag, length), 4, WIRE_BYTES), picture);
    at = put_varint(put_key(at, 1, WIRE_VARINT), (uint64_t)height);
    at = put_varint(put_key(at, 2, WIRE_VARINT), (uint64_t)width);
    at = put_varint(put_key(at, 3, WIRE_VARINT), COLOURS_RGB);
    put_bytes(at, 4, encoded, size);
}

/** @param field  of the event, that the bytes are */
static void write_event(struct mgm_events *events, int64_t step, int field, const void *bytes, size_t size)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const double wall = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    const size_t length = 9 + 1 + varint_length((uint64_t)step) + field_length(size);
    unsigned char *record = mgm_alloc(RECORD_HEAD + length + RECORD_TAIL, 1), *at = record;
    uint64_t bits;
    if (!record)
        return;
    memcpy(&bits, &wall, sizeof bits);
    put_le(record, length, 8);
    put_le(record + 8, masked(mgm_crc32c(record, 8)), 4);
    at = put_key(record + RECORD_HEAD, 1, WIRE_DOUBLE);
    put_le(at, bits, 8);
    at = put_varint(put_key(at + 8, 2, WIRE_VARINT), (uint64_t)step);
    at = put_bytes(at, field, bytes, size);
    put_le(at, masked(mgm_crc32c(record + RECORD_HEAD, length)), 4);
    fwrite(record, 1, RECORD_HEAD + length + RECORD_TAIL, events->file);
    fflush(events->file);
    mgm_free(record);
}

void mgm_events_write(struct mgm_events *events, int64_t step)
{
    if (events->file && events->size)
        write_event(events, step, 5, events->summary, events->size);
    events->size = 0;
}

enum mgm_status mgm_events_open(struct mgm_context *ctx, const char *folder, int64_t step, struct mgm_events *out)
{
    static const char version[] = "brain.Event:2";
    const unsigned char session[2] = {1 << 3 | WIRE_VARINT, SESSION_START};
    char path[4096];
    long long moment = (long long)time(NULL);
    *out = (struct mgm_events){0};
    do /* two in one second */
        snprintf(path, sizeof path, "%s/events.out.tfevents.%010lld.mgm", folder, moment++);
    while (access(path, F_OK) == 0);
    out->file = fopen(path, "wb");
    if (!out->file)
        return mgm_fail(ctx, MGM_E_IO, "cannot write %s: %s", path, strerror(errno));
    write_event(out, 0, 3, version, sizeof version - 1);
    write_event(out, step, 7, session, sizeof session);
    return MGM_OK;
}

void mgm_events_close(struct mgm_events *events)
{
    if (events->file)
        fclose(events->file);
    mgm_free(events->summary);
    *events = (struct mgm_events){0};
}
