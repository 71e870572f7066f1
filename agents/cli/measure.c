#include "agents/cli/measure.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/row.h"
#include "agents/executors/interrupt.h"
#include "core/clock.h"
#include "core/mem.h"

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

static void show_estimate(struct ifm_measure *m)
{
    char took[40], left[40];
    int64_t done = (int64_t)m->view.count;
    m->progress.left_ns = ifm_plan_left(&m->plan, done + 1, m->spent_ns / done * (done + 1));
    if (done != 1 || m->plan.invocations < 2)
        return;
    ifm_progress_clear(&m->progress);
    ifm_plan_time_text(m->spent_ns, took, sizeof took);
    ifm_plan_time_text(ifm_plan_left(&m->plan, 1, m->spent_ns), left, sizeof left);
    ifm_cli_note(m->cli, "the first invocation took %s: about %s left", took, left);
}

/* Keeps one finished invocation and its numbers. */
static int keep(struct ifm_measure *m, struct ifm_exec_result *result, struct ifm_err *err)
{
    int rc = 0;
    int known = result->inputs.count || result->effective ? 2 : result->runtime_version ? 1 : 0;
    if (known > m->configured) { /* a later invocation may come further than the first */
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

static int one(struct ifm_measure *m, struct ifm_executor *executor,
               const struct ifm_exec_request *request, bool *stop, struct ifm_err *err)
{
    struct ifm_exec_result result;
    int64_t begin = ifm_clock_ns();
    int rc = ifm_executor_local.run(executor, request, &result, err);
    if (rc)
        return rc;
    if (result.invocation.failure == IFM_FAIL_INTERRUPTED) {
        m->interrupted = *stop = true;
    } else if (m->view.count == 0 && refusal_code(&result)) {
        m->bad_input = refusal_code(&result);
        ifm_err_set(&m->refusal, m->bad_input, "", "%s", result.invocation.failure_text);
        *stop = true;
    } else {
        m->over_memory = m->over_memory || result.out_of_memory_limit;
        rc = keep(m, &result, err);
        m->spent_ns += ifm_clock_ns() - begin;
        if (!rc)
            show_estimate(m);
    }
    ifm_exec_result_done(&result);
    malloc_trim(0); /* small again before the next worker is measured */
    if (!rc && same_failure(&m->view)) {
        ifm_progress_clear(&m->progress);
        ifm_cli_note(m->cli, "the first two invocations failed the same way: stopping here");
        *stop = true;
    }
    return rc;
}

static int loop(struct ifm_measure *m, struct ifm_err *err)
{
    char worker[4096], folder[1024];
    const char *path = m->subject->path ? m->subject->path : "";
    const char *slash = strrchr(path, '/');
    /* the folder of the model, as typed: relative ones are not recognised otherwise */
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    const char *const private_paths[] = { m->subject->temp.path, folder, NULL };
    int rc = ifm_place_worker(worker, sizeof worker, err);
    struct ifm_executor *executor = rc ? NULL : ifm_executor_local.open(err);
    if (!executor)
        return rc ? rc : err->code;
    struct ifm_exec_request request = { .worker = worker,
                                        .spec = &m->spec,
                                        .private_paths = private_paths,
                                        .progress = ifm_progress_step,
                                        .arg = &m->progress };
    bool stop = false;
    for (int64_t n = 0; !rc && !stop && n < m->plan.invocations; n++) {
        if (ifm_interrupt_count()) {
            m->interrupted = true;
            break;
        }
        m->progress.n = request.n = n;
        rc = one(m, executor, &request, &stop, err);
    }
    ifm_progress_clear(&m->progress);
    ifm_executor_local.close(executor);
    return rc;
}

static int finish(struct ifm_measure *m, struct ifm_err *err)
{
    char now[IFM_TIME_TEXT_MAX];
    struct ifm_row row;
    struct ifm_msg_run *run = &m->view.run;
    ifm_clock_format(ifm_clock_wall_ms(), now);
    ifm_free(run->finished_at);
    run->finished_at = ifm_dup(now);
    run->invocations = (int64_t)m->view.count;
    run->status = m->interrupted ? 1 : m->view.ok ? 0 : 2;
    ifm_measure_verdict(m);
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

int ifm_measure_run(struct ifm_measure *m, struct ifm_err *err)
{
    m->spool.lock_fd = -1;
    int rc = ifm_view_init(&m->view, m->cli->terminal_out && m->cli->format == IFM_FORMAT_HUMAN);
    if (rc)
        return ifm_err_set(err, rc, "", "out of memory");
    ifm_progress_init(&m->progress, m->cli, m->plan.invocations);
    rc = ifm_measure_facts(m, err);
    struct ifm_exec_result nothing = { 0 };
    if (!rc) /* as far as it is known; a worker adds what it finds */
        rc = ifm_measure_configuration(m, &nothing, err);
    if (!rc)
        rc = ifm_spool_begin(&m->spool, m->view.run.id, err);
    if (!rc)
        rc = ifm_spool_put_open(&m->spool, &m->view.run, err);
    if (!rc)
        rc = loop(m, err);
    if (m->bad_input || (m->view.count == 0 && m->spool.lock_fd >= 0)) {
        ifm_spool_discard(&m->spool);
        return rc;
    }
    if (!rc)
        rc = finish(m, err);
    ifm_spool_end(&m->spool);
    return rc;
}

void ifm_measure_done(struct ifm_measure *m)
{
    ifm_view_done(&m->view);
}
