/**
 * A benchmark, run: every picture with every guidance through the network, several at a time, scored, and written down at
 * once, so that a run that is stopped goes on where it was. In the output folder:
 *     results.jsonl       a line for each picture and guidance (eval/results.h)
 *     GUIDANCE/NAME.png   the mattes
 */
#ifndef MGM_CLI_EVAL_RUN_H
#define MGM_CLI_EVAL_RUN_H

#include "eval_cases.h"

#include "eval/results.h"

struct eval_options {
    const char *output;                /* folder; made if need be */
    const char *model;                 /* NULL: the default one */
    const char *device, *precision;    /* as contexts take them; may be NULL */
    const char *method;                /* one of method_names; may be NULL */
    const char *const *chosen;         /* names of guidances; NULL ends them; the first NULL: all that there are */
    const char *const *mattes;         /* [NAME=]FOLDER of another method's mattes, to be refined; NULL ends them */
    bool resume, reference, largest_component, quiet;
    int jobs, threads;                 /* pictures at a time; threads of all together. 0: chosen here */
    int limit;                         /* only so many pictures; 0: all */
};

/** A guidance of the run. */
struct eval_kind {
    struct mgm_protocol_guidance guidance;
    char *name;           /* owned; guidance.name is this */
    char *path;           /* of the folder with mattes that are to be refined, owned; else NULL */
    struct folder mattes;
};

struct eval_entry {
    bool done;
    char *complaint; /* why it failed */
    struct mgm_eval_scores matte, itself;
    double seconds;
};

enum { EVAL_KINDS_MAX = 32 };

struct eval_run {
    const struct mgm_protocol *protocol;
    struct eval_cases cases;
    int count; /* of pictures that are run: the first ones */
    struct eval_kind kinds[EVAL_KINDS_MAX];
    int kind_count;
    struct eval_entry *entries; /* [case][kind] */
    const char *data, *backgrounds; /* folders, borrowed; backgrounds may be NULL */
    const char *output;         /* borrowed */
    char model[256];            /* name of its file */
    int failed;
};

/**
 * Finds the pictures and runs what is not done yet.
 * @param complain  called with a sentence for every picture that is missing or failed; they are not part of any mean
 * @param run       release with eval_run_release, also on error
 * @return an error if nothing could be done: no data, no model, results of another run in the folder, unless `resume`
 */
MGM_MUST_CHECK enum mgm_status eval_run(struct mgm_context *ctx, const struct mgm_protocol *protocol, const char *data,
                                        const char *backgrounds, const struct eval_options *options,
                                        void (*complain)(const char *sentence), struct eval_run *run);

void eval_run_release(struct eval_run *run);

struct eval_entry *eval_run_entry(const struct eval_run *run, int index, int kind);

/** "OUTPUT/GUIDANCE/NAME.png"; release with mgm_free. NULL if memory ran out. */
char *eval_run_matte_path(const struct eval_run *run, int index, int kind);

/** The guidance as a picture of a case that was loaded. */
struct eval_pictures;
MGM_MUST_CHECK enum mgm_status eval_run_guidance(struct mgm_context *ctx, const struct eval_run *run, int index, int kind,
                                                 const struct eval_pictures *pictures, struct mgm_bitmap *out);

/**
 * Means over the pictures that have values, in their order, so that they do not depend on which was finished first.
 * @param itself  of the guidance instead of the matte
 * @return how many pictures these are; 0: values are NaN
 */
int eval_run_mean(const struct eval_run *run, int kind, enum mgm_region region, bool itself,
                  double values[MGM_METRIC_COUNT]);

#endif
