#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/cli/format.h"
#include "agents/cli/print.h"
#include "agents/cli/profile.h"
#include "agents/cli/row.h"
#include "agents/plan/keys.h"
#include "core/mem.h"
#include "core/trust.h"

#define NAME_WIDTH   36
#define SHAPES_WIDTH 40

void ifm_profile_figures(const struct ifm_msg_profile *p, struct ifm_profile_figures *out)
{
    const struct ifm_msg_op *op = p->ops.items;
    out->perturbation = p->unprofiled_p50_ns > 0 ? (double)p->p50_ns / (double)p->unprofiled_p50_ns : NAN;
    out->unattributed_ns = p->p50_ns - p->attributed_ns;
    out->total_ns = 0;
    for (size_t i = 0; i < p->ops.count; i++)
        out->total_ns += (double)op[i].total_ns;
}

static const char *or_dash(const char *text)
{
    return text && *text ? text : "\xe2\x80\x93";
}

/* Cut at a character, with an ellipsis where something is missing, and padded. */
static void cell(struct ifm_buf *out, const char *text, size_t width, bool keep_end)
{
    size_t columns = ifm_format_width(text), skip = columns > width && keep_end ? columns - width + 1 : 0;
    size_t used = 0;
    if (skip) {
        ifm_buf_adds(out, "\xe2\x80\xa6");
        used = 1;
    }
    for (const char *p = text; *p;) {
        size_t len = 1;
        while (((unsigned char)p[len] & 0xc0) == 0x80)
            len++;
        if (skip) {
            skip--;
        } else if (used + 1 == width && columns > width && !keep_end) {
            ifm_buf_adds(out, "\xe2\x80\xa6");
            used++;
            break;
        } else {
            ifm_buf_add(out, p, len);
            used++;
        }
        p += len;
    }
    for (; used < width; used++)
        ifm_buf_addc(out, ' ');
    ifm_buf_addc(out, ' ');
}

static void row(struct ifm_buf *out, const char *name, const char *type, double ns, double share, double calls,
                const char *provider, const char *shapes)
{
    char time[IFM_FORMAT_MAX], part[24], count[24] = "";
    ifm_format_ns(ns, time);
    snprintf(part, sizeof part, "%5.1f %%", share * 100);
    if (calls > 0)
        snprintf(count, sizeof count, "%.4g", calls);
    ifm_buf_adds(out, "  ");
    cell(out, name, NAME_WIDTH, true);
    cell(out, type, 16, false);
    cell(out, time, 10, false);
    cell(out, part, 8, false);
    cell(out, count, 6, false);
    cell(out, provider, 24, false);
    cell(out, shapes, SHAPES_WIDTH, false);
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
    ifm_buf_addc(out, '\n');
}

static void rows(struct ifm_buf *out, const struct ifm_msg_profile *p, const struct ifm_profile_figures *f,
                 size_t top)
{
    const struct ifm_msg_op *op = p->ops.items;
    double n = (double)p->inferences, rest = 0;
    size_t shown = top && top < p->ops.count ? top : p->ops.count;
    for (size_t i = 0; i < p->ops.count; i++) {
        double ns = (double)op[i].total_ns;
        if (i < shown)
            row(out, op[i].name, or_dash(op[i].type), ns / n, ns / f->total_ns, (double)op[i].calls / n,
                or_dash(op[i].provider), or_dash(op[i].shapes));
        else
            rest += ns;
    }
    if (shown < p->ops.count) {
        char name[64];
        snprintf(name, sizeof name, "(%zu others)", p->ops.count - shown);
        row(out, name, "", rest / n, rest / f->total_ns, 0, "", "");
    }
}

static void notes(struct ifm_cli *cli, const struct ifm_msg_run *run, const struct ifm_profile_figures *f)
{
    const struct ifm_msg_profile *p = &run->profile;
    struct ifm_buf *out = &cli->out;
    char profiled[IFM_FORMAT_MAX], plain[IFM_FORMAT_MAX], rest[IFM_FORMAT_MAX];
    double part = p->p50_ns > 0 ? (double)f->unattributed_ns / (double)p->p50_ns : 0;
    ifm_format_ns((double)p->p50_ns, profiled);
    ifm_format_ns((double)p->unprofiled_p50_ns, plain);
    ifm_format_ns(fabs((double)f->unattributed_ns), rest);
    if (isfinite(f->perturbation))
        ifm_buf_addf(out, "  perturbation   %.2fx: P50 %s with the profiler, %s without, in the same process%s\n",
                     f->perturbation, profiled, plain,
                     f->perturbation > IFM_PROFILE_DISTORTED ? "; DISTORTED: compare shares, not times" : "");
    if (f->unattributed_ns >= 0)
        ifm_buf_addf(out, "  unattributed   %s of each inference, %.1f %%%s\n", rest, part * 100,
                     part > IFM_PROFILE_REMAINDER ? ": the runtime's own work, copies, and operators below the "
                                                    "profiler's resolution"
                                                  : "");
    else
        ifm_buf_addf(out, "  unattributed   none: operators add up to %s more than the P50%s\n", rest,
                     -part > IFM_PROFILE_REMAINDER ? "; they overlap, or their times scatter" : "");
    if (isfinite(p->fallback_share))
        ifm_buf_addf(out, "  fallback       %.1f %% of the operators' time outside %s\n", p->fallback_share * 100,
                     run->provider ? run->provider : "the provider that was asked for");
}

void ifm_profile_human(struct ifm_cli *cli, const struct ifm_view *view, size_t top)
{
    const struct ifm_msg_run *run = &view->run;
    struct ifm_buf *out = &cli->out;
    struct ifm_profile_figures f;
    char p50[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX], line[256];
    const char *threads = ifm_map_get(&run->config, "threads");
    ifm_profile_figures(&run->profile, &f);
    ifm_buf_addf(out, "%s%s%s %s \xc2\xb7 %s %s \xc2\xb7 %s%s%s\n", ifm_cli_bold(cli), or_dash(run->model),
                 ifm_cli_plain(cli), or_dash(run->variant), or_dash(run->runtime),
                 run->runtime_version ? run->runtime_version : "", or_dash(run->provider),
                 threads ? " \xc2\xb7 threads " : "", threads ? threads : "");
    ifm_buf_addf(out, "  %lld inferences profiled, %zu operators\n\n  ", (long long)run->profile.inferences,
                 run->profile.ops.count);
    cell(out, "operator", NAME_WIDTH, false);
    cell(out, "type", 16, false);
    cell(out, "time", 10, false);
    cell(out, "   share", 8, false);
    cell(out, "calls", 6, false);
    cell(out, "provider", 24, false);
    ifm_buf_adds(out, "shapes\n");
    rows(out, &run->profile, &f, top);
    ifm_buf_addc(out, '\n');
    notes(cli, run, &f);
    ifm_print_value(IFM_METRIC_P50, view, p50, interval);
    ifm_trust_line(run, line, sizeof line);
    ifm_buf_addf(out, "  latency        P50 %s over %zu invocation%s without a profiler (%s)\n", p50, view->ok,
                 view->ok == 1 ? "" : "s", line);
}

void ifm_profile_table(struct ifm_cli *cli, const struct ifm_view *view)
{
    const struct ifm_msg_profile *p = &view->run.profile;
    const struct ifm_msg_op *op = p->ops.items;
    struct ifm_buf *out = &cli->out;
    struct ifm_profile_figures f;
    bool md = cli->format == IFM_FORMAT_MD;
    ifm_profile_figures(p, &f);
    ifm_buf_adds(out, md ? "| operator | type | time | share | calls | provider | shapes |\n"
                           "|---|---|---|---|---|---|---|\n"
                         : "operator,type,ns_per_inference,share,calls_per_inference,provider,shapes\n");
    for (size_t i = 0; i < p->ops.count; i++) {
        double ns = (double)op[i].total_ns / (double)p->inferences;
        double share = f.total_ns > 0 ? (double)op[i].total_ns / f.total_ns : 0;
        double calls = (double)op[i].calls / (double)p->inferences;
        char time[IFM_FORMAT_MAX];
        ifm_format_ns(ns, time);
        if (md) {
            ifm_buf_addf(out, "| %s | %s | %s | %.1f %% | %.4g | %s | %s |\n", op[i].name, or_dash(op[i].type),
                         time, share * 100, calls, or_dash(op[i].provider), or_dash(op[i].shapes));
            continue;
        }
        ifm_csv_text(out, op[i].name);
        ifm_buf_addc(out, ',');
        ifm_csv_text(out, op[i].type);
        ifm_buf_addf(out, ",%.17g,%.17g,%.17g,", ns, share, calls);
        ifm_csv_text(out, op[i].provider);
        ifm_buf_addc(out, ',');
        ifm_csv_text(out, op[i].shapes);
        ifm_buf_addc(out, '\n');
    }
    if (md && isfinite(f.perturbation))
        ifm_buf_addf(out, "\nperturbation %.2fx%s\n", f.perturbation,
                     f.perturbation > IFM_PROFILE_DISTORTED ? " (distorted)" : "");
}

/* -- JSON ------------------------------------------------------------------------------------------ */

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

static void json_op(struct ifm_jw *w, const struct ifm_msg_op *op)
{
    ifm_jw_begin(w, '{');
    text(w, "name", op->name);
    text(w, "type", op->type);
    text(w, "provider", op->provider);
    text(w, "shapes", op->shapes);
    whole(w, "calls", op->calls);
    whole(w, "total_ns", op->total_ns);
    whole(w, "start_ns", op->start_ns);
    ifm_jw_end(w, '}');
}

void ifm_profile_json(struct ifm_cli *cli, const struct ifm_view *view)
{
    const struct ifm_msg_profile *p = &view->run.profile;
    const struct ifm_msg_op *op = p->ops.items;
    struct ifm_profile_figures f;
    struct ifm_jw w;
    ifm_profile_figures(p, &f);
    ifm_jw_init(&w, &cli->out);
    ifm_jw_begin(&w, '{');
    whole(&w, "v", 1);
    text(&w, "run", view->run.id);
    ifm_jw_key(&w, "profile");
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "ops");
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < p->ops.count; i++)
        json_op(&w, &op[i]);
    ifm_jw_end(&w, ']');
    whole(&w, "inferences", p->inferences);
    whole(&w, "p50_ns", p->p50_ns);
    whole(&w, "unprofiled_p50_ns", p->unprofiled_p50_ns);
    whole(&w, "attributed_ns", p->attributed_ns);
    real(&w, "fallback_share", p->fallback_share);
    real(&w, "perturbation", f.perturbation);
    whole(&w, "unattributed_ns", f.unattributed_ns);
    ifm_jw_end(&w, '}');
    ifm_jw_end(&w, '}');
    ifm_buf_addc(&cli->out, '\n');
}
