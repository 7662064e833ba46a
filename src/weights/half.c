#include "weights/half.h"

#include <string.h>

enum { HALF_INFINITY = 0x7C00, HALF_QUIET = 0x0200, BFLOAT_QUIET = 0x0040 };

static const uint32_t FLOAT_INFINITY = 0x7F800000;
static const uint32_t HALF_OVERFLOW = 0x477FF000; /* 65520: halfway between the largest half and the next power of two */
static const uint32_t HALF_NORMAL = 0x38800000;   /* 2^-14: the smallest half with an implicit leading one */
static const uint32_t HALF_VANISHES = 0x33000000; /* 2^-25: half of the smallest half, a tie that goes to zero */

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* value / 2^shift, ties to even. */
static uint32_t shift_round(uint32_t value, uint32_t shift)
{
    uint32_t quotient = value >> shift, rest = value & ((1u << shift) - 1), tie = 1u << (shift - 1);
    return quotient + (rest > tie || (rest == tie && (quotient & 1)));
}

uint16_t mgm_half_from_float(float value)
{
    uint32_t bits = bits_of(value), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
    uint32_t half;
    if (magnitude > FLOAT_INFINITY)
        half = HALF_INFINITY | HALF_QUIET | ((magnitude >> 13) & 0x3FF);
    else if (magnitude >= HALF_OVERFLOW)
        half = HALF_INFINITY;
    else if (magnitude >= HALF_NORMAL)
        half = shift_round(magnitude - ((127u - 15u) << 23), 13);
    else if (magnitude > HALF_VANISHES)
        half = shift_round((magnitude & 0x7FFFFF) | 0x800000, 126 - (magnitude >> 23));
    else
        half = 0;
    return (uint16_t)(sign | half);
}

float mgm_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 0x1F, fraction = half & 0x3FF;
    if (exponent == 0x1F)
        return float_of(sign | FLOAT_INFINITY | (fraction << 13));
    if (exponent == 0) {
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_of(sign | ((exponent + 127 - 15) << 23) | (fraction << 13));
}

uint16_t mgm_bfloat_from_float(float value)
{
    uint32_t bits = bits_of(value);
    if ((bits & 0x7FFFFFFF) > FLOAT_INFINITY)
        return (uint16_t)((bits >> 16) | BFLOAT_QUIET);
    return (uint16_t)shift_round(bits, 16);
}

float mgm_bfloat_to_float(uint16_t bfloat)
{
    return float_of((uint32_t)bfloat << 16);
}
