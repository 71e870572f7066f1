/* Warm-up: runs that are made, timed and reported as a phase of their own, but never counted as
 * steady.
 *
 * It ends by convergence (measurement.md 2.4): the medians of the last three windows lie within 2 %
 * of each other, or within one tick of the clock. A window is 10 runs and 100 ms, whichever is
 * longer; windows are judged between two runs, never inside a timed one. What does not converge
 * ends at a cap and is measured all the same. Threading: the measuring thread. Ownership: the array
 * in the result is the caller's, to be given to ifm_loop_array_done after the steady phase, so that
 * nothing is formatted between the two. */
#ifndef IFM_WARMUP_H
#define IFM_WARMUP_H

#include <stdbool.h>
#include "agents/worker/loop.h"

#define IFM_WARMUP_KEEP         65536 /* samples that are recorded; further ones are only counted */
#define IFM_WARMUP_WINDOW_RUNS  10
#define IFM_WARMUP_WINDOW_NS    ((int64_t)100000000)
#define IFM_WARMUP_WINDOWS      3 /* that must agree */
#define IFM_WARMUP_MOST_NS      ((int64_t)30000000000)
#define IFM_WARMUP_MOST_RUNS    1000 /* the cap is also reached with both of these */
#define IFM_WARMUP_MOST_WINDOWS 10

struct ifm_warmup_rule {
    int64_t iterations; /* exactly so many; 0: until it converges */
    int64_t least_ns;   /* at least this long */
    int64_t most_ns;    /* cap; 0: IFM_WARMUP_MOST_NS; never below least_ns */
    int64_t tick_ns;    /* resolution of the clock */
};

enum ifm_warmup_end {
    IFM_WARMUP_FIXED,
    IFM_WARMUP_CONVERGED,
    IFM_WARMUP_CAP
}; /* as IFM_WARMUP_END_CHOICES */

struct ifm_warmup {
    struct ifm_loop_array array;
    size_t recorded;    /* samples in the array */
    int64_t iterations; /* inferences made */
    int64_t begin_ns, end_ns;
    int64_t p50_ns; /* of the latest window: what the steady array is sized by */
    int status;     /* of a run that failed; 0 */
    enum ifm_warmup_end end;
};

/* `loop` gives run, sync and state. Returns an error only when memory is missing; a failed run is
 * in `status`. A cap ends also a window that has not its 10 runs, after the run it falls into. */
int ifm_warmup_run(const struct ifm_loop *loop, const struct ifm_warmup_rule *rule,
                   struct ifm_warmup *out, struct ifm_err *err);

/* Whether the medians of IFM_WARMUP_WINDOWS windows agree. */
bool ifm_warmup_agree(const int64_t medians[IFM_WARMUP_WINDOWS], int64_t tick_ns);

#endif
