/** mgm quantize: weights in 8 bit, with what is needed to compute in 8 bit, too. */
#include "command.h"
#include "image_file.h"
#include "matte_list.h"
#include "models.h"

#include "base/memory.h"
#include "matting/calibrate.h"
#include "matting/frame.h"
#include "matting/guidance.h"
#include "matting/network.h"
#include "weights/output_file.h"

#include <stdio.h>

struct values {
    const char *model, *output;
    bool quiet;
};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT", "safetensors file to write", .required = true},
    {"model", 0, OPTION_TEXT, offsetof(struct values, model), "MODEL", MODEL_OPTION_HELP, .takes = TAKES_MODEL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "say nothing on stderr but what goes wrong"},
    {0},
};

static const struct command_example examples[] = {
    {"Calibrate on a folder of photos and masks of the same names:", "mgm quantize photos masks -o small-int8.safetensors"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_quantize = {
    .name = "quantize",
    .summary = "makes weights for computing in 8 bit",
    .synopsis = "PHOTO… MASKS -o OUT [--model W]",
    .details = "Runs the network in f32 on each photo (files, or folders of them) with the mask of the same name in the\n"
               "folder MASKS, looks at which magnitudes its results take, and writes weights in 8 bit with a scale for\n"
               "each output channel, and the ranges that lose least. A dozen photos of the kind that will be matted are\n"
               "enough. mgm matte --precision int8 is for such a file; with other weights it has to find the ranges on\n"
               "the first photo.",
    .options = options,
    .examples = examples,
    .min_operands = 2,
    .max_operands = 1 << 20,
    .run = run,
};

struct job {
    struct mgm_context *ctx;
    struct mgm_model *model;
    struct mgm_calibration *calibration;
    struct matte_list list;
    float *ranges;
};

static void release(struct job *job)
{
    mgm_calibration_destroy(&job->calibration);
    mgm_model_destroy(&job->model);
    matte_list_release(&job->list);
    mgm_free(job->ranges);
    mgm_context_destroy(&job->ctx);
}

/* The network's input for one photo, as mgm_matte() makes it. */
static enum mgm_status add_picture(struct job *job, const struct mgm_image *photo, const struct mgm_image *mask)
{
    const struct mgm_frame frame = mgm_frame_around(photo->width, photo->height, false);
    float *guidance = mgm_alloc((size_t)photo->width * (size_t)photo->height, sizeof *guidance);
    float *input = mgm_alloc((size_t)frame.width * (size_t)frame.height, MGM_NETWORK_INPUTS * sizeof *input);
    enum mgm_status status = guidance && input ? MGM_OK : mgm_fail_nomem(job->ctx, "a calibration");
    if (status == MGM_OK)
        status = mgm_guidance_convert(job->ctx, mask, mgm_guidance_decide(mask), guidance);
    const struct mgm_plane plane = {guidance, photo->width, photo->height};
    if (status == MGM_OK)
        status = mgm_frame_pack(job->ctx, &frame, photo, &plane, input);
    if (status == MGM_OK)
        status = mgm_calibration_add(job->calibration, frame.height, frame.width, input);
    mgm_free(guidance);
    mgm_free(input);
    return status;
}

static enum mgm_status add_item(struct job *job, const struct matte_item *item)
{
    struct photo photo = {0};
    struct picture mask = {0};
    if (item->complaint)
        return mgm_fail(job->ctx, MGM_E_INVALID, "%s", item->complaint);
    enum mgm_status status = photo_read(job->ctx, item->photo, &photo);
    if (status == MGM_OK)
        status = picture_read_mask(job->ctx, item->mask, &mask);
    if (status == MGM_OK) /* ranges do not depend on where exactly a mask ends */
        status = picture_resize_mask(job->ctx, &mask, photo.seen.image.width, photo.seen.image.height, true);
    if (status == MGM_OK)
        status = add_picture(job, &photo.seen.image, &mask.image);
    photo_release(&photo);
    picture_release(&mask);
    return status;
}

static enum mgm_status write_model(struct job *job, const char *path)
{
    const struct mgm_model_facts facts = mgm_model_facts(job->model);
    char width[32];
    snprintf(width, sizeof width, "%.17g", facts.width);
    const char *metadata[] = {MGM_METADATA_ARCHITECTURE, MGM_ARCHITECTURE,
                              MGM_METADATA_WIDTH,        width,
                              MGM_METADATA_NAME,         facts.name,
                              MGM_METADATA_LICENSE,      facts.license,
                              MGM_METADATA_FUSION,       mgm_head_fusion_names[job->model->fusion]};
    job->ranges = mgm_alloc((size_t)job->model->graph.layer_count, sizeof *job->ranges);
    if (!job->ranges)
        return mgm_fail_nomem(job->ctx, path);
    mgm_calibration_ranges(job->calibration, job->ranges);
    TRY(mgm_model_hold_params(job->ctx, job->model));
    const enum mgm_status status =
        mgm_params_save_quantized(job->ctx, &job->model->graph, &job->model->params, job->ranges, path, metadata, 5);
    mgm_model_drop_params(job->model);
    return status;
}

static enum mgm_status quantize(struct job *job, const struct values *values, const struct operands *operands)
{
    char path[4096];
    struct mgm_output_file probe; /* found out before the work */
    TRY(mgm_output_file_open(job->ctx, values->output, &probe));
    mgm_output_file_discard(&probe);
    const int photos = operands->count - 1;
    TRY(matte_list_many(job->ctx, operands->values, photos, operands->values[photos], ".", ".png", &job->list));
    TRY(model_find(job->ctx, values->model, path, sizeof path));
    TRY(mgm_model_load(job->ctx, path, &job->model));
    if (job->model->ranges)
        return mgm_fail(job->ctx, MGM_E_INVALID, "%s: these weights are quantized already", path);
    TRY(mgm_calibration_create(job->ctx, job->model, &job->calibration));
    for (int i = 0; i < job->list.count; i++) {
        if (!values->quiet)
            fprintf(stderr, "%s (%d of %d)\n", job->list.items[i].photo, i + 1, job->list.count);
        TRY(add_item(job, &job->list.items[i]));
    }
    return write_model(job, values->output);
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct job job = {0};
    int status = command_parse(&cmd_quantize, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    enum mgm_status result = mgm_context_create(&job.ctx);
    if (result == MGM_OK)
        result = quantize(&job, &values, &operands);
    status = result == MGM_OK ? STATUS_OK : command_failed(&cmd_quantize, "%s", mgm_context_error(job.ctx));
    release(&job);
    return status;
}
