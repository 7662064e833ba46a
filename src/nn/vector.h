/**
 * Eight values at a time, f32 or bf16 in memory, f32 in registers. Kernels are written once with a constant `bf16`
 * argument and always inlined, so each storage type gets its own code.
 */
#ifndef MGM_NN_VECTOR_H
#define MGM_NN_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float mgm_v8f __attribute__((vector_size(32)));
typedef int32_t mgm_v8i __attribute__((vector_size(32)));
typedef uint32_t mgm_v8u __attribute__((vector_size(32)));
typedef uint16_t mgm_v8h __attribute__((vector_size(16)));

#define MGM_INLINE static inline __attribute__((always_inline))

/** Values number i … i+7 of p. */
MGM_INLINE mgm_v8f mgm_load8(const void *p, size_t i, bool bf16)
{
    if (bf16) {
        mgm_v8h half;
        memcpy(&half, (const uint16_t *)p + i, sizeof half);
        return (mgm_v8f)(__builtin_convertvector(half, mgm_v8u) << 16);
    }
    mgm_v8f full;
    memcpy(&full, (const float *)p + i, sizeof full);
    return full;
}

/** Rounds to nearest even where stored as bf16. */
MGM_INLINE void mgm_store8(void *p, size_t i, mgm_v8f value, bool bf16)
{
    if (bf16) {
        mgm_v8u bits = (mgm_v8u)value;
        bits += 0x7FFF + ((bits >> 16) & 1);
        mgm_v8h half = __builtin_convertvector(bits >> 16, mgm_v8h);
        memcpy((uint16_t *)p + i, &half, sizeof half);
        return;
    }
    memcpy((float *)p + i, &value, sizeof value);
}

/** Per lane: by > 0 ? a : b. */
MGM_INLINE mgm_v8f mgm_where_positive(mgm_v8f by, mgm_v8f a, mgm_v8f b)
{
    mgm_v8i mask = by > 0;
    return (mgm_v8f)(((mgm_v8i)a & mask) | ((mgm_v8i)b & ~mask));
}

MGM_INLINE float mgm_load1(const void *p, size_t i, bool bf16)
{
    if (!bf16)
        return ((const float *)p)[i];
    uint32_t bits = (uint32_t)((const uint16_t *)p)[i] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

MGM_INLINE void mgm_store1(void *p, size_t i, float value, bool bf16)
{
    if (!bf16) {
        ((float *)p)[i] = value;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    ((uint16_t *)p)[i] = (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

#endif
