/**
 * For tests of the program: a folder of its own for each test, files to feed it with, and a way to run it. Everything here
 * fails the running cmocka test when something does not work.
 */
#ifndef MGM_TESTS_WORKSHOP_H
#define MGM_TESTS_WORKSHOP_H

/* cmocka's header wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "matting/foreground.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/** set-up and tear-down of a test: an empty folder; everything in it is removed again. */
int workshop_open(void **state);
int workshop_close(void **state);
/** A folder with photo.png (colours), mask.png (a disc) of that size, and w.safetensors (a narrow network, random). */
int workshop_open_with_pictures(void **state, int width, int height);

/** Full name of a file in the folder; one of a few buffers, so use it soon. */
const char *in_workshop(const char *name);
/** Files and folders that lie in it, not those further down. */
int count_files(void);
int count_files_in(const char *name);

struct run {
    int status; /* exit status; −1: ended by a signal */
    char out[16384], err[4096];
};

/** Runs the program (environment MGM_PROGRAM) with these arguments; the last one is NULL. */
struct run run_mgm(const char *first, ...) __attribute__((sentinel));
/** The same, when no file may become longer than limit bytes. */
struct run run_mgm_limited(size_t limit, const char *first, ...) __attribute__((sentinel));
/** The same, with standard input from, and standard output to, a file; NULL: none, and struct run. */
struct run run_mgm_redirected(const char *in, const char *out, const char *first, ...) __attribute__((sentinel));

void expect_success(const struct run *run);
/** Exit status, a part of the message, and that the folder holds as many files as before. */
void expect_failure(const struct run *run, int status, const char *part, int files_before);

enum motif { MOTIF_COLOURS, MOTIF_DISC, MOTIF_TRIMAP, MOTIF_SOFT, MOTIF_EMPTY };

/** What a picture shows at a pixel: 0 … 255. */
int motif_at(enum motif motif, int width, int height, int x, int y, int channel);
/** Writes a picture; the extension decides the format. bits is 8 or 16; an orientation other than 0 goes into its EXIF part.
 */
void make_picture(const char *name, enum motif motif, int width, int height, int channels, int bits, int orientation);

struct pixels {
    int width, height, channels;
    int bits;        /* in the file: 8 or 16 */
    uint8_t *values; /* of 16 bit, the upper byte; release with free */
};
struct pixels read_pixels(const char *name);

void write_text(const char *name, const char *text);
void cut_file(const char *name, double share);

/** Random weights. @param described  with architecture and width in the metadata */
void make_weights(const char *name, double width, bool described);

/** Random weights of a colour network, with architecture and width in the metadata, and what training wrote. */
void make_colour_weights(const char *name, double width, enum mgm_colour_kind kind);

/** The number called name in the object that was printed. */
double number_in(const cJSON *object, const char *name);

#endif
