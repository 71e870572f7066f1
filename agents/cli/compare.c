/* inferometer compare */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/cli.h"
#include "agents/cli/compare.h"
#include "agents/cli/format.h"
#include "agents/cli/locate.h"
#include "agents/cli/print.h"
#include "agents/cli/row.h"

#define CAPTION "sequential, not interleaved"

struct compare_options {
    struct ifm_cli_common common;
    const char *fail_above;
    double delta;
    bool strict;
};
static const struct ifm_option compare_options[] = {
    { .name = "fail-above",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct compare_options, fail_above),
      .max = 512,
      .value = "LIMITS",
      .help = "like p50:5%,rss:10%: exit 1 when B is shown to be worse by more" },
    { .name = "strict",
      .type = IFM_OPT_BOOL,
      .offset = offsetof(struct compare_options, strict),
      .help = "inconclusive counts as failed: exit 1 instead of 3" },
    { .name = "delta",
      .type = IFM_OPT_DOUBLE,
      .offset = offsetof(struct compare_options, delta),
      .fallback = "0.02",
      .value = "X",
      .help = "what counts as a change, as a part" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

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
}

/* "+3.1 % [+2.8 .. +3.4]" */
static void change_text(const struct ifm_comparison_result *r, char *text, size_t size)
{
    if (!isfinite(r->ratio))
        snprintf(text, size, "\xe2\x80\x93");
    else if (isfinite(r->low) && isfinite(r->high))
        snprintf(text, size, "%+.1f %% [%+.1f .. %+.1f]", (r->ratio - 1) * 100, (r->low - 1) * 100,
                 (r->high - 1) * 100);
    else
        snprintf(text, size, "%+.1f %% (no interval)", (r->ratio - 1) * 100);
}

static void human(struct ifm_cli *cli, const struct ifm_compared *c)
{
    struct ifm_buf *out = &cli->out;
    side(cli, "A", c->a);
    side(cli, "B", c->b);
    for (size_t i = 0; i < c->difference_count; i++)
        ifm_buf_addf(out, "   %s: %s is %s in A, %s in B\n", c->differences[i].kind,
                     c->differences[i].field,
                     c->differences[i].a[0] ? c->differences[i].a : "absent",
                     c->differences[i].b[0] ? c->differences[i].b : "absent");
    if (!c->difference_count)
        ifm_buf_adds(out, "   same device, configuration and variant\n");
    ifm_buf_adds(out, "\n  ");
    cell(out, "", 16);
    cell(out, "A", 12);
    cell(out, "B", 12);
    cell(out, "B against A [95 %]", 28);
    ifm_buf_adds(out, "verdict\n");
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        char a[IFM_FORMAT_MAX], b[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX], change[96];
        if (!shown(c, m))
            continue;
        const struct ifm_comparison_result *r = &c->metrics[m];
        ifm_print_metric((enum ifm_metric)m, &c->a->metrics[m], a, interval);
        ifm_print_metric((enum ifm_metric)m, &c->b->metrics[m], b, interval);
        change_text(r, change, sizeof change);
        bool bad = r->verdict == IFM_VERDICT_REGRESSION;
        ifm_buf_adds(out, "  ");
        cell(out, labels[m], 16);
        cell(out, a, 12);
        cell(out, b, 12);
        cell(out, change, 28);
        ifm_buf_addf(out, "%s%s%s\n", bad ? ifm_cli_red(cli) : "", ifm_verdict_name(r->verdict),
                     bad ? ifm_cli_plain(cli) : "");
    }
    ifm_buf_addf(out, "\n  %s; a change is more than %g %%\n", CAPTION, c->metrics[0].delta * 100);
    if (!c->comparable)
        ifm_buf_addf(out, "  not comparable: %s\n", c->reason);
    size_t least = c->a->ok < c->b->ok ? c->a->ok : c->b->ok;
    if (c->comparable && !isfinite(c->metrics[IFM_METRIC_P50].low))
        ifm_buf_addf(out, "  no interval: the smaller run has %zu invocation%s; make both of 10\n",
                     least, least == 1 ? "" : "s");
}

static void markdown(struct ifm_cli *cli, const struct ifm_compared *c)
{
    struct ifm_buf *out = &cli->out;
    ifm_buf_addf(out, "| | A: %s %s | B: %s %s | B against A | verdict |\n|---|---|---|---|---|\n",
                 c->a->run.variant ? c->a->run.variant : "",
                 c->a->run.runtime_version ? c->a->run.runtime_version : "",
                 c->b->run.variant ? c->b->run.variant : "",
                 c->b->run.runtime_version ? c->b->run.runtime_version : "");
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        char a[IFM_FORMAT_MAX], b[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX], change[96];
        if (!shown(c, m))
            continue;
        ifm_print_metric((enum ifm_metric)m, &c->a->metrics[m], a, interval);
        ifm_print_metric((enum ifm_metric)m, &c->b->metrics[m], b, interval);
        change_text(&c->metrics[m], change, sizeof change);
        ifm_buf_addf(out, "| %s | %s | %s | %s | %s |\n", labels[m], a, b, change,
                     ifm_verdict_name(c->metrics[m].verdict));
    }
    ifm_buf_addf(out, "\n%s%s%s\n", CAPTION, c->comparable ? "" : "; not comparable: ", c->reason);
}

static void csv(struct ifm_cli *cli, const struct ifm_compared *c)
{
    struct ifm_buf *out = &cli->out;
    ifm_buf_adds(out, "metric,unit,a,b,ratio,low,high,delta,verdict\n");
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        const double values[] = { c->a->metrics[m].value, c->b->metrics[m].value,
                                  c->metrics[m].ratio,    c->metrics[m].low,
                                  c->metrics[m].high,     c->metrics[m].delta };
        ifm_buf_addf(out, "%s,%s", ifm_metrics[m].field, ifm_metrics[m].unit);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            ifm_buf_addf(out, isfinite(values[i]) ? ",%.17g" : ",", values[i]);
        ifm_buf_addf(out, ",%s\n", ifm_verdict_name(c->metrics[m].verdict));
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

/* The reply of GET /compare, with "v":1. */
static int json(struct ifm_cli *cli, const struct ifm_compared *c, struct ifm_err *err)
{
    struct ifm_jw w;
    ifm_jw_init(&w, &cli->out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "v");
    ifm_jw_i64(&w, 1);
    int rc = json_side(&w, "a", c->a, err);
    if (!rc)
        rc = json_side(&w, "b", c->b, err);
    ifm_jw_key(&w, "interleaved");
    ifm_jw_bool(&w, false);
    text(&w, "caption", CAPTION);
    ifm_jw_key(&w, "comparable");
    ifm_jw_bool(&w, c->comparable);
    text(&w, "reason", c->comparable ? NULL : c->reason);
    ifm_jw_key(&w, "differences");
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < c->difference_count; i++) {
        ifm_jw_begin(&w, '{');
        text(&w, "kind", c->differences[i].kind);
        text(&w, "field", c->differences[i].field);
        text(&w, "a", c->differences[i].a[0] ? c->differences[i].a : NULL);
        text(&w, "b", c->differences[i].b[0] ? c->differences[i].b : NULL);
        ifm_jw_end(&w, '}');
    }
    ifm_jw_end(&w, ']');
    ifm_jw_key(&w, "metrics");
    ifm_jw_begin(&w, '[');
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++)
        json_metric(&w, c, m);
    ifm_jw_end(&w, ']');
    text(&w, "verdict", ifm_verdict_name(c->metrics[IFM_METRIC_P50].verdict));
    ifm_jw_end(&w, '}');
    ifm_buf_addc(&cli->out, '\n');
    return rc;
}

static int print(struct ifm_cli *cli, const struct ifm_compared *c, struct ifm_err *err)
{
    if (cli->format == IFM_FORMAT_HUMAN)
        human(cli, c);
    else if (cli->format == IFM_FORMAT_MD)
        markdown(cli, c);
    else if (cli->format == IFM_FORMAT_CSV)
        csv(cli, c);
    else
        return json(cli, c, err);
    return 0;
}

/* The worst of the gates: exceeded, then inconclusive, then held. */
static int judge(struct ifm_cli *cli, const struct ifm_compared *c, const struct ifm_gate *gates,
                 size_t count, bool strict)
{
    static const char *const words[] = { "holds", "EXCEEDED", "", "inconclusive" };
    int worst = 0;
    for (size_t i = 0; i < count; i++) {
        int one = ifm_gate_judge(c, &gates[i]);
        if (cli->format == IFM_FORMAT_HUMAN)
            ifm_buf_addf(&cli->out, "  limit %s %g %%: %s\n",
                         ifm_metrics[gates[i].metric].word, gates[i].limit * 100, words[one]);
        if (one == 1 || (one == 3 && worst == 0))
            worst = one;
    }
    if (count && c->b->run.verification == IFM_VERIFY_WRONG)
        return ifm_err_exit(IFM_ERR_WRONG_OUTPUT);
    return worst == IFM_EXIT_INCONCLUSIVE && strict ? IFM_EXIT_GATE : worst;
}

static int run_compare(struct ifm_cli *cli, void *options, int argc, char **argv,
                       struct ifm_err *err)
{
    const struct compare_options *o = options;
    struct ifm_gate gates[IFM_METRIC_COUNT];
    struct ifm_view views[2] = { { .closed = false }, { .closed = false } };
    struct ifm_compared compared = { .a = NULL };
    size_t gate_count = 0;
    int rc = ifm_cli_arguments(argc, argv, 2, 2, "two RUNs: the base, then the candidate", err);
    if (!rc && !(o->delta > 0 && o->delta < 10))
        rc = ifm_err_set(err, IFM_ERR_USAGE, "", "--delta must be above 0 and below 10");
    if (!rc && o->fail_above)
        rc = ifm_gate_parse(o->fail_above, gates, &gate_count, err);
    for (int i = 0; !rc && i < 2; i++) {
        struct ifm_located located;
        rc = ifm_locate(argv[i], &located, err);
        if (!rc)
            rc = ifm_view_init(&views[i], false);
        if (!rc)
            rc = ifm_locate_view(&located, &views[i], err);
    }
    if (!rc)
        rc = ifm_compared_make(&views[0], &views[1], o->delta, &compared, err);
    if (!rc)
        rc = print(cli, &compared, err);
    if (!rc)
        rc = judge(cli, &compared, gates, gate_count, o->strict);
    ifm_compared_done(&compared);
    ifm_view_done(&views[0]);
    ifm_view_done(&views[1]);
    return rc;
}

const struct ifm_verb ifm_verb_compare = {
    .name = "compare",
    .arguments = "A B",
    .summary = "what changed from run A to run B",
    .examples =
        "  inferometer compare @2 @1\n  inferometer compare @2 @1 --fail-above p50:5%,rss:10%\n"
        "  inferometer compare http://127.0.0.1:8417/runs/ID @1 --json\n",
    .notes = "Metrics: p50 p90 p99 throughput load first rss cpu. With --fail-above the exit "
             "status is 1 when B is\n"
             "shown to be worse by more than a limit, 0 when it is shown to be within all, 3 when "
             "neither is shown.\n"
             "Runs from different devices are shown, but every verdict is inconclusive.\n",
    .options = compare_options,
    .options_size = sizeof(struct compare_options),
    .run = run_compare
};
