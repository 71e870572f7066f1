#include "agents/cli/capacity.h"

#include <math.h>
#include <stdio.h>

#include "core/mem.h"
#include "core/scenario.h"

#define RATES_MAX     256
#define DOUBLINGS_MAX 24
#define LOWERINGS_MAX 12
#define GROWN         10  /* bounds that a trial lasts at least */
#define RETRIES       2   /* of a trial whose generator was late */
#define START         0.5 /* of the rate that one server could just keep */
#define TRIALS        28  /* as most searches need: what time is divided by */
#define ALONE_NS      INT64_C(10000000000)
#define IDLE          0.05 /* of that rate: below it a late generator is not the model's doing */

struct state {
    const struct ifm_capacity_search *search;
    struct ifm_msg_capacity *out;
    struct ifm_err *err;
    struct ifm_capacity_outcome alone, last;
    double passing, failing; /* 0, INFINITY: not yet */
    double once;             /* highest that passed at all */
    int64_t spent_ns, trials, expected;
    bool late;        /* the lowest rate that failed did so by the generator */
    bool out_of_time; /* and so nothing more was tried */
};

static const char *const phase_names[] = { "one inference alone", "doubling", "bisection",
                                           "confirming", "curve" };

const char *ifm_capacity_phase_name(enum ifm_capacity_phase phase)
{
    return phase_names[phase];
}

/* -- One trial ------------------------------------------------------------------------------------
 */
static int64_t budget(const struct state *s)
{
    return s->search->budget_ns > 0 ? s->search->budget_ns : IFM_CAPACITY_BUDGET_NS;
}

/* So many that a few may be over the bound; less where the time is short, but never fewer than a
 * pass needs, and never so short that a queue that only grows could stay within the bound. */
static int64_t queries_for(const struct state *s, double rate)
{
    const double p = s->search->percentile / 1e4, share = (double)budget(s) / TRIALS / 1e9;
    const double good = (double)(ifm_scenario_early_h(IFM_CAPACITY_OVER, p) + IFM_CAPACITY_OVER);
    const double grown = rate * GROWN * (double)s->search->bound_ns / 1e9;
    const double early = (double)ifm_scenario_early_least(p), least = early > grown ? early : grown;
    const double timed = rate * (double)IFM_CAPACITY_TRIAL_NS / 1e9;
    double n = good > timed ? good : timed;
    n = n > rate * share ? rate * share : n;
    n = n < least ? least : n;
    return n > 4e6 ? 4000000 : (int64_t)n;
}

static int64_t overhead(const struct state *s)
{
    const int64_t timed = (int64_t)(s->alone.mean_ns * (double)s->alone.queries);
    return s->alone.took_ns > timed ? s->alone.took_ns - timed : 0;
}

static int64_t cost(const struct state *s, double rate)
{
    return overhead(s) + (int64_t)((double)queries_for(s, rate) / rate * 1e9);
}

static void note_rate(struct state *s, double rate)
{
    struct ifm_list *list = &s->out->rates;
    struct ifm_msg_rate *items = list->count < RATES_MAX
                                     ? ifm_resize_array(list->items, list->count + 1, sizeof *items)
                                     : NULL;
    if (!items) {
        return; /* the figure counts, not the list of tries */
    }
    items[list->count++] = (struct ifm_msg_rate){
        .rate_per_s = rate,
        .passed = s->last.passed,
        .queries = s->last.queries,
        .over_bound = s->last.over_bound,
        .latency_ns = s->last.at_bound_ns == INT64_MAX ? 0 : s->last.at_bound_ns,
        .lateness_ns = s->last.lateness_p99_ns > 0 ? s->last.lateness_p99_ns : 0,
    };
    list->items = items;
}

/* 1: passed, 0: not, or no time is left; negative: an error. */
static int attempt(struct state *s, enum ifm_capacity_phase phase, double rate)
{
    const struct ifm_capacity_search *search = s->search;
    struct ifm_capacity_trial trial = { .rate_per_s = rate, .queries = queries_for(s, rate) };
    const double schedule_ns = (double)trial.queries / rate * 1e9;
    trial.max_ns = (int64_t)(schedule_ns * 1.25) + 20 * search->bound_ns + 500000000;
    for (int i = 0; i <= RETRIES; i++) {
        if (s->spent_ns + cost(s, rate) > budget(s)) {
            s->out_of_time = true;
            return 0;
        }
        if (search->progress) {
            const int64_t left = (s->expected > s->trials ? s->expected - s->trials : 1);
            search->progress(search->progress_arg, phase, rate, left * cost(s, rate));
        }
        trial.seed = search->seed + s->trials++;
        const int code = search->trial(search->arg, &trial, &s->last, s->err);
        if (code != 0) {
            return code;
        }
        s->spent_ns += s->last.took_ns;
        s->last.passed = s->last.passed && !s->last.overloaded;
        note_rate(s, rate);
        if (s->last.passed || s->last.valid || s->last.over_bound > s->last.queries / 2) {
            break; /* far over the bound: that was not the generator alone */
        }
    }
    if (s->last.passed) {
        s->passing = rate > s->passing ? rate : s->passing;
        s->once = rate > s->once ? rate : s->once;
    } else if (rate < s->failing) {
        s->failing = rate;
        s->late = !s->last.valid && s->last.over_bound <= s->last.queries / 2;
    }
    return s->last.passed;
}

static int run_alone(struct state *s)
{
    const struct ifm_capacity_search *search = s->search;
    const double p = search->percentile / 1e4;
    const struct ifm_capacity_trial trial = { .queries = ifm_scenario_early_least(p),
                                              .seed = search->seed + s->trials++,
                                              .max_ns = ALONE_NS };
    if (search->progress) {
        search->progress(search->progress_arg, IFM_CAPACITY_ALONE, 0, budget(s));
    }
    const int code = search->trial(search->arg, &trial, &s->alone, s->err);
    s->spent_ns += s->alone.took_ns;
    if (code == 0 && !(s->alone.mean_ns > 0)) {
        return ifm_err_set(s->err, IFM_ERR_MEASUREMENT, "capacity",
                           "the trial of one inference alone measured nothing");
    }
    return code;
}

/* -- Phases ---------------------------------------------------------------------------------------
 */
/* Doubles until it fails, or halves until it passes. */
static int bracket(struct state *s)
{
    double rate = START * 1e9 / s->alone.mean_ns;
    int passed = attempt(s, IFM_CAPACITY_DOUBLING, rate);
    const bool up = passed == 1;
    for (int i = 0; i < DOUBLINGS_MAX && passed >= 0 && !s->out_of_time; i++) {
        if ((passed == 1) != up) {
            break;
        }
        rate = up ? rate * 2 : rate / 2;
        if (!up && s->late && rate * s->alone.mean_ns < IDLE * 1e9) {
            break;
        }
        if (rate > 1e8 || rate * s->alone.mean_ns < 1e9 / 1e3) {
            break; /* a thousandth of what one server could do: it is not the queue */
        }
        passed = attempt(s, IFM_CAPACITY_DOUBLING, rate);
    }
    return passed < 0 ? passed : 0;
}

static int bisect(struct state *s)
{
    while (s->passing > 0 && s->failing < INFINITY && !s->out_of_time &&
           s->failing / s->passing > IFM_CAPACITY_RESOLUTION) {
        const int passed = attempt(s, IFM_CAPACITY_BISECTION, (s->passing + s->failing) / 2);
        if (passed < 0) {
            return passed;
        }
    }
    return 0;
}

/* Five of five, or lower: by 1 %, then more. Leaves the confirmed rate in passing, or 0. */
static int confirm(struct state *s, bool *confirmed)
{
    double rate = s->passing, step = 0.01;
    *confirmed = false;
    for (int lowered = 0; rate > 0 && lowered <= LOWERINGS_MAX; lowered++) {
        int passed = 1;
        for (int i = 0; passed == 1 && i < IFM_CAPACITY_CONFIRM; i++) {
            passed = attempt(s, IFM_CAPACITY_CONFIRMING, rate);
        }
        if (passed < 0 || s->out_of_time) {
            return passed < 0 ? passed : 0;
        }
        if (passed == 1) {
            s->passing = rate;
            *confirmed = true;
            return 0;
        }
        rate *= 1 - step;
        step = lowered % 2 == 1 ? step * 2 : step;
        s->passing = 0; /* what passed once did not pass again */
    }
    return 0;
}

static int draw(struct state *s)
{
    const double highest = s->passing;
    double failing = s->failing;
    for (int i = 1; i <= IFM_CAPACITY_CURVE && !s->out_of_time; i++) {
        const int passed = attempt(s, IFM_CAPACITY_DRAWING, highest * 1.2 * i / IFM_CAPACITY_CURVE);
        if (passed < 0) {
            return passed;
        }
    }
    if (s->failing > highest && s->failing < failing) {
        failing = s->failing;
    }
    s->passing =
        highest; /* one more trial above it that passed is no proof, one below no disproof */
    s->failing = failing;
    s->out_of_time = false;
    return 0;
}

/* -- Verdict --------------------------------------------------------------------------------------
 */
static void say_impossible(const struct state *s, struct ifm_capacity_verdict *v)
{
    const struct ifm_capacity_search *search = s->search;
    const double p = search->percentile / 100.0, alone = (double)s->alone.at_bound_ns / 1e6;
    const double bound = (double)search->bound_ns / 1e6;
    v->end = s->late ? IFM_CAPACITY_GENERATOR : IFM_CAPACITY_IMPOSSIBLE;
    if (s->late) {
        snprintf(
            v->text, sizeof v->text,
            "the load generator itself was late even at %.3g queries a second: this machine is "
            "too busy to tell what the model can do",
            s->failing);
    } else if (s->alone.at_bound_ns > search->bound_ns) {
        snprintf(v->text, sizeof v->text,
                 "no rate keeps %.4g ms at P%g: one inference alone, without any queue, needs %.4g "
                 "ms at P%g; a bound above that can be kept",
                 bound, p, alone, p);
    } else {
        snprintf(
            v->text, sizeof v->text,
            "no rate down to %.3g a second kept %.4g ms at P%g, although one inference alone "
            "needs only %.4g ms: try a bound well above it, or look at the generator's lateness",
            s->failing, bound, p, alone);
    }
}

static void say_nothing_held(const struct state *s, struct ifm_capacity_verdict *v)
{
    const double p = s->search->percentile / 100.0, bound = (double)s->search->bound_ns / 1e6;
    const long long least = (long long)ifm_scenario_early_least(s->search->percentile / 1e4);
    char best[64] = "none passed even once";
    if (s->once > 0) {
        snprintf(best, sizeof best, "%.4g a second passed once", s->once);
    }
    if (s->out_of_time) {
        v->end = IFM_CAPACITY_OUT_OF_TIME;
        snprintf(
            v->text, sizeof v->text,
            "the %.3g minutes for the search were over before any rate had kept %.4g ms at P%g "
            "for good (%s); a trial needs %lld queries",
            (double)budget(s) / 6e10, bound, p, best, least);
    } else {
        v->end = IFM_CAPACITY_UNSTABLE;
        snprintf(
            v->text, sizeof v->text,
            "no rate kept %.4g ms at P%g five times in a row (%s): the machine is too busy, or "
            "its speed changes",
            bound, p, best);
    }
}

static void say(const struct state *s, bool confirmed, struct ifm_capacity_verdict *v)
{
    const double p = s->search->percentile / 100.0, bound = (double)s->search->bound_ns / 1e6;
    const double minutes = (double)budget(s) / 6e10;
    if (confirmed && s->late && s->failing < INFINITY) {
        v->end = IFM_CAPACITY_GENERATOR;
        snprintf(v->text, sizeof v->text,
                 "%.4g queries a second keep %.4g ms at P%g in 5 of 5 trials; above that the load "
                 "generator itself was late, so it may be more",
                 s->passing, bound, p);
    } else if (confirmed) {
        char above[48] = "nothing higher was tried";
        if (s->failing < INFINITY) {
            snprintf(above, sizeof above, "%.4g a second do not", s->failing);
        }
        v->end = IFM_CAPACITY_FOUND;
        snprintf(v->text, sizeof v->text,
                 "%.4g queries a second keep %.4g ms at P%g in 5 of 5 trials; %s", s->passing,
                 bound, p, above);
    } else if (s->out_of_time && s->passing > 0) {
        v->end = IFM_CAPACITY_OUT_OF_TIME;
        snprintf(v->text, sizeof v->text,
                 "at least %.4g queries a second kept %.4g ms at P%g, but the %.3g minutes for the "
                 "search were over before it was confirmed",
                 s->passing, bound, p, minutes);
    } else {
        say_nothing_held(s, v);
    }
}

static int search_all(struct state *s, bool *confirmed, struct ifm_capacity_verdict *verdict)
{
    int code = run_alone(s);
    *confirmed = false;
    if (code == 0 && s->alone.at_bound_ns > s->search->bound_ns && s->alone.queries > 0) {
        say_impossible(s, verdict);
        return 0;
    }
    if (code == 0) {
        code = bracket(s);
    }
    if (code == 0 && s->passing == 0 && !s->out_of_time) {
        say_impossible(s, verdict);
        return 0;
    }
    if (code == 0) {
        code = bisect(s);
    }
    if (code == 0 && !s->out_of_time) {
        code = confirm(s, confirmed);
    }
    if (code == 0) {
        say(s, *confirmed, verdict);
    }
    return code == 0 && *confirmed ? draw(s) : code;
}

int ifm_capacity_find(const struct ifm_capacity_search *search, struct ifm_msg_capacity *out,
                      struct ifm_capacity_verdict *verdict, struct ifm_err *err)
{
    struct state s = {
        .search = search, .out = out, .err = err, .failing = INFINITY, .expected = TRIALS
    };
    bool confirmed = false;
    *verdict = (struct ifm_capacity_verdict){ .end = IFM_CAPACITY_IMPOSSIBLE };
    *out = (struct ifm_msg_capacity){ .bound_ns = search->bound_ns,
                                      .percentile = search->percentile,
                                      .max_per_s = (double)NAN,
                                      .failing_per_s = (double)NAN };
    const int code = search_all(&s, &confirmed, verdict);
    out->max_per_s =
        s.passing > 0 && verdict->end != IFM_CAPACITY_UNSTABLE ? s.passing : (double)NAN;
    out->failing_per_s = s.failing < INFINITY && s.failing > s.passing ? s.failing : (double)NAN;
    return code;
}
