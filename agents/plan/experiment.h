/* How the invocations of several runs (arms) are interleaved: rounds, each of which measures every
 * arm once in an order of its own. The order of runs matters more than the test made of them: with
 * all of A before all of B a warming machine is a difference (method, 5.3).
 *
 * Threading: pure functions. Ownership: arrays are the caller's. */
#ifndef IFM_EXPERIMENT_H
#define IFM_EXPERIMENT_H

#include <stddef.h>
#include <stdint.h>

#include "agents/plan/plan.h"

#define IFM_EXPERIMENT_ARMS_MAX 64

/* order[0 .. arms) becomes a permutation of 0 .. arms-1, drawn uniformly; the same for the same
 * seed, round and number of arms, whatever was asked before. */
void ifm_experiment_round(uint64_t seed, int64_t round, size_t arms, uint32_t *order);
/* Seed of the order that an experiment's UUID stands for: below 2^53, so exact in any reader of
 * JSON. */
int64_t ifm_experiment_seed(const char *uuid);

/* Before anything is known: least and most nanoseconds for `arms` runs of this plan, pauses
 * included. */
void ifm_experiment_bounds(const struct ifm_plan *plan, size_t arms, int64_t *least_ns,
                           int64_t *most_ns);
/* What is left: `left` invocations, when `done` took spent_ns without their pauses. 0: not known.
 */
int64_t ifm_experiment_left(const struct ifm_plan *plan, int64_t done, int64_t spent_ns,
                            int64_t left);

#endif
