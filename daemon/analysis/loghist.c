#include "daemon/analysis/loghist.h"

#include <string.h>
#include "core/stat.h"

void ifm_loghist_reset(struct ifm_loghist *hist)
{
    memset(hist, 0, sizeof *hist);
    hist->min = INT64_MAX;
}

/* Values below 128 have a bucket each; above, the 7 bits after the leading one choose it. */
static size_t bucket_of(uint64_t value)
{
    if (value < 1u << IFM_LOGHIST_BITS) return (size_t)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - IFM_LOGHIST_BITS;
    return ((size_t)(shift + 1) << IFM_LOGHIST_BITS) + (size_t)((value >> shift) & ((1u << IFM_LOGHIST_BITS) - 1));
}

static uint64_t highest_of(size_t bucket)
{
    if (bucket < 1u << IFM_LOGHIST_BITS) return bucket;
    unsigned shift = (unsigned)(bucket >> IFM_LOGHIST_BITS) - 1;
    uint64_t lead = (1u << IFM_LOGHIST_BITS) | (bucket & ((1u << IFM_LOGHIST_BITS) - 1));
    return ((lead + 1) << shift) - 1;
}

void ifm_loghist_add(struct ifm_loghist *hist, int64_t value)
{
    hist->counts[bucket_of((uint64_t)value)]++;
    hist->total++;
    if (value < hist->min) hist->min = value;
    if (value > hist->max) hist->max = value;
}

int64_t ifm_loghist_percentile(const struct ifm_loghist *hist, unsigned per_10000)
{
    if (!hist->total) return 0;
    int64_t rank = (int64_t)ifm_stat_rank((size_t)hist->total, per_10000), seen = 0;
    for (size_t i = 0; i < IFM_LOGHIST_BUCKETS; i++) {
        seen += hist->counts[i];
        if (seen < rank) continue;
        int64_t value = (int64_t)highest_of(i);
        return value > hist->max ? hist->max : value < hist->min ? hist->min : value;
    }
    return hist->max;
}
