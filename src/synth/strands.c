#include "synth/strands.h"

#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_3 = 296, HEADER_4 = 160 };
static const long FILE_MAX = 1L << 30;

/* The files are little-endian. */
static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static float read_f32(const unsigned char *bytes)
{
    uint32_t bits = read_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static enum mgm_status copy_positions(struct mgm_context *ctx, const char *name, const unsigned char *bytes, size_t stride,
                                      struct mgm_strands *out)
{
    size_t count = (size_t)out->count * (size_t)out->vertices;
    out->positions = mgm_alloc(count * 3, sizeof *out->positions);
    if (!out->positions)
        return mgm_fail_nomem(ctx, name);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 3; k++) {
            float value = read_f32(bytes + i * stride + 4 * k);
            if (!(fabsf(value) < 1e6f)) {
                mgm_strands_release(out);
                return mgm_fail(ctx, MGM_E_FORMAT, "%s: position %zu is not a finite number below a million", name, i);
            }
            out->positions[3 * i + k] = value;
        }
    }
    return MGM_OK;
}

enum mgm_status mgm_strands_parse(struct mgm_context *ctx, const char *name, const unsigned char *bytes, size_t size,
                                  struct mgm_strands *out)
{
    *out = (struct mgm_strands){0};
    if (size < HEADER_4)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: %zu bytes are too few for a strand file's header", name, size);
    float version = read_f32(bytes);
    if (version != 3.0f && version != 4.0f)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: not a strand file of version 3 or 4", name);
    uint32_t count = read_u32(bytes + 4), vertices = read_u32(bytes + 8);
    if (count < 1 || count > MGM_STRANDS_MAX || vertices < 2 || vertices > MGM_STRAND_VERTICES_MAX)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: %u strands of %u vertices; 1 … %d of 2 … %d are expected", name, count,
                        vertices, MGM_STRANDS_MAX, MGM_STRAND_VERTICES_MAX);
    bool old = version < 3.5f;
    size_t stride = old ? 12 : 16, offset = old ? HEADER_3 : read_u32(bytes + 12);
    size_t needed = (size_t)count * vertices * stride;
    if ((!old && offset < HEADER_4) || offset > size || needed > size - offset || (old && needed != size - offset))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: %u strands of %u vertices need %zu bytes from byte %zu on; the file has %zu",
                        name, count, vertices, needed, offset, size);
    out->count = (int)count;
    out->vertices = (int)vertices;
    return copy_positions(ctx, name, bytes + offset, stride, out);
}

enum mgm_status mgm_strands_read(struct mgm_context *ctx, const char *path, struct mgm_strands *out)
{
    *out = (struct mgm_strands){0};
    unsigned char *bytes = NULL;
    enum mgm_status status;
    long size = 0;
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
        status = mgm_fail(ctx, MGM_E_IO, "%s: %s", path, strerror(errno));
        goto done;
    }
    if (size < 1 || size > FILE_MAX) {
        status = mgm_fail(ctx, MGM_E_FORMAT, "%s: %ld bytes cannot be a strand file", path, size);
        goto done;
    }
    bytes = mgm_alloc((size_t)size, 1);
    if (!bytes) {
        status = mgm_fail_nomem(ctx, path);
        goto done;
    }
    if (fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        status = mgm_fail(ctx, MGM_E_IO, "%s: cannot be read to its end", path);
        goto done;
    }
    status = mgm_strands_parse(ctx, path, bytes, (size_t)size, out);
done:
    mgm_free(bytes);
    if (file)
        fclose(file);
    return status;
}

void mgm_strands_release(struct mgm_strands *strands)
{
    mgm_free(strands->positions);
    *strands = (struct mgm_strands){0};
}
