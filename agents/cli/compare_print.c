/* What a comparison looks like: for people, as Markdown, CSV and JSON. */
#include <math.h>
#include <stdio.h>

#include "agents/cli/compare.h"
#include "agents/cli/format.h"
#include "agents/cli/print.h"
#include "agents/cli/row.h"
#include "core/trust.h"

static const char *const labels[] = { "P50",        "P90",          "P99",
                                      "throughput", "load",         "first inference",
                                      "peak RSS",   "CPU/inference", "energy/inference" };

/* Most machines have no source of energy: then there is no row. */
static bool shown(const struct ifm_compared *c, size_t m)
{
    return m != IFM_METRIC_ENERGY || !isnan(c->a->metrics[m].value) ||
           !isnan(c->b->metrics[m].value);
}

static void cell(struct ifm_buf *out, const char *text, size_t width)
{
    size_t used = ifm_format_width(text);
    ifm_buf_adds(out, text);
    for (; used < width; used++)
        ifm_buf_addc(out, ' ');
    ifm_buf_addc(out, ' ');
}

static void side(struct ifm_cli *cli, const char *name, const struct ifm_view *view)
{
    char when[IFM_FORMAT_MAX];
    ifm_format_time(view->run.started_at, when);
    ifm_buf_addf(
        &cli->out, "%s  %s %s  %s %s  K=%zu  %s  %s\n", name,
        view->run.model ? view->run.model : "?", view->run.variant ? view->run.variant : "",
        view->run.runtime ? view->run.runtime : "?",
        view->run.runtime_version ? view->run.runtime_version : "", view->ok, when, view->run.id);
    char line[200];
    ifm_compared_trust(view, line, sizeof line);
    bool bad = view->run.trust == IFM_TRUST_UNTRUSTED;
    ifm_buf_addf(&cli->out, "   %s%s%s\n", bad ? ifm_cli_red(cli) : "", line,
                 bad ? ifm_cli_plain(cli) : "");
}

/* "+3.1 % [+2.8 .. +3.4]" */
void ifm_compared_change(const struct ifm_comparison_result *r, char *text, size_t size)
{
    if (!isfinite(r->ratio))
        snprintf(text, size, "\xe2\x80\x93");
    else if (isfinite(r->low) && isfinite(r->high))
        snprintf(text, size, "%+.1f %% [%+.1f .. %+.1f]", (r->ratio - 1) * 100, (r->low - 1) * 100,
                 (r->high - 1) * 100);
    else
        snprintf(text, size, "%+.1f %% (no interval)", (r->ratio - 1) * 100);
}

void ifm_compared_percent(double part, char *text, size_t size)
{
    double percent = part * 100;
    snprintf(text, size, percent >= 10 ? "%.0f %%" : "%.2g %%", percent);
}

static bool emulated(const struct ifm_compared *c)
{
    return c->a->run.emulator || c->b->run.emulator;
}

static void change_text(const struct ifm_compared *c, const struct ifm_comparison_result *r, char *text, size_t size)
{
    ifm_compared_change(r, text, size);
    if (emulated(c)) /* a ratio of times that mean nothing */
        snprintf(text, size, "\xe2\x80\x93");
}

/* "inconclusive; 3.2 % would have been seen": a change that is not shown may still be there. */
static void verdict_text(const struct ifm_compared *c, size_t m, char *text, size_t size)
{
    const struct ifm_comparison_result *r = &c->metrics[m];
    char percent[32];
    if (emulated(c)) {
        snprintf(text, size, "none");
        return;
    }
    ifm_compared_percent(c->detectable[m], percent, sizeof percent);
    bool open = r->verdict == IFM_VERDICT_INCONCLUSIVE || r->verdict == IFM_VERDICT_EQUIVALENT;
    if (open && c->comparable && !c->capped[0] && isfinite(r->low) && isfinite(c->detectable[m]))
        snprintf(text, size, "%s; %s would have been seen", ifm_verdict_name(r->verdict), percent);
    else
        snprintf(text, size, "%s", ifm_verdict_name(r->verdict));
}

static void differences(struct ifm_cli *cli, const struct ifm_compared *c)
{
    struct ifm_buf *out = &cli->out;
    for (size_t i = 0; i < c->difference_count; i++)
        ifm_buf_addf(out, "   %s: %s is %s in A, %s in B\n", c->differences[i].kind,
                     c->differences[i].field,
                     c->differences[i].a[0] ? c->differences[i].a : "absent",
                     c->differences[i].b[0] ? c->differences[i].b : "absent");
    if (!c->difference_count)
        ifm_buf_adds(out, "   same device, configuration and variant\n");
}

void ifm_compared_table(struct ifm_cli *cli, const struct ifm_compared *c)
{
    struct ifm_buf *out = &cli->out;
    side(cli, "A", c->a);
    side(cli, "B", c->b);
    differences(cli, c);
    ifm_buf_adds(out, "\n  ");
    cell(out, "", 16);
    cell(out, "A", 12);
    cell(out, "B", 12);
    cell(out, "B against A [95 %]", 28);
    ifm_buf_adds(out, "verdict\n");
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        char a[IFM_FORMAT_MAX], b[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX], change[96],
            verdict[96];
        if (!shown(c, m))
            continue;
        const struct ifm_comparison_result *r = &c->metrics[m];
        ifm_print_value((enum ifm_metric)m, c->a, a, interval);
        ifm_print_value((enum ifm_metric)m, c->b, b, interval);
        change_text(c, r, change, sizeof change);
        verdict_text(c, m, verdict, sizeof verdict);
        bool bad = r->verdict == IFM_VERDICT_REGRESSION;
        ifm_buf_adds(out, "  ");
        cell(out, labels[m], 16);
        cell(out, a, 12);
        cell(out, b, 12);
        cell(out, change, 28);
        ifm_buf_addf(out, "%s%s%s\n", bad ? ifm_cli_red(cli) : "", verdict,
                     bad ? ifm_cli_plain(cli) : "");
    }
    ifm_buf_addf(out, "\n  %s; a change is more than %g %%\n", c->caption, c->metrics[0].delta * 100);
    if (!c->comparable)
        ifm_buf_addf(out, "  not comparable: %s\n", c->reason);
    else if (c->capped[0])
        ifm_buf_addf(out, "  no verdict: %s\n", c->capped);
    size_t least = c->interleaved ? c->pairs : c->a->ok < c->b->ok ? c->a->ok : c->b->ok;
    if (c->comparable && !isfinite(c->metrics[IFM_METRIC_P50].low))
        ifm_buf_addf(out, "  no interval: %s %zu %s%s; make both of 10\n",
                     c->interleaved ? "there are" : "the smaller run has", least,
                     c->interleaved ? "pair" : "invocation", least == 1 ? "" : "s");
}

static void markdown(struct ifm_cli *cli, const struct ifm_compared *c)
{
    struct ifm_buf *out = &cli->out;
    char trust_a[200], trust_b[200];
    ifm_compared_trust(c->a, trust_a, sizeof trust_a);
    ifm_compared_trust(c->b, trust_b, sizeof trust_b);
    ifm_buf_addf(out, "| | A: %s %s | B: %s %s | B against A | verdict |\n|---|---|---|---|---|\n",
                 c->a->run.variant ? c->a->run.variant : "",
                 c->a->run.runtime_version ? c->a->run.runtime_version : "",
                 c->b->run.variant ? c->b->run.variant : "",
                 c->b->run.runtime_version ? c->b->run.runtime_version : "");
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        char a[IFM_FORMAT_MAX], b[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX], change[96],
            verdict[96];
        if (!shown(c, m))
            continue;
        verdict_text(c, m, verdict, sizeof verdict);
        ifm_print_value((enum ifm_metric)m, c->a, a, interval);
        ifm_print_value((enum ifm_metric)m, c->b, b, interval);
        change_text(c, &c->metrics[m], change, sizeof change);
        ifm_buf_addf(out, "| %s | %s | %s | %s | %s |\n", labels[m], a, b, change, verdict);
    }
    ifm_buf_addf(out, "| trust | %s | %s | | |\n\n%s%s%s%s%s\n", trust_a, trust_b, c->caption,
                 c->comparable ? "" : "; not comparable: ", c->reason,
                 c->capped[0] ? "; no verdict: " : "", c->capped);
}

static void csv(struct ifm_cli *cli, const struct ifm_compared *c)
{
    struct ifm_buf *out = &cli->out;
    ifm_buf_adds(out, "metric,unit,a,b,ratio,low,high,delta,verdict,detectable\n");
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        const double values[] = { c->a->metrics[m].value, c->b->metrics[m].value,
                                  c->metrics[m].ratio,    c->metrics[m].low,
                                  c->metrics[m].high,     c->metrics[m].delta };
        ifm_buf_addf(out, "%s,%s", ifm_metrics[m].field, ifm_metrics[m].unit);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            ifm_buf_addf(out, isfinite(values[i]) ? ",%.17g" : ",", values[i]);
        ifm_buf_addf(out, ",%s", ifm_verdict_name(c->metrics[m].verdict));
        ifm_buf_addf(out, isfinite(c->detectable[m]) ? ",%.17g\n" : ",\n", c->detectable[m]);
    }
}

static void text(struct ifm_jw *w, const char *key, const char *value)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, value);
}

static void real(struct ifm_jw *w, const char *key, double value)
{
    ifm_jw_key(w, key);
    ifm_jw_f64(w, value);
}

static void json_metric(struct ifm_jw *w, const struct ifm_compared *c, size_t m)
{
    ifm_jw_begin(w, '{');
    text(w, "metric", ifm_metrics[m].field);
    text(w, "unit", ifm_metrics[m].unit);
    ifm_jw_key(w, "less_is_better");
    ifm_jw_bool(w, ifm_metrics[m].less_is_better);
    ifm_jw_key(w, "a");
    ifm_print_estimate(w, &c->a->metrics[m]);
    ifm_jw_key(w, "b");
    ifm_print_estimate(w, &c->b->metrics[m]);
    real(w, "ratio", c->metrics[m].ratio);
    real(w, "low", c->metrics[m].low);
    real(w, "high", c->metrics[m].high);
    real(w, "delta", c->metrics[m].delta);
    real(w, "detectable", c->detectable[m]);
    text(w, "verdict", ifm_verdict_name(c->metrics[m].verdict));
    ifm_jw_end(w, '}');
}

static int json_side(struct ifm_jw *w, const char *key, const struct ifm_view *view,
                     struct ifm_err *err)
{
    struct ifm_row row;
    int rc = ifm_row_from_view(view, &row, err);
    if (rc)
        return rc;
    ifm_jw_key(w, key);
    ifm_row_json(&row, w);
    ifm_row_done(&row);
    return 0;
}

static void json_differences(struct ifm_jw *w, const struct ifm_compared *c)
{
    ifm_jw_key(w, "differences");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < c->difference_count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "kind", c->differences[i].kind);
        text(w, "field", c->differences[i].field);
        text(w, "a", c->differences[i].a[0] ? c->differences[i].a : NULL);
        text(w, "b", c->differences[i].b[0] ? c->differences[i].b : NULL);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
}

/* The members of the reply of GET /compare. */
int ifm_compared_json(struct ifm_jw *w, const struct ifm_compared *c, struct ifm_err *err)
{
    int rc = json_side(w, "a", c->a, err);
    if (!rc)
        rc = json_side(w, "b", c->b, err);
    ifm_jw_key(w, "interleaved");
    ifm_jw_bool(w, c->interleaved);
    ifm_jw_key(w, "pairs");
    ifm_jw_i64(w, c->interleaved ? (int64_t)c->pairs : IFM_JSON_ABSENT);
    text(w, "caption", c->caption);
    ifm_jw_key(w, "comparable");
    ifm_jw_bool(w, c->comparable && !c->capped[0]); /* as the daemon: untrusted decides nothing */
    text(w, "reason", !c->comparable ? c->reason : c->capped[0] ? c->capped : NULL);
    text(w, "capped", c->capped[0] ? c->capped : NULL);
    json_differences(w, c);
    ifm_jw_key(w, "metrics");
    ifm_jw_begin(w, '[');
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++)
        json_metric(w, c, m);
    ifm_jw_end(w, ']');
    text(w, "verdict", ifm_verdict_name(c->metrics[IFM_METRIC_P50].verdict));
    return rc;
}

static int json(struct ifm_cli *cli, const struct ifm_compared *c, struct ifm_err *err)
{
    struct ifm_jw w;
    ifm_jw_init(&w, &cli->out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "v");
    ifm_jw_i64(&w, 1);
    int rc = ifm_compared_json(&w, c, err);
    ifm_jw_end(&w, '}');
    ifm_buf_addc(&cli->out, '\n');
    return rc;
}

int ifm_compared_print(struct ifm_cli *cli, const struct ifm_compared *c, struct ifm_err *err)
{
    if (cli->format == IFM_FORMAT_HUMAN)
        ifm_compared_table(cli, c);
    else if (cli->format == IFM_FORMAT_MD)
        markdown(cli, c);
    else if (cli->format == IFM_FORMAT_CSV)
        csv(cli, c);
    else
        return json(cli, c, err);
    return 0;
}

