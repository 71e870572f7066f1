/* The beginning of an invocation: the module, what it says of itself, the system call filter. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agents/worker/emulator.h"
#include "agents/worker/library.h"
#include "agents/worker/phase.h"
#include "agents/worker/report.h"
#include "agents/worker/sampling.h"
#include "agents/worker/sandbox.h"
#include "core/clock.h"
#include "core/mem.h"

#define NEAR_LIMIT ((int64_t)16 << 20) /* a thread's stack, an arena's next step */

/* -- Errors ---------------------------------------------------------------------------------------
 */
/* Vendors say it in many ways; near the limit any failure is most likely this one. */
static bool looks_like_memory(const struct ifm_run *r, const char *text)
{
    static const char *const words[] = { "bad_alloc", "bad allocation", "llocate memory",
                                         "out of memory", "no more memory" };
    if (r->spec->memory_limit_bytes <= 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(text, words[i])) {
            return true;
        }
    }
    const int64_t data = ifm_sampling_status_bytes("VmData:");
    return data != IFM_JSON_ABSENT && data + NEAR_LIMIT >= r->spec->memory_limit_bytes;
}

int ifm_phase_failed(struct ifm_run *r, const char *slot, int status, int code, struct ifm_err *err)
{
    code = ifm_registry_failed(&r->module, slot, status, code, err);
    if (looks_like_memory(r, err->text)) {
        ifm_err_prefix(err, "memory limit of %lld bytes", (long long)r->spec->memory_limit_bytes);
        err->code = code = IFM_ERR_MEMORY_LIMIT;
    }
    return code;
}

int ifm_phase_place(struct ifm_run *r, struct ifm_err *err)
{
    static char none[] = "none";
    static char *no_samplers[] = { none };
    r->unobserved = *r->spec;
    r->unobserved.samplers = (struct ifm_strings){ .items = no_samplers, .count = 1 };
    return ifm_observe_open(r->spec->action == IFM_ACTION_MEASURE ? r->spec : &r->unobserved,
                            &r->observe, err);
}

/* -- Hello ----------------------------------------------------------------------------------------
 */
static int hello(struct ifm_run *r, const struct ifm_runtime_info *info, struct ifm_err *err)
{
    struct ifm_msg_event e;
    const int64_t ready_ns = ifm_clock_ns();
    char emulator[IFM_EMULATOR_NAME];
    ifm_report_init(&e, IFM_EVENT_HELLO);
    ifm_clock_calibrate(&r->clock);
    e.pid = getpid();
    e.start_ns = ready_ns - r->context->main_ns; /* without the calibration */
    e.runtime = ifm_dup(r->module.ops.name);
    e.runtime_version = ifm_report_text(info->version, 64);
    e.providers = ifm_report_text(info->providers, 500);
    e.library = info->library[0] ? ifm_report_text(info->library, 250) : NULL;
    e.worker_version = ifm_dup(IFM_VERSION);
    /* Reading a large library for its hash would warm the page cache of a run that is to be cold. */
    ifm_library_describe(&r->module, info,
                         r->spec->action == IFM_ACTION_PROBE ||
                             r->spec->action == IFM_ACTION_DESCRIBE,
                         &e.library_file);
    r->library_path = e.library_file.path ? ifm_dup(e.library_file.path) : NULL;
    e.emulator = ifm_emulator_find(emulator, sizeof emulator) ? ifm_dup(emulator) : NULL;
    e.clock.resolution_ns = r->clock.resolution_ns;
    e.clock.overhead_ns = r->clock.overhead_ns;
    e.clock.jitter_ns = r->clock.jitter_ns;
    e.clock.raw_ratio = r->clock.raw_ratio;
    e.clock.source = ifm_report_text(r->clock.source, 60);
    const int code = ifm_report_event(r->context->events_fd, &e, err);
    ifm_report_done(&e);
    return code;
}

int ifm_phase_start(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_runtime_info info = { .version = "" };
    int code =
        ifm_registry_open_version(&r->module, r->spec->runtime, r->spec->library,
                                  r->spec->runtime_version, r->context->log, err);
    if (code == 0) {
        code = ifm_registry_options(&r->module, &r->spec->options, err);
    }
    if (code != 0 && code != IFM_ERR_USAGE && looks_like_memory(r, err->text)) {
        ifm_err_prefix(err, "memory limit of %lld bytes", (long long)r->spec->memory_limit_bytes);
        err->code = code = IFM_ERR_MEMORY_LIMIT;
    }
    if (code != 0) {
        return code;
    }
    r->context->step = IFM_STEP_PROBE;
    const int status = r->module.ops.probe(r->module.state, &info);
    if (status != 0) {
        return ifm_phase_failed(r, "probe", status, IFM_ERR_UNAVAILABLE, err);
    }
    return hello(r, &info, err);
}

/* From here on what runs is also the model's code: a custom operator, a file that exploits its
 * reader. A kernel that cannot filter is no reason to measure nothing. */
int ifm_phase_isolate(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_err refused = IFM_ERR_INIT;
    (void)err;
    if (r->spec->no_sandbox) {
        return 0;
    }
    r->result.sandboxed = ifm_sandbox_filter(&refused) == 0;
    if (!r->result.sandboxed) {
        ifm_report_note(&r->result.warnings, IFM_PHASE_WARNINGS_MAX, "%s", refused.text);
    }
    return 0;
}
