#include "core/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

static void mean_and_variance(const double *values, size_t n, double *mean, double *variance)
{
    double sum = 0.0, squares = 0.0, rest = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = values[i] - *mean;
        squares += d * d;
        rest += d;
    }
    *variance = (squares - rest * rest / (double)n) / ((double)n - 1.0);
}

double ifm_stat_welch_p(const double *a, size_t m, const double *b, size_t n, double *t, double *df)
{
    double t_value = NAN, df_value = NAN, p = NAN;
    if (m >= 2 && n >= 2) {
        double mean_a, mean_b, variance_a, variance_b;
        mean_and_variance(a, m, &mean_a, &variance_a);
        mean_and_variance(b, n, &mean_b, &variance_b);
        double part_a = variance_a / (double)m, part_b = variance_b / (double)n,
               both = part_a + part_b;
        t_value = (mean_b - mean_a) / sqrt(both); /* NAN when nothing varies and the means agree */
        df_value = both * both /
                   (part_a * part_a / ((double)m - 1.0) + part_b * part_b / ((double)n - 1.0));
        p = both > 0.0 ? ifm_stat_t_cdf2(t_value, df_value) : mean_a == mean_b ? 1.0 : 0.0;
    }
    if (t)
        *t = t_value;
    if (df)
        *df = df_value;
    return p;
}

/* -- Kolmogorov-Smirnov ------------------------------------------------------------------------ */

/* Largest |i * n - j * m| over the distinct values of both sorted samples: D in units of 1 / (m n).
 */
static double largest_gap(const double *a, size_t m, const double *b, size_t n)
{
    double gap = 0.0;
    for (size_t i = 0, j = 0; i < m && j < n;) {
        double value = a[i] < b[j] ? a[i] : b[j];
        while (i < m && a[i] == value)
            i++;
        while (j < n && b[j] == value)
            j++;
        double here = fabs((double)i * (double)n - (double)j * (double)m);
        if (here > gap)
            gap = here;
    }
    return gap;
}

/* Share of the lattice paths from (0,0) to (m,n) that stay inside |i n - j m| < gap. Row by row,
 * scaled by the number of all paths to each point, so that nothing overflows. */
static double share_inside(size_t m, size_t n, double gap)
{
    double *row = ifm_alloc_array(n + 1, sizeof *row);
    if (!row)
        return NAN;
    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            if (fabs((double)i * (double)n - (double)j * (double)m) >= gap) {
                row[j] = 0.0;
            } else if (i == 0 && j == 0) {
                row[j] = 1.0;
            } else {
                double from_i = i ? row[j] * (double)i : 0.0,
                       from_j = j ? row[j - 1] * (double)j : 0.0;
                row[j] = (from_i + from_j) / (double)(i + j);
            }
        }
    }
    double share = row[n];
    ifm_free(row);
    return share;
}

double ifm_stat_ks(const double *a, size_t m, const double *b, size_t n, double *p)
{
    double d = NAN;
    double *sorted_a = NULL, *sorted_b = NULL;
    if (p)
        *p = NAN;
    if (m == 0 || n == 0)
        return d;
    sorted_a = ifm_alloc_array(m, sizeof *sorted_a);
    sorted_b = ifm_alloc_array(n, sizeof *sorted_b);
    if (!sorted_a || !sorted_b)
        goto out;
    memcpy(sorted_a, a, m * sizeof *a);
    memcpy(sorted_b, b, n * sizeof *b);
    ifm_stat_sort_f64(sorted_a, m);
    ifm_stat_sort_f64(sorted_b, n);
    double gap = largest_gap(sorted_a, m, sorted_b, n);
    d = gap / ((double)m * (double)n);
    if (p)
        *p = gap > 0.0 ? 1.0 - share_inside(m, n, gap) : 1.0;
out:
    ifm_free(sorted_a);
    ifm_free(sorted_b);
    return d;
}

/* -- Many tests at once ------------------------------------------------------------------------ */

/* The smallest n p_j / rank(p_j) over the p_j that are not below p_i. In place: a value already
 * replaced is the minimum over a subset of what the next one asks for, so it gives the same answer.
 */
void ifm_stat_bh_adjust(const double *p, size_t n, double *adjusted)
{
    for (size_t i = 0; i < n; i++) {
        size_t rank = 0;
        for (size_t j = 0; j < n; j++)
            rank += p[j] <= p[i];
        adjusted[i] = (double)n * p[i] / (double)rank;
    }
    for (size_t i = 0; i < n; i++) {
        double least = 1.0;
        for (size_t j = 0; j < n; j++)
            if (p[j] >= p[i] && adjusted[j] < least)
                least = adjusted[j];
        adjusted[i] = least;
    }
}
