#include "agents/cli/view.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "agents/agent/spool.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/trust.h"

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

/* How many steady samples there are; *late: every block of them says how late they were issued. */
static int count_samples(const struct ifm_msg_invocation *body, size_t *total, bool *late,
                         struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = body->samples.items;
    *total = body->latency_ns.count;
    *late = body->samples.count > 0 && !body->latency_ns.count;
    for (size_t i = 0; i < body->samples.count; i++) {
        size_t n = ifm_codec_count(blocks[i].block.bytes, blocks[i].block.len);
        if (!n)
            return ifm_err_set(err, IFM_ERR_INVALID, "samples",
                               "invocation %lld: block %zu of its samples is damaged",
                               (long long)body->n, i);
        if (blocks[i].phase == 1) {
            *total += n;
            *late = *late && blocks[i].lateness.len > 0;
        }
    }
    if (*total > IFM_RUN_SAMPLES_MAX)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "samples", "more than %d samples",
                           IFM_RUN_SAMPLES_MAX);
    return 0;
}

static int decode_blocks(const struct ifm_msg_invocation *body, bool lateness, int64_t *values,
                         size_t total, size_t *count, struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = body->samples.items;
    size_t at = 0;
    for (size_t i = 0; i < body->samples.count; i++) {
        const struct ifm_block *block = lateness ? &blocks[i].lateness : &blocks[i].block;
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

/* Steady samples in time order, from blocks or from plain latencies. samples->latency_ns is to be freed by the
 * caller; *scratch lies within it and holds as many values again. */
static int steady_samples(const struct ifm_msg_invocation *body, struct ifm_samples *samples,
                          int64_t **scratch, struct ifm_err *err)
{
    size_t total, late_count = 0;
    bool late;
    int rc = count_samples(body, &total, &late, err);
    *samples = (struct ifm_samples){ .steady_ns = body->steady_ns,
                                     .batch_calls = body->batch_calls,
                                     .resolution_ns = body->clock.resolution_ns > 0
                                                          ? body->clock.resolution_ns
                                                          : 0 };
    if (rc || !total)
        return rc;
    int64_t *values = ifm_alloc_array(total * 3, sizeof *values);
    if (!values)
        return ifm_err_set(err, IFM_ERR_NOMEM, "samples", "out of memory for %zu samples", total);
    samples->latency_ns = values;
    *scratch = values + total;
    if (body->latency_ns.count) {
        memcpy(values, body->latency_ns.items, body->latency_ns.count * sizeof *values);
        samples->n = body->latency_ns.count;
    }
    if (!rc && body->samples.count)
        rc = decode_blocks(body, false, values + samples->n, total - samples->n, &total, err);
    if (!rc && body->samples.count)
        samples->n += total;
    if (!rc && late)
        rc = decode_blocks(body, true, values + 2 * samples->n, samples->n, &late_count, err);
    if (late_count && late_count == samples->n)
        samples->lateness_ns = values + 2 * samples->n;
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

int ifm_view_add(struct ifm_view *view, struct ifm_msg_invocation *body, struct ifm_err *err)
{
    struct ifm_samples samples;
    int64_t *scratch = NULL;
    struct ifm_view_invocation *items =
        ifm_resize_array(view->items, view->count + 1, sizeof *items);
    if (!items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "view", "out of memory");
    view->items = items;
    int rc = steady_samples(body, &samples, &scratch, err);
    const int64_t *values = samples.latency_ns;
    size_t n = samples.n;
    if (rc) {
        ifm_free((void *)(uintptr_t)values);
        return rc;
    }
    struct ifm_view_invocation *item = &items[view->count++];
    memset(item, 0, sizeof *item);
    item->body = *body;
    memset(body, 0, sizeof *body);
    if (n) {
        ifm_summary_samples(&samples, scratch, &item->stats);
        item->has_stats = true;
    }
    bool counts = item->body.status == 0 && n;
    for (size_t i = 0; counts && view->histogram && i < n; i++)
        view->histogram->counts[ifm_view_histogram_bin(values[i])]++;
    if (counts && view->histogram)
        view->histogram->total += n;
    view->ok += counts;
    ifm_free((void *)(uintptr_t)values);
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

/* Gross, over the rails that are part of the total. */
static double energy_uj(const struct ifm_msg_invocation *body)
{
    const struct ifm_msg_energy *rails = body->energy.items;
    double sum = 0;
    bool any = false;
    for (size_t i = 0; i < body->energy.count; i++) {
        any = any || rails[i].counted;
        sum += rails[i].counted ? (double)rails[i].energy_uj : 0;
    }
    return any && body->iterations > 0 ? sum / (double)body->iterations : NAN;
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
                         (double)(body->iterations > 0 ? body->iterations : stats->n)
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
        view->metrics[m].enough = enough(view, (enum ifm_metric)m);
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
        items[i] = (struct ifm_trust_item){
            .body = &view->items[i].body,
            .stats = view->items[i].has_stats ? &view->items[i].stats : NULL
        };
    int rc = ifm_trust_assess(&view->run, items, view->count, &trust, err);
    if (!rc) {
        rc = ifm_trust_store(&trust, &view->run, err);
        ifm_trust_done(&trust);
    }
    ifm_free(items);
    return rc;
}

int ifm_view_compute(struct ifm_view *view, struct ifm_err *err)
{
    int rc = ifm_view_numbers(view, err);
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
            counts[n++] = (double)(view->items[i].body.iterations > 0
                                       ? view->items[i].body.iterations
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
