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
static int64_t rank_of(const struct ifm_msg_rate *r) /* no answer at the percentile: slowest */
{
    return r->latency_ns > 0 ? r->latency_ns : INT64_MAX;
}

static int by_rate(const void *a, const void *b)
{
    const struct ifm_msg_rate *x = a, *y = b;
    if (x->rate_per_s < y->rate_per_s || x->rate_per_s > y->rate_per_s)
        return x->rate_per_s < y->rate_per_s ? -1 : 1;
    return rank_of(x) < rank_of(y) ? -1 : rank_of(x) > rank_of(y);
}

/* All trials of one rate: how many passed, the middle one's latency, the worst lateness. */
static void row(struct ifm_cli *cli, const struct ifm_msg_rate *r, size_t count, double max_per_s)
{
    char rate[IFM_FORMAT_MAX], latency[IFM_FORMAT_MAX] = "no answer", late[IFM_FORMAT_MAX];
    const bool found = r->rate_per_s >= max_per_s && r->rate_per_s <= max_per_s;
    const struct ifm_msg_rate *middle = &r[(count - 1) / 2];
    int64_t passed = 0, over = 0, queries = 0, lateness = 0;
    for (size_t i = 0; i < count; i++) {
        passed += r[i].passed;
        over += r[i].over_bound;
        queries += r[i].queries;
        lateness = r[i].lateness_ns > lateness ? r[i].lateness_ns : lateness;
    }
    ifm_format_rate(r->rate_per_s, rate);
    if (middle->latency_ns > 0)
        ifm_format_ns((double)middle->latency_ns, latency);
    ifm_format_ns((double)lateness, late);
    ifm_buf_addf(&cli->out, "    %s%12s  %2lld of %-2zu  %12s  %6lld of %-8lld %12s%s\n",
                 found ? ifm_cli_bold(cli) : "", rate, (long long)passed, count, latency,
                 (long long)over, (long long)queries, late, found ? ifm_cli_plain(cli) : "");
}

/* What the time for the search was too short to confirm is no promise. */
static void found_line(struct ifm_cli *cli, const struct ifm_msg_capacity *capacity,
                       const char *bound, const char *percentile)
{
    const struct ifm_msg_rate *rates = capacity->rates.items;
    const double max = capacity->max_per_s;
    size_t passed = 0;
    for (size_t i = 0; i < capacity->rates.count; i++)
        passed += rates[i].passed && rates[i].rate_per_s >= max && rates[i].rate_per_s <= max;
    if (isnan(max))
        ifm_buf_addf(&cli->out, "none kept %s at %s\n", bound, percentile);
    else if (passed >= IFM_CAPACITY_CONFIRM)
        ifm_buf_addf(&cli->out, "%.4g /s keep %s at %s\n", max, bound, percentile);
    else
        ifm_buf_addf(&cli->out, "%.4g /s kept %s at %s in %zu trial%s; not confirmed, which takes %d\n",
                     max, bound, percentile, passed, passed == 1 ? "" : "s", IFM_CAPACITY_CONFIRM);
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
    found_line(cli, capacity, bound, percentile);
    ifm_buf_addf(&cli->out, "    %12s  %-8s  %12s  %-18s %12s\n", "rate", "passed", percentile,
                 "over it", "late (P99)");
    for (size_t i = 0, same; i < count; i += same) {
        for (same = 1; i + same < count && !(rows[i + same].rate_per_s > rows[i].rate_per_s);)
            same++;
        row(cli, &rows[i], same, capacity->max_per_s);
    }
    ifm_free(rows);
}
