/* What the ways to a matte share: one pane, and what fits into memory. */
#include "base/clock.h"
#include "base/memory.h"
#include "matting/method.h"

enum mgm_status mgm_matte_memory(const struct mgm_matte_job *job, int h, int w, size_t *bytes)
{
    const struct mgm_session *session = job->session;
    const struct mgm_predictor_settings settings = {.n = 1,
                                                    .h = h,
                                                    .w = w,
                                                    .threads = session->ctx->threads,
                                                    .backend = session->backend,
                                                    .precision = job->precision,
                                                    .ranges = session->ranges,
                                                    .tile_memory = job->memory / 4};
    TRY(mgm_predictor_measure(session->ctx, session->model, &settings, bytes));
    *bytes += (size_t)h * (size_t)w * 6 + MGM_SESSION_REST; /* a prediction's planes */
    return MGM_OK;
}

enum mgm_status mgm_choose_pane(const struct mgm_matte_job *job, int most, size_t memory, int *side)
{
    for (*side = most;; *side -= *side / 4 / MGM_NETWORK_GRAIN * MGM_NETWORK_GRAIN) {
        size_t bytes;
        if (*side < MGM_PANE_LEAST)
            *side = MGM_PANE_LEAST;
        TRY(mgm_matte_memory(job, *side, *side, &bytes));
        if (bytes <= memory)
            return MGM_OK;
        if (*side == MGM_PANE_LEAST)
            break;
    }
    return mgm_fail(job->session->ctx, MGM_E_NOMEM,
                    "%.0f MB of memory were allowed, which is not enough for the smallest part of a picture of %d×%d pixels",
                    (double)job->memory / 1e6, job->photo->width, job->photo->height);
}

void mgm_limit_alpha(float *alpha, size_t count)
{
    for (size_t i = 0; i < count; i++)
        alpha[i] = alpha[i] < 0 ? 0 : alpha[i] > 1 ? 1 : alpha[i];
}

enum mgm_status mgm_matte_pane(const struct mgm_matte_job *job, const struct mgm_image *photo, const struct mgm_frame *frame,
                               const struct mgm_plane *guidance, int y, int x, struct mgm_prediction *planes)
{
    struct mgm_session *session = job->session;
    struct mgm_predictor *predictor = session->predictor;
    const struct mgm_predictor_settings *settings = mgm_predictor_settings_of(predictor);
    const struct mgm_frame pane = {settings->w, settings->h, frame->left - x, frame->top - y};
    planes->dilate_os4 = job->settings->dilate_os4;
    planes->dilate_os1 = job->settings->dilate_os1;
    TRY(mgm_frame_pack(session->ctx, &pane, photo, guidance, mgm_predictor_input(predictor)));
    const double start = mgm_clock_seconds();
    TRY(mgm_predictor_run(predictor));
    TRY(mgm_predictor_finish(predictor, 0, planes));
    job->report->network_seconds += mgm_clock_seconds() - start;
    job->report->panes++;
    return MGM_OK;
}

enum mgm_status mgm_pane_visit_begin(struct mgm_context *ctx, const struct mgm_panes *panes, struct mgm_pane_visit *visit)
{
    const size_t pixels = (size_t)panes->side_h * (size_t)panes->side_w;
    *visit = (struct mgm_pane_visit){.panes = *panes, .row = 0, .column = -1};
    visit->weights_y = mgm_alloc((size_t)panes->side_h + (size_t)panes->side_w, sizeof *visit->weights_y);
    TRY(mgm_allocate_planes(ctx, pixels, &visit->block, &visit->planes));
    return visit->weights_y ? MGM_OK : mgm_fail_nomem(ctx, "a part of the picture");
}

bool mgm_pane_visit_next(struct mgm_pane_visit *visit)
{
    const struct mgm_panes *p = &visit->panes;
    if (++visit->column == p->columns) {
        visit->column = 0;
        visit->row++;
    }
    if (visit->row == p->rows)
        return false;
    visit->y = mgm_pane_begin(p->height, p->side_h, p->rows, visit->row);
    visit->x = mgm_pane_begin(p->width, p->side_w, p->columns, visit->column);
    visit->weights_x = visit->weights_y + p->side_h;
    mgm_pane_weights(p->height, p->side_h, p->rows, visit->row, visit->weights_y);
    mgm_pane_weights(p->width, p->side_w, p->columns, visit->column, visit->weights_x);
    return true;
}

void mgm_pane_visit_end(struct mgm_pane_visit *visit)
{
    mgm_free(visit->weights_y);
    mgm_free(visit->block);
    *visit = (struct mgm_pane_visit){0};
}

void mgm_pane_add(const struct mgm_pane_visit *visit, const struct mgm_frame *frame, int height, int width, float *dst,
                  struct mgm_matte_report *report)
{
    const struct mgm_panes *p = &visit->panes;
    double os4 = 0, os1 = 0;
    for (int i = 0; i < p->side_h; i++) {
        const int y = visit->y + i - frame->top;
        const size_t row = (size_t)i * (size_t)p->side_w;
        if (y < 0 || y >= height || visit->weights_y[i] == 0)
            continue;
        for (int k = 0; k < p->side_w; k++) {
            const int x = visit->x + k - frame->left;
            const float weight = visit->weights_y[i] * visit->weights_x[k];
            if (x < 0 || x >= width || weight == 0)
                continue;
            dst[(size_t)y * (size_t)width + (size_t)x] += weight * visit->planes.alpha[row + (size_t)k];
            os4 += (double)(weight * (float)visit->planes.unknown_os4[row + (size_t)k]);
            os1 += (double)(weight * (float)visit->planes.unknown_os1[row + (size_t)k]);
        }
    }
    report->uncertain_os4 += os4 / ((double)height * (double)width);
    report->uncertain_os1 += os1 / ((double)height * (double)width);
}
