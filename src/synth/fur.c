/* Hair: locks of strands along a guide, and fur grown over a part. */
#include "synth/painter.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* (1 − h²) to the power 2^doublings: 1 where h, the sine of the angle to the highlight's middle, is 0. */
static float lobe(float h, int doublings)
{
    float value = fmaxf(1.0f - h * h, 0.0f);
    for (int i = 0; i < doublings; i++)
        value *= value;
    return value;
}

void synth_guide_light(const struct light *light, struct guide *guide, int i, float tx, float ty, float tz, float occlusion)
{
    float inverse = 1.0f / (sqrtf(tx * tx + ty * ty + tz * tz) + 1e-6f);
    float along = (tx * light->x + ty * light->y + tz * light->z) * inverse;
    float diffuse = sqrtf(fmaxf(1.0f - along * along, 0.0f));
    float hx = light->x, hy = light->y, hz = light->z + 1.0f;
    float h = (tx * hx + ty * hy + tz * hz) * inverse / sqrtf(hx * hx + hy * hy + hz * hz);
    guide->light[i] = (light->ambient + (1.1f - light->ambient) * diffuse) * occlusion;
    guide->shine[i] = lobe(h - 0.09f, 5) * occlusion;
    guide->glow[i] = lobe(h + 0.17f, 3) * occlusion;
}

enum { STRAND_POINTS = 96 };

struct strand_shape {
    float ox, oy, gather, reach, phase, wave, frizz_x, frizz_y, stray, stray_phase, stray_frequency, brightness, thickness;
};

/* Where the strand is at its i-th of n points: the guide at t · reach, with the strand's own offset and bends. */
static struct stroke_point strand_point(const struct guide *g, const struct lock *lock, const struct strand_shape *s,
                                        float t)
{
    float at = t * s->reach * (float)(g->count - 1);
    int i = (int)at;
    i = i > g->count - 2 ? g->count - 2 : i;
    float f = at - (float)i;
    float dx = g->x[i + 1] - g->x[i], dy = g->y[i + 1] - g->y[i], inverse = 1.0f / (sqrtf(dx * dx + dy * dy) + 1e-4f);
    float keep = 1.0f + (s->gather - 1.0f) * t, bend = t * t;
    float side = s->stray * t * sinf(s->stray_phase + s->stray_frequency * t), along = 0.0f;
    if (s->wave > 0.0f) {
        float turn = s->phase + 6.2832f * lock->frequency * t, reach = s->wave * sqrtf(t);
        side += reach * sinf(turn);
        along = lock->coil * reach * cosf(turn);
    }
    float ux = dx * inverse, uy = dy * inverse;
    float light = g->light[i] + (g->light[i + 1] - g->light[i]) * f,
          shine = g->shine[i] + (g->shine[i + 1] - g->shine[i]) * f, glow = g->glow[i] + (g->glow[i + 1] - g->glow[i]) * f;
    struct stroke_point point;
    point.x = g->x[i] + dx * f + s->ox * keep + s->frizz_x * bend - uy * side + ux * along;
    point.y = g->y[i] + dy * f + s->oy * keep + s->frizz_y * bend + ux * side + uy * along;
    point.radius = lock->radius * s->thickness * (1.0f + (lock->taper - 1.0f) * t);
    v4 own = synth_mix(lock->root, lock->tip, t);
    v4 colour = own * ((light + lock->glow * glow) * s->brightness) + lock->highlight * shine;
    point.colour = synth_rgb_clamp(colour);
    point.colour[3] = lock->opacity;
    return point;
}

void synth_lock_draw(struct painter *p, const struct guide *guide, const struct lock *lock)
{
    struct stroke_point points[STRAND_POINTS];
    int count = guide->count;
    if (count < 2)
        return;
    if (lock->wave > 0.0f && (float)count < 9.0f * lock->frequency)
        count = (int)fminf(9.0f * lock->frequency, STRAND_POINTS);
    float phase = synth_uniform(p, 0.0f, 6.2832f);
    for (int k = 0; k < lock->strands; k++) {
        float angle = synth_uniform(p, 0.0f, 6.2832f), r = lock->spread * sqrtf(synth_uniform(p, 0.0f, 1.0f));
        bool flies = lock->fly > 0.0f && synth_chance(p, lock->fly);
        float loose = flies ? synth_uniform(p, 1.5f, 4.0f) : 1.0f;
        struct strand_shape shape = {r * cosf(angle),
                                     r * sinf(angle),
                                     flies ? 1.5f : lock->gather,
                                     synth_uniform(p, lock->shortest, 1.0f),
                                     phase + 0.7f * synth_normal(p),
                                     lock->wave * synth_uniform(p, 0.6f, 1.3f),
                                     loose * lock->frizz * synth_normal(p),
                                     loose * lock->frizz * synth_normal(p),
                                     loose * lock->frizz * synth_uniform(p, 0.0f, 1.0f),
                                     synth_uniform(p, 0.0f, 6.2832f),
                                     synth_uniform(p, 1.5f, 9.0f),
                                     1.0f + lock->jitter * synth_normal(p),
                                     expf(lock->mixed * synth_normal(p))};
        for (int i = 0; i < count; i++)
            points[i] = strand_point(guide, lock, &shape, (float)i / (float)(count - 1));
        if (lock->round > 0.0f)
            synth_tube(p->canvas, points, count, lock->round);
        else
            synth_strand(p->canvas, points, count);
    }
}

struct root {
    float key, x, y;
};

static int compare_roots(const void *a, const void *b)
{
    const struct root *l = a, *r = b;
    if (l->key != r->key)
        return l->key < r->key ? -1 : 1;
    return l->x < r->x ? -1 : l->x > r->x;
}

/*
 * Random places on the part (where the outline is far, only the share `inside`), in the order of painting: the outline
 * first, and what lies downstream before what covers it.
 */
static int scatter_roots(struct painter *p, const struct part *part, const struct fur *fur, float inside, struct root *roots,
                         int wanted)
{
    float reach = 1.3f * fmaxf(part->ax, part->ay);
    float margin = fur->length * 1.5f, side = (float)p->size;
    float fringe = 1.0f - 2.5f * fur->length / fminf(part->ax, part->ay);
    int count = 0;
    for (int tries = 0; tries < 8 * wanted && count < wanted; tries++) {
        float u = synth_uniform(p, -1.3f, 1.3f) * part->ax, v = synth_uniform(p, -1.3f, 1.3f) * part->ay;
        float x = part->x + part->cosine * u - part->sine * v, y = part->y + part->sine * u + part->cosine * v;
        float noise = 0.12f * synth_normal(p);
        if (x < -margin || y < -margin || x > side + margin || y > side + margin)
            continue;
        struct surface s = synth_part_surface(part, x, y);
        if (s.depth < 0.0f || s.q < fur->q_low || (s.q < fringe && !synth_chance(p, inside)))
            continue;
        float downstream = ((x - part->x) * fur->comb_x + (y - part->y) * fur->comb_y) / reach;
        roots[count++] = (struct root){-(s.q + 0.9f * downstream) + noise, x, y};
    }
    qsort(roots, (size_t)count, sizeof *roots, compare_roots);
    return count;
}

static void grow_guide(struct painter *p, const struct part *part, const struct fur *fur, const struct root *root,
                       struct guide *guide)
{
    struct surface s = synth_part_surface(part, root->x, root->y);
    float dx = s.nx * fur->lift + fur->comb_x * (1.0f - fur->lift * 0.5f) + fur->disorder * synth_normal(p);
    float dy = s.ny * fur->lift + fur->comb_y * (1.0f - fur->lift * 0.5f) + fur->disorder * synth_normal(p);
    float dz = s.nz * fur->lift + fur->disorder * synth_normal(p);
    float inverse = 1.0f / (sqrtf(dx * dx + dy * dy + dz * dz) + 1e-4f);
    dx *= inverse;
    dy *= inverse;
    float length = fur->length * synth_uniform(p, 0.65f, 1.15f);
    float lambert = s.nx * p->light.x + s.ny * p->light.y + s.nz * p->light.z;
    float facing = (0.72f + 0.38f * fmaxf(lambert, -0.4f)) + p->light.rim * (1.0f - s.nz) * 0.5f;
    guide->count = 6;
    float x = root->x, y = root->y, step = length / 5.0f, bend_x = 0.3f * synth_normal(p), bend_y = 0.3f * synth_normal(p);
    for (int i = 0; i < guide->count; i++) {
        float t = (float)i / 5.0f;
        guide->x[i] = x;
        guide->y[i] = y;
        float tx = dx + t * (0.35f * fur->comb_x + fur->disorder * bend_x);
        float ty = dy + t * (0.35f * fur->comb_y + fur->disorder * bend_y);
        synth_guide_light(&p->light, guide, i, tx, ty, dz * inverse,
                          facing * (fur->root_shade + (fur->tip_shade - fur->root_shade) * t));
        x += step * tx;
        y += step * ty;
    }
}

enum mgm_status synth_fur_grow(struct painter *p, const struct part *part, const struct material *material,
                               const struct fur *fur)
{
    /* Areas off the picture need no fur; strands are as many as cover what can be seen. */
    float area = 3.1416f * part->ax * part->ay, side = (float)p->size;
    float strand_area = fur->lock.radius * (1.0f + fur->lock.taper) * fur->length * 0.7f;
    float clump_area = 3.1416f * fur->clump * fur->clump;
    float needed = 1.5f * area / clump_area + 20.0f, clumps = fminf(needed, 12000.0f);
    float strands = fur->cover * area / (strand_area * needed);
    strands = fminf(fmaxf(strands, 2.0f),
                    40000.0f * fminf(p->unit, 1.0f) * fminf(area / (side * side), 1.0f) * 2.0f / clumps + 3.0f);
    int wanted = (int)clumps;
    struct root *roots = mgm_alloc((size_t)wanted, sizeof *roots);
    if (!roots)
        return mgm_fail_nomem(p->ctx, "fur");
    /* Where there are too few strands to cover the inside, they must not stand out from the body's paint. */
    float thin = clumps / needed;
    struct fur calm = *fur;
    calm.root_shade += (1.0f - fur->root_shade) * (1.0f - thin);
    int count = scatter_roots(p, part, fur, fmaxf(thin, 0.2f), roots, wanted);
    for (int i = 0; i < count; i++) {
        struct guide guide;
        grow_guide(p, part, &calm, roots + i, &guide);
        struct lock lock = fur->lock;
        v4 colour = synth_material_colour(material, roots[i].x, roots[i].y) * p->light.tint;
        colour = colour * (1.0f + fur->colour_noise * synth_normal(p));
        lock.root = colour;
        lock.tip = synth_mix(colour, lock.tip, lock.tip[3]);
        lock.strands = (int)(strands + synth_uniform(p, 0.0f, 1.0f));
        lock.spread = fur->clump;
        synth_lock_draw(p, &guide, &lock);
    }
    mgm_free(roots);
    return MGM_OK;
}

/* Threads instead of hairs: yarn, worms of plush, a mop. They stand apart, so that one sees dark between them. */
static void make_yarn(struct painter *p, struct fur *fur)
{
    struct lock *lock = &fur->lock;
    lock->round = synth_uniform(p, 0.5f, 1.0f);
    lock->radius = fminf(p->unit * synth_uniform(p, 0.9f, 3.2f), 0.09f * fur->length);
    lock->taper = synth_uniform(p, 0.6f, 1.0f);
    lock->mixed = synth_uniform(p, 0.0f, 0.15f);
    lock->gather = synth_uniform(p, 0.8f, 1.6f);
    lock->frizz = fur->length * synth_uniform(p, 0.08f, 0.35f);
    lock->opacity = 1.0f;
    fur->cover = synth_uniform(p, 1.5f, 2.5f);
    fur->disorder = synth_uniform(p, 0.25f, 0.7f);
    fur->root_shade = synth_uniform(p, 0.2f, 0.6f);
}

struct fur synth_fur(struct painter *p, float length)
{
    struct fur fur = {.length = length};
    float angle = synth_chance(p, 0.75f) ? synth_uniform(p, 0.9f, 2.25f) : synth_uniform(p, 0.0f, 6.2832f);
    float comb = synth_uniform(p, 0.0f, 0.8f);
    fur.comb_x = comb * cosf(angle);
    fur.comb_y = comb * sinf(angle);
    fur.lift = synth_uniform(p, 0.5f, 1.0f);
    fur.clump = fmaxf(length * synth_uniform(p, 0.06f, 0.25f), 1.2f * p->unit);
    fur.cover = synth_uniform(p, 1.8f, 3.5f);
    fur.disorder = synth_uniform(p, 0.08f, 0.45f);
    fur.root_shade = synth_uniform(p, 0.35f, 0.8f);
    fur.tip_shade = synth_uniform(p, 1.0f, 1.35f);
    fur.colour_noise = synth_uniform(p, 0.03f, 0.15f);
    struct lock *lock = &fur.lock;
    lock->radius = p->unit * synth_uniform(p, 0.28f, 0.85f);
    lock->taper = synth_uniform(p, 0.15f, 0.5f);
    lock->gather = synth_uniform(p, 0.1f, 1.0f);
    lock->wave = synth_chance(p, 0.35f) ? length * synth_uniform(p, 0.03f, 0.15f) : 0.0f;
    lock->frequency = synth_uniform(p, 0.6f, 2.0f);
    lock->frizz = length * synth_uniform(p, 0.02f, 0.15f);
    lock->coil = synth_uniform(p, 0.0f, 1.0f);
    lock->fly = synth_uniform(p, 0.0f, 0.08f);
    lock->shortest = synth_uniform(p, 0.45f, 0.85f);
    lock->jitter = synth_uniform(p, 0.05f, 0.2f);
    lock->opacity = synth_uniform(p, 0.75f, 1.0f);
    lock->mixed = synth_uniform(p, 0.0f, 0.45f);
    lock->highlight = p->light.tint * synth_uniform(p, 0.0f, 0.25f);
    lock->glow = synth_uniform(p, 0.0f, 0.8f);
    lock->tip = synth_colour_any(p);
    lock->tip[3] = synth_chance(p, 0.3f) ? synth_uniform(p, 0.1f, 0.5f) : 0.0f;
    if (length > 12.0f * p->unit && synth_chance(p, 0.3f))
        make_yarn(p, &fur);
    return fur;
}
