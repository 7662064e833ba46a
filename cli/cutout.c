#include "cutout.h"

#include "backdrop.h"
#include "models.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

const char *const cutout_foregrounds[] = {"model", "fast", "fine", "multi-level", "none", NULL};

struct cutout {
    struct mgm_context *ctx;
    const struct cutout_options *options;
    int bits;
    struct mgm_model *model;                /* NULL: none is needed */
    struct mgm_foreground_session *session; /* NULL: the photo's own colours */
    struct backdrop backdrop;
};

static enum mgm_status open_session(struct cutout *cutout)
{
    const struct cutout_options *options = cutout->options;
    char found[PATH_MAX];
    const char *path = options->model;
    if (strcmp(options->foreground, "none") == 0)
        return MGM_OK;
    if (strcmp(options->foreground, "model") == 0) {
        if (!path) {
            TRY(foreground_model_find(cutout->ctx, found, sizeof found));
            path = found;
        }
        TRY(mgm_foreground_model_load(cutout->ctx, path, &cutout->model));
    }
    return mgm_foreground_session_create(cutout->ctx, cutout->model, &cutout->session);
}

enum mgm_status cutout_open(struct mgm_context *ctx, const struct cutout_options *options, int bits, struct cutout **out)
{
    struct cutout *cutout = *out = mgm_alloc_zeroed(1, sizeof *cutout);
    if (!cutout)
        return mgm_fail_nomem(ctx, "a cutout");
    *cutout = (struct cutout){.ctx = ctx, .options = options, .bits = bits};
    enum mgm_status status = open_session(cutout);
    if (status == MGM_OK && options->background)
        status = backdrop_open(ctx, options->background, &cutout->backdrop);
    if (status != MGM_OK)
        cutout_close(out);
    return status;
}

void cutout_close(struct cutout **cutout)
{
    if (!*cutout)
        return;
    mgm_foreground_session_destroy(&(*cutout)->session);
    mgm_model_destroy(&(*cutout)->model);
    backdrop_release(&(*cutout)->backdrop);
    mgm_free(*cutout);
    *cutout = NULL;
}

size_t cutout_memory(const struct cutout_options *options, int threads, size_t pixels)
{
    const bool network = strcmp(options->foreground, "model") == 0, fine = strcmp(options->foreground, "fine") == 0;
    const size_t panes = (size_t)(network ? 1 : mgm_thread_count(threads)) << 20,
                 covered = pixels + pixels / 2; /* they overlap */
    if (strcmp(options->foreground, "none") == 0)
        return 0;
    return (panes < covered ? panes : covered) * (fine ? 128 : network ? 72 : 56) + (network ? (size_t)32 << 20 : 0);
}

int cutout_channels(const struct cutout_options *options)
{
    return options->background ? 3 : 4;
}

/* ---- pixels ----------------------------------------------------------------------------------------------------------- */

/** A value of one depth in another, rounded. */
static uint16_t convert(uint16_t value, int from, int to)
{
    return from == to ? value : from == 8 ? (uint16_t)(value * 257u) : (uint16_t)((value * 255u + 32767u) / 65535u);
}

static uint16_t value_at(const void *pixels, int bits, size_t index)
{
    return bits == 16 ? ((const uint16_t *)pixels)[index] : ((const uint8_t *)pixels)[index];
}

static void set_value(void *pixels, int bits, size_t index, uint16_t value)
{
    if (bits == 16)
        ((uint16_t *)pixels)[index] = value;
    else
        ((uint8_t *)pixels)[index] = (uint8_t)value;
}

/** The photo's own colours, but for those that alpha hides. */
static void copy_own(const struct cutout *cutout, const struct mgm_image *photo, const float *alpha, void *colours)
{
    const size_t count = (size_t)photo->width * (size_t)photo->height;
    for (size_t i = 0; i < 3 * count; i++)
        set_value(colours, photo->bits, i,
                  alpha[i / 3] > 0 || cutout->options->keep_hidden ? value_at(photo->pixels, photo->bits, i) : (uint16_t)0);
}

static enum mgm_foreground_method method_named(const char *name)
{
    return strcmp(name, "fine") == 0          ? MGM_FOREGROUND_FINE
           : strcmp(name, "multi-level") == 0 ? MGM_FOREGROUND_MULTI_LEVEL
                                              : MGM_FOREGROUND_FAST;
}

static enum mgm_status find_colours(struct cutout *cutout, const struct mgm_image *photo, const float *alpha,
                                    const char *name, void *colours, struct mgm_foreground_report *report)
{
    const struct mgm_foreground_settings settings = {.keep_hidden = cutout->options->keep_hidden,
                                                     .method = method_named(cutout->options->foreground)};
    if (!cutout->session) {
        copy_own(cutout, photo, alpha, colours);
        return MGM_OK;
    }
    const enum mgm_status status = mgm_foreground(cutout->session, photo, alpha, &settings, colours, report);
    if (status == MGM_OK)
        return MGM_OK;
    /* The library has never heard of files. */
    char reason[sizeof cutout->ctx->error];
    snprintf(reason, sizeof reason, "%s", mgm_context_error(cutout->ctx));
    return mgm_fail(cutout->ctx, status, "colours of %s: %s", image_file_name(name), reason);
}

/** α·F, or α·F + (1 − α)·B: sums of values as they are encoded, as the photo was taken to be one (docs/foreground.md). */
static uint16_t mix(uint16_t colour, float alpha, float background)
{
    return (uint16_t)((float)colour * alpha + background * (1 - alpha) + 0.5f);
}

static enum mgm_status fill_result(struct cutout *cutout, const void *colours, int from, const float *alpha,
                                   const struct mgm_image *result, void *pixels)
{
    const size_t count = (size_t)result->width * (size_t)result->height, channels = (size_t)result->channels;
    const bool over = cutout->options->background != NULL, times_alpha = cutout->options->premultiplied && !over;
    const float highest = result->bits == 16 ? 65535.0f : 255.0f;
    if (over)
        TRY(backdrop_fit(cutout->ctx, &cutout->backdrop, result->width, result->height));
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++) {
            uint16_t value = convert(value_at(colours, from, 3 * i + c), from, result->bits);
            if (over || times_alpha)
                value = mix(value, alpha[i], over ? backdrop_value(&cutout->backdrop, i, (int)c) * highest : 0);
            set_value(pixels, result->bits, channels * i + c, value);
        }
        if (channels == 4)
            set_value(pixels, result->bits, 4 * i + 3, (uint16_t)(alpha[i] * highest + 0.5f));
    }
    return MGM_OK;
}

static enum mgm_status make(struct cutout *cutout, const struct mgm_image *photo, float *alpha, const char *name,
                            struct mgm_image *result, void **pixels, struct mgm_foreground_report *report)
{
    const size_t count = (size_t)photo->width * (size_t)photo->height;
    const float highest = result->bits == 16 ? 65535.0f : 255.0f;
    for (size_t i = 0; i < count; i++) /* what is stored as opaque, or as nothing, must have colours that are so */
        alpha[i] = (float)(int)(alpha[i] * highest + 0.5f) / highest;
    result->stride = (size_t)result->width * (size_t)result->channels * (size_t)(result->bits / 8);
    void *colours = mgm_alloc(3 * count, (size_t)photo->bits / 8);
    result->pixels = *pixels = mgm_alloc(result->stride, (size_t)result->height);
    enum mgm_status status = colours && *pixels ? MGM_OK : mgm_fail_nomem(cutout->ctx, image_file_name(name));
    if (status == MGM_OK)
        status = find_colours(cutout, photo, alpha, name, colours, report);
    if (status == MGM_OK)
        status = fill_result(cutout, colours, photo->bits, alpha, result, *pixels);
    mgm_free(colours);
    return status;
}

enum mgm_status cutout_write(struct cutout *cutout, const struct photo *photo, float *alpha, const char *name,
                             const struct image_target *target, struct mgm_foreground_report *report)
{
    /* Backgrounds and linear light are those of sRGB. */
    const bool own = photo->own.memory && !cutout->options->background && !target->format->linear;
    const struct mgm_image *colours = own ? &photo->own.image : &photo->seen.image;
    struct mgm_image result = {.width = colours->width,
                               .height = colours->height,
                               .channels = cutout_channels(cutout->options),
                               .bits = cutout->bits             ? cutout->bits
                                       : target->format->linear ? 16
                                       : target->format->deep   ? colours->bits
                                                                : 8};
    void *pixels = NULL;
    *report = (struct mgm_foreground_report){0};
    enum mgm_status status = make(cutout, colours, alpha, name, &result, &pixels, report);
    if (status == MGM_OK)
        status =
            image_target_write(cutout->ctx, target, &result, own ? photo->profile : NULL, own ? photo->profile_size : 0);
    mgm_free(pixels);
    return status;
}
