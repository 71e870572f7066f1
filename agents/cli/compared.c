#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/cli/compare.h"
#include "agents/plan/keys.h"
#include "core/mem.h"
#include "core/opt.h"
#include "core/trust.h"

static int add(struct ifm_compared *c, const char *kind, const char *field, const char *a,
               const char *b)
{
    struct ifm_difference *items =
        ifm_resize_array(c->differences, c->difference_count + 1, sizeof *items);
    if (!items)
        return IFM_ERR_NOMEM;
    c->differences = items;
    items[c->difference_count++] = (struct ifm_difference){ kind, field, a ? a : "", b ? b : "" };
    return 0;
}

static bool differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

static const char *fact(const struct ifm_msg_run *run, const char *name)
{
    const struct ifm_msg_fact *facts = run->device_facts.items;
    for (size_t i = 0; i < run->device_facts.count; i++)
        if (facts[i].hard && strcmp(facts[i].name, name) == 0)
            return facts[i].value;
    return NULL;
}

/* Hard facts of either side, field by field. */
static int device_differences(struct ifm_compared *c)
{
    const struct ifm_msg_run *runs[2] = { &c->a->run, &c->b->run };
    int rc = 0;
    for (int side = 0; side < 2; side++) {
        const struct ifm_msg_fact *facts = runs[side]->device_facts.items;
        for (size_t i = 0; !rc && i < runs[side]->device_facts.count; i++) {
            const char *other = fact(runs[1 - side], facts[i].name);
            if (!facts[i].hard || (side == 1 && other) || !differ(facts[i].value, other))
                continue;
            rc = add(c, "device", facts[i].name, side ? other : facts[i].value,
                     side ? facts[i].value : other);
        }
    }
    return rc;
}

static int map_differences(struct ifm_compared *c, const struct ifm_map *a, const struct ifm_map *b)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < a->count; i++) {
        const char *other = ifm_map_get(b, a->items[i].key);
        if (differ(a->items[i].value, other))
            rc = add(c, "configuration", a->items[i].key, a->items[i].value, other);
    }
    for (size_t i = 0; !rc && i < b->count; i++)
        if (!ifm_map_get(a, b->items[i].key))
            rc = add(c, "configuration", b->items[i].key, NULL, b->items[i].value);
    return rc;
}

/* Fills the reason. */
static bool emulated(struct ifm_compared *c)
{
    const char *a = c->a->run.emulator, *b = c->b->run.emulator;
    if (!a && !b)
        return false;
    snprintf(c->reason, sizeof c->reason, "%s ran under an emulator (%.64s): its timings are no results",
             a && b ? "each of them" : a ? "A" : "B", a ? a : b);
    return true;
}

static void judge_comparable(struct ifm_compared *c)
{
    const struct ifm_msg_run *a = &c->a->run, *b = &c->b->run;
    c->comparable = true;
    if (a->verification == IFM_VERIFY_WRONG || b->verification == IFM_VERIFY_WRONG) {
        c->comparable = false;
        snprintf(c->reason, sizeof c->reason,
                 "the outputs of %s are WRONG: its speed counts for nothing",
                 b->verification != IFM_VERIFY_WRONG   ? "A"
                 : a->verification != IFM_VERIFY_WRONG ? "B"
                                                       : "both");
    } else if (emulated(c)) {
        c->comparable = false;
    } else if (a->method_version != b->method_version) {
        c->comparable = false;
        snprintf(c->reason, sizeof c->reason,
                 "they were measured by different versions of the method");
    } else if (differ(a->device_key, b->device_key)) {
        c->comparable = false;
        int at = snprintf(c->reason, sizeof c->reason, "they were measured on different devices:");
        for (size_t i = 0; i < c->difference_count && at < (int)sizeof c->reason - 80; i++)
            if (strcmp(c->differences[i].kind, "device") == 0)
                at += snprintf(c->reason + at, sizeof c->reason - (size_t)at, " %.60s",
                               c->differences[i].field);
    }
}

/* An untrusted side is shown with its numbers, but decides nothing. */
static void judge_trust(struct ifm_compared *c)
{
    bool a = c->a->run.trust == IFM_TRUST_UNTRUSTED, b = c->b->run.trust == IFM_TRUST_UNTRUSTED;
    char line[128];
    if (!a && !b)
        return;
    ifm_compared_trust(b ? c->b : c->a, line, sizeof line);
    snprintf(c->capped, sizeof c->capped, "%s %s", a && b ? "both are untrusted; B is" : b ? "B is" : "A is",
             line);
}

void ifm_compared_trust(const struct ifm_view *view, char *text, size_t size)
{
    ifm_trust_line(&view->run, text, size);
}

/* -- Numbers ------------------------------------------------------------------------------------- */

struct rounds { /* values of both sides by round */
    double *a, *b;
    size_t count;
};

static int rounds_init(struct rounds *r, const struct ifm_view *a, const struct ifm_view *b)
{
    size_t of_a = ifm_view_rounds_made(a), of_b = ifm_view_rounds_made(b);
    r->count = of_a < of_b ? of_a : of_b;
    r->a = ifm_alloc_array(2 * r->count + 1, sizeof *r->a);
    r->b = r->a ? r->a + r->count : NULL;
    return r->a ? 0 : IFM_ERR_NOMEM;
}

static size_t pairs_of(const struct rounds *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++)
        n += isfinite(r->a[i]) && isfinite(r->b[i]);
    return n;
}

static bool of_one_experiment(const struct ifm_msg_run *a, const struct ifm_msg_run *b)
{
    return a->experiment.id && b->experiment.id && strcmp(a->experiment.id, b->experiment.id) == 0 &&
           differ(a->id, b->id);
}

static void compare_metric(struct ifm_compared *c, size_t m, const struct rounds *r, double delta)
{
    const struct ifm_view *a = c->a, *b = c->b;
    bool less = ifm_metrics[m].less_is_better;
    bool percentile = m == IFM_METRIC_P90 || m == IFM_METRIC_P99;
    if (c->interleaved) {
        ifm_view_rounds(a, (enum ifm_metric)m, r->a, r->count);
        ifm_view_rounds(b, (enum ifm_metric)m, r->b, r->count);
        ifm_summary_compare_paired(r->a, r->b, r->count, delta, less, &c->metrics[m]);
        c->detectable[m] = ifm_summary_detectable_of(r->a, r->count, r->b, r->count, true);
        if (m == IFM_METRIC_P50)
            c->pairs = pairs_of(r);
    } else {
        ifm_summary_compare(a->values[m], a->ok, b->values[m], b->ok, delta, less, &c->metrics[m]);
        c->detectable[m] =
            ifm_summary_detectable_of(a->values[m], a->ok, b->values[m], b->ok, false);
    }
    if (!c->comparable || c->capped[0] ||
        (percentile && !(a->metrics[m].enough && b->metrics[m].enough)))
        c->metrics[m].verdict = IFM_VERDICT_INCONCLUSIVE;
}

int ifm_compared_make(const struct ifm_view *a, const struct ifm_view *b, double delta,
                      struct ifm_compared *out, struct ifm_err *err)
{
    *out = (struct ifm_compared){ .a = a, .b = b };
    int rc = 0;
    if (differ(a->run.device_key, b->run.device_key))
        rc = device_differences(out);
    if (!rc)
        rc = map_differences(out, &a->run.config, &b->run.config);
    if (!rc && differ(a->run.variant_sha256, b->run.variant_sha256))
        rc = add(out, "variant", "sha256", a->run.variant_sha256, b->run.variant_sha256);
    if (rc) {
        ifm_compared_done(out);
        return ifm_err_set(err, rc, "", "out of memory");
    }
    judge_comparable(out);
    judge_trust(out);
    struct rounds rounds = { .count = 0 };
    out->interleaved = of_one_experiment(&a->run, &b->run);
    if (rounds_init(&rounds, a, b)) {
        ifm_compared_done(out);
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    }
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++)
        compare_metric(out, m, &rounds, delta);
    ifm_free(rounds.a);
    if (out->interleaved)
        snprintf(out->caption, sizeof out->caption, "interleaved, %zu pair%s", out->pairs,
                 out->pairs == 1 ? "" : "s");
    else
        snprintf(out->caption, sizeof out->caption, "sequential, not interleaved");
    return 0;
}

void ifm_compared_done(struct ifm_compared *compared)
{
    ifm_free(compared->differences);
    compared->differences = NULL;
    compared->difference_count = 0;
}

/* -- Gates ---------------------------------------------------------------------------------------
 */

static int parse_metric(const char *word, enum ifm_metric *metric, struct ifm_err *err)
{
    const char *names[IFM_METRIC_COUNT + 1] = { NULL };
    for (size_t i = 0; i < IFM_METRIC_COUNT; i++) {
        names[i] = ifm_metrics[i].word;
        if (strcmp(word, names[i]) == 0) {
            *metric = (enum ifm_metric)i;
            return 0;
        }
    }
    const char *near = ifm_opt_nearest(word, names);
    return ifm_err_set(err, IFM_ERR_USAGE, "", "--fail-above: unknown metric \"%s\"%s%s?", word,
                       near ? "; did you mean "
                            : "; is it p50, p90, p99, throughput, load, first, rss or cpu",
                       near ? near : "");
}

/* "5%" or "5", up to the comma; 0 when it is not a percentage. */
static double parse_percent(const char *text, size_t len)
{
    char *end;
    double percent = strtod(text, &end);
    bool whole = end != text && (size_t)(end - text) + (*end == '%') == len;
    return whole && isfinite(percent) && percent > 0 && percent < 1000 ? percent : 0;
}

static int parse_one(const char *text, size_t len, struct ifm_gate *gate, struct ifm_err *err)
{
    char word[64];
    const char *colon = memchr(text, ':', len);
    int n = (int)(colon ? colon - text : (ptrdiff_t)len);
    snprintf(word, sizeof word, "%.*s", n < 60 ? n : 60, text);
    int rc = parse_metric(word, &gate->metric, err);
    gate->limit = colon ? parse_percent(colon + 1, len - (size_t)n - 1) / 100 : 0;
    if (!rc && gate->limit <= 0)
        rc = ifm_err_set(err, IFM_ERR_USAGE, "",
                         "--fail-above wants METRIC:PERCENT, like p50:5%%,rss:10%%, got \"%.*s\"",
                         (int)(len < 60 ? len : 60), text);
    return rc;
}

int ifm_gate_parse(const char *text, struct ifm_gate gates[IFM_METRIC_COUNT], size_t *count,
                   struct ifm_err *err)
{
    int rc = 0;
    *count = 0;
    if (!*text)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--fail-above wants METRIC:PERCENT, like p50:5%%,rss:10%%");
    for (const char *at = text; !rc && *at;) {
        size_t len = strcspn(at, ",");
        if (*count == IFM_METRIC_COUNT)
            return ifm_err_set(err, IFM_ERR_USAGE, "", "--fail-above: more than %d limits",
                               IFM_METRIC_COUNT);
        rc = parse_one(at, len, &gates[*count], err);
        ++*count;
        at += len + (at[len] == ',');
    }
    return rc;
}

int ifm_gate_judge(const struct ifm_compared *compared, const struct ifm_gate *gate)
{
    const struct ifm_comparison_result *r = &compared->metrics[gate->metric];
    bool percentile = gate->metric == IFM_METRIC_P90 || gate->metric == IFM_METRIC_P99;
    bool enough = !percentile || (compared->a->metrics[gate->metric].enough &&
                                  compared->b->metrics[gate->metric].enough);
    if (!compared->comparable || compared->capped[0] || !enough || !isfinite(r->low) || !isfinite(r->high))
        return 3;
    if (!ifm_metrics[gate->metric].less_is_better)
        return r->high < 1 - gate->limit ? 1 : r->low >= 1 - gate->limit ? 0 : 3;
    return r->low > 1 + gate->limit ? 1 : r->high <= 1 + gate->limit ? 0 : 3;
}
