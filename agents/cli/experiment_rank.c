/* Which arm is faster, by how much, and whether that can be said. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/experiment.h"
#include "core/mem.h"
#include "core/trust.h"

static double items_of(const struct ifm_measure *m)
{
    return m->spec.batch > 0 ? (double)m->spec.batch : 1;
}

bool ifm_experiment_ranked(const struct ifm_measure *arm)
{
    return arm->view.ok > 0 && arm->view.run.verification != IFM_VERIFY_WRONG && !arm->view.run.emulator;
}

/* An inference of eight items is slower than one of one item, and yet it may be the faster way. */
bool ifm_experiment_by_items(const struct ifm_experiment *x)
{
    for (size_t i = 0; i < x->count; i++)
        if (items_of(&x->arms[i]) != items_of(&x->arms[0]) ||
            x->arms[i].spec.scenario == IFM_SCENARIO_OFFLINE)
            return true;
    return false;
}

double ifm_experiment_speed(const struct ifm_experiment *x, size_t arm)
{
    const struct ifm_measure *m = &x->arms[arm];
    if (!ifm_experiment_ranked(m))
        return NAN;
    if (ifm_experiment_by_items(x))
        return m->view.metrics[IFM_METRIC_THROUGHPUT].value * items_of(m);
    return 1 / m->view.metrics[IFM_METRIC_P50].value;
}

size_t ifm_experiment_rank(const struct ifm_experiment *x, size_t *arms)
{
    size_t ranked = 0, rest = 0;
    for (size_t i = 0; i < x->count; i++) {
        size_t at = ranked;
        double speed = ifm_experiment_speed(x, i);
        if (isnan(speed))
            continue;
        for (; at > 0 && ifm_experiment_speed(x, arms[at - 1]) < speed; at--)
            arms[at] = arms[at - 1];
        arms[at] = i;
        ranked++;
    }
    for (size_t i = 0; i < x->count; i++)
        if (isnan(ifm_experiment_speed(x, i)))
            arms[ranked + rest++] = i;
    return ranked;
}

/* Time an item takes, for each round. */
static void times(const struct ifm_experiment *x, size_t arm, double *values, size_t rounds)
{
    const struct ifm_measure *m = &x->arms[arm];
    bool items = ifm_experiment_by_items(x);
    ifm_view_rounds(&m->view, items ? IFM_METRIC_THROUGHPUT : IFM_METRIC_P50, values, rounds);
    for (size_t i = 0; items && i < rounds; i++)
        values[i] = 1 / (values[i] * items_of(m));
}

/* What is called faster is; the medians may say otherwise than the pairs. */
static void turn_round(struct ifm_versus *v)
{
    size_t fast = v->fast;
    double low = v->result.low;
    v->fast = v->slow;
    v->slow = fast;
    v->result.ratio = 1 / v->result.ratio;
    v->result.low = 1 / v->result.high;
    v->result.high = 1 / low;
}

int ifm_experiment_versus(const struct ifm_experiment *x, size_t fast, size_t slow,
                          struct ifm_versus *out, struct ifm_err *err)
{
    size_t rounds = ifm_view_rounds_made(&x->arms[fast].view),
           other = ifm_view_rounds_made(&x->arms[slow].view);
    rounds = rounds > other ? rounds : other;
    double *values = ifm_alloc_array(2 * rounds + 1, sizeof *values);
    if (!values)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    *out = (struct ifm_versus){ .fast = fast, .slow = slow };
    times(x, fast, values, rounds);
    times(x, slow, values + rounds, rounds);
    ifm_summary_compare_paired(values + rounds, values, rounds, IFM_EXPERIMENT_DELTA, true,
                               &out->result);
    out->detectable = ifm_summary_detectable_of(values + rounds, rounds, values, rounds, true) +
                      IFM_EXPERIMENT_DELTA;
    ifm_free(values);
    if (out->result.ratio > 1)
        turn_round(out);
    out->seen = out->result.verdict == IFM_VERDICT_IMPROVEMENT ||
                out->result.verdict == IFM_VERDICT_REGRESSION;
    return 0;
}

int ifm_experiment_comparisons(const struct ifm_experiment *x, struct ifm_versus out[2],
                               size_t *count, struct ifm_err *err)
{
    size_t order[IFM_EXPERIMENT_ARMS_MAX], ranked = ifm_experiment_rank(x, order);
    *count = 0;
    if (ranked < 2)
        return 0;
    int rc = ifm_experiment_versus(x, order[0], order[1], &out[(*count)++], err);
    bool first_too = order[0] != 0 && order[1] != 0 && ifm_experiment_ranked(&x->arms[0]);
    if (!rc && first_too)
        rc = ifm_experiment_versus(x, order[0], 0, &out[(*count)++], err);
    return rc;
}

/* -- Sentences ----------------------------------------------------------------------------------
 */

static int digits(double factor)
{
    return factor < 1.1 ? 3 : factor < 10 ? 2 : 1;
}

static const char *verified(const struct ifm_measure *m)
{
    return m->view.run.verification == IFM_VERIFY_VERIFIED ? " (verified)" : "";
}

/* Interleaving takes drift out of a comparison, not what made a run unfit. */
static void add_doubt(const struct ifm_measure *fast, const struct ifm_measure *slow,
                      char text[IFM_EXPERIMENT_TEXT])
{
    bool a = fast->view.run.trust == IFM_TRUST_UNTRUSTED,
         b = slow->view.run.trust == IFM_TRUST_UNTRUSTED;
    size_t len = strlen(text);
    if (a || b)
        snprintf(text + len, IFM_EXPERIMENT_TEXT - len, "; but %s untrusted",
                 a && b ? "both are"
                 : a    ? "the first is"
                        : "the second is");
}

void ifm_experiment_sentence(const struct ifm_experiment *x, const struct ifm_versus *v,
                             char text[IFM_EXPERIMENT_TEXT])
{
    const struct ifm_measure *fast = &x->arms[v->fast], *slow = &x->arms[v->slow];
    const struct ifm_comparison_result *r = &v->result;
    bool items = ifm_experiment_by_items(x), bounded = isfinite(r->low) && isfinite(r->high);
    double factor = 1 / r->ratio;
    int n = digits(factor);
    const char *is = items ? "does" : "is",
               *than = items ? "as many items a second as" : "faster than";
    if (!isfinite(r->ratio))
        snprintf(text, IFM_EXPERIMENT_TEXT, "%s and %s have no round in which both delivered",
                 fast->name, slow->name);
    else if (!bounded)
        snprintf(text, IFM_EXPERIMENT_TEXT,
                 "%s %s %.*fx %s %s so far, but %zu pair%s give%s no interval: needs %d "
                 "(--invocations %d)",
                 fast->name, is, n, factor, than, slow->name, r->k_a, r->k_a == 1 ? "" : "s",
                 r->k_a == 1 ? "s" : "", IFM_INTERVAL_MIN_K, IFM_INTERVAL_MIN_K);
    else if (v->seen)
        snprintf(text, IFM_EXPERIMENT_TEXT,
                 "%s%s %s %.*fx %s %s [%.*f .. %.*f], by %zu interleaved pairs", fast->name,
                 verified(fast), is, n, factor, than, slow->name, n, 1 / r->high, n, 1 / r->low,
                 r->k_a);
    else
        snprintf(
            text, IFM_EXPERIMENT_TEXT,
            "no difference seen between %s and %s [%+.2f .. %+.2f %%]; one of %.1f %% would have "
            "been",
            fast->name, slow->name, (1 / r->high - 1) * 100, (1 / r->low - 1) * 100,
            v->detectable * 100);
    add_doubt(fast, slow, text);
}
