/* From raw samples to the numbers people read; the one implementation that command line and daemon
 * share. An invocation is one value of each metric; a run's number is the median over its
 * invocations and its interval the exact order-statistic interval over them (K >= 6).
 * Within-process intervals are details.
 *
 * Threading: pure functions. Ownership: inputs are borrowed, results hold no pointers. */
#ifndef IFM_SUMMARY_H
#define IFM_SUMMARY_H

#include <stdbool.h>
#include "core/stat.h"
#include "core/steady.h"

/* X(symbol, word typed, field, unit, less is better): the metrics of a run, one table for command line, store
 * and API. Add at the end only. */
#define IFM_METRICS(X)                                                                             \
    X(P50, "p50", "p50_ns", "ns", true)                                                            \
    X(P90, "p90", "p90_ns", "ns", true)                                                            \
    X(P99, "p99", "p99_ns", "ns", true)                                                            \
    X(THROUGHPUT, "throughput", "throughput_per_s", "1/s", false)                                  \
    X(LOAD, "load", "load_ns", "ns", true)                                                         \
    X(FIRST, "first", "first_inference_ns", "ns", true)                                            \
    X(RSS, "rss", "peak_rss_bytes", "bytes", true)                                                 \
    X(CPU, "cpu", "cpu_ns_per_inference", "ns", true)                                              \
    X(ENERGY, "energy", "energy_uj_per_inference", "uJ", true) /* gross, over the counted rails */
enum ifm_metric {
#define X(symbol, word, field, unit, less) IFM_METRIC_##symbol,
    IFM_METRICS(X)
#undef X
        IFM_METRIC_COUNT
};
struct ifm_metric_row {
    const char *word, *field, *unit;
    bool less_is_better;
};
extern const struct ifm_metric_row ifm_metrics[IFM_METRIC_COUNT];

#define IFM_INTERVAL_MIN_K 6 /* invocations needed for a 95 % interval of the median */

struct ifm_invocation_stats {
    int64_t n;
    int64_t p50_ns, p90_ns, p99_ns, min_ns, max_ns;
    int64_t p50_low_ns, p50_high_ns; /* within this process, binomial 95 %; -1 where not bounded */
    bool p90_enough, p99_enough;     /* reporting policy */
    double mean_ns, sd_ns;           /* sd NAN for n < 2 */
    double p50_interp_ns, p90_interp_ns, p99_interp_ns; /* numpy "linear", for parity with Python */
    double throughput_per_s; /* n over the timed phase's wall time (or the sum of latencies) */
    double autocorrelation;  /* lag 1, that of steady: outliers count as the median */
    struct ifm_steadiness steady;
    int64_t batch_calls;     /* calls in one sample; all times above are per call, percentiles beyond P50 are then
                                those of batches and their `enough` is false */
    int64_t lateness_p99_ns; /* of the generator; -1: closed loop */
    int64_t lateness_max_ns;
};
/* What one invocation recorded, in time order. */
struct ifm_samples {
    const int64_t *latency_ns;  /* n; of a batch where batch_calls > 1 */
    const int64_t *lateness_ns; /* n; NULL: closed loop */
    size_t n;
    int64_t steady_ns;          /* wall time of the timed phase; 0: not known */
    int64_t batch_calls;        /* 0 or 1: single calls */
    int64_t resolution_ns;      /* of the clock; 0: not known */
};
/* scratch holds n values and is overwritten. */
void ifm_summary_samples(const struct ifm_samples *samples, int64_t *scratch,
                         struct ifm_invocation_stats *out);
/* The same for plain latencies of single calls. */
void ifm_summary_invocation(const int64_t *values, int64_t *scratch, size_t n, int64_t steady_ns,
                            struct ifm_invocation_stats *out);

struct ifm_estimate { /* one metric of a run */
    double value;     /* median over invocations; NAN: no invocation has it */
    double low, high; /* 95 %, exact order statistics; NAN when there is no interval */
    double coverage;  /* exact coverage of that interval */
    size_t k;         /* invocations that gave a value */
    size_t needed;    /* how many more would give an interval; 0 when there is one */
    bool enough;      /* each invocation had the samples that the percentile needs; set true here,
                         whoever knows the sample counts clears it */
};
/* values: one per invocation, NAN where absent; they are reordered. */
void ifm_summary_estimate(double *values, size_t count, struct ifm_estimate *out);

/* Half the width of the interval as a part of the value; NAN without one. What --until aims at. */
double ifm_summary_half_width(const struct ifm_estimate *estimate);

enum ifm_verdict {
    IFM_VERDICT_INCONCLUSIVE,
    IFM_VERDICT_EQUIVALENT,
    IFM_VERDICT_IMPROVEMENT,
    IFM_VERDICT_REGRESSION
};
const char *ifm_verdict_name(enum ifm_verdict verdict); /* "inconclusive", … */

struct ifm_comparison_result { /* B against A, one metric where less is better */
    double ratio;              /* exp of the Hodges-Lehmann shift of logarithms: B / A */
    double low, high;          /* 95 % of the ratio; NAN when not bounded */
    double delta;              /* what counts as a change, e.g. 0.02 */
    size_t k_a, k_b;
    enum ifm_verdict verdict; /* regression: low > 1+delta; improvement: high < 1-delta; equivalent:
                                 both bounds inside; else, or without bounds, inconclusive */
};
/* One positive value per invocation; less_is_better false (throughput) turns the verdict round. Not
 * paired: for runs made one after the other. */
void ifm_summary_compare(const double *a, size_t k_a, const double *b, size_t k_b, double delta,
                         bool less_is_better, struct ifm_comparison_result *out);
/* The same for interleaved runs: a[i] and b[i] are of the same round; Hodges-Lehmann over the paired log
 * ratios, exact signed-rank interval at 95 %. Pairs with a NAN are left out. */
void ifm_summary_compare_paired(const double *a, const double *b, size_t k, double delta,
                                bool less_is_better, struct ifm_comparison_result *out);
/* Smallest change, as a part, that a comparison with k pairs whose log ratios have this standard deviation would
 * have shown in four of five cases (80 % power at two-sided 5 %); NAN for k < 2. */
double ifm_summary_detectable(double sd_log_ratio, size_t k);
/* The same from the values: paired by index (NAN leaves a pair out), or of two runs made one after the other. Taken
 * from the width of the interval that the comparison has, so that one odd invocation does not blow it up. NAN where
 * there is no interval (below six pairs, or four in each run): then no change would have been seen. */
double ifm_summary_detectable_of(const double *a, size_t k_a, const double *b, size_t k_b, bool paired);

#endif
