/* Plush and animals: figures whose parts carry fur, painted back to front. */
#include "synth/painter.h"

#include <math.h>

enum mgm_status synth_draw_fur(struct painter *p)
{
    struct figure figure;
    synth_figure(p, &figure);
    float length = p->unit * (synth_chance(p, 0.6f) ? synth_uniform(p, 4.0f, 16.0f) : synth_uniform(p, 14.0f, 60.0f));
    float inset = synth_chance(p, 0.5f) ? 0.12f : synth_uniform(p, 0.1f, 0.6f); /* how far in the fur is thin */
    struct fur fur = synth_fur(p, length);
    for (int i = 0; i < figure.count; i++) {
        struct figure_part *f = figure.parts + i;
        const struct material *material = figure.materials + f->material;
        bool furry = f->cover == 1;
        struct part_style style = {.inset = furry ? fminf(length * inset, 0.25f * fminf(f->part.ax, f->part.ay)) : 0.0f,
                                   .softness = 1.0f,
                                   .shadow = synth_uniform(p, 0.15f, 0.5f),
                                   .opacity = 1.0f};
        struct material base = *material;
        base.gloss = furry ? 0.0f : material->gloss; /* fur has its shine along the strands */
        synth_part_paint(p, &f->part, &base, style);
        if (!furry)
            continue;
        struct fur local = fur;
        local.length = length * synth_uniform(p, 0.7f, 1.15f);
        /* Short pile on small parts, or they would vanish in it. */
        local.length = fminf(local.length, 0.6f * fminf(f->part.ax, f->part.ay));
        TRY(synth_fur_grow(p, &f->part, material, &local));
    }
    if (synth_chance(p, 0.4f)) { /* a tuft, as toys have on their heads */
        const struct part *top = &figure.parts[synth_integer(p, 0, figure.count - 1)].part;
        struct fur tuft = synth_fur(p, p->unit * synth_uniform(p, 25.0f, 90.0f));
        struct material material = synth_material(p, synth_colour_hair(p));
        struct part seat =
            synth_part(top->x, top->y - 0.8f * top->ay, top->ax * synth_uniform(p, 0.2f, 0.5f), top->ay * 0.25f, 0.0f);
        tuft.comb_y = -0.7f;
        tuft.lift = 0.9f;
        tuft.disorder = synth_uniform(p, 0.25f, 0.6f);
        tuft.lock.gather = synth_uniform(p, 0.1f, 0.7f);
        TRY(synth_fur_grow(p, &seat, &material, &tuft));
    }
    return MGM_OK;
}
