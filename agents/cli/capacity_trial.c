/* A trial of the capacity search: one worker process with the scenario server, read back as
 * figures. */
#include <stdio.h>

#include "agents/cli/capacity.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/scenario.h"

#define STARTING_NS INT64_C(180000000000) /* load and warm-up, beyond the timed phase */

static struct ifm_msg_spec spec_of(const struct ifm_capacity_worker *w,
                                   const struct ifm_capacity_trial *trial)
{
    static char none_word[] = "none";
    static char *none[] = { none_word };
    struct ifm_msg_spec spec = *w->spec;
    spec.action = IFM_ACTION_MEASURE;
    spec.scenario = trial->rate_per_s > 0 ? IFM_SCENARIO_SERVER : IFM_SCENARIO_SINGLE;
    spec.arrival = 0;
    spec.rate_per_s = trial->rate_per_s;
    spec.schedule_seed = trial->seed;
    spec.iterations = trial->queries;
    spec.duration_ns = 0;
    spec.max_ns = trial->max_ns;
    spec.max_samples = 0;
    spec.timeout_ns = trial->max_ns + STARTING_NS;
    spec.batch_calls = 1; /* percentiles are of single calls */
    spec.cold = IFM_COLD_C1;
    spec.idle_ns = 0;
    spec.samplers = (struct ifm_strings){ .items = none, .count = 1 };
    return spec;
}

struct arrays {
    int64_t *latency, *lateness, *scratch;
    size_t n, capacity;
    bool late; /* lateness is there */
};

static void done(struct arrays *a)
{
    ifm_free(a->latency);
    ifm_free(a->lateness);
    ifm_free(a->scratch);
}

static int take_block(struct arrays *a, const struct ifm_msg_block *b, struct ifm_err *err)
{
    size_t n = 0, m = 0;
    int code = ifm_codec_decode(b->block.bytes, b->block.len, a->latency + a->n, a->capacity - a->n,
                                &n, err);
    if (code == 0 && b->lateness.len > 0) {
        code = ifm_codec_decode(b->lateness.bytes, b->lateness.len, a->lateness + a->n,
                                a->capacity - a->n, &m, err);
        a->late = true;
    }
    if (code == 0 && m != n && a->late) {
        code = ifm_err_set(err, IFM_ERR_INVALID, "capacity",
                           "the worker sent %zu latencies with %zu latenesses", n, m);
    }
    a->n += n;
    return code;
}

static int take_samples(struct arrays *a, const struct ifm_msg_invocation *inv, struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = inv->samples.items;
    int code = 0;
    for (size_t i = 0; i < inv->samples.count; i++) {
        a->capacity += blocks[i].phase == 1 ? (size_t)blocks[i].count : 0;
    }
    a->latency = ifm_alloc_array(a->capacity + 1, sizeof *a->latency);
    a->lateness = ifm_alloc_array(a->capacity + 1, sizeof *a->lateness);
    a->scratch = ifm_alloc_array(a->capacity + 1, sizeof *a->scratch);
    if (!a->latency || !a->lateness || !a->scratch) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "capacity", "out of memory");
    }
    for (size_t i = 0; code == 0 && i < inv->samples.count; i++) {
        code = blocks[i].phase == 1 ? take_block(a, &blocks[i], err) : 0;
    }
    return code;
}

static int figures(const struct ifm_capacity_worker *w, const struct ifm_capacity_trial *trial,
                   const struct ifm_msg_invocation *inv, struct ifm_capacity_outcome *out,
                   struct ifm_err *err)
{
    const struct ifm_scenario_setup setup = { .kind = trial->rate_per_s > 0 ? IFM_SCENARIO_SERVER
                                                                            : IFM_SCENARIO_SINGLE,
                                              .streams = 1,
                                              .batch = 1,
                                              .rate_per_s = trial->rate_per_s,
                                              .bound_ns = w->bound_ns,
                                              .percentile = w->percentile };
    struct arrays a = { .n = 0 };
    struct ifm_scenario_figures f;
    const int code = take_samples(&a, inv, err);
    if (code == 0) {
        const struct ifm_scenario_input in = { .latency_ns = a.latency,
                                               .lateness_ns = a.late ? a.lateness : NULL,
                                               .n = a.n,
                                               .steady_ns = inv->steady_ns,
                                               .unfinished = inv->unfinished };
        ifm_scenario_assess(&setup, &in, a.scratch, &f);
        out->queries = f.queries + f.unfinished;
        out->over_bound = f.over_bound;
        out->at_bound_ns = f.at_bound_ns;
        out->lateness_p99_ns = f.lateness_p99_ns;
        out->passed = f.passed;
        out->valid = f.valid;
        out->overloaded = f.overloaded;
        out->mean_ns = a.n ? ifm_stat_mean(a.latency, a.n) : 0;
    }
    done(&a);
    return code;
}

/* The sentence is the worker's; the code is what a command line ends with. */
static int failed(const struct ifm_exec_result *result, struct ifm_err *err)
{
    static const int codes[] = { IFM_ERR_USAGE,       IFM_ERR_INVALID,    IFM_ERR_NOT_FOUND,
                                 IFM_ERR_UNAVAILABLE, IFM_ERR_PERMISSION, IFM_ERR_CONFIG,
                                 IFM_ERR_MEMORY_LIMIT };
    int code = result->invocation.failure == IFM_FAIL_INTERRUPTED ? IFM_ERR_INTERRUPTED
                                                                  : IFM_ERR_MEASUREMENT;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (result->invocation.failure == IFM_FAIL_ERROR && result->error_exit >= 0 &&
            ifm_err_exit(codes[i]) == result->error_exit) {
            code = codes[i];
            break;
        }
    }
    return ifm_err_set(err, code, "capacity", "%s",
                       result->invocation.failure_text ? result->invocation.failure_text
                                                       : "a trial failed without a reason");
}

int ifm_capacity_worker_trial(void *arg, const struct ifm_capacity_trial *trial,
                              struct ifm_capacity_outcome *out, struct ifm_err *err)
{
    const struct ifm_capacity_worker *w = arg;
    const struct ifm_msg_spec spec = spec_of(w, trial);
    const struct ifm_exec_request request = { .worker = w->worker,
                                              .spec = &spec,
                                              .private_paths = w->private_paths };
    struct ifm_exec_result result = { .error_exit = IFM_JSON_ABSENT };
    const int64_t begin = ifm_clock_ns();
    *out = (struct ifm_capacity_outcome){ .at_bound_ns = -1, .lateness_p99_ns = -1 };
    int code = w->ops->run(w->executor, &request, &result, err);
    if (code != 0) {
        return code;
    }
    out->took_ns = ifm_clock_ns() - begin;
    code = result.invocation.status != 0 ? failed(&result, err)
                                         : figures(w, trial, &result.invocation, out, err);
    ifm_exec_result_done(&result);
    return code;
}
