/** mgm matte: photos and rough masks in, cutouts out. */
#include "command.h"
#include "matte_job.h"
#include "matte_list.h"
#include "report.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct values {
    const char *output, *format, *guidance, *model, *depth;
    bool alpha_only, resize_mask, reference, largest_component, skip_existing, quiet, json;
    int threads;
};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT",
     "the file to write, or the folder for several; - is standard output", .required = true},
    {"format", 0, OPTION_TEXT, offsetof(struct values, format), "FORMAT",
     "png, tiff, webp or jpeg, where no file's name says it; default png", .required = false},
    {"depth", 0, OPTION_TEXT, offsetof(struct values, depth), "BITS",
     "8, 16, or auto: as the photo has, where the format can hold it", .required = false},
    {"alpha-only", 0, OPTION_FLAG, offsetof(struct values, alpha_only), NULL, "write the matte alone, as grey",
     .required = false},
    {"guidance", 0, OPTION_TEXT, offsetof(struct values, guidance), "KIND",
     "what the mask says: auto, mask, alpha, trimap, trimap-fg", .required = false},
    {"model", 0, OPTION_TEXT, offsetof(struct values, model), "PATH", "weights to use instead of those that come with mgm",
     .required = false},
    {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads to use; 0: one per core", .high = 1024},
    {"resize-mask", 0, OPTION_FLAG, offsetof(struct values, resize_mask), NULL,
     "stretch a mask of another size to the photo's", .required = false},
    {"skip-existing", 0, OPTION_FLAG, offsetof(struct values, skip_existing), NULL,
     "leave results alone that are there already", .required = false},
    {"reference", 0, OPTION_FLAG, offsetof(struct values, reference), NULL,
     "pad, threshold and truncate as the published code does", .required = false},
    {"largest-component", 0, OPTION_FLAG, offsetof(struct values, largest_component), NULL,
     "keep only the largest connected part of the matte", .required = false},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "no progress on stderr", .required = false},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL,
     "facts of the run as a JSON object on stdout; of several photos, one a line", .required = false},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_matte = {
    .name = "matte",
    .summary = "cuts photos out along rough masks",
    .synopsis = "PHOTO MASK -o OUT [options]\n       mgm matte PHOTO… MASKS -o FOLDER [options]",
    .details = "PHOTO and MASK are pictures of the same size; the mask is white (or light) where the foreground is.\n"
               "It may be a rough cut, a soft matte to be improved, or a trimap (black, grey 128 = unknown, white);\n"
               "without --guidance its values decide, with --reference it is then a mask. One of the two may be -,\n"
               "standard input.\n"
               "\n"
               "OUT becomes an RGBA picture with straight alpha, in the photo's own colours and with its colour\n"
               "profile. The extension decides the format: .png, .tif, .webp; with --alpha-only also .jpg.\n"
               "\n"
               "Where MASKS is a folder, every PHOTO is a picture or a folder of pictures, and has its mask there under\n"
               "its own name (whatever the extension). Results get the photos' names in FOLDER, which is made if\n"
               "need be. What fails is named, the others are done, and the exit status is 1.",
    .options = options,
    .min_operands = 2,
    .max_operands = INT_MAX,
    .run = run,
};

struct batch {
    struct matte_job job;
    struct matte_list list;
    const struct values *values;
    bool many;
    int written, skipped, failed;
};

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

static void add_report(cJSON *object, const struct batch *batch, const struct matte_facts *facts)
{
    const struct mgm_matte_report *report = &facts->report;
    cJSON_AddStringToObject(object, "model", mgm_model_facts(batch->job.model).name);
    cJSON_AddNumberToObject(object, "width", facts->width);
    cJSON_AddNumberToObject(object, "height", facts->height);
    cJSON_AddNumberToObject(object, "network_width", report->network_width);
    cJSON_AddNumberToObject(object, "network_height", report->network_height);
    cJSON_AddStringToObject(object, "guidance", mgm_guidance_name(report->guidance));
    cJSON_AddBoolToObject(object, "reference", batch->job.settings.reference);
    cJSON_AddBoolToObject(object, "largest_component", batch->job.settings.largest_component);
    report_add_number(object, "uncertain_os4", report->uncertain_os4, 6);
    report_add_number(object, "uncertain_os1", report->uncertain_os1, 6);
    report_add_number(object, "network_s", report->network_seconds, 4);
}

/** Says how it went. @param facts  NULL: skipped, or failed if there is an error */
static int tell(const struct batch *batch, const struct matte_item *item, const struct matte_facts *facts, const char *error,
                double seconds)
{
    int status = STATUS_OK;
    progress_pause(batch->job.progress);
    if (error)
        status = command_failed(&cmd_matte, "%s", error);
    if (batch->values->json && (batch->many || !error)) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "photo", item->photo);
        cJSON_AddStringToObject(object, "output", item->output);
        if (facts)
            add_report(object, batch, facts);
        else if (error)
            cJSON_AddStringToObject(object, "error", error);
        else
            cJSON_AddTrueToObject(object, "skipped");
        report_add_number(object, "total_s", seconds, 4);
        report_add_number(object, "peak_mb", report_peak_mb(), 1);
        const int printed = batch->many ? report_print_line(object) : report_print(object);
        status = printed == STATUS_OK ? status : printed;
    }
    progress_go_on(batch->job.progress);
    return status;
}

/** One of the pictures. @return an exit status */
static int work_on(struct batch *batch, const struct matte_item *item, double start)
{
    struct matte_job *job = &batch->job;
    struct image_target target;
    struct matte_facts facts;
    if (batch->values->skip_existing && access(item->output, F_OK) == 0) {
        batch->skipped++;
        return tell(batch, item, NULL, NULL, mgm_clock_seconds() - start);
    }
    const char *error = item->complaint;
    if (!error &&
        (image_target_choose(job->ctx, item->output, batch->values->format, matte_job_channels(job), &target) != MGM_OK ||
         matte_job_run(job, item->photo, item->mask, &target, &facts) != MGM_OK))
        error = mgm_context_error(job->ctx);
    *(error ? &batch->failed : &batch->written) += 1;
    return tell(batch, item, error ? NULL : &facts, error, mgm_clock_seconds() - start);
}

static void summarise(const struct batch *batch)
{
    progress_pause(batch->job.progress);
    fprintf(stderr, "%d of %d cut out", batch->written, batch->list.count);
    if (batch->skipped)
        fprintf(stderr, ", %d there already", batch->skipped);
    if (batch->failed)
        fprintf(stderr, ", %d failed", batch->failed);
    fputc('\n', stderr);
    progress_go_on(batch->job.progress);
}

static int work_on_all(struct batch *batch, double start)
{
    int status = STATUS_OK;
    for (int i = 0; i < batch->list.count; i++) {
        if (batch->many)
            progress_stage(batch->job.progress, "%d of %d", i + 1, batch->list.count);
        if (work_on(batch, &batch->list.items[i], i ? mgm_clock_seconds() : start) != STATUS_OK)
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
    struct image_target target;
    if (batch->many) {
        const struct image_format *format = image_format_named(values->format ? values->format : "png");
        TRY(folder_make(ctx, values->output));
        TRY(matte_list_many(ctx, paths, photos, paths[photos], values->output, format->extensions[0], &batch->list));
        TRY(image_target_choose(ctx, batch->list.items[0].output, NULL, channels, &target));
    } else {
        TRY(image_target_choose(ctx, values->output, values->format, channels, &target));
        TRY(matte_list_single(ctx, paths[0], paths[1], values->output, &batch->list));
    }
    if (batch->job.bits == 16 && !target.format->deep)
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "a %s file cannot hold 16 bit; png and tiff files can", target.format->name);
    return matte_job_open(&batch->job, ctx, values->model);
}

/** Whether the command line makes sense. @return COMMAND_GO_ON, or an exit status */
static int check(const struct values *values, const struct operands *operands, bool many, struct matte_job *job)
{
    const int photos = operands->count - 1;
    const bool to_standard = strcmp(values->output, IMAGE_FILE_STANDARD) == 0;
    int from_standard = 0;
    for (int i = 0; i < operands->count; i++)
        from_standard += strcmp(operands->values[i], IMAGE_FILE_STANDARD) == 0;
    if (!guidance_from_name(values->guidance, &job->settings.guidance))
        return command_misused(&cmd_matte, "--guidance takes auto, mask, alpha, trimap or trimap-fg, not '%s'",
                               values->guidance);
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
    struct values values = {.guidance = "auto", .depth = "auto"};
    struct operands operands;
    struct mgm_context *ctx = NULL;
    int status = command_parse(&cmd_matte, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    struct batch batch = {.job = {.settings = mgm_matte_settings_defaults(), .bits = atoi(values.depth)},
                          .values = &values,
                          .many = folder_is(operands.values[operands.count - 1])};
    batch.job.alpha_only = values.alpha_only;
    batch.job.resize_mask = values.resize_mask;
    batch.job.settings.reference = values.reference;
    batch.job.settings.largest_component = values.largest_component;
    status = check(&values, &operands, batch.many, &batch.job);
    if (status != COMMAND_GO_ON)
        return status;
    if (mgm_context_create(&ctx) != MGM_OK)
        return command_failed(&cmd_matte, "%s", mgm_context_error(ctx));
    mgm_context_set_threads(ctx, values.threads);
    batch.job.progress = progress_start(values.quiet);
    const bool ready = prepare(&batch, ctx, &operands) == MGM_OK;
    if (ready)
        status = work_on_all(&batch, start);
    progress_stop(&batch.job.progress); /* before anything else is printed */
    if (!ready)
        status = command_failed(&cmd_matte, "%s", mgm_context_error(ctx));
    matte_job_close(&batch.job);
    matte_list_release(&batch.list);
    mgm_context_destroy(&ctx);
    return status;
}
