/**
 * What every family of foregrounds draws with: one random stream, one light, materials, rounded parts, fur and locks.
 * Lengths named "unit" are pixels of a 512² picture: multiply by painter->unit.
 */
#ifndef MGM_SYNTH_PAINTER_H
#define MGM_SYNTH_PAINTER_H

#include "base/random.h"
#include "synth/canvas.h"
#include "synth/library.h"
#include "synth/noise.h"

struct light {
    float x, y, z; /* towards the light; z towards the viewer, y down */
    float ambient, rim;
    v4 tint;
};

struct painter {
    struct mgm_context *ctx;
    const struct mgm_synth_library *library;
    struct mgm_random random;
    int size;
    float unit; /* pixels per unit */
    struct canvas *canvas;
    struct light light;
};

static inline float synth_uniform(struct painter *p, float low, float high)
{
    return (float)mgm_random_range(&p->random, low, high);
}

static inline bool synth_chance(struct painter *p, float probability)
{
    return mgm_random_chance(&p->random, probability);
}

static inline int synth_integer(struct painter *p, int low, int high)
{
    return mgm_random_int(&p->random, low, high);
}

/** A clipped normal deviate, within ±2.5. */
float synth_normal(struct painter *p);

/* ---- colours ---- */

/** A colour that occurs in some photograph, averaged over a few pixels; now and then more saturated. */
v4 synth_colour_of_photo(struct painter *p);
/** Something a toy, a cloth or a painted thing may have: mostly from photographs, sometimes a pure hue. */
v4 synth_colour_any(struct painter *p);
/** Hair or fur: black, browns, blonds, reds, greys, white; seldom dyed. */
v4 synth_colour_hair(struct painter *p);
v4 synth_colour_skin(struct painter *p);
v4 synth_colour_leaf(struct painter *p);
/** Near the colour: brightness and hue moved by about `amount`. */
v4 synth_colour_vary(struct painter *p, v4 colour, float amount);

static inline v4 synth_mix(v4 a, v4 b, float t)
{
    return a + (b - a) * t;
}

/* ---- materials ---- */

struct photo_patch {
    const struct mgm_bitmap *photo;
    float x, y, cosine, sine; /* picture = origin + rotation · scale · canvas */
    v4 mean;
};

enum pattern { PATTERN_PLAIN, PATTERN_SPOTS, PATTERN_STRIPES, PATTERN_PATCHES, PATTERN_WEAVE, PATTERN_PHOTO, PATTERN_COUNT };

struct material {
    enum pattern pattern;
    v4 colours[3];
    float scale, angle;       /* of the pattern, pixels */
    float grain, grain_scale; /* fine brightness noise */
    float gloss;
    float folds, fold_scale, fold_angle; /* depth of folds, as the slope of their sides (0: none); pixels from one to the next */
    float texture; /* share of the photo patch, 0: none */
    struct photo_patch patch;
    uint32_t seed;
};

struct photo_patch synth_photo_patch(struct painter *p, float scale_low, float scale_high);
v4 synth_photo_sample(const struct photo_patch *patch, float x, float y);
/** A random material around a main colour. */
struct material synth_material(struct painter *p, v4 main);
v4 synth_material_colour(const struct material *material, float x, float y);
/** Tilts a normal of length 1 by the material's folds. */
void synth_material_fold(const struct material *material, float x, float y, float *nx, float *ny, float *nz);

struct light synth_light(struct painter *p);
/** The colour of a surface with the given normal (of length 1) under the light. */
v4 synth_light_apply(const struct light *light, v4 colour, float nx, float ny, float nz, float gloss);

/* ---- rounded parts ---- */

enum { WOBBLES = 6 };

/** A rounded thing: an ellipse (or rounded box), wobbling along its outline, bulging towards the viewer. */
struct part {
    float x, y, ax, ay, angle;
    float cosine, sine; /* of angle; set by synth_part_ready */
    bool boxy;          /* superellipse of exponent 4 */
    float wobble[WOBBLES], phase[WOBBLES];
    float bend;             /* bends the long axis, fractions of ax */
    float warp, warp_scale; /* noise that displaces the outline, pixels */
    uint32_t seed;
};

struct part synth_part(float x, float y, float ax, float ay, float angle);
/** Gives it `strength` of random wobble (0.02 slight … 0.3 wild). */
void synth_part_wobble(struct painter *p, struct part *part, float strength);

/** How a place lies on a part. */
struct surface {
    float depth;      /* pixels inside the outline; negative outside */
    float q;          /* 0 in the centre, 1 on the outline */
    float nx, ny, nz; /* normal */
};
struct surface synth_part_surface(const struct part *part, float x, float y);

struct part_style {
    float inset;    /* pixels by which the painted outline stays inside */
    float softness; /* width of the edge in pixels, 1: sharp */
    float shadow;   /* darkening of what lies behind, around the outline, 0 … 1 */
    float opacity;
};
void synth_part_paint(struct painter *p, const struct part *part, const struct material *material, struct part_style style);
/** Removes the part's area (a hole). */
void synth_part_erase(struct painter *p, const struct part *part);

/* ---- hair ---- */

enum { GUIDE_POINTS = 24 };

/** The middle line of a lock: places, brightness along it, and its two highlights. */
struct guide {
    int count;
    float x[GUIDE_POINTS], y[GUIDE_POINTS], light[GUIDE_POINTS], shine[GUIDE_POINTS], glow[GUIDE_POINTS];
};

struct lock {
    int strands;
    float radius;          /* half width of a strand at its root, pixels */
    float taper;           /* half width at the tip, as a share */
    float spread, gather;  /* radius of the roots around the guide; what is left of it at the tip */
    float wave, frequency; /* sideways wave: amplitude in pixels, periods along the strand */
    float coil;            /* 0: the wave stays flat … 1: it winds in loops */
    float frizz;           /* random bends, pixels at the tip */
    float fly;             /* share of strands that leave the lock */
    float shortest;        /* length of the shortest strand, as a share */
    float jitter;          /* of brightness between strands */
    float opacity;
    float round;           /* above 0 strands are threads, shaded across (yarn, thick pile) */
    float mixed;           /* deviation of a strand's thickness, as a logarithm */
    v4 root, tip;
    v4 highlight; /* white, from the strand's surface */
    float glow;   /* strength of the coloured one, from within it */
};

void synth_lock_draw(struct painter *p, const struct guide *guide, const struct lock *lock);
/**
 * Fills light, shine and glow from a strand direction: diffuse light by Kajiya and Kay; of the highlights, light that the surface
 * reflects lies towards the root, and light that has been through the strand, wider and coloured, towards the tip (Marschner et al.,
 * "Light scattering from human hair fibers", 2003). @param tx, ty, tz  along the strand, of any length */
void synth_guide_light(const struct light *light, struct guide *guide, int i, float tx, float ty, float tz, float occlusion);

struct fur {
    float length;         /* pixels */
    float lift;           /* 0 lying flat … 1 standing up */
    float comb_x, comb_y; /* the way it lies, with gravity in it */
    float clump;          /* clump radius in pixels */
    float cover;          /* strand area per body area: 2 … 6 */
    float disorder;
    float q_low;      /* only where q is above: 0 all over */
    struct lock lock; /* colours are taken from the material; strands from cover */
    float root_shade, tip_shade;
    float colour_noise;
};

struct fur synth_fur(struct painter *p, float length);
MGM_MUST_CHECK enum mgm_status synth_fur_grow(struct painter *p, const struct part *part, const struct material *material,
                                              const struct fur *fur);

/* ---- the families; each draws onto p->canvas ---- */

typedef enum mgm_status (*synth_family)(struct painter *p);
enum mgm_status synth_draw_groom(struct painter *p);
enum mgm_status synth_draw_fur(struct painter *p);
enum mgm_status synth_draw_hair(struct painter *p);
enum mgm_status synth_draw_solid(struct painter *p);
enum mgm_status synth_draw_plant(struct painter *p);
enum mgm_status synth_draw_lattice(struct painter *p);
enum mgm_status synth_draw_feather(struct painter *p);
enum mgm_status synth_draw_glass(struct painter *p);
enum mgm_status synth_draw_card(struct painter *p);
enum mgm_status synth_draw_object(struct painter *p);

/** A toy, animal or plain blob: used by several families. */
struct figure_part {
    struct part part;
    int material; /* index */
    int cover;    /* 0 smooth, 1 furry, 2 glossy (eye, button) */
};
enum { FIGURE_PARTS = 24, FIGURE_MATERIALS = 6 };
struct figure {
    int count;
    struct figure_part parts[FIGURE_PARTS]; /* back to front */
    struct material materials[FIGURE_MATERIALS];
};
void synth_figure(struct painter *p, struct figure *figure);
/** Bust: torso, neck, head with a face; the head is written to *head. */
void synth_bust(struct painter *p, struct part *torso, struct part *neck, struct part *head);
void synth_bust_paint(struct painter *p, const struct part *torso, const struct part *neck, const struct part *head);

#endif
