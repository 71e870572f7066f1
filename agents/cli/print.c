/* A run for people. */
#include "agents/cli/print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/capacity_run.h"
#include "agents/cli/format.h"
#include "agents/cli/row.h"
#include "agents/executors/executor.h"
#include "agents/plan/keys.h"
#include "agents/plan/until.h"
#include "core/trust.h"

#define LABEL_WIDTH 16
#define VALUE_WIDTH 14
#define BARS        48

static void padded(struct ifm_buf *out, const char *text, size_t width)
{
    size_t used = ifm_format_width(text);
    ifm_buf_adds(out, text);
    if (width && used >= width)
        ifm_buf_addc(out, ' ');
    for (; used < width; used++)
        ifm_buf_addc(out, ' ');
}

const char *ifm_print_label(enum ifm_metric metric)
{
    static const char *const labels[] = { "P50",        "P90",           "P99",
                                          "throughput", "load",          "first inference",
                                          "peak RSS",   "CPU/inference", "energy/inference" };
    return (size_t)metric < sizeof labels / sizeof *labels ? labels[metric] : "?";
}

void ifm_print_metric(enum ifm_metric metric, const struct ifm_estimate *e, char *value,
                      char *interval)
{
    interval[0] = '\0';
    bool bounded = isfinite(e->low) && isfinite(e->high);
    if (metric == IFM_METRIC_RSS) {
        ifm_format_bytes(e->value, value);
        if (bounded)
            ifm_format_bytes_interval(e->value, e->low, e->high, interval);
    } else if (metric == IFM_METRIC_THROUGHPUT) {
        ifm_format_rate(e->value, value);
        if (bounded)
            ifm_format_rate_interval(e->low, e->high, interval);
    } else if (metric == IFM_METRIC_ENERGY) {
        ifm_format_uj(e->value, value);
        if (bounded)
            ifm_format_uj_interval(e->value, e->low, e->high, interval);
    } else {
        ifm_format_ns(e->value, value);
        if (bounded)
            ifm_format_ns_interval(e->value, e->low, e->high, interval);
    }
}

/* Memory is what it is; everything else is a time, or made of one. */
void ifm_print_value(enum ifm_metric metric, const struct ifm_view *view, char *value, char *interval)
{
    ifm_print_metric(metric, &view->metrics[metric], value, interval);
    if (view->run.emulator && metric != IFM_METRIC_RSS) {
        snprintf(value, IFM_FORMAT_MAX, "emulated");
        interval[0] = '\0';
    }
}

void ifm_print_note(enum ifm_metric metric, const struct ifm_view *view, char *note, size_t size)
{
    const struct ifm_estimate *e = &view->metrics[metric];
    int64_t n = ifm_view_iterations(view);
    note[0] = '\0';
    int64_t needed = ifm_target_samples(metric);
    if (view->run.emulator && metric == IFM_METRIC_P50)
        snprintf(note, size, "no result: %.60s computed in place of the processor", view->run.emulator);
    if (!view->ok || view->run.emulator || e->enough || needed < 2)
        return;
    if (n >= needed) /* timed in batches: there is no percentile of single calls, however many */
        snprintf(note, size, "of batches of calls: too fast for single ones");
    else
        snprintf(
            note, size,
            "not enough samples for %s: n=%lld, needs %lld in each invocation (--iterations %lld)",
            ifm_print_label(metric), (long long)n, (long long)needed, (long long)needed);
}

static void metric_line(struct ifm_cli *cli, const struct ifm_view *view, enum ifm_metric metric)
{
    char value[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX], note[128];
    struct ifm_buf *out = &cli->out;
    ifm_print_value(metric, view, value, interval);
    ifm_print_note(metric, view, note, sizeof note);
    ifm_buf_adds(out, "  ");
    padded(out, ifm_print_label(metric), LABEL_WIDTH);
    bool weak = note[0] != '\0';
    const char *then = weak ? note : interval;
    ifm_buf_adds(out, weak ? ifm_cli_dim(cli) : metric == IFM_METRIC_P50 ? ifm_cli_bold(cli) : "");
    padded(out, value, *then ? VALUE_WIDTH : 0);
    ifm_buf_addf(out, "%s%s", weak || metric == IFM_METRIC_P50 ? ifm_cli_plain(cli) : "", then);
    ifm_buf_addc(out, '\n');
}

/* How many invocations there are, and what that means for intervals. */
static void made(struct ifm_cli *cli, const struct ifm_view *view)
{
    struct ifm_buf *out = &cli->out;
    char n[IFM_FORMAT_MAX];
    const struct ifm_estimate *p50 = &view->metrics[IFM_METRIC_P50];
    int64_t missing = view->run.planned - (int64_t)view->count;
    ifm_format_count(ifm_view_iterations(view), n);
    if (view->ok)
        ifm_buf_addf(out, "%zu %s x %s inferences", view->ok,
                     view->ok == 1 ? "invocation" : "invocations", n);
    else
        ifm_buf_adds(out, "no invocation succeeded");
    if (view->count > view->ok)
        ifm_buf_addf(out, ", %s%zu failed%s", ifm_cli_red(cli), view->count - view->ok,
                     ifm_cli_plain(cli));
    if (missing > 0)
        ifm_buf_addf(out, ", %lld of %lld planned not made", (long long)missing,
                     (long long)view->run.planned);
    if (view->ok && p50->needed)
        ifm_buf_addf(out, "; no interval: needs >=%d invocations, %zu more", IFM_INTERVAL_MIN_K,
                     p50->needed);
    else if (view->ok)
        ifm_buf_addf(out, "; in brackets the %.1f %% interval of the median over invocations",
                     p50->coverage * 100);
    ifm_buf_addc(out, '\n');
}

static void head(struct ifm_cli *cli, const struct ifm_view *view)
{
    const struct ifm_msg_run *run = &view->run;
    const char *threads = ifm_map_get(&run->config, "threads"),
               *batch = ifm_map_get(&run->config, "batch");
    struct ifm_buf *out = &cli->out;
    const char *variant =
        run->variant && run->model && strcmp(run->variant, run->model) ? run->variant : NULL;
    ifm_buf_addf(out, "%s%s%s%s%s \xc2\xb7 %s%s%s", ifm_cli_bold(cli), run->model ? run->model : "?",
                 ifm_cli_plain(cli), variant ? " " : "", variant ? variant : "",
                 run->runtime ? run->runtime : "?", run->runtime_version ? " " : "",
                 run->runtime_version ? run->runtime_version : "");
    if (run->provider && *run->provider)
        ifm_buf_addf(out, " \xc2\xb7 %s", run->provider);
    if (threads)
        ifm_buf_addf(out, " \xc2\xb7 threads %s", threads);
    if (batch)
        ifm_buf_addf(out, " \xc2\xb7 batch %s", batch);
    ifm_buf_adds(out, "\n  ");
    made(cli, view);
}

static void wrong_outputs(struct ifm_cli *cli, const struct ifm_msg_verification *v)
{
    const struct ifm_msg_comparison *c = v->outputs.items;
    for (size_t i = 0; i < v->outputs.count; i++)
        if (!c[i].passed)
            ifm_buf_addf(&cli->out, "  %*s%s: %s\n", LABEL_WIDTH, "",
                         c[i].output ? c[i].output : "?", c[i].reason ? c[i].reason : "differs");
}

static void right_outputs(struct ifm_cli *cli, const struct ifm_msg_verification *v)
{
    const struct ifm_msg_comparison *c = v->outputs.items;
    double worst = 0;
    for (size_t i = 0; i < v->outputs.count; i++)
        worst = c[i].max_abs > worst ? c[i].max_abs : worst;
    if (v->outputs.count)
        ifm_buf_addf(&cli->out, " (%zu output%s, largest difference %.2g, rtol %g, atol %g)",
                     v->outputs.count, v->outputs.count == 1 ? "" : "s", worst, c[0].rtol,
                     c[0].atol);
}

static bool same_bits(const struct ifm_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->items[i].body.status == 0 && !view->items[i].body.deterministic)
            return false;
    return true;
}

/* The state, and the outputs of the first invocation that is in it. */
static void verification_line(struct ifm_cli *cli, const struct ifm_view *view)
{
    static const char *const words[] = { "no reference", "verified", "cross-checked", "WRONG" };
    struct ifm_buf *out = &cli->out;
    int state = view->run.verification;
    bool wrong = state == IFM_VERIFY_WRONG;
    const struct ifm_msg_verification *shown = NULL;
    for (size_t i = 0; !shown && i < view->count; i++)
        if (view->items[i].body.verification.state == state)
            shown = &view->items[i].body.verification;
    ifm_buf_adds(out, "  ");
    padded(out, "verification", LABEL_WIDTH);
    ifm_buf_addf(out, "%s%s%s", wrong ? ifm_cli_red(cli) : "", words[state],
                 wrong ? ifm_cli_plain(cli) : "");
    if (shown && !wrong)
        right_outputs(cli, shown);
    ifm_buf_adds(out, same_bits(view) ? "\n" : "; not deterministic\n");
    if (shown && wrong)
        wrong_outputs(cli, shown);
}

/* Each reason with its remedy; what is only worth noting where details are asked for. */
static void findings(struct ifm_cli *cli, const struct ifm_msg_run *run, int indent)
{
    const struct ifm_msg_finding *f = run->trust_findings.items;
    for (size_t i = 0; i < run->trust_findings.count; i++)
        if (f[i].severity != IFM_TRUST_NOTE_LEVEL || cli->common->verbose)
            ifm_buf_addf(&cli->out, "  %*s%s: %s %s\n", indent, "", f[i].code ? f[i].code : "?",
                         f[i].text ? f[i].text : "", f[i].remedy ? f[i].remedy : "");
}

static void trust_line(struct ifm_cli *cli, const struct ifm_view *view)
{
    char text[512];
    bool bad = view->run.trust == IFM_TRUST_UNTRUSTED;
    ifm_trust_line(&view->run, text, sizeof text);
    ifm_buf_adds(&cli->out, "  ");
    padded(&cli->out, "trust", LABEL_WIDTH);
    ifm_buf_addf(&cli->out, "%s%s%s\n", bad ? ifm_cli_red(cli) : "", text,
                 bad ? ifm_cli_plain(cli) : "");
    findings(cli, &view->run, LABEL_WIDTH);
}

static void shape_text(const struct ifm_ints *dims, struct ifm_buf *out)
{
    ifm_buf_addc(out, '[');
    for (size_t i = 0; i < dims->count; i++)
        ifm_buf_addf(out, dims->items[i] < 0 ? "%s?" : "%s%lld", i ? "," : "",
                     (long long)dims->items[i]);
    ifm_buf_addc(out, ']');
}

static void inputs(struct ifm_cli *cli, const struct ifm_msg_run *run)
{
    const struct ifm_msg_tensor *t = run->inputs.items;
    struct ifm_buf *out = &cli->out;
    for (size_t i = 0; i < run->inputs.count; i++) {
        ifm_buf_adds(out, "  ");
        padded(out, i ? "" : "inputs", LABEL_WIDTH);
        ifm_buf_addf(out, "%s %s", t[i].name ? t[i].name : "?", t[i].dtype ? t[i].dtype : "?");
        shape_text(&t[i].dims, out);
        if (t[i].source)
            ifm_buf_addf(out, " from %s",
                         strcmp(t[i].source, "seeded") == 0 ? "the seed" : t[i].source);
        for (size_t k = 0; k < t[i].assumed.count; k++)
            ifm_buf_addf(out, "%s%s", k ? ", " : "; assumed: ", t[i].assumed.items[k]);
        ifm_buf_addc(out, '\n');
    }
}

static void failures(struct ifm_cli *cli, const struct ifm_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct ifm_msg_invocation *b = &view->items[i].body;
        if (b->status)
            ifm_buf_addf(&cli->out, "  %sinvocation %lld failed%s (%s): %s\n", ifm_cli_red(cli),
                         (long long)b->n, ifm_cli_plain(cli), ifm_failure_name(b->failure),
                         b->failure_text ? b->failure_text : "");
    }
}

/* The same warning of ten invocations is one warning. */
static void warnings(struct ifm_cli *cli, const struct ifm_view *view)
{
    const char *seen[64];
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct ifm_strings *list = &view->items[i].body.warnings;
        for (size_t k = 0; k < list->count && count < 64; k++) {
            size_t at = 0;
            while (at < count && strcmp(seen[at], list->items[k]) != 0)
                at++;
            if (at < count)
                continue;
            seen[count++] = list->items[k];
            ifm_buf_addf(&cli->out, "  note            %s\n", list->items[k]);
        }
    }
}

void ifm_print_histogram(struct ifm_cli *cli, const struct ifm_view_histogram *h)
{
    static const char *const blocks[] = { " ",
                                          "\xe2\x96\x81",
                                          "\xe2\x96\x82",
                                          "\xe2\x96\x83",
                                          "\xe2\x96\x84",
                                          "\xe2\x96\x85",
                                          "\xe2\x96\x86",
                                          "\xe2\x96\x87",
                                          "\xe2\x96\x88" };
    uint64_t bars[BARS] = { 0 }, most = 0;
    if (!h || h->total < BARS)
        return;
    double low = ifm_view_histogram_quantile(h, 0.0), high = ifm_view_histogram_quantile(h, 0.995);
    size_t first = ifm_view_histogram_bin((int64_t)low),
           last = ifm_view_histogram_bin((int64_t)high);
    if (last < first + 4)
        return;
    for (size_t i = first; i <= last; i++) {
        size_t at = (i - first) * BARS / (last - first + 1);
        bars[at] += h->counts[i];
        most = bars[at] > most ? bars[at] : most;
    }
    char from[IFM_FORMAT_MAX], to[IFM_FORMAT_MAX];
    ifm_format_ns(ifm_view_histogram_low(first), from);
    ifm_format_ns(ifm_view_histogram_low(last + 1), to);
    ifm_buf_addf(&cli->out, "  %*s%s ", LABEL_WIDTH, "", from);
    for (size_t i = 0; i < BARS; i++) {
        size_t level = bars[i] ? 1 + (size_t)(bars[i] * 7 / most) : 0;
        ifm_buf_adds(&cli->out, blocks[level]);
    }
    ifm_buf_addf(&cli->out, " %s (P99.5)\n", to);
}

/* What is behind the gross figure above it. */
static void energy_line(struct ifm_cli *cli, const struct ifm_view_energy *e)
{
    char net[IFM_FORMAT_MAX];
    if (!e->known)
        return;
    ifm_format_uj(e->net_uj, net);
    ifm_buf_addf(&cli->out, "  %*s%s net of idle, mean %.3g W; %s\n", LABEL_WIDTH, "",
                 isnan(e->net_uj) ? "not known" : net, e->mean_uw / 1e6, e->coverage);
}

/* What the runtime takes from the heap for one inference, in its steady state. */
static void allocations_line(struct ifm_cli *cli, const struct ifm_view *view)
{
    const struct ifm_msg_allocations *a = &view->run.allocations;
    char bytes[IFM_FORMAT_MAX];
    if (a->inferences <= 0)
        return;
    double n = (double)a->inferences;
    ifm_format_bytes((double)a->bytes / n, bytes);
    ifm_buf_adds(&cli->out, "  ");
    padded(&cli->out, "allocations", LABEL_WIDTH);
    ifm_buf_addf(&cli->out, "%.4g an inference, %s; %.4g freed\n", (double)a->allocations / n,
                 bytes, (double)a->frees / n);
}

void ifm_print_human(struct ifm_cli *cli, const struct ifm_view *view)
{
    head(cli, view);
    if (view->ok) {
        metric_line(cli, view, IFM_METRIC_P50);
        metric_line(cli, view, IFM_METRIC_P90);
        metric_line(cli, view, IFM_METRIC_P99);
        if (cli->terminal_out)
            ifm_print_histogram(cli, view->histogram);
        metric_line(cli, view, IFM_METRIC_THROUGHPUT);
        metric_line(cli, view, IFM_METRIC_LOAD);
        metric_line(cli, view, IFM_METRIC_FIRST);
        metric_line(cli, view, IFM_METRIC_RSS);
        metric_line(cli, view, IFM_METRIC_CPU);
        if (!isnan(view->metrics[IFM_METRIC_ENERGY].value))
            metric_line(cli, view, IFM_METRIC_ENERGY);
        energy_line(cli, &view->energy);
        allocations_line(cli, view);
        ifm_print_scenario(cli, view);
    }
    verification_line(cli, view);
    trust_line(cli, view);
    inputs(cli, &view->run);
    failures(cli, view);
    warnings(cli, view);
    if (cli->common->verbose)
        ifm_print_details(cli, view);
    ifm_capacity_print(cli, &view->run.capacity);
}

void ifm_print_remarks(struct ifm_cli *cli, const struct ifm_view *view, const char *name)
{
    const struct ifm_msg_run *run = &view->run;
    const struct ifm_msg_finding *f = run->trust_findings.items;
    bool reasons = cli->common->verbose && run->trust_findings.count;
    for (size_t i = 0; !reasons && i < run->trust_findings.count; i++)
        reasons = f[i].severity > IFM_TRUST_NOTE_LEVEL;
    const struct ifm_msg_verification *wrong = NULL;
    for (size_t i = 0; !wrong && i < view->count; i++)
        if (view->items[i].body.verification.state == IFM_VERIFY_WRONG)
            wrong = &view->items[i].body.verification;
    if (!reasons && !wrong && view->ok == view->count)
        return;
    ifm_buf_addf(&cli->out, "  %s\n", name);
    failures(cli, view);
    if (wrong)
        wrong_outputs(cli, wrong);
    findings(cli, run, 2);
}

void ifm_print_md(struct ifm_cli *cli, const struct ifm_view *view)
{
    const struct ifm_msg_run *run = &view->run;
    struct ifm_buf *out = &cli->out;
    ifm_buf_addf(out, "| %s %s, %s %s | %zu x %lld | interval over invocations |\n|---|---|---|\n",
                 run->model ? run->model : "", run->variant ? run->variant : "",
                 run->runtime ? run->runtime : "", run->runtime_version ? run->runtime_version : "",
                 view->ok, (long long)ifm_view_iterations(view));
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        char value[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX], note[128];
        if (m == IFM_METRIC_ENERGY && isnan(view->metrics[m].value))
            continue; /* most machines have no source of it */
        ifm_print_value((enum ifm_metric)m, view, value, interval);
        ifm_print_note((enum ifm_metric)m, view, note, sizeof note);
        ifm_buf_addf(out, "| %s | %s | %s |\n", ifm_print_label((enum ifm_metric)m), value,
                     note[0]       ? note
                     : interval[0] ? interval
                                   : "none");
    }
    char trust[512];
    ifm_trust_line(run, trust, sizeof trust);
    ifm_buf_addf(out, "| verification | %s | trust: %s |\n",
                 ifm_verification_words[run->verification], trust);
}

int ifm_print_view(struct ifm_cli *cli, const struct ifm_view *view, struct ifm_err *err)
{
    struct ifm_row row;
    struct ifm_jw w;
    int rc = 0;
    if (cli->format == IFM_FORMAT_HUMAN)
        ifm_print_human(cli, view);
    else if (cli->format == IFM_FORMAT_MD)
        ifm_print_md(cli, view);
    else if (cli->format == IFM_FORMAT_JSON)
        ifm_print_json(&cli->out, view);
    else if ((rc = ifm_row_from_view(view, &row, err)) == 0) {
        if (cli->format == IFM_FORMAT_CSV) {
            ifm_row_csv_header(&cli->out);
            ifm_row_csv(&row, &cli->out);
        } else {
            ifm_jw_init(&w, &cli->out);
            ifm_row_json(&row, &w);
            ifm_buf_addc(&cli->out, '\n');
        }
        ifm_row_done(&row);
    }
    return rc;
}
