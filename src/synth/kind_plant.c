/* Foliage, grass and branches: stems that branch, leaves with veins, over a solid trunk, pot or clump. */
#include "synth/painter.h"

#include <math.h>

enum { LEAF_POINTS = 15, STEM_POINTS = 8 };

struct leaf {
    float x, y, cosine, sine, length, width, bend;
    v4 colour, vein;
    float shade_left, shade_right;
    uint32_t seed;
};

static v4 paint_leaf(const void *argument, float x, float y)
{
    const struct leaf *leaf = argument;
    float dx = x - leaf->x, dy = y - leaf->y;
    float u = (leaf->cosine * dx + leaf->sine * dy) / leaf->length, v = (leaf->cosine * dy - leaf->sine * dx) / leaf->width;
    v -= leaf->bend * u * u * leaf->length / leaf->width;
    float shade = v < 0.0f ? leaf->shade_left : leaf->shade_right;
    float rib = fabsf(v) * leaf->width, side = fabsf(u * 7.0f - fabsf(v) * 0.9f);
    side -= floorf(side);
    float vein =
        fmaxf(1.0f - rib / fmaxf(0.05f * leaf->width, 0.6f), 0.0f) + 0.35f * fmaxf(1.0f - 8.0f * fabsf(side - 0.5f), 0.0f);
    float blotch = 1.0f + 0.15f * synth_noise(leaf->seed, x * 0.1f, y * 0.1f) + 0.1f * (u - 0.5f);
    return synth_rgb_clamp(synth_mix(leaf->colour * (shade * blotch), leaf->vein, fminf(vein, 1.0f) * 0.5f));
}

struct plant {
    v4 leaf, stem;
    float leaf_length, leaf_width, variety;
    float spread, droop;
    int leaves;
    int shape;   /* 0 pointed, 1 round, 2 lobed */
    float depth; /* brightness of what lies deepest, in the others' shade: leaves are drawn from there outwards */
};

/* @param out  0 deep among other leaves … 1 outermost */
static void draw_leaf(struct painter *p, const struct plant *plant, float x, float y, float angle, float out)
{
    struct point outline[2 * LEAF_POINTS];
    float turn = synth_uniform(p, 0.25f, 1.0f); /* seen from the side it is narrow */
    struct leaf leaf = {.x = x, .y = y, .cosine = cosf(angle), .sine = sinf(angle)};
    leaf.length = plant->leaf_length * synth_uniform(p, 0.6f, 1.2f);
    leaf.width = fmaxf(leaf.length * plant->leaf_width * turn, 0.8f);
    leaf.bend = synth_uniform(p, -0.35f, 0.35f);
    leaf.seed = (uint32_t)mgm_random_bits(&p->random);
    leaf.colour = synth_colour_vary(p, plant->leaf, plant->variety) * p->light.tint;
    leaf.vein = synth_mix(leaf.colour, synth_rgb(0.8f, 0.85f, 0.55f), 0.5f);
    float towards = leaf.cosine * p->light.y - leaf.sine * p->light.x, face = synth_uniform(p, 0.5f, 1.3f);
    face *= plant->depth + (1.0f - plant->depth) * out;
    if (synth_chance(p, 0.12f)) /* turned to the light, or seen against it */
        face *= synth_uniform(p, 1.2f, 1.8f);
    leaf.shade_left = face * (1.0f - 0.25f * towards);
    leaf.shade_right = face * (1.0f + 0.25f * towards);
    for (int i = 0; i < 2 * LEAF_POINTS; i++) {
        bool back = i >= LEAF_POINTS;
        float u = (float)(back ? 2 * LEAF_POINTS - 1 - i : i) / (float)(LEAF_POINTS - 1);
        float half = plant->shape == 0 ? sinf(3.1416f * powf(u, 0.7f)) * (1.0f - 0.3f * u)
                                       : sqrtf(fmaxf(u * (1.0f - u), 0.0f)) * 2.0f;
        if (plant->shape == 2)
            half *= 1.0f + 0.25f * sinf(u * 25.0f);
        float across = leaf.width * (back ? half : -half) * 0.5f + leaf.bend * u * u * leaf.length, along = u * leaf.length;
        outline[i] =
            (struct point){x + leaf.cosine * along - leaf.sine * across, y + leaf.sine * along + leaf.cosine * across};
    }
    synth_fill(p->canvas, outline, 2 * LEAF_POINTS, paint_leaf, &leaf);
}

static void grow(struct painter *p, const struct plant *plant, float x, float y, float angle, float length, float radius,
                 int level)
{
    struct stroke_point stem[STEM_POINTS];
    float heading = angle, curve = synth_normal(p) * 0.12f;
    for (int i = 0; i < STEM_POINTS; i++) {
        float t = (float)i / (float)(STEM_POINTS - 1);
        stem[i] = (struct stroke_point){x, y, fmaxf(radius * (1.0f - 0.55f * t), 0.35f * p->unit), plant->stem};
        heading += curve + 0.05f * synth_normal(p) + plant->droop * cosf(heading) * 0.1f;
        x += cosf(heading) * length / (float)STEM_POINTS;
        y += sinf(heading) * length / (float)STEM_POINTS;
    }
    if (level > 0) {
        int children = synth_integer(p, 2, 4);
        for (int i = 0; i < children; i++) {
            int at = synth_integer(p, 2, STEM_POINTS - 1);
            float turn = plant->spread * (synth_chance(p, 0.5f) ? 1.0f : -1.0f) * synth_uniform(p, 0.4f, 1.3f);
            grow(p, plant, stem[at].x, stem[at].y, angle + turn, length * synth_uniform(p, 0.5f, 0.8f),
                 stem[at].radius * 0.65f, level - 1);
        }
    }
    synth_tube(p->canvas, stem, STEM_POINTS, 0.8f);
    int leaves = level <= 1 ? plant->leaves : plant->leaves / 3;
    for (int i = 0; i < leaves; i++) {
        int at = synth_integer(p, 1, STEM_POINTS - 1);
        float side = synth_chance(p, 0.5f) ? 1.0f : -1.0f;
        draw_leaf(p, plant, stem[at].x, stem[at].y, heading + side * synth_uniform(p, 0.2f, 1.4f),
                  synth_uniform(p, 0.3f, 1.0f));
    }
}

/* Leaves thick enough to have an inside, with twigs among them that end in the open. */
static void draw_crown(struct painter *p, const struct plant *plant, float x, float y)
{
    int leaves = synth_integer(p, 40, 260), twigs = synth_integer(p, 0, 10);
    float r = p->unit * synth_uniform(p, 50.0f, 120.0f);
    for (int i = 0; i < twigs; i++) {
        float angle = synth_uniform(p, 0.0f, 6.2832f);
        grow(p, plant, x, y, angle, r * synth_uniform(p, 0.8f, 1.6f), p->unit * synth_uniform(p, 0.7f, 2.2f), 0);
    }
    for (int i = 0; i < leaves; i++) {
        float angle = synth_uniform(p, 0.0f, 6.2832f), away = r * sqrtf(synth_uniform(p, 0.0f, 1.0f));
        draw_leaf(p, plant, x + away * cosf(angle), y + away * sinf(angle), synth_uniform(p, 0.0f, 6.2832f),
                  (float)i / (float)leaves);
    }
}

static void grass(struct painter *p, v4 colour)
{
    float u = p->unit;
    int blades = synth_integer(p, 120, 600);
    float base = u * synth_uniform(p, 400.0f, 560.0f), left = u * synth_uniform(p, 0.0f, 150.0f),
          right = u * synth_uniform(p, 360.0f, 512.0f);
    struct material earth = synth_material(p, colour * 0.5f);
    struct part ground = synth_part(0.5f * (left + right), base + 0.15f * u * 512.0f, 0.6f * (right - left),
                                    u * synth_uniform(p, 90.0f, 170.0f), 0.0f);
    synth_part_paint(p, &ground, &earth, (struct part_style){.softness = 1.0f, .opacity = 1.0f});
    for (int i = 0; i < blades; i++) {
        struct stroke_point blade[STEM_POINTS];
        float x = synth_uniform(p, left, right),
              y = base - u * synth_uniform(p, 0.0f, 60.0f) * (float)(blades - i) / (float)blades;
        float heading = -1.5708f + 0.3f * synth_normal(p), curve = 0.14f * synth_normal(p);
        float length = u * synth_uniform(p, 60.0f, 260.0f), radius = u * synth_uniform(p, 0.6f, 3.5f);
        v4 shade = synth_colour_vary(p, colour, 0.2f) * p->light.tint;
        for (int k = 0; k < STEM_POINTS; k++) {
            float t = (float)k / (float)(STEM_POINTS - 1);
            blade[k] =
                (struct stroke_point){x, y, radius * (1.0f - t * t) + 0.15f * u, synth_rgb_clamp(shade * (0.5f + 0.7f * t))};
            heading += curve;
            x += cosf(heading) * length / (float)STEM_POINTS;
            y += sinf(heading) * length / (float)STEM_POINTS;
        }
        synth_tube(p->canvas, blade, STEM_POINTS, 0.5f);
    }
}

enum mgm_status synth_draw_plant(struct painter *p)
{
    float u = p->unit;
    if (synth_chance(p, 0.2f)) {
        grass(p, synth_colour_leaf(p));
        return MGM_OK;
    }
    struct plant plant = {.leaf = synth_colour_leaf(p), .shape = synth_integer(p, 0, 2)};
    plant.stem = synth_chance(p, 0.5f) ? synth_rgb_clamp(synth_colour_hair(p) * 0.8f) : synth_rgb_clamp(plant.leaf * 0.8f);
    plant.leaf_length = u * (synth_chance(p, 0.6f) ? synth_uniform(p, 12.0f, 32.0f) : synth_uniform(p, 30.0f, 100.0f));
    plant.leaf_width = synth_uniform(p, 0.15f, 0.8f);
    plant.variety = synth_uniform(p, 0.08f, 0.25f);
    plant.spread = synth_uniform(p, 0.35f, 0.9f);
    plant.droop = synth_uniform(p, -0.3f, 0.5f);
    plant.leaves = synth_integer(p, 4, 14);
    plant.depth = synth_uniform(p, 0.15f, 0.8f);
    float x = u * synth_uniform(p, 180.0f, 332.0f), y = u * synth_uniform(p, 400.0f, 500.0f);
    int stems = synth_integer(p, 1, 5);
    for (int i = 0; i < stems; i++)
        grow(p, &plant, x, y, -1.5708f + 0.35f * synth_normal(p), u * synth_uniform(p, 140.0f, 240.0f),
             u * synth_uniform(p, 3.0f, 9.0f), 3);
    int crowns = synth_chance(p, 0.5f) ? 1 : synth_integer(p, 2, 5);
    for (int i = 0; i < crowns; i++)
        draw_crown(p, &plant, x + u * (i ? 90.0f : 20.0f) * synth_normal(p), y - u * synth_uniform(p, 120.0f, 240.0f));
    if (synth_chance(p, 0.75f)) { /* a pot, a stone, earth */
        struct material pot = synth_material(p, synth_colour_any(p));
        struct part part = synth_part(x, y + u * synth_uniform(p, 20.0f, 60.0f), u * synth_uniform(p, 50.0f, 120.0f),
                                      u * synth_uniform(p, 40.0f, 90.0f), 0.0f);
        synth_part_wobble(p, &part, 0.04f);
        part.boxy = synth_chance(p, 0.6f);
        synth_part_paint(p, &part, &pot, (struct part_style){.softness = 1.0f, .shadow = 0.3f, .opacity = 1.0f});
    }
    return MGM_OK;
}
