/* Closed loops: the next query begins when one has ended. */
#include "agents/worker/scenario.h"
#include "core/clock.h"

struct limits {
    size_t wanted;
    int64_t long_enough, maximum;
};

static struct limits begin(struct ifm_scenario *s)
{
    const struct ifm_msg_spec *spec = s->spec;
    const int64_t per = s->batch_calls, iterations = spec->iterations;
    s->result = (struct ifm_loop_result){ .begin_ns = ifm_clock_ns(), .end = IFM_LOOP_ARRAY_FULL };
    s->result.end_ns = s->result.begin_ns;
    return (struct limits){
        .wanted = iterations > 0 ? (size_t)((iterations + per - 1) / per) : 1,
        .long_enough = s->result.begin_ns + spec->duration_ns,
        .maximum = spec->max_ns > 0 ? s->result.begin_ns + spec->max_ns : INT64_MAX,
    };
}

/* Whether a sample that ended now was the last one, and why. */
static inline bool is_last(struct ifm_loop_result *r, const struct limits *limits, size_t n,
                           int64_t end)
{
    if (end >= limits->long_enough && n >= limits->wanted) {
        r->end = IFM_LOOP_COMPLETE;
        return true;
    }
    if (__builtin_expect(end >= limits->maximum, 0)) {
        r->end = IFM_LOOP_MAXIMUM;
        return true;
    }
    return false;
}

static inline int one_run(struct ifm_scenario *s)
{
    int status = s->ops->run(s->state);
    if (status == 0 && s->ops->sync) {
        s->slot = "sync";
        status = s->ops->sync(s->state);
        s->slot = status == 0 ? "run" : "sync";
    }
    return status;
}

static int query_in_turn(struct ifm_scenario *s)
{
    int status = 0;
    for (int64_t i = 0; status == 0 && i < s->calls; i++) {
        status = one_run(s);
    }
    return status;
}

static int query_at_once(struct ifm_scenario *s)
{
    int status = 0;
    s->slot = "submit";
    for (int64_t i = 0; status == 0 && i < s->calls; i++) {
        status = s->ops->submit(s->state);
    }
    s->slot = status == 0 ? "wait" : "submit";
    for (int64_t i = 0; status == 0 && i < s->calls; i++) {
        status = s->ops->wait(s->state);
    }
    return status;
}

static void queries(struct ifm_scenario *s, int (*query)(struct ifm_scenario *))
{
    struct ifm_loop_result *r = &s->result;
    const struct limits limits = begin(s);
    size_t n = 0;
    while (n < s->capacity) {
        const int64_t start = ifm_clock_ns();
        r->status = query(s);
        const int64_t end = r->end_ns = ifm_clock_ns();
        if (__builtin_expect(r->status != 0, 0)) {
            break;
        }
        s->samples[n].start_ns = start;
        s->samples[n].duration_ns = end - start;
        n++;
        if (is_last(r, &limits, n, end)) {
            break;
        }
    }
    r->count = n;
}

/* `calls` are kept in flight; what is in flight when the phase has lasted long enough is ended and
 * counted as well. */
static void in_flight(struct ifm_scenario *s)
{
    struct ifm_loop_result *r = &s->result;
    const struct limits limits = begin(s);
    size_t issued = 0, done = 0;
    bool last = false;
    while (r->status == 0) {
        while (!last && issued < s->capacity && (int64_t)(issued - done) < s->calls) {
            s->slot = "submit";
            s->samples[issued].start_ns = ifm_clock_ns();
            r->status = s->ops->submit(s->state);
            if (r->status != 0) {
                break;
            }
            issued++;
        }
        if (r->status != 0 || done == issued) {
            break;
        }
        s->slot = "wait";
        r->status = s->ops->wait(s->state);
        r->end_ns = ifm_clock_ns();
        if (r->status == 0) {
            s->samples[done].duration_ns = r->end_ns - s->samples[done].start_ns;
            done++;
            last = last || is_last(r, &limits, issued, r->end_ns);
        }
    }
    r->count = done;
}

void ifm_scenario_run_closed(struct ifm_scenario *s)
{
    const bool async = (s->ops->caps & IFM_CAP_ASYNC) != 0;
    if (async && s->spec->scenario == IFM_SCENARIO_OFFLINE) {
        in_flight(s);
    } else {
        queries(s,
                async && s->spec->scenario == IFM_SCENARIO_MULTI ? query_at_once : query_in_turn);
    }
}
