#include "core/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define INTERVAL_ALPHA 0.05

/* -- One invocation ---------------------------------------------------------------------------- */

/* Ranks of the 95 % interval of the median for n samples. Runs come in with few different n, and a
 * rank costs some evaluations of the incomplete beta function, so each thread remembers the last
 * few answers. */
const struct ifm_metric_row ifm_metrics[IFM_METRIC_COUNT] = {
#define X(symbol, word, field, unit, less) { word, field, unit, less },
    IFM_METRICS(X)
#undef X
};

static void median_ranks(size_t n, size_t *low, size_t *high)
{
    enum { WAYS = 16 };
    static _Thread_local struct {
        size_t n, low, high;
    } known[WAYS];
    size_t way = n % WAYS;
    if (known[way].n != n) {
        ifm_stat_quantile_ranks(n, 0.5, INTERVAL_ALPHA, &known[way].low, &known[way].high);
        known[way].n = n;
    }
    *low = known[way].low;
    *high = known[way].high;
}

void ifm_summary_invocation(const int64_t *values, int64_t *scratch, size_t n, int64_t steady_ns,
                            struct ifm_invocation_stats *out)
{
    memset(out, 0, sizeof *out);
    out->n = (int64_t)n;
    out->p50_low_ns = out->p50_high_ns = -1;
    ifm_stat_moments(values, n, &out->mean_ns, &out->sd_ns, &out->autocorrelation);
    out->p50_interp_ns = out->p90_interp_ns = out->p99_interp_ns = out->throughput_per_s = NAN;
    if (n == 0)
        return;
    double total_ns = steady_ns > 0 ? (double)steady_ns : out->mean_ns * (double)n;
    if (total_ns > 0.0)
        out->throughput_per_s = (double)n * 1e9 / total_ns;

    memcpy(scratch, values, n * sizeof *values);
    ifm_stat_sort(scratch, n);
    out->min_ns = scratch[0];
    out->max_ns = scratch[n - 1];
    out->p50_ns = ifm_stat_percentile(scratch, n, 5000);
    out->p90_ns = ifm_stat_percentile(scratch, n, 9000);
    out->p99_ns = ifm_stat_percentile(scratch, n, 9900);
    out->p90_enough = ifm_stat_enough(n, 9000);
    out->p99_enough = ifm_stat_enough(n, 9900);
    out->p50_interp_ns = ifm_stat_percentile_linear(scratch, n, 0.50);
    out->p90_interp_ns = ifm_stat_percentile_linear(scratch, n, 0.90);
    out->p99_interp_ns = ifm_stat_percentile_linear(scratch, n, 0.99);
    size_t low, high;
    median_ranks(n, &low, &high);
    if (low)
        out->p50_low_ns = scratch[low - 1];
    if (high)
        out->p50_high_ns = scratch[high - 1];
}

/* -- A run ------------------------------------------------------------------------------------- */

void ifm_summary_estimate(double *values, size_t count, struct ifm_estimate *out)
{
    size_t k = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[k++] = values[i];
    *out = (struct ifm_estimate){ .value = ifm_stat_median(values, k),
                                  .low = NAN,
                                  .high = NAN,
                                  .coverage = NAN,
                                  .k = k,
                                  .enough = true };
    if (k < IFM_INTERVAL_MIN_K) {
        out->needed = IFM_INTERVAL_MIN_K - k;
        return;
    }
    size_t low, high;
    out->coverage = ifm_stat_quantile_ranks(k, 0.5, INTERVAL_ALPHA, &low, &high);
    out->low = values[low - 1];
    out->high = values[high - 1];
}

/* -- Two runs ---------------------------------------------------------------------------------- */

const char *ifm_verdict_name(enum ifm_verdict verdict)
{
    switch (verdict) {
    case IFM_VERDICT_EQUIVALENT:
        return "equivalent";
    case IFM_VERDICT_IMPROVEMENT:
        return "improvement";
    case IFM_VERDICT_REGRESSION:
        return "regression";
    case IFM_VERDICT_INCONCLUSIVE:
        break;
    }
    return "inconclusive";
}

/* Logarithms of the usable values (finite, above 0), the caller's to free; *kept gets their number.
 */
static double *logarithms(const double *values, size_t count, size_t *kept)
{
    *kept = 0;
    double *logs = ifm_alloc_array(count, sizeof *logs);
    for (size_t i = 0; logs && i < count; i++)
        if (isfinite(values[i]) && values[i] > 0.0)
            logs[(*kept)++] = log(values[i]);
    return logs;
}

static enum ifm_verdict judge(double low, double high, double delta, bool less_is_better)
{
    bool above = low > 1.0 + delta, below = high < 1.0 - delta;
    if (above)
        return less_is_better ? IFM_VERDICT_REGRESSION : IFM_VERDICT_IMPROVEMENT;
    if (below)
        return less_is_better ? IFM_VERDICT_IMPROVEMENT : IFM_VERDICT_REGRESSION;
    if (low > 1.0 - delta && high < 1.0 + delta)
        return IFM_VERDICT_EQUIVALENT;
    return IFM_VERDICT_INCONCLUSIVE;
}

void ifm_summary_compare(const double *a, size_t k_a, const double *b, size_t k_b, double delta,
                         bool less_is_better, struct ifm_comparison_result *out)
{
    *out = (struct ifm_comparison_result){ .ratio = NAN, .low = NAN, .high = NAN, .delta = delta };
    struct ifm_stat_interval shift;
    double *logs_a = logarithms(a, k_a, &out->k_a), *logs_b = logarithms(b, k_b, &out->k_b);
    if (logs_a && logs_b &&
        ifm_stat_hl_shift(logs_a, out->k_a, logs_b, out->k_b, INTERVAL_ALPHA, &shift)) {
        out->ratio = exp(shift.estimate);
        if (shift.bounded) {
            out->low = exp(shift.low);
            out->high = exp(shift.high);
            out->verdict = judge(out->low, out->high, delta, less_is_better);
        }
    }
    ifm_free(logs_a);
    ifm_free(logs_b);
}
