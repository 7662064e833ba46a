/** mgm forward: the bare network on tensors, for comparing with other runtimes. */
#include "command.h"
#include "models.h"
#include "report.h"

#include "base/clock.h"
#include "base/memory.h"
#include "matting/precision.h"
#include "mgm.h"
#include "weights/output_file.h"
#include "weights/safetensors.h"

#include <limits.h>

struct values {
    const char *model, *input, *output, *device, *precision;
    bool json;
    int repeat, threads;
};

static const struct command_option options[] = {
    {"model", 0, OPTION_TEXT, offsetof(struct values, model), "MODEL",
     "an installed model's name, such as small, or a weights file, safetensors or .pth", .required = true,
     .takes = TAKES_MODEL},
    {"input", 'i', OPTION_TEXT, offsetof(struct values, input), "PATH", "safetensors file with image and guidance",
     .required = true},
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT", "safetensors file to write", .required = true},
    {"repeat", 0, OPTION_INT, offsetof(struct values, repeat), "N", "run N times, tell the fastest", .low = 1,
     .high = 100000},
    {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads to use; 0: one per core", .low = 0,
     .high = 1024},
    {"device", 0, OPTION_TEXT, offsetof(struct values, device), "DEVICE", "where to compute: cpu, cuda or cuda:N",
     .takes = TAKES_ANYTHING},
    {"precision", 0, OPTION_CHOICE, offsetof(struct values, precision), "P", "in what the network computes (f32)",
     .choices = mgm_precision_names},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "time and memory as one JSON object on stdout"},
    {0},
};

static const struct command_example examples[] = {
    {"Keep what the network says to a case:", "mgm forward --model m.pth -i case.safetensors -o out.safetensors"},
    {"Say also how long it took:", "mgm forward --model m.pth -i case.safetensors -o out.safetensors --json"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_forward = {
    .name = "forward",
    .summary = "runs the bare network on tensors",
    .synopsis = "--model W --input CASE.safetensors -o OUT.safetensors [options]",
    .details = "CASE holds image [n, 3, h, w] (RGB in 0 … 1, normalised with ImageNet's mean and deviation) and\n"
               "guidance [n, 1, h, w] (0 … 1); h and w are multiples of 32. OUT receives, all [n, 1, h, w],\n"
               "alpha_os8, alpha_os4, alpha_os1, alpha (f32) and unknown_os4, unknown_os1 (u8).",
    .options = options,
    .examples = examples,
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};

struct job {
    struct mgm_context *ctx;
    struct mgm_safetensors *input;
    struct mgm_model *model;
    struct mgm_session *session;
    int n, h, w;
    float *image, *guidance;
    void *answers; /* one block: four f32 planes, two u8 planes */
    struct mgm_forward_result result;
    double fastest;
};

static void release(struct job *job)
{
    mgm_free(job->answers);
    mgm_free(job->image);
    mgm_free(job->guidance);
    mgm_session_destroy(&job->session);
    mgm_model_destroy(&job->model);
    mgm_safetensors_close(&job->input);
    mgm_context_destroy(&job->ctx);
}

/** Finds a tensor [n, channels, h, w] and copies it as f32. */
static enum mgm_status read_tensor(struct job *job, const char *path, const char *name, int channels, float **out)
{
    const struct mgm_tensor *tensor = mgm_safetensors_find(job->input, name);
    if (!tensor)
        return mgm_fail(job->ctx, MGM_E_FORMAT, "%s: has no tensor '%s'", path, name);
    const int64_t *dims = tensor->dims;
    if (tensor->ndim != 4 || dims[1] != channels || tensor->count == 0 || dims[0] > INT32_MAX || dims[2] > INT32_MAX ||
        dims[3] > INT32_MAX)
        return mgm_fail(job->ctx, MGM_E_SHAPE, "%s: tensor '%s' must have the shape [n, %d, h, w], none of them 0", path,
                        name, channels);
    if (job->n && (dims[0] != job->n || dims[2] != job->h || dims[3] != job->w))
        return mgm_fail(job->ctx, MGM_E_SHAPE, "%s: '%s' is [%lld, %d, %lld, %lld], but 'image' is [%d, 3, %d, %d]", path,
                        name, (long long)dims[0], channels, (long long)dims[2], (long long)dims[3], job->n, job->h, job->w);
    job->n = (int)dims[0];
    job->h = (int)dims[2];
    job->w = (int)dims[3];
    *out = mgm_alloc(tensor->count, sizeof **out);
    return *out ? mgm_tensor_to_f32(job->ctx, tensor, *out) : mgm_fail_nomem(job->ctx, name);
}

static enum mgm_status allocate_answers(struct job *job)
{
    const size_t count = (size_t)job->n * (size_t)job->h * (size_t)job->w;
    float *values = job->answers = mgm_alloc(count, 4 * sizeof(float) + 2);
    if (!values)
        return mgm_fail_nomem(job->ctx, "the network's answers");
    uint8_t *bytes = (uint8_t *)(values + 4 * count);
    job->result = (struct mgm_forward_result){.alpha_os8 = values,
                                              .alpha_os4 = values + count,
                                              .alpha_os1 = values + 2 * count,
                                              .alpha = values + 3 * count,
                                              .unknown_os4 = bytes,
                                              .unknown_os1 = bytes + count};
    return MGM_OK;
}

static enum mgm_status write_answers(const struct job *job, const char *path)
{
    const struct mgm_forward_result *result = &job->result;
    struct mgm_tensor_source tensors[] = {
        {.name = "alpha_os8", .dtype = MGM_DTYPE_F32, .data = result->alpha_os8},
        {.name = "alpha_os4", .dtype = MGM_DTYPE_F32, .data = result->alpha_os4},
        {.name = "alpha_os1", .dtype = MGM_DTYPE_F32, .data = result->alpha_os1},
        {.name = "alpha", .dtype = MGM_DTYPE_F32, .data = result->alpha},
        {.name = "unknown_os4", .dtype = MGM_DTYPE_U8, .data = result->unknown_os4},
        {.name = "unknown_os1", .dtype = MGM_DTYPE_U8, .data = result->unknown_os1},
    };
    const int count = (int)(sizeof tensors / sizeof *tensors);
    for (int i = 0; i < count; i++) {
        tensors[i].ndim = 4;
        tensors[i].dims[0] = job->n;
        tensors[i].dims[1] = 1;
        tensors[i].dims[2] = job->h;
        tensors[i].dims[3] = job->w;
    }
    return mgm_safetensors_write(job->ctx, path, tensors, count, NULL, 0);
}

/** An output that cannot be written is found out before the network runs. */
static enum mgm_status check_output(struct mgm_context *ctx, const char *path)
{
    struct mgm_output_file file;
    TRY(mgm_output_file_open(ctx, path, &file));
    mgm_output_file_discard(&file);
    return MGM_OK;
}

static enum mgm_status forward(struct job *job, const struct values *values)
{
    char path[PATH_MAX];
    TRY(check_output(job->ctx, values->output));
    TRY(mgm_safetensors_open(job->ctx, values->input, &job->input));
    TRY(read_tensor(job, values->input, "image", 3, &job->image));
    TRY(read_tensor(job, values->input, "guidance", 1, &job->guidance));
    mgm_safetensors_close(&job->input);
    TRY(model_find(job->ctx, values->model, path, sizeof path));
    TRY(mgm_model_load(job->ctx, path, &job->model));
    TRY(mgm_context_set_device(job->ctx, values->device));
    TRY(mgm_context_set_precision(job->ctx, values->precision));
    TRY(mgm_session_create(job->ctx, job->model, &job->session));
    TRY(allocate_answers(job));
    for (int i = 0; i < values->repeat; i++) {
        TRY(mgm_forward(job->session, job->n, job->h, job->w, job->image, job->guidance, &job->result));
        if (i == 0 || job->result.network_seconds < job->fastest)
            job->fastest = job->result.network_seconds;
    }
    return write_answers(job, values->output);
}

static int print_facts(const struct job *job, double total_seconds)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", mgm_model_facts(job->model).name);
    cJSON_AddNumberToObject(object, "n", job->n);
    cJSON_AddNumberToObject(object, "height", job->h);
    cJSON_AddNumberToObject(object, "width", job->w);
    report_add_number(object, "network_s", job->fastest, 4);
    report_add_number(object, "total_s", total_seconds, 4);
    report_add_number(object, "peak_mb", report_peak_mb(), 1);
    return report_print(object);
}

static int run(int argc, char **argv)
{
    const double start = mgm_clock_seconds();
    struct values values = {.repeat = 1, .device = "cpu", .precision = "f32"};
    struct operands operands;
    struct job job = {0};
    int status = command_parse(&cmd_forward, argc, argv, &values, &operands);
    if (status != COMMAND_GO_ON)
        return status;
    enum mgm_status result = mgm_context_create(&job.ctx);
    if (result == MGM_OK) {
        mgm_context_set_threads(job.ctx, values.threads);
        result = forward(&job, &values);
    }
    if (result != MGM_OK)
        status = command_failed(&cmd_forward, "%s", mgm_context_error(job.ctx));
    else
        status = values.json ? print_facts(&job, mgm_clock_seconds() - start) : STATUS_OK;
    release(&job);
    return status;
}
