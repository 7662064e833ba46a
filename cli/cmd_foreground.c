/** mgm foreground: colours for a matte that was made elsewhere. */
#include "backdrop.h"
#include "command.h"
#include "cutout.h"
#include "report.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct values {
    const char *output, *format, *depth, *precision;
    struct cutout_options cutout;
    bool resize_alpha, json;
    int threads;
};

static const char *const depths[] = {"auto", "8", "16", NULL};
static const char *const precisions[] = {"auto", "f32", "bf16", NULL};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT", "the file to write; - is standard output",
     .required = true},
    {"format", 0, OPTION_CHOICE, offsetof(struct values, format), "FORMAT", "what standard output gets (png if not given)",
     .choices = image_format_names},
    {"depth", 0, OPTION_CHOICE, offsetof(struct values, depth), "BITS",
     "bits of a channel (auto: as in the photo, where the format can hold that)", .choices = depths},
    CUTOUT_OPTIONS(struct values, cutout),
    {"resize-alpha", 0, OPTION_FLAG, offsetof(struct values, resize_alpha), NULL,
     "stretch a matte of another size to the photo's"},
    {"precision", 0, OPTION_CHOICE, offsetof(struct values, precision), "P",
     "in what the network computes; auto: bf16 where the processor multiplies it natively, else f32", .choices = precisions},
    {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads to use; 0: one per core", .high = 1024},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "facts of the run as a JSON object on stdout"},
    {0},
};

static const struct command_example examples[] = {
    {"A cutout along a matte of another program:", "mgm foreground photo.jpg matte.png -o cutout.png"},
    {"Over a colour:", "mgm foreground photo.jpg matte.png -o green.jpg --background '#00ff00'"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_foreground = {
    .name = "foreground",
    .summary = "makes a cutout of a photo and a finished matte",
    .synopsis = "PHOTO ALPHA -o OUT [options]",
    .details =
        "ALPHA is the matte, a grey picture of the photo's size. Where it is neither 0 nor 1 the photo shows a mixture of "
        "foreground and background; the foreground's part of it is found, and written as colour with straight alpha. What "
        "is "
        "opaque keeps the photo's own values, and colours that alpha hides are cleared. mgm matte does the same by itself "
        "for the mattes that it makes.",
    .options = options,
    .examples = examples,
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};

struct job {
    struct mgm_context *ctx;
    const struct values *values;
    const char *photo_path, *alpha_path;
    struct image_target target;
    struct photo photo;
    struct picture matte;
    float *alpha;
    struct cutout *cutout;
    struct mgm_foreground_report report;
};

/** The matte as numbers from 0 to 1, in the photo's size. */
static enum mgm_status take_alpha(struct job *job)
{
    const struct mgm_image *photo = &job->photo.seen.image, *matte = &job->matte.image;
    const size_t count = (size_t)photo->width * (size_t)photo->height;
    if (photo->width != matte->width || photo->height != matte->height) {
        if (!job->values->resize_alpha)
            return mgm_fail(job->ctx, MGM_E_SHAPE,
                            "%s is %d×%d pixels, but %s is %d×%d; --resize-alpha stretches the matte to the photo's size",
                            image_file_name(job->alpha_path), matte->width, matte->height, image_file_name(job->photo_path),
                            photo->width, photo->height);
        TRY(picture_resize_mask(job->ctx, &job->matte, photo->width, photo->height, false));
    }
    job->alpha = mgm_alloc(count, sizeof *job->alpha);
    if (!job->alpha)
        return mgm_fail_nomem(job->ctx, image_file_name(job->alpha_path));
    for (size_t i = 0; i < count; i++)
        job->alpha[i] = job->matte.image.bits == 16 ? (float)((const uint16_t *)job->matte.memory)[i] / 65535
                                                    : (float)((const uint8_t *)job->matte.memory)[i] / 255;
    return MGM_OK;
}

/** Everything that can be wrong with the request is found out before colours are computed. */
static enum mgm_status work(struct job *job)
{
    const struct values *values = job->values;
    const int bits = atoi(values->depth);
    TRY(image_target_choose(job->ctx, values->output, values->format, cutout_channels(&values->cutout), &job->target));
    if (bits == 16 && !job->target.format->deep)
        return mgm_fail(job->ctx, MGM_E_UNSUPPORTED, "a %s file cannot hold 16 bit; png and tiff files can",
                        job->target.format->name);
    TRY(mgm_context_set_precision(job->ctx, values->precision));
    TRY(image_file_check_apart(job->ctx, values->output, job->photo_path));
    TRY(image_file_check_apart(job->ctx, values->output, job->alpha_path));
    if (backdrop_file(values->cutout.background))
        TRY(image_file_check_apart(job->ctx, values->output, values->cutout.background));
    TRY(image_target_probe(job->ctx, &job->target));
    TRY(cutout_open(job->ctx, &values->cutout, bits, &job->cutout));
    TRY(photo_read(job->ctx, job->photo_path, &job->photo));
    TRY(image_target_check_size(job->ctx, &job->target, job->photo.seen.image.width, job->photo.seen.image.height));
    TRY(picture_read_mask(job->ctx, job->alpha_path, &job->matte));
    TRY(take_alpha(job));
    return cutout_write(job->cutout, &job->photo, job->alpha, job->photo_path, &job->target, &job->report);
}

static int print_report(const struct job *job, double seconds)
{
    cJSON *object = cJSON_CreateObject();
    report_add_text(object, "photo", job->photo_path);
    report_add_text(object, "output", job->target.path);
    cJSON_AddNumberToObject(object, "width", job->photo.seen.image.width);
    cJSON_AddNumberToObject(object, "height", job->photo.seen.image.height);
    cJSON_AddStringToObject(object, "foreground", job->values->cutout.foreground);
    report_add_number(object, "mixed", job->report.mixed, 6);
    report_add_number(object, "computed", job->report.computed, 6);
    report_add_number(object, "colours_s", job->report.seconds, 4);
    report_add_number(object, "total_s", seconds, 4);
    report_add_number(object, "peak_mb", report_peak_mb(), 1);
    return report_print(object);
}

static int run(int argc, char **argv)
{
    const double start = mgm_clock_seconds();
    struct values values = {.depth = "auto", .precision = "auto", .cutout = {.foreground = "fast"}};
    struct operands operands;
    int outcome = command_parse(&cmd_foreground, argc, argv, &values, &operands);
    if (outcome != COMMAND_GO_ON)
        return outcome;
    struct job job = {.values = &values, .photo_path = operands.values[0], .alpha_path = operands.values[1]};
    if (strcmp(job.photo_path, IMAGE_FILE_STANDARD) == 0 && strcmp(job.alpha_path, IMAGE_FILE_STANDARD) == 0)
        return command_misused(&cmd_foreground, "only one of photo and matte can come from standard input");
    if (strcmp(values.output, IMAGE_FILE_STANDARD) == 0 && values.json)
        return command_misused(&cmd_foreground, "the picture and --json cannot both go to standard output");
    enum mgm_status status = mgm_context_create(&job.ctx);
    if (status == MGM_OK) {
        mgm_context_set_threads(job.ctx, values.threads);
        status = work(&job);
    }
    if (status != MGM_OK)
        outcome = command_failed(&cmd_foreground, "%s", mgm_context_error(job.ctx));
    else
        outcome = values.json ? print_report(&job, mgm_clock_seconds() - start) : STATUS_OK;
    cutout_close(&job.cutout);
    photo_release(&job.photo);
    picture_release(&job.matte);
    mgm_free(job.alpha);
    mgm_context_destroy(&job.ctx);
    return outcome;
}
