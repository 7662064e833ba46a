/* A photo's matte in one piece. */
#include "base/memory.h"
#include "matting/method.h"

#include <string.h>

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

enum mgm_status mgm_matte_make_piece_ready(const struct mgm_matte_job *job)
{
    size_t bytes;
    TRY(mgm_matte_memory(job, job->frame.height, job->frame.width, &bytes));
    return bytes > job->memory
               ? MGM_OK
               : mgm_session_prepare(job->session, 1, job->frame.height, job->frame.width, job->precision, false);
}

enum mgm_status mgm_matte_in_one_piece(const struct mgm_matte_job *job)
{
    struct mgm_session *session = job->session;
    struct mgm_context *ctx = session->ctx;
    const struct mgm_frame *frame = &job->frame;
    const int width = job->photo->width, height = job->photo->height;
    const struct mgm_plane guidance = {job->alpha, width, height};
    struct mgm_prediction planes;
    void *block = NULL;
    size_t bytes;
    TRY(mgm_matte_memory(job, frame->height, frame->width, &bytes));
    if (bytes > job->memory)
        return mgm_fail(ctx, MGM_E_NOMEM, "%.0f MB of memory were allowed; a photo of %d×%d pixels in one piece takes %.0f",
                        (double)job->memory / 1e6, width, height, (double)bytes / 1e6);
    TRY(mgm_session_prepare(session, 1, frame->height, frame->width, job->precision, false));
    TRY(mgm_allocate_planes(ctx, (size_t)frame->height * (size_t)frame->width, &block, &planes));
    enum mgm_status status = mgm_matte_pane(job, job->photo, frame, &guidance, 0, 0, &planes);
    if (status == MGM_OK && job->keeps_component)
        status = mgm_matte_keep_component(ctx, frame->height, frame->width, planes.alpha);
    if (status == MGM_OK)
        crop(&planes, frame, height, width, job->alpha, job->report);
    mgm_free(block);
    return status;
}
