/* What the files of core/trust.h share: the measures of one invocation, as the rules of trust.c
 * name them. Threading: pure functions. Ownership: everything is borrowed. */
#ifndef IFM_TRUST_PARTS_H
#define IFM_TRUST_PARTS_H

#include "core/scenario.h"
#include "core/trust.h"

struct ifm_trust_setup { /* of the run, from its configuration */
    struct ifm_scenario_setup scenario;
    int64_t memory_limit_bytes; /* 0: none */
};

/* What one invocation shows is amount / per; false: it was not observed. Where single invocations
 * say little, the sums of both over all invocations are divided. */
typedef bool ifm_trust_measure(const struct ifm_trust_setup *setup,
                               const struct ifm_trust_item *item, double *amount, double *per);

ifm_trust_measure ifm_trust_within_spread, ifm_trust_outliers, ifm_trust_autocorrelation,
    ifm_trust_drift, ifm_trust_not_steady, ifm_trust_warmup_cap, ifm_trust_late_warmup,
    ifm_trust_heat, ifm_trust_quota, ifm_trust_cooling, ifm_trust_frequency, ifm_trust_steal,
    ifm_trust_others, ifm_trust_cpu_pressure, ifm_trust_memory_pressure, ifm_trust_preempted,
    ifm_trust_major_faults, ifm_trust_clock, ifm_trust_suspended, ifm_trust_lateness,
    ifm_trust_maximum, ifm_trust_nondeterministic, ifm_trust_memory, ifm_trust_batched,
    ifm_trust_sparse, ifm_trust_few_samples, ifm_trust_cold, ifm_trust_overloaded;

struct ifm_trust_assessment {
    struct ifm_trust_setup setup;
    struct ifm_trust_item *ok; /* invocations that count, in the order of their numbers */
    size_t k;
    double *values; /* room for one number per invocation */
    struct ifm_trust *out;
    int rc; /* 0 or IFM_ERR_NOMEM */
};
/* Adds a finding; of two with one code the worse stays. */
void ifm_trust_find(struct ifm_trust_assessment *a, enum ifm_trust_code code,
                    enum ifm_trust_severity severity, size_t invocations, double value,
                    double limit, const char *text);
/* The rules over what each invocation shows. */
void ifm_trust_apply_rules(struct ifm_trust_assessment *a);

/* One metric of an invocation, NAN where it has none: what --until can aim at. */
double ifm_trust_value(const struct ifm_trust_item *item, enum ifm_metric metric);
/* Whether a sampler read this lane before or in the timed phase, and again in it or after it. */
bool ifm_trust_has_lane(const struct ifm_msg_invocation *body, const char *sampler,
                        const char *lane);

#endif
