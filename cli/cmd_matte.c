/** mgm matte: a photo and a rough mask in, a cutout out. */
#include "command.h"
#include "default_model.h"
#include "image_file.h"
#include "progress.h"
#include "report.h"

#include "base/clock.h"
#include "base/memory.h"
#include "matting/guidance.h"
#include "mgm.h"

#include <limits.h>
#include <string.h>

struct values {
    const char *output, *guidance, *model;
    bool alpha_only, resize_mask, reference, largest_component, quiet, json;
    int threads;
};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT", "the file to write (.png; .jpg for a matte alone)",
     0, 0, true},
    {"alpha-only", 0, OPTION_FLAG, offsetof(struct values, alpha_only), NULL, "write the matte alone, as grey", 0, 0, false},
    {"guidance", 0, OPTION_TEXT, offsetof(struct values, guidance), "KIND",
     "what the mask says: auto, mask, alpha, trimap, trimap-fg", 0, 0, false},
    {"model", 0, OPTION_TEXT, offsetof(struct values, model), "PATH", "weights to use instead of those that come with mgm",
     0, 0, false},
    {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads to use; 0: one per core", 0, 1024, false},
    {"resize-mask", 0, OPTION_FLAG, offsetof(struct values, resize_mask), NULL,
     "stretch a mask of another size to the photo's", 0, 0, false},
    {"reference", 0, OPTION_FLAG, offsetof(struct values, reference), NULL,
     "pad, threshold and truncate as the published code does", 0, 0, false},
    {"largest-component", 0, OPTION_FLAG, offsetof(struct values, largest_component), NULL,
     "keep only the largest connected part of the matte", 0, 0, false},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "no progress on stderr", 0, 0, false},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "facts of the run as one JSON object on stdout", 0, 0,
     false},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_matte = {
    .name = "matte",
    .summary = "cuts a photo out along a rough mask",
    .synopsis = "PHOTO MASK -o OUT [options]",
    .details = "PHOTO and MASK are JPEG or PNG files of the same size, white (or light) where the foreground is.\n"
               "OUT becomes an RGBA picture with straight alpha. The mask may be a rough cut, a soft matte to be\n"
               "improved, or a trimap (black, grey 128 = unknown, white); without --guidance its values decide,\n"
               "with --reference it is then a mask.",
    .options = options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};

/** All that a run holds. */
struct job {
    struct mgm_context *ctx;
    struct mgm_model *model;
    struct mgm_session *session;
    struct picture photo, mask;
    struct mgm_matte_settings settings;
    struct mgm_matte_report report;
    float *alpha;
    struct progress *progress;
};

static void release(struct job *job)
{
    progress_stop(&job->progress);
    mgm_free(job->alpha);
    picture_release(&job->mask);
    picture_release(&job->photo);
    mgm_session_destroy(&job->session);
    mgm_model_destroy(&job->model);
    mgm_context_destroy(&job->ctx);
}

/** @return false if there is no kind of that name */
static bool guidance_from_name(const char *name, enum mgm_guidance *guidance)
{
    for (int kind = MGM_GUIDANCE_AUTO; kind <= MGM_GUIDANCE_TRIMAP_FG; kind++) {
        if (strcmp(name, mgm_guidance_name((enum mgm_guidance)kind)) == 0) {
            *guidance = (enum mgm_guidance)kind;
            return true;
        }
    }
    return false;
}

/** What the mask says is decided before stretching adds values between. */
static enum mgm_status fit_mask(struct job *job, const struct values *values, const char *photo_path, const char *mask_path)
{
    const struct mgm_image *photo = &job->photo.image, *mask = &job->mask.image;
    if (job->settings.guidance == MGM_GUIDANCE_AUTO && !job->settings.reference)
        job->settings.guidance = mgm_guidance_decide(mask);
    if (photo->width == mask->width && photo->height == mask->height)
        return MGM_OK;
    if (!values->resize_mask)
        return mgm_fail(job->ctx, MGM_E_SHAPE,
                        "%s is %d×%d pixels, but %s is %d×%d; --resize-mask stretches the mask to the photo's size",
                        mask_path, mask->width, mask->height, photo_path, photo->width, photo->height);
    const bool nearest = job->settings.guidance == MGM_GUIDANCE_TRIMAP || job->settings.guidance == MGM_GUIDANCE_TRIMAP_FG;
    return picture_resize_mask(job->ctx, &job->mask, photo->width, photo->height, nearest);
}

static enum mgm_status load_model(struct job *job, const char *path)
{
    char found[PATH_MAX];
    if (!path) {
        TRY(default_model_find(job->ctx, found, sizeof found));
        path = found;
    }
    TRY(mgm_model_load(job->ctx, path, &job->model));
    return mgm_session_create(job->ctx, job->model, &job->session);
}

static uint8_t to_byte(float value)
{
    return (uint8_t)(value * 255.0f + 0.5f);
}

/** The matte as grey, or the photo's own colours with the matte as alpha. */
static void fill_result(const struct job *job, struct mgm_bitmap *result)
{
    const size_t count = (size_t)result->width * (size_t)result->height;
    const uint8_t *bytes = job->photo.memory;
    const uint16_t *words = job->photo.memory;
    for (size_t i = 0; i < count; i++) {
        uint8_t *dst = result->data + i * (size_t)result->channels;
        for (int c = 0; c < result->channels - 1; c++) {
            const size_t from = 3 * i + (size_t)c;
            dst[c] = job->photo.image.bits == 16 ? (uint8_t)((words[from] * 255u + 32767u) / 65535u) : bytes[from];
        }
        dst[result->channels - 1] = to_byte(job->alpha[i]);
    }
}

static enum mgm_status write_result(const struct job *job, const char *path, int channels)
{
    struct mgm_bitmap result;
    TRY(mgm_bitmap_create(job->ctx, job->photo.image.width, job->photo.image.height, channels, &result));
    fill_result(job, &result);
    enum mgm_status status = image_file_write(job->ctx, path, &result);
    mgm_bitmap_release(&result);
    return status;
}

/** Everything that can be wrong with the request is found out before the network runs. */
static enum mgm_status prepare(struct job *job, const struct values *values, char **paths)
{
    TRY(image_file_check_output(job->ctx, values->output, values->alpha_only ? 1 : 4));
    progress_stage(job->progress, "reading the pictures");
    TRY(picture_read_photo(job->ctx, paths[0], &job->photo));
    TRY(picture_read_mask(job->ctx, paths[1], &job->mask));
    TRY(fit_mask(job, values, paths[0], paths[1]));
    progress_stage(job->progress, "reading the model");
    TRY(load_model(job, values->model));
    job->alpha = mgm_alloc((size_t)job->photo.image.width * (size_t)job->photo.image.height, sizeof *job->alpha);
    return job->alpha ? MGM_OK : mgm_fail_nomem(job->ctx, "the matte");
}

static enum mgm_status matte(struct job *job, const struct values *values, char **paths)
{
    TRY(prepare(job, values, paths));
    progress_stage(job->progress, "matting");
    TRY(mgm_matte(job->session, &job->photo.image, &job->mask.image, &job->settings, job->alpha, &job->report));
    progress_stage(job->progress, "writing");
    return write_result(job, values->output, values->alpha_only ? 1 : 4);
}

static int print_facts(const struct job *job, double total_seconds)
{
    const struct mgm_image *photo = &job->photo.image;
    const struct mgm_matte_report *report = &job->report;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", mgm_model_facts(job->model).name);
    cJSON_AddNumberToObject(object, "width", photo->width);
    cJSON_AddNumberToObject(object, "height", photo->height);
    cJSON_AddNumberToObject(object, "network_width", report->network_width);
    cJSON_AddNumberToObject(object, "network_height", report->network_height);
    cJSON_AddStringToObject(object, "guidance", mgm_guidance_name(report->guidance));
    cJSON_AddBoolToObject(object, "reference", job->settings.reference);
    cJSON_AddBoolToObject(object, "largest_component", job->settings.largest_component);
    report_add_number(object, "uncertain_os4", report->uncertain_os4, 6);
    report_add_number(object, "uncertain_os1", report->uncertain_os1, 6);
    report_add_number(object, "network_s", report->network_seconds, 4);
    report_add_number(object, "total_s", total_seconds, 4);
    report_add_number(object, "peak_mb", report_peak_mb(), 1);
    return report_print(object);
}

static int run(int argc, char **argv)
{
    const double start = mgm_clock_seconds();
    struct values values = {.guidance = "auto"};
    struct operands operands;
    struct job job = {.settings = mgm_matte_settings_defaults()};
    int status = command_parse(&cmd_matte, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    if (!guidance_from_name(values.guidance, &job.settings.guidance))
        return command_misused(&cmd_matte, "--guidance takes auto, mask, alpha, trimap or trimap-fg, not '%s'",
                               values.guidance);
    job.settings.reference = values.reference;
    job.settings.largest_component = values.largest_component;
    enum mgm_status result = mgm_context_create(&job.ctx);
    if (result == MGM_OK) {
        mgm_context_set_threads(job.ctx, values.threads);
        job.progress = progress_start(values.quiet);
        result = matte(&job, &values, operands.values);
    }
    progress_stop(&job.progress); /* before anything else is printed */
    if (result != MGM_OK)
        status = command_failed(&cmd_matte, "%s", mgm_context_error(job.ctx));
    else
        status = values.json ? print_facts(&job, mgm_clock_seconds() - start) : STATUS_OK;
    release(&job);
    return status;
}
