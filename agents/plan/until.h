/* Stopping by precision: targets like "p50 within 1 %", judged by the interval over invocations. A
 * target is reached when half the width of that interval, as a part of the value, is at most the
 * asked share; below IFM_INTERVAL_MIN_K invocations there is no interval, so never.
 *
 * Threading: pure functions. Ownership: structs hold no pointers. */
#ifndef IFM_UNTIL_H
#define IFM_UNTIL_H

#include "core/err.h"
#include "core/summary.h"

#define IFM_TARGETS_MAX 8

struct ifm_target {
    enum ifm_metric metric;
    double share; /* 0.01: one per cent */
};
struct ifm_target_state {
    double share; /* now; NAN: no interval yet */
    bool reached;
    bool countable; /* false: a percentile whose invocations have too few samples, more of them do
                       not help */
    int64_t
        needed; /* invocations that would reach it, as widths shrink with 1/sqrt(K); 0: not known */
};

/* "p50:1%,p99:5%"; IFM_ERR_USAGE names what is wrong. */
int ifm_targets_parse(const char *text, struct ifm_target targets[IFM_TARGETS_MAX], size_t *count,
                      struct ifm_err *err);
void ifm_target_judge(const struct ifm_target *target, const struct ifm_estimate *estimate,
                      struct ifm_target_state *out);
/* Samples that each invocation needs for a metric: 459 for P99, 44 for P90, else 1. */
int64_t ifm_target_samples(enum ifm_metric metric);

#endif
