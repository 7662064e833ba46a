/* Smooth figures and shapes with clean edges, and holes. */
#include "synth/painter.h"

#include <math.h>

static v4 paint_shape(const void *argument, float x, float y)
{
    v4 colour = synth_material_colour(argument, x, y);
    return synth_rgb_clamp(colour);
}

/* Stars, cogs, polygons: outlines with corners. */
static void polygon(struct painter *p, const struct material *material)
{
    struct point outline[48];
    int count = synth_integer(p, 3, 24), kind = synth_integer(p, 0, 2);
    float x = p->unit * synth_uniform(p, 190.0f, 322.0f), y = p->unit * synth_uniform(p, 190.0f, 322.0f);
    float radius = p->unit * synth_uniform(p, 110.0f, 220.0f), inner = synth_uniform(p, 0.4f, 0.95f);
    for (int i = 0; i < 2 * count; i++) {
        float angle = 3.1416f * (float)i / (float)count, r = radius * (i % 2 ? inner : 1.0f);
        if (kind == 1)
            r = radius * synth_uniform(p, inner, 1.0f);
        outline[i] = (struct point){x + r * cosf(angle), y + r * sinf(angle)};
    }
    synth_fill(p->canvas, outline, 2 * count, paint_shape, material);
}

enum mgm_status synth_draw_solid(struct painter *p)
{
    if (synth_chance(p, 0.2f)) {
        int count = synth_integer(p, 1, 3);
        for (int i = 0; i < count; i++) {
            struct material material = synth_material(p, synth_colour_any(p));
            polygon(p, &material);
        }
    } else if (synth_chance(p, 0.25f)) {
        struct part torso, neck, head;
        synth_bust(p, &torso, &neck, &head);
        synth_bust_paint(p, &torso, &neck, &head);
    } else {
        struct figure figure;
        synth_figure(p, &figure);
        for (int i = 0; i < figure.count; i++) {
            struct part_style style = {.softness = 1.0f, .shadow = synth_uniform(p, 0.1f, 0.5f), .opacity = 1.0f};
            synth_part_paint(p, &figure.parts[i].part, figure.materials + figure.parts[i].material, style);
        }
    }
    int holes = synth_chance(p, 0.35f) ? synth_integer(p, 1, 5) : 0;
    for (int i = 0; i < holes; i++) {
        struct part hole = synth_part(p->unit * synth_uniform(p, 120.0f, 392.0f), p->unit * synth_uniform(p, 120.0f, 392.0f),
                                      p->unit * synth_uniform(p, 6.0f, 45.0f), p->unit * synth_uniform(p, 6.0f, 45.0f),
                                      synth_uniform(p, 0.0f, 3.0f));
        synth_part_wobble(p, &hole, 0.08f);
        synth_part_erase(p, &hole);
    }
    return MGM_OK;
}
