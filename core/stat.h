/* The statistics of the method. Integer nanoseconds until the last step; formulas and reference values are
 * those of docs/method.md (nearest rank; exact order-statistic intervals; exact signed rank and rank sum).
 *
 * Threading: pure functions. Ownership: inputs are borrowed; those called `sorted` must be ascending.
 * Errors: a result that does not exist is NAN, rank 0 or false, as said. */
#ifndef IFM_STAT_H
#define IFM_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -- Distributions ------------------------------------------------------------------------------ */
double ifm_stat_betai(double a, double b, double x);        /* regularised incomplete beta I_x(a,b), Lentz */
double ifm_stat_binom_cdf(int64_t k, int64_t n, double p);  /* P(Bin(n,p) <= k) */
double ifm_stat_norm_cdf(double z);
double ifm_stat_norm_quantile(double p);
double ifm_stat_t_cdf2(double t, double df);                /* two-sided p of Student's t */
double ifm_stat_t_quantile(double p, double df);

/* -- Order statistics --------------------------------------------------------------------------- */
void ifm_stat_sort(int64_t *values, size_t n);              /* radix sort, O(n); allocates scratch above 256
                                                               values, falls back to qsort without memory */
void ifm_stat_sort_f64(double *values, size_t n);           /* no NAN among them */
/* 1-based nearest rank ceil(n * per_10000 / 10000) in integers; n > 0, per_10000 in 1..10000. */
size_t ifm_stat_rank(size_t n, unsigned per_10000);
int64_t ifm_stat_percentile(const int64_t *sorted, size_t n, unsigned per_10000);
double ifm_stat_percentile_linear(const int64_t *sorted, size_t n, double p); /* numpy "linear" */
double ifm_stat_percentile_linear_f64(const double *sorted, size_t n, double p);
double ifm_stat_harrell_davis(const double *sorted, size_t n, double p);
/* Exact two-sided interval of the p-quantile at confidence 1-alpha: ranks 1-based; *low 0: no lower bound,
 * *high 0: no upper bound (too few samples). Returns the exact coverage, NAN when a bound is missing. */
double ifm_stat_quantile_ranks(size_t n, double p, double alpha, size_t *low, size_t *high);
/* Samples needed for a finite upper bound: ceil(ln a / ln p), a = alpha/2 if two-sided else alpha. */
size_t ifm_stat_min_samples(double p, double alpha, bool two_sided);
/* Reporting policy: P99 needs 459, P99.9 4,603 (one-sided 99 %). */
bool ifm_stat_enough(size_t n, unsigned per_10000);

/* -- Location and spread ------------------------------------------------------------------------ */
double ifm_stat_median(double *values, size_t n); /* sorts values; mean of the middle two when n is even */
double ifm_stat_mad(double *values, size_t n);    /* median absolute deviation; reorders values */
double ifm_stat_mean(const int64_t *values, size_t n);
double ifm_stat_sd(const int64_t *values, size_t n); /* n-1; NAN for n < 2; two passes */
double ifm_stat_autocorrelation(const int64_t *values, size_t n); /* lag 1; 0 when the variance is 0 */
/* The three of them in two passes. */
void ifm_stat_moments(const int64_t *values, size_t n, double *mean, double *sd, double *autocorrelation);

/* -- Comparing two sets ------------------------------------------------------------------------- */
struct ifm_stat_interval { double estimate, low, high; bool bounded; };
/* Hodges-Lehmann shift b - a over all pairs; interval from the exact rank-sum null at two-sided alpha.
 * Allocates m*n doubles; false when out of memory or a set is empty. */
bool ifm_stat_hl_shift(const double *a, size_t m, const double *b, size_t n, double alpha,
                       struct ifm_stat_interval *out);
/* Hodges-Lehmann centre of paired differences (Walsh averages); interval from the exact signed rank at
 * two-sided alpha (bounded false when K is too small). */
bool ifm_stat_hl_paired(const double *differences, size_t k, double alpha, struct ifm_stat_interval *out);
/* Largest rank k (0: none) of the Walsh averages with P(W+ <= w) <= alpha, one-sided: the gate's table. */
size_t ifm_stat_signed_rank_k(size_t pairs, double alpha);
double ifm_stat_signed_rank_p(const double *differences, size_t k); /* one-sided p of "greater than 0" */
double ifm_stat_mwu_u(const double *a, size_t m, const double *b, size_t n); /* U of b */
double ifm_stat_mwu_p2(const double *a, size_t m, const double *b, size_t n); /* exact, or normal with ties */
double ifm_stat_welch_p(const double *a, size_t m, const double *b, size_t n, double *t, double *df);
double ifm_stat_ks(const double *a, size_t m, const double *b, size_t n, double *p); /* D, exact p */
double ifm_stat_cliff_delta(const double *a, size_t m, const double *b, size_t n);
void ifm_stat_bh_adjust(const double *p, size_t n, double *adjusted); /* Benjamini-Hochberg, input order */

#endif
