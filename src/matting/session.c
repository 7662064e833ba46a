#include "base/clock.h"
#include "base/context.h"
#include "base/memory.h"
#include "image/components.h"
#include "matting/frame.h"
#include "matting/guidance.h"
#include "matting/model.h"
#include "matting/network.h"
#include "matting/precision.h"
#include "matting/predict.h"
#include "nn/backend.h"

#include <math.h>
#include <string.h>

enum { DILATE_MAX = 255 };

/* Of a picture, and of the pixels of a batch: so that no count of values that follows from them overflows. */
enum { MAX_SIDE = 1 << 20 };
static const double MAX_PIXELS = 0x1p40;

struct mgm_session {
    struct mgm_context *ctx;
    const struct mgm_model *model;
    struct mgm_backend *backend;     /* NULL: the predictor's own, on the CPU */
    struct mgm_predictor *predictor; /* for the last size; NULL before the first run */
    struct mgm_predictor_settings settings;
};

struct mgm_matte_settings mgm_matte_settings_defaults(void)
{
    return (struct mgm_matte_settings){
        .guidance = MGM_GUIDANCE_AUTO, .dilate_os4 = MGM_DILATE_OS4, .dilate_os1 = MGM_DILATE_OS1};
}

enum mgm_status mgm_session_create(struct mgm_context *ctx, const struct mgm_model *model, struct mgm_session **out)
{
    *out = mgm_alloc_zeroed(1, sizeof **out);
    if (!*out)
        return mgm_fail_nomem(ctx, "a session");
    (*out)->ctx = ctx;
    (*out)->model = model;
    if (!ctx->device[0] || strcmp(ctx->device, "cpu") == 0)
        return MGM_OK;
    const enum mgm_status status = mgm_backend_create(ctx, ctx->device, ctx->threads, &(*out)->backend);
    if (status != MGM_OK)
        mgm_session_destroy(out);
    return status;
}

void mgm_session_destroy(struct mgm_session **session)
{
    if (!*session)
        return;
    mgm_predictor_destroy(&(*session)->predictor);
    mgm_backend_destroy(&(*session)->backend);
    mgm_free(*session);
    *session = NULL;
}

/** Makes session->predictor fit; it is kept while size, threads, precision and what is wanted stay the same. */
static enum mgm_status prepare(struct mgm_session *session, int n, int h, int w, enum mgm_precision precision, bool dense)
{
    const struct mgm_context *ctx = session->ctx;
    const struct mgm_predictor_settings wanted = {n, h, w, ctx->threads, session->backend, precision, dense};
    const struct mgm_predictor_settings *have = &session->settings;
    if (session->predictor && have->n == n && have->h == h && have->w == w && have->threads == wanted.threads &&
        have->precision == wanted.precision && have->dense == dense)
        return MGM_OK;
    mgm_predictor_destroy(&session->predictor); /* first, so that two never need memory at once */
    TRY(mgm_predictor_create(session->ctx, session->model, &wanted, &session->predictor));
    session->settings = wanted;
    return MGM_OK;
}

/** Planes [h, w] that nobody asked for but fusion needs: one block, shared by all pictures of a batch. */
static enum mgm_status allocate_planes(struct mgm_context *ctx, size_t count, void **block, struct mgm_prediction *out)
{
    unsigned char *memory = mgm_alloc(count, sizeof(float) + 2);
    *block = memory;
    if (!memory)
        return mgm_fail_nomem(ctx, "the matte");
    *out = (struct mgm_prediction){.dilate_os4 = MGM_DILATE_OS4,
                                   .dilate_os1 = MGM_DILATE_OS1,
                                   .alpha = *block,
                                   .unknown_os4 = memory + sizeof(float) * count,
                                   .unknown_os1 = memory + (sizeof(float) + 1) * count};
    return MGM_OK;
}

/** The caller's planes for one picture where there are any, else the scratch ones. */
static struct mgm_prediction choose_planes(const struct mgm_forward_result *result, size_t offset,
                                           const struct mgm_prediction *scratch)
{
    struct mgm_prediction chosen = *scratch;
    float *const heads[MGM_HEAD_COUNT] = {result->alpha_os8, result->alpha_os4, result->alpha_os1};
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        chosen.heads[head] = heads[head] ? heads[head] + offset : NULL;
    if (result->unknown_os4)
        chosen.unknown_os4 = result->unknown_os4 + offset;
    if (result->unknown_os1)
        chosen.unknown_os1 = result->unknown_os1 + offset;
    if (result->alpha)
        chosen.alpha = result->alpha + offset;
    return chosen;
}

enum mgm_status mgm_forward(struct mgm_session *session, int n, int h, int w, const float *image, const float *guidance,
                            struct mgm_forward_result *result)
{
    struct mgm_context *ctx = session->ctx;
    if (n < 1 || h < 1 || w < 1 || h % MGM_NETWORK_GRAIN || w % MGM_NETWORK_GRAIN)
        return mgm_fail(ctx, MGM_E_SHAPE,
                        "the input is %d pictures of %d×%d pixels; height and width must be multiples of %d", n, w, h,
                        MGM_NETWORK_GRAIN);
    if (h > MAX_SIDE || w > MAX_SIDE || (double)n * h * w > MAX_PIXELS)
        return mgm_fail(ctx, MGM_E_INVALID, "the input is %d pictures of %d×%d pixels; sides of at most %d can be computed",
                        n, w, h, MAX_SIDE);
    const size_t count = (size_t)h * (size_t)w;
    struct mgm_prediction scratch;
    void *block = NULL;
    TRY(prepare(session, n, h, w, mgm_precision_of(ctx, MGM_PRECISION_F32), result->alpha_os4 || result->alpha_os1));
    TRY(allocate_planes(ctx, count, &block, &scratch));
    mgm_network_pack_input(n, h, w, image, guidance, mgm_predictor_input(session->predictor));
    const double start = mgm_clock_seconds();
    enum mgm_status status = mgm_predictor_run(session->predictor);
    for (int picture = 0; picture < n && status == MGM_OK; picture++) {
        struct mgm_prediction planes = choose_planes(result, (size_t)picture * count, &scratch);
        status = mgm_predictor_finish(session->predictor, picture, &planes);
    }
    result->network_seconds = mgm_clock_seconds() - start;
    mgm_free(block);
    return status;
}

/* ---- a photo of any size --------------------------------------------------------------------------------------------- */

static enum mgm_status check_image(struct mgm_context *ctx, const char *what, const struct mgm_image *image, int channels)
{
    if (image->width < 1 || image->height < 1 || !image->pixels)
        return mgm_fail(ctx, MGM_E_INVALID, "the %s has no pixels", what);
    if (image->width > MAX_SIDE || image->height > MAX_SIDE)
        return mgm_fail(ctx, MGM_E_INVALID, "the %s is %d×%d pixels; sides of at most %d can be computed", what,
                        image->width, image->height, MAX_SIDE);
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
    if (settings->dilate_os4 < 1 || settings->dilate_os4 > DILATE_MAX || settings->dilate_os1 < 1 ||
        settings->dilate_os1 > DILATE_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "dilations of %d and %d; both must be from 1 to %d", settings->dilate_os4,
                        settings->dilate_os1, DILATE_MAX);
    return MGM_OK;
}

/** Above this a pixel belongs to a component of the matte, as in the published code. */
static const float COMPONENT_ALPHA = 0.05f;

/** Clears what does not belong to the largest component of the padded matte. */
static enum mgm_status keep_largest_component(struct mgm_context *ctx, const struct mgm_frame *frame, float *alpha)
{
    const size_t count = (size_t)frame->height * (size_t)frame->width;
    uint8_t *mask = mgm_alloc(count, 1);
    if (!mask)
        return mgm_fail_nomem(ctx, "the components of the matte");
    for (size_t i = 0; i < count; i++)
        mask[i] = alpha[i] > COMPONENT_ALPHA;
    const enum mgm_status status = mgm_keep_largest_component(ctx, mask, frame->height, frame->width, MGM_CONNECT_8);
    for (size_t i = 0; i < count; i++)
        alpha[i] = mask[i] ? alpha[i] : 0;
    mgm_free(mask);
    return status;
}

/** Cuts the photo's part out of the padded planes; the shares are of that part. */
static void crop(const struct mgm_prediction *planes, const struct mgm_frame *frame, int height, int width, float *alpha,
                 struct mgm_matte_report *report)
{
    size_t os4 = 0, os1 = 0;
    for (int y = 0; y < height; y++) {
        const size_t row = (size_t)(frame->top + y) * (size_t)frame->width + (size_t)frame->left;
        memcpy(alpha + (size_t)y * (size_t)width, planes->alpha + row, (size_t)width * sizeof *alpha);
        for (int x = 0; x < width; x++) {
            os4 += planes->unknown_os4[row + (size_t)x];
            os1 += planes->unknown_os1[row + (size_t)x];
        }
    }
    const double pixels = (double)height * (double)width;
    report->uncertain_os4 = (double)os4 / pixels;
    report->uncertain_os1 = (double)os1 / pixels;
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

enum mgm_status mgm_matte(struct mgm_session *session, const struct mgm_image *photo, const struct mgm_image *mask,
                          const struct mgm_matte_settings *settings, float *alpha, struct mgm_matte_report *report)
{
    struct mgm_context *ctx = session->ctx;
    struct mgm_matte_report ignored, *facts = report ? report : &ignored;
    TRY(check_arguments(ctx, photo, mask, settings));
    const struct mgm_frame frame = mgm_frame_around(photo->width, photo->height, settings->reference);
    *facts = (struct mgm_matte_report){
        .guidance = decide_guidance(mask, settings), .network_width = frame.width, .network_height = frame.height};
    /* alpha holds the guidance until the network has read it: it has the right size, and the result comes last. */
    TRY(mgm_guidance_convert(ctx, mask, facts->guidance, alpha));
    const enum mgm_precision fastest = settings->reference ? MGM_PRECISION_F32 : mgm_precision_fastest(ctx);
    TRY(prepare(session, 1, frame.height, frame.width, mgm_precision_of(ctx, fastest), false));
    TRY(mgm_frame_pack(ctx, &frame, photo, alpha, mgm_predictor_input(session->predictor)));
    struct mgm_prediction planes;
    void *block = NULL;
    TRY(allocate_planes(ctx, (size_t)frame.height * (size_t)frame.width, &block, &planes));
    planes.dilate_os4 = settings->dilate_os4;
    planes.dilate_os1 = settings->dilate_os1;
    const double start = mgm_clock_seconds();
    enum mgm_status status = mgm_predictor_run(session->predictor);
    if (status == MGM_OK)
        status = mgm_predictor_finish(session->predictor, 0, &planes);
    facts->network_seconds = mgm_clock_seconds() - start;
    if (status == MGM_OK && settings->largest_component)
        status = keep_largest_component(ctx, &frame, planes.alpha);
    if (status == MGM_OK)
        crop(&planes, &frame, photo->height, photo->width, alpha, facts);
    if (status == MGM_OK && settings->reference)
        truncate_to_bytes(alpha, (size_t)photo->height * (size_t)photo->width);
    mgm_free(block);
    return status;
}
