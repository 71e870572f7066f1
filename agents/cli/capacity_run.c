#include "agents/cli/capacity_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/cli/format.h"
#include "agents/executors/interrupt.h"
#include "core/clock.h"
#include "core/mem.h"

#define PLAIN_EVERY_NS INT64_C(10000000000)

/* -- Progress -------------------------------------------------------------------------------------
 */
struct shown {
    const struct ifm_cli *cli;
    int64_t plain_ns;
    bool drawn;
};

static void show(void *arg, enum ifm_capacity_phase phase, double rate_per_s, int64_t left_ns)
{
    struct shown *s = arg;
    char left[40], rate[IFM_FORMAT_MAX] = "";
    if (s->cli->common->quiet || (!s->cli->terminal_err && !s->cli->ci))
        return;
    ifm_plan_time_text(left_ns, left, sizeof left);
    if (rate_per_s > 0)
        ifm_format_rate(rate_per_s, rate);
    const char *phase_name = ifm_capacity_phase_name(phase);
    if (s->cli->terminal_err) {
        fprintf(stderr, "\r\x1b[Khighest rate: %s %s, about %s left", phase_name, rate, left);
        fflush(stderr);
        s->drawn = true;
    } else if (ifm_clock_ns() - s->plain_ns >= PLAIN_EVERY_NS) {
        s->plain_ns = ifm_clock_ns();
        fprintf(stderr, "highest rate: %s %s, about %s left\n", phase_name, rate, left);
    }
}

static void clear(struct shown *s)
{
    if (s->drawn)
        fprintf(stderr, "\r\x1b[K");
    s->drawn = false;
}

/* -- Search ---------------------------------------------------------------------------------------
 */
static int keep(struct ifm_measure *m, void *arg, struct ifm_err *err)
{
    struct ifm_capacity_run *found = arg;
    (void)err;
    m->view.run.capacity = found->capacity; /* the run frees it */
    found->capacity = (struct ifm_msg_capacity){ .bound_ns = 0 };
    return 0;
}

static int search(struct ifm_measure *m, const struct ifm_capacity_search *asked,
                  struct ifm_capacity_run *out, struct ifm_err *err)
{
    char worker[4096], folder[1024];
    const char *path = m->subject->path ? m->subject->path : "";
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    const char *const private_paths[] = { m->subject->temp.path, folder, NULL };
    struct ifm_capacity_search s = *asked;
    int rc = ifm_place_worker(worker, sizeof worker, err);
    struct ifm_executor *executor = rc ? NULL : ifm_executor_local.open(err);
    if (!executor)
        return rc ? rc : err->code;
    struct ifm_capacity_worker w = { .ops = &ifm_executor_local,
                                     .executor = executor,
                                     .worker = worker,
                                     .spec = &m->spec,
                                     .private_paths = private_paths,
                                     .bound_ns = s.bound_ns,
                                     .percentile = s.percentile };
    s.trial = ifm_capacity_worker_trial;
    s.arg = &w;
    rc = ifm_capacity_find(&s, &out->capacity, &out->verdict, err);
    ifm_executor_local.close(executor);
    if (!rc && ifm_interrupt_count())
        rc = ifm_err_set(err, IFM_ERR_INTERRUPTED, "", "interrupted while the rate was sought");
    return rc;
}

int ifm_capacity_prepare(struct ifm_measure *m, int64_t bound_ns, unsigned percentile,
                         int64_t budget_ns, int64_t seed, struct ifm_capacity_run *out,
                         struct ifm_err *err)
{
    struct shown shown = { .cli = m->cli, .plain_ns = ifm_clock_ns() };
    const struct ifm_capacity_search asked = { .bound_ns = bound_ns,
                                               .percentile = percentile,
                                               .budget_ns = budget_ns,
                                               .seed = seed,
                                               .progress = show,
                                               .progress_arg = &shown };
    *out = (struct ifm_capacity_run){ .verdict.text = "" };
    int rc = search(m, &asked, out, err);
    clear(&shown);
    if (rc)
        return rc;
    if (isnan(out->capacity.max_per_s))
        return ifm_err_set(err, IFM_ERR_MEASUREMENT, "", "%s", out->verdict.text);
    ifm_cli_note(m->cli, "%s", out->verdict.text);
    m->spec.scenario = IFM_SCENARIO_SERVER;
    m->spec.arrival = 0;
    m->spec.rate_per_s = out->capacity.max_per_s;
    m->extra = keep;
    m->extra_arg = out;
    return 0;
}

void ifm_capacity_run_done(struct ifm_capacity_run *found)
{
    ifm_free(found->capacity.rates.items);
    found->capacity.rates = (struct ifm_list){ .items = NULL };
}

/* -- Table ----------------------------------------------------------------------------------------
 */
static int by_rate(const void *a, const void *b)
{
    const double x = ((const struct ifm_msg_rate *)a)->rate_per_s;
    const double y = ((const struct ifm_msg_rate *)b)->rate_per_s;
    return x < y ? -1 : x > y;
}

static void row(struct ifm_cli *cli, const struct ifm_msg_rate *r, double max_per_s)
{
    char rate[IFM_FORMAT_MAX], latency[IFM_FORMAT_MAX] = "no answer", late[IFM_FORMAT_MAX];
    const bool found = r->rate_per_s == max_per_s;
    ifm_format_rate(r->rate_per_s, rate);
    if (r->latency_ns > 0)
        ifm_format_ns((double)r->latency_ns, latency);
    ifm_format_ns((double)r->lateness_ns, late);
    ifm_buf_addf(&cli->out, "    %s%12s  %-6s  %12s  %6lld of %-8lld %12s%s\n",
                 found ? ifm_cli_bold(cli) : "", rate, r->passed ? "passed" : "failed", latency,
                 (long long)r->over_bound, (long long)r->queries, late,
                 found ? ifm_cli_plain(cli) : "");
}

void ifm_capacity_print(struct ifm_cli *cli, const struct ifm_msg_capacity *capacity)
{
    char bound[IFM_FORMAT_MAX], percentile[16];
    const size_t count = capacity->rates.count;
    struct ifm_msg_rate *rows =
        capacity->bound_ns > 0 && count > 0 ? ifm_alloc_array(count, sizeof *rows) : NULL;
    if (!rows)
        return;
    memcpy(rows, capacity->rates.items, count * sizeof *rows);
    qsort(rows, count, sizeof *rows, by_rate);
    ifm_format_ns((double)capacity->bound_ns, bound);
    snprintf(percentile, sizeof percentile, "P%g", (double)capacity->percentile / 100);
    ifm_buf_addf(&cli->out, "  highest rate    ");
    if (isnan(capacity->max_per_s))
        ifm_buf_addf(&cli->out, "none kept %s at %s\n", bound, percentile);
    else
        ifm_buf_addf(&cli->out, "%.4g /s keep %s at %s\n", capacity->max_per_s, bound, percentile);
    ifm_buf_addf(&cli->out, "    %12s  %-6s  %12s  %-18s %12s\n", "rate", "", percentile, "over",
                 "late (P99)");
    for (size_t i = 0; i < count; i++)
        row(cli, &rows[i], capacity->max_per_s);
    ifm_free(rows);
}
