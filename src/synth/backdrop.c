/*
 * A background far out of focus: a graded sky and ground, and lights that the lens has spread into discs. For pictures that
 * must not contain anybody's photograph.
 */
#include "synth/painter.h"

#include "base/memory.h"
#include "synth/synth.h"

#include <math.h>

static void paint_grade(struct painter *p)
{
    v4 high = synth_colour_any(p), middle = synth_colour_any(p), low = synth_colour_leaf(p);
    float horizon = synth_uniform(p, 0.45f, 0.75f) * (float)p->size;
    for (int y = 0; y < p->size; y++) {
        float t = (float)y / (float)p->size, above = fminf((float)y / horizon, 1.0f);
        v4 colour = synth_mix(synth_mix(high, middle, above * above), low,
                              fmaxf(0.0f, tanhf(6.0f * (t - horizon / (float)p->size))));
        for (int x = 0; x < p->size; x++)
            synth_over(p->canvas, x, y, colour, 1.0f);
    }
}

static void paint_lights(struct painter *p)
{
    int count = synth_integer(p, 30, 60);
    for (int i = 0; i < count; i++) {
        v4 colour = synth_colour_vary(p, synth_colour_any(p), 0.2f);
        float radius = p->unit * synth_uniform(p, 10.0f, 55.0f);
        colour[3] = synth_uniform(p, 0.1f, 0.45f);
        synth_disc(p->canvas, synth_uniform(p, 0.0f, (float)p->size), synth_uniform(p, 0.0f, (float)p->size), radius, 0.15f,
                   colour);
    }
}

enum mgm_status mgm_synth_backdrop(struct mgm_context *ctx, const struct mgm_synth_library *library, uint64_t seed,
                                   uint64_t index, int size, struct mgm_bitmap *out)
{
    struct canvas canvas;
    struct mgm_bitmap alpha = {0};
    TRY(synth_canvas_create(ctx, size, size, &canvas));
    struct painter painter = {.ctx = ctx,
                              .library = library,
                              .random = mgm_random_stream(seed ^ 0x6261636Bu, index),
                              .size = size,
                              .unit = (float)size / 512.0f,
                              .canvas = &canvas};
    paint_grade(&painter);
    paint_lights(&painter);
    enum mgm_status status = synth_canvas_defocus(ctx, &canvas, 5.0f * painter.unit);
    if (status == MGM_OK)
        status = synth_canvas_finish(ctx, &canvas, out, &alpha);
    mgm_bitmap_release(&alpha);
    synth_canvas_release(&canvas);
    return status;
}
