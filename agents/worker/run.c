#include "agents/worker/run.h"
#include "agents/worker/phase.h"
#include "agents/worker/report.h"
#include "core/mem.h"

#define PHASES_MAX 14

/* Verification stands before the warm-up, so that nothing but the sample array's allocation lies
 * between the last warm-up run and the first timed one. */
static ifm_phase *const phases[][PHASES_MAX] = {
    [IFM_ACTION_MEASURE] = { ifm_phase_place, ifm_phase_start, ifm_phase_isolate,
                             ifm_phase_rehearse, ifm_phase_load, ifm_phase_first,
                             ifm_phase_verify_before, ifm_phase_idle, ifm_phase_warm_up,
                             ifm_phase_steady, ifm_phase_memory_end, ifm_phase_verify_after,
                             ifm_phase_report },
    [IFM_ACTION_PROBE] = { ifm_phase_start },
    [IFM_ACTION_DESCRIBE] = { ifm_phase_start, ifm_phase_isolate, ifm_phase_load },
    [IFM_ACTION_PROFILE] = { ifm_phase_place, ifm_phase_start, ifm_phase_can_profile,
                             ifm_phase_isolate, ifm_phase_load, ifm_phase_first,
                             ifm_phase_verify_before, ifm_phase_warm_up, ifm_phase_profile },
    [IFM_ACTION_ALLOCATIONS] = { ifm_phase_place, ifm_phase_start, ifm_phase_isolate,
                                 ifm_phase_load, ifm_phase_first, ifm_phase_verify_before,
                                 ifm_phase_warm_up, ifm_phase_allocations },
    [IFM_ACTION_ACCURACY] = { ifm_phase_place, ifm_phase_start, ifm_phase_isolate,
                              ifm_phase_accuracy },
};

static int go_through(struct ifm_run *r, struct ifm_err *err)
{
    ifm_phase *const *phase = phases[r->spec->action];
    int code = 0;
    for (size_t i = 0; code == 0 && i < PHASES_MAX && phase[i]; i++) {
        code = phase[i](r, err);
    }
    if (code == IFM_ERR_NOMEM && r->spec->memory_limit_bytes > 0) {
        code = err->code = IFM_ERR_MEMORY_LIMIT; /* our own allocation was what met the limit */
    }
    return code;
}

int ifm_run_spec(const struct ifm_msg_spec *spec, struct ifm_run_context *context,
                 struct ifm_err *err)
{
    struct ifm_run *r = ifm_alloc(sizeof *r);
    if (!r) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "run", "out of memory");
    }
    r->spec = spec;
    r->context = context;
    ifm_report_init(&r->result, IFM_EVENT_RESULT);
    context->step = IFM_STEP_START;
    int code = go_through(r, err);
    if (code == 0) {
        code = ifm_report_event(context->events_fd, &r->result, err);
        context->step = IFM_STEP_CLOSE;
    }
    ifm_registry_close(&r->module);
    ifm_observe_close(r->observe); /* after the module: its threads are counted to the end */
    ifm_scenario_done(&r->scenario);
    ifm_load_done(&r->inputs);
    ifm_loop_array_done(&r->array);
    ifm_loop_array_done(&r->warmup.array);
    ifm_report_done(&r->result);
    ifm_free(r->library_path);
    ifm_free(r);
    return code;
}
