#include "matting/session.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/memory.h"
#include "matting/calibrate.h"
#include "matting/frame.h"
#include "matting/network.h"
#include "matting/precision.h"
#include "nn/backend.h"

#include <string.h>

static const double MAX_PIXELS = 0x1p40;

static void release_predictors(struct mgm_session *session)
{
    for (int i = 0; i < MGM_SESSION_PREDICTORS; i++)
        mgm_predictor_destroy(&session->kept[i]);
    session->predictor = NULL;
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
    release_predictors(*session);
    mgm_free((*session)->ranges);
    mgm_backend_destroy(&(*session)->backend);
    mgm_free(*session);
    *session = NULL;
}

size_t mgm_session_memory(const struct mgm_session *session)
{
    return session->ctx->max_memory ? session->ctx->max_memory : mgm_memory_size() / 2;
}

static bool fits(const struct mgm_predictor *predictor, const struct mgm_predictor_settings *wanted)
{
    const struct mgm_predictor_settings *have = predictor ? mgm_predictor_settings_of(predictor) : NULL;
    return have && have->n == wanted->n && have->h == wanted->h && have->w == wanted->w &&
           have->threads == wanted->threads && have->precision == wanted->precision && have->ranges == wanted->ranges &&
           have->tile_memory == wanted->tile_memory && (have->dense || !wanted->dense);
}

/** Gives up those at the end of the list until there is a place for one more, and memory for what it takes. */
static void make_room(struct mgm_session *session, size_t bytes)
{
    const size_t most = mgm_session_memory(session);
    size_t sum = bytes;
    int keep = 0;
    while (keep < MGM_SESSION_PREDICTORS - 1 && session->kept[keep] && sum + session->bytes[keep] <= most)
        sum += session->bytes[keep++];
    for (int i = keep; i < MGM_SESSION_PREDICTORS; i++)
        mgm_predictor_destroy(&session->kept[i]);
}

enum mgm_status mgm_session_prepare(struct mgm_session *session, int n, int h, int w, enum mgm_precision precision,
                                    bool dense)
{
    const struct mgm_context *ctx = session->ctx;
    const struct mgm_predictor_settings wanted = {
        n, h, w, ctx->threads, session->backend, precision, session->ranges, mgm_session_memory(session) / 4, dense};
    int at = 0;
    while (at < MGM_SESSION_PREDICTORS && !fits(session->kept[at], &wanted))
        at++;
    const bool found = at < MGM_SESSION_PREDICTORS;
    struct mgm_predictor *chosen = found ? session->kept[at] : NULL;
    size_t bytes = found ? session->bytes[at] : 0;
    at = found ? at : MGM_SESSION_PREDICTORS - 1;
    session->predictor = NULL;
    if (!found) {
        TRY(mgm_predictor_measure(session->ctx, session->model, &wanted, &bytes));
        make_room(session, bytes + (size_t)h * (size_t)w * 6 + MGM_SESSION_REST); /* with a prediction's planes */
        enum mgm_status status = mgm_predictor_create(session->ctx, session->model, &wanted, &chosen);
        if (status == MGM_E_NOMEM && session->kept[0]) { /* a device may have less than the machine */
            release_predictors(session);
            status = mgm_predictor_create(session->ctx, session->model, &wanted, &chosen);
        }
        TRY(status);
    }
    memmove(session->kept + 1, session->kept, (size_t)at * sizeof *session->kept);
    memmove(session->bytes + 1, session->bytes, (size_t)at * sizeof *session->bytes);
    session->kept[0] = session->predictor = chosen;
    session->bytes[0] = bytes;
    return MGM_OK;
}

enum mgm_status mgm_session_prepare_pooled(struct mgm_session *session, int h, int w, enum mgm_precision precision,
                                           struct mgm_infer_plan **plan)
{
    const struct mgm_predictor_settings settings = {
        1, h, w, session->ctx->threads, session->backend, precision, session->ranges, 0, false};
    release_predictors(session); /* which need not have memory at the same time */
    return mgm_pooled_plan_create(session->ctx, session->model, &settings, plan);
}

bool mgm_session_lacks_ranges(const struct mgm_session *session, enum mgm_precision precision)
{
    return precision == MGM_PRECISION_S8 && !session->model->ranges && !session->ranges;
}

enum mgm_status mgm_session_calibrate(struct mgm_session *session, int h, int w, const float *input)
{
    struct mgm_calibration *calibration;
    float *ranges = mgm_alloc((size_t)session->model->graph.layer_count, sizeof *ranges);
    if (!ranges)
        return mgm_fail_nomem(session->ctx, "a calibration");
    enum mgm_status status = mgm_calibration_create(session->ctx, session->model, &calibration);
    if (status == MGM_OK)
        status = mgm_calibration_add(calibration, h, w, input);
    if (status == MGM_OK)
        mgm_calibration_ranges(calibration, session->ranges = ranges);
    else
        mgm_free(ranges);
    mgm_calibration_destroy(&calibration);
    return status;
}

enum mgm_status mgm_allocate_planes(struct mgm_context *ctx, size_t count, void **block, struct mgm_prediction *out)
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
    if (h > MGM_MAX_SIDE || w > MGM_MAX_SIDE || (double)n * h * w > MAX_PIXELS)
        return mgm_fail(ctx, MGM_E_INVALID, "the input is %d pictures of %d×%d pixels; sides of at most %d can be computed",
                        n, w, h, MGM_MAX_SIDE);
    const size_t count = (size_t)h * (size_t)w;
    struct mgm_prediction scratch;
    void *block = NULL;
    const enum mgm_precision precision = mgm_precision_of(ctx, MGM_PRECISION_F32);
    if (mgm_session_lacks_ranges(session, precision))
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "'%s' was not quantized, so it cannot be run in int8 here",
                        session->model->name);
    TRY(mgm_session_prepare(session, n, h, w, precision, result->alpha_os4 || result->alpha_os1));
    TRY(mgm_allocate_planes(ctx, count, &block, &scratch));
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
