#include "agents/worker/batch.h"

#define TRIES  3 /* batches of one size: the fastest counts, a preempted one does not */
#define ROUNDS 8

int64_t ifm_batch_calls(int64_t p50_ns, int64_t floor_ns)
{
    const int64_t wanted = IFM_BATCH_FLOORS * floor_ns;
    if (p50_ns <= 0 || p50_ns >= wanted) {
        return 1;
    }
    const int64_t calls = (wanted + p50_ns - 1) / p50_ns;
    return calls < IFM_BATCH_MOST ? calls : IFM_BATCH_MOST;
}

void ifm_batch_settle(const struct ifm_loop *base, int64_t p50_ns, int64_t floor_ns,
                      struct ifm_batch *out)
{
    struct ifm_loop loop = *base;
    struct ifm_loop_result result;
    /* 0 ns is shorter than a tick: no longer than one, then. */
    const int64_t once_ns = p50_ns > 0 ? p50_ns : floor_ns;
    *out = (struct ifm_batch){ .calls = ifm_batch_calls(once_ns, floor_ns), .sample_ns = once_ns };
    loop.capacity = TRIES;
    loop.iterations = TRIES;
    loop.duration_ns = loop.max_ns = 0;
    for (int i = 0; i < ROUNDS && out->calls > 1; i++) {
        loop.calls = out->calls;
        ifm_loop_run(&loop, &result);
        out->status = result.status;
        if (result.status != 0) {
            return;
        }
        out->sample_ns = INT64_MAX;
        for (size_t n = 0; n < result.count; n++) {
            const int64_t ns = loop.samples[n].duration_ns;
            out->sample_ns = ns < out->sample_ns ? ns : out->sample_ns;
        }
        const int64_t wanted = IFM_BATCH_FLOORS * floor_ns;
        if (out->sample_ns >= wanted - wanted / 10 || out->calls == IFM_BATCH_MOST) {
            return; /* a tenth less is this machine's noise in P50 */
        }
        const int64_t times =
            ifm_batch_calls(out->sample_ns > 0 ? out->sample_ns : floor_ns, floor_ns);
        out->calls = out->calls > IFM_BATCH_MOST / times ? IFM_BATCH_MOST : out->calls * times;
    }
}
