/* --verbose: everything that an invocation says of itself. */
#include <math.h>
#include <stdio.h>

#include "agents/cli/format.h"
#include "agents/cli/print.h"
#include "core/energy.h"

#define INDENT "       "

static const char *const warmup_ends[] = { "fixed", "settled", "cut off" };
static const char *const cold_words[] = { "C1", "C0", "C2" };

static void latencies(struct ifm_buf *out, const struct ifm_view_invocation *item)
{
    char a[IFM_FORMAT_MAX], b[IFM_FORMAT_MAX], c[IFM_FORMAT_MAX], d[IFM_FORMAT_MAX],
        e[IFM_FORMAT_MAX];
    const struct ifm_invocation_stats *s = &item->stats;
    ifm_format_ns((double)s->p50_ns, a);
    ifm_format_ns_interval((double)s->p50_ns, (double)s->p50_low_ns, (double)s->p50_high_ns, b);
    ifm_format_ns((double)s->p90_ns, c);
    ifm_format_ns((double)s->p99_ns, d);
    ifm_format_ns((double)s->max_ns, e);
    ifm_buf_addf(out, "  %3lld  n=%lld  P50 %s %s  P90 %s  P99 %s  max %s\n",
                 (long long)item->body.n, (long long)s->n, a,
                 s->p50_low_ns >= 0 && s->p50_high_ns >= 0 ? b : "", c, d, e);
    ifm_format_ns(s->mean_ns, a);
    ifm_format_ns(s->sd_ns, b);
    ifm_format_ns(s->p50_interp_ns, c);
    ifm_format_ns(s->p90_interp_ns, d);
    ifm_format_ns(s->p99_interp_ns, e);
    ifm_buf_addf(out, INDENT "mean %s  sd %s  linear %s / %s / %s  r1 %.2f\n", a, b, c, d, e,
                 s->autocorrelation);
}

static void share(struct ifm_buf *out, const char *label, double value)
{
    if (!isnan(value))
        ifm_buf_addf(out, "  %s %.2g %%", label, value * 100);
}

/* How it became steady, and whether it stayed so. */
static void steadiness(struct ifm_buf *out, const struct ifm_view_invocation *item)
{
    const struct ifm_msg_invocation *b = &item->body;
    const struct ifm_steadiness *s = &item->stats.steady;
    char warm[IFM_FORMAT_MAX];
    ifm_format_ns((double)b->warmup_ns, warm);
    ifm_buf_adds(out, INDENT);
    if (b->order != IFM_JSON_ABSENT)
        ifm_buf_addf(out, "order %lld  ", (long long)b->order);
    ifm_buf_addf(out, "warm-up %lld in %s, %s  %s", (long long)b->warmup_iterations, warm,
                 warmup_ends[b->warmup_end], ifm_steady_class_name(s->steady));
    share(out, "MSER would drop", s->mser_share);
    if (!isnan(s->drift_ratio))
        ifm_buf_addf(out, "  last third %+.2f %% (p %.2g)", (s->drift_ratio - 1) * 100, s->drift_p);
    share(out, "outliers", s->outlier_share);
    share(out, "IQR", s->iqr_ratio);
    if (item->stats.batch_calls > 1)
        ifm_buf_addf(out, "  batches of %lld calls", (long long)item->stats.batch_calls);
    ifm_buf_addc(out, '\n');
}

static void bytes(struct ifm_buf *out, const char *label, int64_t value)
{
    char text[IFM_FORMAT_MAX];
    if (value <= 0)
        return;
    ifm_format_bytes((double)value, text);
    ifm_buf_addf(out, "  %s %s", label, text);
}

static void count(struct ifm_buf *out, int64_t value)
{
    if (value >= 0)
        ifm_buf_addf(out, "%lld", (long long)value);
    else
        ifm_buf_adds(out, "?");
}

static void memory(struct ifm_buf *out, const struct ifm_msg_invocation *b)
{
    const struct ifm_msg_memory *phases[] = { &b->memory_load, &b->memory_first,
                                              &b->memory_steady };
    static const char *const words[] = { "load", "first", "steady" };
    ifm_buf_adds(out, INDENT "peak RSS");
    for (size_t i = 0; i < 3; i++)
        bytes(out, words[i], phases[i]->peak_rss_bytes);
    bytes(out, "of it anonymous", b->memory_steady.anon_bytes);
    bytes(out, "PSS", b->memory_end.pss_bytes);
    bytes(out, "USS", b->memory_end.uss_bytes);
    bytes(out, "allocator", b->memory_end.allocator_peak_bytes);
    bytes(out, "cgroup", b->memory_end.cgroup_peak_bytes);
    ifm_buf_adds(out, "\n" INDENT "faults minor+major");
    for (size_t i = 0; i < 3; i++) {
        ifm_buf_addf(out, "  %s ", words[i]);
        count(out, phases[i]->minor_faults);
        ifm_buf_addc(out, '+');
        count(out, phases[i]->major_faults);
    }
    ifm_buf_adds(out, "  switches involuntary ");
    count(out, b->involuntary_switches);
    ifm_buf_addf(out, ", voluntary %lld\n", (long long)b->voluntary_switches);
}

static void process(struct ifm_buf *out, const struct ifm_msg_invocation *b)
{
    char cpu[IFM_FORMAT_MAX];
    ifm_format_ns(b->iterations > 0 ? (double)b->cpu_ns / (double)ifm_scenario_inferences(b) : NAN, cpu);
    ifm_buf_addf(out, INDENT "CPU/inference %s  %s", cpu,
                 b->sandboxed ? "sandboxed" : "not sandboxed");
    if (b->cold.pages >= 0 && b->cold.resident >= 0)
        ifm_buf_addf(out, "  %s: %lld of %lld pages of the model resident",
                     cold_words[b->cold.level], (long long)b->cold.resident,
                     (long long)b->cold.pages);
    if (b->suspended_ns > 0)
        ifm_buf_addf(out, "  suspended %.3g s", (double)b->suspended_ns / 1e9);
    ifm_buf_addf(out, "  clock %lld ns", (long long)b->clock.resolution_ns);
    if (isfinite(b->clock_ratio) && b->clock_ratio > 0)
        ifm_buf_addf(out, ", %+.2g ppm against raw", (b->clock_ratio - 1) * 1e6);
    ifm_buf_addc(out, '\n');
}

static void energy(struct ifm_buf *out, const struct ifm_msg_invocation *b)
{
    struct ifm_energy e;
    char coverage[IFM_ENERGY_TEXT_MAX], gross[IFM_FORMAT_MAX], net[IFM_FORMAT_MAX];
    ifm_energy_assess(&b->energy, ifm_scenario_inferences(b), &e);
    ifm_energy_coverage(&b->energy, &e, coverage);
    if (!coverage[0])
        return;
    ifm_format_uj(e.gross_uj, gross);
    ifm_format_uj(e.net_uj, net);
    ifm_buf_addf(out, INDENT "energy/inference gross %s, net %s; %s\n", gross,
                 isnan(e.net_uj) ? "not known" : net, coverage);
}

static void samplers(struct ifm_buf *out, const struct ifm_msg_invocation *b)
{
    const struct ifm_msg_lanes *groups = b->lanes.items;
    for (size_t i = 0; i < b->lanes.count; i++) {
        const struct ifm_msg_lanes *g = &groups[i];
        char cost[IFM_FORMAT_MAX], each[IFM_FORMAT_MAX];
        ifm_format_ns((double)g->cost_ns, cost);
        ifm_format_ns(g->t_ns.count ? (double)g->cost_ns / (double)g->t_ns.count : NAN, each);
        ifm_buf_addf(out, INDENT "sampler %s: %zu lanes, %zu reads%s, %s CPU (%s a read)\n",
                     g->sampler ? g->sampler : "?", g->lanes.count, g->t_ns.count,
                     g->sparse ? " at the ends of phases only" : "", cost, each);
    }
}

void ifm_print_details(struct ifm_cli *cli, const struct ifm_view *view)
{
    struct ifm_buf *out = &cli->out;
    ifm_buf_adds(
        out,
        "\n  per invocation (nearest rank; brackets: binomial 95 % of P50 within this process;\n"
        "  then mean, standard deviation, and P50/P90/P99 by numpy's linear interpolation)\n");
    for (size_t i = 0; i < view->count; i++) {
        if (!view->items[i].has_stats)
            continue;
        latencies(out, &view->items[i]);
        steadiness(out, &view->items[i]);
        memory(out, &view->items[i].body);
        process(out, &view->items[i].body);
        energy(out, &view->items[i].body);
        samplers(out, &view->items[i].body);
    }
    ifm_buf_adds(out, "\n  configuration\n");
    for (size_t i = 0; i < view->run.config.count; i++)
        ifm_buf_addf(out, "    %s = %s\n", view->run.config.items[i].key,
                     view->run.config.items[i].value);
    ifm_buf_addf(out, "  variant key     %s\n  config key      %s\n  device key      %s (%s)\n",
                 view->run.variant_sha256 ? view->run.variant_sha256 : "?",
                 view->run.config_key ? view->run.config_key : "?",
                 view->run.device_key ? view->run.device_key : "?",
                 view->run.device ? view->run.device : "?");
    if (view->run.command)
        ifm_buf_addf(out, "  command         %s\n", view->run.command);
}
