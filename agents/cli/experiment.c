#include "agents/cli/experiment.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/print.h"
#include "agents/cli/progress.h"
#include "agents/executors/interrupt.h"
#include "agents/plan/cool.h"
#include "core/clock.h"

#define MS            INT64_C(1000000)
#define LOOK_EVERY_NS (500 * MS)

struct state { /* of one experiment under way */
    struct ifm_experiment *x;
    struct ifm_executor *executor;
    struct ifm_exec_request request;
    struct ifm_progress progress;
    int64_t begin_ns, spent_ns; /* spent: without pauses */
    int64_t start_mc;           /* hottest zone before the first invocation; ABSENT */
    bool warned[IFM_TARGETS_MAX];
};

static int64_t time_left(const struct state *s)
{
    return s->x->max_ns ? s->begin_ns + s->x->max_ns - ifm_clock_ns() : INT64_MAX;
}

/* What the next invocation of this arm may take: as its last ones, or what the plan promises at
 * least. */
static int64_t expected_ns(const struct ifm_measure *m)
{
    int64_t done = (int64_t)m->view.count, least, most;
    if (done)
        return m->spent_ns / done;
    ifm_plan_bounds(&m->plan, &least, &most);
    int64_t pauses = (m->plan.invocations - 1) * m->plan.cooldown_ns;
    return (least - pauses) / (m->plan.invocations > 0 ? m->plan.invocations : 1);
}

/* -- Pauses -------------------------------------------------------------------------------------
 */

/* Waits, or returns at once when the user interrupts. */
static void wait_ns(struct state *s, int64_t ns, const char *what)
{
    int64_t begin = ifm_clock_ns(), now = begin;
    while (!ifm_interrupt_count() && now - begin < ns) {
        int64_t left = ns - (now - begin);
        struct pollfd fd = { .fd = ifm_interrupt_fd(), .events = POLLIN };
        int ms = (int)((left < LOOK_EVERY_NS ? left : LOOK_EVERY_NS) / MS);
        poll(&fd, fd.fd >= 0 ? 1 : 0, ms > 0 ? ms : 1);
        now = ifm_clock_ns();
        if (now - begin >= LOOK_EVERY_NS)
            ifm_progress_pause(&s->progress, what, now - begin);
    }
}

/* Idle at least as long as planned; then, where the machine says how warm it is, until it is as
 * cool as at the start, but not for ever. */
static void cool_down(struct state *s, const struct ifm_measure *m)
{
    char what[96];
    int64_t begin = ifm_clock_ns();
    wait_ns(s, m->plan.cooldown_ns, "cooling down");
    while (m->plan.cooldown_ns > 0 && s->start_mc != IFM_JSON_ABSENT && !ifm_interrupt_count()) {
        int64_t now_mc = ifm_cool_hottest(s->x->sysroot), waited = ifm_clock_ns() - begin;
        if (now_mc <= s->start_mc + IFM_COOL_ABOVE_MC || waited >= IFM_COOL_MAX_NS ||
            time_left(s) < expected_ns(m) + LOOK_EVERY_NS)
            break;
        snprintf(what, sizeof what,
                 "cooling down from %.1f to %.1f \xc2\xb0"
                 "C",
                 (double)now_mc / 1000, (double)(s->start_mc + IFM_COOL_ABOVE_MC) / 1000);
        wait_ns(s, LOOK_EVERY_NS, what);
    }
}

/* -- Targets ------------------------------------------------------------------------------------
 */

/* Said once, as soon as it can be known: more invocations do not help a percentile of too few
 * samples, and some targets take more invocations than may be made. */
static void warn(struct state *s, size_t index, const struct ifm_measure *m,
                 const struct ifm_target_state *now)
{
    const struct ifm_target *t = &s->x->targets[index];
    const char *word = ifm_print_label(t->metric);
    bool far = now->countable && m->view.ok >= 10 && now->needed > s->x->max_rounds;
    if (s->warned[index] || (now->countable && !far))
        return;
    s->warned[index] = true;
    ifm_progress_clear(&s->progress);
    if (!now->countable)
        ifm_cli_note(
            s->x->cli,
            "%s%snot enough samples for %s: n=%lld, needs %lld in each invocation "
            "(--iterations %lld); that target cannot be reached",
            m->name, m->name[0] ? ": " : "", word, (long long)ifm_view_iterations(&m->view),
            (long long)ifm_target_samples(t->metric), (long long)ifm_target_samples(t->metric));
    else
        ifm_cli_note(
            s->x->cli,
            "%s%s%s within %g %% would take about %lld invocations; with the at most %lld, "
            "about %.2g %% is within reach",
            m->name, m->name[0] ? ": " : "", word, t->share * 100, (long long)now->needed,
            (long long)s->x->max_rounds,
            now->share * 100 * sqrt((double)m->view.ok / (double)s->x->max_rounds));
}

/* Whether every target of every arm that still runs is reached, or cannot be. */
static int targets_reached(struct state *s, bool *done, struct ifm_err *err)
{
    struct ifm_experiment *x = s->x;
    bool all = true, waiting = false;
    for (size_t i = 0; i < x->count; i++) {
        struct ifm_measure *m = &x->arms[i];
        int rc = m->stopped ? 0 : ifm_view_numbers(&m->view, err);
        if (rc)
            return rc;
        for (size_t k = 0; !m->stopped && k < x->target_count; k++) {
            struct ifm_target_state now;
            ifm_target_judge(&x->targets[k], &m->view.metrics[x->targets[k].metric], &now);
            all = all && now.reached;
            waiting = waiting || (now.countable && !now.reached);
            warn(s, k, m, &now);
        }
    }
    x->reached = all;
    *done = !waiting;
    return 0;
}

/* -- Rounds -------------------------------------------------------------------------------------
 */

static int64_t invocations_left(const struct ifm_experiment *x, int64_t round)
{
    int64_t rounds = round < x->rounds ? x->rounds : x->max_rounds, left = 0;
    for (size_t i = 0; i < x->count; i++)
        if (!x->arms[i].stopped && (int64_t)x->arms[i].view.count < rounds)
            left += rounds - (int64_t)x->arms[i].view.count;
    return left;
}

static void update_progress(struct state *s, const struct ifm_measure *m, int64_t round)
{
    struct ifm_experiment *x = s->x;
    int64_t left = invocations_left(x, round);
    s->progress.n = x->made;
    s->progress.invocations = x->made + left;
    s->progress.at_most = round >= x->rounds;
    s->progress.arm = m->name;
    s->progress.left_ns = ifm_experiment_left(&m->plan, x->made, s->spent_ns, left - 1);
}

static void say_stopped(struct state *s, const struct ifm_measure *m)
{
    ifm_progress_clear(&s->progress);
    if (m->bad_input && s->x->count > 1)
        ifm_cli_note(s->x->cli, "%s is left out: %s", m->name, m->refusal.text);
    else if (!m->bad_input && !m->interrupted && !m->cut && s->x->count > 1)
        ifm_cli_note(s->x->cli,
                     "%s: the first two invocations failed the same way: no more of this one",
                     m->name);
    else if (!m->bad_input && !m->interrupted && !m->cut)
        ifm_cli_note(s->x->cli, "the first two invocations failed the same way: stopping here");
}

static int one(struct state *s, struct ifm_measure *m, int64_t round, struct ifm_err *err)
{
    struct ifm_experiment *x = s->x;
    int64_t before = m->spent_ns;
    bool first = s->begin_ns == 0;
    update_progress(s, m, round);
    if (first)
        s->begin_ns = ifm_clock_ns();
    else if (time_left(s) < m->plan.cooldown_ns + expected_ns(m))
        x->out_of_time = true;
    else
        cool_down(s, m);
    if (ifm_interrupt_count())
        x->interrupted = true;
    if (x->interrupted || x->out_of_time)
        return 0;
    int64_t left = time_left(s);
    m->cut_ns = left == INT64_MAX ? 0 : left > MS ? left : MS;
    s->request.n = round;
    s->request.interleaved = x->count > 1;
    s->request.order = x->made;
    int rc = ifm_measure_one(m, s->executor, &s->request, err);
    x->interrupted = m->interrupted;
    x->out_of_time = m->cut;
    if (!rc && m->spent_ns > before) {
        x->made++;
        s->spent_ns += m->spent_ns - before;
    }
    if (!rc && m->stopped)
        say_stopped(s, m);
    return rc;
}

static bool any_left(const struct ifm_experiment *x)
{
    for (size_t i = 0; i < x->count; i++)
        if (!x->arms[i].stopped)
            return true;
    return false;
}

static void say_estimate(struct state *s)
{
    const struct ifm_experiment *x = s->x;
    char took[40], left[40];
    int64_t more = invocations_left(x, 1);
    if (x->rounds < 2 || !x->made || !more || !any_left(x))
        return;
    ifm_progress_clear(&s->progress);
    ifm_plan_time_text(s->spent_ns, took, sizeof took);
    ifm_plan_time_text(ifm_experiment_left(&x->arms[0].plan, x->made, s->spent_ns, more), left,
                       sizeof left);
    ifm_cli_note(x->cli, "the first %s took %s: about %s left",
                 x->count > 1 ? "round" : "invocation", took, left);
}

static bool ended(const struct ifm_experiment *x)
{
    return x->interrupted || x->out_of_time;
}

static int one_round(struct state *s, int64_t round, struct ifm_err *err)
{
    struct ifm_experiment *x = s->x;
    uint32_t order[IFM_EXPERIMENT_ARMS_MAX];
    int rc = 0;
    ifm_experiment_round((uint64_t)x->seed, round, x->count, order);
    for (size_t i = 0; !rc && i < x->count && !ended(x); i++)
        if (!x->arms[order[i]].stopped)
            rc = one(s, &x->arms[order[i]], round, err);
    return rc;
}

static int rounds(struct state *s, struct ifm_err *err)
{
    struct ifm_experiment *x = s->x;
    int rc = 0;
    bool done = false;
    for (int64_t round = 0; !rc && !done && round < x->max_rounds && any_left(x); round++) {
        rc = one_round(s, round, err);
        if (rc || ended(x))
            break;
        if (round == 0)
            say_estimate(s);
        if (x->target_count && round + 1 >= x->rounds)
            rc = targets_reached(s, &done, err);
    }
    ifm_progress_clear(&s->progress);
    return rc;
}

/* What was aimed at, and how far it came. */
static void say_targets(struct state *s)
{
    struct ifm_experiment *x = s->x;
    for (size_t i = 0; i < x->count && x->target_count && !x->interrupted; i++) {
        struct ifm_measure *m = &x->arms[i];
        for (size_t k = 0; !m->bad_input && k < x->target_count; k++) {
            const struct ifm_target *t = &x->targets[k];
            struct ifm_target_state now;
            ifm_target_judge(t, &m->view.metrics[t->metric], &now);
            if (now.reached || !now.countable)
                continue;
            if (isnan(now.share)) {
                ifm_cli_note(x->cli,
                             "%s%starget not reached: %s has no interval, which needs >=%d "
                             "invocations",
                             m->name, m->name[0] ? ": " : "", ifm_print_label(t->metric),
                             IFM_INTERVAL_MIN_K);
                continue;
            }
            ifm_cli_note(x->cli,
                         "%s%starget not reached: %s is within %.2g %%, asked %g %%; about %lld "
                         "invocations would reach it (--max-invocations)",
                         m->name, m->name[0] ? ": " : "", ifm_print_label(t->metric),
                         now.share * 100, t->share * 100, (long long)now.needed);
        }
    }
}

static int finish(struct state *s, struct ifm_err *err)
{
    struct ifm_experiment *x = s->x;
    int rc = 0;
    for (size_t i = 0; i < x->count; i++) {
        struct ifm_measure *m = &x->arms[i];
        m->interrupted = x->interrupted && m->begun;
        if (!x->interrupted && !x->out_of_time && x->target_count && !m->stopped)
            m->plan.invocations = (int64_t)m->view.count; /* it was as many as it took */
        int failed = ifm_measure_finish(m, s->executor, s->request.worker, rc ? NULL : err);
        rc = rc ? rc : failed;
    }
    return rc;
}

int ifm_experiment_begin(struct ifm_experiment *x, struct ifm_err *err)
{
    if (x->count < 2)
        return 0;
    if (!x->id[0] && ifm_uuid_new(x->id))
        return ifm_err_set(err, IFM_ERR_INTERNAL, "", "no randomness can be had for an id");
    if (!x->seed)
        x->seed = ifm_experiment_seed(x->id);
    for (size_t i = 0; i < x->count; i++)
        x->arms[i].experiment = (struct ifm_msg_experiment){
            .id = x->id, .seed = x->seed, .arms = (int64_t)x->count, .arm = (int64_t)i
        };
    return 0;
}

int ifm_experiment_run(struct ifm_experiment *x, struct ifm_err *err)
{
    char worker[4096];
    struct state s = { .x = x, .start_mc = ifm_cool_hottest(x->sysroot) };
    int rc = ifm_place_worker(worker, sizeof worker, err);
    s.executor = rc ? NULL : ifm_executor_local.open(err);
    if (!s.executor)
        return rc ? rc : err->code;
    ifm_progress_init(&s.progress, x->cli, (int64_t)x->count * x->rounds);
    s.request = (struct ifm_exec_request){ .worker = worker,
                                           .progress = ifm_progress_step,
                                           .arg = &s.progress };
    for (size_t i = 0; !rc && i < x->count; i++) {
        x->arms[i].plan.invocations = x->rounds;
        rc = ifm_measure_begin(&x->arms[i], err);
    }
    if (!rc)
        rc = rounds(&s, err);
    if (!rc)
        rc = finish(&s, err);
    if (!rc)
        say_targets(&s);
    for (size_t i = 0; rc && i < x->count; i++)
        ifm_measure_abandon(&x->arms[i]);
    ifm_executor_local.close(s.executor);
    return rc;
}

int ifm_measure_run(struct ifm_measure *m, struct ifm_err *err)
{
    struct ifm_experiment x = { .cli = m->cli,
                                .arms = m,
                                .count = 1,
                                .rounds = m->plan.invocations,
                                .max_rounds = m->plan.invocations };
    return ifm_experiment_run(&x, err);
}
