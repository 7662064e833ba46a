#include "matte_job.h"

#include "default_model.h"

#include "base/memory.h"
#include "matting/guidance.h"

#include <limits.h>
#include <stdio.h>

enum mgm_status matte_job_open(struct matte_job *job, struct mgm_context *ctx, const char *model)
{
    char found[PATH_MAX];
    job->ctx = ctx;
    if (!model) {
        TRY(default_model_find(ctx, DEFAULT_MODEL, found, sizeof found));
        model = found;
    }
    TRY(mgm_model_load(ctx, model, &job->model));
    TRY(mgm_session_create(ctx, job->model, &job->session));
    return job->alpha_only ? MGM_OK : cutout_open(ctx, &job->cutout, job->bits, &job->maker);
}

void matte_job_close(struct matte_job *job)
{
    cutout_close(&job->maker);
    mgm_session_destroy(&job->session);
    mgm_model_destroy(&job->model);
}

int matte_job_channels(const struct matte_job *job)
{
    return job->alpha_only ? 1 : cutout_channels(&job->cutout);
}

/** The pictures of one run. */
struct pictures {
    struct photo photo;
    struct picture mask;
    float *alpha;
};

static void release(struct pictures *pictures)
{
    photo_release(&pictures->photo);
    picture_release(&pictures->mask);
    mgm_free(pictures->alpha);
}

/** What the mask says is decided before stretching adds values between. */
static enum mgm_status fit_mask(const struct matte_job *job, const char *photo_path, const char *mask_path,
                                struct mgm_matte_settings *settings, struct pictures *pictures)
{
    const struct mgm_image *photo = &pictures->photo.seen.image, *mask = &pictures->mask.image;
    if (settings->guidance == MGM_GUIDANCE_AUTO && !settings->reference)
        settings->guidance = mgm_guidance_decide(mask);
    if (photo->width == mask->width && photo->height == mask->height)
        return MGM_OK;
    if (!job->resize_mask)
        return mgm_fail(job->ctx, MGM_E_SHAPE,
                        "%s is %d×%d pixels, but %s is %d×%d; --resize-mask stretches the mask to the photo's size",
                        image_file_name(mask_path), mask->width, mask->height, image_file_name(photo_path), photo->width,
                        photo->height);
    const bool nearest = settings->guidance == MGM_GUIDANCE_TRIMAP || settings->guidance == MGM_GUIDANCE_TRIMAP_FG;
    return picture_resize_mask(job->ctx, &pictures->mask, photo->width, photo->height, nearest);
}

static enum mgm_status matte(const struct matte_job *job, const char *photo_path, const char *mask_path,
                             const struct mgm_matte_settings *settings, struct pictures *pictures, struct matte_facts *facts)
{
    const struct mgm_image *photo = &pictures->photo.seen.image;
    enum mgm_status status = MGM_OK;
    facts->width = photo->width;
    facts->height = photo->height;
    pictures->alpha = mgm_alloc((size_t)photo->width * (size_t)photo->height, sizeof *pictures->alpha);
    if (!pictures->alpha)
        return mgm_fail_nomem(job->ctx, image_file_name(photo_path));
    status = mgm_matte(job->session, photo, &pictures->mask.image, settings, pictures->alpha, &facts->report);
    if (status == MGM_OK)
        return MGM_OK;
    /* The library has never heard of files. */
    char reason[sizeof job->ctx->error];
    snprintf(reason, sizeof reason, "%s", mgm_context_error(job->ctx));
    return mgm_fail(job->ctx, status, "%s with %s: %s", image_file_name(photo_path), image_file_name(mask_path), reason);
}

/* ---- the result ------------------------------------------------------------------------------------------------------- */

/** The matte as grey. */
static enum mgm_status write_alpha(const struct matte_job *job, const struct pictures *pictures,
                                   const struct image_target *target)
{
    const struct mgm_image *photo = &pictures->photo.seen.image;
    const size_t count = (size_t)photo->width * (size_t)photo->height;
    struct mgm_image result = {.width = photo->width, .height = photo->height, .channels = 1};
    result.bits = job->bits ? job->bits : target->format->deep ? photo->bits : 8;
    result.stride = (size_t)result.width * (size_t)(result.bits / 8);
    void *pixels = mgm_alloc(result.stride, (size_t)result.height);
    if (!pixels)
        return mgm_fail_nomem(job->ctx, target->path);
    for (size_t i = 0; i < count; i++) {
        if (result.bits == 16)
            ((uint16_t *)pixels)[i] = (uint16_t)(pictures->alpha[i] * 65535.0f + 0.5f);
        else
            ((uint8_t *)pixels)[i] = (uint8_t)(pictures->alpha[i] * 255.0f + 0.5f);
    }
    result.pixels = pixels;
    const enum mgm_status status = image_target_write(job->ctx, target, &result, NULL, 0);
    mgm_free(pixels);
    return status;
}

static enum mgm_status run(struct matte_job *job, const char *photo, const char *mask, const struct image_target *target,
                           struct pictures *pictures, struct matte_facts *facts)
{
    struct mgm_matte_settings settings = job->settings;
    TRY(image_file_check_apart(job->ctx, target->path, photo));
    TRY(image_file_check_apart(job->ctx, target->path, mask));
    TRY(image_target_probe(job->ctx, target));
    TRY(photo_read(job->ctx, photo, &pictures->photo));
    TRY(image_target_check_size(job->ctx, target, pictures->photo.seen.image.width, pictures->photo.seen.image.height));
    TRY(picture_read_mask(job->ctx, mask, &pictures->mask));
    TRY(fit_mask(job, photo, mask, &settings, pictures));
    TRY(matte(job, photo, mask, &settings, pictures, facts));
    return job->alpha_only ? write_alpha(job, pictures, target)
                           : cutout_write(job->maker, &pictures->photo, pictures->alpha, photo, target, &facts->colours);
}

enum mgm_status matte_job_run(struct matte_job *job, const char *photo, const char *mask, const struct image_target *target,
                              struct matte_facts *facts)
{
    struct pictures pictures = {0};
    *facts = (struct matte_facts){0};
    const enum mgm_status status = run(job, photo, mask, target, &pictures, facts);
    release(&pictures);
    return status;
}
