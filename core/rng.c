#include "core/rng.h"

#include <math.h>

static uint64_t rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void ifm_rng_init(struct ifm_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rng->s[i] = splitmix64(&seed);
}

uint64_t ifm_rng_next(struct ifm_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire 2019, "Fast random integer generation in an interval": the high half of a 128-bit product,
 * with the few low halves that would favour some results drawn again. */
uint64_t ifm_rng_below(struct ifm_rng *rng, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)ifm_rng_next(rng) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = (0 - bound) % bound;
        while ((uint64_t)product < threshold)
            product = (wide)ifm_rng_next(rng) * bound;
    }
    return (uint64_t)(product >> 64);
}

double ifm_rng_unit(struct ifm_rng *rng)
{
    return (double)(ifm_rng_next(rng) >> 11) * 0x1p-53;
}

/* The second value of each pair is dropped: a state of four words is worth more than a logarithm
 * saved. */
double ifm_rng_normal(struct ifm_rng *rng)
{
    double u, v, square;
    do {
        u = 2.0 * ifm_rng_unit(rng) - 1.0;
        v = 2.0 * ifm_rng_unit(rng) - 1.0;
        square = u * u + v * v;
    } while (square >= 1.0 || square == 0.0);
    return u * sqrt(-2.0 * log(square) / square);
}

void ifm_rng_shuffle(struct ifm_rng *rng, uint32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)ifm_rng_below(rng, i);
        uint32_t swapped = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swapped;
    }
}
