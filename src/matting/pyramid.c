/* A photo's matte from coarse to fine. */
#include "base/memory.h"
#include "base/parallel.h"
#include "matting/method.h"
#include "matting/network.h"
#include "matting/reduce.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of one level above the one before, along an axis. */
static const double STEP_MOST = 4;

enum {
    SIDE_MOST = 1280,
    HALO = 32,       /* of panes, in pixels */
    BAND = 2 * 8 + 1 /* ellipse that widens what is uncertain of a level: only there the next one has a say. In its pixels */
};

/* One picture of the pyramid. */
struct level {
    int width, height;
    struct mgm_image photo;
    bool owned;   /* the photo, made smaller here */
    float *alpha; /* [height, width] */
};

/* How much larger than the first level, along an axis, the photo is. */
static double scale_of(const struct mgm_matte_job *job)
{
    return sqrt((double)job->photo->width * (double)job->photo->height / MGM_PYRAMID_FIRST);
}

static struct level size_level(const struct mgm_matte_job *job, double scale)
{
    return (struct level){.width = (int)fmax(1, round(job->photo->width * scale)),
                          .height = (int)fmax(1, round(job->photo->height * scale))};
}

/* The photo at a level's size, and room for its matte. */
static enum mgm_status make_level(const struct mgm_matte_job *job, double scale, struct level *level)
{
    struct mgm_context *ctx = job->session->ctx;
    const struct mgm_image *photo = job->photo;
    *level = size_level(job, scale);
    level->owned = true;
    level->alpha = mgm_alloc((size_t)level->width * (size_t)level->height, sizeof *level->alpha);
    if (!level->alpha)
        return mgm_fail_nomem(ctx, "a smaller matte");
    return mgm_reduce_photo(ctx, photo, level->width, level->height, &level->photo);
}

static void release_level(struct level *level)
{
    if (level->owned) {
        mgm_free((void *)level->photo.pixels);
        mgm_free(level->alpha);
    }
    *level = (struct level){0};
}

/* A mask or a trimap made smaller has values in between where it had none. */
static void sharpen_guidance(enum mgm_guidance kind, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (kind == MGM_GUIDANCE_TRIMAP && values[i] > 0 && values[i] < 1)
            values[i] = 0.5f;
        else if (kind == MGM_GUIDANCE_MASK || kind == MGM_GUIDANCE_TRIMAP_FG)
            values[i] = values[i] >= 0.5f;
    }
}

/* In one piece where that fits into memory, else in panes. */
static enum mgm_status run_whole(const struct mgm_matte_job *job)
{
    size_t bytes;
    TRY(mgm_matte_memory(job, job->frame.height, job->frame.width, &bytes));
    return bytes > job->memory ? mgm_matte_in_panes(job) : mgm_matte_in_one_piece(job);
}

static enum mgm_status run_first(const struct mgm_matte_job *job, struct level *level)
{
    struct mgm_context *ctx = job->session->ctx;
    const size_t count = (size_t)level->width * (size_t)level->height;
    TRY(mgm_reduce_plane(ctx, job->alpha, job->photo->width, job->photo->height, level->width, level->height, level->alpha));
    sharpen_guidance(job->report->guidance, level->alpha, count);
    struct mgm_matte_job smaller = *job;
    smaller.photo = &level->photo;
    smaller.alpha = level->alpha;
    smaller.keeps_component = false; /* of the whole, at the end */
    smaller.frame = mgm_frame_around(level->width, level->height, false);
    return run_whole(&smaller);
}

struct stretching {
    const struct mgm_plane *plane;
    int width, height;
    const int *columns;
    float *dst;
};

static void stretch_rows(void *argument, size_t begin, size_t end)
{
    const struct stretching *job = argument;
    for (size_t y = begin; y < end; y++)
        mgm_plane_read(job->plane, job->width, job->height, (int)y, job->columns, job->width,
                       job->dst + y * (size_t)job->width);
}

static enum mgm_status stretch(struct mgm_context *ctx, const struct mgm_plane *plane, int width, int height, float *dst)
{
    int *columns = mgm_alloc((size_t)width, sizeof *columns);
    if (!columns)
        return mgm_fail_nomem(ctx, "a larger matte");
    for (int x = 0; x < width; x++)
        columns[x] = x;
    struct stretching job = {plane, width, height, columns, dst};
    mgm_parallel_for(ctx->threads, (size_t)height, stretch_rows, &job);
    mgm_free(columns);
    return MGM_OK;
}

/* What a finer level is made of: the coarser one's matte, and where it is not certain. */
struct coarser {
    struct mgm_plane alpha, band;
    float *values; /* of band */
};

static enum mgm_status find_band(struct mgm_context *ctx, const struct level *level, struct coarser *out)
{
    const size_t count = (size_t)level->width * (size_t)level->height;
    uint8_t *unknown = mgm_alloc(count, 1);
    float *values = mgm_alloc(count, sizeof *values);
    enum mgm_status status = unknown && values ? MGM_OK : mgm_fail_nomem(ctx, "where the matte is uncertain");
    if (status == MGM_OK)
        status = mgm_uncertain_region(ctx, level->alpha, level->height, level->width, BAND, unknown);
    for (size_t i = 0; i < count && status == MGM_OK; i++)
        values[i] = unknown[i];
    mgm_free(unknown);
    *out = (struct coarser){{level->alpha, level->width, level->height}, {values, level->width, level->height}, values};
    return status;
}

/* The visited pane's share of the photo: rows and columns of it that lie in the photo. */
struct share {
    int rows, columns;
};

static struct share share_of(const struct mgm_pane_visit *visit, const struct level *level)
{
    const int rows = level->height - visit->y, columns = level->width - visit->x;
    return (struct share){rows < visit->panes.side_h ? rows : visit->panes.side_h,
                          columns < visit->panes.side_w ? columns : visit->panes.side_w};
}

static bool is_uncertain(const struct mgm_pane_visit *visit, const struct level *level, const struct coarser *coarser,
                         const int *columns, float *row)
{
    const struct share share = share_of(visit, level);
    for (int y = 0; y < share.rows; y++) {
        mgm_plane_read(&coarser->band, level->width, level->height, visit->y + y, columns, share.columns, row);
        for (int x = 0; x < share.columns; x++)
            if (row[x] * visit->weights_y[y] * visit->weights_x[x] > 0)
                return true;
    }
    return false;
}

/* What the pane adds to the coarser matte: nothing outside the band. */
static void keep_band(struct mgm_pane_visit *visit, const struct level *level, const struct coarser *coarser,
                      const int *columns, float *row)
{
    const struct share share = share_of(visit, level);
    float *band = row, *before = row + visit->panes.side_w;
    for (int y = 0; y < share.rows; y++) {
        const size_t begin = (size_t)y * (size_t)visit->panes.side_w;
        mgm_plane_read(&coarser->band, level->width, level->height, visit->y + y, columns, share.columns, band);
        mgm_plane_read(&coarser->alpha, level->width, level->height, visit->y + y, columns, share.columns, before);
        for (int x = 0; x < share.columns; x++) {
            float *alpha = &visit->planes.alpha[begin + (size_t)x];
            *alpha = band[x] * (*alpha - before[x]);
            visit->planes.unknown_os4[begin + (size_t)x] &= band[x] > 0;
            visit->planes.unknown_os1[begin + (size_t)x] &= band[x] > 0;
        }
    }
}

static enum mgm_status run_panes(const struct mgm_matte_job *job, struct level *level, const struct coarser *coarser,
                                 struct mgm_pane_visit *visit)
{
    struct mgm_context *ctx = job->session->ctx;
    const struct mgm_frame frame = mgm_frame_around(level->width, level->height, false);
    const int side = visit->panes.side_w;
    int *columns = mgm_alloc((size_t)side, sizeof *columns);
    float *row = mgm_alloc((size_t)side, 2 * sizeof *row);
    enum mgm_status status = columns && row ? MGM_OK : mgm_fail_nomem(ctx, "a part of the picture");
    while (status == MGM_OK && mgm_pane_visit_next(visit)) {
        for (int x = 0; x < side; x++)
            columns[x] = visit->x + x;
        if (!is_uncertain(visit, level, coarser, columns, row))
            continue;
        status = mgm_matte_pane(job, &level->photo, &frame, &coarser->alpha, visit->y, visit->x, &visit->planes);
        if (status != MGM_OK)
            break;
        keep_band(visit, level, coarser, columns, row);
        mgm_pane_add(visit, &frame, level->height, level->width, level->alpha, job->report);
    }
    mgm_free(columns);
    mgm_free(row);
    mgm_limit_alpha(level->alpha, (size_t)level->height * (size_t)level->width);
    return status;
}

static enum mgm_status choose_panes(const struct mgm_matte_job *job, const struct level *level, struct mgm_panes *panes)
{
    const struct mgm_frame frame = mgm_frame_around(level->width, level->height, false);
    const size_t pixels = (size_t)level->height * (size_t)level->width,
                 whole = (size_t)job->photo->height * (size_t)job->photo->width;
    /* A copy of the photo with its matte, unless it is the caller's; what is uncertain of the level before. */
    const size_t own = (pixels < whole ? pixels * (3 * (size_t)(job->photo->bits / 8) + sizeof(float)) : 0) + pixels / 2;
    int side;
    TRY(mgm_choose_pane(job, SIDE_MOST, job->memory > own ? job->memory - own : 0, &side));
    *panes = mgm_panes_over(frame.height, frame.width, side, HALO);
    return MGM_OK;
}

static enum mgm_status run_finer(const struct mgm_matte_job *job, const struct level *below, struct level *level)
{
    struct mgm_session *session = job->session;
    struct mgm_panes panes;
    TRY(choose_panes(job, level, &panes));
    struct mgm_pane_visit visit = {0};
    struct coarser coarser;
    job->report->uncertain_os4 = job->report->uncertain_os1 = 0; /* of the finest level */
    enum mgm_status status = find_band(session->ctx, below, &coarser);
    if (status == MGM_OK)
        status = stretch(session->ctx, &coarser.alpha, level->width, level->height, level->alpha);
    if (status == MGM_OK)
        status = mgm_session_prepare(session, 1, panes.side_h, panes.side_w, job->precision, false);
    if (status == MGM_OK)
        status = mgm_pane_visit_begin(session->ctx, &panes, &visit);
    if (status == MGM_OK)
        status = run_panes(job, level, &coarser, &visit);
    mgm_pane_visit_end(&visit);
    mgm_free(coarser.values);
    return status;
}

enum mgm_status mgm_matte_by_pyramid(const struct mgm_matte_job *job)
{
    const double whole = scale_of(job);
    if (whole <= 1) {
        struct mgm_matte_job only = *job;
        only.keeps_component = false; /* of the photo, at the end */
        return run_whole(&only);
    }
    const int steps = (int)ceil(log(whole) / log(STEP_MOST) - 1e-9);
    struct level below = {0}, level = {0};
    enum mgm_status status = make_level(job, 1 / whole, &below);
    if (status == MGM_OK)
        status = run_first(job, &below);
    for (int i = 1; i <= steps && status == MGM_OK; i++) {
        if (i < steps)
            status = make_level(job, pow(whole, (double)i / steps - 1), &level);
        else
            level = (struct level){job->photo->width, job->photo->height, *job->photo, false, job->alpha};
        if (status == MGM_OK)
            status = run_finer(job, &below, &level);
        release_level(&below);
        below = level;
        level = (struct level){0};
    }
    release_level(&below);
    return status;
}

enum mgm_status mgm_pyramid_make_ready(const struct mgm_matte_job *job)
{
    struct mgm_session *session = job->session;
    const struct level whole = {job->photo->width, job->photo->height}, first = size_level(job, 1 / scale_of(job));
    struct mgm_panes panes;
    size_t bytes;
    if (scale_of(job) <= 1)
        return mgm_matte_make_piece_ready(job);
    const struct mgm_frame frame = mgm_frame_around(first.width, first.height, false);
    TRY(choose_panes(job, &whole, &panes));
    TRY(mgm_session_prepare(session, 1, panes.side_h, panes.side_w, job->precision, false));
    TRY(mgm_matte_memory(job, frame.height, frame.width, &bytes));
    return bytes > job->memory ? MGM_OK : mgm_session_prepare(session, 1, frame.height, frame.width, job->precision, false);
}
