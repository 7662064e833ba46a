/* Rounded parts: where their outline runs, how they bulge, and painting them. */
#include "synth/painter.h"

#include <math.h>

struct part synth_part(float x, float y, float ax, float ay, float angle)
{
    struct part part = {.x = x, .y = y, .ax = fmaxf(ax, 1.0f), .ay = fmaxf(ay, 1.0f), .angle = angle};
    part.cosine = cosf(angle);
    part.sine = sinf(angle);
    return part;
}

void synth_part_wobble(struct painter *p, struct part *part, float strength)
{
    part->seed = (uint32_t)mgm_random_bits(&p->random);
    for (int k = 0; k < WOBBLES; k++) {
        part->wobble[k] = strength * synth_normal(p) / (1.0f + 0.6f * (float)k);
        part->phase[k] = synth_uniform(p, 0.0f, 6.2832f);
    }
    part->warp = strength * 0.35f * fminf(part->ax, part->ay);
    part->warp_scale = fminf(part->ax, part->ay) * synth_uniform(p, 0.35f, 0.9f);
}

struct surface synth_part_surface(const struct part *part, float x, float y)
{
    if (part->warp > 0.0f) {
        float wx = x / part->warp_scale, wy = y / part->warp_scale;
        x += part->warp * synth_noise(part->seed, wx, wy);
        y += part->warp * synth_noise(part->seed + 9, wx, wy);
    }
    float dx = x - part->x, dy = y - part->y;
    float u = (part->cosine * dx + part->sine * dy) / part->ax, v = (part->cosine * dy - part->sine * dx) / part->ay;
    v += part->bend * u * u;
    float radius = 1.0f;
    if (part->wobble[0] != 0.0f) {
        /* Outline harmonics from 2 on, by the angle-sum recurrence: no further calls to sin. */
        float length = sqrtf(u * u + v * v) + 1e-6f, c = u / length, s = v / length, ck = c, sk = s;
        for (int k = 0; k < WOBBLES; k++) {
            float next = ck * c - sk * s;
            sk = sk * c + ck * s;
            ck = next;
            radius += part->wobble[k] * (ck * part->phase[k] / 6.2832f + sk * (1.0f - part->phase[k] / 6.2832f));
        }
        radius = fmaxf(radius, 0.3f);
    }
    float gu, gv, q;
    if (part->boxy) {
        float u2 = u * u, v2 = v * v, sum = u2 * u2 + v2 * v2 + 1e-9f;
        q = sqrtf(sqrtf(sum));
        float scale = q / sum;
        gu = u2 * u * scale / part->ax;
        gv = v2 * v * scale / part->ay;
    } else {
        q = sqrtf(u * u + v * v + 1e-9f);
        gu = u / (q * part->ax);
        gv = v / (q * part->ay);
    }
    float slope = sqrtf(gu * gu + gv * gv) + 1e-9f;
    struct surface s = {.depth = (radius - q) / slope, .q = q / radius};
    float flat = fminf(s.q, 1.0f), lean = flat / slope;
    s.nx = (part->cosine * gu - part->sine * gv) * lean;
    s.ny = (part->sine * gu + part->cosine * gv) * lean;
    s.nz = sqrtf(fmaxf(1.0f - flat * flat, 0.0f));
    return s;
}

struct bounds {
    int x0, y0, x1, y1;
};

static struct bounds part_bounds(const struct painter *p, const struct part *part, float margin)
{
    float reach = 1.45f * fmaxf(part->ax, part->ay) * (1.0f + fabsf(part->bend)) + part->warp + margin;
    float side = (float)p->size;
    return (struct bounds){(int)fminf(fmaxf(part->x - reach, 0.0f), side), (int)fminf(fmaxf(part->y - reach, 0.0f), side),
                           (int)fminf(fmaxf(part->x + reach, 0.0f), side), (int)fminf(fmaxf(part->y + reach, 0.0f), side)};
}

void synth_part_paint(struct painter *p, const struct part *part, const struct material *material, struct part_style style)
{
    float reach = 14.0f * p->unit, soft = fmaxf(style.softness, 1.0f);
    struct bounds b = part_bounds(p, part, reach);
    for (int y = b.y0; y < b.y1; y++) {
        for (int x = b.x0; x < b.x1; x++) {
            float px = (float)x + 0.5f, py = (float)y + 0.5f;
            struct surface s = synth_part_surface(part, px, py);
            float depth = s.depth - style.inset;
            float covered = fminf(depth / soft + 0.5f, 1.0f);
            if (covered < 1.0f && depth > -reach && style.shadow > 0.0f) {
                float dark = 1.0f - style.shadow * (1.0f + fminf(depth, 0.0f) / reach);
                v4 *pixel = p->canvas->pixels + (size_t)y * (size_t)p->size + (size_t)x;
                *pixel *= (v4){dark, dark, dark, 1.0f};
            }
            if (covered <= 0.0f)
                continue;
            v4 colour = synth_material_colour(material, px, py);
            synth_material_fold(material, px, py, &s.nx, &s.ny, &s.nz);
            colour = synth_light_apply(&p->light, colour, s.nx, s.ny, s.nz, material->gloss);
            synth_over(p->canvas, x, y, colour, covered * style.opacity);
        }
    }
}

void synth_part_erase(struct painter *p, const struct part *part)
{
    struct bounds b = part_bounds(p, part, 2.0f);
    for (int y = b.y0; y < b.y1; y++) {
        for (int x = b.x0; x < b.x1; x++) {
            float covered = synth_part_surface(part, (float)x + 0.5f, (float)y + 0.5f).depth + 0.5f;
            if (covered > 0.0f)
                p->canvas->pixels[(size_t)y * (size_t)p->size + (size_t)x] *= fmaxf(1.0f - covered, 0.0f);
        }
    }
}
