/** mgm bench: how long the network takes, and how much memory, for pictures of one size. */
#include "command.h"
#include "image_file.h"
#include "models.h"
#include "report.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "matting/calibrate.h"
#include "matting/precision.h"
#include "matting/predict.h"

#include <stdio.h>
#include <stdlib.h>

struct values {
    const char *model, *size, *uncertain, *precision;
    double width;
    bool dense, json;
    int repeat, threads;
};

static const struct command_option options[] = {
    {"model", 0, OPTION_TEXT, offsetof(struct values, model), "MODEL", MODEL_OPTION_HELP, .takes = TAKES_MODEL},
    {"width", 0, OPTION_REAL, offsetof(struct values, width), "W",
     "random weights of a network of that width (1: the paper's) instead of a model", .low = 0.01, .high = 8},
    {"size", 0, OPTION_TEXT, offsetof(struct values, size), "HxW", "of the network's input, multiples of 32 (1024x1024)",
     .takes = TAKES_ANYTHING},
    {"uncertain", 0, OPTION_TEXT, offsetof(struct values, uncertain), "MASK",
     "refine where this picture is not black, whatever the matte says"},
    {"precision", 0, OPTION_CHOICE, offsetof(struct values, precision), "P", "of activations and convolutions (auto)",
     .choices = mgm_precision_names},
    {"dense", 0, OPTION_FLAG, offsetof(struct values, dense), NULL,
     "compute everything everywhere, as a graph's runtime does"},
    {"repeat", 0, OPTION_INT, offsetof(struct values, repeat), "N", "timed runs (5), after one that is not", .low = 1,
     .high = 100000},
    {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads to use; 0: one per core", .low = 0,
     .high = 1024},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "one JSON object on stdout"},
    {0},
};

static const struct command_example examples[] = {
    {"The model that comes with mgm, at 512 × 512:", "mgm bench --size 512x512 --json"},
    {"The paper's width, refined only where a picture says:", "mgm bench --width 1 --size 256x256 --uncertain mask.png"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_bench = {
    .name = "bench",
    .summary = "times the network",
    .synopsis = "[--model W] [--size HxW] [options]",
    .details = "Times what lies between the normalised input, which is noise, and the fused matte: median, fastest and\n"
               "slowest run after a warm-up, the share of pixels that were computed at each step of refinement, and\n"
               "the most memory that the process has held (in units of 1,000,000 bytes).",
    .options = options,
    .examples = examples,
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};

struct job {
    struct mgm_context *ctx;
    struct mgm_model *model;
    struct mgm_predictor *predictor;
    int h, w;
    float *alpha;
    uint8_t *region, *unknown;
    double *seconds;
    struct mgm_prediction prediction;
};

static void release(struct job *job)
{
    mgm_predictor_destroy(&job->predictor);
    mgm_model_destroy(&job->model);
    mgm_free(job->alpha);
    mgm_free(job->region);
    mgm_free(job->unknown);
    mgm_free(job->seconds);
    mgm_context_destroy(&job->ctx);
}

static enum mgm_status load_model(struct job *job, const struct values *values)
{
    char path[4096];
    if (values->width > 0)
        return mgm_model_random(job->ctx, values->width, 1, &job->model);
    TRY(model_find(job->ctx, values->model, path, sizeof path));
    return mgm_model_load(job->ctx, path, &job->model);
}

static enum mgm_status read_region(struct job *job, const char *path)
{
    struct picture mask = {0};
    TRY(picture_read_mask(job->ctx, path, &mask));
    enum mgm_status status = picture_resize_mask(job->ctx, &mask, job->w, job->h, true);
    job->region = mgm_alloc((size_t)job->h * (size_t)job->w, 1);
    if (status == MGM_OK && !job->region)
        status = mgm_fail_nomem(job->ctx, "the uncertain region");
    for (int y = 0; y < job->h && status == MGM_OK; y++)
        for (int x = 0; x < job->w; x++) {
            const unsigned char *row = (const unsigned char *)mask.image.pixels + (size_t)y * mask.image.stride;
            const int value = mask.image.bits == 16 ? ((const uint16_t *)(const void *)row)[x] : row[x];
            job->region[(size_t)y * (size_t)job->w + (size_t)x] = value != 0;
        }
    picture_release(&mask);
    return status;
}

/* A picture of noise, guided by its left half. */
static void fill_input(const struct job *job, float *input)
{
    struct mgm_random random = mgm_random_stream(1, 1);
    for (size_t i = 0; i < (size_t)job->h * (size_t)job->w; i++, input += MGM_NETWORK_INPUTS) {
        for (int c = 0; c < 3; c++)
            input[c] = 4 * (float)mgm_random_unit(&random) - 2;
        input[3] = i % (size_t)job->w < (size_t)job->w / 2;
    }
}

/* Weights that were not quantized: ranges from a small picture of the same kind. */
static enum mgm_status calibrate(struct job *job)
{
    struct job small = {.h = 256, .w = 256};
    float *input = mgm_alloc((size_t)small.h * (size_t)small.w, MGM_NETWORK_INPUTS * sizeof *input);
    struct mgm_calibration *calibration = NULL;
    job->model->ranges = mgm_alloc((size_t)job->model->graph.layer_count, sizeof(float));
    enum mgm_status status = input && job->model->ranges ? mgm_calibration_create(job->ctx, job->model, &calibration)
                                                         : mgm_fail_nomem(job->ctx, "a calibration");
    if (status == MGM_OK) {
        fill_input(&small, input);
        status = mgm_calibration_add(calibration, small.h, small.w, input);
    }
    if (status == MGM_OK)
        mgm_calibration_ranges(calibration, job->model->ranges);
    mgm_calibration_destroy(&calibration);
    mgm_free(input);
    fprintf(stderr, "mgm bench: the weights are not quantized; calibrated on noise\n");
    return status;
}

static enum mgm_status prepare(struct job *job, const struct values *values)
{
    const size_t count = (size_t)job->h * (size_t)job->w;
    TRY(load_model(job, values));
    if (values->uncertain)
        TRY(read_region(job, values->uncertain));
    struct mgm_predictor_settings settings = {
        .n = 1, .h = job->h, .w = job->w, .threads = values->threads, .dense = values->dense};
    settings.precision = mgm_precision_of(job->ctx, mgm_precision_fastest(NULL));
    if (settings.precision == MGM_PRECISION_S8 && !job->model->ranges)
        TRY(calibrate(job));
    TRY(mgm_predictor_create(job->ctx, job->model, &settings, &job->predictor));
    mgm_params_release(&job->model->params); /* random ones have no file from which they could be read again */
    job->alpha = mgm_alloc(count, sizeof(float));
    job->unknown = mgm_alloc(count, 2);
    job->seconds = mgm_alloc((size_t)values->repeat, sizeof *job->seconds);
    if (!job->alpha || !job->unknown || !job->seconds)
        return mgm_fail_nomem(job->ctx, "the matte");
    job->prediction = (struct mgm_prediction){.dilate_os4 = MGM_DILATE_OS4,
                                              .dilate_os1 = MGM_DILATE_OS1,
                                              .region = job->region,
                                              .alpha = job->alpha,
                                              .unknown_os4 = job->unknown,
                                              .unknown_os1 = job->unknown + count};
    return MGM_OK;
}

static enum mgm_status measure(struct job *job, const struct values *values)
{
    for (int i = -1; i < values->repeat; i++) {
        fill_input(job, mgm_predictor_input(job->predictor));
        const double start = mgm_clock_seconds();
        TRY(mgm_predictor_run(job->predictor));
        TRY(mgm_predictor_finish(job->predictor, 0, &job->prediction));
        if (i >= 0)
            job->seconds[i] = mgm_clock_seconds() - start;
    }
    return MGM_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int tell(struct job *job, const struct values *values)
{
    const int n = values->repeat;
    const struct mgm_predictor_settings *settings = mgm_predictor_settings_of(job->predictor);
    const char *precision = mgm_precision_name(settings->precision);
    qsort(job->seconds, (size_t)n, sizeof *job->seconds, by_value);
    const double median = (job->seconds[n / 2] + job->seconds[(n - 1) / 2]) / 2;
    if (!values->json) {
        printf("%s, %d×%d, %s, %s: %.4f s (%.4f … %.4f in %d runs); computed %.1f %% at stride 4, %.1f %% at stride 1; %.0f "
               "MB\n",
               mgm_model_facts(job->model).name, job->w, job->h, precision, settings->dense ? "dense" : "sparse", median,
               job->seconds[0], job->seconds[n - 1], n, 100 * job->prediction.computed_os4,
               100 * job->prediction.computed_os1, report_peak_mb());
        return report_finish();
    }
    cJSON *object = cJSON_CreateObject();
    report_add_text(object, "model", mgm_model_facts(job->model).name);
    cJSON_AddNumberToObject(object, "height", job->h);
    cJSON_AddNumberToObject(object, "width", job->w);
    cJSON_AddStringToObject(object, "precision", precision);
    cJSON_AddBoolToObject(object, "dense", settings->dense);
    cJSON_AddNumberToObject(object, "threads", values->threads);
    cJSON_AddNumberToObject(object, "runs", n);
    report_add_number(object, "network_s", median, 5);
    report_add_number(object, "network_s_min", job->seconds[0], 5);
    report_add_number(object, "network_s_max", job->seconds[n - 1], 5);
    report_add_number(object, "computed_os4", job->prediction.computed_os4, 4);
    report_add_number(object, "computed_os1", job->prediction.computed_os1, 4);
    report_add_number(object, "peak_mb", report_peak_mb(), 1);
    return report_print(object);
}

/* "480x640" @return COMMAND_GO_ON, or an exit status */
static int read_size(const char *text, struct job *job)
{
    char rest;
    if (sscanf(text, "%dx%d%c", &job->h, &job->w, &rest) != 2 || job->h < 32 || job->w < 32 || job->h % 32 || job->w % 32 ||
        job->h > 1 << 15 || job->w > 1 << 15)
        return command_misused(&cmd_bench, "--size must be HEIGHTxWIDTH, multiples of 32 up to 32768, not '%s'", text);
    return COMMAND_GO_ON;
}

static int run(int argc, char **argv)
{
    struct values values = {.repeat = 5, .size = "1024x1024", .precision = "auto"};
    struct operands operands;
    struct job job = {0};
    int status = command_parse(&cmd_bench, argc, argv, &values, &operands);
    if (status == COMMAND_GO_ON)
        status = read_size(values.size, &job);
    if (status == COMMAND_GO_ON && values.model && values.width > 0)
        status = command_misused(&cmd_bench, "--model and --width exclude each other");
    if (status != COMMAND_GO_ON)
        return status;
    enum mgm_status result = mgm_context_create(&job.ctx);
    if (result == MGM_OK) {
        mgm_context_set_threads(job.ctx, values.threads);
        result = mgm_context_set_precision(job.ctx, values.precision);
    }
    if (result == MGM_OK)
        result = prepare(&job, &values);
    if (result == MGM_OK)
        result = measure(&job, &values);
    status = result == MGM_OK ? tell(&job, &values) : command_failed(&cmd_bench, "%s", mgm_context_error(job.ctx));
    release(&job);
    return status;
}
