/**
 * The configuration of a training run: a libconfig file, and settings given on the command line. configs/default.cfg shows
 * every key with its meaning. A key that is unknown, of the wrong type or out of range is an error that names it, its file
 * and its line.
 */
#ifndef MGM_TRAIN_CONFIG_H
#define MGM_TRAIN_CONFIG_H

#include "train/dataset.h"
#include "train/optimiser.h"
#include "train/sample.h"
#include "train/schedule.h"
#include "train/step.h"

enum { MGM_CROP_PHASES_MAX = 8, MGM_CONFIG_PATH_MAX = 1024 };

enum mgm_precision_choice { MGM_CHOOSE_F32, MGM_CHOOSE_BF16, MGM_CHOOSE_AUTO };

struct mgm_train_config {
    char name[MGM_CONFIG_PATH_MAX];    /* of the model, for its metadata */
    char license[MGM_CONFIG_PATH_MAX]; /* of the weights; "": nothing is said */
    double width;
    enum mgm_head_fusion fusion;
    enum mgm_precision_choice precision;
    int64_t seed, iterations;
    int phase_count;
    struct mgm_crop_phase phases[MGM_CROP_PHASES_MAX];
    double learning_rate, warmup; /* warmup: a fraction of the run */
    struct mgm_optimiser_settings optimiser;
    struct mgm_objective objective;
    struct mgm_curriculum curriculum;
    int dilate_os4[2], dilate_os1[2]; /* smallest and largest */
    struct mgm_sample_settings samples;
    struct {
        int count, size;
        int64_t seed;
        int hold_out; /* 1: nothing is drawn from the held-out strands, cards, particles and objects (synth.h) */
        char cache[MGM_CONFIG_PATH_MAX];
    } foregrounds;
    int source_count; /* 0: drawn foregrounds alone */
    struct mgm_source sources[MGM_SOURCES_MAX];
    char backgrounds[MGM_CONFIG_PATH_MAX]; /* folder; "": the photographs of `data` */
    char data[MGM_CONFIG_PATH_MAX], run[MGM_CONFIG_PATH_MAX], init[MGM_CONFIG_PATH_MAX], encoder[MGM_CONFIG_PATH_MAX]; /* "": none */
    int workers, ahead;
    int checkpoint_interval;
    struct {
        int interval, count, size; /* interval 0: none */
    } validation;
    double second_look;   /* share of the iterations that look twice (second_look.h) */
    double average_decay; /* 0: no moving average of the values */
    int overfit;          /* train on this many fixed samples only; 0: off */
};

/** The paper's settings where it states them, sized for a small machine. */
struct mgm_train_config mgm_train_config_defaults(void);

/** Reads a file, of 256 KB at most, over what is in config. Paths in it are relative to the file's folder. */
MGM_MUST_CHECK enum mgm_status mgm_train_config_read(struct mgm_context *ctx, const char *path,
                                                     struct mgm_train_config *config);

/** The same from text; `name` is for messages; paths stay as they are. For tests and fuzzing. */
MGM_MUST_CHECK enum mgm_status mgm_train_config_parse(struct mgm_context *ctx, const char *name, const char *text,
                                                      struct mgm_train_config *config);

/** One "key=value", nested keys with dots: "dilation.os4=[1, 29]". A bare word is taken as text. */
MGM_MUST_CHECK enum mgm_status mgm_train_config_set(struct mgm_context *ctx, const char *assignment,
                                                    struct mgm_train_config *config);

/** Checks what concerns several keys at once (the phases, the ranges). Call it last. */
MGM_MUST_CHECK enum mgm_status mgm_train_config_check(struct mgm_context *ctx, const struct mgm_train_config *config);

/** A fingerprint of everything that shapes the result, to notice changes between a checkpoint and its resumption. */
uint64_t mgm_train_config_digest(const struct mgm_train_config *config);

#endif
