/** mgm matte: photos and rough masks in, cutouts out. */
#include "command.h"
#include "matte_job.h"
#include "matte_list.h"
#include "models.h"
#include "progress.h"
#include "report.h"

#include "base/clock.h"
#include "matting/precision.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct values {
    const char *output, *format, *guidance, *method, *model, *depth, *device, *precision;
    bool alpha_only, resize_mask, reference, largest_component, skip_existing, quiet, json;
    int threads;
    struct cutout_options cutout;
    uint64_t max_memory;
};

static const char *const guidances[] = {"auto", "mask", "alpha", "trimap", "trimap-fg", NULL};
static const char *const depths[] = {"auto", "8", "16", NULL};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT",
     "the file to write, or the folder for several; - is standard output", .required = true},
    {"format", 0, OPTION_CHOICE, offsetof(struct values, format), "FORMAT",
     "what standard output, or a folder, gets (png if not given)", .choices = image_format_names},
    {"depth", 0, OPTION_CHOICE, offsetof(struct values, depth), "BITS",
     "bits of a channel (auto: as in the photo, where the format can hold that)", .choices = depths},
    {"alpha-only", 0, OPTION_FLAG, offsetof(struct values, alpha_only), NULL, "write the matte alone, as grey"},
    CUTOUT_OPTIONS(struct values, cutout),
    {"guidance", 0, OPTION_CHOICE, offsetof(struct values, guidance), "KIND", "what the mask says", .choices = guidances},
    {"method", 0, OPTION_CHOICE, offsetof(struct values, method), "METHOD",
     "how large photos are put before the network: in one piece, in panes that agree with that, or as a pyramid from coarse "
     "to "
     "fine (auto: a pyramid above 0.33 megapixels, or 3 with a trimap or a soft matte)",
     .choices = method_names},
    {"max-memory", 0, OPTION_BYTES, offsetof(struct values, max_memory), "BYTES",
     "memory that the program may take, about, such as 500M or 2G (half of the machine's)"},
    {"resize-mask", 0, OPTION_FLAG, offsetof(struct values, resize_mask), NULL,
     "stretch a mask of another size to the photo's"},
    {"skip-existing", 0, OPTION_FLAG, offsetof(struct values, skip_existing), NULL, "leave alone what is there already"},
    {"model", 0, OPTION_TEXT, offsetof(struct values, model), "MODEL", MODEL_OPTION_HELP, .takes = TAKES_MODEL},
    {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads to use; 0: one per core", .high = 1024},
    {"device", 0, OPTION_TEXT, offsetof(struct values, device), "DEVICE", "where to compute: cpu, cuda or cuda:N",
     .takes = TAKES_ANYTHING},
    {"precision", 0, OPTION_CHOICE, offsetof(struct values, precision), "P",
     "in what the network computes; auto: bf16 where the processor multiplies it natively, else f32 (and f32 for "
     "--reference)",
     .choices = mgm_precision_names},
    {"reference", 0, OPTION_FLAG, offsetof(struct values, reference), NULL,
     "pad, threshold and truncate as the published code does"},
    {"largest-component", 0, OPTION_FLAG, offsetof(struct values, largest_component), NULL,
     "keep only the largest connected part of the matte"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "no progress and no summary on stderr"},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL,
     "facts of the run as a JSON object on stdout; for a folder of masks, one a line"},
    {0},
};

static const struct command_example examples[] = {
    {"Cut a photo out:", "mgm matte photo.jpg mask.png -o cutout.png"},
    {"Over white:", "mgm matte photo.jpg mask.png -o white.jpg --background white"},
    {"Only the matte, in 16 bit, from a trimap:", "mgm matte photo.jpg trimap.png -o matte.tif --alpha-only --depth 16"},
    {"Every photo of a folder, with the masks of the same names in another:",
     "mgm matte photos masks -o cutouts --format webp"},
    {"Go on where that was stopped:", "mgm matte photos masks -o cutouts --format webp --skip-existing"},
    {"Between other programs:", "cat photo.jpg | mgm matte - mask.png -o - > cutout.png"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_matte = {
    .name = "matte",
    .summary = "cuts photos out along rough masks",
    .synopsis = "PHOTO… MASK -o OUT [options]",
    .details =
        "PHOTO and MASK are pictures of the same size; the mask is white (or light) where the foreground is. It may be a "
        "rough cut, a soft matte to be improved, or a trimap (black, grey 128 = unknown, white); without --guidance its "
        "values decide, with --reference it is then a mask. One of the two may be -, standard input.\n"
        "\n"
        "OUT becomes a picture with straight alpha and the photo's colour profile. Its colours are the foreground's, "
        "without "
        "what shone through of the old background; what is opaque keeps the photo's own values, and colours that alpha "
        "hides are cleared. The extension decides the format: .png, .tif, .webp or .exr; with --alpha-only or "
        "--background also .jpg. Formats that are read: PNG, "
        "JPEG, TIFF, WebP, BMP, GIF, PNM, HEIC, AVIF and JPEG XL, as far as libvips is built with them.\n"
        "\n"
        "Where MASK is a folder, every PHOTO is a picture or a folder of pictures, and has its mask there under its own "
        "name, whatever the extension. Results get the photos' names in the folder OUT, which is made if need be. What "
        "fails is named, the others are done, and the exit status is 1.",
    .options = options,
    .examples = examples,
    .min_operands = 2,
    .max_operands = INT_MAX,
    .run = run,
};

struct batch {
    struct matte_job job;
    struct matte_list list;
    struct progress *progress;
    const struct image_format *format; /* of the results */
    const struct values *values;
    bool many;
    int written, skipped, failed;
};

static enum mgm_guidance guidance_from_name(const char *name)
{
    enum mgm_guidance guidance = MGM_GUIDANCE_AUTO;
    while (strcmp(name, mgm_guidance_name(guidance)) != 0)
        guidance++; /* the parser knows that it is one of them */
    return guidance;
}

static void add_report(cJSON *object, const struct batch *batch, const struct matte_facts *facts)
{
    const struct mgm_matte_report *report = &facts->report;
    report_add_text(object, "model", mgm_model_facts(batch->job.model).name);
    cJSON_AddNumberToObject(object, "width", facts->width);
    cJSON_AddNumberToObject(object, "height", facts->height);
    cJSON_AddStringToObject(object, "method", mgm_method_name(report->method));
    cJSON_AddNumberToObject(object, "panes", report->panes);
    cJSON_AddNumberToObject(object, "network_width", report->network_width);
    cJSON_AddNumberToObject(object, "network_height", report->network_height);
    cJSON_AddStringToObject(object, "guidance", mgm_guidance_name(report->guidance));
    cJSON_AddBoolToObject(object, "reference", batch->job.settings.reference);
    cJSON_AddBoolToObject(object, "largest_component", batch->job.settings.largest_component);
    report_add_number(object, "uncertain_os4", report->uncertain_os4, 6);
    report_add_number(object, "uncertain_os1", report->uncertain_os1, 6);
    report_add_number(object, "network_s", report->network_seconds, 4);
    if (!batch->job.alpha_only) {
        cJSON_AddStringToObject(object, "foreground", batch->job.cutout.foreground);
        report_add_number(object, "mixed", facts->colours.mixed, 6);
        report_add_number(object, "colours_s", facts->colours.seconds, 4);
    }
}

/** Says how it went. @param facts  NULL: skipped, or failed if there is an error */
static int tell(const struct batch *batch, const struct matte_item *item, const struct matte_facts *facts, const char *error,
                double seconds)
{
    int status = STATUS_OK;
    progress_pause(batch->progress);
    if (error)
        status = command_failed(&cmd_matte, "%s", error);
    if (batch->values->json && (batch->many || !error)) {
        cJSON *object = cJSON_CreateObject();
        report_add_text(object, "photo", item->photo);
        report_add_text(object, "output", item->output);
        if (facts)
            add_report(object, batch, facts);
        else if (error)
            report_add_text(object, "error", error);
        else
            cJSON_AddTrueToObject(object, "skipped");
        report_add_number(object, "total_s", seconds, 4);
        report_add_number(object, "peak_mb", report_peak_mb(), 1);
        const int printed = batch->many ? report_print_line(object) : report_print(object);
        status = printed == STATUS_OK ? status : printed;
    }
    progress_go_on(batch->progress);
    return status;
}

/** Whether the result is there already. */
static bool exists(const char *path)
{
    struct stat status;
    return strcmp(path, IMAGE_FILE_STANDARD) != 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/** One of the pictures. @return an exit status */
static int work_on(struct batch *batch, const struct matte_item *item, double start)
{
    struct matte_job *job = &batch->job;
    const struct image_target target = {item->output, batch->format};
    struct matte_facts facts;
    const char *error = item->complaint;
    if (!error && batch->values->skip_existing && exists(item->output)) {
        batch->skipped++;
        return tell(batch, item, NULL, NULL, mgm_clock_seconds() - start);
    }
    if (!error && matte_job_run(job, item->photo, item->mask, &target, &facts) != MGM_OK)
        error = mgm_context_error(job->ctx);
    *(error ? &batch->failed : &batch->written) += 1;
    return tell(batch, item, error ? NULL : &facts, error, mgm_clock_seconds() - start);
}

static void summarise(const struct batch *batch)
{
    progress_pause(batch->progress);
    fprintf(stderr, "%d of %d cut out", batch->written, batch->list.count);
    if (batch->skipped)
        fprintf(stderr, ", %d there already", batch->skipped);
    if (batch->failed)
        fprintf(stderr, ", %d failed", batch->failed);
    fputc('\n', stderr);
    progress_go_on(batch->progress);
}

static int work_on_all(struct batch *batch, double start)
{
    int status = STATUS_OK;
    for (int i = 0; i < batch->list.count; i++) {
        const struct matte_item *item = &batch->list.items[i];
        progress_stage(batch->progress, "%s (%d of %d)", image_file_name(item->photo), i + 1, batch->list.count);
        if (work_on(batch, item, i ? mgm_clock_seconds() : start) != STATUS_OK)
            status = STATUS_FAILED;
    }
    if (batch->many && !batch->values->quiet)
        summarise(batch);
    return status;
}

/** What is wrong with all of the work is found out here. */
static enum mgm_status prepare(struct batch *batch, struct mgm_context *ctx, const struct operands *operands)
{
    const struct values *values = batch->values;
    const int photos = operands->count - 1;
    char *const *paths = operands->values;
    const int channels = matte_job_channels(&batch->job);
    if (batch->many) {
        batch->format = image_format_named(values->format ? values->format : "png");
        TRY(image_format_check(ctx, batch->format, channels, values->output));
        TRY(matte_list_many(ctx, paths, photos, paths[photos], values->output, batch->format->extensions[0], &batch->list));
        TRY(folder_make(ctx, values->output));
    } else {
        struct image_target target;
        TRY(image_target_choose(ctx, values->output, values->format, channels, &target));
        TRY(matte_list_single(ctx, paths[0], paths[1], values->output, &batch->list));
        batch->format = target.format;
    }
    if (batch->job.bits == 16 && !batch->format->deep)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "a %s file cannot hold 16 bit; png and tiff files can", batch->format->name);
    TRY(mgm_context_set_device(ctx, values->device));
    TRY(mgm_context_set_precision(ctx, values->precision));
    progress_stage(batch->progress, "reading the model");
    return matte_job_open(&batch->job, ctx, values->model);
}

/** Whether the command line makes sense. @return COMMAND_GO_ON, or an exit status */
static int check(const struct values *values, const struct operands *operands, bool many)
{
    const int photos = operands->count - 1;
    const bool to_standard = strcmp(values->output, IMAGE_FILE_STANDARD) == 0;
    int from_standard = 0;
    for (int i = 0; i < operands->count; i++)
        from_standard += strcmp(operands->values[i], IMAGE_FILE_STANDARD) == 0;
    if (!many && (photos > 1 || folder_is(operands->values[0])))
        return command_misused(&cmd_matte, "several photos need a folder of masks as the last argument, which '%s' is not",
                               operands->values[photos]);
    if (many && (to_standard || from_standard))
        return command_misused(&cmd_matte, "- stands for one file; with a folder of masks there are several");
    if (from_standard > 1)
        return command_misused(&cmd_matte, "only one of photo and mask can come from standard input");
    if (to_standard && values->json)
        return command_misused(&cmd_matte, "the picture and --json cannot both go to standard output");
    return COMMAND_GO_ON;
}

static int run(int argc, char **argv)
{
    const double start = mgm_clock_seconds();
    struct values values = {.guidance = "auto",
                            .method = "auto",
                            .depth = "auto",
                            .device = "cpu",
                            .precision = "auto",
                            .cutout = {.foreground = "fast"}};
    struct operands operands;
    struct mgm_context *ctx = NULL;
    int status = command_parse(&cmd_matte, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    struct batch batch = {.job = {.settings = mgm_matte_settings_defaults(), .bits = atoi(values.depth)},
                          .values = &values,
                          .many = folder_is(operands.values[operands.count - 1])};
    batch.job.alpha_only = values.alpha_only;
    batch.job.cutout = values.cutout;
    batch.job.resize_mask = values.resize_mask;
    batch.job.settings.guidance = guidance_from_name(values.guidance);
    batch.job.settings.method = method_from_name(values.method);
    batch.job.settings.reference = values.reference;
    batch.job.max_memory = (size_t)values.max_memory;
    batch.job.settings.largest_component = values.largest_component;
    status = check(&values, &operands, batch.many);
    if (status != COMMAND_GO_ON)
        return status;
    if (mgm_context_create(&ctx) != MGM_OK)
        return command_failed(&cmd_matte, "%s", mgm_context_error(ctx));
    mgm_context_set_threads(ctx, values.threads);
    batch.progress = progress_start(values.quiet);
    const bool ready = prepare(&batch, ctx, &operands) == MGM_OK;
    if (ready)
        status = work_on_all(&batch, start);
    progress_stop(&batch.progress); /* before anything else is printed */
    if (!ready)
        status = command_failed(&cmd_matte, "%s", mgm_context_error(ctx));
    matte_job_close(&batch.job);
    matte_list_release(&batch.list);
    mgm_context_destroy(&ctx);
    return status;
}
