#include "agents/worker/warmup.h"

#define P50_OF 1001 /* latest samples that the estimate looks at */

static int64_t recent_median(const struct ifm_warmup *w)
{
    int64_t values[P50_OF];
    const size_t n = w->recorded < P50_OF ? w->recorded : P50_OF;
    for (size_t i = 0; i < n; i++) { /* insertion sort: nearly sorted data, once a process */
        const int64_t v = w->array.samples[w->recorded - n + i].duration_ns;
        size_t j = i;
        for (; j > 0 && values[j - 1] > v; j--) {
            values[j] = values[j - 1];
        }
        values[j] = v;
    }
    return n ? values[(n - 1) / 2] : 0;
}

/* The array is a window that is overwritten once the kept part is full: the loop stays the same
 * code. */
int ifm_warmup_run(const struct ifm_loop *base, int64_t iterations, int64_t least_ns,
                   struct ifm_warmup *out, struct ifm_err *err)
{
    const int64_t wanted = iterations > 0 ? iterations : IFM_WARMUP_LEAST;
    const size_t scratch = 4096;
    struct ifm_loop loop = *base;
    struct ifm_loop_result result = { .end = IFM_LOOP_ARRAY_FULL };

    *out = (struct ifm_warmup){ .iterations = 0 };
    if (ifm_loop_array_init(&out->array, IFM_WARMUP_KEEP + scratch, err) != 0) {
        return err ? err->code : IFM_ERR_NOMEM;
    }
    loop.max_ns = 0;
    loop.samples = out->array.samples;
    loop.capacity = IFM_WARMUP_KEEP;
    loop.duration_ns = iterations > 0 ? 0 : least_ns;
    while (result.end == IFM_LOOP_ARRAY_FULL && result.status == 0) {
        loop.iterations = wanted - out->iterations;
        ifm_loop_run(&loop, &result);
        if (out->iterations == 0) {
            out->begin_ns = result.begin_ns;
            out->recorded = result.count;
        }
        out->iterations += (int64_t)result.count;
        out->end_ns = result.end_ns;
        out->status = result.status;
        loop.samples = out->array.samples + IFM_WARMUP_KEEP;
        loop.capacity = scratch;
        loop.duration_ns = (iterations > 0 ? 0 : least_ns) - (out->end_ns - out->begin_ns);
    }
    out->p50_ns = recent_median(out);
    return 0;
}
