/* Things with many true holes: wicker balls, nets, fences and lace, each with something solid. */
#include "synth/painter.h"

#include <math.h>

enum { ROD_POINTS = 24 };

/* Rods that run around a ball as great circles, the far ones first. */
static void wicker(struct painter *p)
{
    float u = p->unit, x0 = u * synth_uniform(p, 210.0f, 302.0f), y0 = u * synth_uniform(p, 210.0f, 302.0f);
    float r = u * synth_uniform(p, 110.0f, 210.0f), thick = u * synth_uniform(p, 3.0f, 11.0f);
    if (synth_chance(p, 0.35f))
        thick *= synth_uniform(p, 1.3f, 2.2f); /* a thicket of canes, with small holes here and there */
    v4 colour = synth_chance(p, 0.6f) ? synth_colour_hair(p) : synth_colour_any(p);
    int rods = synth_integer(p, 12, 38);
    struct mgm_random start = p->random;
    for (int front = 0; front < 2; front++) {
        p->random = start; /* the same rods, once their far and once their near halves */
        for (int i = 0; i < rods; i++) {
            float a = synth_uniform(p, 0.0f, 6.2832f), tilt = synth_uniform(p, 0.05f, 1.0f),
                  radius = r * synth_uniform(p, 0.82f, 1.0f);
            float wobble = 0.05f * synth_normal(p), width = thick * synth_uniform(p, 0.6f, 1.2f);
            v4 shade = synth_colour_vary(p, colour, 0.12f) * p->light.tint;
            uint32_t seed = (uint32_t)mgm_random_bits(&p->random); /* of the shadows that other rods cast on this one */
            struct stroke_point rod[ROD_POINTS];
            for (int k = 0; k < ROD_POINTS; k++) {
                float t = 3.1416f * ((float)k / (float)(ROD_POINTS - 1) + (float)front);
                float bx = radius * cosf(t), by = radius * sinf(t) * tilt * (1.0f + wobble * cosf(3.0f * t));
                float x = cosf(a) * bx - sinf(a) * by, y = sinf(a) * bx + cosf(a) * by;
                float lit = 0.75f + 0.45f * (x * p->light.x + y * p->light.y) / r;
                lit *= 1.0f + 0.5f * fminf(synth_noise(seed, 0.7f * (float)k, 0.0f), 0.3f);
                rod[k] =
                    (struct stroke_point){x0 + x, y0 + y, width, synth_rgb_clamp(shade * (lit * (front ? 1.0f : 0.55f)))};
            }
            synth_tube(p->canvas, rod, ROD_POINTS, 0.9f);
        }
    }
}

static bool inside_any(const struct part *parts, int count, float x, float y, float *depth)
{
    *depth = -1e9f;
    for (int i = 0; i < count; i++)
        *depth = fmaxf(*depth, synth_part_surface(parts + i, x, y).depth);
    return *depth > 0.0f;
}

/* A net, mesh or lace within a rounded sheet, with a rim; the threads are bent by noise. */
static void mesh(struct painter *p)
{
    float u = p->unit, cell = u * synth_uniform(p, 7.0f, 30.0f), thread = cell * synth_uniform(p, 0.10f, 0.28f);
    float angle = synth_uniform(p, 0.0f, 3.1416f), c = cosf(angle), s = sinf(angle),
          bend = cell * synth_uniform(p, 0.0f, 2.5f);
    uint32_t seed = (uint32_t)mgm_random_bits(&p->random);
    bool lace = synth_chance(p, 0.3f);
    struct part sheet =
        synth_part(u * synth_uniform(p, 200.0f, 312.0f), u * synth_uniform(p, 200.0f, 312.0f),
                   u * synth_uniform(p, 120.0f, 220.0f), u * synth_uniform(p, 100.0f, 200.0f), synth_uniform(p, 0.0f, 3.0f));
    synth_part_wobble(p, &sheet, 0.08f);
    sheet.boxy = synth_chance(p, 0.5f);
    struct material material = synth_material(p, synth_colour_any(p));
    float rim = u * synth_uniform(p, 5.0f, 22.0f);
    struct part solid = synth_part(sheet.x + u * 50.0f * synth_normal(p), sheet.y + u * 50.0f * synth_normal(p),
                                   sheet.ax * synth_uniform(p, 0.4f, 0.7f), sheet.ay * synth_uniform(p, 0.4f, 0.7f),
                                   synth_uniform(p, 0.0f, 3.0f));
    for (int y = 0; y < p->size; y++) {
        for (int x = 0; x < p->size; x++) {
            float px = (float)x + 0.5f, py = (float)y + 0.5f, depth;
            if (!inside_any(&sheet, 1, px, py, &depth))
                continue;
            struct surface surface = synth_part_surface(&sheet, px, py);
            float wx = px + bend * synth_noise(seed, px / (6.0f * cell), py / (6.0f * cell));
            float wy = py + bend * synth_noise(seed + 1, px / (6.0f * cell), py / (6.0f * cell));
            float a = (c * wx + s * wy) / cell, b = (c * wy - s * wx) / cell;
            float da = fabsf(a - floorf(a) - 0.5f) * cell, db = fabsf(b - floorf(b) - 0.5f) * cell, near = fminf(da, db);
            if (lace) {
                float radius = fabsf(sqrtf((da * da + db * db)) - 0.36f * cell);
                near = fminf(near * 1.3f, radius);
            }
            float covered = fminf(fmaxf(thread - near + 0.5f, 0.0f), fminf(2.0f * thread, 1.0f));
            covered = fmaxf(covered, fminf(fmaxf(rim - depth + 0.5f, 0.0f), 1.0f));
            covered = fminf(covered, fminf(depth + 0.5f, 1.0f));
            if (covered <= 0.0f)
                continue;
            v4 colour = synth_material_colour(&material, px, py) * (1.15f - 0.5f * fminf(near / thread, 1.0f));
            synth_over(p->canvas, x, y, synth_light_apply(&p->light, colour, surface.nx, surface.ny, surface.nz, 0.0f),
                       covered);
        }
    }
    struct material other = synth_material(p, synth_colour_any(p));
    synth_part_wobble(p, &solid, 0.08f);
    synth_part_paint(p, &solid, &other, (struct part_style){.softness = 1.0f, .shadow = 0.3f, .opacity = 1.0f});
}

/* Bars between two rails. */
static void fence(struct painter *p)
{
    float u = p->unit, width = u * synth_uniform(p, 2.0f, 9.0f), gap = width * synth_uniform(p, 2.5f, 7.0f);
    float top = u * synth_uniform(p, 60.0f, 200.0f), bottom = u * synth_uniform(p, 330.0f, 520.0f),
          lean = synth_uniform(p, -0.2f, 0.2f);
    v4 colour = synth_colour_any(p);
    struct material board = synth_material(p, synth_colour_vary(p, colour, 0.2f));
    struct part panel = synth_part(u * synth_uniform(p, 100.0f, 400.0f), 0.5f * (top + bottom),
                                   u * synth_uniform(p, 60.0f, 130.0f), 0.42f * (bottom - top), 0.0f);
    panel.boxy = true;
    synth_part_paint(p, &panel, &board, (struct part_style){.softness = 1.0f, .opacity = 1.0f});
    for (float x = u * synth_uniform(p, 0.0f, 90.0f); x < u * 480.0f; x += gap) {
        v4 shade = synth_colour_vary(p, colour, 0.08f) * p->light.tint;
        struct stroke_point bar[2] = {{x, top, width * 0.5f, shade},
                                      {x + lean * (bottom - top), bottom, width * 0.5f, shade}};
        synth_tube(p->canvas, bar, 2, 0.8f);
    }
    for (int i = 0; i < 3; i++) {
        float y = top + (bottom - top) * (0.08f + 0.42f * (float)i);
        struct stroke_point rail[2] = {{0.0f, y, width * 0.8f, colour}, {u * 500.0f, y + u * 10.0f, width * 0.8f, colour}};
        synth_tube(p->canvas, rail, 2, 0.8f);
    }
}

enum mgm_status synth_draw_lattice(struct painter *p)
{
    float kind = synth_uniform(p, 0.0f, 1.0f);
    if (kind < 0.4f)
        wicker(p);
    else if (kind < 0.85f)
        mesh(p);
    else
        fence(p);
    return MGM_OK;
}
