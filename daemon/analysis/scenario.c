#include "daemon/analysis/scenario.h"

#include <math.h>
#include <string.h>
#include "core/codec.h"
#include "core/energy.h"
#include "core/mem.h"
#include "core/scenario.h"

/* -- Samples of one invocation ------------------------------------------------------------------ */
struct series {
    int64_t *latency, *gaps, *lateness, *scratch; /* one allocation, of capacity each */
    size_t capacity, count;
    bool every_gap, late;
};

static int count_block(void *arg, const struct ifm_store_block *block, struct ifm_err *err)
{
    size_t *total = arg;
    *total += (size_t)block->count;
    if (*total <= IFM_WINDOWS_SAMPLES_MAX) return 0;
    return ifm_err_set(err, IFM_ERR_INVALID, "http", "invocation %lld has more than %d timed samples: ask for /samples, "
                       "which is made in buckets", (long long)block->invocation, IFM_WINDOWS_SAMPLES_MAX);
}

static int decode(const uint8_t *bytes, size_t len, int64_t *values, size_t room, size_t wanted, struct ifm_err *err)
{
    size_t count = 0;
    int rc = ifm_codec_decode(bytes, len, values, room, &count, err);
    if (!rc && count != wanted) rc = ifm_err_set(err, IFM_ERR_IO, "analysis", "stored samples are damaged");
    return rc;
}

static int add_block(void *arg, const struct ifm_store_block *block, struct ifm_err *err)
{
    struct series *series = arg;
    size_t at = series->count, room = series->capacity - at, count = (size_t)block->count;
    if (count > room) return 0; /* came after the counting: for the next request */
    int rc = decode(block->block, block->block_len, series->latency + at, room, count, err);
    if (!rc && block->gaps) rc = decode(block->gaps, block->gaps_len, series->gaps + at, room, count, err);
    if (!rc && block->lateness) {
        rc = decode(block->lateness, block->lateness_len, series->lateness + at, room, count, err);
    }
    series->every_gap = series->every_gap && block->gaps;
    series->late = series->late || block->lateness;
    series->count += count;
    return rc;
}

static void series_done(struct series *series)
{
    ifm_free(series->latency);
    memset(series, 0, sizeof *series);
}

static int series_get(struct ifm_store *store, const char *run_id, int64_t invocation, struct series *out,
                      struct ifm_err *err)
{
    size_t total = 0;
    memset(out, 0, sizeof *out);
    out->every_gap = true;
    int rc = ifm_store_visit_counts(store, run_id, invocation, 1, count_block, &total, err);
    if (rc) return rc;
    out->capacity = total;
    out->latency = ifm_alloc_array(4 * total + 1, sizeof *out->latency);
    if (!out->latency) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    out->gaps = out->latency + total;
    out->lateness = out->gaps + total;
    out->scratch = out->lateness + total;
    rc = ifm_store_visit_samples(store, run_id, invocation, 1, add_block, out, err);
    if (rc) series_done(out);
    return rc;
}

static struct ifm_scenario_input input_of(const struct series *series)
{
    return (struct ifm_scenario_input){
        .latency_ns = series->latency,
        .lateness_ns = series->late ? series->lateness : NULL,
        .gaps_ns = series->every_gap ? series->gaps : NULL,
        .n = series->count,
    };
}

/* -- Windows ------------------------------------------------------------------------------------ */
static int64_t or_null(int64_t value)
{
    return value < 0 || value == INT64_MAX ? IFM_JSON_ABSENT : value;
}

enum window_column { START, P50, P90, COUNT, LATENESS };

static int64_t window_value(const struct ifm_scenario_window *window, enum window_column column)
{
    switch (column) {
    case START:
        return window->t_ns;
    case P50:
        return or_null(window->p50_ns);
    case P90:
        return or_null(window->p90_ns);
    case COUNT:
        return window->n;
    case LATENESS:
        return or_null(window->lateness_p99_ns);
    }
    return IFM_JSON_ABSENT;
}

static void write_windows(struct ifm_jw *w, const struct ifm_scenario_window *windows, size_t count, bool late)
{
    static const char *const keys[] = { "t_ns", "p50_ns", "p90_ns", "n", "lateness_p99_ns" };
    for (int column = START; column <= LATENESS; column++) {
        ifm_jw_key(w, keys[column]);
        if (column == LATENESS && !late) {
            ifm_jw_string(w, NULL);
            continue;
        }
        ifm_jw_begin(w, '[');
        for (size_t i = 0; i < count; i++) ifm_jw_i64(w, window_value(&windows[i], (enum window_column)column));
        ifm_jw_end(w, ']');
    }
}

static int first_ok(void *arg, const struct ifm_store_block *block, struct ifm_err *err)
{
    (void)err;
    int64_t *n = arg;
    if (*n < 0) *n = block->invocation;
    return 0;
}

struct calls { int64_t n, batch_calls; };

static int find_calls(void *arg, struct ifm_msg_invocation *body, const struct ifm_invocation_stats *stats,
                      struct ifm_err *err)
{
    struct calls *calls = arg;
    (void)err;
    if (body->n == calls->n && stats) calls->batch_calls = stats->batch_calls;
    ifm_json_free(&ifm_invocation_table, body);
    return 0;
}

int ifm_windows_json(struct ifm_store *store, const char *run_id, int64_t invocation, int64_t width_ns,
                     struct ifm_buf *out, struct ifm_err *err)
{
    struct ifm_scenario_window windows[IFM_SCENARIO_WINDOWS_MAX];
    struct series series;
    struct ifm_jw w;
    int rc = invocation < 0 ? ifm_store_visit_invocations(store, run_id, true, first_ok, &invocation, err) : 0;
    if (!rc && invocation < 0) {
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "analysis", "run %.40s has no invocation that is ok", run_id);
    }
    struct calls calls = { invocation, 1 };
    if (!rc) rc = ifm_store_visit_bodies(store, run_id, invocation, find_calls, &calls, err);
    if (!rc) rc = series_get(store, run_id, invocation, &series, err);
    if (rc) return rc;
    struct ifm_scenario_input input = input_of(&series);
    input.batch_calls = calls.batch_calls; /* times are per call */
    size_t count = ifm_scenario_windows(&input, &width_ns, series.scratch, windows);
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "run");
    ifm_jw_string(&w, run_id);
    ifm_jw_key(&w, "invocation");
    ifm_jw_i64(&w, invocation);
    ifm_jw_key(&w, "width_ns");
    ifm_jw_i64(&w, width_ns);
    write_windows(&w, windows, count, series.late);
    ifm_jw_end(&w, '}');
    series_done(&series);
    return ifm_buf_check(out, err);
}

/* -- Figures ------------------------------------------------------------------------------------ */
struct fact { int64_t n, steady_ns, batch_calls, unfinished; }; /* of an ok invocation */
struct facts { struct fact items[IFM_INVOCATIONS_MAX]; size_t count; };

/* The wall time is the one that throughput was computed with: the rollup has checked it. */
static int add_fact(void *arg, struct ifm_msg_invocation *body, const struct ifm_invocation_stats *stats,
                    struct ifm_err *err)
{
    struct facts *facts = arg;
    (void)err;
    if (body->status == 0 && stats && stats->throughput_per_s > 0 && facts->count < IFM_INVOCATIONS_MAX) {
        double calls = (double)stats->n * (double)(stats->batch_calls > 1 ? stats->batch_calls : 1);
        facts->items[facts->count++] = (struct fact){ body->n, (int64_t)llround(calls * 1e9 / stats->throughput_per_s),
                                                      stats->batch_calls, body->unfinished };
    }
    ifm_json_free(&ifm_invocation_table, body);
    return 0;
}

static int assess(struct ifm_store *store, const struct ifm_msg_run *run, const struct ifm_scenario_setup *setup,
                  struct ifm_scenario_figures *out, struct ifm_err *err)
{
    struct series series;
    struct facts *facts = ifm_alloc(sizeof *facts);
    if (!facts) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    struct ifm_scenario_figures *figures = NULL;
    int rc = ifm_store_visit_bodies(store, run->id, -1, add_fact, facts, err);
    if (!rc) {
        figures = ifm_alloc_array(facts->count + 1, sizeof *figures);
        if (!figures) rc = ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    }
    for (size_t i = 0; !rc && i < facts->count; i++) {
        rc = series_get(store, run->id, facts->items[i].n, &series, err);
        if (rc) break;
        struct ifm_scenario_input input = input_of(&series);
        input.steady_ns = facts->items[i].steady_ns;
        input.batch_calls = facts->items[i].batch_calls;
        input.unfinished = facts->items[i].unfinished;
        ifm_scenario_assess(setup, &input, series.scratch, &figures[i]);
        series_done(&series);
    }
    if (!rc) ifm_scenario_merge(setup, figures, facts->count, out);
    ifm_free(figures);
    ifm_free(facts);
    return rc;
}

static void write_i64(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value);
}

static void write_f64(struct ifm_jw *w, const char *key, double value)
{
    ifm_jw_key(w, key);
    ifm_jw_f64(w, value);
}

static void write_bool(struct ifm_jw *w, const char *key, bool value)
{
    ifm_jw_key(w, key);
    ifm_jw_bool(w, value);
}

static void write_figures(struct ifm_jw *w, const struct ifm_scenario_figures *f, unsigned percentile)
{
    bool paced = f->kind == IFM_SCENARIO_PACED, bound = f->bound_ns > 0;
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "kind");
    ifm_jw_string(w, ifm_scenario_name(f->kind));
    write_f64(w, "rate_per_s", f->rate_per_s);
    write_f64(w, "achieved_per_s", f->achieved_per_s);
    write_i64(w, "queries", f->queries);
    write_i64(w, "unfinished", f->unfinished);
    write_i64(w, "period_ns", f->period_ns > 0 ? f->period_ns : IFM_JSON_ABSENT);
    write_i64(w, "missed", paced ? f->missed : IFM_JSON_ABSENT);
    write_f64(w, "missed_share", f->missed_share);
    write_i64(w, "lateness_p99_ns", or_null(f->lateness_p99_ns));
    write_i64(w, "bound_ns", bound ? f->bound_ns : IFM_JSON_ABSENT);
    write_i64(w, "bound_percentile", bound ? (int64_t)percentile : IFM_JSON_ABSENT);
    write_i64(w, "over_bound", bound ? f->over_bound : IFM_JSON_ABSENT);
    write_i64(w, "at_bound_ns", bound ? or_null(f->at_bound_ns) : IFM_JSON_ABSENT);
    write_i64(w, "early_ns", bound ? or_null(f->early_ns) : IFM_JSON_ABSENT);
    write_bool(w, "passed", bound && f->passed);
    write_bool(w, "valid", f->valid);
    write_bool(w, "overloaded", f->overloaded);
    ifm_jw_key(w, "reason");
    ifm_jw_string(w, f->reason[0] ? f->reason : NULL);
    write_i64(w, "knee_ns", or_null(f->knee_ns));
    write_i64(w, "first_p50_ns", or_null(f->first_p50_ns));
    write_i64(w, "last_p50_ns", or_null(f->last_p50_ns));
    ifm_jw_end(w, '}');
}

static int get_figures(struct ifm_store *store, const char *run_id, int64_t kind, bool *some,
                       struct ifm_scenario_setup *setup, struct ifm_scenario_figures *out, struct ifm_err *err)
{
    struct ifm_msg_run run;
    *some = false;
    if (kind == IFM_SCENARIO_SINGLE || kind == IFM_JSON_ABSENT) return 0; /* nearly all runs: no body is read */
    int rc = ifm_store_get_body(store, run_id, &run, NULL, err);
    if (rc) return rc;
    ifm_scenario_from_config(&run.config, setup);
    *some = true;
    rc = assess(store, &run, setup, out, err);
    if (rc == IFM_ERR_INVALID) { /* too many samples to be held: the run is shown without figures */
        *some = false;
        rc = 0;
    }
    ifm_json_free(&ifm_run_table, &run);
    return rc;
}

static int add_scenario(struct ifm_store *store, const char *run_id, int64_t kind, struct ifm_jw *w, struct ifm_err *err)
{
    struct ifm_scenario_setup setup;
    struct ifm_scenario_figures figures;
    bool some = false;
    int rc = get_figures(store, run_id, kind, &some, &setup, &figures, err);
    if (rc) return rc;
    ifm_jw_key(w, "scenario");
    if (some) {
        write_figures(w, &figures, setup.percentile);
    } else {
        ifm_jw_string(w, NULL);
    }
    return 0;
}

/* -- Energy ------------------------------------------------------------------------------------- */
struct rails {
    double gross[IFM_INVOCATIONS_MAX], net[IFM_INVOCATIONS_MAX], power[IFM_INVOCATIONS_MAX];
    size_t count;
    bool few;
    char coverage[IFM_ENERGY_TEXT_MAX]; /* of the first */
};

static int add_rails(void *arg, struct ifm_msg_invocation *body, const struct ifm_invocation_stats *stats,
                     struct ifm_err *err)
{
    struct rails *rails = arg;
    struct ifm_energy energy;
    (void)err;
    ifm_energy_assess(&body->energy, ifm_scenario_inferences(body), &energy);
    if (body->status == 0 && stats && !isnan(energy.gross_uj) && rails->count < IFM_INVOCATIONS_MAX) {
        size_t i = rails->count++;
        rails->gross[i] = energy.gross_uj;
        rails->net[i] = energy.net_uj;
        rails->power[i] = energy.mean_uw;
        rails->few = rails->few || energy.few;
        if (i == 0) ifm_energy_coverage(&body->energy, &energy, rails->coverage);
    }
    ifm_json_free(&ifm_invocation_table, body);
    return 0;
}

static double median_of(double *values, size_t count)
{
    struct ifm_estimate estimate;
    ifm_summary_estimate(values, count, &estimate); /* leaves out what is absent */
    return estimate.value;
}

static int add_energy(struct ifm_store *store, const char *run_id, bool some, struct ifm_jw *w, struct ifm_err *err)
{
    ifm_jw_key(w, "energy");
    if (!some) {
        ifm_jw_string(w, NULL);
        return 0;
    }
    struct rails *rails = ifm_alloc(sizeof *rails);
    if (!rails) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    int rc = ifm_store_visit_bodies(store, run_id, -1, add_rails, rails, err);
    if (!rc) {
        ifm_jw_begin(w, '{');
        write_f64(w, "gross_uj", median_of(rails->gross, rails->count));
        write_f64(w, "net_uj", median_of(rails->net, rails->count));
        write_f64(w, "mean_uw", median_of(rails->power, rails->count));
        ifm_jw_key(w, "coverage");
        ifm_jw_string(w, rails->coverage);
        write_bool(w, "few", rails->few);
        ifm_jw_end(w, '}');
    }
    ifm_free(rails);
    return rc;
}

int ifm_figures_add(struct ifm_store *store, const char *run_id, struct ifm_buf *out, struct ifm_err *err)
{
    struct ifm_store_traits traits;
    struct ifm_jw w;
    int rc = ifm_store_get_traits(store, run_id, &traits, err);
    if (rc) return rc;
    out->len--; /* the closing brace */
    ifm_buf_addc(out, ',');
    ifm_jw_init(&w, out);
    rc = add_scenario(store, run_id, traits.scenario, &w, err);
    if (!rc) rc = add_energy(store, run_id, traits.energy, &w, err);
    ifm_buf_addc(out, '}');
    return rc ? rc : ifm_buf_check(out, err);
}
