/* Figures: animals, toys, plain blobs, and busts of people. Lists of parts from back to front. */
#include "synth/painter.h"

#include <math.h>

static struct part *add(struct figure *f, struct part part, int material, int cover)
{
    if (f->count == FIGURE_PARTS)
        f->count--;
    f->parts[f->count] = (struct figure_part){part, material, cover};
    return &f->parts[f->count++].part;
}

static void add_face(struct painter *p, struct figure *f, float x, float y, float r)
{
    float eye = r * synth_uniform(p, 0.07f, 0.16f), apart = r * synth_uniform(p, 0.28f, 0.45f);
    float up = r * synth_uniform(p, 0.05f, 0.3f), tilt = synth_uniform(p, -0.15f, 0.15f);
    bool muzzle = synth_chance(p, 0.65f);
    if (muzzle) {
        float mr = r * synth_uniform(p, 0.35f, 0.55f);
        add(f, synth_part(x + r * tilt, y + r * 0.35f, mr * 1.15f, mr, tilt), 1, 1);
    }
    for (int side = -1; side <= 1; side += 2) {
        float ex = x + (float)side * apart + r * tilt, ey = y - up + (float)side * r * tilt * 0.3f;
        if (synth_chance(p, 0.3f))
            add(f, synth_part(ex, ey, eye * 1.7f, eye * 1.7f, 0.0f), 4, 2);
        add(f, synth_part(ex, ey, eye, eye, 0.0f), 3, 2);
    }
    if (synth_chance(p, 0.85f))
        add(f,
            synth_part(x + r * tilt, y + r * synth_uniform(p, 0.12f, 0.3f), r * synth_uniform(p, 0.1f, 0.22f), r * 0.12f,
                       tilt),
            3, 2);
}

static void add_ears(struct painter *p, struct figure *f, float x, float y, float r)
{
    int kind = synth_integer(p, 0, 3);
    float size = r * synth_uniform(p, 0.22f, 0.45f), spread = synth_uniform(p, 0.5f, 0.95f);
    if (kind == 3)
        return;
    float longer = kind == 0 ? 1.0f : synth_uniform(p, 1.5f, 3.0f);
    for (int side = -1; side <= 1; side += 2) {
        float dx = (float)side * sinf(spread), dy = -cosf(spread), reach = r * 0.85f + size * longer * 0.5f;
        struct part *ear = add(f, synth_part(x + dx * reach, y + dy * reach, size * longer, size, atan2f(dy, dx)), 0, 1);
        synth_part_wobble(p, ear, 0.04f);
        if (synth_chance(p, 0.5f))
            add(f, synth_part(x + dx * reach, y + dy * reach, size * longer * 0.6f, size * 0.55f, atan2f(dy, dx)), 1, 0);
    }
}

static void animal(struct painter *p, struct figure *f)
{
    float u = p->unit, r = u * synth_uniform(p, 75.0f, 135.0f), x = u * synth_uniform(p, 190.0f, 322.0f);
    float y = u * synth_uniform(p, 130.0f, 220.0f);
    float bx = x + u * synth_uniform(p, -50.0f, 50.0f), by = y + r * synth_uniform(p, 1.5f, 2.1f);
    float br = r * synth_uniform(p, 0.8f, 1.5f);
    bool dressed = synth_chance(p, 0.35f);
    for (int side = -1; side <= 1; side += 2) {
        if (synth_chance(p, 0.8f)) { /* legs */
            float lx = bx + (float)side * br * 0.7f, ly = by + br * 0.85f;
            add(f,
                synth_part(lx, ly, br * synth_uniform(p, 0.4f, 0.65f), br * 0.33f,
                           (float)side * synth_uniform(p, 0.2f, 1.3f)),
                0, 1);
        }
    }
    struct part *torso =
        add(f, synth_part(bx, by, br * synth_uniform(p, 0.8f, 1.1f), br * synth_uniform(p, 0.9f, 1.3f), 0.0f),
            dressed ? 5 : 0, dressed ? 0 : 1);
    synth_part_wobble(p, torso, 0.04f);
    if (!dressed && synth_chance(p, 0.4f))
        add(f, synth_part(bx, by + 0.1f * br, br * 0.6f, br * 0.75f, 0.0f), 1, 1);
    for (int side = -1; side <= 1; side += 2) {
        if (synth_chance(p, 0.85f)) { /* arms */
            float angle = synth_uniform(p, -0.9f, 1.2f), length = br * synth_uniform(p, 0.5f, 0.8f);
            float ax = bx + (float)side * (br * 0.75f + 0.5f * length * cosf(angle)),
                  ay = by - 0.35f * br + length * sinf(angle);
            add(f, synth_part(ax, ay, length, br * synth_uniform(p, 0.2f, 0.32f), (float)side * angle), dressed ? 5 : 0,
                !dressed);
        }
    }
    if (synth_chance(p, 0.35f)) { /* a neck: birds, giraffes */
        float lift = r * synth_uniform(p, 0.3f, 1.2f);
        y -= lift * 0.6f;
        r *= 0.75f;
        struct part *neck = add(f,
                                synth_part((x + bx) * 0.5f, (y + by) * 0.5f, (by - y) * 0.6f,
                                           r * synth_uniform(p, 0.3f, 0.6f), atan2f(by - y, bx - x)),
                                0, 1);
        neck->bend = synth_uniform(p, -0.3f, 0.3f);
    }
    if (synth_chance(p, 0.5f))
        add_ears(p, f, x, y, r);
    struct part *head = add(f,
                            synth_part(x, y, r * synth_uniform(p, 0.85f, 1.15f), r * synth_uniform(p, 0.8f, 1.05f),
                                       synth_uniform(p, -0.3f, 0.3f)),
                            synth_chance(p, 0.8f) ? 0 : 2, 1);
    synth_part_wobble(p, head, 0.04f);
    if (synth_chance(p, 0.4f))
        add_ears(p, f, x, y, r);
    add_face(p, f, x, y, r);
}

static void blobs(struct painter *p, struct figure *f)
{
    int count = synth_integer(p, 1, 5);
    float u = p->unit, x = u * synth_uniform(p, 180.0f, 332.0f), y = u * synth_uniform(p, 180.0f, 332.0f);
    for (int i = 0; i < count; i++) {
        float scale = i == 0 ? 1.0f : synth_uniform(p, 0.3f, 0.8f), angle = synth_uniform(p, 0.0f, 6.2832f);
        float away = i == 0 ? 0.0f : u * synth_uniform(p, 60.0f, 150.0f);
        float ax = scale * u * synth_uniform(p, 90.0f, 190.0f), ay = scale * u * synth_uniform(p, 60.0f, 140.0f);
        struct part *part =
            add(f, synth_part(x + away * cosf(angle), y + away * sinf(angle), ax, ay, synth_uniform(p, 0.0f, 3.1416f)),
                synth_integer(p, 0, 2), synth_chance(p, 0.85f));
        synth_part_wobble(p, part, synth_uniform(p, 0.03f, 0.16f));
        part->bend = synth_chance(p, 0.3f) ? synth_uniform(p, -0.5f, 0.5f) : 0.0f;
        part->boxy = synth_chance(p, 0.15f);
    }
}

/* One big thing of which the picture shows a part. */
static void close_up(struct painter *p, struct figure *f)
{
    float u = p->unit, angle = synth_uniform(p, 0.0f, 6.2832f), away = u * synth_uniform(p, 150.0f, 330.0f);
    struct part *part = add(f,
                            synth_part(u * 256.0f + away * cosf(angle), u * 256.0f + away * sinf(angle),
                                       u * synth_uniform(p, 200.0f, 360.0f), u * synth_uniform(p, 200.0f, 330.0f), angle),
                            0, 1);
    synth_part_wobble(p, part, synth_uniform(p, 0.03f, 0.12f));
}

/* Nearer: larger than the picture, as things are in a crop of a photograph. */
static void zoom(struct painter *p, struct figure *f)
{
    float factor = synth_uniform(p, 1.15f, 1.9f), middle = 256.0f * p->unit;
    float dx = p->unit * synth_uniform(p, -110.0f, 110.0f), dy = p->unit * synth_uniform(p, -40.0f, 130.0f);
    for (int i = 0; i < f->count; i++) {
        struct part *part = &f->parts[i].part;
        part->x = middle + (part->x - middle) * factor + dx;
        part->y = middle + (part->y - middle) * factor + dy;
        part->ax *= factor;
        part->ay *= factor;
        part->warp *= factor;
        part->warp_scale *= factor;
    }
}

void synth_figure(struct painter *p, struct figure *f)
{
    f->count = 0;
    v4 main = synth_chance(p, 0.55f) ? synth_colour_hair(p) : synth_colour_any(p);
    f->materials[0] = synth_material(p, main);
    f->materials[1] =
        synth_material(p, synth_chance(p, 0.5f) ? synth_colour_vary(p, main * 1.3f, 0.15f) : synth_colour_any(p));
    f->materials[2] = synth_material(p, synth_chance(p, 0.5f) ? main * 0.7f : synth_colour_any(p));
    f->materials[3] = synth_material(p, synth_rgb(0.06f, 0.05f, 0.05f));
    f->materials[4] = synth_material(p, synth_rgb(0.92f, 0.9f, 0.85f));
    for (int i = 3; i < 5; i++) {
        f->materials[i].gloss = 0.8f;
        f->materials[i].pattern = PATTERN_PLAIN;
        f->materials[i].texture = 0.0f;
    }
    f->materials[5] = synth_material(p, synth_colour_any(p));
    float kind = synth_uniform(p, 0.0f, 1.0f);
    if (kind < 0.55f)
        animal(p, f);
    else if (kind < 0.85f)
        blobs(p, f);
    else
        close_up(p, f);
    if (kind < 0.85f && synth_chance(p, 0.45f))
        zoom(p, f);
}

void synth_bust(struct painter *p, struct part *torso, struct part *neck, struct part *head)
{
    float u = p->unit, r = u * (synth_chance(p, 0.3f) ? synth_uniform(p, 60.0f, 90.0f) : synth_uniform(p, 85.0f, 160.0f));
    float x = u * synth_uniform(p, 190.0f, 322.0f);
    float y = r * 1.35f + u * synth_uniform(p, 0.0f, 90.0f), lean = synth_uniform(p, -0.25f, 0.25f);
    *head = synth_part(x, y, r * synth_uniform(p, 0.74f, 0.86f), r * 1.05f, lean);
    synth_part_wobble(p, head, 0.015f);
    float nx = x - lean * r, ny = y + r * 1.25f;
    *neck = synth_part(nx, ny, r * synth_uniform(p, 0.36f, 0.5f), r * 0.8f, lean * 0.5f);
    neck->boxy = true;
    *torso = synth_part(nx + u * synth_uniform(p, -15.0f, 15.0f), ny + r * synth_uniform(p, 1.6f, 2.0f),
                        r * synth_uniform(p, 1.5f, 2.3f), r * synth_uniform(p, 1.3f, 1.8f), synth_uniform(p, -0.1f, 0.1f));
    synth_part_wobble(p, torso, 0.04f);
    torso->boxy = synth_chance(p, 0.65f);
    float top = ny + r * 0.4f, bottom = (float)p->size * 1.1f;
    if (bottom - top > 1.2f * r && synth_chance(p, 0.75f)) { /* portraits are cut off below */
        torso->ay = 0.5f * (bottom - top);
        torso->y = top + torso->ay;
    }
}

static void paint_face(struct painter *p, const struct part *head, v4 skin)
{
    float r = head->ay, turn = synth_uniform(p, -0.25f, 0.25f);
    struct part_style feature = {.softness = 2.0f * p->unit, .opacity = 0.85f};
    struct material dark = synth_material(p, synth_colour_hair(p) * 0.6f),
                    white = synth_material(p, synth_rgb(0.9f, 0.88f, 0.86f));
    struct material lips = synth_material(p, synth_rgb_clamp(skin * synth_rgb(0.95f, 0.55f, 0.55f)));
    struct material shadow = synth_material(p, skin * 0.72f);
    struct material *all[] = {&dark, &white, &lips, &shadow};
    for (int i = 0; i < 4; i++) {
        all[i]->pattern = PATTERN_PLAIN;
        all[i]->texture = 0.0f;
        all[i]->gloss = i == 0 ? 0.5f : 0.1f;
    }
#define FACE(u, v)                                                                                                          \
    head->x + r *(head->cosine * ((u) + turn) - head->sine * (v)),                                                          \
        head->y + r *(head->sine * ((u) + turn) + head->cosine * (v))
    for (int side = -1; side <= 1; side += 2) {
        float s = (float)side;
        struct part brow = synth_part(FACE(s * 0.32f, -0.24f), r * 0.17f, r * 0.03f, head->angle + s * 0.1f);
        struct part eye = synth_part(FACE(s * 0.31f, -0.08f), r * 0.13f, r * 0.065f, head->angle);
        struct part iris = synth_part(FACE(s * 0.31f, -0.08f), r * 0.06f, r * 0.06f, 0.0f);
        struct part cheek = synth_part(FACE(s * 0.1f, 0.2f), r * 0.05f, r * 0.12f, head->angle);
        synth_part_paint(p, &brow, &dark, feature);
        synth_part_paint(p, &eye, &white, feature);
        synth_part_paint(p, &iris, &dark, feature);
        feature.opacity = 0.35f;
        synth_part_paint(p, &cheek, &shadow, feature);
        feature.opacity = 0.85f;
    }
    struct part mouth = synth_part(FACE(0.0f, 0.5f), r * synth_uniform(p, 0.15f, 0.28f), r * 0.07f, head->angle);
    synth_part_paint(p, &mouth, &lips, feature);
#undef FACE
}

void synth_bust_paint(struct painter *p, const struct part *torso, const struct part *neck, const struct part *head)
{
    v4 skin = synth_chance(p, 0.9f) ? synth_colour_skin(p) : synth_colour_any(p);
    struct material cloth = synth_material(p, synth_colour_any(p)), body = synth_material(p, skin);
    body.pattern = PATTERN_PLAIN;
    body.texture *= 0.25f;
    body.gloss = fminf(body.gloss, 0.3f);
    body.folds = 0.0f;
    struct part_style style = {.softness = 1.0f, .shadow = 0.35f, .opacity = 1.0f};
    synth_part_paint(p, torso, &cloth, style);
    synth_part_paint(p, neck, &body, style);
    synth_part_paint(p, head, &body, style);
    if (synth_chance(p, 0.85f))
        paint_face(p, head, skin);
}
