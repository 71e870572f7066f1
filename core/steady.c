#include "core/steady.h"

#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "core/stat.h"
#include "core/steady_parts.h"

#define MSER_BATCH   5
#define MSER_LEAST   10 /* samples below which MSER-5 says nothing */
#define DRIFT_BLOCKS 20
#define OUTLIER_MADS 14.826 /* 10 * 1.4826: ten standard deviations of normal noise */
#define OUTLIER_PART 0.05
#define SHORT_BLOCK  16   /* sorted by insertion */
#define BLOCK_VALUES 1024 /* a longer block gives evenly spaced values: bounds time and memory */
#define STEADY_LEAST 50
#define MEDIAN_ERROR 1.2533141 /* of a median against a mean: sqrt(pi / 2) */
#define CHOSEN_CUT   4.0

const char *ifm_steady_class_name(enum ifm_steady_class steady)
{
    static const char *const names[] = { "too_few", "flat", "warmup", "slowdown",
                                         "no_steady_state" };
    return (size_t)steady < sizeof names / sizeof *names ? names[steady] : names[0];
}

/* -- Medians of blocks ------------------------------------------------------------------------- */

static void swap(int64_t *a, int64_t *b)
{
    int64_t kept = *a;
    *a = *b;
    *b = kept;
}

/* k-th smallest (0-based) by Hoare's selection; the values are reordered so that none before k is
 * greater and none after it smaller. */
static int64_t select_kth(int64_t *values, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        int64_t pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(&values[i++], &values[j--]);
        }
        /* [low, j] <= pivot <= [j + 1, high]; j < high, because the pivot stopped both scans. */
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

static void insertion_sort(int64_t *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        int64_t moved = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > moved; at--)
            values[at] = values[at - 1];
        values[at] = moved;
    }
}

/* Median of n values; of evenly spaced ones where there are more than the buffer holds. */
static double block_median(const int64_t *values, size_t n)
{
    int64_t buffer[BLOCK_VALUES];
    size_t taken = n < BLOCK_VALUES ? n : BLOCK_VALUES;
    if (n == taken)
        memcpy(buffer, values, n * sizeof *buffer);
    else
        for (size_t i = 0; i < taken; i++)
            buffer[i] = values[i * n / taken];
    if (taken <= SHORT_BLOCK)
        insertion_sort(buffer, taken);
    int64_t middle =
        taken <= SHORT_BLOCK ? buffer[taken / 2] : select_kth(buffer, taken, taken / 2);
    if (taken % 2)
        return (double)middle;
    int64_t below = buffer[0]; /* the greatest of the lower half is the other middle value */
    for (size_t i = 1; i < taken / 2; i++)
        below = buffer[i] > below ? buffer[i] : below;
    return 0.5 * (double)below + 0.5 * (double)middle;
}

static size_t reduce(const int64_t *values, size_t n, size_t block, double *points)
{
    size_t count = 0;
    for (size_t from = 0; from < n; from += block)
        points[count++] = block_median(values + from, n - from < block ? n - from : block);
    return count;
}

/* -- MSER-5 ------------------------------------------------------------------------------------ */

/* g(d) = sum over j >= d of (b_j - mean_d)^2 / (k - d)^2 over batch means b, for d = 0..k/2; the
 * sums grow from the end. Returns the d of the smallest g, the first of equals. */
static size_t mser(const double *values, size_t n, size_t batch, bool *converged)
{
    size_t k = n / batch, best = 0;
    double sum = 0.0, squares = 0.0, least = INFINITY;
    double centre = k ? values[k * batch - 1] : 0.0; /* against cancellation */
    for (size_t d = k; d-- > 0;) {
        double mean = 0.0;
        for (size_t i = 0; i < batch; i++)
            mean += values[d * batch + i] - centre;
        mean /= (double)batch;
        sum += mean;
        squares += mean * mean;
        double m = (double)(k - d), g = (squares - sum * sum / m) / (m * m);
        g = g > 0.0 ? g : 0.0;
        if (d <= k / 2 && g <= least) {
            least = g;
            best = d;
        }
    }
    *converged = k > 0 && (best < k / 2 || best == 0);
    return best * batch;
}

size_t ifm_steady_mser5(const double *values, size_t n, bool *converged)
{
    return mser(values, n, MSER_BATCH, converged);
}

/* -- Trend ------------------------------------------------------------------------------------- */

static double theil_sen(const double *values, size_t n)
{
    size_t count = 0;
    double *slopes = ifm_alloc_array(n * (n - 1) / 2, sizeof *slopes);
    if (!slopes)
        return NAN;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            slopes[count++] = (values[j] - values[i]) / (double)(j - i);
    double slope = ifm_stat_median(slopes, count);
    ifm_free(slopes);
    return slope;
}

/* Sum over groups of t equal values of t (t-1) (2t+5). */
static double tie_term(const double *values, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) { /* each group is met once a member: t times (t-1) (2t+5) */
        double t = 0.0;
        for (size_t j = 0; j < n; j++)
            t += values[j] == values[i];
        sum += (t - 1.0) * (2.0 * t + 5.0);
    }
    return sum;
}

double ifm_steady_mann_kendall(const double *values, size_t n, double *s_out, double *slope)
{
    double s = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            s += (double)((values[j] > values[i]) - (values[j] < values[i]));
    if (s_out)
        *s_out = s;
    if (slope)
        *slope = n < 2 ? NAN : theil_sen(values, n);
    if (n < 3)
        return NAN;
    double m = (double)n, variance = (m * (m - 1.0) * (2.0 * m + 5.0) - tie_term(values, n)) / 18.0;
    if (variance <= 0.0 || s == 0.0)
        return 1.0;
    double z = (fabs(s) - 1.0) / sqrt(variance);
    return 2.0 * ifm_stat_norm_cdf(-z);
}

/* -- Outliers ---------------------------------------------------------------------------------- */

/* Median absolute deviation of an ascending sample: the deviations ascend away from the median on
 * both sides, so walking outwards meets them in order. */
static double sorted_mad(const int64_t *sorted, size_t n, double median)
{
    size_t right = 0, last = n / 2;
    while (right < n && (double)sorted[right] < median)
        right++;
    size_t left = right; /* left side is [0, left) */
    double previous = 0.0, deviation = 0.0;
    for (size_t taken = 0; taken <= last; taken++) {
        double down = left > 0 ? median - (double)sorted[left - 1] : INFINITY;
        double up = right < n ? (double)sorted[right] - median : INFINITY;
        previous = deviation;
        deviation = down < up ? down : up;
        if (down < up)
            left--;
        else
            right++;
    }
    return n % 2 ? deviation : 0.5 * (previous + deviation);
}

static double median_of_sorted(const int64_t *sorted, size_t n)
{
    return n % 2 ? (double)sorted[n / 2]
                 : 0.5 * (double)sorted[n / 2 - 1] + 0.5 * (double)sorted[n / 2];
}

static double distance_of_quartiles(const int64_t *sorted, size_t n)
{
    return (double)ifm_stat_percentile(sorted, n, 7500) -
           (double)ifm_stat_percentile(sorted, n, 2500);
}

/* Median absolute deviation. Where more than half of the values are equal, or two values share
 * them, it is 0 or takes one of two sizes by chance; half the distance of the quartiles, the same
 * for symmetric laws, then says how wide the sample is, and the clock's tick where that is 0 too.
 */
static double scale_of(const int64_t *sorted, size_t n, double median, double resolution_ns)
{
    double scale = sorted_mad(sorted, n, median);
    double quartiles = 0.5 * distance_of_quartiles(sorted, n);
    scale = scale > quartiles ? scale : quartiles;
    return scale > 0.0 ? scale : resolution_ns;
}

/* Where the sample is so narrow that a timer interrupt stands out, a value must still lie a part of
 * the median away: a microsecond in a hundred disturbs nobody's P99. */
static double outlier_share(const int64_t *sorted, size_t n, double median, double scale)
{
    double limit = OUTLIER_MADS * scale, practical = OUTLIER_PART * fabs(median);
    limit = limit > practical ? limit : practical;
    size_t low = 0, high = n;
    while (low < n && median - (double)sorted[low] > limit)
        low++;
    while (high > low && (double)sorted[high - 1] - median > limit)
        high--;
    return (double)(low + n - high) / (double)n;
}

/* Lag 1. What lies beyond half of an outlier's distance counts as the median: a hundred preemptions
 * of milliseconds would otherwise hide, or feign, what thousands of inferences do. One pass around
 * the median, then corrected to the mean. */
static double autocorrelation(const int64_t *values, size_t n, double median, double scale)
{
    double limit = 0.5 * OUTLIER_MADS * scale, previous = 0.0, first = 0.0;
    double sum = 0.0, squares = 0.0, products = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)values[i] - median;
        d = fabs(d) > limit ? 0.0 : d;
        first = i ? first : d;
        sum += d;
        squares += d * d;
        products += previous * d; /* 0 for the first */
        previous = d;
    }
    double mean = sum / (double)n, variance = squares - sum * mean;
    if (!(variance > 0.0))
        return 0.0;
    return (products - mean * (2.0 * sum - first - previous) + ((double)n - 1.0) * mean * mean) /
           variance;
}

/* -- One invocation ---------------------------------------------------------------------------- */

static double median_of(const double *points, size_t from, size_t to)
{
    double sorted[IFM_STEADY_POINTS];
    const size_t n = to - from;
    for (size_t i = 0; i < n; i++) { /* by insertion: the parts are short */
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > points[from + i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = points[from + i];
    }
    return n % 2 ? sorted[n / 2] : 0.5 * sorted[n / 2 - 1] + 0.5 * sorted[n / 2];
}

static void assess_trend(const double *points, size_t count, struct ifm_steadiness *out)
{
    double medians[DRIFT_BLOCKS];
    if (count < DRIFT_BLOCKS)
        return;
    for (size_t i = 0; i < DRIFT_BLOCKS; i++)
        medians[i] = median_of(points, i * count / DRIFT_BLOCKS, (i + 1) * count / DRIFT_BLOCKS);
    out->drift_p = ifm_steady_mann_kendall(medians, DRIFT_BLOCKS, NULL, NULL);
    double first = median_of(points, 0, count / 3);
    double last = median_of(points, count - count / 3, count);
    out->drift_ratio = first > 0.0 ? last / first : NAN;
}

/* Median of points[0, cut) over that of the rest; 1 where noise explains the difference, which is
 * four standard errors because MSER picked the cut that looks best. Both parts are not empty. */
static double median_ratio(const double *points, size_t cut, size_t count)
{
    double noise = ifm_steady_noise(points, count);
    double begin = median_of(points, 0, cut), rest = median_of(points, cut, count);
    double error = MEDIAN_ERROR * noise * sqrt(1.0 / (double)cut + 1.0 / (double)(count - cut));
    if (fabs(begin - rest) < CHOSEN_CUT * error)
        return 1.0;
    return rest > 0.0 ? begin / rest : NAN;
}

static void assess_level(const double *points, size_t count, size_t block, size_t n,
                         double resolution_ns, struct ifm_steadiness *out)
{
    double floor_var = resolution_ns * resolution_ns / 12.0;
    if (n >= MSER_LEAST) {
        bool converged;
        size_t batch = (MSER_BATCH + block - 1) / block;
        size_t dropped = mser(points, count, batch, &converged);
        out->mser_share = converged ? (double)dropped / (double)count : 1.0;
        out->mser_ratio = dropped ? median_ratio(points, dropped, count) : 1.0;
    }
    if (n < STEADY_LEAST)
        return;
    size_t steady = (n / 4 > STEADY_LEAST ? n / 4 : STEADY_LEAST) / block;
    out->steady = ifm_steady_classify(points, count, steady, floor_var, block < MSER_BATCH);
}

void ifm_steady_assess(const int64_t *values, const int64_t *sorted, int64_t *scratch, size_t n,
                       int64_t resolution_ns, struct ifm_steadiness *out)
{
    *out = (struct ifm_steadiness){ .steady = IFM_STEADY_TOO_FEW,
                                    .mser_share = NAN,
                                    .mser_ratio = NAN,
                                    .drift_p = NAN,
                                    .drift_ratio = NAN,
                                    .outlier_share = NAN,
                                    .iqr_ratio = NAN,
                                    .autocorrelation = NAN };
    if (n == 0)
        return;
    if (!sorted) {
        memcpy(scratch, values, n * sizeof *scratch);
        ifm_stat_sort(scratch, n);
        sorted = scratch;
    }
    double resolution = resolution_ns > 0 ? (double)resolution_ns : 1.0;
    double median = median_of_sorted(sorted, n), scale = scale_of(sorted, n, median, resolution);
    int64_t p50 = ifm_stat_percentile(sorted, n, 5000);
    out->iqr_ratio = p50 > 0 ? distance_of_quartiles(sorted, n) / (double)p50 : NAN;
    out->outlier_share = outlier_share(sorted, n, median, scale);
    out->autocorrelation = autocorrelation(values, n, median, scale);

    /* Trend, MSER-5 and change points see medians of blocks, so that single outliers do not pass
     * for a change of level and the cost is bounded. */
    double points[IFM_STEADY_POINTS];
    size_t block = (n + IFM_STEADY_POINTS - 1) / IFM_STEADY_POINTS;
    size_t count = reduce(values, n, block, points);
    assess_trend(points, count, out);
    assess_level(points, count, block, n, resolution, out);
}

/* -- Kalibera and Jones ------------------------------------------------------------------------ */

/* S_i^2 over groups of r means (or values) that follow each other; replaces them by the groups'
 * means. */
static double fold(double *means, size_t groups, size_t r)
{
    double sum = 0.0;
    for (size_t g = 0; g < groups; g++) {
        double mean = 0.0;
        for (size_t j = 0; j < r; j++)
            mean += means[g * r + j];
        mean /= (double)r;
        for (size_t j = 0; j < r; j++) {
            double d = means[g * r + j] - mean;
            sum += d * d;
        }
        means[g] = mean; /* g < g * r + j of every group that is still to come */
    }
    return sum / ((double)groups * ((double)r - 1.0));
}

void ifm_steady_kalibera(const double *values, const size_t *repetitions, size_t levels,
                         const double *costs, double *s2, double *t2, double *optimal)
{
    size_t total = 1;
    for (size_t i = 0; i < levels; i++)
        total *= repetitions[i];
    double *means = ifm_alloc_array(total, sizeof *means);
    for (size_t i = 0; i < levels; i++)
        s2[i] = t2[i] = NAN;
    for (size_t i = 0; optimal && i + 1 < levels; i++)
        optimal[i] = NAN;
    if (!means)
        return;
    memcpy(means, values, total * sizeof *means);
    for (size_t i = 0; i < levels; i++) {
        total /= repetitions[i];
        s2[i] = fold(means, total, repetitions[i]);
        t2[i] = i ? s2[i] - s2[i - 1] / (double)repetitions[i - 1] : s2[i];
    }
    for (size_t i = 0; optimal && costs && i + 1 < levels; i++)
        optimal[i] = t2[i + 1] > 0.0 && t2[i] > 0.0
                         ? sqrt(costs[i + 1] / costs[i] * t2[i] / t2[i + 1])
                         : NAN;
    ifm_free(means);
}
