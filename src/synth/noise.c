#include "synth/noise.h"

#include <math.h>

static uint32_t mix(uint32_t seed, int x, int y)
{
    uint32_t h = seed + (uint32_t)x * 0x9E3779B1u + (uint32_t)y * 0x85EBCA77u;
    h ^= h >> 15;
    h *= 0x2C1B3C6Du;
    h ^= h >> 12;
    h *= 0x297A2D39u;
    return h ^ (h >> 15);
}

float synth_hash(uint32_t seed, int x, int y)
{
    return (float)(mix(seed, x, y) >> 8) * 0x1p-24f;
}

float synth_noise(uint32_t seed, float x, float y)
{
    float fx = floorf(x), fy = floorf(y);
    int ix = (int)fx, iy = (int)fy;
    float tx = x - fx, ty = y - fy;
    tx = tx * tx * (3.0f - 2.0f * tx);
    ty = ty * ty * (3.0f - 2.0f * ty);
    float a = synth_hash(seed, ix, iy), b = synth_hash(seed, ix + 1, iy);
    float c = synth_hash(seed, ix, iy + 1), d = synth_hash(seed, ix + 1, iy + 1);
    float top = a + (b - a) * tx, low = c + (d - c) * tx;
    return 2.0f * (top + (low - top) * ty) - 1.0f;
}

float synth_fractal(uint32_t seed, float x, float y, int octaves)
{
    float sum = 0.0f, strength = 0.6f;
    for (int i = 0; i < octaves; i++) {
        sum += strength * synth_noise(seed + (uint32_t)i * 77u, x, y);
        strength *= 0.5f;
        x = 2.0f * x + 13.7f;
        y = 2.0f * y + 5.3f;
    }
    return sum;
}
