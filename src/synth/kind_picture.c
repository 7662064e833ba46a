/* Pictures with an alpha of their own: hair cards over heads, photographed objects. */
#include "synth/painter.h"

#include <math.h>
#include <string.h>

struct view {
    int x0, y0, x1, y1; /* box within the picture */
};

static const uint8_t *texel(const struct mgm_bitmap *picture, int x, int y)
{
    return picture->data + ((size_t)y * (size_t)picture->width + (size_t)x) * 4;
}

/* The smallest box within `within` that holds everything visible. */
static struct view trim(const struct mgm_bitmap *picture, struct view within)
{
    struct view box = {within.x1, within.y1, within.x0, within.y0};
    for (int y = within.y0; y < within.y1; y++) {
        for (int x = within.x0; x < within.x1; x++) {
            if (texel(picture, x, y)[3] < 8)
                continue;
            box.x0 = x < box.x0 ? x : box.x0;
            box.y0 = y < box.y0 ? y : box.y0;
            box.x1 = x + 1 > box.x1 ? x + 1 : box.x1;
            box.y1 = y + 1 > box.y1 ? y + 1 : box.y1;
        }
    }
    return box;
}

static v4 read_premultiplied(const struct mgm_bitmap *picture, struct view box, int x, int y)
{
    if (x < box.x0 || y < box.y0 || x >= box.x1 || y >= box.y1)
        return (v4){0};
    const uint8_t *t = texel(picture, x, y);
    float a = (float)t[3] * (1.0f / 255.0f), scale = a * (1.0f / 255.0f);
    return (v4){(float)t[0] * scale, (float)t[1] * scale, (float)t[2] * scale, a};
}

struct placement {
    float x, y, scale, angle; /* centre on the canvas, canvas pixels per picture pixel */
    bool mirror;
    v4 tint;
    float gain; /* of the contrast of alpha */
    float fade; /* the box's borders fade over this share of it; 0: not */
};

/* A piece cut out of a larger picture must not show where it was cut. */
static float border_fade(struct view box, float dx, float dy, float share)
{
    float w = 0.5f * (float)(box.x1 - box.x0), h = 0.5f * (float)(box.y1 - box.y0);
    float u = fminf(fmaxf((1.0f - dx / w) / share, 0.0f), 1.0f), v = fminf(fmaxf((1.0f - dy / h) / share, 0.0f), 1.0f);
    return u * u * (3.0f - 2.0f * u) * v * v * (3.0f - 2.0f * v);
}

/* Bilinear when enlarged, an average of n × n bilinear samples when reduced. */
static void paste(struct painter *p, const struct mgm_bitmap *picture, struct view box, struct placement at)
{
    float cx = 0.5f * (float)(box.x0 + box.x1), cy = 0.5f * (float)(box.y0 + box.y1), inverse = 1.0f / at.scale;
    float c = cosf(at.angle) * inverse, s = sinf(at.angle) * inverse;
    int n = (int)fminf(fmaxf(ceilf(inverse), 1.0f), 4.0f);
    float reach = 0.5f * at.scale * hypotf((float)(box.x1 - box.x0), (float)(box.y1 - box.y0)) + 2.0f, side = (float)p->size;
    int x0 = (int)fmaxf(at.x - reach, 0.0f), x1 = (int)fminf(fmaxf(at.x + reach, 0.0f), side);
    int y0 = (int)fmaxf(at.y - reach, 0.0f), y1 = (int)fminf(fmaxf(at.y + reach, 0.0f), side);
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++) {
            v4 sum = {0};
            for (int k = 0; k < n * n; k++) {
                float dx = (float)x + ((float)(k % n) + 0.5f) / (float)n - at.x,
                      dy = (float)y + ((float)(k / n) + 0.5f) / (float)n - at.y;
                float u = c * dx + s * dy, v = c * dy - s * dx;
                u = cx + (at.mirror ? -u : u) - 0.5f;
                v = cy + v - 0.5f;
                if (u < (float)box.x0 - 1.0f || v < (float)box.y0 - 1.0f || u > (float)box.x1 || v > (float)box.y1)
                    continue;
                int iu = (int)floorf(u), iv = (int)floorf(v);
                float tu = u - (float)iu, tv = v - (float)iv;
                sum += synth_mix(
                    synth_mix(read_premultiplied(picture, box, iu, iv), read_premultiplied(picture, box, iu + 1, iv), tu),
                    synth_mix(read_premultiplied(picture, box, iu, iv + 1), read_premultiplied(picture, box, iu + 1, iv + 1),
                              tu),
                    tv);
            }
            sum *= 1.0f / (float)(n * n);
            if (sum[3] < 0.004f)
                continue;
            if (at.fade > 0.0f) {
                float dx = (float)x + 0.5f - at.x, dy = (float)y + 0.5f - at.y;
                sum *= border_fade(box, fabsf(c * dx + s * dy), fabsf(c * dy - s * dx), at.fade);
            }
            v4 colour = synth_rgb_clamp(sum / sum[3] * at.tint);
            synth_over(p->canvas, x, y, colour, fminf(sum[3] * at.gain, 1.0f));
        }
    }
}

/* Brings a picture's mean visible colour to the wanted one. */
static v4 tint_towards(const struct mgm_bitmap *picture, struct view box, v4 wanted)
{
    v4 sum = {0};
    for (int y = box.y0; y < box.y1; y += 3)
        for (int x = box.x0; x < box.x1; x += 3)
            sum += read_premultiplied(picture, box, x, y);
    v4 mean = sum[3] > 0.0f ? sum / sum[3] : synth_rgb(0.5f, 0.5f, 0.5f);
    v4 tint = wanted / (mean + 0.03f);
    for (int k = 0; k < 3; k++)
        tint[k] = fminf(tint[k], 4.0f);
    return tint;
}

enum mgm_status synth_draw_card(struct painter *p)
{
    struct part torso, neck, head;
    synth_bust(p, &torso, &neck, &head);
    const struct picture_list *cards = &p->library->cards;
    const struct mgm_bitmap *wig = NULL, *brow = NULL;
    int wigs = 0, brows = 0;
    for (int i = 0; i < cards->count; i++) {
        if (strstr(cards->names[i], "diffuse") ? synth_integer(p, 0, wigs++) == 0 : false)
            wig = cards->pictures + i;
        if (strncmp(cards->names[i], "eye", 3) == 0 ? synth_integer(p, 0, brows++) == 0 : false)
            brow = cards->pictures + i;
    }
    v4 hair = synth_colour_hair(p);
    if (!wig)
        wig = brow ? brow : cards->pictures + synth_integer(p, 0, cards->count - 1);
    /* The large pictures carry a logo in a lower corner. */
    int logo = wig->height - wig->height / 24;
    struct view box = trim(wig, (struct view){0, 0, wig->width, logo});
    if (box.x1 <= box.x0) { /* nothing is visible on it */
        synth_bust_paint(p, &torso, &neck, &head);
        return MGM_OK;
    }
    int cards_behind = synth_integer(p, 4, 10), cards_before = synth_integer(p, 2, 6);
    float r = head.ay;
    v4 tint = tint_towards(wig, box, hair);
    struct material under = synth_material(p, hair * 0.6f);
    struct part cap = synth_part(head.x, head.y - 0.08f * r, head.ax * 1.05f, r, head.angle);
    synth_part_wobble(p, &cap, 0.03f);
    under.pattern = PATTERN_PLAIN;
    synth_part_paint(p, &cap, &under, (struct part_style){.softness = 6.0f * p->unit, .opacity = 1.0f});
    for (int i = 0; i < cards_behind + cards_before; i++) {
        bool behind = i < cards_behind;
        if (i == cards_behind)
            synth_bust_paint(p, &torso, &neck, &head);
        /* A piece of the picture, so that each card is another lock. */
        int w = box.x1 - box.x0, h = box.y1 - box.y0, pw = synth_integer(p, w / 3, w), ph = synth_integer(p, h / 3, h);
        int px = box.x0 + synth_integer(p, 0, w - pw), py = box.y0 + synth_integer(p, 0, h - ph);
        struct view piece = trim(wig, (struct view){px, py, px + pw, py + ph});
        if (piece.x1 <= piece.x0 || piece.y1 <= piece.y0)
            continue;
        float side = synth_uniform(p, -1.0f, 1.0f),
              long_side = fmaxf((float)(piece.x1 - piece.x0), (float)(piece.y1 - piece.y0));
        struct placement at = {.x = head.x + side * r * (behind ? 0.7f : 0.5f),
                               .y = head.y + r * (behind ? synth_uniform(p, -0.6f, 0.9f) : synth_uniform(p, -1.0f, -0.5f)),
                               .scale = r * synth_uniform(p, 1.5f, 2.8f) / long_side,
                               .angle = side * 0.7f + 0.25f * synth_normal(p),
                               .mirror = synth_chance(p, 0.5f),
                               .tint = tint * synth_uniform(p, 0.75f, 1.2f) * (behind ? 0.7f : 1.0f),
                               .gain = synth_uniform(p, 1.0f, 1.3f),
                               .fade = 0.35f};
        paste(p, wig, piece, at);
    }
    return MGM_OK;
}

enum mgm_status synth_draw_object(struct painter *p)
{
    const struct picture_list *objects = &p->library->objects;
    const struct mgm_bitmap *object = objects->pictures + synth_integer(p, 0, objects->count - 1);
    struct view box = trim(object, (struct view){0, 0, object->width, object->height});
    if (box.x1 <= box.x0)
        return MGM_OK;
    float long_side = fmaxf((float)(box.x1 - box.x0), (float)(box.y1 - box.y0)), u = p->unit;
    float warm = 0.08f * synth_normal(p), bright = synth_uniform(p, 0.7f, 1.2f);
    struct placement at = {.x = u * synth_uniform(p, 200.0f, 312.0f),
                           .y = u * synth_uniform(p, 200.0f, 312.0f),
                           .scale = u * synth_uniform(p, 280.0f, 520.0f) / long_side,
                           .angle = 0.25f * synth_normal(p),
                           .mirror = synth_chance(p, 0.5f),
                           .tint = synth_rgb(bright + warm, bright + 0.05f * synth_normal(p), bright - warm),
                           .gain = 1.0f};
    paste(p, object, box, at);
    if (synth_chance(p, 0.3f)) { /* fur where the object has none, as a plush lining */
        struct fur fur = synth_fur(p, u * synth_uniform(p, 8.0f, 30.0f));
        struct material material = synth_material(p, synth_colour_any(p));
        struct part collar =
            synth_part(at.x, at.y, u * synth_uniform(p, 50.0f, 110.0f), u * synth_uniform(p, 30.0f, 80.0f), at.angle);
        synth_part_paint(p, &collar, &material,
                         (struct part_style){.inset = 2.0f * u, .softness = 1.0f, .shadow = 0.3f, .opacity = 1.0f});
        TRY(synth_fur_grow(p, &collar, &material, &fur));
    }
    return MGM_OK;
}
