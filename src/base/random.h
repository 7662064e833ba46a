/**
 * Random numbers: a small counter-free generator (xoshiro256++ seeded by splitmix64), the same on every machine. Streams
 * are keyed, so that sample number 17 is the same whatever thread draws it.
 */
#ifndef MGM_BASE_RANDOM_H
#define MGM_BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct mgm_random {
    uint64_t state[4];
};

/** A stream of its own for each (seed, key). */
struct mgm_random mgm_random_stream(uint64_t seed, uint64_t key);

uint64_t mgm_random_bits(struct mgm_random *random);

/** In [0, 1). */
double mgm_random_unit(struct mgm_random *random);

/** In [low, high). */
double mgm_random_range(struct mgm_random *random, double low, double high);

/** An integer in [low, high], both included; low <= high. */
int mgm_random_int(struct mgm_random *random, int low, int high);

/** True with the given probability. */
bool mgm_random_chance(struct mgm_random *random, double probability);

/** Normally distributed, mean 0, deviation 1. */
double mgm_random_normal(struct mgm_random *random);

#endif
