#include "core/trust.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/trust_parts.h"

#define SPREAD_LIMIT     0.05 /* coefficient of variation of the invocations' P50 */
#define SPREAD_LIMIT_FEW 0.10 /* below six invocations the estimate itself scatters by half */
#define SPREAD_UNTRUSTED 0.25
#define FAILED_UNTRUSTED 0.20
#define DRIFT_P          0.01
#define DRIFT_LIMIT      0.02

/* -- What was asked for --------------------------------------------------------------------------
 */

static const char *setting(const struct ifm_map *config, const char *key)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->items[i].key, key) == 0)
            return config->items[i].value ? config->items[i].value : "";
    return "";
}

static int64_t number(const struct ifm_map *config, const char *key)
{
    return strtoll(setting(config, key), NULL, 10);
}

static void read_setup(const struct ifm_map *config, struct ifm_trust_setup *setup)
{
    ifm_scenario_from_config(config, &setup->scenario);
    setup->memory_limit_bytes = number(config, "memory_limit_bytes");
}

/* -- Findings about the run as a whole -----------------------------------------------------------
 */

static void count_invocations(struct ifm_trust_assessment *a, const struct ifm_trust_item *items,
                              size_t count)
{
    char text[160];
    size_t failed = 0, starved = 0;
    for (size_t i = 0; i < count; i++) {
        failed += items[i].body->status != 0 && items[i].body->failure != IFM_FAIL_INTERRUPTED;
        starved += items[i].body->failure == IFM_FAIL_OUT_OF_MEMORY;
    }
    if (a->k == 0) {
        ifm_trust_find(a, IFM_TRUST_FAILED_INVOCATIONS, IFM_TRUST_UNTRUSTED_LEVEL, failed, NAN, NAN,
                       "No invocation delivered a result.");
    } else if (failed > 0) {
        double share = (double)failed / (double)(failed + a->k);
        snprintf(text, sizeof text, "%zu of %zu invocations failed.", failed, failed + a->k);
        ifm_trust_find(a, IFM_TRUST_FAILED_INVOCATIONS,
                       share > FAILED_UNTRUSTED ? IFM_TRUST_UNTRUSTED_LEVEL
                                                : IFM_TRUST_CAUTION_LEVEL,
                       failed, share, 0.0, text);
    }
    if (starved > 0 && a->setup.memory_limit_bytes > 0) {
        snprintf(text, sizeof text, "%zu invocation%s ended at the memory limit of %lld MiB.",
                 starved, starved == 1 ? "" : "s", (long long)(a->setup.memory_limit_bytes >> 20));
        ifm_trust_find(a, IFM_TRUST_MEMORY_LIMIT, IFM_TRUST_UNTRUSTED_LEVEL, starved, NAN,
                       (double)a->setup.memory_limit_bytes, text);
    }
    if (a->k > 0 && a->k < IFM_INTERVAL_MIN_K) {
        snprintf(text, sizeof text, "%zu invocation%s: an interval needs %d.", a->k,
                 a->k == 1 ? "" : "s", IFM_INTERVAL_MIN_K);
        ifm_trust_find(a, IFM_TRUST_FEW_INVOCATIONS, IFM_TRUST_NOTE_LEVEL, a->k, (double)a->k,
                       IFM_INTERVAL_MIN_K, text);
    }
}

/* What an emulator takes for an instruction says nothing of any machine. */
static void look_for_emulator(struct ifm_trust_assessment *a, const struct ifm_msg_run *run,
                              const struct ifm_trust_item *items, size_t count)
{
    char text[160];
    const char *name = run->emulator;
    size_t emulated = 0;
    for (size_t i = 0; i < count; i++) {
        name = name ? name : items[i].body->emulator;
        emulated += items[i].body->emulator != NULL;
    }
    if (!name)
        return;
    if (emulated == 0) /* the run alone says it: all of it was */
        emulated = count;
    snprintf(text, sizeof text, "The processor was emulated by %.64s: timings are no results.", name);
    ifm_trust_find(a, IFM_TRUST_EMULATED, IFM_TRUST_UNTRUSTED_LEVEL, emulated, NAN, NAN, text);
}

static void compare_invocations(struct ifm_trust_assessment *a)
{
    double mean = 0.0, squares = 0.0;
    if (a->k < 2)
        return;
    for (size_t i = 0; i < a->k; i++)
        mean += (double)a->ok[i].stats->p50_ns / (double)a->k;
    for (size_t i = 0; i < a->k; i++) {
        double d = (double)a->ok[i].stats->p50_ns - mean;
        squares += d * d;
    }
    double variation = mean > 0.0 ? sqrt(squares / (double)(a->k - 1)) / mean : 0.0;
    double limit = a->k < IFM_INTERVAL_MIN_K ? SPREAD_LIMIT_FEW : SPREAD_LIMIT;
    if (variation <= limit)
        return;
    char text[160];
    snprintf(text, sizeof text,
             "The medians of %zu invocations differ, coefficient of variation: %.1f %% (limit "
             "%.0f %%).",
             a->k, 100 * variation, 100 * limit);
    ifm_trust_find(a, IFM_TRUST_BETWEEN_SPREAD,
                   variation > SPREAD_UNTRUSTED ? IFM_TRUST_UNTRUSTED_LEVEL
                                                : IFM_TRUST_CAUTION_LEVEL,
                   a->k, variation, limit, text);
}

/* A machine that heats up over the minutes of a run: each invocation is level, but later ones are
 * slower. */
static void follow_invocations(struct ifm_trust_assessment *a)
{
    if (a->k < IFM_INTERVAL_MIN_K)
        return;
    for (size_t i = 0; i < a->k; i++)
        a->values[i] = (double)a->ok[i].stats->p50_ns;
    double p = ifm_steady_mann_kendall(a->values, a->k, NULL, NULL);
    size_t third = a->k / 3;
    double first = ifm_stat_median(a->values, third);
    for (size_t i = 0; i < third; i++)
        a->values[i] = (double)a->ok[a->k - third + i].stats->p50_ns;
    double growth = first > 0.0 ? ifm_stat_median(a->values, third) / first - 1.0 : 0.0;
    if (!(p < DRIFT_P) || growth <= DRIFT_LIMIT)
        return;
    char text[160];
    snprintf(
        text, sizeof text,
        "Invocations got slower one after the other, the last third by %.1f %% (limit %.0f %%).",
        100 * growth, 100 * DRIFT_LIMIT);
    ifm_trust_find(a, IFM_TRUST_DRIFT,
                   a->setup.scenario.kind == IFM_SCENARIO_SUSTAINED ? IFM_TRUST_NOTE_LEVEL
                                                                    : IFM_TRUST_CAUTION_LEVEL,
                   a->k, growth, DRIFT_LIMIT, text);
}

/* "p50:1%": half the width of the interval as a part of the value. */
static void check_target(struct ifm_trust_assessment *a, const char *word, size_t len)
{
    const char *colon = memchr(word, ':', len);
    if (!colon)
        return;
    double target = strtod(colon + 1, NULL) / 100.0;
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        struct ifm_estimate e;
        if (strlen(ifm_metrics[m].word) != (size_t)(colon - word) ||
            memcmp(ifm_metrics[m].word, word, (size_t)(colon - word)) != 0)
            continue;
        for (size_t i = 0; i < a->k; i++)
            a->values[i] = ifm_trust_value(&a->ok[i], (enum ifm_metric)m);
        ifm_summary_estimate(a->values, a->k, &e);
        double width = ifm_summary_half_width(&e);
        if (e.k == 0 || width <= target)
            return;
        char text[160];
        if (isnan(width))
            snprintf(text, sizeof text,
                     "The interval of %s is not there yet, asked for was %.3g %%.",
                     ifm_metrics[m].word, 100 * target);
        else
            snprintf(text, sizeof text,
                     "The interval of %s is %.2g %% to each side, asked for was %.3g %%.",
                     ifm_metrics[m].word, 100 * width, 100 * target);
        ifm_trust_find(a, IFM_TRUST_TARGET_NOT_REACHED, IFM_TRUST_CAUTION_LEVEL, a->k, width,
                       target, text);
    }
}

static void check_targets(struct ifm_trust_assessment *a, const char *until)
{
    while (*until) {
        size_t len = strcspn(until, ",");
        check_target(a, until, len);
        until += len + (until[len] == ',');
    }
}

/* -- Sources that are not there ------------------------------------------------------------------
 */

static bool observed(const struct ifm_trust_assessment *a, const char *sampler, const char *lane)
{
    for (size_t i = 0; i < a->k; i++)
        if (sampler ? ifm_trust_has_lane(a->ok[i].body, sampler, lane)
                    : a->ok[i].body->energy.count > 0)
            return true;
    return false;
}

static void name_unobserved(struct ifm_trust_assessment *a)
{
    static const struct {
        const char *word, *sampler, *lane;
    } sources[] = { { "clock", "freq", "busy_khz" },
                    { "temperature", "thermal", "max_mc" },
                    { "throttling", "thermal", "throttle_count" },
                    { "steal", "proc", "steal_ns" },
                    { "pressure", "proc", "psi_cpu_some_us" },
                    { "energy", NULL, NULL } };
    enum { SOURCES = sizeof sources / sizeof *sources };
    char **words = ifm_alloc_array(SOURCES, sizeof *words);
    a->out->unobserved.items = words;
    a->rc = words ? a->rc : IFM_ERR_NOMEM;
    for (size_t i = 0; !a->rc && i < SOURCES; i++) {
        if (observed(a, sources[i].sampler, sources[i].lane))
            continue;
        char *word = ifm_dup(sources[i].word);
        if (word)
            words[a->out->unobserved.count++] = word;
        else
            a->rc = IFM_ERR_NOMEM;
    }
}

/* -- The verdict ---------------------------------------------------------------------------------
 */

/* Worst first, then in the order of the codes; the list is short. */
static void sort_findings(struct ifm_list *findings)
{
    struct ifm_msg_finding *items = findings->items;
    for (size_t i = 1; i < findings->count; i++) {
        struct ifm_msg_finding moving = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1].severity < moving.severity; at--)
            items[at] = items[at - 1];
        items[at] = moving;
    }
}

static int by_number(const void *left, const void *right)
{
    const struct ifm_trust_item *a = left, *b = right;
    return (a->body->n > b->body->n) - (a->body->n < b->body->n);
}

static int select_items(struct ifm_trust_assessment *a, const struct ifm_trust_item *items,
                        size_t count)
{
    a->ok = ifm_alloc_array(count + 1, sizeof *a->ok);
    a->values = ifm_alloc_array(count + 1, sizeof *a->values);
    if (!a->ok || !a->values)
        return IFM_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (items[i].body->status == 0 && items[i].stats && items[i].stats->n > 0)
            a->ok[a->k++] = items[i];
    qsort(a->ok, a->k, sizeof *a->ok, by_number);
    return 0;
}

int ifm_trust_assess(const struct ifm_msg_run *run, const struct ifm_trust_item *items,
                     size_t count, struct ifm_trust *out, struct ifm_err *err)
{
    struct ifm_trust_assessment a = { .out = out };
    memset(out, 0, sizeof *out);
    read_setup(&run->config, &a.setup);
    a.rc = select_items(&a, items, count);
    if (!a.rc) {
        count_invocations(&a, items, count);
        look_for_emulator(&a, run, items, count);
        compare_invocations(&a);
        ifm_trust_apply_rules(&a);
        follow_invocations(&a);
        if (a.k > 0)
            check_targets(&a, setting(&run->config, "until"));
        if (a.k > 0 && strcmp(setting(&run->config, "sandbox"), "off") == 0)
            ifm_trust_find(&a, IFM_TRUST_SANDBOX_OFF, IFM_TRUST_NOTE_LEVEL, a.k, NAN, NAN,
                           "System calls of the runtime and the model were not filtered.");
        name_unobserved(&a);
    }
    ifm_free(a.ok);
    ifm_free(a.values);
    if (a.rc) {
        ifm_trust_done(out);
        return ifm_err_set(err, IFM_ERR_NOMEM, "trust", "out of memory");
    }
    sort_findings(&out->findings);
    out->state = IFM_TRUST_TRUSTED;
    const struct ifm_msg_finding *worst = out->findings.items;
    if (out->findings.count > 0 && worst->severity >= (int)IFM_TRUST_CAUTION_LEVEL)
        out->state = worst->severity == (int)IFM_TRUST_CAUTION_LEVEL ? IFM_TRUST_CAUTION
                                                                     : IFM_TRUST_UNTRUSTED;
    return 0;
}

/* -- Where it is kept ----------------------------------------------------------------------------
 */

static void free_findings(struct ifm_list *list)
{
    struct ifm_msg_finding *items = list->items;
    for (size_t i = 0; i < list->count; i++) {
        ifm_free(items[i].code);
        ifm_free(items[i].text);
        ifm_free(items[i].remedy);
    }
    ifm_free(items);
    *list = (struct ifm_list){ 0 };
}

static void free_strings(struct ifm_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        ifm_free(strings->items[i]);
    ifm_free(strings->items);
    *strings = (struct ifm_strings){ 0 };
}

void ifm_trust_done(struct ifm_trust *trust)
{
    free_findings(&trust->findings);
    free_strings(&trust->unobserved);
    memset(trust, 0, sizeof *trust);
}

/* The reasons of the verdict, not the notes beside it. */
static int write_reasons(const struct ifm_list *findings, struct ifm_strings *reasons)
{
    const struct ifm_msg_finding *items = findings->items;
    *reasons = (struct ifm_strings){ 0 };
    reasons->items = ifm_alloc_array(findings->count + 1, sizeof *reasons->items);
    if (!reasons->items)
        return IFM_ERR_NOMEM;
    for (size_t i = 0; i < findings->count; i++) {
        char text[600];
        if (items[i].severity < (int)IFM_TRUST_CAUTION_LEVEL)
            continue;
        snprintf(text, sizeof text, "%s: %s %s", items[i].code, items[i].text, items[i].remedy);
        reasons->items[reasons->count] = ifm_dup(text);
        if (!reasons->items[reasons->count])
            return IFM_ERR_NOMEM;
        reasons->count++;
    }
    return 0;
}

int ifm_trust_store(struct ifm_trust *trust, struct ifm_msg_run *run, struct ifm_err *err)
{
    struct ifm_strings reasons;
    if (write_reasons(&trust->findings, &reasons) != 0) {
        free_strings(&reasons);
        return ifm_err_set(err, IFM_ERR_NOMEM, "trust", "out of memory");
    }
    free_findings(&run->trust_findings);
    free_strings(&run->trust_reasons);
    free_strings(&run->trust_unobserved);
    run->trust = (int)trust->state;
    run->trust_findings = trust->findings;
    run->trust_reasons = reasons;
    run->trust_unobserved = trust->unobserved;
    memset(trust, 0, sizeof *trust);
    return 0;
}

/* Appends what fits; text stays NUL-terminated. */
static void append(char *text, size_t size, const char *before, const char *word)
{
    size_t used = strlen(text);
    if (used + 1 < size)
        snprintf(text + used, size - used, "%s%s", before, word);
}

void ifm_trust_line(const struct ifm_msg_run *run, char *text, size_t size)
{
    static const char *const words[] = { "not assessed", "trusted", "caution", "untrusted" };
    const struct ifm_msg_finding *items = run->trust_findings.items;
    const int state = run->trust >= 0 && run->trust <= 3 ? run->trust : 0;
    const char *before = ": ";
    snprintf(text, size, "%s", words[state]);
    if (state == IFM_TRUST_CAUTION || state == IFM_TRUST_UNTRUSTED) {
        for (size_t i = 0; i < run->trust_findings.count; i++) {
            if (items[i].severity < (int)IFM_TRUST_CAUTION_LEVEL || !items[i].code)
                continue;
            append(text, size, before, items[i].code);
            before = ", ";
        }
    } else if (state == IFM_TRUST_TRUSTED && run->trust_unobserved.count > 0) {
        before = "; ";
        for (size_t i = 0; i < run->trust_unobserved.count; i++) {
            append(text, size, before, run->trust_unobserved.items[i]);
            before = ", ";
        }
        append(text, size, "", " not observed");
    }
}
