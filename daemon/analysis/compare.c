#include "daemon/analysis/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/mem.h"
#include "daemon/analysis/accuracy.h"

struct pair {
    struct ifm_store_run_values a, b;
    bool interleaved;
    size_t pairs;      /* rounds in which both were ok */
    size_t *at_a, *at_b; /* where the values of a pair stand; one allocation */
};

static bool differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

/* -- Differences -------------------------------------------------------------------------------- */
struct difference_list { struct ifm_jw *w; struct ifm_buf *device_fields; };

static void add_difference(struct difference_list *list, const char *kind, const char *field, const char *a,
                           const char *b)
{
    struct ifm_jw *w = list->w;
    if (!differ(a, b)) return;
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "kind");
    ifm_jw_string(w, kind);
    ifm_jw_key(w, "field");
    ifm_jw_string(w, field);
    ifm_jw_key(w, "a");
    ifm_jw_string(w, a);
    ifm_jw_key(w, "b");
    ifm_jw_string(w, b);
    ifm_jw_end(w, '}');
    if (strcmp(kind, "device") == 0) {
        ifm_buf_addf(list->device_fields, "%s%s", list->device_fields->len ? ", " : "", field);
    }
}

static const struct ifm_msg_fact *find_fact(const struct ifm_list *facts, const char *name)
{
    const struct ifm_msg_fact *all = facts->items;
    for (size_t i = 0; i < facts->count; i++) {
        if (all[i].hard && !differ(all[i].name, name)) return &all[i];
    }
    return NULL;
}

/* Hard facts only: they are what the device key is made of. Those of A in their order, then those only B has. */
static void add_facts(struct difference_list *list, const struct ifm_list *a, const struct ifm_list *b)
{
    const struct ifm_msg_fact *of_a = a->items, *of_b = b->items;
    for (size_t i = 0; i < a->count; i++) {
        if (!of_a[i].hard) continue;
        const struct ifm_msg_fact *other = find_fact(b, of_a[i].name);
        add_difference(list, "device", of_a[i].name, of_a[i].value, other ? other->value : NULL);
    }
    for (size_t i = 0; i < b->count; i++) {
        if (of_b[i].hard && !find_fact(a, of_b[i].name)) {
            add_difference(list, "device", of_b[i].name, NULL, of_b[i].value);
        }
    }
}

/* Both maps are sorted by key. */
static void add_config(struct difference_list *list, const struct ifm_map *a, const struct ifm_map *b)
{
    size_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(a->items[i].key, b->items[j].key);
        const char *field = order <= 0 ? a->items[i].key : b->items[j].key;
        add_difference(list, "configuration", field, order <= 0 ? a->items[i].value : NULL,
                       order >= 0 ? b->items[j].value : NULL);
        i += order <= 0;
        j += order >= 0;
    }
}

static bool in_config(const struct ifm_map *config, const char *key)
{
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->items[i].key, key) == 0) return true;
    }
    return false;
}

static void add_all(struct difference_list *list, const struct ifm_msg_run *a, const struct ifm_msg_run *b)
{
    const struct { const char *field, *a, *b; } settings[] = {
        { "runtime", a->runtime, b->runtime },
        { "runtime_version", a->runtime_version, b->runtime_version },
        { "provider", a->provider, b->provider },
    };
    add_facts(list, &a->device_facts, &b->device_facts);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) { /* unless the map below says it too */
        if (in_config(&a->config, settings[i].field) && in_config(&b->config, settings[i].field)) continue;
        add_difference(list, "configuration", settings[i].field, settings[i].a, settings[i].b);
    }
    add_config(list, &a->config, &b->config);
    add_difference(list, "variant", "model", a->model, b->model);
    add_difference(list, "variant", "variant", a->variant, b->variant);
    add_difference(list, "variant", "format", a->format, b->format);
    add_difference(list, "variant", "variant_sha256", a->variant_sha256, b->variant_sha256);
}

/* -- Metrics ------------------------------------------------------------------------------------ */
static void write_estimate(struct ifm_jw *w, const char *key, const struct ifm_store_run_values *run, int metric)
{
    struct ifm_estimate estimate;
    ifm_summary_estimate(run->values[metric], run->count, &estimate); /* reorders: after the comparison */
    ifm_jw_key(w, key);
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "value");
    ifm_jw_f64(w, estimate.value);
    ifm_jw_key(w, "low");
    ifm_jw_f64(w, estimate.low);
    ifm_jw_key(w, "high");
    ifm_jw_f64(w, estimate.high);
    ifm_jw_key(w, "coverage");
    ifm_jw_f64(w, estimate.coverage);
    ifm_jw_key(w, "k");
    ifm_jw_i64(w, (int64_t)estimate.k);
    ifm_jw_key(w, "needed");
    ifm_jw_i64(w, (int64_t)estimate.needed);
    ifm_jw_key(w, "enough");
    ifm_jw_bool(w, run->enough[metric] && estimate.k > 0);
    ifm_jw_end(w, '}');
}

/* Values of the same round stand beside each other in room, those of B behind those of A. */
static void fill_pairs(const struct pair *pair, int metric, double *room)
{
    for (size_t i = 0; i < pair->pairs; i++) {
        room[i] = pair->a.values[metric][pair->at_a[i]];
        room[pair->pairs + i] = pair->b.values[metric][pair->at_b[i]];
    }
}

/* room: of twice as many values as there are pairs. Returns the detectable change. */
static double compare_metric(const struct pair *pair, int metric, double delta, double *room,
                             struct ifm_comparison_result *result)
{
    bool less = ifm_metrics[metric].less_is_better;
    if (!pair->interleaved) {
        ifm_summary_compare(pair->a.values[metric], pair->a.count, pair->b.values[metric], pair->b.count, delta, less,
                            result);
        return ifm_summary_detectable_of(pair->a.values[metric], pair->a.count, pair->b.values[metric], pair->b.count,
                                         false);
    }
    fill_pairs(pair, metric, room);
    ifm_summary_compare_paired(room, room + pair->pairs, pair->pairs, delta, less, result);
    return ifm_summary_detectable_of(room, pair->pairs, room + pair->pairs, pair->pairs, true);
}

static enum ifm_verdict write_metric(struct ifm_jw *w, struct pair *pair, int metric, double delta, double *room,
                                     bool comparable)
{
    struct ifm_comparison_result result;
    double detectable = compare_metric(pair, metric, delta, room, &result);
    /* A percentile that an invocation has too few samples for may not decide anything either. */
    bool enough = pair->a.enough[metric] && pair->b.enough[metric];
    if (!comparable || !enough) result.verdict = IFM_VERDICT_INCONCLUSIVE;
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "metric");
    ifm_jw_string(w, ifm_metrics[metric].field);
    ifm_jw_key(w, "unit");
    ifm_jw_string(w, ifm_metrics[metric].unit);
    ifm_jw_key(w, "less_is_better");
    ifm_jw_bool(w, ifm_metrics[metric].less_is_better);
    write_estimate(w, "a", &pair->a, metric);
    write_estimate(w, "b", &pair->b, metric);
    const struct { const char *key; double value; } numbers[] = {
        { "ratio", result.ratio }, { "low", result.low }, { "high", result.high }, { "delta", delta },
        { "detectable", detectable },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        ifm_jw_key(w, numbers[i].key);
        ifm_jw_f64(w, numbers[i].value);
    }
    ifm_jw_key(w, "verdict");
    ifm_jw_string(w, ifm_verdict_name(result.verdict));
    ifm_jw_end(w, '}');
    return result.verdict;
}

static void write_metrics(struct ifm_jw *w, struct pair *pair, double delta, double *room, bool comparable)
{
    enum ifm_verdict of_p50 = IFM_VERDICT_INCONCLUSIVE;
    ifm_jw_key(w, "metrics");
    ifm_jw_begin(w, '[');
    for (int metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        enum ifm_verdict verdict = write_metric(w, pair, metric, delta, room, comparable);
        if (metric == IFM_METRIC_P50) of_p50 = verdict;
    }
    ifm_jw_end(w, ']');
    ifm_jw_key(w, "verdict");
    ifm_jw_string(w, ifm_verdict_name(of_p50));
}

/* -- Pairs -------------------------------------------------------------------------------------- */
/* Runs of one experiment took turns, round by round, and an invocation's number is its round. Both lists of numbers
 * ascend. */
static int find_pairs(struct pair *pair, struct ifm_err *err)
{
    const struct ifm_msg_run *a = &pair->a.run, *b = &pair->b.run;
    size_t least = pair->a.count < pair->b.count ? pair->a.count : pair->b.count, i = 0, j = 0;
    pair->interleaved = a->experiment.id && !differ(a->experiment.id, b->experiment.id) && differ(a->id, b->id);
    if (!pair->interleaved) return 0;
    pair->at_a = ifm_alloc_array(2 * least + 1, sizeof *pair->at_a);
    if (!pair->at_a) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    pair->at_b = pair->at_a + least;
    while (i < pair->a.count && j < pair->b.count) {
        if (pair->a.numbers[i] < pair->b.numbers[j]) {
            i++;
        } else if (pair->a.numbers[i] > pair->b.numbers[j]) {
            j++;
        } else {
            pair->at_a[pair->pairs] = i++;
            pair->at_b[pair->pairs++] = j++;
        }
    }
    return 0;
}

static void write_caption(struct ifm_jw *w, const struct pair *pair)
{
    char caption[64 + IFM_PRECISION_NOTE_MAX] = "sequential, not interleaved", note[IFM_PRECISION_NOTE_MAX];
    if (pair->interleaved) {
        snprintf(caption, sizeof caption, "interleaved, %zu pair%s", pair->pairs, pair->pairs == 1 ? "" : "s");
    }
    ifm_precision_note(&pair->a.run, &pair->b.run, note);
    if (note[0]) {
        size_t len = strlen(caption);
        snprintf(caption + len, sizeof caption - len, "; %s", note);
    }
    ifm_jw_key(w, "interleaved");
    ifm_jw_bool(w, pair->interleaved);
    ifm_jw_key(w, "caption");
    ifm_jw_string(w, caption);
    ifm_jw_key(w, "pairs");
    ifm_jw_i64(w, pair->interleaved ? (int64_t)pair->pairs : IFM_JSON_ABSENT);
    ifm_jw_key(w, "precision");
    ifm_jw_string(w, note[0] ? note : NULL);
    ifm_jw_key(w, "accuracy");
    ifm_accuracy_write(w, &pair->a.run, &pair->b.run);
}

/* -- Reply -------------------------------------------------------------------------------------- */
/* By the row, which the daemon derived from the invocations; the run's own word for it is a claim. Quotes inside
 * values are escaped there, but a label may have the name of a field: labels stand in front, so the last one counts. */
static bool row_says(const struct ifm_store_run_values *values, const char *field, const char *word)
{
    char key[48];
    const char *last = NULL;
    int len = snprintf(key, sizeof key, "\"%s\":\"", field);
    for (const char *at = strstr(values->row_json, key); at; at = strstr(at + 1, key)) last = at + len;
    return last && strncmp(last, word, strlen(word)) == 0 && last[strlen(word)] == '"';
}

/* "another device: …; " of what has been said already. */
static void begin_reason(struct ifm_buf *reason)
{
    if (reason->len) ifm_buf_adds(reason, "; ");
}

/* The run's findings are those of the daemon, too: they were put into the body when it was closed. */
static void add_untrusted(struct ifm_buf *reason, const struct ifm_store_run_values *values, const char *which)
{
    const struct ifm_msg_finding *findings = values->run.trust_findings.items;
    const char *before = ": ";
    if (!row_says(values, "trust", "untrusted")) return;
    begin_reason(reason);
    ifm_buf_addf(reason, "%s is untrusted", which);
    for (size_t i = 0; i < values->run.trust_findings.count; i++) {
        if (findings[i].severity != 2) continue;
        ifm_buf_addf(reason, "%s%s", before, findings[i].code);
        before = ", ";
    }
}

static void add_emulated(struct ifm_buf *reason, const struct ifm_msg_run *run, const char *which)
{
    if (!run->emulator) return;
    begin_reason(reason);
    ifm_buf_addf(reason, "%s ran under an emulator (%.64s): its timings are no results", which, run->emulator);
}

/* Empty text: comparable. */
static int write_reason(struct ifm_buf *reason, const struct pair *pair, const struct ifm_buf *device_fields,
                        struct ifm_err *err)
{
    const struct ifm_msg_run *a = &pair->a.run, *b = &pair->b.run;
    bool a_wrong = row_says(&pair->a, "verification", "wrong");
    bool b_wrong = row_says(&pair->b, "verification", "wrong");
    if (a_wrong || b_wrong) {
        ifm_buf_addf(reason, "the outputs of %s are WRONG: its speed counts for nothing",
                     a_wrong && b_wrong ? "both" : a_wrong ? "A" : "B");
        return ifm_buf_check(reason, err);
    }
    if (differ(a->device_key, b->device_key)) {
        ifm_buf_addf(reason, "another device: %s", device_fields->len ? device_fields->data
                                                                      : "the device keys differ");
    }
    if (a->method_version != b->method_version) {
        begin_reason(reason);
        ifm_buf_addf(reason, "another method: method_version %lld against %lld", (long long)a->method_version,
                     (long long)b->method_version);
    }
    add_emulated(reason, a, "A");
    add_emulated(reason, b, "B");
    add_untrusted(reason, &pair->a, "A");
    add_untrusted(reason, &pair->b, "B");
    return ifm_buf_check(reason, err);
}

static int write_pair(struct ifm_jw *w, struct pair *pair, double delta, struct ifm_buf *out, struct ifm_err *err)
{
    const struct ifm_msg_run *a = &pair->a.run, *b = &pair->b.run;
    struct ifm_buf differences, device_fields, reason;
    struct ifm_jw list;
    ifm_buf_init(&differences, 4 << 20);
    ifm_buf_init(&device_fields, 1 << 20);
    ifm_buf_init(&reason, 2 << 20);
    ifm_jw_init(&list, &differences);
    ifm_jw_begin(&list, '[');
    add_all(&(struct difference_list){ &list, &device_fields }, a, b);
    ifm_jw_end(&list, ']');
    double *room = ifm_alloc_array(2 * pair->pairs + 1, sizeof *room);
    int rc = room ? ifm_buf_check(&differences, err) : ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    if (!rc) rc = ifm_buf_check(&device_fields, err);
    if (!rc) rc = write_reason(&reason, pair, &device_fields, err);
    if (!rc) {
        bool comparable = reason.len == 0;
        ifm_jw_begin(w, '{');
        ifm_jw_key(w, "a");
        ifm_jw_raw(w, pair->a.row_json);
        ifm_jw_key(w, "b");
        ifm_jw_raw(w, pair->b.row_json);
        write_caption(w, pair);
        ifm_jw_key(w, "comparable");
        ifm_jw_bool(w, comparable);
        ifm_jw_key(w, "reason");
        ifm_jw_string(w, comparable ? NULL : reason.data);
        ifm_jw_key(w, "differences");
        ifm_jw_raw(w, differences.data);
        write_metrics(w, pair, delta, room, comparable);
        ifm_jw_end(w, '}');
        rc = ifm_buf_check(out, err);
    }
    ifm_free(room);
    ifm_buf_done(&differences);
    ifm_buf_done(&device_fields);
    ifm_buf_done(&reason);
    return rc;
}

int ifm_compare_json(struct ifm_store *store, const char *a_id, const char *b_id, double delta,
                     struct ifm_buf *out, struct ifm_err *err)
{
    struct ifm_jw w;
    struct pair *pair = NULL;
    if (!(delta > 0 && delta < IFM_COMPARE_DELTA_MAX)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "delta", "delta is a share like 0.02: above 0, below %g",
                           IFM_COMPARE_DELTA_MAX);
    }
    pair = ifm_alloc(sizeof *pair);
    if (!pair) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    int rc = ifm_store_get_run_values(store, a_id, &pair->a, err);
    if (!rc) rc = ifm_store_get_run_values(store, b_id, &pair->b, err);
    ifm_jw_init(&w, out);
    if (!rc) rc = find_pairs(pair, err);
    if (!rc) rc = write_pair(&w, pair, delta, out, err);
    ifm_store_run_values_done(&pair->a);
    ifm_store_run_values_done(&pair->b);
    ifm_free(pair->at_a);
    ifm_free(pair);
    return rc;
}
