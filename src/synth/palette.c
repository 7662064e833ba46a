/* Colours: from photographs, and the ranges that hair, skin and leaves have. */
#include "synth/painter.h"

#include <math.h>

float synth_normal(struct painter *p)
{
    float value = (float)mgm_random_normal(&p->random);
    return fminf(fmaxf(value, -2.5f), 2.5f);
}

/* Fully saturated colour of a hue in [0, 1). */
static v4 hue_colour(float hue)
{
    float h = 6.0f * (hue - floorf(hue));
    return synth_rgb_clamp(synth_rgb(fabsf(h - 3.0f) - 1.0f, 2.0f - fabsf(h - 2.0f), 2.0f - fabsf(h - 4.0f)));
}

static v4 saturate(v4 c, float amount)
{
    float grey = 0.3f * c[0] + 0.6f * c[1] + 0.1f * c[2];
    return synth_rgb_clamp(grey + (c - grey) * amount);
}

v4 synth_colour_of_photo(struct painter *p)
{
    const struct picture_list *photos = &p->library->photos;
    const struct mgm_bitmap *photo = photos->pictures + synth_integer(p, 0, photos->count - 1);
    int x0 = synth_integer(p, 0, photo->width - 1), y0 = synth_integer(p, 0, photo->height - 1), count = 0;
    v4 sum = {0};
    for (int y = y0; y < y0 + 5 && y < photo->height; y++) {
        for (int x = x0; x < x0 + 5 && x < photo->width; x++, count++) {
            const uint8_t *d = photo->data + ((size_t)y * (size_t)photo->width + (size_t)x) * 3;
            sum += synth_rgb((float)d[0], (float)d[1], (float)d[2]);
        }
    }
    v4 colour = synth_rgb_clamp(sum * (1.0f / (255.0f * (float)count)));
    return saturate(colour, synth_chance(p, 0.4f) ? synth_uniform(p, 1.0f, 1.8f) : 1.0f);
}

v4 synth_colour_any(struct painter *p)
{
    v4 colour;
    if (synth_chance(p, 0.6f)) {
        colour = synth_colour_of_photo(p);
    } else {
        v4 pure = hue_colour(synth_uniform(p, 0.0f, 1.0f));
        colour = synth_mix(synth_rgb(0.6f, 0.6f, 0.6f), pure, synth_uniform(p, 0.0f, 0.85f)) * synth_uniform(p, 0.3f, 1.2f);
    }
    /* Too dark a thing shows neither shading nor strands. */
    float brightest = fmaxf(colour[0], fmaxf(colour[1], colour[2]));
    if (brightest < 0.25f)
        colour += (0.25f - brightest) * synth_uniform(p, 0.3f, 1.5f);
    return synth_rgb_clamp(colour);
}

v4 synth_colour_hair(struct painter *p)
{
    static const float natural[][3] = {
        {0.10f, 0.08f, 0.07f}, {0.20f, 0.13f, 0.09f}, {0.33f, 0.21f, 0.13f}, {0.45f, 0.30f, 0.18f}, {0.60f, 0.43f, 0.25f},
        {0.75f, 0.58f, 0.36f}, {0.88f, 0.76f, 0.55f}, {0.62f, 0.32f, 0.14f}, {0.75f, 0.48f, 0.20f}, {0.50f, 0.48f, 0.46f},
        {0.82f, 0.80f, 0.77f}, {0.93f, 0.91f, 0.88f}, {0.68f, 0.60f, 0.50f}};
    if (synth_chance(p, 0.15f))
        return synth_colour_any(p);
    const float *c = natural[synth_integer(p, 0, (int)(sizeof natural / sizeof *natural) - 1)];
    return synth_colour_vary(p, synth_rgb(c[0], c[1], c[2]), 0.08f);
}

v4 synth_colour_skin(struct painter *p)
{
    v4 light = synth_rgb(0.95f, 0.78f, 0.68f), dark = synth_rgb(0.35f, 0.22f, 0.16f);
    return synth_colour_vary(p, synth_mix(light, dark, powf(synth_uniform(p, 0.0f, 1.0f), 1.5f)), 0.05f);
}

v4 synth_colour_leaf(struct painter *p)
{
    if (synth_chance(p, 0.15f))
        return synth_colour_any(p);
    float hue = synth_chance(p, 0.8f) ? synth_uniform(p, 0.17f, 0.40f) : synth_uniform(p, 0.0f, 0.17f);
    v4 colour = synth_mix(synth_rgb(0.6f, 0.6f, 0.5f), hue_colour(hue), synth_uniform(p, 0.35f, 0.85f));
    return synth_rgb_clamp(colour * synth_uniform(p, 0.3f, 0.95f));
}

v4 synth_colour_vary(struct painter *p, v4 colour, float amount)
{
    float brightness = 1.0f + amount * synth_normal(p);
    v4 shift = synth_rgb(synth_normal(p), synth_normal(p), synth_normal(p)) * (0.3f * amount);
    return synth_rgb_clamp(colour * brightness + shift);
}
