/**
 * What becomes of a photo and its matte: the picture that is written. Shared by mgm matte and mgm foreground, with the options
 * that decide it.
 */
#ifndef MGM_CLI_CUTOUT_H
#define MGM_CLI_CUTOUT_H

#include "image_file.h"

#include "mgm.h"

/** As the command line has them. */
struct cutout_options {
    const char *foreground; /* one of cutout_foregrounds: where colours come from */
    const char *model;      /* path of the colour network's weights; NULL: the default ones */
    const char *background; /* a colour, or the path of a picture, to lay the cutout over; NULL: the result is transparent */
    bool keep_hidden;       /* the photo's own colours where alpha is 0, else black */
    bool premultiplied;     /* colours times alpha */
};

/** "model", "fast", "fine" (fast, gone on from), "multi-level" (as published) and "none" (the photo's own colours, old background and all); ends with NULL. */
extern const char *const cutout_foregrounds[];

/** Entries of a command's table of options. @param member  of type struct cutout_options in the command's values */
#define CUTOUT_OPTIONS(values, member)                                                                                      \
    {"foreground", 0, OPTION_CHOICE, offsetof(values, member.foreground), "HOW",                                     \
     "colours without the old background: by a network, by a fast estimate, by a finer one, by one as published, or the photo's own (fast)",            \
     .choices = cutout_foregrounds},                                                                                        \
    {"foreground-model", 0, OPTION_TEXT, offsetof(values, member.model), "PATH",                                     \
     "weights of that network; none come with mgm, so --foreground model needs them"},                                                \
    {"background", 0, OPTION_TEXT, offsetof(values, member.background), "COLOUR|IMAGE",                              \
     "lay the cutout over a colour (#rrggbb, white, black, …) or a picture, which is made to cover it"},                    \
    {"keep-hidden", 0, OPTION_FLAG, offsetof(values, member.keep_hidden), NULL,                                      \
     "keep the photo's colours where alpha is 0; else they are cleared"},                                                   \
    {"premultiplied", 0, OPTION_FLAG, offsetof(values, member.premultiplied), NULL,                                  \
     "colours times alpha, as some programs want them (EXR: always)"}

/** What cutouts are made with; kept from picture to picture. */
struct cutout;

/**
 * Reads the model and the background.
 * @param options  borrowed with its strings; must outlive the cutout
 * @param bits     of a channel of what is written: 8, 16; 0: as the photo, where the format can
 */
MGM_MUST_CHECK enum mgm_status cutout_open(struct mgm_context *ctx, const struct cutout_options *options, int bits,
                                           struct cutout **out);
/** Takes NULL in it too. */
void cutout_close(struct cutout **cutout);

/** What finding a photo's colours takes at most, in bytes, besides the photo and the result: a pane for each thread. */
size_t cutout_memory(const struct cutout_options *options, int threads, size_t pixels);

/** Channels of what is written: 4, or 3 with a background. */
int cutout_channels(const struct cutout_options *options);

/**
 * Makes the picture and writes it.
 * @param alpha   f32 [h, w] of the photo's size; is rounded to the steps in which it is stored
 * @param name    the photo's, for sentences
 * @param report  of the colours; zeroed where they are the photo's own
 */
MGM_MUST_CHECK enum mgm_status cutout_write(struct cutout *cutout, const struct photo *photo, float *alpha, const char *name,
                                            const struct image_target *target, struct mgm_foreground_report *report);

#endif
