/**
 * Values in device memory: f32 or bf16 there, f32 in registers, one or eight at a time. The type is a flag at run time: a
 * branch that a whole grid takes alike costs nothing next to the load, and halves the number of kernels to compile.
 */
#ifndef MGM_NN_BACKENDS_CUDA_VALUES_H
#define MGM_NN_BACKENDS_CUDA_VALUES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef MGM_CUDA_EMULATED
#define MGM_DEVICE inline
#else
#define MGM_DEVICE __host__ __device__ __forceinline__
#endif

/* One memory transaction of a thread. */
struct __attribute__((may_alias, aligned(16))) mgm_quad {
    uint32_t word[4];
};

struct mgm_v8 {
    float lane[8];
};

MGM_DEVICE float mgm_float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rounded to nearest even, as on the CPU (vector.h). */
MGM_DEVICE uint32_t mgm_bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}

MGM_DEVICE float mgm_get1(const void *p, size_t i, bool bf16)
{
    return bf16 ? mgm_float_of((uint32_t)((const uint16_t *)p)[i] << 16) : ((const float *)p)[i];
}

MGM_DEVICE void mgm_put1(void *p, size_t i, float value, bool bf16)
{
    if (bf16)
        ((uint16_t *)p)[i] = (uint16_t)mgm_bf16_of(value);
    else
        ((float *)p)[i] = value;
}

/** Values number i … i+7 of p, which is 16-byte aligned there: a tensor with a multiple of eight channels, never a vector of
 * parameters. */
MGM_DEVICE mgm_v8 mgm_get8(const void *p, size_t i, bool bf16)
{
    mgm_v8 v;
    if (bf16) {
        const mgm_quad q = *(const mgm_quad *)((const uint16_t *)p + i);
        for (int k = 0; k < 4; k++) {
            v.lane[2 * k] = mgm_float_of(q.word[k] << 16);
            v.lane[2 * k + 1] = mgm_float_of(q.word[k] & 0xFFFF0000u);
        }
        return v;
    }
    const mgm_quad *q = (const mgm_quad *)((const float *)p + i);
    const mgm_quad low = q[0], high = q[1];
    for (int k = 0; k < 4; k++) {
        v.lane[k] = mgm_float_of(low.word[k]);
        v.lane[4 + k] = mgm_float_of(high.word[k]);
    }
    return v;
}

MGM_DEVICE void mgm_put8(void *p, size_t i, const mgm_v8 &v, bool bf16)
{
    if (bf16) {
        mgm_quad q;
        for (int k = 0; k < 4; k++)
            q.word[k] = mgm_bf16_of(v.lane[2 * k]) | mgm_bf16_of(v.lane[2 * k + 1]) << 16;
        *(mgm_quad *)((uint16_t *)p + i) = q;
        return;
    }
    mgm_quad *q = (mgm_quad *)((float *)p + i), low, high;
    for (int k = 0; k < 4; k++) {
        memcpy(&low.word[k], &v.lane[k], sizeof(float));
        memcpy(&high.word[k], &v.lane[4 + k], sizeof(float));
    }
    q[0] = low;
    q[1] = high;
}

/** i / divisor and i % divisor; 32-bit division, which is several times faster there, where that is enough. */
struct mgm_quotient {
    size_t whole, rest;
};

MGM_DEVICE mgm_quotient mgm_divide(size_t i, size_t divisor)
{
    mgm_quotient q;
    if ((i | divisor) >> 32) {
        q.whole = i / divisor;
        q.rest = i % divisor;
    } else {
        const uint32_t whole = (uint32_t)i / (uint32_t)divisor;
        q.whole = whole;
        q.rest = (uint32_t)i - whole * (uint32_t)divisor;
    }
    return q;
}

#endif
