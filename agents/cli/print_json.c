/* A run as the REST reply GET /runs/{id} shows it, member by member: what the run and its
 * invocations say of themselves is written by their own field tables, as the daemon does. */
#include <math.h>
#include <string.h>

#include "agents/cli/print.h"
#include "agents/cli/row.h"
#include "core/trust.h"

static const char *const severity_words[] = { "note", "caution", "untrusted" };

static void text(struct ifm_jw *w, const char *key, const char *value)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, value);
}

static void whole(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value);
}

static void real(struct ifm_jw *w, const char *key, double value)
{
    ifm_jw_key(w, key);
    ifm_jw_f64(w, value);
}

static void flag(struct ifm_jw *w, const char *key, bool value)
{
    ifm_jw_key(w, key);
    ifm_jw_bool(w, value);
}

void ifm_print_estimate(struct ifm_jw *w, const struct ifm_estimate *e)
{
    ifm_jw_begin(w, '{');
    real(w, "value", e->value);
    real(w, "low", e->low);
    real(w, "high", e->high);
    real(w, "coverage", e->coverage);
    whole(w, "k", (int64_t)e->k);
    whole(w, "needed", (int64_t)e->needed);
    flag(w, "enough", e->enough);
    ifm_jw_end(w, '}');
}

/* -- Invocations --------------------------------------------------------------------------------
 */

static int64_t known(bool has, int64_t value)
{
    return has && value >= 0 ? value : IFM_JSON_ABSENT;
}

/* true, false, or null where there are no samples */
static void enough(struct ifm_jw *w, const char *key, bool has, bool value)
{
    ifm_jw_key(w, key);
    if (has)
        ifm_jw_bool(w, value);
    else
        ifm_jw_string(w, NULL);
}

static void reals(struct ifm_jw *w, bool has, const struct ifm_invocation_stats *s)
{
    const struct {
        const char *key;
        double value;
    } rows[] = { { "mean_ns", s->mean_ns },
                 { "sd_ns", s->sd_ns },
                 { "p50_interp_ns", s->p50_interp_ns },
                 { "p90_interp_ns", s->p90_interp_ns },
                 { "p99_interp_ns", s->p99_interp_ns },
                 { "throughput_per_s", s->throughput_per_s },
                 { "autocorrelation", s->autocorrelation } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        real(w, rows[i].key, has ? rows[i].value : (double)NAN);
}

static void steadiness(struct ifm_jw *w, bool has, const struct ifm_steadiness *s)
{
    const struct {
        const char *key;
        double value;
    } rows[] = { { "mser_share", s->mser_share },
                 { "mser_ratio", s->mser_ratio },
                 { "drift_p", s->drift_p },
                 { "drift_ratio", s->drift_ratio },
                 { "outlier_share", s->outlier_share },
                 { "iqr_ratio", s->iqr_ratio } };
    text(w, "steady_class", has ? ifm_steady_class_name(s->steady) : NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        real(w, rows[i].key, has ? rows[i].value : (double)NAN);
}

static void stats(struct ifm_jw *w, const struct ifm_view_invocation *item)
{
    const struct ifm_invocation_stats *s = &item->stats;
    bool has = item->has_stats, late = has && s->lateness_p99_ns >= 0;
    const struct {
        const char *key;
        int64_t value;
    } wholes[] = { { "sample_count", s->n },        { "p50_ns", s->p50_ns },
                   { "p90_ns", s->p90_ns },         { "p99_ns", s->p99_ns },
                   { "min_ns", s->min_ns },         { "max_ns", s->max_ns },
                   { "p50_low_ns", s->p50_low_ns }, { "p50_high_ns", s->p50_high_ns } };
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        whole(w, wholes[i].key, known(has, wholes[i].value));
    enough(w, "p90_enough", has, s->p90_enough);
    enough(w, "p99_enough", has, s->p99_enough);
    reals(w, has, s);
    steadiness(w, has, &s->steady);
    whole(w, "sample_calls", has ? (s->batch_calls > 1 ? s->batch_calls : 1) : IFM_JSON_ABSENT);
    whole(w, "lateness_p99_ns", known(late, s->lateness_p99_ns));
    whole(w, "lateness_max_ns", late ? s->lateness_max_ns : IFM_JSON_ABSENT);
}

/* Without the closing brace, for members to follow; "{" where there is no memory. */
static void open_object(struct ifm_jw *w, const struct ifm_table *table, const void *object)
{
    struct ifm_buf json;
    ifm_buf_init(&json, IFM_SPOOL_BODY_MAX);
    ifm_json_encode(table, object, &json);
    while (json.len && json.data[json.len - 1] == '\n')
        json.data[--json.len] = '\0';
    if (json.len)
        json.data[--json.len] = '\0';
    ifm_jw_raw(w, json.len ? json.data : "{");
    ifm_buf_done(&json);
}

static void invocation(struct ifm_jw *w, const struct ifm_view_invocation *item)
{
    struct ifm_msg_invocation shown = item->body; /* lanes have a reply of their own */
    shown.lanes = (struct ifm_list){ .count = 0 };
    open_object(w, &ifm_invocation_table, &shown);
    stats(w, item);
    ifm_jw_end(w, '}');
}

/* -- Trust and scenario -------------------------------------------------------------------------
 */

static void trust(struct ifm_jw *w, const struct ifm_msg_run *run)
{
    char line[512];
    const struct ifm_msg_finding *f = run->trust_findings.items;
    ifm_trust_line(run, line, sizeof line);
    ifm_jw_key(w, "trust");
    ifm_jw_begin(w, '{');
    text(w, "state", ifm_trust_words[run->trust]);
    text(w, "line", line);
    ifm_jw_key(w, "findings");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < run->trust_findings.count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "code", f[i].code);
        text(w, "severity", severity_words[f[i].severity]);
        text(w, "text", f[i].text);
        text(w, "remedy", f[i].remedy);
        whole(w, "invocations", f[i].invocations);
        real(w, "value", f[i].value);
        real(w, "limit", f[i].limit);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
    ifm_jw_key(w, "unobserved");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < run->trust_unobserved.count; i++)
        ifm_jw_string(w, run->trust_unobserved.items[i]);
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
}

static int64_t finished(bool has, int64_t value)
{
    return has && value >= 0 && value != INT64_MAX ? value : IFM_JSON_ABSENT;
}

static void bound_figures(struct ifm_jw *w, const struct ifm_scenario_figures *f,
                          unsigned percentile)
{
    bool bound = f->bound_ns > 0;
    whole(w, "bound_ns", bound ? f->bound_ns : IFM_JSON_ABSENT);
    whole(w, "bound_percentile", bound ? (int64_t)percentile : IFM_JSON_ABSENT);
    whole(w, "over_bound", bound ? f->over_bound : IFM_JSON_ABSENT);
    whole(w, "at_bound_ns", finished(bound, f->at_bound_ns));
    whole(w, "early_ns", finished(bound, f->early_ns));
    flag(w, "passed", bound && f->passed);
}

static void scenario(struct ifm_jw *w, const struct ifm_view *view)
{
    const struct ifm_scenario_figures *f = &view->scenario;
    bool paced = f->kind == IFM_SCENARIO_PACED;
    ifm_jw_key(w, "scenario");
    if (!view->has_scenario) {
        ifm_jw_string(w, NULL);
        return;
    }
    ifm_jw_begin(w, '{');
    text(w, "kind", ifm_scenario_name(f->kind));
    real(w, "rate_per_s", f->rate_per_s);
    real(w, "achieved_per_s", f->achieved_per_s);
    whole(w, "queries", f->queries);
    whole(w, "unfinished", f->unfinished);
    whole(w, "period_ns", f->period_ns > 0 ? f->period_ns : IFM_JSON_ABSENT);
    whole(w, "missed", paced ? f->missed : IFM_JSON_ABSENT);
    real(w, "missed_share", f->missed_share);
    whole(w, "lateness_p99_ns", finished(true, f->lateness_p99_ns));
    bound_figures(w, f, view->scenario_percentile);
    flag(w, "valid", f->valid);
    flag(w, "overloaded", f->overloaded);
    text(w, "reason", f->reason[0] ? f->reason : NULL);
    whole(w, "knee_ns", finished(true, f->knee_ns));
    whole(w, "first_p50_ns", finished(true, f->first_p50_ns));
    whole(w, "last_p50_ns", finished(true, f->last_p50_ns));
    ifm_jw_end(w, '}');
}

static void energy(struct ifm_jw *w, const struct ifm_view_energy *e)
{
    ifm_jw_key(w, "energy");
    if (!e->known) {
        ifm_jw_string(w, NULL);
        return;
    }
    ifm_jw_begin(w, '{');
    real(w, "gross_uj", e->gross_uj);
    real(w, "net_uj", e->net_uj);
    real(w, "mean_uw", e->mean_uw);
    text(w, "coverage", e->coverage);
    flag(w, "few", e->few);
    ifm_jw_end(w, '}');
}

void ifm_print_json(struct ifm_buf *out, const struct ifm_view *view)
{
    struct ifm_jw w;
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    whole(&w, "v", 1);
    ifm_jw_key(&w, "run");
    open_object(&w, &ifm_run_table, &view->run);
    ifm_jw_end(&w, '}');
    flag(&w, "closed", view->closed);
    trust(&w, &view->run);
    ifm_jw_key(&w, "summary");
    ifm_jw_begin(&w, '{');
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        ifm_jw_key(&w, ifm_metrics[m].field);
        ifm_print_estimate(&w, &view->metrics[m]);
    }
    ifm_jw_end(&w, '}');
    ifm_jw_key(&w, "invocations");
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < view->count; i++)
        invocation(&w, &view->items[i]);
    ifm_jw_end(&w, ']');
    scenario(&w, view);
    energy(&w, &view->energy);
    ifm_jw_end(&w, '}');
    ifm_buf_addc(out, '\n');
}
