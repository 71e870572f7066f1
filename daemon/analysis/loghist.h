/* A histogram with buckets of equal relative width (1/128 of an octave's start: values are known to better
 * than 1 %), for quantiles of more samples than should be held in memory. Not stored, not merged.
 * Threading: one thread. Ownership: the caller's struct, 60 KiB. */
#ifndef IFM_LOGHIST_H
#define IFM_LOGHIST_H

#include <stdint.h>

#define IFM_LOGHIST_BITS 7
#define IFM_LOGHIST_BUCKETS ((64 - IFM_LOGHIST_BITS) << IFM_LOGHIST_BITS)

struct ifm_loghist { int64_t counts[IFM_LOGHIST_BUCKETS]; int64_t total, min, max; };

void ifm_loghist_reset(struct ifm_loghist *hist);
void ifm_loghist_add(struct ifm_loghist *hist, int64_t value); /* >= 0 */
/* Nearest rank at per_10000; the highest value of its bucket, within [min, max]. 0 when empty. */
int64_t ifm_loghist_percentile(const struct ifm_loghist *hist, unsigned per_10000);

#endif
