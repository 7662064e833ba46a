/* A matte from photo and mask, whatever their size. */
#include "base/memory.h"
#include "image/components.h"
#include "matting/guidance.h"
#include "matting/method.h"
#include "matting/network.h"
#include "matting/precision.h"
#include "matting/reduce.h"

#include <math.h>
#include <string.h>

enum { DILATE_MAX = 255 };

const char *mgm_method_name(enum mgm_method method)
{
    static const char *const names[] = {"auto", "piece", "panes", "pyramid"};
    return method >= MGM_METHOD_AUTO && method <= MGM_METHOD_PYRAMID ? names[method] : "?";
}

struct mgm_matte_settings mgm_matte_settings_defaults(void)
{
    return (struct mgm_matte_settings){
        .guidance = MGM_GUIDANCE_AUTO, .dilate_os4 = MGM_DILATE_OS4, .dilate_os1 = MGM_DILATE_OS1};
}

static enum mgm_status check_image(struct mgm_context *ctx, const char *what, const struct mgm_image *image, int channels)
{
    if (image->width < 1 || image->height < 1 || !image->pixels)
        return mgm_fail(ctx, MGM_E_INVALID, "the %s has no pixels", what);
    if (image->width > MGM_MAX_SIDE || image->height > MGM_MAX_SIDE)
        return mgm_fail(ctx, MGM_E_INVALID, "the %s is %d×%d pixels; sides of at most %d can be computed", what,
                        image->width, image->height, MGM_MAX_SIDE);
    if (image->channels != channels || (image->bits != 8 && image->bits != 16))
        return mgm_fail(ctx, MGM_E_INVALID, "the %s has %d channels of %d bit; %d of 8 or 16 bit were expected", what,
                        image->channels, image->bits, channels);
    if (image->stride < (size_t)image->width * (size_t)channels * (size_t)(image->bits / 8))
        return mgm_fail(ctx, MGM_E_INVALID, "the %s's rows of %zu bytes are too short for %d pixels", what, image->stride,
                        image->width);
    if (image->bits == 16 && (image->stride % 2 || (uintptr_t)image->pixels % 2))
        return mgm_fail(ctx, MGM_E_INVALID, "the %s's 16-bit pixels or its rows of %zu bytes are not aligned to 2 bytes",
                        what, image->stride);
    return MGM_OK;
}

static enum mgm_status check_arguments(struct mgm_context *ctx, const struct mgm_image *photo, const struct mgm_image *mask,
                                       const struct mgm_matte_settings *settings)
{
    TRY(check_image(ctx, "photo", photo, 3));
    TRY(check_image(ctx, "mask", mask, 1));
    if (photo->width != mask->width || photo->height != mask->height)
        return mgm_fail(ctx, MGM_E_SHAPE, "the mask is %d×%d pixels, but the photo is %d×%d", mask->width, mask->height,
                        photo->width, photo->height);
    if (settings->guidance < MGM_GUIDANCE_AUTO || settings->guidance > MGM_GUIDANCE_TRIMAP_FG)
        return mgm_fail(ctx, MGM_E_INVALID, "there is no kind of guidance number %d", (int)settings->guidance);
    if (settings->method < MGM_METHOD_AUTO || settings->method > MGM_METHOD_PYRAMID)
        return mgm_fail(ctx, MGM_E_INVALID, "there is no method number %d", (int)settings->method);
    if (settings->dilate_os4 < 1 || settings->dilate_os4 > DILATE_MAX || settings->dilate_os1 < 1 ||
        settings->dilate_os1 > DILATE_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "dilations of %d and %d; both must be from 1 to %d", settings->dilate_os4,
                        settings->dilate_os1, DILATE_MAX);
    return MGM_OK;
}

/** Down to steps of 1/255: whoever then rounds to 8 bit gets what the published code, which truncates, writes. */
static void truncate_to_bytes(float *alpha, size_t count)
{
    for (size_t i = 0; i < count; i++)
        alpha[i] = floorf(alpha[i] * 255.0f) / 255.0f;
}

static enum mgm_guidance decide_guidance(const struct mgm_image *mask, const struct mgm_matte_settings *settings)
{
    if (settings->guidance != MGM_GUIDANCE_AUTO)
        return settings->guidance;
    return settings->reference ? MGM_GUIDANCE_MASK : mgm_guidance_decide(mask);
}

/** Above this a pixel belongs to a component of the matte, as in the published code. */
static const float COMPONENT_ALPHA = 0.05f;

enum mgm_status mgm_matte_keep_component(struct mgm_context *ctx, int height, int width, float *alpha)
{
    const size_t count = (size_t)height * (size_t)width;
    uint8_t *mask = mgm_alloc(count, 1);
    if (!mask)
        return mgm_fail_nomem(ctx, "the components of the matte");
    for (size_t i = 0; i < count; i++)
        mask[i] = alpha[i] > COMPONENT_ALPHA;
    const enum mgm_status status = mgm_keep_largest_component(ctx, mask, height, width, MGM_CONNECT_8);
    for (size_t i = 0; i < count; i++)
        alpha[i] = mask[i] ? alpha[i] : 0;
    mgm_free(mask);
    return status;
}

/* Ranges are found on a copy of at most this many pixels. */
static const double CALIBRATION_PIXELS = 1 << 20;

static enum mgm_status calibrate_photo(const struct mgm_matte_job *job)
{
    struct mgm_context *ctx = job->session->ctx;
    const struct mgm_plane guidance = {job->alpha, job->photo->width, job->photo->height};
    const double pixels = (double)job->photo->width * (double)job->photo->height, scale = sqrt(CALIBRATION_PIXELS / pixels);
    struct mgm_image photo = *job->photo;
    struct mgm_frame frame = job->frame;
    const bool smaller = scale < 1;
    if (smaller) {
        const int width = (int)fmax(1, photo.width * scale), height = (int)fmax(1, photo.height * scale);
        TRY(mgm_reduce_photo(ctx, job->photo, width, height, &photo));
        frame = mgm_frame_around(width, height, false);
    }
    float *input = mgm_alloc((size_t)frame.height * (size_t)frame.width, MGM_NETWORK_INPUTS * sizeof *input);
    enum mgm_status status = input ? MGM_OK : mgm_fail_nomem(ctx, "a calibration");
    if (status == MGM_OK)
        status = mgm_frame_pack(ctx, &frame, &photo, &guidance, input);
    if (status == MGM_OK)
        status = mgm_session_calibrate(job->session, frame.height, frame.width, input);
    mgm_free(input);
    if (smaller)
        mgm_free((void *)photo.pixels);
    return status;
}

/*
 * Above these the network sees too little at once of what is in a photo (docs/large.md). A mask is worth less than a matte
 * that was made of it, so a second look pays sooner; a trimap's detail, or a soft matte's, would be lost in a smaller copy.
 */
static const double PYRAMID_OF_MASKS = 1.25 * MGM_PYRAMID_FIRST, PYRAMID_OF_DETAIL = 3e6;

static enum mgm_status decide_method(const struct mgm_matte_job *job, enum mgm_method *method)
{
    const double pixels = (double)job->photo->width * (double)job->photo->height;
    size_t bytes;
    *method = job->settings->method;
    if (*method != MGM_METHOD_AUTO)
        return MGM_OK;
    *method = MGM_METHOD_PYRAMID;
    const enum mgm_guidance kind = job->report->guidance;
    const bool is_mask = kind == MGM_GUIDANCE_MASK || kind == MGM_GUIDANCE_TRIMAP_FG;
    if (pixels > (is_mask ? PYRAMID_OF_MASKS : PYRAMID_OF_DETAIL) && !job->settings->reference)
        return MGM_OK;
    TRY(mgm_matte_memory(job, job->frame.height, job->frame.width, &bytes));
    *method = bytes > job->memory ? MGM_METHOD_PANES : MGM_METHOD_PIECE;
    return MGM_OK;
}

static enum mgm_status run(const struct mgm_matte_job *job)
{
    struct mgm_context *ctx = job->session->ctx;
    const int width = job->photo->width, height = job->photo->height;
    struct mgm_matte_report *report = job->report;
    report->calibrated = mgm_session_lacks_ranges(job->session, job->precision);
    if (report->calibrated)
        TRY(calibrate_photo(job));
    TRY(decide_method(job, &report->method));
    if (report->method == MGM_METHOD_PIECE)
        TRY(mgm_matte_in_one_piece(job));
    else if (report->method == MGM_METHOD_PANES)
        TRY(mgm_matte_in_panes(job));
    else
        TRY(mgm_matte_by_pyramid(job));
    const struct mgm_predictor_settings *last = mgm_predictor_settings_of(job->session->predictor);
    report->network_width = last->w;
    report->network_height = last->h;
    if (job->settings->largest_component && report->method != MGM_METHOD_PIECE)
        TRY(mgm_matte_keep_component(ctx, height, width, job->alpha));
    if (job->settings->reference)
        truncate_to_bytes(job->alpha, (size_t)height * (size_t)width);
    return MGM_OK;
}

static struct mgm_matte_job job_for(struct mgm_session *session, const struct mgm_image *photo,
                                    const struct mgm_matte_settings *settings, struct mgm_matte_report *report)
{
    const struct mgm_context *ctx = session->ctx;
    const enum mgm_precision fastest = settings->reference ? MGM_PRECISION_F32 : mgm_precision_fastest(session->backend);
    return (struct mgm_matte_job){
        .session = session,
        .photo = photo,
        .settings = settings,
        .frame = mgm_frame_around(photo->width, photo->height, settings->reference),
        .precision = mgm_precision_of(ctx, fastest),
        .memory = mgm_session_memory(session),
        .keeps_component = settings->largest_component,
        .report = report,
    };
}

enum mgm_status mgm_matte(struct mgm_session *session, const struct mgm_image *photo, const struct mgm_image *mask,
                          const struct mgm_matte_settings *settings, float *alpha, struct mgm_matte_report *report)
{
    struct mgm_context *ctx = session->ctx;
    struct mgm_matte_report ignored, *facts = report ? report : &ignored;
    TRY(check_arguments(ctx, photo, mask, settings));
    *facts = (struct mgm_matte_report){.guidance = decide_guidance(mask, settings)};
    /* alpha holds the guidance until the network has read it: it has the right size, and the result comes last. */
    TRY(mgm_guidance_convert(ctx, mask, facts->guidance, alpha));
    struct mgm_matte_job job = job_for(session, photo, settings, facts);
    job.alpha = alpha;
    return run(&job);
}

enum mgm_status mgm_session_make_ready(struct mgm_session *session, int width, int height,
                                       const struct mgm_matte_settings *settings)
{
    const struct mgm_image photo = {.width = width, .height = height};
    const enum mgm_guidance kind = settings->guidance == MGM_GUIDANCE_AUTO ? MGM_GUIDANCE_MASK : settings->guidance;
    struct mgm_matte_report report = {.guidance = kind};
    if (width < 1 || height < 1 || width > MGM_MAX_SIDE || height > MGM_MAX_SIDE)
        return mgm_fail(session->ctx, MGM_E_INVALID, "a photo of %d×%d pixels; sides from 1 to %d can be computed", width,
                        height, MGM_MAX_SIDE);
    const struct mgm_matte_job job = job_for(session, &photo, settings, &report);
    if (mgm_session_lacks_ranges(session, job.precision))
        return MGM_OK; /* they come from the photo */
    TRY(decide_method(&job, &report.method));
    if (report.method == MGM_METHOD_PYRAMID)
        return mgm_pyramid_make_ready(&job);
    if (report.method == MGM_METHOD_PANES)
        return MGM_OK; /* what is needed first is not kept */
    return mgm_matte_make_piece_ready(&job);
}
