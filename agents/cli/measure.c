#include "agents/cli/measure.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/note.h"
#include "agents/cli/row.h"
#include "agents/executors/external.h"
#include "agents/executors/interrupt.h"
#include "agents/plan/keys.h"
#include "core/clock.h"
#include "core/mem.h"

/* Enough to see what each inference allocates; a leak of one block shows as one a time. */
#define COUNTED_INFERENCES 100

/* What a worker refuses at once, it refuses every time: the user's input, not a measurement. */
static int refusal_code(const struct ifm_exec_result *result)
{
    static const int codes[] = { IFM_ERR_USAGE,       IFM_ERR_INVALID,    IFM_ERR_NOT_FOUND,
                                 IFM_ERR_UNAVAILABLE, IFM_ERR_PERMISSION, IFM_ERR_CONFIG };
    if (result->invocation.failure != IFM_FAIL_ERROR || result->error_exit == IFM_JSON_ABSENT)
        return 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (ifm_err_exit(codes[i]) == result->error_exit)
            return codes[i];
    return 0;
}

static bool same_failure(const struct ifm_view *view)
{
    if (view->count != 2 || view->ok)
        return false;
    const struct ifm_msg_invocation *a = &view->items[0].body, *b = &view->items[1].body;
    return a->status && b->status && a->failure == b->failure && a->signal == b->signal &&
           a->exit_status == b->exit_status && a->step == b->step;
}

int ifm_measure_begin(struct ifm_measure *m, struct ifm_err *err)
{
    struct ifm_exec_result nothing = { 0 };
    m->spool.lock_fd = -1;
    int rc = ifm_view_init(&m->view, m->cli->terminal_out && m->cli->format == IFM_FORMAT_HUMAN &&
                                         !m->experiment.id);
    if (rc)
        return ifm_err_set(err, rc, "", "out of memory");
    m->view.window_ns = m->window_ns;
    rc = ifm_measure_facts(m, err);
    if (!rc) /* as far as it is known; a worker adds what it finds */
        rc = ifm_measure_configuration(m, &nothing, err);
    if (rc)
        return rc;
    rc = ifm_spool_begin(&m->spool, m->view.run.id, err);
    m->begun = rc == 0;
    if (rc)
        ifm_spool_discard(&m->spool);
    else
        ifm_note_write(m->spool.folder, m->cli->command_count, m->cli->command);
    return rc ? rc : ifm_spool_put_open(&m->spool, &m->view.run, err);
}

/* Keeps one finished invocation and its numbers. */
static int keep(struct ifm_measure *m, struct ifm_exec_result *result, struct ifm_err *err)
{
    int rc = ifm_measure_told(m, result, err);
    if (!m->view.run.emulator) /* one emulated invocation is enough */
        m->view.run.emulator = ifm_dup(result->invocation.emulator);
    int known = result->inputs.count || result->effective ? 2 : result->runtime_version ? 1 : 0;
    if (!rc && known > m->configured) { /* a later invocation may come further than the first */
        rc = ifm_measure_configuration(m, result, err);
        m->configured = known;
    }
    if (!rc)
        rc = ifm_spool_put_invocation(&m->spool, &result->invocation, err);
    if (!rc && m->view.count == 0)
        rc = ifm_spool_put_open(&m->spool, &m->view.run, err);
    if (!rc)
        rc = ifm_view_add(&m->view, &result->invocation, err);
    return rc;
}

/* The folder of the model, as typed: relative ones are not recognised otherwise. */
static void model_folder(const struct ifm_measure *m, char folder[1024])
{
    const char *path = m->subject->path ? m->subject->path : "";
    const char *slash = strrchr(path, '/');
    snprintf(folder, 1024, "%.*s", slash ? (int)(slash - path) : 0, path);
}

/* Runs one worker; its time limit is cut where the whole experiment's is nearer. */
static int start_worker(struct ifm_measure *m, struct ifm_executor *executor,
                        struct ifm_exec_request *request, struct ifm_exec_result *result,
                        struct ifm_err *err)
{
    char folder[1024];
    model_folder(m, folder);
    const char *const private_paths[] = { m->subject->temp.path, folder, NULL };
    struct ifm_msg_spec spec = m->spec;
    bool shorter = m->cut_ns > 0 && (!spec.timeout_ns || m->cut_ns < spec.timeout_ns);
    if (shorter)
        spec.timeout_ns = m->cut_ns;
    spec.schedule_seed = spec.seed + request->n; /* server: arrivals of its own, repeatable */
    request->spec = &spec;
    request->private_paths = private_paths;
    const bool external = m->subject->command != NULL;
    request->command = (const char *const *)m->subject->command;
    int rc = external ? ifm_executor_external.run(NULL, request, result, err)
                      : ifm_executor_local.run(executor, request, result, err);
    m->cut = !rc && shorter && result->invocation.failure == IFM_FAIL_HANG;
    request->spec = NULL;
    request->private_paths = NULL;
    return rc;
}

/* A kernel that does not count pages of files kills nobody for them; a phone does. */
static bool above_limit(const struct ifm_measure *m, const struct ifm_msg_invocation *body)
{
    const int64_t limit = m->spec.memory_limit_bytes;
    return limit > 0 &&
           (body->memory_load.peak_rss_bytes > limit || body->memory_first.peak_rss_bytes > limit ||
            body->memory_steady.peak_rss_bytes > limit);
}

int ifm_measure_one(struct ifm_measure *m, struct ifm_executor *executor,
                    struct ifm_exec_request *request, struct ifm_err *err)
{
    struct ifm_exec_result result;
    int64_t begin = ifm_clock_ns();
    int rc = start_worker(m, executor, request, &result, err);
    if (rc)
        return rc;
    if (result.invocation.failure == IFM_FAIL_INTERRUPTED || m->cut) {
        m->interrupted = !m->cut;
        m->stopped = true;
    } else if (m->view.count == 0 && refusal_code(&result)) {
        m->bad_input = refusal_code(&result);
        ifm_err_set(&m->refusal, m->bad_input, "", "%s", result.invocation.failure_text);
        m->stopped = true;
    } else {
        m->over_memory =
            m->over_memory || result.out_of_memory_limit || above_limit(m, &result.invocation);
        rc = keep(m, &result, err);
        m->spent_ns += ifm_clock_ns() - begin;
    }
    ifm_exec_result_done(&result);
    malloc_trim(0); /* small again before the next worker is measured */
    m->stopped = m->stopped || (!rc && same_failure(&m->view));
    return rc;
}

/* The pass that counts what the runtime allocates: a process of its own, because counting costs
 * time. A worker that cannot, or fails, gives no counts; the run stands without. */
static void count_allocations(struct ifm_measure *m, struct ifm_executor *executor,
                              const char *worker)
{
    struct ifm_exec_request request = { .worker = worker };
    struct ifm_exec_result result;
    struct ifm_msg_spec kept = m->spec;
    m->spec.action = IFM_ACTION_ALLOCATIONS;
    m->spec.iterations = COUNTED_INFERENCES;
    m->spec.duration_ns = 0;
    m->spec.spin_ns = 0;
    m->spec.cold = IFM_COLD_C1;
    m->spec.scenario = IFM_SCENARIO_SINGLE;
    if (start_worker(m, executor, &request, &result, NULL) == 0) {
        if (result.allocations.inferences > 0)
            m->view.run.allocations = result.allocations;
        ifm_exec_result_done(&result);
    }
    m->spec = kept;
}

static int close_run(struct ifm_measure *m, struct ifm_err *err)
{
    char now[IFM_TIME_TEXT_MAX];
    struct ifm_row row;
    struct ifm_msg_run *run = &m->view.run;
    ifm_clock_format(ifm_clock_wall_ms(), now);
    ifm_free(run->finished_at);
    run->finished_at = ifm_dup(now);
    run->invocations = (int64_t)m->view.count;
    run->planned = m->plan.invocations;
    run->status = m->interrupted ? 1 : m->view.ok ? 0 : 2;
    int rc = ifm_view_compute(&m->view, err);
    if (!rc)
        rc = ifm_spool_finish(&m->spool, run, err);
    m->view.closed = !rc;
    if (!rc && ifm_row_from_view(&m->view, &row, NULL) == 0) {
        ifm_row_keep(m->spool.folder, &row, NULL); /* a list can do without */
        ifm_row_done(&row);
    }
    return rc;
}

int ifm_measure_finish(struct ifm_measure *m, struct ifm_executor *executor, const char *worker,
                       struct ifm_err *err)
{
    int rc = 0;
    if (!m->begun)
        return 0;
    if (m->bad_input || m->view.count == 0) {
        ifm_spool_discard(&m->spool);
        m->begun = false;
        return 0;
    }
    bool more = m->view.ok && !m->interrupted && !ifm_interrupt_count();
    if (more && m->count_allocations)
        count_allocations(m, executor, worker);
    if (more && m->extra)
        rc = m->extra(m, m->extra_arg, err);
    if (!rc)
        rc = close_run(m, err);
    ifm_spool_end(&m->spool);
    m->begun = false;
    return rc;
}

void ifm_measure_abandon(struct ifm_measure *m)
{
    if (!m->begun)
        return;
    m->interrupted = true;
    if (m->view.count == 0)
        ifm_spool_discard(&m->spool);
    else
        close_run(m, NULL); /* else it stays unfinished, and `push` closes it */
    ifm_spool_end(&m->spool);
    m->begun = false;
}

void ifm_measure_done(struct ifm_measure *m)
{
    ifm_measure_abandon(m);
    ifm_view_done(&m->view);
    ifm_map_done(&m->labels);
    ifm_map_done(&m->settings);
}
