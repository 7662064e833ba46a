/** mgm train: trains a network on drawn or photographed foregrounds, composed over photographs. */
#include "command.h"
#include "image_file.h"
#include "report.h"

#include "base/clock.h"
#include "train/loop.h"
#include "train/processes.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct values {
    bool resume, validate, check;
    const char *run, *data, *preview, *device;
    struct text_list set;
    int threads, images;
    double minutes;
};

static const struct command_option options[] = {
    {"resume", 0, OPTION_FLAG, offsetof(struct values, resume), NULL, "go on from the run folder's checkpoint, if any"},
    {"run", 0, OPTION_TEXT, offsetof(struct values, run), "DIR", "folder for checkpoint, weights and log",
     .takes = TAKES_FOLDER},
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DIR", "folder with photos/, strands/, …",
     .takes = TAKES_FOLDER},
    {"set", 0, OPTION_LIST, offsetof(struct values, set), "KEY=VALUE", "overrides a key of CONFIG; may be repeated",
     .takes = TAKES_ANYTHING},
    {"minutes", 0, OPTION_REAL, offsetof(struct values, minutes), "M", "stop M minutes after the start, with a checkpoint",
     .low = 0, .high = 1e7},
    {"validate", 0, OPTION_FLAG, offsetof(struct values, validate), NULL, "only score the checkpoint on held-out samples"},
    {"check", 0, OPTION_FLAG, offsetof(struct values, check), NULL,
     "only read the data, and say what is wrong with them"},
    {"threads", 0, OPTION_INT, offsetof(struct values, threads), "N", "threads of the network; 0: one per core", .low = 0,
     .high = 1024},
    {"device", 0, OPTION_TEXT, offsetof(struct values, device), "DEVICE", "where to train: cpu, cuda or cuda:N",
     .takes = TAKES_ANYTHING},
    {"preview", 0, OPTION_TEXT, offsetof(struct values, preview), "OUT.png", "write the first samples to look at, and stop"},
    {"images", 0, OPTION_INT, offsetof(struct values, images), "N",
     "with --preview: N samples, the images alone, ten in a row", .low = 1, .high = 1000},
    {0},
};

static const struct command_example examples[] = {
    {"Look at what a configuration would train on:", "mgm train my.cfg --data data --preview samples.png"},
    {"The first hundred images alone, which should look like photographs:",
     "mgm train my.cfg --data data --preview samples.png --images 100"},
    {"Read all data before spending hours on them:", "mgm train my.cfg --data data --check"},
    {"Train:", "mgm train my.cfg --data data --run run"},
    {"Go on with it, for an hour:", "mgm train my.cfg --data data --run run --resume --minutes 60"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_train = {
    .name = "train",
    .summary = "trains a model on drawn or photographed foregrounds",
    .synopsis = "CONFIG [options]",
    .details =
        "Leaves checkpoint.safetensors, weights.safetensors and log.jsonl in the run folder. Ctrl-C (or SIGTERM) ends\n"
        "it after a checkpoint; the same command with --resume goes on. configs/default.cfg explains every key.",
    .options = options,
    .examples = examples,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

static volatile sig_atomic_t stop_requested;

static void request_stop(int number)
{
    (void)number;
    stop_requested = 1;
}

/** A second signal ends the program at once. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void print_duration(double seconds)
{
    if (seconds < 5400)
        fprintf(stderr, "%.0f min", seconds / 60);
    else
        fprintf(stderr, "%.1f h", seconds / 3600);
}

static void show_progress(void *argument, const struct mgm_train_progress *progress)
{
    (void)argument;
    static const char *const levels[MGM_HEAD_COUNT] = {"os8", "os4", "os1"};
    const struct mgm_step_losses *losses = &progress->losses;
    fprintf(stderr, "%lld/%lld  loss %.4f", (long long)progress->iteration, (long long)progress->iterations, losses->total);
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        if (losses->mask_share[head] > 1e-6) /* else there is no such head */
            fprintf(stderr, "  %s l1 %.3f comp %.3f lap %.2f", levels[head], losses->value[MGM_LOSS_L1][head],
                    losses->value[MGM_LOSS_COMPOSITION][head], losses->value[MGM_LOSS_LAPLACIAN][head]);
    fprintf(stderr, "  lr %.2e  |g| %.2f  %.1f img/s  waiting %.0f%%  left ", progress->learning_rate,
            progress->gradient_norm, progress->images_per_second, 100 * progress->waiting_share);
    print_duration(progress->seconds_left);
    fputc('\n', stderr);
}

static void show_scores(void *argument, int64_t iteration, const struct mgm_validation_scores *scores)
{
    (void)argument;
    if (scores->colour)
        fprintf(stderr,
                "%lld  held out: SAD %.3f  MSE %.4f of F where alpha > 0  (alpha·F: %.3f  %.4f; the photo's own colours: "
                "SAD %.3f)\n",
                (long long)iteration, scores->sad, scores->mse, scores->sad_whole, scores->mse_whole, scores->sad_guidance);
    else
        fprintf(stderr, "%lld  held out: SAD %.3f  MSE %.4f  (whole crop %.3f  %.4f; the guidance itself SAD %.3f)\n",
                (long long)iteration, scores->sad, scores->mse, scores->sad_whole, scores->mse_whole, scores->sad_guidance);
}

static void show_note(void *argument, const char *sentence)
{
    (void)argument;
    fprintf(stderr, "mgm train: %s\n", sentence);
}

static void show_drawing(void *argument, int done, int count)
{
    bool *shown = argument;
    if (isatty(STDERR_FILENO) || done == count || !*shown)
        fprintf(stderr, isatty(STDERR_FILENO) ? "\rdrawing foregrounds: %d of %d" : "drawing foregrounds: %d of %d\n", done,
                count);
    if (isatty(STDERR_FILENO) && done == count)
        fputc('\n', stderr);
    *shown = true;
}

static enum mgm_status override_path(struct mgm_context *ctx, const char *path, char target[MGM_CONFIG_PATH_MAX])
{
    if (path && snprintf(target, MGM_CONFIG_PATH_MAX, "%s", path) >= MGM_CONFIG_PATH_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "this path is too long: %.100s…", path);
    return MGM_OK;
}

/** Whether something is drawn, or laid over photographs of the data folder. */
static bool needs_library(const struct mgm_train_config *config)
{
    bool drawn = config->source_count == 0;
    for (int i = 0; i < config->source_count; i++)
        drawn = drawn || config->sources[i].kind == MGM_SOURCE_DRAWN;
    return drawn || !config->backgrounds[0];
}

static enum mgm_status configure(struct mgm_context *ctx, const struct values *values, const char *path,
                                 struct mgm_train_config *config)
{
    *config = mgm_train_config_defaults();
    TRY(mgm_train_config_read(ctx, path, config));
    for (int i = 0; i < values->set.count; i++)
        TRY(mgm_train_config_set(ctx, values->set.texts[i], config));
    TRY(override_path(ctx, values->run, config->run));
    TRY(override_path(ctx, values->data, config->data));
    TRY(mgm_train_config_check(ctx, config));
    if (!config->data[0] && needs_library(config))
        return mgm_fail(ctx, MGM_E_INVALID, "no data: name the folder that holds photos/ with --data or in %s", path);
    return MGM_OK;
}

/** What several processes keep in one file the first one draws, before the others read it. */
static enum mgm_status open_store(struct mgm_context *ctx, const struct mgm_train_config *config,
                                  struct mgm_communicator *together, const struct mgm_synth_library *library,
                                  const struct mgm_dataset *dataset, struct mgm_foreground_store **store)
{
    const bool first = mgm_communicator_rank(together) == 0, in_turn = config->foregrounds.cache[0] != '\0';
    bool shown = false;
    const struct mgm_foreground_store_settings settings = {
        .seed = (uint64_t)config->foregrounds.seed,
        .count = config->foregrounds.count,
        .size = config->foregrounds.size,
        .cache = config->foregrounds.cache[0] ? config->foregrounds.cache : NULL,
        .dataset = dataset,
        .sources = config->sources,
        .source_count = config->source_count,
        .progress = first ? show_drawing : NULL,
        .progress_argument = &shown,
    };
    if (in_turn && !first)
        (void)mgm_communicator_any(together, false); /* waits */
    TRY(mgm_foreground_store_open(ctx, library, &settings, store));
    if (in_turn && first)
        (void)mgm_communicator_any(together, false);
    return mgm_communicator_check(together, ctx);
}

/** The first samples of the first crop phase as a contact sheet. @param images  this many images alone; 0: a batch, all
 * planes */
static enum mgm_status write_preview(struct mgm_context *ctx, const struct mgm_train_config *config,
                                     const struct mgm_foreground_store *store, const char *path, int images)
{
    const int count = images ? images : config->phases[0].batch;
    const struct mgm_crop_phase *phase = &config->phases[0];
    struct mgm_batch batch = {0};
    struct mgm_bitmap sheet = {0};
    enum mgm_status status = mgm_batch_create(ctx, count, phase->size, &batch);
    for (int slot = 0; slot < count && status == MGM_OK; slot++)
        status = mgm_sample_make(ctx, store, &config->samples, (uint64_t)config->seed, (uint64_t)slot, &batch, slot);
    if (status == MGM_OK)
        status =
            images ? mgm_batch_images(ctx, &batch, images < 10 ? images : 10, &sheet) : mgm_batch_sheet(ctx, &batch, &sheet);
    if (status == MGM_OK)
        status = image_file_write(ctx, path, &sheet);
    mgm_bitmap_release(&sheet);
    mgm_batch_release(&batch);
    return status;
}

static enum mgm_status train(struct mgm_context *ctx, const struct values *values, const struct mgm_train_config *config,
                             struct mgm_communicator *together, const char *command)
{
    struct mgm_synth_library *library = NULL;
    struct mgm_dataset *dataset = NULL;
    struct mgm_foreground_store *store = NULL;
    struct mgm_train_options how = {.resume = values->resume || values->validate,
                                    .validate = values->validate,
                                    .threads = values->threads,
                                    .device = values->device,
                                    .together = together,
                                    .minutes = values->minutes,
                                    .report_every = 5,
                                    .command = command};
    const enum mgm_synth_part part = config->foregrounds.hold_out ? MGM_SYNTH_TRAINING : MGM_SYNTH_WHOLE;
    const double began = mgm_clock_seconds();
    const struct mgm_train_hooks hooks = {
        .progress = show_progress, .validated = show_scores, .note = show_note, .stop = &stop_requested};
    /* Drawing takes long: what would stop the run afterwards is found out before. */
    enum mgm_status status =
        values->preview ? image_file_check_output(ctx, values->preview, 3) : mgm_train_check(ctx, config, &how);
    if (status == MGM_OK && (config->source_count || config->backgrounds[0]))
        status = mgm_dataset_open(ctx, config->sources, config->source_count, config->backgrounds, image_file_read, NULL,
                                  NULL, &dataset);
    if (status == MGM_OK && needs_library(config))
        status = mgm_synth_library_load_part(ctx, config->data, part, image_file_read, &library);
    if (status == MGM_OK)
        status = open_store(ctx, config, together, library, dataset, &store);
    catch_signals();     /* while foregrounds are drawn there is nothing to finish: signals end the program */
    if (how.minutes > 0) /* drawing counts; however late it is, there is one iteration */
        how.minutes = fmax(how.minutes - (mgm_clock_seconds() - began) / 60, 1e-9);
    if (status == MGM_OK && values->preview)
        status = write_preview(ctx, config, store, values->preview, values->images);
    else if (status == MGM_OK)
        status = mgm_train_run(ctx, config, store, &how, &hooks);
    mgm_foreground_store_destroy(&store);
    mgm_synth_library_destroy(&library);
    mgm_dataset_close(&dataset);
    return status;
}

static void complain(void *argument, const char *sentence)
{
    *(int *)argument += 1;
    (void)command_failed(&cmd_train, "%s", sentence);
}

/** Reads all data, names what is wrong with it, and counts the rest. */
static enum mgm_status check_data(struct mgm_context *ctx, const struct mgm_train_config *config)
{
    enum { BACKGROUNDS_READ = 100 };
    struct mgm_dataset *dataset = NULL;
    struct mgm_synth_library *library = NULL;
    int wrong = 0;
    TRY(mgm_dataset_open(ctx, config->sources, config->source_count, config->backgrounds, image_file_read, complain, &wrong,
                         &dataset));
    (void)mgm_dataset_check(ctx, dataset, BACKGROUNDS_READ, complain, &wrong);
    enum mgm_status status = MGM_OK;
    if (needs_library(config))
        status = mgm_synth_library_load(ctx, config->data, image_file_read, &library);
    if (status == MGM_OK && library)
        printf("%s: %d photographs\n", config->data, mgm_synth_library_photo_count(library));
    for (int i = 0; status == MGM_OK && i < config->source_count; i++)
        if (config->sources[i].kind != MGM_SOURCE_DRAWN)
            printf("%s: %d foregrounds (%s)\n", config->sources[i].path, mgm_dataset_count(dataset, i),
                   mgm_source_names[config->sources[i].kind]);
    if (status == MGM_OK && config->backgrounds[0])
        printf("%s: %d backgrounds\n", config->backgrounds, mgm_dataset_background_count(dataset));
    if (status == MGM_OK && wrong)
        status = mgm_fail(ctx, MGM_E_INVALID, "%d pictures are missing, damaged or do not fit together", wrong);
    mgm_synth_library_destroy(&library);
    mgm_dataset_close(&dataset);
    return status;
}

/** What repeats the training, for the weights' metadata; folders are the user's own affair. */
static void describe_command(const char *config, const struct text_list *set, char *line, size_t size)
{
    const char *slash = strrchr(config, '/');
    size_t used = (size_t)snprintf(line, size, "mgm train %s", slash ? slash + 1 : config);
    for (int i = 0; i < set->count && used < size; i++)
        used += (size_t)snprintf(line + used, size - used, " --set %s", set->texts[i]);
}

/** Says why; of several processes, all end here. */
static int failed(struct mgm_context *ctx, struct mgm_communicator *together)
{
    if (!together)
        return command_failed(&cmd_train, "%s", mgm_context_error(ctx));
    const int outcome = command_failed(&cmd_train, "process %d of %d, which ends all: %s", together->rank, together->size,
                                       mgm_context_error(ctx));
    mgm_processes_abort(together);
    return outcome;
}

/* OpenMP's threads spin while they wait for each other, on cores that those who make samples are to have (train/loader.c).
 * How they wait is settled before main(), whose argv this is: the program starts over, once. Where that fails, the network
 * waits. */
static void start_over_without_spinning(char **argv)
{
    if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 0) == 0)
        execv("/proc/self/exe", argv);
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    char line[2048];
    struct mgm_context *ctx = NULL;
    struct mgm_communicator *together = NULL;
    struct mgm_train_config config;
    int outcome = command_parse(&cmd_train, argc, argv, &values, &operands);
    if (outcome != COMMAND_GO_ON)
        return outcome;
    if (values.images && !values.preview)
        return command_misused(&cmd_train, "--images goes with --preview");
    start_over_without_spinning(argv - 1);
    describe_command(operands.values[0], &values.set, line, sizeof line);
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK) {
        mgm_context_set_threads(ctx, values.threads);
        status = configure(ctx, &values, operands.values[0], &config);
    }
    if (status == MGM_OK && values.check) {
        status = check_data(ctx, &config);
        outcome = status == MGM_OK ? report_finish() : command_failed(&cmd_train, "%s", mgm_context_error(ctx));
        mgm_context_destroy(&ctx);
        return outcome;
    }
    if (status == MGM_OK && !values.preview)
        status = mgm_processes_join(ctx, &together);
    if (status == MGM_OK)
        status = train(ctx, &values, &config, together, line);
    outcome = status == MGM_OK ? STATUS_OK : failed(ctx, together);
    mgm_processes_leave(&together);
    mgm_context_destroy(&ctx);
    return outcome;
}
