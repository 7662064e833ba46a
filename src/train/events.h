/**
 * Event files as TensorBoard reads them: records of protocol-buffer messages, each with checksums of its length and of itself.
 * Of the messages only what is needed is written: scalars, and pictures that are encoded already.
 *     record   u64 length, u32 masked CRC-32C of these 8 bytes, the message, u32 masked CRC-32C of the message
 *     Event    wall_time = 1 (double), step = 2 (int64), file_version = 3, summary = 5, session_log = 7
 *     Summary  value = 1: tag = 1, simple_value = 2 (float), image = 4: height 1, width 2, colorspace 3, encoded 4
 */
#ifndef MGM_TRAIN_EVENTS_H
#define MGM_TRAIN_EVENTS_H

#include "base/context.h"

#include <stdio.h>

struct mgm_events {
    FILE *file; /* NULL: closed */
    unsigned char *summary; /* of the event that is being put together */
    size_t size, room;
};

/**
 * Makes a file of its own in the folder, "events.out.tfevents.TIME.mgm", that begins a session at a step: what other files of
 * the folder hold of later steps was lost.
 * @return MGM_E_IO
 */
MGM_MUST_CHECK enum mgm_status mgm_events_open(struct mgm_context *ctx, const char *folder, int64_t step,
                                               struct mgm_events *out);

/** Takes a zeroed or closed one too. */
void mgm_events_close(struct mgm_events *events);

/* An event is put together of values and pictures, then written. Where that fails it is lost, as lines of a log are. */
void mgm_events_add_scalar(struct mgm_events *events, const char *tag, double value);
/** @param encoded  a JPEG or PNG file */
void mgm_events_add_picture(struct mgm_events *events, const char *tag, int width, int height, const void *encoded,
                            size_t size);
void mgm_events_write(struct mgm_events *events, int64_t step);

/** CRC-32C (Castagnoli), as everyone computes it. */
uint32_t mgm_crc32c(const void *bytes, size_t size);

#endif
