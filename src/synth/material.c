/* Surfaces: patterns, textures taken from photographs, and how light falls on them. */
#include "synth/painter.h"

#include <math.h>

struct photo_patch synth_photo_patch(struct painter *p, float scale_low, float scale_high)
{
    const struct picture_list *photos = &p->library->photos;
    struct photo_patch patch = {.photo = photos->pictures + synth_integer(p, 0, photos->count - 1)};
    float scale = synth_uniform(p, scale_low, scale_high) / p->unit, angle = synth_uniform(p, 0.0f, 6.2832f);
    patch.cosine = scale * cosf(angle);
    patch.sine = scale * sinf(angle);
    patch.x = synth_uniform(p, 0.0f, (float)patch.photo->width);
    patch.y = synth_uniform(p, 0.0f, (float)patch.photo->height);
    float side = (float)p->size;
    v4 sum = {0};
    for (int i = 0; i < 64; i++)
        sum += synth_photo_sample(&patch, side * (float)(i % 8) / 8.0f, side * (float)(i / 8) / 8.0f);
    patch.mean = sum * (1.0f / 64.0f);
    return patch;
}

/* Position inside [0, n) for any real position, by reflection. */
static float reflect(float x, int n)
{
    float period = 2.0f * (float)n, r = x - period * floorf(x / period);
    return r < (float)n ? r : period - r;
}

static v4 texel(const struct mgm_bitmap *photo, int x, int y)
{
    x = x >= photo->width ? photo->width - 1 : x;
    y = y >= photo->height ? photo->height - 1 : y;
    const uint8_t *d = photo->data + ((size_t)y * (size_t)photo->width + (size_t)x) * 3;
    return synth_rgb((float)d[0], (float)d[1], (float)d[2]) * (1.0f / 255.0f);
}

v4 synth_photo_sample(const struct photo_patch *patch, float x, float y)
{
    float u = reflect(patch->x + patch->cosine * x - patch->sine * y, patch->photo->width);
    float v = reflect(patch->y + patch->sine * x + patch->cosine * y, patch->photo->height);
    int iu = (int)u, iv = (int)v;
    float tu = u - (float)iu, tv = v - (float)iv;
    v4 top = synth_mix(texel(patch->photo, iu, iv), texel(patch->photo, iu + 1, iv), tu);
    v4 low = synth_mix(texel(patch->photo, iu, iv + 1), texel(patch->photo, iu + 1, iv + 1), tu);
    v4 colour = synth_mix(top, low, tv);
    colour[3] = 1.0f;
    return colour;
}

struct material synth_material(struct painter *p, v4 main)
{
    struct material m = {.pattern = PATTERN_PLAIN, .seed = (uint32_t)mgm_random_bits(&p->random)};
    m.colours[0] = main;
    m.colours[1] = synth_chance(p, 0.5f) ? synth_colour_any(p) : synth_colour_vary(p, main, 0.35f);
    m.colours[2] = synth_colour_any(p);
    float u = synth_uniform(p, 0.0f, 1.0f);
    if (u > 0.55f)
        m.pattern = u < 0.65f   ? PATTERN_SPOTS
                    : u < 0.73f ? PATTERN_STRIPES
                    : u < 0.88f ? PATTERN_PATCHES
                    : u < 0.95f ? PATTERN_WEAVE
                                : PATTERN_PHOTO;
    m.scale = p->unit * (m.pattern == PATTERN_WEAVE ? synth_uniform(p, 2.5f, 8.0f) : synth_uniform(p, 12.0f, 70.0f));
    m.angle = synth_uniform(p, 0.0f, 3.1416f);
    m.grain = synth_uniform(p, 0.0f, 0.10f);
    m.grain_scale = p->unit * synth_uniform(p, 1.0f, 5.0f);
    m.gloss = synth_chance(p, 0.3f) ? synth_uniform(p, 0.2f, 0.9f) : synth_uniform(p, 0.0f, 0.12f);
    if (m.gloss < 0.2f && synth_chance(p, 0.25f)) {
        m.folds = synth_uniform(p, 0.2f, 1.0f);
        m.fold_scale = p->unit * synth_uniform(p, 14.0f, 70.0f);
        m.fold_angle = synth_uniform(p, 0.0f, 3.1416f);
    }
    m.texture = synth_chance(p, 0.6f) ? synth_uniform(p, 0.15f, 0.6f) : 0.0f;
    m.patch = synth_photo_patch(p, 0.4f, 2.0f);
    return m;
}

/* Height of the folds: ridges with a sharp crest, four times as long as wide, that run into each other. */
static float fold_height(const struct material *m, float x, float y)
{
    float c = cosf(m->fold_angle), s = sinf(m->fold_angle);
    float u = (c * x + s * y) / m->fold_scale, v = (c * y - s * x) / (4.0f * m->fold_scale);
    return 1.0f - fabsf(synth_fractal(m->seed + 11, u + 0.6f * synth_noise(m->seed + 12, v, u * 0.3f), v, 2));
}

void synth_material_fold(const struct material *m, float x, float y, float *nx, float *ny, float *nz)
{
    if (m->folds <= 0.0f)
        return;
    const float step = fmaxf(0.06f * m->fold_scale, 0.7f), here = fold_height(m, x, y);
    const float slope = m->folds * m->fold_scale * 0.5f / step;
    float x1 = *nx + slope * (here - fold_height(m, x + step, y)), y1 = *ny + slope * (here - fold_height(m, x, y + step));
    const float inverse = 1.0f / sqrtf(x1 * x1 + y1 * y1 + *nz * *nz + 1e-6f);
    *nx = x1 * inverse;
    *ny = y1 * inverse;
    *nz *= inverse;
}

static v4 weave(const struct material *m, float u, float v)
{
    float s = sinf(u * 3.1416f), t = sinf(v * 3.1416f);
    bool over = ((int)floorf(u) + (int)floorf(v)) & 1;
    return m->colours[0] * (0.75f + 0.25f * (over ? fabsf(s) : fabsf(t)));
}

static v4 pattern_colour(const struct material *m, float x, float y)
{
    if (m->pattern == PATTERN_PLAIN)
        return m->colours[0];
    float c = cosf(m->angle), s = sinf(m->angle);
    float u = (c * x + s * y) / m->scale, v = (c * y - s * x) / m->scale, t;
    switch (m->pattern) {
    case PATTERN_SPOTS: {
        float fx = floorf(u), fy = floorf(v);
        float dx = u - fx - 0.3f - 0.4f * synth_hash(m->seed, (int)fx, (int)fy);
        float dy = v - fy - 0.3f - 0.4f * synth_hash(m->seed + 1, (int)fx, (int)fy);
        float radius = 0.15f + 0.2f * synth_hash(m->seed + 2, (int)fx, (int)fy);
        t = (radius - sqrtf(dx * dx + dy * dy)) * m->scale + 0.5f;
        break;
    }
    case PATTERN_STRIPES:
        t = (sinf(u * 3.1416f + synth_noise(m->seed, u, v)) - 0.1f) * m->scale * 0.3f + 0.5f;
        break;
    case PATTERN_PATCHES:
        t = synth_fractal(m->seed, u, v, 3) * 6.0f + 0.3f;
        break;
    case PATTERN_WEAVE:
        return weave(m, u, v);
    default:
        return synth_photo_sample(&m->patch, x, y);
    }
    return synth_mix(m->colours[0], m->colours[1], fminf(fmaxf(t, 0.0f), 1.0f));
}

v4 synth_material_colour(const struct material *m, float x, float y)
{
    v4 colour = pattern_colour(m, x, y);
    if (m->texture > 0.0f && m->pattern != PATTERN_PHOTO) {
        v4 detail = synth_photo_sample(&m->patch, x, y);
        /* Half as a change of the surface's own brightness and hue, half as paint. */
        v4 relative = colour * (detail + 0.08f) / (m->patch.mean + 0.08f);
        colour = synth_mix(colour, synth_mix(relative, detail, 0.35f), m->texture);
    }
    float fine = synth_noise(m->seed + 5, x / m->grain_scale, y / m->grain_scale);
    float broad = synth_noise(m->seed + 6, x / (m->grain_scale * 17.0f), y / (m->grain_scale * 17.0f));
    return colour * (1.0f + m->grain * (fine + 0.8f * broad));
}

struct light synth_light(struct painter *p)
{
    float angle = synth_uniform(p, 0.0f, 6.2832f), side = synth_uniform(p, 0.2f, 0.85f);
    struct light light = {cosf(angle) * side, sinf(angle) * side, sqrtf(1.0f - side * side), 0, 0, synth_rgb(1, 1, 1)};
    if (synth_chance(p, 0.7f))
        light.y = -fabsf(light.y);
    light.ambient = synth_uniform(p, 0.3f, 0.65f);
    light.rim = synth_chance(p, 0.3f) ? synth_uniform(p, 0.1f, 0.5f) : 0.0f;
    float warm = 0.10f * synth_normal(p) + 0.04f;
    light.tint = synth_rgb(1.0f + warm, 1.0f + 0.1f * warm, 1.0f - 1.3f * warm) * synth_uniform(p, 0.8f, 1.2f);
    return light;
}

v4 synth_light_apply(const struct light *light, v4 colour, float nx, float ny, float nz, float gloss)
{
    float lambert = nx * light->x + ny * light->y + nz * light->z;
    lambert = lambert > 0.0f ? lambert : 0.0f;
    float edge = 1.0f - nz;
    float shade =
        light->ambient * (0.65f + 0.35f * nz) + (1.15f - light->ambient) * lambert + light->rim * edge * edge * edge;
    v4 lit = colour * light->tint * shade;
    if (gloss > 0.0f) {
        float hx = light->x, hy = light->y, hz = light->z + 1.0f;
        float h = (nx * hx + ny * hy + nz * hz) / sqrtf(hx * hx + hy * hy + hz * hz);
        h = h > 0.0f ? h * h : 0.0f;
        h *= h;
        h *= h;
        h *= h;
        lit += gloss * h * h * light->tint;
    }
    return synth_rgb_clamp(lit);
}
