/** What mgm matte does with one picture, from files to a file, through a session that is kept for the next. */
#ifndef MGM_CLI_MATTE_JOB_H
#define MGM_CLI_MATTE_JOB_H

#include "cutout.h"
#include "image_file.h"

#include "mgm.h"

/** Names of the ways from a photo to its matte, "auto" first; ends with NULL. */
extern const char *const method_names[];

/** @param name  one of them */
enum mgm_method method_from_name(const char *name);

struct matte_job {
    /* set by the caller */
    struct mgm_matte_settings settings;
    struct cutout_options cutout; /* how the result looks */
    int bits;         /* of a channel of what is written: 8, 16; 0: as the photo, where the format can */
    bool alpha_only;  /* the matte as grey, instead of a cutout */
    bool resize_mask; /* stretch masks of another size */
    size_t max_memory; /* bytes that the process may take, about; 0: half of the machine's */
    /* set by matte_job_open */
    struct mgm_context *ctx;
    struct mgm_model *model;
    struct mgm_session *session;
    struct cutout *maker; /* NULL for alpha_only */
};

/** @param model  path of the weights; NULL: the default ones */
MGM_MUST_CHECK enum mgm_status matte_job_open(struct matte_job *job, struct mgm_context *ctx, const char *model);
/** Leaves the context alone. Takes a job that was not opened too. */
void matte_job_close(struct matte_job *job);

/** How many channels the job writes: 1, 3 or 4. */
int matte_job_channels(const struct matte_job *job);

struct matte_facts {
    int width, height; /* of the photo */
    struct mgm_matte_report report;
    struct mgm_foreground_report colours;
};

/**
 * Reads, mattes, writes. Everything that can be wrong with the request is found out before the network runs.
 * @param photo, mask  paths; one of them may be "-"
 * @return what went wrong; the sentence in the context names the file
 */
MGM_MUST_CHECK enum mgm_status matte_job_run(struct matte_job *job, const char *photo, const char *mask,
                                             const struct image_target *target, struct matte_facts *facts);

#endif
