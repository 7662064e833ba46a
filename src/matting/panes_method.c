/* A photo's matte in panes: as one piece would have it, but for what lies beyond their halos. */
#include "base/memory.h"
#include "matting/method.h"
#include "matting/network.h"
#include "nn/infer_plan.h"

#include <string.h>

/* In pixels. Panes are as large as memory allows, since halos are computed twice; how well results agree depends on the
 * halo. */
enum { SIDE_MOST = 4096, HALO = 128 };

/*
 * Adds a pane's features, weighted as its matte will be, to the mean over the whole picture. Weights are those of a cell's
 * middle: two panes fade into each other over exactly one cell, or between two.
 */
static void add_features(const struct mgm_pane_visit *visit, const float *values, int channels, float *pooled)
{
    const struct mgm_panes *p = &visit->panes;
    const int grain = MGM_NETWORK_GRAIN, rows = p->side_h / grain, columns = p->side_w / grain;
    const float cells = (float)(p->height / grain) * (float)(p->width / grain);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            const float weight = visit->weights_y[y * grain + grain / 2] * visit->weights_x[x * grain + grain / 2];
            for (int c = 0; c < channels; c++)
                pooled[c] += weight / cells * values[(y * columns + x) * channels + c];
        }
}

/* The first half of the network, to see the whole picture. @param pooled  [channels], zeros */
static enum mgm_status pool(const struct mgm_matte_job *job, struct mgm_pane_visit *visit, const struct mgm_plane *guidance,
                            float *pooled)
{
    struct mgm_session *session = job->session;
    const struct mgm_panes *p = &visit->panes;
    const int channels = mgm_pooled_channels(session->model);
    const size_t cells = (size_t)(p->side_h / MGM_NETWORK_GRAIN) * (size_t)(p->side_w / MGM_NETWORK_GRAIN);
    float *values = mgm_alloc(cells * (size_t)channels, sizeof *values);
    struct mgm_infer_plan *plan = NULL;
    enum mgm_status status = values ? MGM_OK : mgm_fail_nomem(session->ctx, "a part of the picture");
    if (status == MGM_OK)
        status = mgm_session_prepare_pooled(session, p->side_h, p->side_w, job->precision, &plan);
    while (status == MGM_OK && mgm_pane_visit_next(visit)) {
        const struct mgm_frame pane = {p->side_w, p->side_h, job->frame.left - visit->x, job->frame.top - visit->y};
        status = mgm_frame_pack(session->ctx, &pane, job->photo, guidance, mgm_infer_plan_input(plan));
        if (status == MGM_OK)
            status = mgm_pooled_plan_run(session->model, plan, values);
        if (status == MGM_OK)
            add_features(visit, values, channels, pooled);
    }
    mgm_infer_plan_destroy(&plan);
    mgm_free(values);
    return status;
}

static enum mgm_status run(const struct mgm_matte_job *job, const struct mgm_panes *panes, const struct mgm_plane *guidance,
                           float *pooled)
{
    struct mgm_session *session = job->session;
    const int height = job->photo->height, width = job->photo->width;
    struct mgm_pane_visit first, visit;
    enum mgm_status status = mgm_pane_visit_begin(session->ctx, panes, &first);
    if (status == MGM_OK)
        status = pool(job, &first, guidance, pooled);
    mgm_pane_visit_end(&first);
    TRY(status);
    TRY(mgm_session_prepare(session, 1, panes->side_h, panes->side_w, job->precision, false));
    mgm_predictor_set_pooled(session->predictor, pooled);
    memset(job->alpha, 0, (size_t)height * (size_t)width * sizeof *job->alpha);
    status = mgm_pane_visit_begin(session->ctx, panes, &visit);
    while (status == MGM_OK && mgm_pane_visit_next(&visit)) {
        status = mgm_matte_pane(job, job->photo, &job->frame, guidance, visit.y, visit.x, &visit.planes);
        if (status == MGM_OK)
            mgm_pane_add(&visit, &job->frame, height, width, job->alpha, job->report);
    }
    mgm_pane_visit_end(&visit);
    mgm_limit_alpha(job->alpha, (size_t)height * (size_t)width);
    mgm_predictor_set_pooled(session->predictor, NULL);
    return status;
}

enum mgm_status mgm_matte_in_panes(const struct mgm_matte_job *job)
{
    struct mgm_context *ctx = job->session->ctx;
    const size_t count = (size_t)job->photo->height * (size_t)job->photo->width,
                 channels = (size_t)mgm_pooled_channels(job->session->model);
    const size_t own = (count + channels) * sizeof(float); /* guidance, and what is pooled */
    int side;
    TRY(mgm_choose_pane(job, SIDE_MOST, job->memory > own ? job->memory - own : 0, &side));
    const struct mgm_panes panes = mgm_panes_over(job->frame.height, job->frame.width, side, HALO);
    float *pooled = mgm_alloc_zeroed(channels, sizeof *pooled), *values = mgm_alloc(count, sizeof *values);
    enum mgm_status status = pooled && values ? MGM_OK : mgm_fail_nomem(ctx, "the guidance");
    if (status == MGM_OK) {
        const struct mgm_plane guidance = {values, job->photo->width, job->photo->height};
        memcpy(values, job->alpha, count * sizeof *values);
        status = run(job, &panes, &guidance, pooled);
    }
    mgm_free(pooled);
    mgm_free(values);
    return status;
}
