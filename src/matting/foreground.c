#include "matting/foreground.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "matting/foreground_network.h"
#include "matting/foreground_split.h"
#include "matting/frame.h"
#include "matting/panes.h"

#include <string.h>

enum { MAX_SIDE = 1 << 20 };

struct mgm_foreground_session {
    struct mgm_context *ctx;
    struct mgm_colour_network network; /* its model NULL: the classical estimate */
};

struct mgm_foreground_settings mgm_foreground_settings_defaults(void)
{
    return (struct mgm_foreground_settings){.keep_hidden = false};
}

enum mgm_status mgm_foreground_session_create(struct mgm_context *ctx, const struct mgm_model *model,
                                              struct mgm_foreground_session **out)
{
    *out = NULL;
    if (model && !model->colour)
        return mgm_fail(ctx, MGM_E_INVALID, "'%s' is a model for mattes; one for foreground colours was expected",
                        model->name);
    *out = mgm_alloc_zeroed(1, sizeof **out);
    if (!*out)
        return mgm_fail_nomem(ctx, "a session");
    (*out)->ctx = ctx;
    (*out)->network = (struct mgm_colour_network){.ctx = ctx, .model = model};
    return MGM_OK;
}

void mgm_foreground_session_destroy(struct mgm_foreground_session **session)
{
    if (!*session)
        return;
    mgm_colour_network_release(&(*session)->network);
    mgm_free(*session);
    *session = NULL;
}

/** One picture on its way. */
struct painting {
    struct mgm_foreground_session *session;
    const struct mgm_image *photo;
    const float *alpha;
    void *dst;
    float highest; /* of the photo's values */
    enum mgm_foreground_method method;
};

static size_t pixel_at(const struct painting *p, int y, int x)
{
    return (size_t)y * (size_t)p->photo->width + (size_t)x;
}

static void put_value(const struct painting *p, size_t index, uint16_t value)
{
    if (p->photo->bits == 16)
        ((uint16_t *)p->dst)[index] = value;
    else
        ((uint8_t *)p->dst)[index] = (uint8_t)value;
}

static void put_colour(const struct painting *p, size_t index, float colour)
{
    put_value(p, index, (uint16_t)((colour < 0 ? 0 : colour > 1 ? 1 : colour) * p->highest + 0.5f));
}

static bool is_mixed(float alpha)
{
    return alpha > 0 && alpha < 1;
}

/* ---- in panes --------------------------------------------------------------------------------------------------------- */

/*
 * The estimate takes 50 bytes a pixel, its second step 125, so that large photos are cut into panes, which threads take one
 * by one; with a network, which uses all threads itself, one after the other. Far from a mixture colours do not matter to
 * either: a halo as wide as hair is long on a small picture is enough.
 */
enum { PANE_SIDE = 1024, PANE_HALO = 64 };

struct job {
    const struct painting *painting;
    struct mgm_panes panes;
    enum mgm_status *statuses; /* [panes] */
    size_t computed;           /* pixels in the network's windows */
};

/** The part of a pane that lies in the photo. */
struct part {
    int y, x, h, w;
    float *image, *alpha; /* [h, w, 3], [h, w] */
    float *weights_y, *weights_x;
};

/** Whether a row is this pane's: of two panes that overlap, the one that counts more has it. Both say nearly the same. */
static bool owns_row(const struct part *part, int y)
{
    return part->weights_y[y] > 0.5f;
}

static bool is_wanted(const struct part *part, int x, float alpha)
{
    return is_mixed(alpha) && part->weights_x[x] > 0.5f;
}

static bool has_wanted(const struct painting *p, const struct part *part)
{
    for (int y = 0; y < part->h; y++) {
        const float *alpha = p->alpha + pixel_at(p, part->y + y, part->x);
        for (int x = 0; x < part->w && owns_row(part, y); x++)
            if (is_wanted(part, x, alpha[x]))
                return true;
    }
    return false;
}

/** @param colours  [h, w, stride] */
static void take_colours(const struct painting *p, const struct part *part, const float *colours, size_t stride)
{
    for (int y = 0; y < part->h; y++) {
        const float *alpha = part->alpha + (size_t)y * (size_t)part->w;
        const size_t to = pixel_at(p, part->y + y, part->x), from = (size_t)y * (size_t)part->w;
        for (int x = 0; x < part->w && owns_row(part, y); x++)
            for (size_t c = 0; c < 3 && is_wanted(part, x, alpha[x]); c++)
                put_colour(p, 3 * (to + (size_t)x) + c, colours[(from + (size_t)x) * stride + c]);
    }
}

/** @param estimate  NULL: the network needs none */
static enum mgm_status run_network(struct job *job, const struct part *part, const float *estimate)
{
    const struct painting *p = job->painting;
    const size_t pixels = (size_t)part->h * (size_t)part->w;
    float *colours = mgm_alloc(pixels, 4 * sizeof *colours), *wanted = colours ? colours + 3 * pixels : NULL;
    if (!colours)
        return MGM_E_NOMEM;
    for (int y = 0; y < part->h; y++)
        for (int x = 0; x < part->w; x++) {
            const size_t at = (size_t)y * (size_t)part->w + (size_t)x;
            wanted[at] = owns_row(part, y) && is_wanted(part, x, part->alpha[at]) ? part->alpha[at] : 0;
        }
    const struct mgm_colour_piece piece = {part->h, part->w, part->image, part->alpha, wanted, estimate};
    const enum mgm_status status = mgm_colour_network_run(&p->session->network, &piece, colours, &job->computed);
    if (status == MGM_OK)
        take_colours(p, part, colours, 3);
    mgm_free(colours);
    return status;
}

static void load_part(const struct painting *p, const struct part *part)
{
    const size_t w = (size_t)part->w;
    const float highest = p->highest;
    for (int y = 0; y < part->h; y++) {
        const unsigned char *row = (const unsigned char *)p->photo->pixels + (size_t)(part->y + y) * p->photo->stride;
        const uint8_t *bytes = row + 3 * (size_t)part->x;
        const uint16_t *words = (const uint16_t *)(const void *)row + 3 * (size_t)part->x;
        float *image = part->image + 3 * (size_t)y * w;
        memcpy(part->alpha + (size_t)y * w, p->alpha + pixel_at(p, part->y + y, part->x), w * sizeof *part->alpha);
        if (p->photo->bits == 16)
            for (size_t i = 0; i < 3 * w; i++)
                image[i] = (float)words[i] / highest;
        else
            for (size_t i = 0; i < 3 * w; i++)
                image[i] = (float)bytes[i] / highest;
    }
}

static enum mgm_status find_part(struct job *job, struct part *part)
{
    const struct painting *p = job->painting;
    const struct mgm_model *model = p->session->network.model;
    float *estimate = NULL;
    load_part(p, part);
    if (!model || model->kind == MGM_COLOUR_REFINING)
        TRY(mgm_foreground_estimate(
            NULL, p->method == MGM_FOREGROUND_MULTI_LEVEL ? &mgm_estimate_published : &mgm_estimate_thorough, part->h,
            part->w, part->image, part->alpha, &estimate));
    enum mgm_status status = MGM_OK;
    if (p->method == MGM_FOREGROUND_FINE)
        status = mgm_foreground_split(NULL, part->h, part->w, part->image, part->alpha, estimate);
    if (status == MGM_OK && model)
        status = run_network(job, part, estimate);
    else if (status == MGM_OK)
        take_colours(p, part, estimate, MGM_ESTIMATE_STRIDE);
    mgm_free(estimate);
    return status;
}

static enum mgm_status find_pane(struct job *job, int index)
{
    const struct painting *p = job->painting;
    const struct mgm_panes *panes = &job->panes;
    const int row = index / panes->columns, column = index % panes->columns;
    struct part part = {.y = mgm_pane_begin(panes->height, panes->side_h, panes->rows, row),
                        .x = mgm_pane_begin(panes->width, panes->side_w, panes->columns, column)};
    part.h = p->photo->height - part.y < panes->side_h ? p->photo->height - part.y : panes->side_h;
    part.w = p->photo->width - part.x < panes->side_w ? p->photo->width - part.x : panes->side_w;
    const size_t pixels = (size_t)part.h * (size_t)part.w;
    float *weights = mgm_alloc((size_t)panes->side_h + (size_t)panes->side_w, sizeof *weights), *values = NULL;
    enum mgm_status status = weights ? MGM_OK : MGM_E_NOMEM;
    if (status == MGM_OK) {
        part.weights_y = weights;
        part.weights_x = weights + panes->side_h;
        mgm_pane_weights(panes->height, panes->side_h, panes->rows, row, part.weights_y);
        mgm_pane_weights(panes->width, panes->side_w, panes->columns, column, part.weights_x);
        if (has_wanted(p, &part)) {
            values = mgm_alloc(pixels, 4 * sizeof *values);
            part.image = values;
            part.alpha = values ? values + 3 * pixels : NULL;
            status = values ? find_part(job, &part) : MGM_E_NOMEM;
        }
    }
    mgm_free(values);
    mgm_free(weights);
    return status;
}

static void find_panes(void *argument, size_t begin, size_t end)
{
    struct job *job = argument;
    for (size_t i = begin; i < end; i++)
        job->statuses[i] = find_pane(job, (int)i);
}

static enum mgm_status find_colours(const struct painting *p, struct mgm_foreground_report *report)
{
    struct mgm_context *ctx = p->session->ctx;
    const struct mgm_frame frame = mgm_frame_around(p->photo->width, p->photo->height, false);
    struct job job = {p, mgm_panes_over(frame.height, frame.width, PANE_SIDE, PANE_HALO), NULL, 0};
    const size_t count = (size_t)job.panes.rows * (size_t)job.panes.columns;
    enum mgm_status status = MGM_OK;
    job.statuses = mgm_alloc_zeroed(count, sizeof *job.statuses);
    if (!job.statuses)
        return mgm_fail_nomem(ctx, "foreground colours");
    mgm_parallel_for(p->session->network.model ? 1 : ctx->threads, count, find_panes, &job);
    for (size_t i = 0; i < count && status == MGM_OK; i++)
        status = job.statuses[i];
    mgm_free(job.statuses);
    report->computed = (double)job.computed / ((double)p->photo->width * (double)p->photo->height);
    return status == MGM_E_NOMEM ? mgm_fail_nomem(ctx, "foreground colours")
                                 : status; /* else the network has left its sentence */
}

/* ---- a photo ---------------------------------------------------------------------------------------------------------- */

static enum mgm_status check_arguments(struct mgm_context *ctx, const struct mgm_image *photo, const float *alpha)
{
    if (photo->width < 1 || photo->height < 1 || photo->width > MAX_SIDE || photo->height > MAX_SIDE || !photo->pixels)
        return mgm_fail(ctx, MGM_E_INVALID, "the photo is %d×%d pixels; sides from 1 to %d can be computed", photo->width,
                        photo->height, MAX_SIDE);
    if (photo->channels != 3 || (photo->bits != 8 && photo->bits != 16))
        return mgm_fail(ctx, MGM_E_INVALID, "the photo has %d channels of %d bit; 3 of 8 or 16 bit were expected",
                        photo->channels, photo->bits);
    const size_t row = (size_t)photo->width * 3 * (size_t)(photo->bits / 8);
    if (photo->stride < row || (photo->bits == 16 && (photo->stride % 2 || (uintptr_t)photo->pixels % 2)))
        return mgm_fail(ctx, MGM_E_INVALID, "the photo's rows of %zu bytes are too short for %d pixels, or not aligned",
                        photo->stride, photo->width);
    for (size_t i = 0; i < (size_t)photo->width * (size_t)photo->height; i++)
        if (!(alpha[i] >= 0 && alpha[i] <= 1))
            return mgm_fail(ctx, MGM_E_INVALID, "an alpha of %g; 0 to 1 was expected", (double)alpha[i]);
    return MGM_OK;
}

/** The photo's own values, but for those that alpha hides. @return share of the pixels that are mixtures */
static double copy_own(const struct painting *p, bool keep_hidden)
{
    const struct mgm_image *photo = p->photo;
    const size_t w = (size_t)photo->width, bytes = 3 * (size_t)photo->bits / 8;
    size_t mixed = 0;
    for (size_t y = 0; y < (size_t)photo->height; y++) {
        const float *alpha = p->alpha + y * w;
        unsigned char *dst = (unsigned char *)p->dst + y * w * bytes;
        memcpy(dst, (const unsigned char *)photo->pixels + y * photo->stride, w * bytes);
        for (size_t x = 0; x < w; x++)
            mixed += alpha[x] > 0 && alpha[x] < 1;
        for (size_t x = 0; x < w && !keep_hidden; x++)
            if (alpha[x] <= 0)
                memset(dst + x * bytes, 0, bytes);
    }
    return (double)mixed / ((double)photo->width * (double)photo->height);
}

enum mgm_status mgm_foreground(struct mgm_foreground_session *session, const struct mgm_image *photo, const float *alpha,
                               const struct mgm_foreground_settings *settings, void *colours,
                               struct mgm_foreground_report *report)
{
    const struct mgm_foreground_settings chosen = settings ? *settings : mgm_foreground_settings_defaults();
    struct mgm_foreground_report ignored, *facts = report ? report : &ignored;
    const double start = mgm_clock_seconds();
    TRY(check_arguments(session->ctx, photo, alpha));
    const struct painting painting = {.session = session,
                                      .photo = photo,
                                      .alpha = alpha,
                                      .dst = colours,
                                      .method = session->network.model ? MGM_FOREGROUND_FAST : chosen.method,
                                      .highest = photo->bits == 16 ? 65535.0f : 255.0f};
    *facts = (struct mgm_foreground_report){.mixed = copy_own(&painting, chosen.keep_hidden)};
    if (facts->mixed > 0)
        TRY(find_colours(&painting, facts));
    facts->seconds = mgm_clock_seconds() - start;
    return MGM_OK;
}
