/* People and dolls: busts whose hair is simulated roughly: it leaves the scalp, slides over the head and falls. */
#include "synth/painter.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

struct hairdo {
    float length; /* in head radii */
    float gravity, stiffness;
    float wind_x, wind_y;
    float volume;         /* distance of the hair from the skull, head radii */
    float part_x, part_z; /* where the parting is, on the top of the skull */
    float hairline;       /* how far down the forehead it grows: y of the face, −1 top */
    float chaos;
    int locks;
    struct lock lock;
    v4 colour, second;
    float root_shade, tip_shade;
};

struct hair_root {
    float depth;
    float x, y, z;
};

static int compare_depth(const void *a, const void *b)
{
    const struct hair_root *l = a, *r = b;
    if (l->depth != r->depth)
        return l->depth < r->depth ? -1 : 1;
    return l->x < r->x ? -1 : l->x > r->x;
}

static struct hairdo hairdo(struct painter *p, float r)
{
    struct hairdo h = {.gravity = synth_uniform(p, 0.8f, 1.6f), .stiffness = 1.0f, .volume = synth_uniform(p, 0.03f, 0.16f)};
    float style = synth_uniform(p, 0.0f, 1.0f);
    h.length = style < 0.5f    ? synth_uniform(p, 1.8f, 4.2f)
               : style < 0.75f ? synth_uniform(p, 0.9f, 1.8f)
                               : synth_uniform(p, 0.25f, 0.8f);
    if (style >= 0.75f) {
        h.gravity = synth_uniform(p, -0.3f, 0.6f);
        h.volume = synth_uniform(p, 0.0f, 0.08f);
    }
    if (synth_chance(p, 0.25f)) {
        h.wind_x = synth_normal(p);
        h.wind_y = -fabsf(0.5f * synth_normal(p));
    }
    h.part_x = synth_uniform(p, -0.45f, 0.45f);
    h.part_z = synth_uniform(p, -0.2f, 0.5f);
    h.hairline = synth_uniform(p, -0.62f, -0.3f);
    h.chaos = powf(synth_uniform(p, 0.0f, 1.0f), 2.0f) * 0.45f + 0.04f;
    h.locks = (int)(150.0f + 750.0f * sqrtf(synth_uniform(p, 0.0f, 1.0f)));
    h.colour = synth_colour_hair(p);
    h.second = synth_chance(p, 0.3f) ? synth_colour_hair(p) : synth_colour_vary(p, h.colour * 1.15f, 0.1f);
    h.root_shade = synth_uniform(p, 0.4f, 0.85f);
    h.tip_shade = synth_uniform(p, 1.0f, 1.5f);
    struct lock *lock = &h.lock;
    lock->strands = synth_integer(p, 8, 28);
    lock->radius = p->unit * synth_uniform(p, 0.25f, 0.65f);
    lock->taper = synth_uniform(p, 0.2f, 0.7f);
    lock->spread = r * synth_uniform(p, 0.05f, 0.10f);
    lock->gather = synth_uniform(p, 0.2f, 1.3f);
    bool curly = synth_chance(p, 0.35f);
    lock->wave = curly                   ? r * synth_uniform(p, 0.03f, 0.12f)
                 : synth_chance(p, 0.4f) ? r * synth_uniform(p, 0.01f, 0.04f)
                                         : 0.0f;
    lock->coil = curly ? synth_uniform(p, 0.0f, 1.0f) : 0.0f;
    lock->frequency = h.length * (curly ? synth_uniform(p, 1.0f, 2.6f) : synth_uniform(p, 0.3f, 1.0f));
    lock->frizz = r * synth_uniform(p, 0.02f, 0.15f);
    lock->fly = synth_uniform(p, 0.0f, 0.07f);
    lock->shortest = synth_uniform(p, 0.5f, 0.95f);
    if (synth_chance(p, 0.35f)) { /* thin hair, through which the background is seen far in */
        lock->strands = synth_integer(p, 3, 8);
        lock->spread = r * synth_uniform(p, 0.1f, 0.25f);
        lock->gather = synth_uniform(p, 0.6f, 1.6f);
        lock->shortest = synth_uniform(p, 0.3f, 0.6f);
    }
    lock->jitter = 0.04f + 0.3f * powf(synth_uniform(p, 0.0f, 1.0f), 2.0f); /* in the sun single strands stand out */
    lock->opacity = synth_uniform(p, 0.7f, 1.0f);
    lock->mixed = synth_uniform(p, 0.0f, 0.45f);
    lock->glow = synth_uniform(p, 0.0f, 1.4f);
    lock->highlight = p->light.tint * (synth_uniform(p, 0.05f, 0.45f) * (1.1f - 0.8f * h.colour[1]));
    return h;
}

/* Head coordinates: radii, x right, y down, z towards the viewer; the skull is the unit sphere. */
static bool root_on_scalp(struct painter *p, const struct hairdo *h, struct hair_root *root)
{
    float x = synth_normal(p), y = synth_normal(p), z = synth_normal(p), length = sqrtf(x * x + y * y + z * z) + 1e-6f;
    x /= length;
    y /= length;
    z /= length;
    bool face = z > 0.05f && y > h->hairline + 0.5f * (1.0f - z);
    if (face || y > 0.35f)
        return false;
    *root = (struct hair_root){z - 0.3f * y, x, y, z};
    return true;
}

static void fall(struct painter *p, const struct hairdo *h, const struct part *head, const struct hair_root *root,
                 float length, struct guide *g)
{
    float x = root->x, y = root->y, z = root->z;
    float dx = x - h->part_x, dy = 0.35f * (y + 1.0f), dz = z - h->part_z;
    float inverse = 1.0f / (sqrtf(dx * dx + dy * dy + dz * dz) + 0.05f);
    dx = dx * inverse + 0.4f * x + h->chaos * synth_normal(p);
    dy = dy * inverse + 0.4f * y + h->chaos * synth_normal(p);
    dz = dz * inverse + 0.4f * z + h->chaos * synth_normal(p);
    float shell = 1.02f + h->volume * synth_uniform(p, 0.3f, 1.6f), drift_x = h->chaos * synth_normal(p),
          drift_z = h->chaos * synth_normal(p);
    float step = length / (float)(GUIDE_POINTS - 1), ax = head->ax * 1.06f, ay = head->ay;
    float lambert = fmaxf(x * p->light.x + y * p->light.y + z * p->light.z, -0.3f);
    g->count = GUIDE_POINTS;
    for (int i = 0; i < GUIDE_POINTS; i++) {
        float t = (float)i / (float)(GUIDE_POINTS - 1);
        g->x[i] = head->x + head->cosine * ax * x - head->sine * ay * y;
        g->y[i] = head->y + head->sine * ax * x + head->cosine * ay * y;
        float deep = 0.78f + 0.22f * fminf(fmaxf(z + 0.4f, 0.0f), 1.0f);
        synth_guide_light(&p->light, g, i, dx, dy, dz, deep * (0.75f + 0.3f * lambert) * (0.7f + 0.35f * sqrtf(t)));
        dx += step * (h->gravity * (h->wind_x + 0.3f * drift_x));
        dy += step * h->gravity * (1.6f + h->wind_y);
        dz += step * 0.3f * drift_z;
        float speed = 1.0f / (sqrtf(dx * dx + dy * dy + dz * dz) + 1e-4f);
        dx *= speed;
        dy *= speed;
        dz *= speed;
        x += step * dx;
        y += step * dy;
        z += step * dz;
        float radius = sqrtf(x * x + y * y + z * z);
        if (radius < shell) { /* slides along the skull */
            float nx = x / radius, ny = y / radius, nz = z / radius, inward = fminf(dx * nx + dy * ny + dz * nz, 0.0f);
            x = nx * shell;
            y = ny * shell;
            z = nz * shell;
            dx -= inward * nx;
            dy -= inward * ny;
            dz -= inward * nz;
        }
    }
}

static void draw_locks(struct painter *p, const struct hairdo *h, const struct part *head, const struct hair_root *roots,
                       int count, float brightness)
{
    for (int i = 0; i < count; i++) {
        struct guide guide;
        fall(p, h, head, roots + i, h->length * synth_uniform(p, 0.75f, 1.1f), &guide);
        struct lock lock = h->lock;
        v4 colour = synth_mix(h->colour, h->second, synth_uniform(p, 0.0f, 1.0f)) * p->light.tint;
        colour *= brightness * (1.0f + 0.1f * synth_normal(p));
        lock.root = colour * h->root_shade;
        lock.tip = colour * h->tip_shade;
        synth_lock_draw(p, &guide, &lock);
    }
}

/* Single hairs that left the others, lit from behind more often than not. */
static void draw_stray(struct painter *p, const struct hairdo *h, const struct part *head, int count)
{
    struct hairdo loose = *h;
    loose.chaos = h->chaos * 1.5f + synth_uniform(p, 0.1f, 0.5f);
    loose.volume = h->volume * 2.0f + 0.05f;
    loose.lock.strands = synth_integer(p, 1, 4);
    loose.lock.spread = h->lock.spread * 2.0f;
    loose.lock.gather = 1.5f;
    loose.lock.frizz = h->lock.frizz + head->ay * synth_uniform(p, 0.04f, 0.22f);
    loose.lock.radius *= synth_uniform(p, 0.6f, 1.0f);
    float brightness = synth_uniform(p, 1.0f, 1.7f);
    for (int i = 0; i < count; i++) {
        struct hair_root root;
        if (root_on_scalp(p, &loose, &root))
            draw_locks(p, &loose, head, &root, 1, brightness);
    }
}

/* What lies under the hair: so that the body of it is opaque, without filling the gaps near the tips. */
static void paint_cap(struct painter *p, const struct hairdo *h, const struct part *head)
{
    struct material material = synth_material(p, h->colour * 0.45f);
    material.pattern = PATTERN_PLAIN;
    material.gloss = 0.0f;
    float longer =
        fminf(fmaxf(h->length - 0.9f, 0.0f) * 0.45f, 1.0f) * (h->gravity > 0.5f && fabsf(h->wind_x) < 0.6f ? 1.0f : 0.0f);
    struct part cap =
        synth_part(head->x - head->sine * head->ay * 0.5f * longer, head->y + head->ay * (0.5f * longer - 0.02f),
                   head->ax * 1.0f, head->ay * (0.98f + 0.5f * longer), head->angle);
    cap.boxy = longer > 0.4f;
    synth_part_wobble(p, &cap, 0.02f);
    struct part_style style = {.inset = 2.0f * p->unit, .softness = 3.0f * p->unit, .opacity = 1.0f};
    synth_part_paint(p, &cap, &material, style);
}

enum mgm_status synth_draw_hair(struct painter *p)
{
    struct part torso, neck, head;
    synth_bust(p, &torso, &neck, &head);
    struct hairdo h = hairdo(p, head.ay);
    struct hair_root *roots = mgm_alloc((size_t)h.locks, sizeof *roots);
    if (!roots)
        return mgm_fail_nomem(p->ctx, "hair");
    int count = 0, behind = 0;
    for (int tries = 0; tries < 4 * h.locks && count < h.locks; tries++)
        count += root_on_scalp(p, &h, roots + count);
    qsort(roots, (size_t)count, sizeof *roots, compare_depth);
    while (behind < count && roots[behind].z < -0.05f)
        behind++;
    int stray = synth_integer(p, 0, 300);
    draw_stray(p, &h, &head, stray);
    if (synth_chance(p, h.lock.strands > 8 ? 0.85f : 0.6f))
        paint_cap(p, &h, &head);
    draw_locks(p, &h, &head, roots, behind, 0.8f);
    synth_bust_paint(p, &torso, &neck, &head);
    if (h.length < 1.2f) { /* scalp colour under short hair */
        struct part scalp = synth_part(head.x + head.sine * head.ay * 0.62f, head.y - head.cosine * head.ay * 0.62f,
                                       head.ax * 0.9f, head.ay * 0.4f, head.angle);
        struct material material = synth_material(p, h.colour * 0.6f);
        material.pattern = PATTERN_PLAIN;
        material.gloss = 0.0f;
        material.texture = 0.0f;
        synth_part_paint(p, &scalp, &material, (struct part_style){.softness = 12.0f * p->unit, .opacity = 0.9f});
    }
    draw_locks(p, &h, &head, roots + behind, count - behind, 1.0f);
    if (h.length > 1.2f)
        draw_stray(p, &h, &head, stray / 10);
    mgm_free(roots);
    return MGM_OK;
}
