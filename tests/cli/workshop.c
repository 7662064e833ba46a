#include "workshop.h"

#include "matting/model.h"
#include "matting/network.h"
#include "nn/infer_plan.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vips/vips.h>

enum { MAX_ARGUMENTS = 32, PATH_LENGTH = 512, BUFFERS = 8 };

static char folder[64];

int workshop_open(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mgm-cli-XXXXXX");
    if (vips_init("test") != 0 || !mkdtemp(folder))
        return -1;
    vips_cache_set_max(0); /* or a file that was replaced would be seen as it had been */
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

int workshop_close(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *in_workshop(const char *name)
{
    static char buffers[BUFFERS][PATH_LENGTH];
    static int next;
    char *buffer = buffers[next++ % BUFFERS];
    snprintf(buffer, PATH_LENGTH, "%s/%s", folder, name);
    return buffer;
}

int count_files(void)
{
    return count_files_in("");
}

int count_files_in(const char *name)
{
    int count = 0;
    DIR *directory = opendir(in_workshop(name));
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

void write_text(const char *name, const char *text)
{
    FILE *file = fopen(in_workshop(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- running -----------------------------------------------------------------------------------------------------------
 */

static void read_back(FILE *stream, char *text, size_t size)
{
    rewind(stream);
    text[fread(text, 1, size - 1, stream)] = '\0';
    fclose(stream);
}

/** What is different for a program from what this one has. */
struct conditions {
    size_t limit; /* of a file's length; 0: none */
    const char *in, *out;
};

static void become_program(char **arguments, FILE *out, FILE *err, const struct conditions *conditions)
{
    const struct rlimit lengths = {conditions->limit, conditions->limit};
    dup2(conditions->out ? open(conditions->out, O_WRONLY | O_CREAT | O_TRUNC, 0666) : fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    if (conditions->in)
        dup2(open(conditions->in, O_RDONLY), STDIN_FILENO);
    if (conditions->limit) {
        signal(SIGXFSZ, SIG_IGN); /* so that writing fails as on a full disk */
        setrlimit(RLIMIT_FSIZE, &lengths);
    }
    execv(arguments[0], arguments);
    _exit(127);
}

static struct run run_with(struct conditions conditions, const char *first, va_list rest)
{
    struct run run = {0};
    char *arguments[MAX_ARGUMENTS] = {getenv("MGM_PROGRAM")};
    int count = 1, status;
    assert_non_null(arguments[0]);
    for (const char *text = first; text && count < MAX_ARGUMENTS - 1; text = va_arg(rest, const char *))
        arguments[count++] = (char *)(uintptr_t)text;
    FILE *out = tmpfile(), *err = tmpfile();
    assert_true(out && err);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become_program(arguments, out, err, &conditions);
    assert_int_equal(waitpid(child, &status, 0), child);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    read_back(out, run.out, sizeof run.out);
    read_back(err, run.err, sizeof run.err);
    return run;
}

struct run run_mgm(const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    struct run run = run_with((struct conditions){0}, first, rest);
    va_end(rest);
    return run;
}

struct run run_mgm_limited(size_t limit, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    struct run run = run_with((struct conditions){.limit = limit}, first, rest);
    va_end(rest);
    return run;
}

struct run run_mgm_redirected(const char *in, const char *out, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    struct run run = run_with((struct conditions){.in = in, .out = out}, first, rest);
    va_end(rest);
    return run;
}

void expect_success(const struct run *run)
{
    if (run->status != 0)
        fail_msg("exit status %d: %s", run->status, run->err);
}

void expect_failure(const struct run *run, int status, const char *part, int files_before)
{
    if (run->status != status || !strstr(run->err, part))
        fail_msg("exit status %d instead of %d, or no '%s' in: %s", run->status, status, part, run->err);
    assert_string_equal(run->out, "");
    assert_int_equal(count_files(), files_before);
}

double number_in(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);
    if (!cJSON_IsNumber(item))
        fail_msg("no number '%s'", name);
    return item->valuedouble;
}

/* ---- files -------------------------------------------------------------------------------------------------------------
 */

int motif_at(enum motif motif, int width, int height, int x, int y, int channel)
{
    const double dx = (2.0 * x + 1 - width) / width, dy = (2.0 * y + 1 - height) / height;
    const double radius = dx * dx + dy * dy;
    switch (motif) {
    case MOTIF_COLOURS:
        return (7 * x + 5 * y + 60 * channel + x * y) & 255;
    case MOTIF_DISC:
        return radius < 0.6 ? 255 : 0;
    case MOTIF_TRIMAP:
        return radius < 0.3 ? 255 : radius < 0.7 ? 128 : 0;
    case MOTIF_SOFT:
        return radius < 1 ? (int)(255 * (1 - radius)) : 0;
    case MOTIF_EMPTY:
        break;
    }
    return 0;
}

void make_picture(const char *name, enum motif motif, int width, int height, int channels, int bits, int orientation)
{
    const size_t size = (size_t)(width * height * channels) * (size_t)(bits / 8);
    uint8_t *bytes = malloc(size);
    uint16_t *words = (uint16_t *)(void *)bytes;
    assert_non_null(bytes);
    for (int i = 0; i < width * height * channels; i++) {
        const int pixel = i / channels;
        const int value = motif_at(motif, width, height, pixel % width, pixel / width, i % channels);
        if (bits == 16)
            words[i] = (uint16_t)(257 * value);
        else
            bytes[i] = (uint8_t)value;
    }
    VipsImage *raw = vips_image_new_from_memory(bytes, size, width, height, channels,
                                                bits == 16 ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR);
    VipsImage *image = NULL;
    assert_non_null(raw);
    const bool grey = channels < 3;
    const VipsInterpretation deep = grey ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16;
    const VipsInterpretation shallow = grey ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
    assert_int_equal(vips_copy(raw, &image, "interpretation", bits == 16 ? deep : shallow, NULL), 0);
    if (orientation)
        vips_image_set_int(image, VIPS_META_ORIENTATION, orientation);
    if (vips_image_write_to_file(image, in_workshop(name), NULL) != 0)
        fail_msg("%s: %s", name, vips_error_buffer());
    g_object_unref(image);
    g_object_unref(raw);
    free(bytes);
}

struct pixels read_pixels(const char *name)
{
    VipsImage *image = vips_image_new_from_file(in_workshop(name), NULL);
    size_t size;
    if (!image)
        fail_msg("%s: %s", name, vips_error_buffer());
    const bool deep = vips_image_get_format(image) == VIPS_FORMAT_USHORT;
    assert_true(deep || vips_image_get_format(image) == VIPS_FORMAT_UCHAR);
    uint8_t *memory = vips_image_write_to_memory(image, &size);
    struct pixels pixels = {vips_image_get_width(image), vips_image_get_height(image), vips_image_get_bands(image),
                            deep ? 16 : 8, malloc(size)};
    assert_true(memory && pixels.values);
    for (size_t i = 0; i < (deep ? size / 2 : size); i++)
        pixels.values[i] = deep ? memory[2 * i + 1] : memory[i];
    g_free(memory);
    g_object_unref(image);
    return pixels;
}

void cut_file(const char *name, double share)
{
    struct stat status;
    assert_int_equal(stat(in_workshop(name), &status), 0);
    assert_int_equal(truncate(in_workshop(name), (off_t)((double)status.st_size * share)), 0);
}

/** Scales the last convolution of a head, so that what random weights answer is neither 0 nor 1 everywhere. */
static void tame_head(struct mgm_graph *graph, struct mgm_params *params, const char *weights, const float *raw,
                      size_t count)
{
    const struct mgm_param_info *param = &graph->params[mgm_graph_find_param(graph, weights)];
    float highest = 0;
    for (size_t i = 0; i < count; i++)
        highest = fmaxf(highest, fabsf(raw[i]));
    for (size_t i = 0; i < param->count; i++)
        params->values[param->offset + i] *= 6 / highest;
}

static void tame(struct mgm_context *ctx, struct mgm_graph *graph, struct mgm_params *params)
{
    enum { SIZE = 64 };
    static const char *const weights[] = {"decoder.refine_OS8.3.weight", "decoder.refine_OS4.3.weight",
                                          "decoder.refine_OS1.3.weight"};
    const struct mgm_infer_plan_settings settings = {1, SIZE, SIZE, 1};
    struct mgm_infer_plan *plan = NULL;
    assert_int_equal(mgm_infer_plan_create(ctx, graph, params, &settings, &plan), MGM_OK);
    float *input = mgm_infer_plan_input(plan);
    for (int i = 0; i < SIZE * SIZE * MGM_NETWORK_INPUTS; i++)
        input[i] = (float)motif_at(MOTIF_COLOURS, SIZE, SIZE, i / 4 % SIZE, i / 4 / SIZE, i % 4) / 64.0f - 2.0f;
    assert_int_equal(mgm_infer_plan_run(plan), MGM_OK);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        const int size = SIZE / mgm_head_stride[head];
        tame_head(graph, params, weights[head], mgm_infer_plan_output(plan, head), (size_t)(size * size));
    }
    mgm_infer_plan_destroy(&plan);
}

void make_weights(const char *name, double width, bool described)
{
    struct mgm_context *ctx = NULL;
    struct mgm_graph graph;
    struct mgm_params params;
    char width_text[32];
    snprintf(width_text, sizeof width_text, "%g", width);
    const char *const metadata[] = {MGM_METADATA_ARCHITECTURE, "mgm-matting", MGM_METADATA_WIDTH,    width_text,
                                    MGM_METADATA_NAME,         "test",        MGM_METADATA_TRAINING, "{\"iterations\": 3}"};
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(mgm_network_build(ctx, width, false, &graph), MGM_OK);
    assert_int_equal(mgm_params_create(ctx, &graph, false, &params), MGM_OK);
    mgm_params_initialise(&graph, 5, &params);
    tame(ctx, &graph, &params);
    assert_int_equal(mgm_params_save(ctx, &graph, &params, MGM_DTYPE_F32, in_workshop(name), metadata, described ? 4 : 0),
                     MGM_OK);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    mgm_context_destroy(&ctx);
}

void make_colour_weights(const char *name, double width, enum mgm_colour_kind kind)
{
    struct mgm_context *ctx = NULL;
    struct mgm_graph graph;
    struct mgm_params params;
    char width_text[32];
    snprintf(width_text, sizeof width_text, "%g", width);
    const char *const metadata[] = {MGM_METADATA_ARCHITECTURE, mgm_architecture_name(kind),
                                    MGM_METADATA_WIDTH,        width_text,
                                    MGM_METADATA_NAME,         "colours"};
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(kind == MGM_COLOUR_WHOLE ? mgm_foreground_network_build(ctx, width, &graph)
                                              : mgm_refining_network_build(ctx, width, &graph),
                     MGM_OK);
    assert_int_equal(mgm_params_create(ctx, &graph, false, &params), MGM_OK);
    mgm_params_initialise(&graph, 5, &params);
    assert_int_equal(mgm_params_save(ctx, &graph, &params, MGM_DTYPE_F16, in_workshop(name), metadata, 3), MGM_OK);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    mgm_context_destroy(&ctx);
}

int workshop_open_with_pictures(void **state, int width, int height)
{
    if (workshop_open(state) != 0)
        return -1;
    make_weights("w.safetensors", 0.125, true);
    make_picture("photo.png", MOTIF_COLOURS, width, height, 3, 8, 0);
    make_picture("mask.png", MOTIF_DISC, width, height, 1, 8, 0);
    return 0;
}
