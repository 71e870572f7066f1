/* From the blocks of one invocation to its statistics: decodes every block, refuses what cannot be samples,
 * and recomputes the steady phase's rollup, because the daemon never trusts a client's summary. Not a store:
 * it only looks at the body.
 *
 * Threading: safe; each thread keeps its own decode space (grown as needed, freed when the thread ends).
 * Ownership: the body stays the caller's; blocks made from plain latencies are allocated into it and go
 * with ifm_json_free. */
#ifndef IFM_ROLLUP_H
#define IFM_ROLLUP_H

#include "core/msg.h"
#include "core/summary.h"

#define IFM_ROLLUP_LATENCY_MAX_NS INT64_C(3600000000000) /* one hour */

/* Checks lanes, energy (ifm_lanes_check) and all blocks of both phases and fills *stats from the steady ones, in time order. *has_stats is false
 * when the invocation has no steady sample (a failed one may have none; an ok one must).
 * Plain body->latency_ns is turned into blocks in body->samples and then emptied, so that a store sees one
 * form; body->iterations 0 is then set to the number of samples.
 * IFM_ERR_INVALID with err->where a JSON pointer ("/samples/3/block") for: a block that does not decode, a
 * latency or lateness outside 0..1 h, negative gaps where there is no lateness, lateness in some steady blocks only,
 * counts that differ from the block's own, first indexes that are not
 * contiguous per phase, blocks out of phase order, iterations that differ from samples x batch_calls,
 * warmup_iterations that differ from the samples, both samples and latency_ns. IFM_ERR_TOO_LARGE for more than IFM_RUN_SAMPLES_MAX samples.
 * About 20 us for 1,000 samples. */
int ifm_rollup(struct ifm_msg_invocation *body, struct ifm_invocation_stats *stats, bool *has_stats,
               struct ifm_err *err);

#endif
