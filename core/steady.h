/* Whether a series of timed iterations was steady: truncation by MSER-5, change points in mean and variance
 * (PELT) and the class of Barrett et al. 2017, trend by Mann-Kendall, outliers by the median absolute
 * deviation. Flags only: nothing is trimmed here.
 *
 * Sources and adaptations: measurement.md 2.1-2.6 and 7.6 of the method; docs/method.md says what is used.
 * Threading: pure functions. Ownership: inputs are borrowed and not changed. Cost: bounded, because long
 * series are reduced to IFM_STEADY_POINTS medians of consecutive blocks first. */
#ifndef IFM_STEADY_H
#define IFM_STEADY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFM_STEADY_POINTS 200 /* points that the change points are sought in */

enum ifm_steady_class { IFM_STEADY_TOO_FEW, IFM_STEADY_FLAT, IFM_STEADY_WARMUP, IFM_STEADY_SLOWDOWN,
                        IFM_STEADY_NO_STEADY_STATE };
const char *ifm_steady_class_name(enum ifm_steady_class steady); /* "flat", "warmup", "slowdown", … */

struct ifm_steadiness {
    enum ifm_steady_class steady;
    double mser_share;     /* part that MSER-5 would drop from the begin; 1: it did not converge; NAN: n < 10 */
    double mser_ratio;     /* median of that part over the median of the rest; 1: nothing is dropped; NAN */
    double drift_p;        /* Mann-Kendall over 20 medians of blocks, two-sided; NAN where n < 20 */
    double drift_ratio;    /* median of the last third over the first third; NAN */
    double outlier_share;  /* |x - median| > 14.826 MAD (half the distance of the quartiles where that is more) and
                              > 5 % of the median */
    double iqr_ratio;      /* (P75 - P25) / P50 */
    double autocorrelation; /* lag 1; what lies beyond 7.4 MAD counts as the median */
};
/* values in time order, ns; resolution_ns floors variances of quantised clocks. sorted is the same sample ascending;
 * where it is NULL, scratch holds n values and is overwritten. No allocation with sorted. */
void ifm_steady_assess(const int64_t *values, const int64_t *sorted, int64_t *scratch, size_t n,
                       int64_t resolution_ns, struct ifm_steadiness *out);

/* -- The parts, for tests and for other uses ---------------------------------------------------- */
/* Samples that MSER-5 drops; *converged false when the minimum lies at the limit. */
size_t ifm_steady_mser5(const double *values, size_t n, bool *converged);
/* PELT with the normal mean-and-variance cost and the given penalty and least segment length; ends (exclusive)
 * of segments, the last is n. Returns their number, 0 when out of memory. n is at most 4,096. */
size_t ifm_steady_pelt_meanvar(const double *values, size_t n, double penalty, size_t least, double floor_var,
                               size_t *ends);
/* The class of n values, at most IFM_STEADY_POINTS; too_few below 50. */
enum ifm_steady_class ifm_steady_barrett(const double *values, size_t n, double floor_var);
/* Two-sided p with continuity correction and ties; S and the Theil-Sen slope may be NULL. n at most 4,096. */
double ifm_steady_mann_kendall(const double *values, size_t n, double *s, double *slope);

/* Kalibera and Jones 2013: values of `levels` nested levels, repetitions[0] the innermost. Fills S_i^2 and T_i^2
 * (levels each) and the optimal repetitions for costs (may be NULL; levels - 1 values). */
void ifm_steady_kalibera(const double *values, const size_t *repetitions, size_t levels, const double *costs,
                         double *s2, double *t2, double *optimal);

#endif
