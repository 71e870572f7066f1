#include "core/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define RANK_SUM_EXACT_MAX    2500 /* m * n up to which the exact null is tabled */
#define SIGNED_RANK_EXACT_MAX 200  /* pairs */

/* -- Rank sum (Mann-Whitney) ------------------------------------------------------------------- */

/* Null distribution of U for sizes m and n: probabilities of 0..m*n, the caller's to free. The
 * recurrence on the largest observation, N(u; i, j) = N(u - j; i - 1, j) + N(u; i, j - 1), adds
 * positive numbers only. */
static double *rank_sum_null(size_t m, size_t n)
{
    if (n > m) { /* the distribution is the same, the table smaller */
        size_t swapped = m;
        m = n;
        n = swapped;
    }
    size_t span = m * n + 1;
    double *rows =
        ifm_alloc_array((n + 1) * span, sizeof *rows); /* one row per j, overwritten for each i */
    if (!rows)
        return NULL;
    for (size_t j = 0; j <= n; j++)
        rows[j * span] = 1.0; /* i = 0: U is 0 */
    for (size_t i = 1; i <= m; i++) {
        for (size_t j = 1; j <= n; j++) {
            double *row = rows + j * span;
            const double *fewer = row - span;
            double from_first = (double)i / (double)(i + j),
                   from_second = (double)j / (double)(i + j);
            for (size_t u = i * j + 1; u-- > 0;)
                row[u] = from_second * fewer[u] + (u >= j ? from_first * row[u - j] : 0.0);
        }
    }
    memmove(rows, rows + n * span, span * sizeof *rows);
    return rows;
}

double ifm_stat_mwu_u(const double *a, size_t m, const double *b, size_t n)
{
    double u = 0.0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            u += b[j] > a[i] ? 1.0 : b[j] == a[i] ? 0.5 : 0.0;
    return u;
}

/* Sum of t^3 - t over the groups of equal values in the sorted pool. */
static double tie_term(const double *pool, size_t count)
{
    double sum = 0.0;
    for (size_t start = 0; start < count;) {
        size_t end = start + 1;
        while (end < count && pool[end] == pool[start])
            end++;
        double t = (double)(end - start);
        sum += t * t * t - t;
        start = end;
    }
    return sum;
}

static double rank_sum_normal_p2(double u, size_t m, size_t n, double ties)
{
    double mn = (double)m * (double)n, total = (double)m + (double)n;
    double variance = mn / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if (!(variance > 0.0))
        return 1.0; /* all values are equal */
    double z = (fabs(u - 0.5 * mn) - 0.5) / sqrt(variance);
    double p = 2.0 * ifm_stat_norm_cdf(-z);
    return p < 1.0 ? p : 1.0;
}

static double rank_sum_exact_p2(double u, size_t m, size_t n)
{
    double *null = rank_sum_null(m, n);
    if (!null)
        return NAN;
    double mn = (double)(m * n);
    size_t small = (size_t)(u < mn - u ? u : mn - u);
    double tail = 0.0;
    for (size_t i = 0; i <= small; i++) /* by symmetry P(U >= mn - small) */
        tail += null[i];
    ifm_free(null);
    return 2.0 * tail < 1.0 ? 2.0 * tail : 1.0;
}

double ifm_stat_mwu_p2(const double *a, size_t m, const double *b, size_t n)
{
    if (m == 0 || n == 0)
        return NAN;
    double *pool = ifm_alloc_array(m + n, sizeof *pool);
    if (!pool)
        return NAN;
    memcpy(pool, a, m * sizeof *pool);
    memcpy(pool + m, b, n * sizeof *pool);
    ifm_stat_sort_f64(pool, m + n);
    double ties = tie_term(pool, m + n);
    ifm_free(pool);
    double u = ifm_stat_mwu_u(a, m, b, n);
    if (ties == 0.0 && m <= RANK_SUM_EXACT_MAX / n)
        return rank_sum_exact_p2(u, m, n);
    return rank_sum_normal_p2(u, m, n, ties);
}

/* Largest k with P(U <= k - 1) <= tail; 0 when even k = 1 is too likely (or there is no memory). */
static size_t rank_sum_k(size_t m, size_t n, double tail)
{
    if (m > RANK_SUM_EXACT_MAX / n) {
        double mn = (double)m * (double)n;
        double sd = sqrt(mn * ((double)m + (double)n + 1.0) / 12.0);
        double k = floor(0.5 * mn + 0.5 + ifm_stat_norm_quantile(tail) * sd);
        return k < 1.0 ? 0 : (size_t)k;
    }
    double *null = rank_sum_null(m, n);
    if (!null)
        return 0;
    size_t k = 0;
    double below = null[0];
    while (below <= tail && k < m * n)
        below += null[++k];
    ifm_free(null);
    return k;
}

bool ifm_stat_hl_shift(const double *a, size_t m, const double *b, size_t n, double alpha,
                       struct ifm_stat_interval *out)
{
    *out = (struct ifm_stat_interval){ NAN, NAN, NAN, false };
    if (m == 0 || n == 0 || m > SIZE_MAX / n)
        return false;
    size_t count = m * n;
    double *shifts = ifm_alloc_array(count, sizeof *shifts);
    if (!shifts)
        return false;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            shifts[i * n + j] = b[j] - a[i];
    out->estimate = ifm_stat_median(shifts, count);
    size_t k = rank_sum_k(m, n, 0.5 * alpha);
    if (k > 0 && 2 * k <= count) {
        out->low = shifts[k - 1];
        out->high = shifts[count - k];
        out->bounded = true;
    }
    ifm_free(shifts);
    return true;
}

double ifm_stat_cliff_delta(const double *a, size_t m, const double *b, size_t n)
{
    if (m == 0 || n == 0)
        return NAN;
    return 2.0 * ifm_stat_mwu_u(a, m, b, n) / ((double)m * (double)n) - 1.0;
}

/* -- Signed rank (Wilcoxon) -------------------------------------------------------------------- */

/* Null distribution of the sum of those `weights` whose sign came up positive: probabilities of
 * 0..total, in table (zeroed, total + 1 long). Each step halves, which is exact in binary. */
static void sign_sum_null(const size_t *weights, size_t count, double *table)
{
    size_t reach = 0;
    table[0] = 1.0;
    for (size_t i = 0; i < count; i++) {
        reach += weights[i];
        for (size_t sum = reach + 1; sum-- > 0;)
            table[sum] = 0.5 * (table[sum] + (sum >= weights[i] ? table[sum - weights[i]] : 0.0));
    }
}

static size_t signed_rank_k_normal(size_t pairs, double alpha)
{
    double k = (double)pairs;
    double mean = k * (k + 1.0) / 4.0, sd = sqrt(k * (k + 1.0) * (2.0 * k + 1.0) / 24.0);
    double count = floor(mean + 0.5 + ifm_stat_norm_quantile(alpha) * sd);
    return count < 1.0 ? 0 : (size_t)count;
}

size_t ifm_stat_signed_rank_k(size_t pairs, double alpha)
{
    if (pairs == 0 || !(alpha > 0.0 && alpha < 1.0))
        return 0;
    if (pairs > SIGNED_RANK_EXACT_MAX)
        return signed_rank_k_normal(pairs, alpha);
    size_t weights[SIGNED_RANK_EXACT_MAX], total = pairs * (pairs + 1) / 2, k = 0;
    double *table = ifm_alloc_array(total + 1, sizeof *table);
    if (!table)
        return 0;
    for (size_t i = 0; i < pairs; i++)
        weights[i] = i + 1;
    sign_sum_null(weights, pairs, table);
    double cdf = table[0];
    while (cdf <= alpha && k < total)
        cdf += table[++k];
    ifm_free(table);
    return k;
}

bool ifm_stat_hl_paired(const double *differences, size_t k, double alpha,
                        struct ifm_stat_interval *out)
{
    *out = (struct ifm_stat_interval){ NAN, NAN, NAN, false };
    if (k == 0 || k + 1 > SIZE_MAX / k)
        return false;
    size_t count = k * (k + 1) / 2, next = 0;
    double *walsh = ifm_alloc_array(count, sizeof *walsh);
    if (!walsh)
        return false;
    for (size_t i = 0; i < k; i++)
        for (size_t j = i; j < k; j++)
            walsh[next++] = 0.5 * (differences[i] + differences[j]);
    out->estimate = ifm_stat_median(walsh, count);
    size_t rank = ifm_stat_signed_rank_k(k, 0.5 * alpha);
    if (rank > 0 && 2 * rank <= count) {
        out->low = walsh[rank - 1];
        out->high = walsh[count - rank];
        out->bounded = true;
    }
    ifm_free(walsh);
    return true;
}

static int compare_magnitude(const void *left, const void *right)
{
    double a = fabs(*(const double *)left), b = fabs(*(const double *)right);
    return (a > b) - (a < b);
}

/* Twice the mid-rank of each value of `sorted` (ascending by magnitude), so that ties stay whole
 * numbers; *positive gets the sum over the values above 0. */
static void double_ranks(const double *sorted, size_t k, size_t *ranks, size_t *positive)
{
    *positive = 0;
    for (size_t start = 0; start < k;) {
        size_t end = start + 1;
        while (end < k && fabs(sorted[end]) == fabs(sorted[start]))
            end++;
        for (size_t i = start; i < end; i++) {
            ranks[i] = start + 1 + end;
            *positive += sorted[i] > 0.0 ? ranks[i] : 0;
        }
        start = end;
    }
}

static double sign_sum_p_normal(const size_t *ranks, size_t k, size_t positive)
{
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < k; i++) {
        mean += 0.5 * (double)ranks[i];
        variance += 0.25 * (double)ranks[i] * (double)ranks[i];
    }
    return ifm_stat_norm_cdf(-((double)positive - mean - 1.0) /
                             sqrt(variance)); /* 1: half a rank, doubled */
}

static double sign_sum_p_exact(const size_t *ranks, size_t k, size_t positive)
{
    size_t total = k * (k + 1); /* doubled ranks */
    double *table = ifm_alloc_array(total + 1, sizeof *table);
    if (!table)
        return NAN;
    sign_sum_null(ranks, k, table);
    double tail = 0.0;
    for (size_t sum = total + 1; sum-- > positive;)
        tail += table[sum];
    ifm_free(table);
    return tail;
}

double ifm_stat_signed_rank_p(const double *differences, size_t k)
{
    double p = NAN;
    size_t kept = 0, positive = 0;
    double *sorted = ifm_alloc_array(k, sizeof *sorted);
    size_t *ranks = ifm_alloc_array(k, sizeof *ranks);
    if (!sorted || !ranks)
        goto out;
    for (size_t i = 0; i < k; i++) /* differences of exactly 0 say nothing of the direction */
        if (differences[i] != 0.0)
            sorted[kept++] = differences[i];
    if (kept == 0) {
        p = 1.0;
        goto out;
    }
    qsort(sorted, kept, sizeof *sorted, compare_magnitude);
    double_ranks(sorted, kept, ranks, &positive);
    p = kept <= SIGNED_RANK_EXACT_MAX ? sign_sum_p_exact(ranks, kept, positive)
                                      : sign_sum_p_normal(ranks, kept, positive);
out:
    ifm_free(sorted);
    ifm_free(ranks);
    return p;
}
