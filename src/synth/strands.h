/** Hair groomings: strand files (TressFX *.tfx), parsed from memory. */
#ifndef MGM_SYNTH_STRANDS_H
#define MGM_SYNTH_STRANDS_H

#include "base/context.h"

enum { MGM_STRAND_VERTICES_MAX = 128, MGM_STRANDS_MAX = 1 << 20 };

struct mgm_strands {
    int count;        /* strands */
    int vertices;     /* of each strand, root first */
    float *positions; /* [count, vertices, 3]; x, y (up), z */
};

/**
 * Parses a strand file: float32 version, uint32 strands, uint32 vertices per strand; version 3: positions as float3 from
 * byte 296 to the end; version 4: uint32 at byte 12 = offset of the positions, float4 each, other data may follow. Strict:
 * every count is checked against the size, positions must be finite and below 1e6.
 * @param name  for messages
 * @param out   owned by the caller, mgm_strands_release
 * @return MGM_E_FORMAT, MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_strands_parse(struct mgm_context *ctx, const char *name, const unsigned char *bytes,
                                                 size_t size, struct mgm_strands *out);

/** Reads the file and parses it. @return also MGM_E_IO */
MGM_MUST_CHECK enum mgm_status mgm_strands_read(struct mgm_context *ctx, const char *path, struct mgm_strands *out);
void mgm_strands_release(struct mgm_strands *strands);

#endif
