/** mgm convert: weights of any format that is read, written as safetensors, in one file or in shards. */
#include "command.h"

#include "base/context.h"
#include "base/memory.h"
#include "weights/index.h"
#include "weights/shards.h"
#include "weights/weights.h"

#include <string.h>

enum { DEFAULT_MAX_SHARD = 5000, MEGABYTE = 1000000 };

struct values {
    bool f16;
    int max_shard; /* MB; 0: not given */
};

static const struct command_option options[] = {
    {"f16", 0, OPTION_FLAG, offsetof(struct values, f16), NULL,
     "store floats as 16-bit ones, where there are two dimensions or more"},
    {"max-shard", 0, OPTION_INT, offsetof(struct values, max_shard), "MB",
     "where OUT is an index: the largest size of a shard, in millions of bytes; without it, 5000", .low = 1,
     .high = 1000000},
    {0},
};

static const struct command_example examples[] = {
    {"Turn a checkpoint into a safetensors file:", "mgm convert model.pth model.safetensors"},
    {"Make one half as large:", "mgm convert model.safetensors half.safetensors --f16"},
    {"Split one into files of at most 100 MB:", "mgm convert model.pth parts.safetensors.index.json --max-shard 100"},
    {"Join them again:", "mgm convert parts.safetensors.index.json whole.safetensors"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_convert = {
    .name = "convert",
    .summary = "turns a checkpoint of PyTorch's into a safetensors file",
    .synopsis = "IN OUT [--f16] [--max-shard MB]",
    .details = "IN is a checkpoint (.pth, of either layout), a safetensors file, or the index of a set of them\n"
               "(.safetensors.index.json). A checkpoint's pickle is read, never executed: one that asks for anything but\n"
               "tensors is refused. Written are all tensors of its state_dict, or of the checkpoint itself where it has\n"
               "none, under their names and in their types. With --f16, biases, norms and other vectors stay as they are:\n"
               "they are 1 % of a file.\n"
               "\n"
               "Where OUT is called NAME.safetensors.index.json, the result is a set: shards beside it,\n"
               "NAME-00001-of-0000N.safetensors and so on, and the index that says which tensor is in which. No shard is\n"
               "larger than --max-shard says, unless a single tensor is; it then has one of its own. Every command that\n"
               "takes weights takes the index of a set. It is refused unless its shards, in the same folder, hold the\n"
               "tensors that it names and no others.",
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

static enum mgm_status write_result(const struct job *job, const char *to, int count, int pairs, int max_shard)
{
    if (!mgm_index_is_name(to))
        return mgm_safetensors_write(job->ctx, to, job->tensors, count, job->metadata, pairs);
    return mgm_shards_write(job->ctx, to, job->tensors, count, job->metadata, pairs,
                            (uint64_t)(max_shard ? max_shard : DEFAULT_MAX_SHARD) * MEGABYTE);
}

static enum mgm_status convert(struct job *job, const char *from, const char *to, const struct values *values)
{
    TRY(mgm_weights_open(job->ctx, from, &job->input));
    const int count = mgm_safetensors_count(job->input), pairs = mgm_safetensors_metadata_count(job->input);
    job->tensors = mgm_alloc_zeroed((size_t)count, sizeof *job->tensors);
    job->floats = mgm_alloc_zeroed((size_t)count, sizeof *job->floats);
    job->metadata = mgm_alloc_zeroed(2 * (size_t)pairs, sizeof *job->metadata);
    if (!job->tensors || !job->floats || !job->metadata)
        return mgm_fail_nomem(job->ctx, from);
    for (int i = 0; i < count; i++)
        TRY(prepare_tensor(job, i, values->f16));
    for (int i = 0; i < pairs; i++)
        mgm_safetensors_metadata_at(job->input, i, &job->metadata[2 * i], &job->metadata[2 * i + 1]);
    return write_result(job, to, count, pairs, values->max_shard);
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
    if (values.max_shard && !mgm_index_is_name(operands.values[1]))
        return command_misused(&cmd_convert, "--max-shard is for sets of shards: name OUT something.safetensors.index.json");
    status = STATUS_OK;
    if (mgm_context_create(&job.ctx) != MGM_OK)
        status = command_failed(&cmd_convert, "not enough memory");
    else if (convert(&job, operands.values[0], operands.values[1], &values) != MGM_OK)
        status = command_failed(&cmd_convert, "%s", mgm_context_error(job.ctx));
    release(&job);
    return status;
}
