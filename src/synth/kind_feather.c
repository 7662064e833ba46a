/* Feathers on a body; thistles and dandelions: a solid head with filaments. */
#include "synth/painter.h"

#include <math.h>

static void feather(struct painter *p, float x, float y, float angle, float length, v4 colour)
{
    float width = length * synth_uniform(p, 0.10f, 0.26f), bend = synth_uniform(p, -0.5f, 0.5f),
          sweep = synth_uniform(p, 0.3f, 0.75f);
    float ragged = synth_uniform(p, 0.05f, 0.3f), down = synth_uniform(p, 0.0f, 0.3f);
    v4 second = synth_colour_vary(p, colour, 0.35f);
    bool barred = synth_chance(p, 0.3f);
    int barbs = (int)(length / (0.55f * p->unit));
    struct stroke_point shaft[12];
    for (int i = 0; i < 12; i++) {
        float t = (float)i / 11.0f, a = angle + bend * t;
        shaft[i] = (struct stroke_point){x + length * t * cosf(a), y + length * t * sinf(a), p->unit * (2.0f - 1.6f * t),
                                         synth_mix(colour, synth_rgb(0.9f, 0.87f, 0.8f), 0.6f)};
    }
    for (int i = 0; i < 2 * barbs; i++) {
        float t = 0.06f + 0.94f * (float)(i / 2) / (float)barbs, side = i % 2 ? 1.0f : -1.0f, a = angle + bend * t;
        float profile = powf(t, 0.35f) * sqrtf(fmaxf(1.02f - t, 0.0f)) * 1.7f;
        float clump = synth_noise((uint32_t)(int32_t)(angle * 1000.0f) + (side > 0 ? 7u : 0u), t * 22.0f, 0.0f);
        float heading = a + side * (1.25f - sweep * (0.4f + t)) + side * ragged * (clump + 0.3f * synth_normal(p));
        float reach = width * profile * (1.0f + ragged * clump);
        float bx = x + length * t * cosf(a), by = y + length * t * sinf(a);
        bool fluffy = t < down;
        v4 shade = barred && sinf(t * 40.0f) > 0.2f ? second : synth_mix(colour, second, 0.5f + 0.5f * clump);
        shade = synth_rgb_clamp(shade * p->light.tint * (0.95f + 0.12f * side * p->light.x + 0.05f * synth_normal(p)));
        struct stroke_point barb[6];
        for (int k = 0; k < 6; k++) {
            float s = (float)k / 5.0f, turn = heading - side * 0.45f * s + (fluffy ? 0.5f * synth_normal(p) : 0.0f);
            barb[k] = (struct stroke_point){bx + reach * s * cosf(turn), by + reach * s * sinf(turn),
                                            p->unit * (fluffy ? 0.3f : 0.62f) * (1.0f - 0.6f * s), shade};
        }
        synth_strand(p->canvas, barb, 6);
    }
    synth_tube(p->canvas, shaft, 12, 0.6f);
}

static void plumage(struct painter *p)
{
    float u = p->unit, x = u * synth_uniform(p, 200.0f, 312.0f), y = u * synth_uniform(p, 220.0f, 340.0f),
          r = u * synth_uniform(p, 50.0f, 110.0f);
    int count = synth_integer(p, 3, 14);
    float spread = synth_uniform(p, 0.5f, 3.1f), middle = synth_uniform(p, 0.0f, 6.2832f);
    v4 colour = synth_chance(p, 0.5f) ? synth_colour_hair(p) : synth_colour_any(p);
    for (int i = 0; i < count; i++) {
        float angle = middle + spread * synth_uniform(p, -1.0f, 1.0f);
        feather(p, x + 0.5f * r * cosf(angle), y + 0.5f * r * sinf(angle), angle, u * synth_uniform(p, 130.0f, 270.0f),
                synth_colour_vary(p, colour, 0.15f));
    }
    struct material material = synth_material(p, synth_colour_any(p));
    struct part body = synth_part(x, y, r, r * synth_uniform(p, 0.6f, 1.0f), middle);
    synth_part_wobble(p, &body, 0.06f);
    synth_part_paint(p, &body, &material, (struct part_style){.softness = 1.0f, .shadow = 0.3f, .opacity = 1.0f});
}

/* Filaments that start on a round head, all the way round or as a brush. */
static void thistle(struct painter *p)
{
    float u = p->unit, x = u * synth_uniform(p, 200.0f, 312.0f), y = u * synth_uniform(p, 200.0f, 300.0f),
          r = u * synth_uniform(p, 55.0f, 120.0f);
    bool dandelion = synth_chance(p, 0.4f);
    float length = r * (dandelion ? synth_uniform(p, 0.9f, 1.6f) : synth_uniform(p, 0.5f, 1.3f)),
          spread = dandelion ? 3.1416f : synth_uniform(p, 0.7f, 2.2f);
    float middle = dandelion ? 0.0f : -1.5708f + 0.5f * synth_normal(p);
    v4 colour = dandelion ? synth_rgb(0.92f, 0.92f, 0.9f) : synth_colour_any(p);
    struct stroke_point stem[2] = {{x, y, u * 5.0f, synth_colour_leaf(p)},
                                   {x + u * 30.0f * synth_normal(p), u * 520.0f, u * 6.0f, synth_colour_leaf(p)}};
    synth_tube(p->canvas, stem, 2, 0.8f);
    struct material material = synth_material(p, synth_colour_vary(p, synth_colour_leaf(p), 0.2f));
    struct part head = synth_part(x, y, r * (dandelion ? 0.75f : 1.0f), r * (dandelion ? 0.75f : 0.9f), middle);
    synth_part_wobble(p, &head, 0.06f);
    synth_part_paint(p, &head, &material, (struct part_style){.softness = 1.0f, .shadow = 0.2f, .opacity = 1.0f});
    int count = synth_integer(p, 350, 1600);
    for (int i = 0; i < count; i++) {
        float angle = middle + spread * synth_uniform(p, -1.0f, 1.0f),
              start = head.ay * sqrtf(synth_uniform(p, 0.05f, 1.0f)) * 0.95f;
        float reach = length * synth_uniform(p, 0.5f, 1.1f), curve = synth_uniform(p, -0.5f, 0.5f);
        v4 shade = synth_colour_vary(p, colour, 0.15f) * p->light.tint;
        struct stroke_point filament[7];
        for (int k = 0; k < 7; k++) {
            float t = (float)k / 6.0f, a = angle + curve * t * t;
            filament[k] = (struct stroke_point){x + start * cosf(angle) + reach * t * cosf(a),
                                                y + start * sinf(angle) + reach * t * sinf(a), u * (0.9f - 0.4f * t),
                                                synth_rgb_clamp(shade * (0.55f + 0.55f * t))};
        }
        synth_strand(p->canvas, filament, 7);
        for (int k = 0; dandelion && k < 9; k++) {
            float a = angle + curve + synth_uniform(p, -1.2f, 1.2f), tuft = u * synth_uniform(p, 6.0f, 14.0f);
            struct stroke_point hair[2] = {filament[6], filament[6]};
            hair[0].radius = u * 0.3f;
            hair[1].radius = u * 0.15f;
            hair[1].x += tuft * cosf(a);
            hair[1].y += tuft * sinf(a);
            synth_strand(p->canvas, hair, 2);
        }
    }
}

enum mgm_status synth_draw_feather(struct painter *p)
{
    if (synth_chance(p, 0.5f))
        plumage(p);
    else
        thistle(p);
    return MGM_OK;
}
