/* xoshiro256** (Blackman and Vigna) seeded by splitmix64: the one generator for inputs, orders,
 * simulated latencies and bootstraps; its seed is stored with what it made. Not for secrets.
 * Threading: one state, one thread. */
#ifndef IFM_RNG_H
#define IFM_RNG_H

#include <stddef.h>
#include <stdint.h>

struct ifm_rng {
    uint64_t s[4];
};

void ifm_rng_init(struct ifm_rng *rng, uint64_t seed);
uint64_t ifm_rng_next(struct ifm_rng *rng);
uint64_t ifm_rng_below(struct ifm_rng *rng, uint64_t bound); /* unbiased, Lemire; bound > 0 */
double ifm_rng_unit(struct ifm_rng *rng);                    /* [0, 1), 53 bits */
double ifm_rng_normal(struct ifm_rng *rng);                  /* mean 0, sd 1 (polar method) */
void ifm_rng_shuffle(struct ifm_rng *rng, uint32_t *items, size_t count); /* Fisher-Yates */

#endif
