/* Paced, and a server whose runtime is synchronous: this thread waits for the due time, runs, and
 * goes on with the next query, at once where that is due already. */
#include "agents/worker/scenario.h"
#include "core/clock.h"

#define SPIN_NS INT64_C(250000)

void ifm_scenario_run_open(struct ifm_scenario *s)
{
    int (*const run)(void *) = s->ops->run;
    int (*const sync)(void *) = s->ops->sync;
    struct ifm_loop_result *r = &s->result;
    const int64_t spin = s->spec->scenario == IFM_SCENARIO_PACED ? 0 : SPIN_NS;
    const int64_t begin = ifm_clock_ns();
    const int64_t maximum = s->spec->max_ns > 0 ? begin + s->spec->max_ns : INT64_MAX;
    int64_t free_ns = begin, end = begin; /* free_ns: with a generator that is never late */
    int64_t spun = 0;
    size_t n = 0;
    int status = 0;
    *r = (struct ifm_loop_result){ .begin_ns = begin,
                                   .end = s->cut ? IFM_LOOP_ARRAY_FULL : IFM_LOOP_COMPLETE };
    while (n < s->planned) {
        const int64_t due = begin + s->samples[n].start_ns;
        if (__builtin_expect(due >= maximum, 0)) {
            r->end = IFM_LOOP_MAXIMUM;
            break;
        }
        const int64_t start = ifm_scenario_wait_until(due, spin, &spun);
        status = run(s->state);
        if (sync && status == 0) {
            s->slot = "sync";
            status = sync(s->state);
        }
        end = ifm_clock_ns();
        if (__builtin_expect(status != 0, 0)) {
            break;
        }
        s->lateness_ns[n] = ifm_scenario_charge(due, start, end - start, &free_ns);
        s->samples[n].start_ns = due;
        s->samples[n].duration_ns = end - due;
        n++;
        if (__builtin_expect(end >= maximum && n < s->planned, 0)) {
            r->end = IFM_LOOP_MAXIMUM;
            break;
        }
    }
    s->spun_ns = spun;
    r->count = n;
    r->status = status;
    r->end_ns = end;
    if (status == 0) {
        ifm_scenario_count_unfinished(s, n, n);
    }
}
