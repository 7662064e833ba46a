#include "image/colour.h"

#include <math.h>

enum { STEPS = 4096 };

static float clamp_unit(float value)
{
    return value > 0 ? value < 1 ? value : 1 : 0;
}

void mgm_rgb_to_hsv(const float rgb[3], float hsv[3])
{
    float r = rgb[0], g = rgb[1], b = rgb[2];
    float value = fmaxf(r, fmaxf(g, b)), chroma = value - fminf(r, fminf(g, b)), hue = 0;
    if (chroma > 0) {
        if (value == r)
            hue = (g - b) / chroma;
        else if (value == g)
            hue = (b - r) / chroma + 2;
        else
            hue = (r - g) / chroma + 4;
        hue /= 6;
        hue -= floorf(hue);
        if (hue >= 1) /* a negative zero's neighbour, rounded up */
            hue = 0;
    }
    hsv[0] = hue;
    hsv[1] = value > 0 ? chroma / value : 0;
    hsv[2] = value;
}

void mgm_hsv_to_rgb(const float hsv[3], float rgb[3])
{
    float saturation = clamp_unit(hsv[1]), value = clamp_unit(hsv[2]);
    float sixth = (hsv[0] - floorf(hsv[0])) * 6;
    int sector = sixth < 6 ? (int)sixth : 0;
    float part = sixth < 6 ? sixth - (float)sector : 0;
    float low = value * (1 - saturation), falling = value * (1 - saturation * part);
    float rising = value * (1 - saturation * (1 - part));
    const float results[6][3] = {{value, rising, low},  {falling, value, low}, {low, value, rising},
                                 {low, falling, value}, {rising, low, value},  {value, low, falling}};
    for (int c = 0; c < 3; c++)
        rgb[c] = results[sector][c];
}

static void each_pixel(struct mgm_raster *raster, void (*convert)(const float *src, float *dst))
{
    size_t pixels = (size_t)raster->width * (size_t)raster->height;
    for (size_t i = 0; i < pixels; i++) {
        float *pixel = raster->data + i * (size_t)raster->channels;
        convert(pixel, pixel);
    }
}

void mgm_raster_rgb_to_hsv(struct mgm_raster *raster)
{
    each_pixel(raster, mgm_rgb_to_hsv);
}

void mgm_raster_hsv_to_rgb(struct mgm_raster *raster)
{
    each_pixel(raster, mgm_hsv_to_rgb);
}

float mgm_srgb_to_linear(float encoded)
{
    float v = clamp_unit(encoded);
    return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
}

float mgm_linear_to_srgb(float linear)
{
    float v = clamp_unit(linear);
    return v <= 0.0031308f ? v * 12.92f : 1.055f * powf(v, 1 / 2.4f) - 0.055f;
}

void mgm_srgb_table(float table[256])
{
    for (int i = 0; i < 256; i++)
        table[i] = mgm_srgb_to_linear((float)i / 255);
}

static float look_up(const float *table, float value)
{
    float position = clamp_unit(value) * STEPS;
    int step = (int)position;
    return table[step] + (position - (float)step) * (table[step + 1] - table[step]);
}

static void convert_raster(struct mgm_raster *raster, float (*convert)(float))
{
    size_t pixels = (size_t)raster->width * (size_t)raster->height;
    size_t channels = (size_t)raster->channels, colours = channels == 2 || channels == 4 ? channels - 1 : channels;
    if (pixels < STEPS) { /* the table would cost more than it saves */
        for (size_t i = 0; i < pixels; i++)
            for (size_t c = 0; c < colours; c++)
                raster->data[i * channels + c] = convert(raster->data[i * channels + c]);
        return;
    }
    float table[STEPS + 2];
    for (int i = 0; i < STEPS + 2; i++)
        table[i] = convert((float)i / STEPS);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < colours; c++)
            raster->data[i * channels + c] = look_up(table, raster->data[i * channels + c]);
}

void mgm_raster_srgb_to_linear(struct mgm_raster *raster)
{
    convert_raster(raster, mgm_srgb_to_linear);
}

void mgm_raster_linear_to_srgb(struct mgm_raster *raster)
{
    convert_raster(raster, mgm_linear_to_srgb);
}
