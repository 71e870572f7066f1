/* The trust verdict of a run: were the conditions fit for measuring? Trusted, caution or untrusted, with
 * machine-readable findings and a remedy for each. Command line and daemon both compute it here, from raw
 * samples and from what the samplers read; nobody's verdict is taken over. Verification of outputs is another
 * column and not looked at.
 *
 * A source that a machine has not never lowers the verdict: it is named in `unobserved`.
 * Threading: pure functions. Ownership: ifm_trust_done frees what assess allocated. Thresholds: 7.8 of the
 * method; each stands in the table of trust_rules.c beside its code, sentence and remedy. */
#ifndef IFM_TRUST_H
#define IFM_TRUST_H

#include "core/msg.h"
#include "core/summary.h"

/* X(symbol, code): add at the end only, codes are stored. */
#define IFM_TRUST_CODES(X)                             \
    X(FEW_INVOCATIONS, "few_invocations")   /* note: no interval */ \
    X(FAILED_INVOCATIONS, "failed_invocations")        \
    X(BETWEEN_SPREAD, "between_spread")     /* CoV of invocation medians > 5 % */ \
    X(WITHIN_SPREAD, "within_spread")       /* (P75 - P25) / P50 > 10 % */ \
    X(OUTLIERS, "outliers")                 /* > 1 % beyond 14.8 MAD and 5 % of P50 */ \
    X(AUTOCORRELATION, "autocorrelation")   /* r1 > 0.4 of a spread > 1 % */ \
    X(DRIFT, "drift")                                  \
    X(NOT_STEADY, "not_steady")             /* slowdown or no steady state */ \
    X(WARMUP_NOT_CONVERGED, "warmup_not_converged")    \
    X(LATE_WARMUP, "late_warmup")           /* MSER-5 would drop > 10 % */ \
    X(THROTTLED, "throttled")                          \
    X(FREQUENCY, "frequency")               /* clock of busy cores < 95 % of the start */ \
    X(STEAL, "steal")                       /* > 1 % */ \
    X(CO_LOAD, "co_load")                   /* others used > 0.5 core, or PSI some > 5 % */ \
    X(PREEMPTED, "preempted")               /* involuntary switches > 0.1 an iteration, > 10 a second */ \
    X(MAJOR_FAULTS, "major_faults")                    \
    X(CLOCK_MISMATCH, "clock_mismatch")     /* MONOTONIC against RAW: > 0.1 % caution, > 1 % untrusted */ \
    X(SUSPENDED, "suspended")                          \
    X(GENERATOR_LATE, "generator_late")     /* P99 lateness > max(1 ms, 5 % of the bound or period) */ \
    X(MAXIMUM_REACHED, "maximum_reached")   /* timed phase cut before its minimum */ \
    X(NONDETERMINISTIC, "nondeterministic")            \
    X(MEMORY_LIMIT, "memory_limit")                    \
    X(BATCHED, "batched")                   /* note: no per-call percentile */ \
    X(SAMPLER_SPARSE, "sampler_sparse")     /* note */ \
    X(FEW_SAMPLES, "few_samples")           /* note: P99 needs more */ \
    X(SANDBOX_OFF, "sandbox_off")           /* note */ \
    X(COLD_NOT_PROVEN, "cold_not_proven")   /* C0 asked, pages were resident */ \
    X(TARGET_NOT_REACHED, "target_not_reached") /* --until: hard maximum came first */ \
    X(OVERLOADED, "overloaded")             /* open loop: completions fell behind the schedule */ \
    X(EMULATED, "emulated")                 /* an emulator ran the processor's instructions */
enum ifm_trust_code {
#define X(symbol, code) IFM_TRUST_##symbol,
    IFM_TRUST_CODES(X)
#undef X
        IFM_TRUST_CODE_COUNT
};
const char *ifm_trust_code_name(enum ifm_trust_code code);
const char *ifm_trust_remedy(enum ifm_trust_code code);

enum ifm_trust_state { IFM_TRUST_NOT_ASSESSED, IFM_TRUST_TRUSTED, IFM_TRUST_CAUTION, IFM_TRUST_UNTRUSTED };
enum ifm_trust_severity { IFM_TRUST_NOTE_LEVEL, IFM_TRUST_CAUTION_LEVEL, IFM_TRUST_UNTRUSTED_LEVEL };

struct ifm_trust_item { /* one invocation; both borrowed */
    const struct ifm_msg_invocation *body;      /* its samples may be gone */
    const struct ifm_invocation_stats *stats;   /* NULL: it has none */
};
struct ifm_trust {
    enum ifm_trust_state state;
    struct ifm_list findings;     /* ifm_msg_finding, worst first */
    struct ifm_strings unobserved; /* "clock", "temperature", "throttling", "steal", "energy", "pressure" */
};
/* run: config, planned and scenario are read. IFM_ERR_NOMEM alone can fail. Runs without ok invocations are
 * untrusted with failed_invocations. */
int ifm_trust_assess(const struct ifm_msg_run *run, const struct ifm_trust_item *items, size_t count,
                     struct ifm_trust *out, struct ifm_err *err);
/* Moves the result into run->trust, trust_reasons ("code: Text. Remedy."), trust_findings and trust_unobserved,
 * replacing what stood there. */
int ifm_trust_store(struct ifm_trust *trust, struct ifm_msg_run *run, struct ifm_err *err);
void ifm_trust_done(struct ifm_trust *trust);
/* "trusted; clock, temperature not observed" or "caution: drift, steal": one line for tables. */
void ifm_trust_line(const struct ifm_msg_run *run, char *text, size_t size);

#endif
