#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/trust_parts.h"

/* -- The table --------------------------------------------------------------------------------- */

/* How one finding is made of K invocations. A test at 1 % in each of ten would cry in every tenth
 * run, and one bad invocation does not move a median; so most rules want several of them. */
enum rule {
    MEDIAN,  /* of what the invocations show */
    QUARTER, /* at least a quarter of the invocations, and two (one where there is but one) */
    COUNTED, /* as QUARTER, and in sum more than the scatter of a count explains */
    POOLED,  /* sum over sum: for what is counted too coarsely in one invocation */
    ANY,     /* one is enough; below a quarter of the invocations it is a caution at most */
};
enum unit { NONE, PERCENT, NUMBER, COUNT, CORES, MILLISECONDS, BYTES, CALLS };
enum scope { ALWAYS, CLOSED }; /* CLOSED: not where latency includes the queue before the model */

#define NOTE      IFM_TRUST_NOTE_LEVEL
#define CAUTION   IFM_TRUST_CAUTION_LEVEL
#define UNTRUSTED IFM_TRUST_UNTRUSTED_LEVEL
#define NEVER     INFINITY

static const struct row {
    enum ifm_trust_code code;
    enum rule rule;
    enum unit unit;
    enum scope scope;
    double limit; /* above it the finding has this severity … */
    enum ifm_trust_severity severity;
    double untrusted; /* … and above this it is untrusted */
    ifm_trust_measure *measure;
    const char *sentence;
} rows[] = {
#define R(code, ...)                                                                               \
    {                                                                                              \
        IFM_TRUST_##code, __VA_ARGS__                                                              \
    }
    R(WITHIN_SPREAD, MEDIAN, PERCENT, CLOSED, 0.10, CAUTION, NEVER, ifm_trust_within_spread,
      "The middle half of the inferences spreads over a part of the median"),
    R(OUTLIERS, COUNTED, PERCENT, CLOSED, 0.01, CAUTION, NEVER, ifm_trust_outliers,
      "Inferences far from all others"),
    R(AUTOCORRELATION, MEDIAN, NUMBER, CLOSED, 0.40, CAUTION, NEVER, ifm_trust_autocorrelation,
      "Consecutive inferences go together, correlation"),
    R(DRIFT, QUARTER, PERCENT, CLOSED, 0.02, CAUTION, NEVER, ifm_trust_drift,
      "The last third was slower than the first"),
    R(NOT_STEADY, QUARTER, NONE, CLOSED, 0.5, CAUTION, NEVER, ifm_trust_not_steady,
      "Latency changed its level: it got slower, or was not level at the end"),
    R(WARMUP_NOT_CONVERGED, QUARTER, NONE, CLOSED, 0.5, CAUTION, NEVER, ifm_trust_warmup_cap,
      "The warm-up reached its limit before latency was level"),
    R(LATE_WARMUP, QUARTER, PERCENT, CLOSED, 0.10, CAUTION, NEVER, ifm_trust_late_warmup,
      "The warm-up reached into the timed phase"),
    R(THROTTLED, ANY, COUNT, ALWAYS, 0, UNTRUSTED, NEVER, ifm_trust_heat,
      "The CPU throttled itself against heat, times"),
    R(THROTTLED, ANY, COUNT, ALWAYS, 0, UNTRUSTED, NEVER, ifm_trust_quota,
      "The container's CPU quota stopped the process, times"),
    R(THROTTLED, QUARTER, COUNT, ALWAYS, 0, CAUTION, NEVER, ifm_trust_cooling,
      "The kernel held the CPU back to cool it, steps"),
    R(FREQUENCY, QUARTER, PERCENT, ALWAYS, 0.05, CAUTION, NEVER, ifm_trust_frequency,
      "The clock of the busy CPUs fell"),
    R(STEAL, POOLED, PERCENT, ALWAYS, 0.01, CAUTION, 0.25, ifm_trust_steal,
      "The hypervisor took CPU time away"),
    R(CO_LOAD, POOLED, CORES, ALWAYS, 0.5, CAUTION, NEVER, ifm_trust_others,
      "Other processes kept CPUs busy"),
    R(CO_LOAD, POOLED, PERCENT, ALWAYS, 0.05, CAUTION, NEVER, ifm_trust_cpu_pressure,
      "Tasks waited for a CPU, part of the time"),
    R(CO_LOAD, POOLED, PERCENT, ALWAYS, 0.05, CAUTION, NEVER, ifm_trust_memory_pressure,
      "Tasks waited for memory, part of the time"),
    R(PREEMPTED, MEDIAN, NUMBER, ALWAYS, 0.1, CAUTION, NEVER, ifm_trust_preempted,
      "Involuntary context switches in an inference"),
    R(MAJOR_FAULTS, QUARTER, COUNT, ALWAYS, 0, CAUTION, NEVER, ifm_trust_major_faults,
      "Pages were read from storage in the timed phase"),
    R(CLOCK_MISMATCH, ANY, PERCENT, ALWAYS, 0.001, CAUTION, 0.01, ifm_trust_clock,
      "Two clocks of the machine disagree"),
    R(SUSPENDED, ANY, MILLISECONDS, ALWAYS, 0, UNTRUSTED, NEVER, ifm_trust_suspended,
      "The machine slept in the timed phase"),
    R(GENERATOR_LATE, ANY, MILLISECONDS, ALWAYS, 1e6, UNTRUSTED, NEVER, ifm_trust_lateness,
      "Queries were issued late, P99"),
    R(MAXIMUM_REACHED, ANY, NONE, ALWAYS, 0.5, UNTRUSTED, NEVER, ifm_trust_maximum,
      "The timed phase was cut at its maximum, before it had what was asked for"),
    R(NONDETERMINISTIC, ANY, NONE, ALWAYS, 0.5, NOTE, NEVER, ifm_trust_nondeterministic,
      "Outputs before and after the timed phase were not the same bits"),
    R(MEMORY_LIMIT, ANY, BYTES, ALWAYS, 0, UNTRUSTED, NEVER, ifm_trust_memory,
      "The process went over the memory limit"),
    R(BATCHED, ANY, CALLS, ALWAYS, 1, NOTE, NEVER, ifm_trust_batched,
      "Too fast for the clock: one sample is many calls, so there is no percentile of single ones"),
    R(SAMPLER_SPARSE, ANY, NONE, ALWAYS, 0.5, NOTE, NEVER, ifm_trust_sparse,
      "No CPU was spare, so that samplers read at the ends of phases only"),
    R(FEW_SAMPLES, ANY, NONE, ALWAYS, 0.5, NOTE, NEVER, ifm_trust_few_samples,
      "Fewer than the 459 samples that P99 needs"),
    R(COLD_NOT_PROVEN, ANY, PERCENT, ALWAYS, 0, CAUTION, NEVER, ifm_trust_cold,
      "A cold load was asked for, but pages of the model file were, or may have been, in memory"),
    R(OVERLOADED, ANY, NONE, ALWAYS, 0, UNTRUSTED, NEVER, ifm_trust_overloaded,
      "Queries were not answered as fast as they came"),
#undef R
};
#define ROWS (sizeof rows / sizeof *rows)

static const char *const remedies[IFM_TRUST_CODE_COUNT] = {
    [IFM_TRUST_FEW_INVOCATIONS] = "Measure at least 6 invocations (--invocations 10).",
    [IFM_TRUST_FAILED_INVOCATIONS] = "Look at why they failed (show RUN) and measure again.",
    [IFM_TRUST_BETWEEN_SPREAD] =
        "Measure more invocations on a quieter machine; doctor says what disturbs.",
    [IFM_TRUST_WITHIN_SPREAD] = "Pin the threads (--cpus) and fix the clock (doctor --tune).",
    [IFM_TRUST_OUTLIERS] = "Stop other programs, keep interrupts off the measured CPUs.",
    [IFM_TRUST_AUTOCORRELATION] = "Fix the clock (doctor --tune) and stop other programs.",
    [IFM_TRUST_DRIFT] = "Let the machine cool down (--cooldown) and fix the clock (doctor --tune).",
    [IFM_TRUST_NOT_STEADY] =
        "Measure longer (--duration), on a quieter machine; doctor says what disturbs.",
    [IFM_TRUST_WARMUP_NOT_CONVERGED] =
        "Allow a longer warm-up (--warmup-max), or quiet the machine.",
    [IFM_TRUST_LATE_WARMUP] = "Warm up longer (--warmup N).",
    [IFM_TRUST_THROTTLED] = "Cool the machine, lower its clock, or raise the container's quota.",
    [IFM_TRUST_FREQUENCY] = "Fix the clock at a level it can keep (doctor --tune).",
    [IFM_TRUST_STEAL] = "Use a machine, or virtual CPUs, of your own.",
    [IFM_TRUST_CO_LOAD] = "Stop other programs, or keep them off the measured CPUs (--cpus).",
    [IFM_TRUST_PREEMPTED] = "Use fewer threads than CPUs, stop other programs.",
    [IFM_TRUST_MAJOR_FAULTS] = "Leave more memory free, warm up longer (--warmup N).",
    [IFM_TRUST_CLOCK_MISMATCH] = "Let time synchronisation settle, check the clock source.",
    [IFM_TRUST_SUSPENDED] = "Forbid sleep (systemd-inhibit) and measure again.",
    [IFM_TRUST_GENERATOR_LATE] =
        "Leave a CPU to the generator (fewer --threads, or --cpus), or offer a lower rate.",
    [IFM_TRUST_MAXIMUM_REACHED] = "Raise --maximum, or ask for fewer iterations.",
    [IFM_TRUST_NONDETERMINISTIC] = "One thread, or the runtime's deterministic option.",
    [IFM_TRUST_MEMORY_LIMIT] = "Raise --memory-limit, or use a smaller model or batch.",
    [IFM_TRUST_BATCHED] = "A larger --batch, if percentiles of single calls matter.",
    [IFM_TRUST_SAMPLER_SPARSE] = "Fewer --threads than CPUs give the samplers a CPU.",
    [IFM_TRUST_FEW_SAMPLES] = "More iterations (--iterations 1024).",
    [IFM_TRUST_SANDBOX_OFF] = "Leave out --no-sandbox unless the runtime needs what it forbids.",
    [IFM_TRUST_COLD_NOT_PROVEN] = "Put the model on a file system of its own, close what maps it.",
    [IFM_TRUST_TARGET_NOT_REACHED] =
        "Allow more (--max-invocations, --max-time), or accept a wider interval.",
    [IFM_TRUST_OVERLOADED] = "Offer a lower rate; --find-max-qps finds the highest.",
    [IFM_TRUST_EMULATED] = "Measure on a machine of that kind; here only the outputs mean something.",
};

const char *ifm_trust_code_name(enum ifm_trust_code code)
{
    static const char *const names[] = {
#define X(symbol, code) code,
        IFM_TRUST_CODES(X)
#undef X
    };
    return (size_t)code < IFM_TRUST_CODE_COUNT ? names[code] : "unknown";
}

const char *ifm_trust_remedy(enum ifm_trust_code code)
{
    return (size_t)code < IFM_TRUST_CODE_COUNT ? remedies[code] : "";
}

/* -- Findings ---------------------------------------------------------------------------------- */

static void add_number(char *text, size_t size, enum unit unit, double value, double limit)
{
    size_t used = strlen(text);
    char *end = text + used;
    size -= used;
    bool small = limit < 0.01 && value < 0.1;
    switch (unit) {
    case PERCENT:
        if (limit > 0.0)
            snprintf(end, size, small ? ": %.2f %% (limit %.1f %%)" : ": %.1f %% (limit %.0f %%)",
                     100 * value, 100 * limit);
        else
            snprintf(end, size, ": %.1f %%", 100 * value);
        break;
    case NUMBER:
        snprintf(end, size, ": %.2f (limit %.1f)", value, limit);
        break;
    case COUNT:
        snprintf(end, size, value < 10 && value != floor(value) ? ": %.2f" : ": %.0f", value);
        break;
    case CORES:
        snprintf(end, size, ": %.2f CPUs on average (limit %.1f)", value, limit);
        break;
    case MILLISECONDS:
        snprintf(end, size, limit > 0.0 ? ": %.2f ms (limit %.2f ms)" : ": %.0f ms", value / 1e6,
                 limit / 1e6);
        break;
    case BYTES:
        snprintf(end, size, ": %.0f MiB (limit %.0f MiB)", value / 1048576, limit / 1048576);
        break;
    case CALLS:
        snprintf(end, size, " (%.0f)", value);
        break;
    case NONE:
        break;
    }
}

/* One finding a code: the worse of two stays, the first of equals. */
static void add(struct ifm_trust_assessment *a, const struct ifm_msg_finding *found)
{
    struct ifm_msg_finding *items = a->out->findings.items;
    for (size_t i = 0; i < a->out->findings.count; i++) {
        if (strcmp(items[i].code, found->code) != 0)
            continue;
        if (items[i].severity >= found->severity)
            return;
        char *text = ifm_dup(found->text);
        if (!text) {
            a->rc = IFM_ERR_NOMEM;
            return;
        }
        ifm_free(items[i].text);
        char *code = items[i].code, *remedy = items[i].remedy;
        items[i] = *found;
        items[i].code = code;
        items[i].remedy = remedy;
        items[i].text = text;
        return;
    }
    items = ifm_resize_array(items, a->out->findings.count + 1, sizeof *items);
    if (!items) {
        a->rc = IFM_ERR_NOMEM;
        return;
    }
    a->out->findings.items = items;
    struct ifm_msg_finding *item = &items[a->out->findings.count++];
    *item = *found;
    item->code = ifm_dup(found->code);
    item->text = ifm_dup(found->text);
    item->remedy = ifm_dup(found->remedy);
    if (!item->code || !item->text || !item->remedy)
        a->rc = IFM_ERR_NOMEM;
}

void ifm_trust_find(struct ifm_trust_assessment *a, enum ifm_trust_code code,
                    enum ifm_trust_severity severity, size_t invocations, double value,
                    double limit, const char *text)
{
    struct ifm_msg_finding found = { .code = (char *)(uintptr_t)ifm_trust_code_name(code),
                                     .severity = (int)severity,
                                     .text = (char *)(uintptr_t)text,
                                     .remedy = (char *)(uintptr_t)ifm_trust_remedy(code),
                                     .invocations = (int64_t)invocations,
                                     .value = isfinite(value) ? value : NAN,
                                     .limit = isfinite(limit) ? limit : NAN };
    if (!a->rc)
        add(a, &found);
}

/* -- Rules over the invocations -----------------------------------------------------------------
 */

/* Invocations that must show a thing before it counts. */
static size_t quarter(size_t k)
{
    size_t least = (k + 3) / 4;
    return k == 1 ? 1 : least > 2 ? least : 2;
}

/* Sustained load is there to make a machine throttle and slow down: what it shows is the result. */
static bool is_the_result(const struct ifm_trust_assessment *a, const struct row *row)
{
    if (a->setup.scenario.kind != IFM_SCENARIO_SUSTAINED)
        return false;
    return row->scope == CLOSED || row->code == IFM_TRUST_THROTTLED ||
           row->code == IFM_TRUST_FREQUENCY;
}

static double row_limit(const struct ifm_trust_assessment *a, const struct row *row)
{
    if (row->code == IFM_TRUST_GENERATOR_LATE)
        return (double)ifm_scenario_late_limit(&a->setup.scenario);
    return row->code == IFM_TRUST_MEMORY_LIMIT ? (double)a->setup.memory_limit_bytes : row->limit;
}

struct tally {
    size_t observed, over;
    double amount, per; /* sums */
    double value;       /* what the rule makes of all of them */
    double worst;
};

static struct tally tally(const struct ifm_trust_assessment *a, const struct row *row, double limit)
{
    struct tally t = { .worst = -INFINITY };
    size_t kept = 0;
    for (size_t i = 0; i < a->k; i++) {
        double amount, per;
        if (!row->measure(&a->setup, &a->ok[i], &amount, &per) || !(per > 0.0))
            continue;
        double value = amount / per;
        t.observed++;
        t.over += value > limit;
        t.worst = value > t.worst ? value : t.worst;
        t.amount += amount;
        t.per += per;
        if (row->rule == MEDIAN || value > limit)
            a->values[kept++] = value;
    }
    if (row->rule == POOLED || row->rule == COUNTED)
        t.value = t.per > 0.0 ? t.amount / t.per : 0.0;
    else if (row->rule == ANY)
        t.value = t.worst;
    else
        t.value = kept ? ifm_stat_median(a->values, kept) : 0.0;
    return t;
}

/* Whether what the invocations show is a finding. */
static bool shows(const struct row *row, const struct tally *t, double limit)
{
    const bool several = row->rule == QUARTER || row->rule == COUNTED;
    if (t->observed == 0 || !(t->value > limit) || (several && t->over < quarter(t->observed)))
        return false;
    double expected = limit * t->per;
    return row->rule != COUNTED || t->amount > expected + 2.0 * sqrt(expected);
}

static enum ifm_trust_severity severity_of(const struct ifm_trust_assessment *a,
                                           const struct row *row, const struct tally *t)
{
    if (is_the_result(a, row))
        return NOTE;
    enum ifm_trust_severity severity = t->value > row->untrusted ? UNTRUSTED : row->severity;
    const bool rare = row->rule == ANY && t->over * 4 < t->observed;
    return severity == UNTRUSTED && rare ? CAUTION : severity;
}

static void apply(struct ifm_trust_assessment *a, const struct row *row)
{
    double limit = row_limit(a, row);
    struct tally t = tally(a, row, limit);
    if (!shows(row, &t, limit))
        return;
    char text[256];
    snprintf(text, sizeof text, "%s", row->sentence);
    add_number(text, sizeof text, row->unit, t.value, limit);
    size_t used = strlen(text);
    if (row->rule == QUARTER || row->rule == ANY)
        snprintf(text + used, sizeof text - used, ", in %zu of %zu invocation%s.", t.over,
                 t.observed, t.observed == 1 ? "" : "s");
    else
        snprintf(text + used, sizeof text - used, ".");
    const bool numbered = row->unit != NONE;
    ifm_trust_find(a, row->code, severity_of(a, row, &t), t.over, numbered ? t.value : NAN,
                   numbered ? limit : NAN, text);
}

void ifm_trust_apply_rules(struct ifm_trust_assessment *a)
{
    for (size_t i = 0; i < ROWS; i++) {
        bool queueing = a->setup.scenario.kind == IFM_SCENARIO_SERVER ||
                        a->setup.scenario.kind == IFM_SCENARIO_OFFLINE;
        if (rows[i].scope == ALWAYS || !queueing)
            apply(a, &rows[i]);
    }
}
