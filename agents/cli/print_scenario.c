/* What a scenario beyond single inferences one after the other came to. */
#include <math.h>
#include <stdio.h>

#include "agents/cli/format.h"
#include "agents/cli/print.h"

#define LABEL "  %-16s"

static void server(struct ifm_buf *out, const struct ifm_scenario_figures *f)
{
    char offered[IFM_FORMAT_MAX], achieved[IFM_FORMAT_MAX];
    ifm_format_rate(f->rate_per_s, offered);
    ifm_format_rate(f->achieved_per_s, achieved);
    ifm_buf_addf(out, LABEL "%s offered, %s achieved, %lld queries", "server", offered, achieved,
                 (long long)f->queries);
    if (f->unfinished)
        ifm_buf_addf(out, ", %lld without an answer", (long long)f->unfinished);
    ifm_buf_addc(out, '\n');
}

static void paced(struct ifm_buf *out, const struct ifm_scenario_figures *f)
{
    char period[IFM_FORMAT_MAX];
    ifm_format_ns((double)f->period_ns, period);
    ifm_buf_addf(out, LABEL "every %s, %lld of %lld deadlines missed (%.2g %%)\n", "paced", period,
                 (long long)f->missed, (long long)f->queries,
                 isnan(f->missed_share) ? 0 : f->missed_share * 100);
}

static void sustained(struct ifm_buf *out, const struct ifm_scenario_figures *f)
{
    char first[IFM_FORMAT_MAX], last[IFM_FORMAT_MAX], knee[IFM_FORMAT_MAX];
    if (f->first_p50_ns < 0 || f->last_p50_ns < 0)
        return;
    ifm_format_ns((double)f->first_p50_ns, first);
    ifm_format_ns((double)f->last_p50_ns, last);
    ifm_buf_addf(out, LABEL "P50 %s at first, %s at last (%+.1f %%)", "sustained", first, last,
                 ((double)f->last_p50_ns / (double)f->first_p50_ns - 1) * 100);
    ifm_format_ns((double)f->knee_ns, knee);
    if (f->knee_ns >= 0)
        ifm_buf_addf(out, ", slower from %s on\n", knee);
    else
        ifm_buf_adds(out, ", no knee\n");
}

static void windows(struct ifm_buf *out, const struct ifm_view *view)
{
    for (size_t i = 0; i < view->window_count; i++) {
        const struct ifm_scenario_window *w = &view->windows[i];
        char at[IFM_FORMAT_MAX], p50[IFM_FORMAT_MAX], p90[IFM_FORMAT_MAX];
        ifm_format_ns((double)w->t_ns, at);
        ifm_format_ns(w->p50_ns >= 0 ? (double)w->p50_ns : NAN, p50);
        ifm_format_ns(w->p90_ns >= 0 ? (double)w->p90_ns : NAN, p90);
        ifm_buf_addf(out, "  %16sfrom %s: P50 %s, P90 %s, n=%lld\n", "", at, p50, p90,
                     (long long)w->n);
    }
}

static void bound(struct ifm_buf *out, const struct ifm_scenario_figures *f, unsigned percentile)
{
    char limit[IFM_FORMAT_MAX], at[IFM_FORMAT_MAX] = "more than any finished one";
    ifm_format_ns((double)f->bound_ns, limit);
    if (f->at_bound_ns >= 0 && f->at_bound_ns != INT64_MAX)
        ifm_format_ns((double)f->at_bound_ns, at);
    ifm_buf_addf(out, LABEL "P%g %s, bound %s: %s (%lld of %lld over it)\n", "bound",
                 (double)percentile / 100, at, limit,
                 f->passed ? "holds with 99 % confidence" : "does not hold with 99 % confidence",
                 (long long)f->over_bound, (long long)f->queries);
}

void ifm_print_scenario(struct ifm_cli *cli, const struct ifm_view *view)
{
    const struct ifm_scenario_figures *f = &view->scenario;
    struct ifm_buf *out = &cli->out;
    char text[IFM_FORMAT_MAX];
    if (!view->has_scenario)
        return;
    ifm_format_rate(f->achieved_per_s, text);
    if (f->kind == IFM_SCENARIO_SERVER)
        server(out, f);
    else if (f->kind == IFM_SCENARIO_PACED)
        paced(out, f);
    else if (f->kind == IFM_SCENARIO_SUSTAINED)
        sustained(out, f);
    else
        ifm_buf_addf(out, LABEL "%s%s, %lld queries\n", ifm_scenario_name(f->kind), text,
                     f->kind == IFM_SCENARIO_OFFLINE ? " items" : "", (long long)f->queries);
    if (f->kind == IFM_SCENARIO_SUSTAINED)
        windows(out, view);
    if (f->bound_ns > 0)
        bound(out, f, view->scenario_percentile);
    ifm_format_ns((double)f->lateness_p99_ns, text);
    if (f->lateness_p99_ns >= 0)
        ifm_buf_addf(out, LABEL "P99 %s late\n", "generator", text);
    if (f->reason[0])
        ifm_buf_addf(out, "  %16s%s%s%s\n", "", f->valid ? "" : ifm_cli_red(cli), f->reason,
                     f->valid ? "" : ifm_cli_plain(cli));
}
