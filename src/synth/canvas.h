/**
 * The drawing surface: premultiplied RGBA in f32, painted back to front with "over". Coverage is analytic: strands are
 * measured against each pixel they cross, outlines by signed area, so no supersampling is needed and alpha is exact.
 * Coordinates are in pixels, the centre of the first pixel at (0.5, 0.5).
 */
#ifndef MGM_SYNTH_CANVAS_H
#define MGM_SYNTH_CANVAS_H

#include "image/image.h"

typedef float v4 __attribute__((vector_size(16))); /* r, g, b, a or weight */

struct canvas {
    int width, height;
    v4 *pixels;    /* [height, width], premultiplied */
    float *ground; /* [height, width] scratch of the filling functions: zero between calls */
    float *across; /* the same: where across its tube a pixel lies */
};

MGM_MUST_CHECK enum mgm_status synth_canvas_create(struct mgm_context *ctx, int width, int height, struct canvas *out);
void synth_canvas_release(struct canvas *canvas);

static inline v4 synth_rgb(float r, float g, float b)
{
    return (v4){r, g, b, 1.0f};
}

/** Keeps colours in [0, 1] and sets the weight to 1. */
v4 synth_rgb_clamp(v4 colour);

/** Puts a straight colour (its last element is ignored) over the pixel at (x, y), which must be inside. */
static inline void synth_over(struct canvas *canvas, int x, int y, v4 colour, float coverage)
{
    v4 *pixel = canvas->pixels + (size_t)y * (size_t)canvas->width + (size_t)x;
    colour[3] = 1.0f;
    *pixel = colour * coverage + *pixel * (1.0f - coverage);
}

/** One vertex of a strand or tube. */
struct stroke_point {
    float x, y;
    float radius;
    v4 colour; /* straight; the last element is the opacity */
};

/** A thin tapered line, radius up to some 3 pixels; below half a pixel its coverage shrinks accordingly. */
void synth_strand(struct canvas *canvas, const struct stroke_point *points, int count);

/** A thick line with round ends, shaded across like a cylinder. @param roundness  0 flat … 1 */
void synth_tube(struct canvas *canvas, const struct stroke_point *points, int count, float roundness);

struct point {
    float x, y;
};

/** The colour of a filled outline at a place: straight, last element the opacity. */
typedef v4 (*synth_paint)(const void *argument, float x, float y);

/** Fills a closed outline (non-zero winding; one that crosses itself has seams). */
void synth_fill(struct canvas *canvas, const struct point *outline, int count, synth_paint paint, const void *argument);

/** A soft disc: full up to radius · (1 − softness), fading to nothing at the radius. */
void synth_disc(struct canvas *canvas, float x, float y, float radius, float softness, v4 colour);

/** Puts the layer over the canvas; both of one size. */
void synth_canvas_merge(struct canvas *canvas, const struct canvas *layer);

/** Blurs colour and alpha together with a disc (a lens out of focus). Below a radius of 0.5 nothing happens. */
MGM_MUST_CHECK enum mgm_status synth_canvas_defocus(struct mgm_context *ctx, struct canvas *canvas, float radius);

/** Defocus that grows from nothing at (x0, y0) to the full radius at (x1, y1). */
MGM_MUST_CHECK enum mgm_status synth_canvas_tilt(struct mgm_context *ctx, struct canvas *canvas, float radius, float x0,
                                                 float y0, float x1, float y1);

/** Blurs along a straight line of the given length (a hand that moves). */
MGM_MUST_CHECK enum mgm_status synth_canvas_motion(struct mgm_context *ctx, struct canvas *canvas, float length,
                                                   float angle);

/** Straight colour and alpha, allocated here; where nothing was drawn the colour is continued smoothly from around. */
MGM_MUST_CHECK enum mgm_status synth_canvas_finish(struct mgm_context *ctx, const struct canvas *canvas,
                                                   struct mgm_bitmap *colour, struct mgm_bitmap *alpha);

#endif
