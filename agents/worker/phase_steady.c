/* The timed phase, and what is said of it afterwards. */
#include <unistd.h>
#include "agents/worker/batch.h"
#include "agents/worker/phase.h"
#include "agents/worker/report.h"
#include "agents/worker/sampling.h"
#include "core/cgroup.h"

#define SAMPLES_DEFAULT 4194304
#define SAMPLES_LEAST   1024

size_t ifm_run_capacity(const struct ifm_msg_spec *spec, int64_t sample_ns, int64_t calls)
{
    const int64_t most = spec->max_samples > 0 ? spec->max_samples : SAMPLES_DEFAULT;
    const int64_t at_once = spec->duration_ns / (sample_ns > 0 ? sample_ns : 1);
    const int64_t asked = (spec->iterations + calls - 1) / calls;
    const int64_t wanted = at_once > most ? most : at_once * 2 + asked;
    return (size_t)(wanted > most                                    ? most
                    : wanted < SAMPLES_LEAST && most > SAMPLES_LEAST ? SAMPLES_LEAST
                                                                     : wanted);
}

/* As the spec says, else by the rule. Runs a few batches to see how long they are. */
static int choose_batch(struct ifm_run *r, struct ifm_batch *batch, struct ifm_err *err)
{
    struct ifm_loop loop = ifm_phase_loop(r);
    const struct ifm_clock_calibration *c = &r->clock;
    const int64_t asked = r->spec->batch_calls, p50_ns = r->warmup.p50_ns;
    if (asked > 0) {
        *batch = (struct ifm_batch){ .calls = asked, .sample_ns = p50_ns * asked };
        return 0;
    }
    /* The warm-up's kept samples are at the front of its array, what lies behind is free. */
    loop.samples = r->warmup.array.samples + IFM_WARMUP_KEEP;
    ifm_batch_settle(&loop, p50_ns,
                     c->resolution_ns > c->overhead_ns ? c->resolution_ns : c->overhead_ns, batch);
    return batch->status != 0 ? ifm_phase_failed(r, "run", batch->status, IFM_ERR_MEASUREMENT, err)
                              : 0;
}

/* -- One sample is one run, or a batch of them ----------------------------------------------------
 */
static int prepare_single(struct ifm_run *r, struct ifm_loop *loop, struct ifm_err *err)
{
    struct ifm_batch batch;
    int code = choose_batch(r, &batch, err);
    if (code == 0) {
        code = ifm_loop_array_init(&r->array,
                                   ifm_run_capacity(r->spec, batch.sample_ns, batch.calls), err);
    }
    if (code != 0) {
        return code;
    }
    *loop = ifm_phase_loop(r);
    loop->samples = r->array.samples;
    loop->capacity = r->array.capacity;
    loop->calls = batch.calls;
    loop->iterations = (r->spec->iterations + batch.calls - 1) / batch.calls;
    loop->duration_ns = r->spec->duration_ns;
    loop->max_ns = r->spec->max_ns;
    return 0;
}

/* -- The timed phase ------------------------------------------------------------------------------
 */
static int64_t not_below_0(int64_t value)
{
    return value > 0 ? value : 0;
}

/* The sampler thread is ours: what it used is taken off what the process used. */
static void take_use(struct ifm_run *r, const struct ifm_sampling *at,
                     const struct ifm_observe_use *before)
{
    struct ifm_observe_use after;
    struct ifm_msg_event *e = &r->result;
    ifm_sampling_use(at, &e->cpu_ns, &e->voluntary_switches, &e->involuntary_switches);
    ifm_observe_use(r->observe, &after);
    e->cpu_ns = not_below_0(e->cpu_ns - (after.cpu_ns - before->cpu_ns));
    e->voluntary_switches = not_below_0(e->voluntary_switches -
                                        (after.voluntary_switches - before->voluntary_switches));
    e->involuntary_switches = not_below_0(
        e->involuntary_switches - (after.involuntary_switches - before->involuntary_switches));
}

static void timed(struct ifm_run *r, const struct ifm_loop *loop)
{
    struct ifm_sampling at;
    struct ifm_clock_point begin, end;
    struct ifm_observe_use use;
    struct ifm_msg_event *e = &r->result;
    ifm_observe_edge(r->observe, IFM_OBSERVE_STEADY_BEGIN);
    ifm_observe_use(r->observe, &use);
    ifm_sampling_begin(&at);
    ifm_clock_point(&begin);
    if (loop->run) {
        ifm_loop_run(loop, &r->steady);
    } else {
        ifm_scenario_run(&r->scenario);
        r->steady = r->scenario.result;
    }
    ifm_clock_point(&end);
    take_use(r, &at, &use);
    e->cpu_ns = not_below_0(e->cpu_ns - r->scenario.spun_ns);
    ifm_sampling_end(&at, e->own_array_bytes, &e->memory_steady);
    ifm_observe_edge(r->observe, IFM_OBSERVE_STEADY_END);
    e->clock_ratio = ifm_clock_ratio(&begin, &end);
    e->suspended_ns = ifm_clock_suspended_ns(&begin, &end);
}

int ifm_phase_steady(struct ifm_run *r, struct ifm_err *err)
{
    const bool single = r->spec->scenario == IFM_SCENARIO_SINGLE;
    struct ifm_loop loop = { .run = NULL };
    struct ifm_msg_event *e = &r->result;
    r->context->step = IFM_STEP_STEADY;
    const int code = single ? prepare_single(r, &loop, err)
                            : ifm_scenario_init(&r->scenario, &r->module.ops, r->module.state,
                                                r->spec, r->warmup.p50_ns, err);
    if (code != 0) {
        return code;
    }
    e->own_array_bytes =
        r->array.bytes + r->scenario.bytes + r->warmup.array.bytes + ifm_observe_bytes(r->observe);
    timed(r, &loop);
    if (r->steady.status != 0) {
        return ifm_phase_failed(r, single ? "run" : r->scenario.slot, r->steady.status,
                                IFM_ERR_MEASUREMENT, err);
    }
    ifm_scenario_settle(&r->scenario);
    const int64_t calls = single ? loop.calls : r->scenario.batch_calls;
    e->batch_calls = calls > 1 ? calls : 0;
    e->query_calls = r->spec->scenario == IFM_SCENARIO_MULTI && r->scenario.calls > 1
                         ? r->scenario.calls
                         : 0;
    e->iterations = (int64_t)r->steady.count * calls;
    e->steady_ns = r->steady.end_ns - r->steady.begin_ns;
    e->end_reason = (int)r->steady.end;
    if (r->steady.end == IFM_LOOP_ARRAY_FULL) {
        ifm_report_note(&e->warnings, IFM_PHASE_WARNINGS_MAX,
                        "the timed phase ended after %zu samples, all that are kept of one "
                        "invocation: it is shorter than what was asked for",
                        r->steady.count);
    }
    e->unfinished = r->scenario.unfinished;
    return 0;
}

int ifm_phase_memory_end(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_msg_memory_end *m = &r->result.memory_end;
    (void)err;
    ifm_sampling_shares(r->result.own_array_bytes, m);
    m->cgroup_peak_bytes = ifm_cgroup_peak("", getpid());
    if (!r->module.ops.memory ||
        r->module.ops.memory(r->module.state, &m->allocator_peak_bytes) != 0) {
        m->allocator_peak_bytes = IFM_JSON_ABSENT;
    }
    return 0;
}

int ifm_phase_report(struct ifm_run *r, struct ifm_err *err)
{
    const bool single = r->spec->scenario == IFM_SCENARIO_SINGLE;
    const struct ifm_report_series series[] = {
        { .phase = IFM_REPORT_WARMUP,
          .samples = r->warmup.array.samples,
          .count = r->warmup.recorded,
          .begin_ns = r->warmup.begin_ns },
        { .phase = IFM_REPORT_STEADY,
          .samples = single ? r->array.samples : r->scenario.samples,
          .lateness_ns = r->scenario.lateness_ns,
          .count = r->steady.count,
          .begin_ns = r->steady.begin_ns },
    };
    int code = ifm_observe_take(r->observe, r->steady.begin_ns, &r->result, err);
    for (size_t i = 0; code == 0 && i < sizeof series / sizeof *series; i++) {
        code = ifm_report_samples(r->context->events_fd, &series[i], err);
    }
    if (code == 0 && !r->result.deterministic) {
        ifm_report_note(
            &r->result.warnings, IFM_PHASE_WARNINGS_MAX,
            "outputs changed between the first inference and the last, with the same inputs");
    }
    return code;
}
