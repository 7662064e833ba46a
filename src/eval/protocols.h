/**
 * Benchmarks by name: what a data set is given to the network as, where its mattes are scored, and what has been published
 * about it. Source: §4, §5, Tables 1, 2 and 5, the figures on robustness and on low resolution.
 */
#ifndef MGM_EVAL_PROTOCOLS_H
#define MGM_EVAL_PROTOCOLS_H

#include "eval/derive.h"
#include "eval/regions.h"

/** What a guidance is made from. */
enum mgm_guidance_source {
    MGM_FROM_TRIMAP, /* the case's trimap, as it is */
    MGM_FROM_MASK,   /* the case's mask; derived unless the derivation's size is 0 */
    MGM_FROM_ALPHA,  /* derived from the true matte */
    MGM_FROM_MATTES, /* another method's matte, to be refined */
};

struct mgm_protocol_guidance {
    const char *name; /* as it is chosen, and its folder's name */
    enum mgm_guidance_source source;
    enum mgm_guidance given_as;
    struct mgm_derivation derivation;
};

/** Where a data set's parts lie. */
enum mgm_protocol_layout {
    MGM_LAYOUT_PAIRS,         /* photos and mattes, side by side */
    MGM_LAYOUT_COMPOSITION,   /* Composition-1k's test set: 50 foregrounds, each over 20 backgrounds of two lists */
    MGM_LAYOUT_DISTINCTION,   /* Distinction-646's test set, composed in the same way */
};

enum { MGM_PROTOCOL_GUIDANCES = 8, MGM_PROTOCOL_REGIONS = 2 };

struct mgm_protocol {
    const char *name, *title;
    enum mgm_protocol_layout layout;
    bool needs_trimap, needs_mask, needs_detail; /* else they are used where they are there */
    int longer_side;                             /* pictures are scaled down to it; 0: never */
    int trimap_size; /* where a case has no trimap: what is neither 0 nor 1, dilated by the ellipse of this size */
    struct mgm_protocol_guidance guidances[MGM_PROTOCOL_GUIDANCES]; /* ends with a NULL name, unless it is full */
    enum mgm_region regions[MGM_PROTOCOL_REGIONS]; /* the first decides which cases are the worst */
    int region_count;
};

/** Ends with a NULL name. */
extern const struct mgm_protocol mgm_protocols[];

/** NULL if there is none. */
const struct mgm_protocol *mgm_protocol_named(const char *name);

int mgm_protocol_guidance_count(const struct mgm_protocol *protocol);

/** A line of a published table. */
struct mgm_published {
    const char *protocol; /* its name; NULL ends the table */
    enum mgm_region region;
    const char *method;
    double values[MGM_METRIC_COUNT]; /* SAD, MSE · 10³, Grad, Conn; −1 where nothing was published */
    const char *guidance;            /* that a run must have to be compared with it; NULL: another method's figures */
};

extern const struct mgm_published mgm_published[];

#endif
