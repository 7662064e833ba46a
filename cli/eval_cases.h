/**
 * The pictures of a benchmark, found in its folder as it is handed out, and what is missing or does not fit.
 *
 *     composition-1k   [Combined_Dataset/][Test_set/] test_fg_names.txt, test_bg_names.txt,
 *                      Adobe-licensed images/{fg,alpha,trimaps}; backgrounds elsewhere (PASCAL VOC)
 *     distinction-646  [Test/] FG, GT; backgrounds elsewhere, in the order of test_bg_names.txt or of their names
 *     others, and either of these once composed
 *                      image (images, input, input_training_lowres, merged, Image), alpha (alphas, gt_training_lowres, GT),
 *                      trimap (trimaps, trimap_training_lowres/Trimap1), mask (masks), detail (detailmap, details)
 *
 * Pictures belong together that have the same name, whatever their extension; a matte, also the photo's without a trailing
 * _NUMBER; a map of details, also the photo's and _cloud_trimap.
 */
#ifndef MGM_CLI_EVAL_CASES_H
#define MGM_CLI_EVAL_CASES_H

#include "folder.h"

#include "eval/protocols.h"

struct eval_case {
    char *name;
    char *image;                   /* NULL: to be composed of these: */
    char *foreground, *background;
    char *alpha;
    char *trimap, *mask, *detail; /* NULL: there is none */
};

struct eval_cases {
    struct eval_case *cases;
    int count, room;
    bool trimaps, masks, details; /* every case has one */
    char **complaints;            /* what is missing, a sentence each; their cases are left out */
    int complaint_count, complaint_room;
};

/** How many backgrounds a foreground of a composed test set is laid over. */
enum { EVAL_BACKGROUNDS = 20 };

/**
 * @param data         the data set's folder
 * @param backgrounds  folder of backgrounds; NULL: none was named
 * @param out          release with eval_cases_release, also on error
 * @return an error if folder or lists cannot be read, or nothing is there; single pictures become complaints
 */
MGM_MUST_CHECK enum mgm_status eval_cases_find(struct mgm_context *ctx, const struct mgm_protocol *protocol,
                                               const char *data, const char *backgrounds, struct eval_cases *out);

/** Takes a zeroed one too. */
void eval_cases_release(struct eval_cases *cases);

#endif
