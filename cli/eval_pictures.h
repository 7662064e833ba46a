/** The pictures of one case of a benchmark, read, composed and scaled, and the guidance that is made of them. */
#ifndef MGM_CLI_EVAL_PICTURES_H
#define MGM_CLI_EVAL_PICTURES_H

#include "eval_cases.h"

#include "image/image.h"

struct eval_pictures {
    struct mgm_bitmap image;                  /* RGB */
    struct mgm_bitmap alpha, trimap, mask;    /* one channel each; trimap and mask empty where there is none */
    struct mgm_bitmap region[MGM_REGION_COUNT]; /* 128 where mattes are scored; empty: no such region, or everywhere */
    bool scored[MGM_REGION_COUNT];            /* false: nothing in this picture belongs to the region */
};

/**
 * Reads what a case has and brings it to the protocol's size.
 * @return MGM_E_SHAPE if pictures that belong together differ in size; the sentence names them
 */
MGM_MUST_CHECK enum mgm_status eval_pictures_load(struct mgm_context *ctx, const struct mgm_protocol *protocol,
                                                  const struct eval_case *one, struct eval_pictures *out);

/** Takes a zeroed one too. */
void eval_pictures_release(struct eval_pictures *pictures);

/**
 * @param matte_path  of another method's matte, for MGM_FROM_MATTES
 * @param out         one channel; released by the caller
 */
MGM_MUST_CHECK enum mgm_status eval_guidance_make(struct mgm_context *ctx, const struct mgm_protocol *protocol,
                                                  const struct mgm_protocol_guidance *guidance,
                                                  const struct eval_pictures *pictures, const char *matte_path,
                                                  struct mgm_bitmap *out);

#endif
