#include "agents/worker/run.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agents/worker/load.h"
#include "agents/worker/loop.h"
#include "agents/worker/registry.h"
#include "agents/worker/report.h"
#include "agents/worker/sampling.h"
#include "agents/worker/sandbox.h"
#include "agents/worker/verify.h"
#include "agents/worker/warmup.h"
#include "core/clock.h"
#include "core/mem.h"

#define SAMPLES_DEFAULT 4194304
#define SAMPLES_LEAST   1024
#define WARNINGS_MAX    32
#define NEAR_LIMIT      ((int64_t)16 << 20) /* a thread's stack, an arena's next step */

enum action { ACTION_MEASURE, ACTION_PROBE, ACTION_DESCRIBE };

struct run {
    const struct ifm_msg_spec *spec;
    struct ifm_run_context *context;
    struct ifm_registry_module module;
    const struct ifm_tensor_info *in_infos, *out_infos;
    size_t in_count, out_count;
    struct ifm_load inputs;
    struct ifm_warmup warmup;
    struct ifm_loop_array array;
    struct ifm_loop_result steady;
    int64_t load_ns, first_ns;
    uint64_t outputs_hash;
    struct ifm_msg_event result; /* filled as the phases go */
};

/* -- Errors ---------------------------------------------------------------------------------------
 */
/* Vendors say it in many ways; near the limit any failure is most likely this one. */
static bool looks_like_memory(const struct run *r, const char *text)
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

static int slot_failed(struct run *r, const char *slot, int status, int code, struct ifm_err *err)
{
    code = ifm_registry_failed(&r->module, slot, status, code, err);
    if (looks_like_memory(r, err->text)) {
        ifm_err_prefix(err, "memory limit of %lld bytes", (long long)r->spec->memory_limit_bytes);
        err->code = code = IFM_ERR_MEMORY_LIMIT;
    }
    return code;
}

/* -- Hello ----------------------------------------------------------------------------------------
 */
static int hello(struct run *r, const struct ifm_runtime_info *info, struct ifm_err *err)
{
    struct ifm_msg_event e;
    struct ifm_clock_calibration clock;
    const int64_t ready_ns = ifm_clock_ns();
    ifm_report_init(&e, IFM_EVENT_HELLO);
    ifm_clock_calibrate(&clock);
    e.pid = getpid();
    e.start_ns = ready_ns - r->context->main_ns; /* without the calibration */
    e.runtime = ifm_dup(r->module.ops.name);
    e.runtime_version = ifm_report_text(info->version, 64);
    e.providers = ifm_report_text(info->providers, 500);
    e.library = info->library[0] ? ifm_report_text(info->library, 250) : NULL;
    e.worker_version = ifm_dup(IFM_VERSION);
    e.clock.resolution_ns = clock.resolution_ns;
    e.clock.overhead_ns = clock.overhead_ns;
    e.clock.jitter_ns = clock.jitter_ns;
    e.clock.raw_ratio = clock.raw_ratio;
    e.clock.source = ifm_report_text(clock.source, 60);
    const int code = ifm_report_event(r->context->events_fd, &e, err);
    ifm_report_done(&e);
    return code;
}

static int start(struct run *r, struct ifm_err *err)
{
    struct ifm_runtime_info info = { .version = "" };
    int code =
        ifm_registry_open(&r->module, r->spec->runtime, r->spec->library, r->context->log, err);
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
        return slot_failed(r, "probe", status, IFM_ERR_UNAVAILABLE, err);
    }
    return hello(r, &info, err);
}

/* From here on what runs is also the model's code: a custom operator, a file that exploits its
 * reader. A kernel that cannot filter is no reason to measure nothing. */
static void isolate(struct run *r)
{
    struct ifm_err refused = IFM_ERR_INIT;
    if (r->spec->no_sandbox) {
        return;
    }
    r->result.sandboxed = ifm_sandbox_filter(&refused) == 0;
    if (!r->result.sandboxed) {
        ifm_report_note(&r->result.warnings, WARNINGS_MAX, "%s", refused.text);
    }
}

/* -- Load -----------------------------------------------------------------------------------------
 */
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

static int describe(struct run *r, struct ifm_err *err)
{
    const struct ifm_runtime_ops *ops = &r->module.ops;
    const int status =
        ops->describe(r->module.state, &r->in_infos, &r->in_count, &r->out_infos, &r->out_count);
    if (status != 0) {
        return slot_failed(r, "describe", status, IFM_ERR_INVALID, err);
    }
    if (r->in_count > IFM_MAX_TENSORS || r->out_count > IFM_MAX_TENSORS) {
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "model",
                           "the model has %zu inputs and %zu outputs; at most "
                           "%d of each can be measured",
                           r->in_count, r->out_count, IFM_MAX_TENSORS);
    }
    return 0;
}

static int open_model(struct run *r, struct ifm_err *err)
{
    int code = check_model(r->spec, &r->module.ops, err);
    if (code != 0) {
        return code;
    }
    const int64_t begin = ifm_clock_ns();
    const int status = r->module.ops.open(r->module.state, r->spec->model);
    r->load_ns = ifm_clock_ns() - begin;
    return status != 0 ? slot_failed(r, "open", status, IFM_ERR_INVALID, err) : describe(r, err);
}

static int loaded(struct run *r, struct ifm_list inputs, struct ifm_err *err)
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
    int code = ifm_load_outputs(r->out_infos, r->out_count, NULL, &e.outputs, err);
    if (code == 0) {
        code = ifm_report_event(r->context->events_fd, &e, err);
    }
    ifm_report_done(&e);
    return code;
}

/* Load is what makes the model ready: open and bind, without the reading of inputs between them. */
static int load(struct run *r, struct ifm_err *err)
{
    struct ifm_sampling at;
    struct ifm_list messages = { .items = NULL };
    r->context->step = IFM_STEP_LOAD;
    ifm_sampling_begin(&at);
    int code = open_model(r, err);
    r->context->step = code == 0 ? IFM_STEP_BIND : r->context->step;
    if (code == 0) {
        code = ifm_load_inputs(r->spec, r->in_infos, r->in_count, &r->inputs, &messages, err);
    }
    if (code == 0 && r->spec->action == ACTION_MEASURE) {
        const int64_t begin = ifm_clock_ns();
        const int status = r->module.ops.bind(r->module.state, r->inputs.tensors, r->in_count);
        r->load_ns += ifm_clock_ns() - begin;
        code = status != 0 ? slot_failed(r, "bind", status, IFM_ERR_INVALID, err) : 0;
    }
    ifm_sampling_end(&at, 0, &r->result.memory_load);
    if (code == 0) {
        return loaded(r, messages, err); /* takes the messages */
    }
    struct ifm_msg_event holder; /* frees them by the event's own table */
    ifm_report_init(&holder, IFM_EVENT_LOADED);
    holder.inputs = messages;
    ifm_report_done(&holder);
    return code;
}

/* -- Outputs --------------------------------------------------------------------------------------
 */
static int verify(struct run *r, bool first, struct ifm_err *err)
{
    const struct ifm_tensor *outputs = NULL;
    size_t count = 0;
    r->context->step = IFM_STEP_VERIFY;
    const int status = r->module.ops.fetch(r->module.state, &outputs, &count);
    if (status != 0) {
        return slot_failed(r, "fetch", status, IFM_ERR_MEASUREMENT, err);
    }
    const uint64_t hash = ifm_verify_hash(outputs, count);
    r->result.deterministic = hash == r->outputs_hash;
    if (!first && (r->result.deterministic || r->result.verification.state == IFM_VERIFY_WRONG)) {
        return 0; /* the same bytes, or wrong already: nothing new to learn */
    }
    r->outputs_hash = hash;
    ifm_verify_finite(outputs, count, &r->result.warnings);
    int code = ifm_verify_outputs(outputs, count, &r->spec->expect, &r->result.verification, err);
    if (code == 0 && first && count == r->out_count) {
        code = ifm_load_outputs(r->out_infos, count, outputs, &r->result.outputs, err);
    }
    return code;
}

/* -- Phases ---------------------------------------------------------------------------------------
 */
static struct ifm_loop loop_of(const struct run *r)
{
    return (struct ifm_loop){ .run = r->module.ops.run,
                              .sync = r->module.ops.sync,
                              .state = r->module.state };
}

static int first_inference(struct run *r, struct ifm_err *err)
{
    struct ifm_loop_sample sample;
    struct ifm_loop_result result;
    struct ifm_sampling at;
    struct ifm_loop loop = loop_of(r);
    loop.samples = &sample;
    loop.capacity = 1;
    r->context->step = IFM_STEP_FIRST;
    ifm_sampling_begin(&at);
    ifm_loop_run(&loop, &result);
    ifm_sampling_end(&at, 0, &r->result.memory_first);
    if (result.status != 0) {
        const int code = slot_failed(r, "run", result.status, IFM_ERR_MEASUREMENT, err);
        if (code == IFM_ERR_MEASUREMENT && r->inputs.guessed) {
            ifm_err_prefix(err, "the shape of input '%.40s' was assumed, try --shape",
                           r->inputs.guessed);
        }
        return code;
    }
    r->first_ns = sample.duration_ns;
    return 0;
}

static int warm_up(struct run *r, struct ifm_err *err)
{
    struct ifm_msg_event e;
    const struct ifm_loop loop = loop_of(r);
    r->context->step = IFM_STEP_WARMUP;
    int code =
        ifm_warmup_run(&loop, r->spec->warmup_iterations, r->spec->warmup_ns, &r->warmup, err);
    if (code != 0) {
        return code;
    }
    if (r->warmup.status != 0) {
        return slot_failed(r, "run", r->warmup.status, IFM_ERR_MEASUREMENT, err);
    }
    ifm_report_init(&e, IFM_EVENT_WARM);
    e.first_inference_ns = r->first_ns;
    e.warmup_iterations = r->warmup.iterations;
    e.warmup_ns = r->warmup.end_ns - r->warmup.begin_ns;
    code = ifm_report_event(r->context->events_fd, &e, err);
    ifm_report_done(&e);
    return code;
}

size_t ifm_run_capacity(const struct ifm_msg_spec *spec, int64_t p50_ns)
{
    const int64_t most = spec->max_samples > 0 ? spec->max_samples : SAMPLES_DEFAULT;
    const int64_t at_once = spec->duration_ns / (p50_ns > 0 ? p50_ns : 1);
    const int64_t wanted = at_once > most ? most : at_once * 2 + spec->iterations;
    return (size_t)(wanted > most                                    ? most
                    : wanted < SAMPLES_LEAST && most > SAMPLES_LEAST ? SAMPLES_LEAST
                                                                     : wanted);
}

static int steady(struct run *r, struct ifm_err *err)
{
    struct ifm_sampling at;
    struct ifm_loop loop = loop_of(r);
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
        return slot_failed(r, "run", r->steady.status, IFM_ERR_MEASUREMENT, err);
    }
    e->iterations = (int64_t)r->steady.count;
    e->steady_ns = r->steady.end_ns - r->steady.begin_ns;
    e->end_reason = (int)r->steady.end;
    return 0;
}

static int report(struct run *r, struct ifm_err *err)
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
            &r->result.warnings, WARNINGS_MAX,
            "outputs changed between the first inference and the last, with the same inputs");
    }
    return code;
}

static int verify_before(struct run *r, struct ifm_err *err)
{
    return verify(r, true, err);
}

static int verify_after(struct run *r, struct ifm_err *err)
{
    return verify(r, false, err);
}

static int measure(struct run *r, struct ifm_err *err)
{
    int (*const phases[])(struct run *,
                          struct ifm_err *) = { load,   first_inference, verify_before, warm_up,
                                                steady, verify_after,    report };
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof phases / sizeof *phases; i++) {
        code = phases[i](r, err);
    }
    if (code == IFM_ERR_NOMEM && r->spec->memory_limit_bytes > 0) {
        err->code = code =
            IFM_ERR_MEMORY_LIMIT; /* our own allocation was the one that met the limit */
    }
    return code;
}

int ifm_run_spec(const struct ifm_msg_spec *spec, struct ifm_run_context *context,
                 struct ifm_err *err)
{
    struct run *r = ifm_alloc(sizeof *r);
    if (!r) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "run", "out of memory");
    }
    r->spec = spec;
    r->context = context;
    ifm_report_init(&r->result, IFM_EVENT_RESULT);
    context->step = IFM_STEP_START;
    int code = start(r, err);
    if (code == 0 && spec->action != ACTION_PROBE) {
        isolate(r);
    }
    if (code == 0 && spec->action == ACTION_DESCRIBE) {
        code = load(r, err);
    } else if (code == 0 && spec->action == ACTION_MEASURE) {
        code = measure(r, err);
    }
    if (code == 0) {
        code = ifm_report_event(context->events_fd, &r->result, err);
        context->step = IFM_STEP_CLOSE;
    }
    ifm_registry_close(&r->module);
    ifm_load_done(&r->inputs);
    ifm_loop_array_done(&r->array);
    ifm_loop_array_done(&r->warmup.array);
    ifm_report_done(&r->result);
    ifm_free(r);
    return code;
}
