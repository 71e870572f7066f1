#include "agents/plan/experiment.h"

#include "core/rng.h"

void ifm_experiment_round(uint64_t seed, int64_t round, size_t arms, uint32_t *order)
{
    struct ifm_rng rng;
    uint64_t own;
    /* A generator of its own for each round: seeds that differ by one stay unrelated, and a round
     * can be drawn again without the others' number of arms. */
    ifm_rng_init(&rng, seed);
    do
        own = ifm_rng_next(&rng);
    while (round-- > 0);
    ifm_rng_init(&rng, own);
    for (size_t i = 0; i < arms; i++)
        order[i] = (uint32_t)i;
    ifm_rng_shuffle(&rng, order, arms);
}

int64_t ifm_experiment_seed(const char *uuid)
{
    uint64_t mixed = UINT64_C(14695981039346656037); /* FNV-1a: randomness is in the UUID already */
    for (; *uuid; uuid++)
        mixed = (mixed ^ (unsigned char)*uuid) * UINT64_C(1099511628211);
    return (int64_t)(mixed >> 11);
}

void ifm_experiment_bounds(const struct ifm_plan *plan, size_t arms, int64_t *least_ns,
                           int64_t *most_ns)
{
    ifm_plan_bounds(plan, least_ns, most_ns);
    *least_ns *= (int64_t)arms;
    *most_ns *= (int64_t)arms;
    if (arms > 1) { /* the pauses between the last of one arm and the first of the next */
        *least_ns += plan->cooldown_ns * ((int64_t)arms - 1);
        *most_ns += plan->cooldown_ns * ((int64_t)arms - 1);
    }
}

int64_t ifm_experiment_left(const struct ifm_plan *plan, int64_t done, int64_t spent_ns,
                            int64_t left)
{
    return done > 0 && left > 0 ? left * (spent_ns / done + plan->cooldown_ns) : 0;
}
