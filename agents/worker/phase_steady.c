/* The timed phase, and what is said of it afterwards. */
#include "agents/worker/phase.h"
#include "agents/worker/report.h"
#include "agents/worker/sampling.h"

#define SAMPLES_DEFAULT 4194304
#define SAMPLES_LEAST   1024

size_t ifm_run_capacity(const struct ifm_msg_spec *spec, int64_t p50_ns)
{
    const int64_t most = spec->max_samples > 0 ? spec->max_samples : SAMPLES_DEFAULT;
    const int64_t at_once = spec->duration_ns / (p50_ns > 0 ? p50_ns : 1);
    const int64_t wanted = at_once > most ? most : at_once * 2 + spec->iterations;
    return (size_t)(wanted > most                                    ? most
                    : wanted < SAMPLES_LEAST && most > SAMPLES_LEAST ? SAMPLES_LEAST
                                                                     : wanted);
}

int ifm_phase_steady(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_sampling at;
    struct ifm_loop loop = ifm_phase_loop(r);
    struct ifm_msg_event *e = &r->result;
    r->context->step = IFM_STEP_STEADY;
    const int code =
        ifm_loop_array_init(&r->array, ifm_run_capacity(r->spec, r->warmup.p50_ns), err);
    if (code != 0) {
        return code;
    }
    loop.samples = r->array.samples;
    loop.capacity = r->array.capacity;
    loop.iterations = r->spec->iterations;
    loop.duration_ns = r->spec->duration_ns;
    loop.max_ns = r->spec->max_ns;
    e->own_array_bytes = r->array.bytes + r->warmup.array.bytes;
    ifm_sampling_begin(&at);
    ifm_loop_run(&loop, &r->steady);
    ifm_sampling_use(&at, &e->cpu_ns, &e->involuntary_switches);
    ifm_sampling_end(&at, e->own_array_bytes, &e->memory_steady);
    if (r->steady.status != 0) {
        return ifm_phase_failed(r, "run", r->steady.status, IFM_ERR_MEASUREMENT, err);
    }
    e->iterations = (int64_t)r->steady.count;
    e->steady_ns = r->steady.end_ns - r->steady.begin_ns;
    e->end_reason = (int)r->steady.end;
    return 0;
}

int ifm_phase_report(struct ifm_run *r, struct ifm_err *err)
{
    const int fd = r->context->events_fd;
    int code = ifm_report_samples(fd, IFM_REPORT_WARMUP, r->warmup.array.samples,
                                  r->warmup.recorded, r->warmup.begin_ns, err);
    if (code == 0) {
        code = ifm_report_samples(fd, IFM_REPORT_STEADY, r->array.samples, r->steady.count,
                                  r->steady.begin_ns, err);
    }
    if (code == 0 && !r->result.deterministic) {
        ifm_report_note(
            &r->result.warnings, IFM_PHASE_WARNINGS_MAX,
            "outputs changed between the first inference and the last, with the same inputs");
    }
    return code;
}
