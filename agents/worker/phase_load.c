/* The load: the model file, open and bind, the inputs between them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agents/worker/library.h"
#include "agents/worker/cold.h"
#include "agents/worker/phase.h"
#include "agents/worker/report.h"
#include "agents/worker/sampling.h"
#include "agents/worker/told.h"
#include "core/clock.h"

static int check_model(const struct ifm_msg_spec *spec, const struct ifm_runtime_ops *ops,
                       struct ifm_err *err)
{
    if (ops->caps & IFM_CAP_MODELLESS) {
        return 0;
    }
    if (!spec->model || !*spec->model) {
        return ifm_err_set(err, IFM_ERR_USAGE, "model", "runtime %s needs a model file", ops->name);
    }
    const int fd = open(spec->model, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        char what[160];
        snprintf(what, sizeof what, "cannot read the model %.120s", spec->model);
        return ifm_err_errno(err, errno, "model", what);
    }
    close(fd);
    return 0;
}

static int describe(struct ifm_run *r, struct ifm_err *err)
{
    const struct ifm_runtime_ops *ops = &r->module.ops;
    const int status =
        ops->describe(r->module.state, &r->in_infos, &r->in_count, &r->out_infos, &r->out_count);
    if (status != 0) {
        return ifm_phase_failed(r, "describe", status, IFM_ERR_INVALID, err);
    }
    if (r->in_count > IFM_MAX_TENSORS || r->out_count > IFM_MAX_TENSORS) {
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "model",
                           "the model has %zu inputs and %zu outputs; at most "
                           "%d of each can be measured",
                           r->in_count, r->out_count, IFM_MAX_TENSORS);
    }
    memset(r->inputs.bounds, 0, sizeof r->inputs.bounds);
    for (size_t i = 0; ops->bounds && i < r->in_count; i++) {
        if (ops->bounds(r->module.state, i, r->inputs.bounds[i]) != 0) {
            return ifm_phase_failed(r, "bounds", -1, IFM_ERR_INVALID, err);
        }
    }
    return 0;
}

/* The last things before the load: what was asked to be cold is made cold, the clocks ramp up, and
 * what is in memory now is written down. */
static void prepare(struct ifm_run *r)
{
    const int64_t spin_ns = r->rehearsing ? 0 : r->spec->spin_ns;
    const int64_t ready = ifm_clock_ns() + spin_ns;
    r->cold.level = r->spec->cold;
    if (r->spec->cold == IFM_COLD_C0) {
        ifm_cold_evict(r->spec->model);
    }
    while (spin_ns > 0 && ifm_clock_ns() < ready) {
    }
    ifm_cold_look(r->spec->model, &r->cold);
}

static int open_model(struct ifm_run *r, struct ifm_err *err)
{
    const int64_t begin = ifm_clock_ns();
    const int status = r->module.ops.open(r->module.state, r->spec->model);
    r->load_ns = ifm_clock_ns() - begin;
    return status != 0 ? ifm_phase_failed(r, "open", status, IFM_ERR_INVALID, err)
                       : describe(r, err);
}

static int loaded(struct ifm_run *r, struct ifm_list inputs, struct ifm_err *err)
{
    struct ifm_msg_event e;
    char effective[4096] = "";
    ifm_report_init(&e, IFM_EVENT_LOADED);
    e.load_ns = r->load_ns;
    e.inputs = inputs;
    if (r->module.ops.effective &&
        r->module.ops.effective(r->module.state, effective, sizeof effective) == 0) {
        e.effective = ifm_report_lines(effective, sizeof effective);
    }
    ifm_told_precision(effective, r->precision, sizeof r->precision);
    e.precision = r->precision[0] ? ifm_report_text(r->precision, 31) : NULL;
    e.library_file.bytes = IFM_JSON_ABSENT;
    if (r->library_path) {
        e.library_file.bytes = ifm_library_mapped_bytes(&r->module, r->library_path);
    }
    int code = r->spec->action == IFM_ACTION_DESCRIBE /* not bound: it is not asked */
                   ? 0
                   : ifm_told_placement(&r->module.ops, r->module.state, &e.placement, err);
    if (code == 0) {
        code = ifm_load_outputs(r->out_infos, r->out_count, NULL, &e.outputs, err);
    }
    if (code == 0) {
        code = ifm_report_event(r->context->events_fd, &e, err);
    }
    ifm_report_done(&e);
    return code;
}

/* Load is what makes the model ready: open and bind, without the reading of inputs between them. */
int ifm_phase_load(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_sampling at;
    struct ifm_list messages = { .items = NULL };
    struct ifm_observe *observe = r->rehearsing ? NULL : r->observe;
    r->context->step = IFM_STEP_LOAD;
    int code = check_model(r->spec, &r->module.ops, err);
    if (code != 0) {
        return code;
    }
    prepare(r);
    ifm_observe_edge(observe, IFM_OBSERVE_LOAD_BEGIN);
    ifm_sampling_begin(&at);
    code = open_model(r, err);
    r->context->step = code == 0 ? IFM_STEP_BIND : r->context->step;
    if (code == 0) {
        code = ifm_load_inputs(r->spec, r->in_infos, r->in_count, &r->inputs, &messages, err);
    }
    if (code == 0 && r->spec->action != IFM_ACTION_DESCRIBE) {
        const int64_t begin = ifm_clock_ns();
        const int status = r->module.ops.bind(r->module.state, r->inputs.tensors, r->in_count);
        r->load_ns += ifm_clock_ns() - begin;
        code = status != 0 ? ifm_phase_failed(r, "bind", status, IFM_ERR_INVALID, err) : 0;
    }
    ifm_sampling_end(&at, ifm_observe_bytes(r->observe), &r->result.memory_load);
    ifm_observe_edge(observe, IFM_OBSERVE_LOAD_END);
    if (code == 0 && !r->rehearsing) {
        return loaded(r, messages, err); /* takes the messages */
    }
    struct ifm_msg_event holder; /* frees them by the event's own table */
    ifm_report_init(&holder, IFM_EVENT_LOADED);
    holder.inputs = messages;
    ifm_report_done(&holder);
    return code;
}

int ifm_phase_open(struct ifm_run *r, struct ifm_err *err)
{
    r->context->step = IFM_STEP_LOAD;
    int code = check_model(r->spec, &r->module.ops, err);
    return code == 0 ? open_model(r, err) : code;
}

/* C2: a session that is only there to have been; the runtime has warm code, caches and arenas when
 * the one that counts is loaded. */
int ifm_phase_rehearse(struct ifm_run *r, struct ifm_err *err)
{
    if (r->spec->cold != IFM_COLD_C2) {
        return 0;
    }
    r->rehearsing = true;
    int code = ifm_phase_load(r, err);
    if (code == 0) {
        code = ifm_phase_first(r, err);
    }
    if (code == 0) {
        code = ifm_registry_restart(&r->module, &r->spec->options, err);
    }
    if (code == 0) {
        struct ifm_runtime_info info; /* hello has said it; a module may load its library here */
        const int status = r->module.ops.probe(r->module.state, &info);
        code = status != 0 ? ifm_phase_failed(r, "probe", status, IFM_ERR_UNAVAILABLE, err) : 0;
    }
    ifm_load_done(&r->inputs);
    r->rehearsing = false;
    return code;
}
