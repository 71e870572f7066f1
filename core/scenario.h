/* The figures of a scenario, from raw samples: rate achieved, missed deadlines, the generator's health,
 * windows over time, the knee of a sustained run, and MLPerf's early stopping. The one implementation that
 * command line and daemon share. How a scenario is carried out: agents/worker/scenario.h.
 *
 * Words. Latency counts from the intended start (open loop, paced). Lateness is the generator's fault alone:
 * actual start less the moment at which the query would have started, had every query before it been issued
 * on time. A query that waits because the runtime is busy has latency, not lateness; where that queue is twenty
 * times longer than the lateness, it takes it over.
 *
 * Threading: pure functions. Ownership: inputs are borrowed, results hold no pointers. Sources: measurement.md
 * 3.5 and 4 of the method; loadgen's early_stopping.cc (Apache-2.0) for the early stopping. */
#ifndef IFM_SCENARIO_FIGURES_H
#define IFM_SCENARIO_FIGURES_H

#include "core/msg.h"
#include "core/summary.h"

/* Inferences of the timed phase: what costs are divided by. Queries of several count as several. */
int64_t ifm_scenario_inferences(const struct ifm_msg_invocation *body);

#define IFM_SCENARIO_WINDOWS_MAX 600
#define IFM_SCENARIO_WINDOWS     60 /* where no width is asked for */
#define IFM_SCENARIO_CONFIDENCE  0.99
#define IFM_SCENARIO_LATE_NS     INT64_C(1000000) /* lateness that is always allowed */
#define IFM_SCENARIO_LATE_SHARE  0.05 /* … and the part of the bound or period that is */
#define IFM_SCENARIO_KNEE        1.05 /* P50 after over P50 before: a knee */

/* -- What was asked ----------------------------------------------------------------------------- */
struct ifm_scenario_setup {
    int kind;              /* enum ifm_scenario_kind */
    int64_t streams;       /* multi, offline; at least 1 */
    int64_t batch;         /* items of one inference; at least 1 */
    double rate_per_s;     /* server; NAN */
    int arrival;           /* server: 0 Poisson, 1 fixed */
    int64_t period_ns;     /* paced; 0 */
    int64_t bound_ns;      /* 0: none */
    unsigned percentile;   /* of the bound, per 10,000; 9900 where none was given */
};
/* Keys of a run's config map: scenario (absent: single), streams, batch, rate, arrival, period_ns, bound_ns,
 * bound_percentile. What cannot be read counts as absent. */
void ifm_scenario_from_config(const struct ifm_map *config, struct ifm_scenario_setup *out);
const char *ifm_scenario_name(int kind); /* a word of IFM_SCENARIO_CHOICES; "single" for what is none */
/* "10ms@p99", "5ms@p99.9", "10ms" (of p99). IFM_ERR_USAGE with a sentence. */
int ifm_scenario_parse_bound(const char *text, int64_t *bound_ns, unsigned *percentile,
                             struct ifm_err *err);
/* P99 of lateness above this makes a run invalid: max(1 ms, 5 % of bound or period). */
int64_t ifm_scenario_late_limit(const struct ifm_scenario_setup *setup);

/* Open loop and paced: n completions came clearly slower than the schedule asked. */
bool ifm_scenario_fell_behind(const struct ifm_scenario_setup *setup, double achieved_per_s, size_t n);

/* -- One invocation ----------------------------------------------------------------------------- */
struct ifm_scenario_input {       /* in time order */
    const int64_t *latency_ns;    /* n */
    const int64_t *lateness_ns;   /* n; NULL: closed loop */
    const int64_t *gaps_ns;       /* n, as in struct ifm_msg_block; NULL: each began where the one before ended */
    size_t n;
    int64_t steady_ns;            /* wall time of the timed phase */
    int64_t batch_calls;          /* calls in one sample; 0: 1 */
    int64_t unfinished;           /* queries without an answer: slower than any bound; negative: 0 */
};
struct ifm_scenario_figures {
    int kind;
    double rate_per_s;            /* offered; NAN */
    double achieved_per_s;        /* queries (offline: items) over the timed phase; NAN */
    int64_t queries, unfinished;
    int64_t period_ns;
    int64_t missed;               /* paced: latency above the period, and unfinished */
    double missed_share;          /* NAN: not paced */
    int64_t bound_ns, over_bound; /* bound 0: none; unfinished are over it */
    int64_t at_bound_ns;          /* the bound's percentile; INT64_MAX: beyond the finished ones; -1 */
    bool passed;                  /* the bound holds with 99 % confidence (early stopping, server form) */
    int64_t early_ns;             /* early-stopping estimate of the bound's percentile; -1: too few */
    int64_t lateness_p99_ns;      /* -1: closed loop */
    bool valid;                   /* the generator was on time */
    bool overloaded;              /* completions fell behind the schedule */
    char reason[160];             /* why not valid, or overloaded; one sentence, "" */
    int64_t knee_ns;              /* sustained: from then on slower; -1: none */
    int64_t first_p50_ns, last_p50_ns; /* per call, first and last minute (third, where it is shorter); -1 */
};
/* scratch holds n values and is overwritten. */
void ifm_scenario_assess(const struct ifm_scenario_setup *setup, const struct ifm_scenario_input *in,
                         int64_t *scratch, struct ifm_scenario_figures *out);
/* Of a run: medians over its invocations; sums of what is counted; the worst lateness; valid and passed where
 * all are. count 0 gives figures that say nothing. */
void ifm_scenario_merge(const struct ifm_scenario_setup *setup, const struct ifm_scenario_figures *items,
                        size_t count, struct ifm_scenario_figures *out);

/* -- Windows over time -------------------------------------------------------------------------- */
struct ifm_scenario_window {
    int64_t t_ns;          /* begin, from the begin of the timed phase */
    int64_t n;             /* samples that started in it */
    int64_t p50_ns, p90_ns; /* per call; -1: none */
    int64_t lateness_p99_ns; /* -1: closed loop or none */
};
/* width 0: IFM_SCENARIO_WINDOWS of them; raised where more than IFM_SCENARIO_WINDOWS_MAX would be needed, and
 * then says so. windows has room for IFM_SCENARIO_WINDOWS_MAX. Returns their number. */
size_t ifm_scenario_windows(const struct ifm_scenario_input *in, int64_t *width_ns, int64_t *scratch,
                            struct ifm_scenario_window *windows);
/* Begin of the window from which on P50 stays IFM_SCENARIO_KNEE slower; -1: none. */
int64_t ifm_scenario_knee(const struct ifm_scenario_window *windows, size_t count);

/* -- MLPerf early stopping (3.5), confidence IFM_SCENARIO_CONFIDENCE ----------------------------- */
/* Least h with P(Bin(h + t, 1 - p) <= t) < 1 - confidence: queries that must be under when t are over. */
int64_t ifm_scenario_early_h(int64_t t, double p);
int64_t ifm_scenario_early_least(double p); /* queries needed for an estimate: h(1) + 1 */
/* Most t >= 1 with h(t) + t <= n; 0: too few queries. */
int64_t ifm_scenario_early_t(int64_t n, double p);
/* SingleStream, MultiStream: sorted[n - t]; -1: too few. */
int64_t ifm_scenario_early_estimate(const int64_t *sorted, size_t n, unsigned per_10000);
/* Server: n queries of which `over` were over the bound. */
bool ifm_scenario_early_pass(int64_t n, int64_t over, unsigned per_10000);

#endif
