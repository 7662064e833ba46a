#include "base/random.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

struct mgm_random mgm_random_stream(uint64_t seed, uint64_t key)
{
    uint64_t x = seed;
    uint64_t mixed = splitmix64(&x) ^ (key * 0xD1342543DE82EF95u);
    struct mgm_random random;
    for (int i = 0; i < 4; i++)
        random.state[i] = splitmix64(&mixed);
    return random;
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t mgm_random_bits(struct mgm_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double mgm_random_unit(struct mgm_random *random)
{
    return (double)(mgm_random_bits(random) >> 11) * 0x1p-53;
}

double mgm_random_range(struct mgm_random *random, double low, double high)
{
    return low + (high - low) * mgm_random_unit(random);
}

int mgm_random_int(struct mgm_random *random, int low, int high)
{
    return low + (int)(mgm_random_unit(random) * ((double)high - low + 1));
}

bool mgm_random_chance(struct mgm_random *random, double probability)
{
    return mgm_random_unit(random) < probability;
}

double mgm_random_normal(struct mgm_random *random)
{
    double radius = sqrt(-2 * log(1 - mgm_random_unit(random)));
    return radius * cos(6.283185307179586 * mgm_random_unit(random));
}
