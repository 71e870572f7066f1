/* What comes before the timed phase: the first inference, a look at the outputs, the warm-up. */
#include "agents/worker/phase.h"
#include "agents/worker/report.h"
#include "agents/worker/sampling.h"
#include "agents/worker/verify.h"

struct ifm_loop ifm_phase_loop(const struct ifm_run *r)
{
    return (struct ifm_loop){ .run = r->module.ops.run,
                              .sync = r->module.ops.sync,
                              .state = r->module.state };
}

int ifm_phase_first(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_loop_sample sample;
    struct ifm_loop_result result;
    struct ifm_sampling at;
    struct ifm_loop loop = ifm_phase_loop(r);
    struct ifm_observe *observe = r->rehearsing ? NULL : r->observe;
    loop.samples = &sample;
    loop.capacity = 1;
    r->context->step = IFM_STEP_FIRST;
    ifm_observe_edge(observe, IFM_OBSERVE_FIRST_BEGIN);
    ifm_sampling_begin(&at);
    ifm_loop_run(&loop, &result);
    ifm_sampling_end(&at, ifm_observe_bytes(r->observe), &r->result.memory_first);
    ifm_observe_edge(observe, IFM_OBSERVE_FIRST_END);
    if (result.status != 0) {
        const int code = ifm_phase_failed(r, "run", result.status, IFM_ERR_MEASUREMENT, err);
        if (code == IFM_ERR_MEASUREMENT && r->inputs.guessed) {
            ifm_err_prefix(err, "the shape of input '%.40s' was assumed, try --shape",
                           r->inputs.guessed);
        }
        return code;
    }
    r->first_ns = sample.duration_ns;
    return 0;
}

static int verify(struct ifm_run *r, bool first, struct ifm_err *err)
{
    const struct ifm_tensor *outputs = NULL;
    size_t count = 0;
    r->context->step = IFM_STEP_VERIFY;
    const int status = r->module.ops.fetch(r->module.state, &outputs, &count);
    if (status != 0) {
        return ifm_phase_failed(r, "fetch", status, IFM_ERR_MEASUREMENT, err);
    }
    const uint64_t hash = ifm_verify_hash(outputs, count);
    r->result.deterministic = hash == r->outputs_hash;
    if (!first && (r->result.deterministic || r->result.verification.state == IFM_VERIFY_WRONG)) {
        return 0; /* the same bytes, or wrong already: nothing new to learn */
    }
    r->outputs_hash = hash;
    ifm_verify_finite(outputs, count, &r->result.warnings);
    const struct ifm_verify_precision precision = { .variant = r->spec->precision,
                                                    .effective = r->precision[0] ? r->precision : NULL };
    int code = ifm_verify_outputs(outputs, count, &r->spec->expect, &precision,
                                  &r->result.verification, &r->result.warnings, err);
    if (code == 0 && first && r->spec->outputs_folder) {
        code = ifm_verify_write(outputs, count, r->spec->outputs_folder, err);
    }
    if (code == 0 && first) {
        code = ifm_load_outputs(count == r->out_count ? r->out_infos : NULL, count, outputs,
                                &r->result.outputs, err);
    }
    return code;
}

int ifm_phase_verify_before(struct ifm_run *r, struct ifm_err *err)
{
    return verify(r, true, err);
}

/* Outputs that a runtime still writes to are not looked at. */
int ifm_phase_verify_after(struct ifm_run *r, struct ifm_err *err)
{
    if (r->scenario.abandoned > 0) {
        r->result.deterministic = true;
        ifm_report_note(&r->result.warnings, IFM_PHASE_WARNINGS_MAX,
                        "outputs were compared before the timed phase alone: %lld queries had no "
                        "answer at its end",
                        (long long)r->scenario.abandoned);
        return 0;
    }
    return verify(r, false, err);
}

int ifm_phase_idle(struct ifm_run *r, struct ifm_err *err)
{
    (void)err;
    ifm_observe_idle(r->observe);
    return 0;
}

int ifm_phase_warm_up(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_msg_event e;
    const struct ifm_loop loop = ifm_phase_loop(r);
    r->context->step = IFM_STEP_WARMUP;
    const struct ifm_warmup_rule rule = { .iterations = r->spec->warmup_iterations,
                                          .least_ns = r->spec->warmup_ns,
                                          .most_ns = r->spec->warmup_max_ns,
                                          .tick_ns = r->clock.resolution_ns };
    ifm_observe_edge(r->observe, IFM_OBSERVE_WARMUP_BEGIN);
    int code = ifm_warmup_run(&loop, &rule, &r->warmup, err);
    ifm_observe_edge(r->observe, IFM_OBSERVE_WARMUP_END);
    if (code != 0) {
        return code;
    }
    if (r->warmup.status != 0) {
        return ifm_phase_failed(r, "run", r->warmup.status, IFM_ERR_MEASUREMENT, err);
    }
    ifm_report_init(&e, IFM_EVENT_WARM);
    e.first_inference_ns = r->first_ns;
    e.warmup_iterations = r->warmup.iterations;
    e.warmup_ns = r->warmup.end_ns - r->warmup.begin_ns;
    e.warmup_end = (int)r->warmup.end;
    e.cold = r->cold;
    code = ifm_report_event(r->context->events_fd, &e, err);
    ifm_report_done(&e);
    return code;
}
