#include "agents/cli/view.h"

#include <math.h>
#include <string.h>

#include "agents/agent/spool.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/trust.h"

#define WINDOWS 20 /* that a table shows of a sustained run, unless a width was asked for */

int ifm_view_init(struct ifm_view *view, bool histogram)
{
    memset(view, 0, sizeof *view);
    if (histogram && !(view->histogram = ifm_alloc(sizeof *view->histogram)))
        return IFM_ERR_NOMEM;
    return 0;
}

void ifm_view_done(struct ifm_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        ifm_json_free(&ifm_invocation_table, &view->items[i].body);
    ifm_free(view->items);
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++)
        ifm_free(view->values[m]);
    ifm_free(view->histogram);
    ifm_free(view->windows);
    ifm_json_free(&ifm_run_table, &view->run);
    memset(view, 0, sizeof *view);
}

/* -- Histogram ----------------------------------------------------------------------------------
 */

size_t ifm_view_histogram_bin(int64_t ns)
{
    if (ns < 1)
        return 0;
    int exponent = 63 - __builtin_clzll((unsigned long long)ns);
    uint64_t rest = (uint64_t)ns - (UINT64_C(1) << exponent);
    uint64_t step = exponent >= 5 ? rest >> (exponent - 5) : rest << (5 - exponent);
    size_t bin = (size_t)exponent * IFM_HISTOGRAM_STEPS + (size_t)step;
    return bin < IFM_HISTOGRAM_BINS ? bin : IFM_HISTOGRAM_BINS - 1;
}

double ifm_view_histogram_low(size_t bin)
{
    double start = ldexp(1.0, (int)(bin / IFM_HISTOGRAM_STEPS));
    return start + start * (double)(bin % IFM_HISTOGRAM_STEPS) / IFM_HISTOGRAM_STEPS;
}

double ifm_view_histogram_quantile(const struct ifm_view_histogram *histogram, double part)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < IFM_HISTOGRAM_BINS; i++) {
        seen += histogram->counts[i];
        if (seen && (double)seen >= part * (double)histogram->total)
            return ifm_view_histogram_low(i);
    }
    return 0;
}

/* -- One invocation -----------------------------------------------------------------------------
 */

enum part { LATENCIES, LATENESS, GAPS }; /* of a block of samples */

static const struct ifm_block *part_of(const struct ifm_msg_block *block, enum part part)
{
    return part == LATENCIES ? &block->block : part == LATENESS ? &block->lateness : &block->gaps;
}

/* Whether every steady block has that part. */
static bool all_have(const struct ifm_msg_invocation *body, enum part part)
{
    const struct ifm_msg_block *blocks = body->samples.items;
    bool some = false;
    for (size_t i = 0; i < body->samples.count; i++) {
        if (blocks[i].phase != 1)
            continue;
        some = true;
        if (!part_of(&blocks[i], part)->len)
            return false;
    }
    return some && !body->latency_ns.count;
}

static int count_samples(const struct ifm_msg_invocation *body, size_t *total, struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = body->samples.items;
    *total = body->latency_ns.count;
    for (size_t i = 0; i < body->samples.count; i++) {
        size_t n = ifm_codec_count(blocks[i].block.bytes, blocks[i].block.len);
        if (!n)
            return ifm_err_set(err, IFM_ERR_INVALID, "samples",
                               "invocation %lld: block %zu of its samples is damaged",
                               (long long)body->n, i);
        *total += blocks[i].phase == 1 ? n : 0;
    }
    if (*total > IFM_RUN_SAMPLES_MAX)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "samples", "more than %d samples",
                           IFM_RUN_SAMPLES_MAX);
    return 0;
}

static int decode_part(const struct ifm_msg_invocation *body, enum part part, int64_t *values,
                       size_t total, size_t *count, struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = body->samples.items;
    size_t at = 0;
    for (size_t i = 0; i < body->samples.count; i++) {
        const struct ifm_block *block = part_of(&blocks[i], part);
        size_t n = 0;
        if (blocks[i].phase != 1)
            continue;
        int rc = ifm_codec_decode(block->bytes, block->len, values + at, total - at, &n, err);
        if (rc) {
            ifm_err_prefix(err, "invocation %lld, block %zu", (long long)body->n, i);
            return rc;
        }
        at += n;
    }
    *count = at;
    return 0;
}

struct series { /* steady samples in time order */
    int64_t *latency, *lateness, *gaps,
        *scratch; /* in one block; lateness and gaps NULL: not there */
    size_t n;
};

/* A part that belongs to every sample, or none of it. */
static int read_part(const struct ifm_msg_invocation *body, enum part part, struct series *series,
                     int64_t *values, int64_t **to, struct ifm_err *err)
{
    size_t n = 0;
    int rc = all_have(body, part) ? decode_part(body, part, values, series->n, &n, err) : 0;
    *to = n && n == series->n ? values : NULL;
    return rc;
}

static int read_series(const struct ifm_msg_invocation *body, struct series *series,
                       struct ifm_err *err)
{
    size_t total, n = 0;
    *series = (struct series){ .n = 0 };
    int rc = count_samples(body, &total, err);
    if (rc || !total)
        return rc;
    int64_t *values = ifm_alloc_array(total * 4, sizeof *values);
    if (!values)
        return ifm_err_set(err, IFM_ERR_NOMEM, "samples", "out of memory for %zu samples", total);
    series->latency = values;
    series->scratch = values + total;
    for (; series->n < body->latency_ns.count; series->n++)
        values[series->n] = body->latency_ns.items[series->n];
    rc = decode_part(body, LATENCIES, values + series->n, total - series->n, &n, err);
    series->n += n;
    if (!rc)
        rc = read_part(body, LATENESS, series, values + 2 * total, &series->lateness, err);
    if (!rc)
        rc = read_part(body, GAPS, series, values + 3 * total, &series->gaps, err);
    return rc;
}

static void drop_samples(struct ifm_msg_invocation *body)
{
    struct ifm_msg_block *blocks = body->samples.items;
    for (size_t i = 0; i < body->samples.count; i++) {
        ifm_free(blocks[i].block.bytes);
        ifm_free(blocks[i].gaps.bytes);
        ifm_free(blocks[i].lateness.bytes);
    }
    ifm_free(blocks);
    ifm_free(body->latency_ns.items);
    body->samples = (struct ifm_list){ 0 };
    body->latency_ns = (struct ifm_ints){ 0 };
}

/* How the latency went over the minutes of the first invocation that is ok; best effort. */
static void keep_windows(struct ifm_view *view, const struct ifm_scenario_input *input,
                         int64_t *scratch)
{
    if (view->windows)
        return;
    view->windows = ifm_alloc_array(IFM_SCENARIO_WINDOWS_MAX, sizeof *view->windows);
    if (!view->windows)
        return;
    if (view->window_ns <= 0)
        view->window_ns = input->steady_ns / WINDOWS;
    view->window_count = ifm_scenario_windows(input, &view->window_ns, scratch, view->windows);
}

/* Numbers of one invocation, and its figures where the scenario has some. */
static void assess_series(struct ifm_view *view, const struct series *series,
                          struct ifm_view_invocation *item)
{
    const struct ifm_msg_invocation *body = &item->body;
    struct ifm_scenario_setup setup;
    const struct ifm_samples samples = { .latency_ns = series->latency,
                                         .lateness_ns = series->lateness,
                                         .n = series->n,
                                         .steady_ns = body->steady_ns > 0 ? body->steady_ns : 0,
                                         .batch_calls = body->batch_calls,
                                         .resolution_ns = body->clock.resolution_ns > 0
                                                              ? body->clock.resolution_ns
                                                              : 0 };
    ifm_summary_samples(&samples, series->scratch, &item->stats);
    item->has_stats = true;
    ifm_scenario_from_config(&view->run.config, &setup);
    if (setup.kind == IFM_SCENARIO_SINGLE)
        return;
    const struct ifm_scenario_input input = { .latency_ns = series->latency,
                                              .lateness_ns = series->lateness,
                                              .gaps_ns = series->gaps,
                                              .n = series->n,
                                              .steady_ns = samples.steady_ns,
                                              .batch_calls = body->batch_calls,
                                              .unfinished = body->unfinished };
    ifm_scenario_assess(&setup, &input, series->scratch, &item->figures);
    if (setup.kind == IFM_SCENARIO_SUSTAINED && body->status == 0)
        keep_windows(view, &input, series->scratch);
}

static void count_latencies(struct ifm_view_histogram *histogram, const struct series *series)
{
    for (size_t i = 0; i < series->n; i++)
        histogram->counts[ifm_view_histogram_bin(series->latency[i])]++;
    histogram->total += series->n;
}

int ifm_view_add(struct ifm_view *view, struct ifm_msg_invocation *body, struct ifm_err *err)
{
    struct series series;
    struct ifm_view_invocation *items =
        ifm_resize_array(view->items, view->count + 1, sizeof *items);
    if (!items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "view", "out of memory");
    view->items = items;
    int rc = read_series(body, &series, err);
    if (rc) {
        ifm_free(series.latency);
        return rc;
    }
    struct ifm_view_invocation *item = &items[view->count++];
    memset(item, 0, sizeof *item);
    item->body = *body;
    memset(body, 0, sizeof *body);
    if (series.n)
        assess_series(view, &series, item);
    bool counts = item->body.status == 0 && series.n;
    if (counts && view->histogram)
        count_latencies(view->histogram, &series);
    view->ok += counts;
    ifm_free(series.latency);
    drop_samples(&item->body);
    return 0;
}

/* -- The run ------------------------------------------------------------------------------------
 */

static double known(int64_t value)
{
    return value > 0 ? (double)value : NAN;
}

static double peak_rss(const struct ifm_msg_invocation *body)
{
    int64_t peak = body->memory_load.peak_rss_bytes;
    if (body->memory_first.peak_rss_bytes > peak)
        peak = body->memory_first.peak_rss_bytes;
    if (body->memory_steady.peak_rss_bytes > peak)
        peak = body->memory_steady.peak_rss_bytes;
    return known(peak);
}

static double energy_uj(const struct ifm_msg_invocation *body)
{
    struct ifm_energy energy;
    ifm_energy_assess(&body->energy, ifm_scenario_inferences(body), &energy);
    return energy.gross_uj;
}

double ifm_view_value(const struct ifm_view_invocation *invocation, enum ifm_metric metric)
{
    const struct ifm_msg_invocation *body = &invocation->body;
    const struct ifm_invocation_stats *stats = &invocation->stats;
    if (!invocation->has_stats)
        return NAN;
    switch (metric) {
    case IFM_METRIC_P50:
        return (double)stats->p50_ns;
    case IFM_METRIC_P90:
        return (double)stats->p90_ns;
    case IFM_METRIC_P99:
        return (double)stats->p99_ns;
    case IFM_METRIC_THROUGHPUT:
        return stats->throughput_per_s;
    case IFM_METRIC_LOAD:
        return known(body->load_ns);
    case IFM_METRIC_FIRST:
        return known(body->first_inference_ns);
    case IFM_METRIC_RSS:
        return peak_rss(body);
    case IFM_METRIC_CPU: /* iterations counts calls, also where a sample is a batch of them */
        return body->cpu_ns > 0
                   ? (double)body->cpu_ns /
                         (double)(body->iterations > 0 ? ifm_scenario_inferences(body) : stats->n)
                   : NAN;
    case IFM_METRIC_ENERGY:
        return energy_uj(body);
    case IFM_METRIC_COUNT:
        break;
    }
    return NAN;
}

static bool enough(const struct ifm_view *view, enum ifm_metric metric)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct ifm_view_invocation *item = &view->items[i];
        if (item->body.status || !item->has_stats)
            continue;
        if ((metric == IFM_METRIC_P99 && !item->stats.p99_enough) ||
            (metric == IFM_METRIC_P90 && !item->stats.p90_enough))
            return false;
    }
    return view->ok > 0;
}

int ifm_view_numbers(struct ifm_view *view, struct ifm_err *err)
{
    double *copy = ifm_alloc_array(view->count + 1, sizeof *copy);
    if (!copy)
        return ifm_err_set(err, IFM_ERR_NOMEM, "view", "out of memory");
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        double *values = ifm_resize_array(view->values[m], view->count + 1, sizeof *values);
        size_t n = 0;
        if (!values) {
            ifm_free(copy);
            return ifm_err_set(err, IFM_ERR_NOMEM, "view", "out of memory");
        }
        view->values[m] = values;
        for (size_t i = 0; i < view->count; i++)
            if (view->items[i].body.status == 0 && view->items[i].has_stats)
                values[n++] = ifm_view_value(&view->items[i], (enum ifm_metric)m);
        memcpy(copy, values, n * sizeof *values); /* the estimate reorders */
        ifm_summary_estimate(copy, n, &view->metrics[m]);
        view->metrics[m].enough = view->metrics[m].k > 0 && enough(view, (enum ifm_metric)m);
    }
    ifm_free(copy);
    return 0;
}

/* Whatever verdict came with the run, by whatever version: ours is made from what was measured. */
static int assess(struct ifm_view *view, struct ifm_err *err)
{
    struct ifm_trust trust;
    struct ifm_trust_item *items = ifm_alloc_array(view->count + 1, sizeof *items);
    if (!items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "view", "out of memory");
    for (size_t i = 0; i < view->count; i++)
        items[i] =
            (struct ifm_trust_item){ .body = &view->items[i].body,
                                     .stats =
                                         view->items[i].has_stats ? &view->items[i].stats : NULL };
    int rc = ifm_trust_assess(&view->run, items, view->count, &trust, err);
    if (!rc) {
        rc = ifm_trust_store(&trust, &view->run, err);
        ifm_trust_done(&trust);
    }
    ifm_free(items);
    return rc;
}

/* Over the ok invocations, as the daemon does. */
static int merge_figures(struct ifm_view *view, struct ifm_err *err)
{
    struct ifm_scenario_setup setup;
    ifm_scenario_from_config(&view->run.config, &setup);
    view->has_scenario = setup.kind != IFM_SCENARIO_SINGLE;
    view->scenario_percentile = setup.percentile;
    if (!view->has_scenario)
        return 0;
    struct ifm_scenario_figures *figures = ifm_alloc_array(view->count + 1, sizeof *figures);
    size_t n = 0;
    if (!figures)
        return ifm_err_set(err, IFM_ERR_NOMEM, "view", "out of memory");
    for (size_t i = 0; i < view->count; i++)
        if (view->items[i].body.status == 0 && view->items[i].has_stats)
            figures[n++] = view->items[i].figures;
    ifm_scenario_merge(&setup, figures, n, &view->scenario);
    ifm_free(figures);
    return 0;
}

static double median_of(double *values, size_t count)
{
    struct ifm_estimate estimate;
    ifm_summary_estimate(values, count, &estimate); /* leaves out what is absent */
    return estimate.value;
}

static int sum_energy(struct ifm_view *view, struct ifm_err *err)
{
    struct ifm_view_energy *out = &view->energy;
    size_t n = 0, most = view->count + 1;
    *out = (struct ifm_view_energy){ .known = false };
    double *values = ifm_alloc_array(3 * most, sizeof *values);
    if (!values)
        return ifm_err_set(err, IFM_ERR_NOMEM, "view", "out of memory");
    for (size_t i = 0; i < view->count; i++) {
        const struct ifm_view_invocation *item = &view->items[i];
        struct ifm_energy one;
        ifm_energy_assess(&item->body.energy, item->body.iterations > 0 ? item->body.iterations : 0,
                          &one);
        if (item->body.status || !item->has_stats || isnan(one.gross_uj))
            continue;
        if (!n)
            ifm_energy_coverage(&item->body.energy, &one, out->coverage);
        out->few = out->few || one.few;
        values[n] = one.gross_uj;
        values[most + n] = one.net_uj;
        values[2 * most + n++] = one.mean_uw;
    }
    out->known = n > 0;
    out->gross_uj = median_of(values, n);
    out->net_uj = median_of(values + most, n);
    out->mean_uw = median_of(values + 2 * most, n);
    ifm_free(values);
    return 0;
}

/* What the invocations show, whatever run.json says: one that was killed says nothing yet. WRONG as soon as one
 * is; only a cross-check can come from outside of them. As the daemon does. */
static int verification_of(const struct ifm_view *view)
{
    size_t by[IFM_VERIFY_WRONG + 1] = { 0 }, ok = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct ifm_msg_invocation *body = &view->items[i].body;
        if (body->status)
            continue;
        ok++;
        if (body->verification.state >= 0 && body->verification.state <= IFM_VERIFY_WRONG)
            by[body->verification.state]++;
    }
    if (by[IFM_VERIFY_WRONG])
        return IFM_VERIFY_WRONG;
    if (ok && by[IFM_VERIFY_VERIFIED] == ok)
        return IFM_VERIFY_VERIFIED;
    if (ok && by[IFM_VERIFY_VERIFIED] + by[IFM_VERIFY_CROSS_CHECKED] == ok)
        return IFM_VERIFY_CROSS_CHECKED;
    return view->run.verification == IFM_VERIFY_CROSS_CHECKED ? IFM_VERIFY_CROSS_CHECKED
                                                              : IFM_VERIFY_NONE;
}

int ifm_view_compute(struct ifm_view *view, struct ifm_err *err)
{
    view->run.verification = verification_of(view);
    int rc = ifm_view_numbers(view, err);
    if (!rc)
        rc = sum_energy(view, err);
    if (!rc)
        rc = merge_figures(view, err);
    return rc ? rc : assess(view, err);
}

void ifm_view_rounds(const struct ifm_view *view, enum ifm_metric metric, double *values,
                     size_t rounds)
{
    for (size_t i = 0; i < rounds; i++)
        values[i] = NAN;
    for (size_t i = 0; i < view->count; i++) {
        const struct ifm_view_invocation *item = &view->items[i];
        if (item->body.status == 0 && item->body.n >= 0 && (size_t)item->body.n < rounds)
            values[item->body.n] = ifm_view_value(item, metric);
    }
}

size_t ifm_view_rounds_made(const struct ifm_view *view)
{
    int64_t most = 0;
    for (size_t i = 0; i < view->count; i++)
        most = view->items[i].body.n >= most ? view->items[i].body.n + 1 : most;
    return (size_t)most;
}

int64_t ifm_view_iterations(const struct ifm_view *view)
{
    double *counts = ifm_alloc_array(view->count + 1, sizeof *counts);
    size_t n = 0;
    for (size_t i = 0; counts && i < view->count; i++)
        if (view->items[i].body.status == 0 && view->items[i].has_stats)
            counts[n++] =
                (double)(view->items[i].body.iterations > 0 ? view->items[i].body.iterations
                                                            : view->items[i].stats.n);
    int64_t median = n ? (int64_t)ifm_stat_median(counts, n) : 0;
    ifm_free(counts);
    return median;
}

int ifm_view_load(struct ifm_view *view, const char *folder, struct ifm_err *err)
{
    int rc = ifm_spool_read_run(folder, &view->run, err);
    int64_t count = rc ? 0 : ifm_spool_invocations(folder);
    view->closed = !rc && ifm_spool_state_of(folder) == IFM_SPOOL_FINISHED;
    if (view->closed && count < view->run.invocations)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "",
                         "invocation-%04lld.json is missing: the run has %lld invocations",
                         (long long)count, (long long)view->run.invocations);
    for (int64_t n = 0; !rc && n < count; n++) {
        struct ifm_msg_invocation body;
        rc = ifm_spool_read_invocation(folder, n, &body, err);
        if (!rc)
            rc = ifm_view_add(view, &body, err);
        if (rc)
            ifm_json_free(&ifm_invocation_table, &body);
    }
    return rc ? rc : ifm_view_compute(view, err);
}
