#include "matte_job.h"

#include "backdrop.h"
#include "models.h"

#include "base/memory.h"
#include "matting/guidance.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

const char *const method_names[] = {"auto", "piece", "panes", "pyramid", NULL};

enum mgm_method method_from_name(const char *name)
{
    enum mgm_method method = MGM_METHOD_AUTO;
    while (strcmp(name, mgm_method_name(method)) != 0)
        method++; /* the parser knows that it is one of them */
    return method;
}

/* libvips takes as long to start as a model to be read. Whether that works is found out by the first picture. */
static void *start_images(void *unused)
{
    const enum mgm_status ignored = image_file_start(NULL);
    (void)ignored;
    return unused;
}

static enum mgm_status load_model(struct mgm_context *ctx, const char *path, struct mgm_model **out)
{
    pthread_t thread;
    const bool started = pthread_create(&thread, NULL, start_images, NULL) == 0;
    const enum mgm_status status = mgm_model_load(ctx, path, out);
    if (started)
        pthread_join(thread, NULL);
    return status;
}

enum mgm_status matte_job_open(struct matte_job *job, struct mgm_context *ctx, const char *model)
{
    char found[PATH_MAX];
    job->ctx = ctx;
    TRY(model_find(ctx, model, found, sizeof found));
    TRY(load_model(ctx, found, &job->model));
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

/* What the program holds besides, its code and libraries. */
static const size_t PROGRAM_BYTES = (size_t)48 << 20;

/* What is left for the library of what the process may take. */
static enum mgm_status set_memory(const struct matte_job *job, const struct pictures *pictures)
{
    const struct mgm_image *photo = &pictures->photo.seen.image, *mask = &pictures->mask.image;
    const size_t pixels = (size_t)photo->width * (size_t)photo->height;
    const size_t photo_bytes = photo->stride * (size_t)photo->height, deep = job->bits == 16 || photo->bits == 16 ? 2 : 1;
    const size_t result =
        job->alpha_only ? pixels * deep : pixels * (3 + 4) * deep + cutout_memory(&job->cutout, job->ctx->threads, pixels);
    const size_t held = PROGRAM_BYTES + photo_bytes + mask->stride * (size_t)mask->height + pixels * sizeof(float) +
                        (pictures->photo.own.memory ? photo_bytes : 0) + result;
    if (job->max_memory && job->max_memory <= held)
        return mgm_fail(job->ctx, MGM_E_NOMEM,
                        "%d×%d pixels, the mask and the matte need %.0f MB by themselves, but only %.0f MB were allowed",
                        photo->width, photo->height, (double)held / 1e6, (double)job->max_memory / 1e6);
    mgm_context_set_max_memory(job->ctx, job->max_memory ? job->max_memory - held : 0);
    return MGM_OK;
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
    status = set_memory(job, pictures);
    if (status == MGM_OK)
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

/* What can be prepared while the photo is read; the session, and the job's context, are the other thread's for that time. */
struct preparing {
    const struct matte_job *job;
    const struct mgm_image *mask;
};

static void *prepare(void *argument)
{
    const struct preparing *work = argument;
    struct mgm_matte_settings settings = work->job->settings;
    if (settings.guidance == MGM_GUIDANCE_AUTO && !settings.reference)
        settings.guidance = mgm_guidance_decide(work->mask);
    /* If this fails, so will the matte, and say why. */
    if (mgm_session_make_ready(work->job->session, work->mask->width, work->mask->height, &settings) != MGM_OK)
        mgm_fail(work->job->ctx, MGM_OK, "%s", "");
    return NULL;
}

static enum mgm_status read_photo(const struct matte_job *job, const char *path, struct pictures *pictures)
{
    struct preparing work = {job, &pictures->mask.image};
    struct mgm_context *reading = NULL;
    pthread_t thread;
    if (job->resize_mask || job->max_memory || mgm_context_create(&reading) != MGM_OK)
        return photo_read(job->ctx, path, &pictures->photo); /* the mask says nothing of the photo's size, or of memory */
    const bool started = pthread_create(&thread, NULL, prepare, &work) == 0;
    const enum mgm_status status = photo_read(reading, path, &pictures->photo);
    if (started)
        pthread_join(thread, NULL);
    if (status != MGM_OK)
        mgm_fail(job->ctx, status, "%s", mgm_context_error(reading));
    mgm_context_destroy(&reading);
    return status;
}

static enum mgm_status run(struct matte_job *job, const char *photo, const char *mask, const struct image_target *target,
                           struct pictures *pictures, struct matte_facts *facts)
{
    struct mgm_matte_settings settings = job->settings;
    TRY(image_file_check_apart(job->ctx, target->path, photo));
    TRY(image_file_check_apart(job->ctx, target->path, mask));
    if (!job->alpha_only && backdrop_file(job->cutout.background))
        TRY(image_file_check_apart(job->ctx, target->path, job->cutout.background));
    TRY(image_target_probe(job->ctx, target));
    TRY(picture_read_mask(job->ctx, mask, &pictures->mask));
    TRY(read_photo(job, photo, pictures));
    TRY(image_target_check_size(job->ctx, target, pictures->photo.seen.image.width, pictures->photo.seen.image.height));
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
