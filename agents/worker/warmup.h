/* Warm-up: runs that are made, timed and reported as a phase of their own, but never counted as
 * steady.
 *
 * Threading: the measuring thread. Ownership: the array in the result is the caller's, to be given
 * to ifm_loop_array_done after the steady phase, so that nothing is formatted between the two. */
#ifndef IFM_WARMUP_H
#define IFM_WARMUP_H

#include "agents/worker/loop.h"

#define IFM_WARMUP_LEAST 3     /* inferences, where warm-up goes by time */
#define IFM_WARMUP_KEEP  65536 /* samples that are recorded; further ones are only counted */

struct ifm_warmup {
    struct ifm_loop_array array;
    size_t recorded;    /* samples in the array */
    int64_t iterations; /* inferences made */
    int64_t begin_ns, end_ns;
    int64_t p50_ns; /* of the latest recorded samples: what the steady array is sized by */
    int status;     /* of a run that failed; 0 */
};

/* Runs exactly `iterations`, or, when that is 0, at least `least_ns` and IFM_WARMUP_LEAST
 * inferences. `loop` gives run, sync and state. Returns an error only when memory is missing; a
 * failed run is in `status`. */
int ifm_warmup_run(const struct ifm_loop *loop, int64_t iterations, int64_t least_ns,
                   struct ifm_warmup *out, struct ifm_err *err);

#endif
