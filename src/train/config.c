#include "train/config_keys.h"

#include "image/morphology.h"

#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct mgm_train_config, member)
#define REALS(name, member, length, low, high)                                                                              \
    {                                                                                                                       \
        name, REAL, AT(member), length, low, high, true                                                                     \
    }
#define INTEGERS(name, member, length, low, high)                                                                           \
    {                                                                                                                       \
        name, INTEGER, AT(member), length, low, high, true                                                                  \
    }
#define HOUSEKEEPING(name, member, low, high)                                                                               \
    {                                                                                                                       \
        name, INTEGER, AT(member), 1, low, high, false                                                                      \
    }
#define PATHNAME(name, member)                                                                                              \
    {                                                                                                                       \
        name, PATH, AT(member), 1, 0, 0, false                                                                              \
    }

const struct mgm_config_key mgm_config_keys[] = {
    {"name", TEXT, AT(name), 1, 0, 0, false},
    {"license", TEXT, AT(license), 1, 0, 0, false},
    REALS("model.width", width, 1, 0.05, 4),
    {"task", TASK, AT(samples.task), 1, 0, 0, false}, /* another network has another layout: a checkpoint knows */
    {"model.precision", PRECISION, AT(precision), 1, 0, 0, true},
    PATHNAME("model.init", init),
    PATHNAME("model.encoder", encoder),
    {"seed", WIDE, AT(seed), 1, 0, 9e18, true},
    {"iterations", WIDE, AT(iterations), 1, 1, 1e12, true},
    {"crops", PHASES, AT(phases), 1, 0, 0, true},
    REALS("learning_rate", learning_rate, 1, 0, 1),
    REALS("warmup", warmup, 1, 0, 1),
    REALS("adam.beta1", optimiser.beta1, 1, 0, 0.999999),
    REALS("adam.beta2", optimiser.beta2, 1, 0, 0.999999),
    REALS("adam.epsilon", optimiser.epsilon, 1, 1e-30, 1),
    REALS("adam.weight_decay", optimiser.weight_decay, 1, 0, 10),
    REALS("clip.factor", optimiser.clip_factor, 1, 0, 1e9),
    REALS("clip.decay", optimiser.clip_decay, 1, 0, 1),
    REALS("objective.os8", objective.level_weight[MGM_HEAD_OS8], 1, 0, 1e6),
    REALS("objective.os4", objective.level_weight[MGM_HEAD_OS4], 1, 0, 1e6),
    REALS("objective.os1", objective.level_weight[MGM_HEAD_OS1], 1, 0, 1e6),
    REALS("objective.divide_by", objective.divide_by, 1, 1e-6, 1e6),
    REALS("objective.l1", objective.loss_weight[MGM_LOSS_L1], 1, 0, 1e6),
    REALS("objective.comp", objective.loss_weight[MGM_LOSS_COMPOSITION], 1, 0, 1e6),
    REALS("objective.lap", objective.loss_weight[MGM_LOSS_LAPLACIAN], 1, 0, 1e6),
    REALS("curriculum.ground_truth", curriculum.ground_truth, 1, 0, 1),
    REALS("curriculum.mixed", curriculum.mixed, 1, 0, 1),
    INTEGERS("dilation.os4", dilate_os4, 2, 1, MGM_ELLIPSE_MAX),
    INTEGERS("dilation.os1", dilate_os1, 2, 1, MGM_ELLIPSE_MAX),
    REALS("guidance.soft", samples.guidance.soft_share, 1, 0, 1),
    REALS("guidance.trimap", samples.guidance.trimap_share, 1, 0, 1),
    REALS("guidance.coarse", samples.guidance.coarse_share, 1, 0, 1),
    REALS("guidance.cutmask", samples.guidance.cutmask, 1, 0, 1),
    INTEGERS("guidance.kernel_max", samples.guidance.kernel_max, 1, 1, 128),
    REALS("camera.noise", samples.camera.noise, 1, 0, 1),
    REALS("camera.blur", samples.camera.blur, 1, 0, 1),
    REALS("camera.jpeg", samples.camera.jpeg, 1, 0, 1),
    REALS("samples.compose_two", samples.compose_two, 1, 0, 1),
    REALS("samples.distractor", samples.distractor, 1, 0, 1),
    REALS("blend.ordinary", samples.blend.ordinary, 1, 0, 1),
    REALS("blend.alpha_errors", samples.blend.alpha_errors, 1, 0, 1),
    REALS("blend.hidden", samples.blend.hidden, 1, 0, 1),
    INTEGERS("foregrounds.count", foregrounds.count, 1, 1, 10000000),
    INTEGERS("foregrounds.size", foregrounds.size, 1, 64, 2048),
    {"foregrounds.seed", WIDE, AT(foregrounds.seed), 1, 0, 9e18, true},
    {"foregrounds.hold_out", INTEGER, AT(foregrounds.hold_out), 1, 0, 1, true, true},
    PATHNAME("foregrounds.cache", foregrounds.cache),
    {"model.fusion", FUSION, AT(fusion), 1, 0, 0, true, true},
    {"sources", SOURCES, AT(sources), 1, 0, 0, true, true},
    {"samples.recipe", RECIPE, AT(samples.published), 1, 0, 0, true, true},
    {"guidance.blobs", REAL, AT(samples.guidance.blobs), 1, 0, 1, true, true},
    {"second_look", REAL, AT(second_look), 1, 0, 1, true, true},
    {"samples.closeup", REAL, AT(samples.closeup), 1, 0, 1, true, true},
    {"guidance.follow", REAL, AT(samples.guidance.follow), 1, 0, 1, true, true},
    {"guidance.lines", REAL, AT(samples.guidance.lines), 1, 0, 1, true, true},
    {"camera.halo", REAL, AT(samples.camera.halo), 1, 0, 1, true, true},
    {"light.relief", REAL, AT(samples.light.relief), 1, 0, 1, true, true},
    {"light.harmony", REAL, AT(samples.light.harmony), 1, 0, 1, true, true},
    {"light.shadow", REAL, AT(samples.light.shadow), 1, 0, 1, true, true},
    {"light.spill", REAL, AT(samples.light.spill), 1, 0, 1, true, true},
    {"samples.real_world", REAL, AT(samples.real_world), 1, 0, 1, true, true},
    PATHNAME("backgrounds", backgrounds),
    PATHNAME("data", data),
    PATHNAME("run", run),
    HOUSEKEEPING("workers", workers, 0, 256),
    HOUSEKEEPING("ahead", ahead, 1, 256),
    HOUSEKEEPING("checkpoint.interval", checkpoint_interval, 1, 1e9),
    HOUSEKEEPING("validation.interval", validation.interval, 0, 1e9),
    HOUSEKEEPING("validation.count", validation.count, 1, 4096),
    HOUSEKEEPING("validation.size", validation.size, 64, 2048),
    REALS("average", average_decay, 1, 0, 0.999999),
    INTEGERS("overfit", overfit, 1, 0, 4096),
};
const int mgm_config_key_count = sizeof mgm_config_keys / sizeof *mgm_config_keys;

struct mgm_train_config mgm_train_config_defaults(void)
{
    struct mgm_train_config config = {
        .name = "unnamed",
        .width = 0.5,
        .precision = MGM_CHOOSE_AUTO,
        .seed = 1,
        .iterations = 100000,
        .phase_count = 1,
        .phases = {{1, 256, 10}},
        .learning_rate = 1e-3,
        .warmup = 0.05,
        .optimiser = mgm_optimiser_settings_defaults(),
        .objective = {.level_weight = {1, 2, 3}, .divide_by = 6, .loss_weight = {1, 1, 1}},
        .curriculum = {.ground_truth = 0.05, .mixed = 0.1},
        .dilate_os4 = {1, 29},
        .dilate_os1 = {1, 14},
        .samples = mgm_sample_settings_defaults(),
        .foregrounds = {.count = 2000, .size = 512, .seed = 1},
        .run = "run",
        .workers = 2,
        .ahead = 4,
        .checkpoint_interval = 500,
        .validation = {.interval = 1000, .count = 32, .size = 256},
    };
    return config;
}

static enum mgm_status check_phases(struct mgm_context *ctx, const struct mgm_train_config *config)
{
    double last = 0;
    for (int i = 0; i < config->phase_count; i++) {
        const struct mgm_crop_phase *phase = &config->phases[i];
        if (phase->size % 32)
            return mgm_fail(ctx, MGM_E_INVALID, "crops.size is %d, expected a multiple of 32", phase->size);
        if (phase->until <= last)
            return mgm_fail(ctx, MGM_E_INVALID, "crops.until must rise from phase to phase: %g does not follow %g",
                            phase->until, last);
        last = phase->until;
    }
    return last == 1 ? MGM_OK : mgm_fail(ctx, MGM_E_INVALID, "crops.until of the last phase is %g, expected 1", last);
}

enum mgm_status mgm_train_config_check(struct mgm_context *ctx, const struct mgm_train_config *config)
{
    TRY(check_phases(ctx, config));
    if (config->dilate_os4[0] > config->dilate_os4[1] || config->dilate_os1[0] > config->dilate_os1[1])
        return mgm_fail(ctx, MGM_E_INVALID, "a dilation range is [smallest, largest]");
    if (config->curriculum.ground_truth + config->curriculum.mixed > 1)
        return mgm_fail(ctx, MGM_E_INVALID,
                        "curriculum.ground_truth and curriculum.mixed are fractions of the run: their sum "
                        "is %g",
                        config->curriculum.ground_truth + config->curriculum.mixed);
    if (config->fusion != MGM_FUSE_BY_REFINEMENT && config->samples.task != MGM_TASK_MATTING)
        return mgm_fail(ctx, MGM_E_INVALID, "model.fusion is \"%s\", but colour networks (task) have no heads to fuse",
                        mgm_head_fusion_names[config->fusion]);
    if (config->fusion != MGM_FUSE_BY_REFINEMENT && config->objective.level_weight[MGM_HEAD_OS1] == 0)
        return mgm_fail(ctx, MGM_E_INVALID,
                        "objective.os1 is 0, but with model.fusion \"%s\" that level alone makes the matte",
                        mgm_head_fusion_names[config->fusion]);
    const struct mgm_guidance_settings *guidance = &config->samples.guidance;
    if (guidance->soft_share + guidance->trimap_share > 1)
        return mgm_fail(ctx, MGM_E_INVALID, "guidance.soft and guidance.trimap are shares of the samples: their sum is %g",
                        guidance->soft_share + guidance->trimap_share);
    if (config->foregrounds.size % 4)
        return mgm_fail(ctx, MGM_E_INVALID, "foregrounds.size is %d, expected a multiple of 4", config->foregrounds.size);
    if (config->init[0] && config->encoder[0])
        return mgm_fail(ctx, MGM_E_INVALID,
                        "model.init names weights for all of the network: model.encoder cannot be one more");
    if (config->validation.size % 32)
        return mgm_fail(ctx, MGM_E_INVALID, "validation.size is %d, expected a multiple of 32", config->validation.size);
    for (int i = 0; i < config->source_count; i++)
        if ((config->sources[i].kind == MGM_SOURCE_DRAWN) != !config->sources[i].path[0])
            return mgm_fail(ctx, MGM_E_INVALID,
                            "sources: a data set needs its path, drawn foregrounds have none (number %d)", i + 1);
    if (!config->run[0])
        return mgm_fail(ctx, MGM_E_INVALID, "run, the folder for the results, is empty");
    return MGM_OK;
}

/** FNV-1a, goes on from `hash`. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static size_t value_size(const struct mgm_train_config *config, const struct mgm_config_key *key)
{
    switch (key->kind) {
    case REAL:
        return (size_t)key->length * sizeof(double);
    case INTEGER:
        return (size_t)key->length * sizeof(int);
    case WIDE:
        return sizeof(int64_t);
    case PRECISION:
        return sizeof config->precision;
    case TASK:
        return sizeof config->samples.task;
    case PHASES:
        return (size_t)config->phase_count * sizeof *config->phases;
    case SOURCES:
        return (size_t)config->source_count * sizeof *config->sources;
    case RECIPE:
        return sizeof config->samples.published;
    case FUSION:
        return sizeof config->fusion;
    default:
        return strlen((const char *)config + key->offset);
    }
}

static bool is_unset(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (value[i])
            return false;
    return true;
}

uint64_t mgm_train_config_digest(const struct mgm_train_config *config)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < mgm_config_key_count; i++) {
        const struct mgm_config_key *key = &mgm_config_keys[i];
        if (!key->shapes_result || (key->late && is_unset((const char *)config + key->offset, value_size(config, key))))
            continue;
        hash = hash_bytes(hash, key->name, strlen(key->name));
        hash = hash_bytes(hash, (const char *)config + key->offset, value_size(config, key));
    }
    return hash;
}
