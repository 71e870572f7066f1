#include "core/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* -- Sorting ----------------------------------------------------------------------------------- */

#define INSERTION_MAX  24 /* below this a digit pass costs more than it saves */
#define STACK_SCRATCH  256
#define DIGIT_BITS_MAX 11 /* 2,048 counters: half of a small first-level cache */

static int compare_i64(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void insertion_sort(int64_t *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        int64_t moved = values[i];
        size_t j = i;
        for (; j > 0 && values[j - 1] > moved; j--)
            values[j] = values[j - 1];
        values[j] = moved;
    }
}

/* One stable pass by the digit at `shift` of the distance to `low`. */
static void digit_pass(const int64_t *in, int64_t *out, size_t n, int64_t low, int shift, int bits)
{
    uint32_t starts[1u << DIGIT_BITS_MAX];
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    memset(starts, 0, sizeof starts[0] << bits);
    for (size_t i = 0; i < n; i++)
        starts[((uint64_t)in[i] - (uint64_t)low) >> shift & mask]++;
    uint32_t next = 0;
    for (size_t i = 0; i <= mask; i++) {
        uint32_t count = starts[i];
        starts[i] = next;
        next += count;
    }
    for (size_t i = 0; i < n; i++)
        out[starts[((uint64_t)in[i] - (uint64_t)low) >> shift & mask]++] = in[i];
}

/* Latencies of one run share their high digits, so the passes follow the range, not the type: two
 * passes where the spread is below 4 ms. */
static void radix_sort(int64_t *values, int64_t *scratch, size_t n, int64_t low, int64_t high)
{
    uint64_t range = (uint64_t)high - (uint64_t)low;
    int bits = 64 - __builtin_clzll(range); /* low < high */
    int most = n <= STACK_SCRATCH ? 8 : DIGIT_BITS_MAX;
    int passes = (bits + most - 1) / most;
    int64_t *in = values, *out = scratch;
    for (int pass = 0, shift = 0; pass < passes; pass++) {
        int width = (bits - shift + passes - pass - 1) / (passes - pass);
        digit_pass(in, out, n, low, shift, width);
        shift += width;
        int64_t *swapped = in;
        in = out;
        out = swapped;
    }
    if (in != values)
        memcpy(values, in, n * sizeof *values);
}

void ifm_stat_sort(int64_t *values, size_t n)
{
    if (n <= INSERTION_MAX) {
        insertion_sort(values, n);
        return;
    }
    int64_t low = values[0], high = values[0];
    for (size_t i = 1; i < n; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    if (low == high)
        return;
    int64_t on_stack[STACK_SCRATCH];
    int64_t *scratch = on_stack;
    if (n > STACK_SCRATCH)
        scratch = n <= UINT32_MAX ? ifm_alloc_array(n, sizeof *scratch) : NULL;
    if (scratch)
        radix_sort(values, scratch, n, low, high);
    else
        qsort(values, n, sizeof *values, compare_i64);
    if (scratch != on_stack)
        ifm_free(scratch);
}

static int compare_f64(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void ifm_stat_sort_f64(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare_f64);
}

/* -- Quantiles --------------------------------------------------------------------------------- */

size_t ifm_stat_rank(size_t n, unsigned per_10000)
{
    /* Split, so that n * per_10000 cannot overflow: ceil((10000 q + r) p / 10000) = q p + ceil(r p
     * / 10000). */
    size_t rank = n / 10000 * per_10000 + (n % 10000 * per_10000 + 9999) / 10000;
    return rank ? rank : 1;
}

int64_t ifm_stat_percentile(const int64_t *sorted, size_t n, unsigned per_10000)
{
    return sorted[ifm_stat_rank(n, per_10000) - 1];
}

/* numpy's own form of the interpolation, which is exact at both ends. */
static double interpolate(double low, double high, double share)
{
    double step = high - low;
    return share >= 0.5 ? high - step * (1.0 - share) : low + step * share;
}

/* 0-based index below the p-quantile of n values under "linear", and how far it lies beyond. */
static size_t linear_place(size_t n, double p, double *share)
{
    double place = (double)(n - 1) * p;
    double whole = floor(place);
    if (whole >= (double)(n - 1)) {
        *share = 0.0;
        return n - 1;
    }
    *share = place - whole;
    return (size_t)whole;
}

double ifm_stat_percentile_linear(const int64_t *sorted, size_t n, double p)
{
    if (n == 0 || !(p >= 0.0 && p <= 1.0))
        return NAN;
    double share;
    size_t i = linear_place(n, p, &share);
    return i + 1 < n ? interpolate((double)sorted[i], (double)sorted[i + 1], share)
                     : (double)sorted[i];
}

double ifm_stat_percentile_linear_f64(const double *sorted, size_t n, double p)
{
    if (n == 0 || !(p >= 0.0 && p <= 1.0))
        return NAN;
    double share;
    size_t i = linear_place(n, p, &share);
    return i + 1 < n ? interpolate(sorted[i], sorted[i + 1], share) : sorted[i];
}

double ifm_stat_harrell_davis(const double *sorted, size_t n, double p)
{
    if (n == 0 || !(p > 0.0 && p < 1.0))
        return NAN;
    double a = p * ((double)n + 1.0), b = (1.0 - p) * ((double)n + 1.0), sum = 0.0, below = 0.0;
    for (size_t i = 1; i <= n; i++) {
        double upto = ifm_stat_betai(a, b, (double)i / (double)n);
        sum += (upto - below) * sorted[i - 1];
        below = upto;
    }
    return sum;
}

static bool cdf_reaches(int64_t rank, int64_t n, double p, double target, bool beyond)
{
    double cdf = ifm_stat_binom_cdf(rank - 1, n, p),
           slack = 1e-12 * target; /* rounding of an exact tie */
    return beyond ? cdf > target + slack : cdf >= target - slack;
}

/* Smallest r >= 1 with P(Bin(n, p) <= r - 1) >= target (beyond: > target); n + 1 when there is
 * none. Starts at the normal approximation, which is a step or two away, and walks on the exact
 * distribution. */
static int64_t first_rank(int64_t n, double p, double target, bool beyond)
{
    double guess = (double)n * p + ifm_stat_norm_quantile(target) * sqrt((double)n * p * (1.0 - p));
    int64_t r = guess < 0.0 ? 1 : guess >= (double)n ? n : (int64_t)guess + 1;
    if (cdf_reaches(r, n, p, target, beyond)) {
        while (r > 1 && cdf_reaches(r - 1, n, p, target, beyond))
            r--;
        return r;
    }
    do
        r++;
    while (r <= n && !cdf_reaches(r, n, p, target, beyond));
    return r;
}

double ifm_stat_quantile_ranks(size_t n, double p, double alpha, size_t *low, size_t *high)
{
    *low = 0;
    *high = 0;
    if (n == 0 || !(p > 0.0 && p < 1.0) || !(alpha > 0.0 && alpha < 1.0))
        return NAN;
    int64_t count = (int64_t)n;
    /* l = max{r: F(r-1) <= alpha/2} is one below the first rank whose F lies beyond alpha/2. */
    int64_t l = first_rank(count, p, 0.5 * alpha, true) - 1;
    int64_t u = first_rank(count, p, 1.0 - 0.5 * alpha, false);
    *low = (size_t)l;
    *high = u > count ? 0 : (size_t)u;
    if (*low == 0 || *high == 0)
        return NAN;
    return ifm_stat_binom_cdf(u - 1, count, p) - ifm_stat_binom_cdf(l - 1, count, p);
}

size_t ifm_stat_min_samples(double p, double alpha, bool two_sided)
{
    if (!(p > 0.0 && p < 1.0) || !(alpha > 0.0 && alpha < 1.0))
        return 0;
    double needed = ceil(log(two_sided ? 0.5 * alpha : alpha) / log(p));
    return needed < 1.0 ? 1 : (size_t)needed;
}

bool ifm_stat_enough(size_t n, unsigned per_10000)
{
    if (per_10000 >= 10000)
        return n > 0;
    return n > 0 && n >= ifm_stat_min_samples((double)per_10000 / 10000.0, 0.01, false);
}

/* -- Location and spread ----------------------------------------------------------------------- */

double ifm_stat_median(double *values, size_t n)
{
    if (n == 0)
        return NAN;
    ifm_stat_sort_f64(values, n);
    return n % 2 ? values[n / 2] : 0.5 * values[n / 2 - 1] + 0.5 * values[n / 2];
}

double ifm_stat_mad(double *values, size_t n)
{
    double median = ifm_stat_median(values, n);
    for (size_t i = 0; i < n; i++)
        values[i] = fabs(values[i] - median);
    return ifm_stat_median(values, n);
}

double ifm_stat_mean(const int64_t *values, size_t n)
{
    if (n == 0)
        return NAN;
    __extension__ __int128 sum = 0; /* n * INT64_MAX does not fit in 64 bits */
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return (double)sum / (double)n;
}

/* One pass after the mean: sums of d, d^2 and d times the next d, where d is the distance to the
 * mean. */
void ifm_stat_moments(const int64_t *values, size_t n, double *mean, double *sd,
                      double *autocorrelation)
{
    *mean = ifm_stat_mean(values, n);
    *sd = NAN;
    *autocorrelation = 0.0;
    if (n < 2)
        return;
    double previous = (double)values[0] - *mean;
    double rest = previous, squares = previous * previous, products = 0.0;
    for (size_t i = 1; i < n; i++) {
        double d = (double)values[i] - *mean;
        rest += d;
        squares += d * d;
        products += previous * d;
        previous = d;
    }
    /* `rest` would be 0 if the mean were not rounded: the corrected two-pass form. */
    double corrected = squares - rest * rest / (double)n;
    *sd = corrected > 0.0 ? sqrt(corrected / ((double)n - 1.0)) : 0.0;
    if (squares > 0.0)
        *autocorrelation = products / squares;
}

double ifm_stat_sd(const int64_t *values, size_t n)
{
    double mean, sd, autocorrelation;
    ifm_stat_moments(values, n, &mean, &sd, &autocorrelation);
    return sd;
}

double ifm_stat_autocorrelation(const int64_t *values, size_t n)
{
    double mean, sd, autocorrelation;
    ifm_stat_moments(values, n, &mean, &sd, &autocorrelation);
    return autocorrelation;
}
