/** mgm convert: weights of any format that is read, written as safetensors. */
#include "command.h"

#include "base/context.h"
#include "base/memory.h"
#include "weights/weights.h"

#include <string.h>

struct values {
    bool f16;
};

static const struct command_option options[] = {
    {"f16", 0, OPTION_FLAG, offsetof(struct values, f16), NULL,
     "store floats as 16-bit ones, where there are two dimensions or more"},
    {0},
};

static const struct command_example examples[] = {
    {"Turn a checkpoint into a safetensors file:", "mgm convert model.pth model.safetensors"},
    {"Make one half as large:", "mgm convert model.safetensors half.safetensors --f16"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_convert = {
    .name = "convert",
    .summary = "turns a checkpoint of PyTorch's into a safetensors file",
    .synopsis = "IN OUT [--f16]",
    .details = "IN is a checkpoint (.pth, of either layout) or a safetensors file. Its pickle is read, never executed:\n"
               "one that asks for anything but tensors is refused. Written are all tensors of its state_dict, or of the\n"
               "checkpoint itself where it has none, under their names and in their types. With --f16, biases, norms and\n"
               "other vectors stay as they are: they are 1 % of a file.",
    .options = options,
    .examples = examples,
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};

/** What is to be written, and what had to be made for it. */
struct job {
    struct mgm_context *ctx;
    struct mgm_safetensors *input;
    struct mgm_tensor_source *tensors;
    const char **metadata;
    float **floats; /* of each tensor that changes its type */
};

static bool is_float(enum mgm_dtype dtype)
{
    return dtype == MGM_DTYPE_F32 || dtype == MGM_DTYPE_F16 || dtype == MGM_DTYPE_BF16 || dtype == MGM_DTYPE_F64;
}

/** The writer takes 16-bit floats as 32-bit ones, and rounds. */
static enum mgm_status prepare_tensor(struct job *job, int index, bool f16)
{
    const struct mgm_tensor *tensor = mgm_safetensors_at(job->input, index);
    struct mgm_tensor_source *source = &job->tensors[index];
    *source =
        (struct mgm_tensor_source){.name = tensor->name, .dtype = tensor->dtype, .ndim = tensor->ndim, .data = tensor->data};
    memcpy(source->dims, tensor->dims, sizeof source->dims);
    if (f16 && is_float(tensor->dtype) && tensor->ndim >= 2)
        source->dtype = MGM_DTYPE_F16;
    if (source->dtype != MGM_DTYPE_F16 && source->dtype != MGM_DTYPE_BF16)
        return MGM_OK;
    job->floats[index] = mgm_alloc(tensor->count, sizeof(float));
    if (!job->floats[index])
        return mgm_fail_nomem(job->ctx, tensor->name);
    source->data = job->floats[index];
    return mgm_tensor_to_f32(job->ctx, tensor, job->floats[index]);
}

static enum mgm_status convert(struct job *job, const char *from, const char *to, bool f16)
{
    TRY(mgm_weights_open(job->ctx, from, &job->input));
    const int count = mgm_safetensors_count(job->input), pairs = mgm_safetensors_metadata_count(job->input);
    job->tensors = mgm_alloc_zeroed((size_t)count, sizeof *job->tensors);
    job->floats = mgm_alloc_zeroed((size_t)count, sizeof *job->floats);
    job->metadata = mgm_alloc_zeroed(2 * (size_t)pairs, sizeof *job->metadata);
    if (!job->tensors || !job->floats || !job->metadata)
        return mgm_fail_nomem(job->ctx, from);
    for (int i = 0; i < count; i++)
        TRY(prepare_tensor(job, i, f16));
    for (int i = 0; i < pairs; i++)
        mgm_safetensors_metadata_at(job->input, i, &job->metadata[2 * i], &job->metadata[2 * i + 1]);
    return mgm_safetensors_write(job->ctx, to, job->tensors, count, job->metadata, pairs);
}

static void release(struct job *job)
{
    for (int i = 0; job->floats && i < mgm_safetensors_count(job->input); i++)
        mgm_free(job->floats[i]);
    mgm_free(job->floats);
    mgm_free(job->tensors);
    mgm_free(job->metadata);
    mgm_safetensors_close(&job->input);
    mgm_context_destroy(&job->ctx);
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct job job = {0};
    int status = command_parse(&cmd_convert, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    status = STATUS_OK;
    if (mgm_context_create(&job.ctx) != MGM_OK)
        status = command_failed(&cmd_convert, "not enough memory");
    else if (convert(&job, operands.values[0], operands.values[1], values.f16) != MGM_OK)
        status = command_failed(&cmd_convert, "%s", mgm_context_error(job.ctx));
    release(&job);
    return status;
}
