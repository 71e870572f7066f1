/* A run as it is shown: its facts, its invocations without their samples, and the numbers made from
 * those samples with core/summary.h. Made while measuring, from the local store, or from a daemon's
 * bodies: all three give the same numbers, because all start from raw samples.
 *
 * Threading: one thread. Ownership: a view owns everything in it; ifm_view_done frees. */
#ifndef IFM_VIEW_H
#define IFM_VIEW_H

#include "core/energy.h"
#include "core/msg.h"
#include "core/scenario.h"
#include "core/summary.h"

/* Counts of latencies by magnitude: 32 steps in each doubling, 1 ns to 2^40 ns. */
#define IFM_HISTOGRAM_STEPS 32
#define IFM_HISTOGRAM_BINS  (40 * IFM_HISTOGRAM_STEPS)
struct ifm_view_histogram {
    uint32_t counts[IFM_HISTOGRAM_BINS];
    uint64_t total;
};

struct ifm_view_invocation {
    struct ifm_msg_invocation body; /* its samples are gone */
    struct ifm_invocation_stats stats;
    bool has_stats;
    struct ifm_scenario_figures figures; /* where the run's scenario is not single */
};
struct ifm_view_energy { /* medians over the ok invocations that count it */
    bool known;
    double gross_uj, net_uj, mean_uw;   /* per inference; net NAN: idle power not measured */
    bool few;                           /* too few updates in one of them */
    char coverage[IFM_ENERGY_TEXT_MAX]; /* which rails, of the first */
};
struct ifm_view {
    struct ifm_msg_run run;
    bool closed; /* run.json is final */
    struct ifm_view_invocation *items;
    size_t count, ok;
    double *values[IFM_METRIC_COUNT]; /* one per ok invocation, in order of time */
    struct ifm_estimate metrics[IFM_METRIC_COUNT];
    struct ifm_view_energy energy;
    bool has_scenario;                    /* not single: `scenario` says something */
    struct ifm_scenario_figures scenario; /* of the run */
    unsigned scenario_percentile;         /* of its bound, per 10,000 */
    int64_t window_ns; /* sustained: width of the windows; 0 before the first: a twentieth of it */
    struct ifm_scenario_window *windows; /* of the first ok invocation; NULL: not sustained */
    size_t window_count;
    struct ifm_view_histogram *histogram; /* steady samples of ok invocations; NULL: not wanted */
};

int ifm_view_init(struct ifm_view *view, bool histogram);
void ifm_view_done(struct ifm_view *view);
/* Takes the body (it is zeroed), computes its statistics, frees its samples. IFM_ERR_INVALID for a
 * sample block that does not decode. */
int ifm_view_add(struct ifm_view *view, struct ifm_msg_invocation *body, struct ifm_err *err);
/* After the last one: numbers of the run, its verification and the trust verdict, which replace
 * those in view->run. May be called again after more were added. */
int ifm_view_compute(struct ifm_view *view, struct ifm_err *err);
int ifm_view_numbers(struct ifm_view *view, struct ifm_err *err); /* the numbers alone */
int ifm_view_load(struct ifm_view *view, const char *folder, struct ifm_err *err);
double ifm_view_value(const struct ifm_view_invocation *invocation, enum ifm_metric metric);
/* One value for each round of an experiment, NAN where the invocation failed or was not made: two
 * runs pair by this. rounds_made: highest number of an invocation, and one. */
void ifm_view_rounds(const struct ifm_view *view, enum ifm_metric metric, double *values,
                     size_t rounds);
size_t ifm_view_rounds_made(const struct ifm_view *view);
/* Median of iterations over ok invocations. */
int64_t ifm_view_iterations(const struct ifm_view *view);
/* Latency below which `part` of the histogram lies; 0 when it is empty. */
double ifm_view_histogram_quantile(const struct ifm_view_histogram *histogram, double part);
size_t ifm_view_histogram_bin(int64_t ns);
double ifm_view_histogram_low(size_t bin);

#endif
