#include "core/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define INTERVAL_ALPHA 0.05
#define PI             3.14159265358979323846

const struct ifm_metric_row ifm_metrics[IFM_METRIC_COUNT] = {
#define X(symbol, word, field, unit, less) { word, field, unit, less },
    IFM_METRICS(X)
#undef X
};

/* -- One invocation ---------------------------------------------------------------------------- */

/* Ranks of the 95 % interval of the median for n samples. Runs come in with few different n, and a
 * rank costs some evaluations of the incomplete beta function, so each thread remembers the last
 * few answers. */
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

/* A time of a batch as the time of one call; the nearest nanosecond. */
static int64_t per_call(int64_t value, int64_t calls)
{
    if (calls <= 1)
        return value;
    int64_t half = value < 0 ? -(calls / 2) : calls / 2;
    return value / calls + (value % calls + half) / calls;
}

static void percentiles(const int64_t *sorted, size_t n, int64_t calls,
                        struct ifm_invocation_stats *out)
{
    out->min_ns = per_call(sorted[0], calls);
    out->max_ns = per_call(sorted[n - 1], calls);
    out->p50_ns = per_call(ifm_stat_percentile(sorted, n, 5000), calls);
    out->p90_ns = per_call(ifm_stat_percentile(sorted, n, 9000), calls);
    out->p99_ns = per_call(ifm_stat_percentile(sorted, n, 9900), calls);
    out->p90_enough = calls <= 1 && ifm_stat_enough(n, 9000);
    out->p99_enough = calls <= 1 && ifm_stat_enough(n, 9900);
    out->p50_interp_ns = ifm_stat_percentile_linear(sorted, n, 0.50) / (double)calls;
    out->p90_interp_ns = ifm_stat_percentile_linear(sorted, n, 0.90) / (double)calls;
    out->p99_interp_ns = ifm_stat_percentile_linear(sorted, n, 0.99) / (double)calls;
    size_t low, high;
    median_ranks(n, &low, &high);
    if (low)
        out->p50_low_ns = per_call(sorted[low - 1], calls);
    if (high)
        out->p50_high_ns = per_call(sorted[high - 1], calls);
}

void ifm_summary_samples(const struct ifm_samples *samples, int64_t *scratch,
                         struct ifm_invocation_stats *out)
{
    const size_t n = samples->n;
    const int64_t calls = samples->batch_calls > 1 ? samples->batch_calls : 1;
    memset(out, 0, sizeof *out);
    out->n = (int64_t)n;
    out->batch_calls = calls;
    out->p50_low_ns = out->p50_high_ns = out->lateness_p99_ns = out->lateness_max_ns = -1;
    ifm_stat_moments(samples->latency_ns, n, &out->mean_ns, &out->sd_ns, &out->autocorrelation);
    out->p50_interp_ns = out->p90_interp_ns = out->p99_interp_ns = out->throughput_per_s = NAN;
    if (n > 0 && samples->lateness_ns) {
        memcpy(scratch, samples->lateness_ns, n * sizeof *scratch);
        ifm_stat_sort(scratch, n);
        out->lateness_p99_ns = ifm_stat_percentile(scratch, n, 9900);
        out->lateness_max_ns = scratch[n - 1];
    }
    if (n > 0)
        memcpy(scratch, samples->latency_ns, n * sizeof *scratch);
    ifm_stat_sort(scratch, n);
    ifm_steady_assess(samples->latency_ns, scratch, NULL, n, samples->resolution_ns, &out->steady);
    if (n > 0)
        out->autocorrelation = out->steady.autocorrelation;
    if (n == 0)
        return;
    double total_ns =
        samples->steady_ns > 0 ? (double)samples->steady_ns : out->mean_ns * (double)n;
    if (total_ns > 0.0)
        out->throughput_per_s = (double)n * (double)calls * 1e9 / total_ns;
    out->mean_ns /= (double)calls;
    out->sd_ns /= (double)calls;
    percentiles(scratch, n, calls, out);
}

void ifm_summary_invocation(const int64_t *values, int64_t *scratch, size_t n, int64_t steady_ns,
                            struct ifm_invocation_stats *out)
{
    struct ifm_samples samples = { .latency_ns = values, .n = n, .steady_ns = steady_ns };
    ifm_summary_samples(&samples, scratch, out);
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

double ifm_summary_half_width(const struct ifm_estimate *estimate)
{
    if (!(estimate->value > 0.0))
        return NAN;
    return 0.5 * (estimate->high - estimate->low) / estimate->value;
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

/* Log ratios b / a of the pairs that are whole, the caller's to free. */
static double *log_ratios(const double *a, const double *b, size_t k, size_t *kept)
{
    *kept = 0;
    double *ratios = ifm_alloc_array(k, sizeof *ratios);
    for (size_t i = 0; ratios && i < k; i++)
        if (isfinite(a[i]) && isfinite(b[i]) && a[i] > 0.0 && b[i] > 0.0)
            ratios[(*kept)++] = log(b[i]) - log(a[i]);
    return ratios;
}

void ifm_summary_compare_paired(const double *a, const double *b, size_t k, double delta,
                                bool less_is_better, struct ifm_comparison_result *out)
{
    *out = (struct ifm_comparison_result){ .ratio = NAN, .low = NAN, .high = NAN, .delta = delta };
    struct ifm_stat_interval centre;
    double *ratios = log_ratios(a, b, k, &out->k_a);
    out->k_b = out->k_a;
    if (ratios && ifm_stat_hl_paired(ratios, out->k_a, INTERVAL_ALPHA, &centre)) {
        out->ratio = exp(centre.estimate);
        if (centre.bounded) {
            out->low = exp(centre.low);
            out->high = exp(centre.high);
            out->verdict = judge(out->low, out->high, delta, less_is_better);
        }
    }
    ifm_free(ratios);
}

/* (t_.975 + t_.8) sd / sqrt(.955 k), k - 1 degrees of freedom: the power of the t-test, and the
 * efficiency of the signed-rank test against it, 3 / pi = .955. Normal quantiles would promise 80 %
 * and keep 70 % at ten pairs. */
double ifm_summary_detectable(double sd_log_ratio, size_t k)
{
    if (k < 2 || !(sd_log_ratio >= 0.0))
        return NAN;
    double df = (double)k - 1.0;
    double t = ifm_stat_t_quantile(1.0 - INTERVAL_ALPHA / 2, df) + ifm_stat_t_quantile(0.8, df);
    return exp(t * sd_log_ratio / sqrt(3.0 / PI * (double)k)) - 1.0;
}

/* From the half width of a 95 % interval of log ratios: it is t_.975 standard errors wide, and a
 * change is seen in four of five cases when it is t_.8 of them wider. */
static double detectable_from(const struct ifm_stat_interval *interval, size_t degrees)
{
    if (!interval->bounded)
        return NAN;
    double wide = ifm_stat_t_quantile(1.0 - INTERVAL_ALPHA / 2, (double)degrees);
    double power = ifm_stat_t_quantile(0.8, (double)degrees);
    return exp(0.5 * (interval->high - interval->low) * (1.0 + power / wide)) - 1.0;
}

double ifm_summary_detectable_of(const double *a, size_t k_a, const double *b, size_t k_b,
                                 bool paired)
{
    double result = NAN;
    struct ifm_stat_interval interval;
    if (paired) {
        size_t k;
        double *ratios = log_ratios(a, b, k_a < k_b ? k_a : k_b, &k);
        if (ratios && k > 1 && ifm_stat_hl_paired(ratios, k, INTERVAL_ALPHA, &interval))
            result = detectable_from(&interval, k - 1);
        ifm_free(ratios);
        return result;
    }
    double *logs_a = logarithms(a, k_a, &k_a), *logs_b = logarithms(b, k_b, &k_b);
    if (logs_a && logs_b && k_a + k_b > 2 &&
        ifm_stat_hl_shift(logs_a, k_a, logs_b, k_b, INTERVAL_ALPHA, &interval))
        result = detectable_from(&interval, k_a + k_b - 2);
    ifm_free(logs_a);
    ifm_free(logs_b);
    return result;
}
