/* How many calls make one sample, so that the clock's own steps do not show in it.
 *
 * Method: measurement.md 1.2: where the P50 of the warm-up is below 100 times the floor, the larger
 * of the clock's resolution and overhead, b = ceil(100 * floor / P50) calls are timed together. A
 * P50 that short is mostly the clock read itself, so that a batch of b would still be too short: it
 * is run and made larger until it is long enough. Threading: the measuring thread, before the timed
 * phase. Errors: none of its own. */
#ifndef IFM_BATCH_H
#define IFM_BATCH_H

#include "agents/worker/loop.h"

#define IFM_BATCH_FLOORS 100     /* a sample is at least so many floors long */
#define IFM_BATCH_MOST   1000000 /* calls */

/* 1: one call is long enough, or either is not known. */
int64_t ifm_batch_calls(int64_t p50_ns, int64_t floor_ns);

struct ifm_batch {
    int64_t calls;     /* in one sample */
    int64_t sample_ns; /* how long one takes */
    int status;        /* of a run that failed; 0 */
};
/* Tries what the rule says with `loop`, whose samples need room for three. */
void ifm_batch_settle(const struct ifm_loop *loop, int64_t p50_ns, int64_t floor_ns,
                      struct ifm_batch *out);

#endif
