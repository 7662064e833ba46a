/* Partial coverage that belongs to something solid: glass and plastic, veils, smoke. */
#include "synth/painter.h"

#include <math.h>

static void figure_under(struct painter *p)
{
    struct figure figure;
    synth_figure(p, &figure);
    for (int i = 0; i < figure.count; i++)
        synth_part_paint(p, &figure.parts[i].part, figure.materials + figure.parts[i].material,
                         (struct part_style){.softness = 1.0f, .shadow = 0.3f, .opacity = 1.0f});
}

/* A hollow thing: clear in the middle, denser towards its outline, with reflections. */
static void vessel(struct painter *p)
{
    float u = p->unit, clear = synth_uniform(p, 0.12f, 0.5f);
    struct part part =
        synth_part(u * synth_uniform(p, 190.0f, 322.0f), u * synth_uniform(p, 180.0f, 300.0f),
                   u * synth_uniform(p, 70.0f, 170.0f), u * synth_uniform(p, 90.0f, 190.0f), synth_uniform(p, -0.3f, 0.3f));
    synth_part_wobble(p, &part, 0.04f);
    part.boxy = synth_chance(p, 0.5f);
    v4 colour = synth_colour_any(p);
    uint32_t seed = (uint32_t)mgm_random_bits(&p->random);
    float scale = u * synth_uniform(p, 30.0f, 90.0f), level = part.y + part.ay * synth_uniform(p, -0.3f, 0.6f);
    bool filled = synth_chance(p, 0.6f);
    v4 liquid = synth_colour_any(p);
    for (int y = 0; y < p->size; y++) {
        for (int x = 0; x < p->size; x++) {
            float px = (float)x + 0.5f, py = (float)y + 0.5f;
            struct surface s = synth_part_surface(&part, px, py);
            float covered = fminf(s.depth + 0.5f, 1.0f);
            if (covered <= 0.0f)
                continue;
            float fresnel = (1.0f - s.nz) * (1.0f - s.nz), ripple = synth_fractal(seed, px / scale, py / scale, 3);
            float streak =
                fmaxf(synth_noise(seed + 3, (px + 0.2f * py) / (0.4f * scale), py / (4.0f * scale)) - 0.45f, 0.0f);
            float opacity = clear + (0.95f - clear) * fresnel + 0.15f * ripple + streak;
            v4 base = colour * (0.8f + 0.3f * ripple) + streak;
            if (filled && py > level) {
                base = liquid * (0.9f + 0.2f * ripple);
                opacity = 0.97f;
            }
            base = synth_light_apply(&p->light, base, s.nx, s.ny, s.nz, 0.9f);
            synth_over(p->canvas, x, y, base, covered * fminf(fmaxf(opacity, 0.05f), 1.0f));
        }
    }
    struct material lid = synth_material(p, synth_colour_any(p));
    struct part cap = synth_part(part.x, part.y - part.ay * 0.95f, part.ax * synth_uniform(p, 0.4f, 0.9f),
                                 part.ay * synth_uniform(p, 0.12f, 0.3f), part.angle);
    struct part foot = synth_part(part.x, part.y + part.ay * 0.95f, part.ax * synth_uniform(p, 0.6f, 1.1f),
                                  part.ay * synth_uniform(p, 0.15f, 0.3f), part.angle);
    cap.boxy = foot.boxy = true;
    synth_part_paint(p, &cap, &lid, (struct part_style){.softness = 1.0f, .shadow = 0.2f, .opacity = 1.0f});
    synth_part_paint(p, &foot, &lid, (struct part_style){.softness = 1.0f, .shadow = 0.2f, .opacity = 1.0f});
}

/* Thin cloth: opacity follows the folds. */
static void veil(struct painter *p)
{
    float u = p->unit, thin = synth_uniform(p, 0.25f, 0.6f), angle = synth_uniform(p, 0.0f, 3.1416f),
          scale = u * synth_uniform(p, 14.0f, 45.0f);
    struct part part =
        synth_part(u * synth_uniform(p, 170.0f, 342.0f), u * synth_uniform(p, 190.0f, 322.0f),
                   u * synth_uniform(p, 120.0f, 210.0f), u * synth_uniform(p, 90.0f, 180.0f), synth_uniform(p, 0.0f, 3.0f));
    synth_part_wobble(p, &part, 0.14f);
    v4 colour = synth_colour_any(p);
    uint32_t seed = (uint32_t)mgm_random_bits(&p->random);
    float c = cosf(angle), s = sinf(angle);
    for (int y = 0; y < p->size; y++) {
        for (int x = 0; x < p->size; x++) {
            float px = (float)x + 0.5f, py = (float)y + 0.5f;
            float covered = fminf(synth_part_surface(&part, px, py).depth + 0.5f, 1.0f);
            if (covered <= 0.0f)
                continue;
            float along = (c * px + s * py) / scale, across = (c * py - s * px) / (5.0f * scale);
            float fold = synth_fractal(seed, along, across, 3);
            v4 lit = synth_rgb_clamp(colour * p->light.tint * (0.85f + 0.5f * fold));
            synth_over(p->canvas, x, y, lit, covered * fminf(fmaxf(thin + 0.5f * fabsf(fold), 0.1f), 1.0f));
        }
    }
}

/* Smoke and flames from the particle pictures, or from noise where there are none. */
static void smoke(struct painter *p)
{
    float u = p->unit, x0 = u * synth_uniform(p, 120.0f, 392.0f), y0 = u * synth_uniform(p, 60.0f, 300.0f),
          r = u * synth_uniform(p, 90.0f, 200.0f);
    v4 colour = synth_mix(synth_rgb(0.8f, 0.8f, 0.8f), synth_colour_any(p), synth_uniform(p, 0.0f, 0.6f)) *
                synth_uniform(p, 0.4f, 1.2f);
    colour = synth_rgb_clamp(colour);
    uint32_t seed = (uint32_t)mgm_random_bits(&p->random);
    const struct mgm_bitmap *picture = NULL;
    if (p->library->particles.count > 0 && synth_chance(p, 0.6f))
        picture = p->library->particles.pictures + synth_integer(p, 0, p->library->particles.count - 1);
    float strength = synth_uniform(p, 0.4f, 0.9f), scale = r * synth_uniform(p, 0.3f, 0.7f);
    for (int y = 0; y < p->size; y++) {
        for (int x = 0; x < p->size; x++) {
            float dx = ((float)x + 0.5f - x0) / r, dy = ((float)y + 0.5f - y0) / r, density;
            if (fabsf(dx) >= 1.0f || fabsf(dy) >= 1.0f)
                continue;
            if (picture) {
                int sx = (int)((dx + 1.0f) * 0.5f * (float)picture->width),
                    sy = (int)((dy + 1.0f) * 0.5f * (float)picture->height);
                sx = sx < picture->width ? sx : picture->width - 1; /* dx + 1 may be rounded to 2 */
                sy = sy < picture->height ? sy : picture->height - 1;
                density = (float)picture->data[((size_t)sy * (size_t)picture->width + (size_t)sx) * 4 + 3] * (1.0f / 255.0f);
            } else {
                density = (1.0f - dx * dx - dy * dy) * (0.6f + synth_fractal(seed, (float)x / scale, (float)y / scale, 5));
            }
            density = fminf(fmaxf(density * strength, 0.0f), 0.92f);
            if (density > 0.0f)
                synth_over(
                    p->canvas, x, y,
                    synth_rgb_clamp(colour * (0.9f + 0.3f * synth_fractal(seed + 4, (float)x / scale, (float)y / scale, 3))),
                    density);
        }
    }
}

enum mgm_status synth_draw_glass(struct painter *p)
{
    float kind = synth_uniform(p, 0.0f, 1.0f);
    if (kind < 0.45f) {
        vessel(p);
    } else if (kind < 0.75f) {
        bool behind = synth_chance(p, 0.5f);
        if (behind)
            veil(p);
        figure_under(p);
        if (!behind)
            veil(p);
    } else {
        figure_under(p);
        smoke(p);
    }
    return MGM_OK;
}
