/* The samples of a run at the width of a picture: per invocation and phase, buckets by sample index with
 * min, max, median and number, so that no outlier is lost however few the pixels.
 *
 * Threading: safe. Ownership: the reply is appended to out. Memory is bounded by one block (65,536 samples)
 * and one bucket, whatever the size of the run. */
#ifndef IFM_SAMPLES_H
#define IFM_SAMPLES_H

#include "daemon/store/store.h"

#define IFM_SAMPLES_BUCKETS 600
#define IFM_SAMPLES_BUCKETS_MAX 2000
#define IFM_SAMPLES_NS_MAX INT64_C(2592000000000000) /* 30 days: longer than any phase */

/* Samples that began at from_ns <= t < to_ns, counted from their phase's begin. */
struct ifm_samples_range { int64_t from_ns, to_ns; };

/* {"run":id,"unit":"ns","invocations":[{"n":0,"warmup":C,"steady":C}]}, C = {"count":total,"t_ns":[],
 * "min":[],"max":[],"p50":[],"n":[]}: columns, one entry per bucket; t_ns is the start of the bucket's first
 * sample since that phase's begin, from latencies and gaps (0 between samples where gaps were not sent).
 * invocation -1: all. phase -1: both, else 0 warmup, 1 steady (the other member is then left out).
 * buckets 0: IFM_SAMPLES_BUCKETS. range NULL: all; else `count` and the buckets are of the samples within.
 * IFM_ERR_NOT_FOUND when the run, or that invocation, is not stored;
 * IFM_ERR_BAD_REQUEST for buckets outside 1..2000 or a range without length. */
int ifm_samples_json(struct ifm_store *store, const char *run_id, int64_t invocation, int phase, int buckets,
                     const struct ifm_samples_range *range, struct ifm_buf *out, struct ifm_err *err);

#endif
