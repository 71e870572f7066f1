/* The statistics of the method (docs/method.md): nearest rank, exact order-statistic intervals,
 * exact signed rank and rank sum. Integer nanoseconds until the last step.
 *
 * Threading: pure functions. Ownership: inputs are borrowed; those called `sorted` must be
 * ascending. Errors: a result that does not exist is NAN, rank 0 or false, as said. */
#ifndef IFM_STAT_H
#define IFM_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -- Distributions (stat_dist.c) --------------------------------------------------------------- */

/* Regularised incomplete beta function I_x(a, b), by Lentz's continued fraction. About 1e-11 at
 * a = 1e4, 1e-9 at 1e6. NAN unless a and b are positive. */
double ifm_stat_betai(double a, double b, double x);
double ifm_stat_binom_cdf(int64_t k, int64_t n, double p); /* P(Bin(n,p) <= k) */
double ifm_stat_norm_cdf(double z);
double ifm_stat_norm_quantile(double p);
double ifm_stat_t_cdf2(double t, double df); /* two-sided p of Student's t */
double ifm_stat_t_quantile(double p, double df);

/* -- Order statistics (stat_order.c) ----------------------------------------------------------- */

/* Radix sort, O(n). Allocates scratch above 256 values; without memory it falls back to qsort. */
void ifm_stat_sort(int64_t *values, size_t n);
void ifm_stat_sort_f64(double *values, size_t n); /* no NAN among them */
/* 1-based nearest rank ceil(n * per_10000 / 10000) in integers; n > 0, per_10000 in 1..10000. */
size_t ifm_stat_rank(size_t n, unsigned per_10000);
int64_t ifm_stat_percentile(const int64_t *sorted, size_t n, unsigned per_10000);
/* numpy's "linear". */
double ifm_stat_percentile_linear(const int64_t *sorted, size_t n, double p);
double ifm_stat_percentile_linear_f64(const double *sorted, size_t n, double p);
double ifm_stat_harrell_davis(const double *sorted, size_t n, double p);
/* Exact two-sided interval of the p-quantile at confidence 1-alpha: ranks 1-based; *low 0: no lower
 * bound, *high 0: no upper bound (too few samples). Returns the exact coverage, NAN when a bound is
 * missing. Some microseconds: not for once per sample. */
double ifm_stat_quantile_ranks(size_t n, double p, double alpha, size_t *low, size_t *high);
/* Samples needed for a finite upper bound: ceil(ln a / ln p), a = alpha/2 if two-sided, or alpha.
 */
size_t ifm_stat_min_samples(double p, double alpha, bool two_sided);
/* Reporting policy: P99 needs 459, P99.9 4,603 (one-sided 99 %). */
bool ifm_stat_enough(size_t n, unsigned per_10000);

/* -- Location and spread (stat_order.c) -------------------------------------------------------- */

/* Sorts values; the mean of the middle two when n is even. */
double ifm_stat_median(double *values, size_t n);
double ifm_stat_mad(double *values, size_t n); /* median absolute deviation; overwrites values */
double ifm_stat_mean(const int64_t *values, size_t n);
double ifm_stat_sd(const int64_t *values, size_t n); /* n-1; NAN for n < 2; two passes */
/* Lag 1; 0 when the variance is 0. */
double ifm_stat_autocorrelation(const int64_t *values, size_t n);
/* The three of them at the price of one. */
void ifm_stat_moments(const int64_t *values, size_t n, double *mean, double *sd,
                      double *autocorrelation);

/* -- Ranks of two sets (stat_rank.c) ----------------------------------------------------------- */

struct ifm_stat_interval {
    double estimate, low, high;
    bool bounded; /* low and high are there; else they are NAN */
};
/* Hodges-Lehmann shift b - a over all pairs; interval from the rank-sum null at two-sided alpha,
 * exact up to m * n = 2,500, normal above. Allocates m * n doubles; false when out of memory or a
 * set is empty. */
bool ifm_stat_hl_shift(const double *a, size_t m, const double *b, size_t n, double alpha,
                       struct ifm_stat_interval *out);
/* Hodges-Lehmann centre of paired differences (Walsh averages); interval from the exact signed rank
 * at two-sided alpha (bounded false when K is too small). False when out of memory or k is 0. */
bool ifm_stat_hl_paired(const double *differences, size_t k, double alpha,
                        struct ifm_stat_interval *out);
/* Largest rank k (0: none) of the Walsh averages with P(W+ <= k - 1) <= alpha, one-sided: the
 * gate's table. Exact up to 200 pairs. */
size_t ifm_stat_signed_rank_k(size_t pairs, double alpha);
/* One-sided p of "greater than 0"; zeros are left out, ties get mid-ranks, exact up to 200 pairs.
 */
double ifm_stat_signed_rank_p(const double *differences, size_t k);
double ifm_stat_mwu_u(const double *a, size_t m, const double *b, size_t n); /* U of b */
/* Two-sided; exact without ties up to m * n = 2,500, else normal with tie and continuity
 * correction. */
double ifm_stat_mwu_p2(const double *a, size_t m, const double *b, size_t n);
double ifm_stat_cliff_delta(const double *a, size_t m, const double *b, size_t n);

/* -- Classical tests (stat_classic.c) ---------------------------------------------------------- */

/* Two-sided p; t (of b - a) and df may be NULL. */
double ifm_stat_welch_p(const double *a, size_t m, const double *b, size_t n, double *t,
                        double *df);
/* Kolmogorov-Smirnov D; *p (may be NULL) gets the exact two-sided p. */
double ifm_stat_ks(const double *a, size_t m, const double *b, size_t n, double *p);
/* Benjamini-Hochberg adjusted p-values, in input order; p and adjusted must not overlap. */
void ifm_stat_bh_adjust(const double *p, size_t n, double *adjusted);

/* -- Right and wrong answers (stat_paired.c) ---------------------------------------------------- */

/* Wilson's score interval of k right answers among n; NAN without one. */
void ifm_stat_wilson(int64_t k, int64_t n, double alpha, double *low, double *high);
/* McNemar's exact test, two-sided: samples that only one of two models got right. 1 where there are as many of
 * either; NAN for a negative number. */
double ifm_stat_mcnemar_p2(int64_t only_a, int64_t only_b);

#endif
