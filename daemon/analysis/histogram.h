/* The distribution of a run's steady samples, pooled over its ok invocations, in bins of equal width.
 * Threading: safe. Ownership: the reply is appended to out. Memory is bounded by one block and the bins. */
#ifndef IFM_HISTOGRAM_H
#define IFM_HISTOGRAM_H

#include "daemon/store/store.h"

#define IFM_HISTOGRAM_BINS 120
#define IFM_HISTOGRAM_BINS_MAX 2000
#define IFM_HISTOGRAM_NS_MAX INT64_C(3600000000001) /* of low_ns and high_ns: one hour, exclusive end */

/* {"low_ns":,"high_ns":,"bin_ns":,"counts":[],"below":n,"above":n,"n":total}. Bin i holds
 * low + i*bin_ns <= x < low + (i+1)*bin_ns; bin_ns is a whole number, so high_ns may be above what was asked.
 * invocation -1: all ok ones. bins 0: IFM_HISTOGRAM_BINS. low_ns or high_ns < 0: the default, the smallest
 * sample and the P99.9 (found to within 1 % by a first pass). Without samples and without a range: nulls, n 0, counts [].
 * An invocation that is named counts also when it failed.
 * IFM_ERR_NOT_FOUND when the run, or that invocation, is not stored; IFM_ERR_BAD_REQUEST for bins outside
 * 1..2000 or low_ns >= high_ns. */
int ifm_histogram_json(struct ifm_store *store, const char *run_id, int64_t invocation, int bins,
                       int64_t low_ns, int64_t high_ns, struct ifm_buf *out, struct ifm_err *err);

#endif
