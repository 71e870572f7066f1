/* The trust verdict: every reason has conditions that provoke it and conditions just short of them
 * that do not; a quiet run is trusted; what a machine does not have lowers nothing. */
#include "tests/lib/testlib.h"

#include "near.h"

#include "core/mem.h"
#include "core/trust.h"

enum { K = 10, READS = 5 };
enum { PROC, FREQ, THERMAL, GROUPS };
enum { OWN, BUSY, STEAL, CPU_WAIT, MEMORY_WAIT, QUOTA, KHZ, HOTTEST, THROTTLES, COOLING, LANES };

static const struct {
    int group;
    const char *name;
} lane_rows[LANES] = {
    { PROC, "process_cpu_ns" },   { PROC, "host_busy_ns" },       { PROC, "steal_ns" },
    { PROC, "psi_cpu_some_us" },  { PROC, "psi_memory_some_us" }, { PROC, "cgroup_throttled" },
    { FREQ, "busy_khz" },         { THERMAL, "max_mc" },          { THERMAL, "throttle_count" },
    { THERMAL, "cooling_state" },
};

/* One run of ten quiet invocations, three seconds each, that the cases disturb. */
struct fixture {
    struct ifm_msg_run run;
    struct ifm_map_entry config[8];
    struct ifm_trust_item items[K];
    struct ifm_msg_invocation bodies[K];
    struct ifm_invocation_stats stats[K];
    struct ifm_msg_lanes groups[K][GROUPS];
    struct ifm_msg_lane lanes[K][LANES];
    int64_t t[READS];
    int64_t values[K][LANES][READS];
    struct ifm_msg_energy rails[K];
};
static struct fixture f;

#define SECOND INT64_C(1000000000)

static void fill_lanes(int i)
{
    static const char *const samplers[] = { "proc", "freq", "thermal" };
    int next = 0;
    for (int g = 0; g < GROUPS; g++) {
        f.groups[i][g] = (struct ifm_msg_lanes){ .sampler = (char *)(uintptr_t)samplers[g],
                                                 .t_ns = { f.t, READS } };
        f.groups[i][g].lanes.items = &f.lanes[i][next];
        for (; next < LANES && lane_rows[next].group == g; next++) {
            f.lanes[i][next] =
                (struct ifm_msg_lane){ .name = (char *)(uintptr_t)lane_rows[next].name,
                                       .values = { f.values[i][next], READS } };
            f.groups[i][g].lanes.count++;
        }
    }
    for (int r = 0; r < READS; r++) {
        f.values[i][OWN][r] = 5 * SECOND + r * SECOND;
        f.values[i][BUSY][r] = 500 * SECOND + r * SECOND + r * SECOND / 20;
        f.values[i][KHZ][r] = 3000000 - 20000 * r;
        f.values[i][HOTTEST][r] = 60000;
        f.values[i][THROTTLES][r] = 7;
    }
}

static void quiet(void)
{
    memset(&f, 0, sizeof f);
    f.run.config = (struct ifm_map){ f.config, 0 };
    f.run.planned = K;
    for (int r = 0; r < READS; r++) /* -0.5 s, 0.5 s, …, 3.5 s */
        f.t[r] = (2 * r - 1) * SECOND / 2;
    for (int i = 0; i < K; i++) {
        f.bodies[i] = (struct ifm_msg_invocation){ .n = i,
                                                   .iterations = 1024,
                                                   .steady_ns = 3 * SECOND,
                                                   .involuntary_switches = 20,
                                                   .clock_ratio = 1.00002,
                                                   .deterministic = true,
                                                   .warmup_end = 1,
                                                   .sandboxed = true };
        f.bodies[i].clock.resolution_ns = 30;
        f.bodies[i].lanes = (struct ifm_list){ f.groups[i], GROUPS };
        f.bodies[i].energy = (struct ifm_list){ &f.rails[i], 1 };
        f.stats[i] = (struct ifm_invocation_stats){ .n = 1024,
                                                    .p50_ns = 1000000 + 3000 * ((i * 7) % K),
                                                    .p99_enough = true,
                                                    .batch_calls = 1,
                                                    .throughput_per_s = 341,
                                                    .lateness_p99_ns = -1 };
        f.stats[i].steady = (struct ifm_steadiness){ .steady = IFM_STEADY_FLAT,
                                                     .mser_ratio = 1,
                                                     .drift_p = 0.4,
                                                     .drift_ratio = 1.001,
                                                     .outlier_share = 0.002,
                                                     .iqr_ratio = 0.03,
                                                     .autocorrelation = 0.05 };
        f.items[i] = (struct ifm_trust_item){ &f.bodies[i], &f.stats[i] };
        fill_lanes(i);
    }
}

static void set(const char *key, const char *value)
{
    f.config[f.run.config.count++] =
        (struct ifm_map_entry){ (char *)(uintptr_t)key, (char *)(uintptr_t)value };
}

static const struct ifm_msg_finding *finding(const struct ifm_trust *trust,
                                             enum ifm_trust_code code)
{
    const struct ifm_msg_finding *items = trust->findings.items;
    for (size_t i = 0; i < trust->findings.count; i++)
        if (strcmp(items[i].code, ifm_trust_code_name(code)) == 0)
            return &items[i];
    return NULL;
}

/* -- One case a reason --------------------------------------------------------------------------
 */

typedef void change(int i, bool enough); /* disturbs invocation i: enough, or just not enough */

#define CHANGE(name, field, too_much, tolerated)                                                   \
    static void name(int i, bool enough)                                                           \
    {                                                                                              \
        f.field = enough ? (too_much) : (tolerated);                                               \
    }
CHANGE(spread_within, stats[i].steady.iqr_ratio, 0.11, 0.09)
CHANGE(outliers, stats[i].steady.outlier_share, 0.02, 0.009)
CHANGE(correlation, stats[i].steady.autocorrelation, 0.5, 0.35)
CHANGE(slowdown, stats[i].steady.steady, IFM_STEADY_SLOWDOWN, IFM_STEADY_WARMUP)
CHANGE(no_steady_state, stats[i].steady.steady, IFM_STEADY_NO_STEADY_STATE, IFM_STEADY_TOO_FEW)
CHANGE(preempted, bodies[i].involuntary_switches, 200, 100)
CHANGE(major_faults, bodies[i].memory_steady.major_faults, 3, 0)
CHANGE(clock_slewed, bodies[i].clock_ratio, 1.002, 0.9993)
CHANGE(clock_wrong, bodies[i].clock_ratio, 0.97, NAN)
CHANGE(suspended, bodies[i].suspended_ns, 2 * SECOND, 500000)
CHANGE(maximum, bodies[i].end_reason, 2, 1)
CHANGE(other_bits, bodies[i].deterministic, false, true)
CHANGE(batched, stats[i].batch_calls, 40, 1)
CHANGE(sparse, groups[i][PROC].sparse, true, false)
CHANGE(few_samples, stats[i].p99_enough, false, true)
CHANGE(cooling, values[i][COOLING][4], 2, 0)
CHANGE(heat, values[i][THROTTLES][4], 9, 7)
CHANGE(quota, values[i][QUOTA][4], 1, 0)
CHANGE(stolen, values[i][STEAL][4], SECOND / 5, SECOND / 50)
CHANGE(waited, values[i][CPU_WAIT][4], 400000, 100000)
CHANGE(memory_short, values[i][MEMORY_WAIT][4], 400000, 100000)
CHANGE(late, stats[i].lateness_p99_ns, 3000000, 900000)
CHANGE(unanswered, bodies[i].unfinished, 12, 0)
CHANGE(behind, stats[i].throughput_per_s, 300, 335)

static void drift(int i, bool enough)
{
    f.stats[i].steady.drift_p = 0.001;
    f.stats[i].steady.drift_ratio = enough ? 1.05 : 1.015;
}
static void insignificant(int i, bool enough)
{
    f.stats[i].steady.drift_p = enough ? 0.001 : 0.02;
    f.stats[i].steady.drift_ratio = 1.05;
}
static void narrow_waves(int i, bool enough) /* of no size that matters */
{
    f.stats[i].steady.autocorrelation = 0.6;
    f.stats[i].steady.iqr_ratio = enough ? 0.02 : 0.005;
}
static void late_warmup(int i, bool enough)
{
    f.stats[i].steady.mser_share = 0.3;
    f.stats[i].steady.mser_ratio = enough ? 1.2 : 1.0;
}
static void cap(int i, bool enough) /* harmless where the timed phase was level */
{
    f.bodies[i].warmup_end = 2;
    f.stats[i].steady.steady = enough ? IFM_STEADY_WARMUP : IFM_STEADY_FLAT;
}
static void held_back(int i, bool enough) /* from before the phase to after it */
{
    for (int r = 0; r < READS; r++)
        f.values[i][COOLING][r] = enough ? 2 : 0;
}
static void held_back_for_a_while(int i, bool enough)
{
    f.values[i][COOLING][2] = enough ? 1 : 0;
}
static void slower_clock(int i, bool enough)
{
    for (int r = 2; r < READS; r++)
        f.values[i][KHZ][r] = enough ? 2700000 : 2900000;
}
static void others(int i, bool enough)
{
    for (int r = 0; r < READS; r++)
        f.values[i][BUSY][r] += enough ? r * SECOND : r * SECOND * 2 / 5;
}
static void cold(int i, bool enough)
{
    f.bodies[i].cold =
        (struct ifm_msg_cold){ .level = IFM_COLD_C0, .pages = 1000, .resident = enough ? 4 : 0 };
}
static void cold_unknown(int i, bool enough)
{
    f.bodies[i].cold = (struct ifm_msg_cold){ .level = enough ? IFM_COLD_C0 : IFM_COLD_C1,
                                              .pages = IFM_JSON_ABSENT,
                                              .resident = IFM_JSON_ABSENT };
}
static void over_limit(int i, bool enough)
{
    f.bodies[i].memory_load.peak_rss_bytes = enough ? 2000000000 : 900000000;
}
static void starved(int i, bool enough)
{
    f.bodies[i].status = enough;
    f.bodies[i].failure = enough ? IFM_FAIL_OUT_OF_MEMORY : IFM_FAIL_NONE;
}
static void failed(int i, bool enough)
{
    f.bodies[i].status = 1;
    f.bodies[i].failure = enough ? IFM_FAIL_CRASH : IFM_FAIL_INTERRUPTED;
}
static void spread_between(int i, bool enough)
{
    f.stats[i].p50_ns = (int64_t)(1e6 * (1 + (enough ? 0.07 : 0.04) * (i % 2 ? 1 : -1)));
}
static void wide_spread(int i, bool enough)
{
    f.stats[i].p50_ns = (int64_t)(1e6 * (1 + (enough ? 0.4 : 0.04) * (i % 2 ? 1 : -1)));
}
static void hotter_and_hotter(int i, bool enough)
{
    f.stats[i].p50_ns = (int64_t)(1e6 * (1 + (enough ? 0.006 : 0.001) * i));
}
static void backlog(int i, bool enough)
{
    f.stats[i].steady.drift_p = 0.0001;
    f.stats[i].steady.drift_ratio = enough ? 4 : 1.5;
}

static const struct one {
    enum ifm_trust_code code;
    enum ifm_trust_severity severity;
    change *change;
    size_t least; /* invocations of ten that it takes */
    size_t most;  /* … that are disturbed where all are */
    const char *key, *value, *key2, *value2;
} cases[] = {
#define NOTE      IFM_TRUST_NOTE_LEVEL
#define CAUTION   IFM_TRUST_CAUTION_LEVEL
#define UNTRUSTED IFM_TRUST_UNTRUSTED_LEVEL
    { IFM_TRUST_FAILED_INVOCATIONS, CAUTION, failed, 1, 2, 0, 0, 0, 0 },
    { IFM_TRUST_FAILED_INVOCATIONS, UNTRUSTED, failed, 3, 4, 0, 0, 0, 0 },
    { IFM_TRUST_BETWEEN_SPREAD, CAUTION, spread_between, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_BETWEEN_SPREAD, UNTRUSTED, wide_spread, 4, 10, 0, 0, 0, 0 },
    { IFM_TRUST_WITHIN_SPREAD, CAUTION, spread_within, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_OUTLIERS, CAUTION, outliers, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_AUTOCORRELATION, CAUTION, correlation, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_AUTOCORRELATION, CAUTION, narrow_waves, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_DRIFT, CAUTION, drift, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_DRIFT, CAUTION, insignificant, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_DRIFT, CAUTION, hotter_and_hotter, 10, 10, 0, 0, 0, 0 },
    { IFM_TRUST_DRIFT, NOTE, drift, 3, 10, "scenario", "sustained", 0, 0 },
    { IFM_TRUST_NOT_STEADY, CAUTION, slowdown, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_NOT_STEADY, CAUTION, no_steady_state, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_WARMUP_NOT_CONVERGED, CAUTION, cap, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_LATE_WARMUP, CAUTION, late_warmup, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_THROTTLED, UNTRUSTED, heat, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_THROTTLED, CAUTION, heat, 1, 2, 0, 0, 0, 0 },
    { IFM_TRUST_THROTTLED, UNTRUSTED, quota, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_THROTTLED, CAUTION, cooling, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_THROTTLED, CAUTION, held_back, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_THROTTLED, CAUTION, held_back_for_a_while, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_FREQUENCY, CAUTION, slower_clock, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_STEAL, CAUTION, stolen, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_CO_LOAD, CAUTION, others, 5, 10, 0, 0, 0, 0 },
    { IFM_TRUST_CO_LOAD, CAUTION, waited, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_CO_LOAD, CAUTION, memory_short, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_PREEMPTED, CAUTION, preempted, 6, 10, 0, 0, 0, 0 },
    { IFM_TRUST_MAJOR_FAULTS, CAUTION, major_faults, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_CLOCK_MISMATCH, CAUTION, clock_slewed, 1, 10, 0, 0, 0, 0 },
    { IFM_TRUST_CLOCK_MISMATCH, UNTRUSTED, clock_wrong, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_SUSPENDED, UNTRUSTED, suspended, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_SUSPENDED, CAUTION, suspended, 1, 2, 0, 0, 0, 0 },
    { IFM_TRUST_MAXIMUM_REACHED, UNTRUSTED, maximum, 3, 10, 0, 0, 0, 0 },
    { IFM_TRUST_NONDETERMINISTIC, NOTE, other_bits, 1, 10, 0, 0, 0, 0 },
    { IFM_TRUST_MEMORY_LIMIT, UNTRUSTED, over_limit, 3, 10, "memory_limit_bytes", "1500000000", 0,
      0 },
    { IFM_TRUST_MEMORY_LIMIT, UNTRUSTED, starved, 1, 2, "memory_limit_bytes", "1500000000", 0, 0 },
    { IFM_TRUST_BATCHED, NOTE, batched, 1, 10, 0, 0, 0, 0 },
    { IFM_TRUST_SAMPLER_SPARSE, NOTE, sparse, 1, 10, 0, 0, 0, 0 },
    { IFM_TRUST_FEW_SAMPLES, NOTE, few_samples, 1, 10, 0, 0, 0, 0 },
    { IFM_TRUST_COLD_NOT_PROVEN, CAUTION, cold, 1, 10, 0, 0, 0, 0 },
    { IFM_TRUST_COLD_NOT_PROVEN, CAUTION, cold_unknown, 1, 10, 0, 0, 0, 0 },
    { IFM_TRUST_GENERATOR_LATE, UNTRUSTED, late, 3, 10, "scenario", "server", "rate", "341" },
    { IFM_TRUST_GENERATOR_LATE, CAUTION, late, 1, 2, "scenario", "server", "bound_ns", "30000000" },
    { IFM_TRUST_OVERLOADED, UNTRUSTED, unanswered, 3, 10, "scenario", "server", "rate", "341" },
    { IFM_TRUST_OVERLOADED, UNTRUSTED, behind, 3, 10, "scenario", "paced", "period_ns", "3000000" },
    { IFM_TRUST_OVERLOADED, UNTRUSTED, backlog, 3, 10, "scenario", "server", "rate", "341" },
};

static struct ifm_trust assess_case(const struct one *c, size_t count, bool enough)
{
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    if (c->key)
        set(c->key, c->value);
    if (c->key2)
        set(c->key2, c->value2);
    for (int i = 0; c->key && i < K; i++)
        f.stats[i].lateness_p99_ns = 20000;
    for (size_t i = 0; i < count; i++)
        c->change((int)i, enough);
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    return trust;
}

static void expect(const struct one *c, size_t count, bool enough, bool found)
{
    struct ifm_trust trust = assess_case(c, count, enough);
    const struct ifm_msg_finding *got = finding(&trust, c->code);
    bool right = (got && (!found || got->severity == (int)c->severity)) == found;
    if (!right)
        print_error("case %d, %s: %zu invocations, %s: %s\n", (int)(c - cases),
                    ifm_trust_code_name(c->code), count, enough ? "over" : "under",
                    got ? got->text : "not found");
    assert_true(right);
    if (found) {
        assert_true((int)trust.state == (int)c->severity + 1);
        assert_true(got->text[0] >= '0' && got->text[0] <= 'Z');
        assert_int_equal(got->text[strlen(got->text) - 1], '.');
        assert_string_equal(got->remedy, ifm_trust_remedy(c->code));
        assert_true(got->invocations >= 1 && got->invocations <= K);
    }
    ifm_trust_done(&trust);
}

static void each_reason_is_found_and_only_then(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct one *c = &cases[i];
        expect(c, c->least, true, true);
        expect(c, c->most, true, true);
        expect(c, c->most, false, false);
        /* One invocation less is not enough, where more than one is needed. */
        if (c->least > 1 && c->severity != UNTRUSTED && c->change != spread_between &&
            c->change != hotter_and_hotter && c->change != others && c->change != stolen &&
            c->change != waited && c->change != memory_short)
            expect(c, c->least - 1, true, false);
    }
}

static void every_code_has_a_case(void **state)
{
    (void)state;
    static const enum ifm_trust_code elsewhere[] = { IFM_TRUST_FEW_INVOCATIONS,
                                                     IFM_TRUST_SANDBOX_OFF,
                                                     IFM_TRUST_TARGET_NOT_REACHED,
                                                     IFM_TRUST_EMULATED };
    for (int code = 0; code < IFM_TRUST_CODE_COUNT; code++) {
        bool there = false;
        for (size_t i = 0; i < COUNT(cases); i++)
            there = there || (int)cases[i].code == code;
        for (size_t i = 0; i < COUNT(elsewhere); i++)
            there = there || (int)elsewhere[i] == code;
        if (!there)
            print_error("%s has no case\n", ifm_trust_code_name((enum ifm_trust_code)code));
        assert_true(there);
        const char *remedy = ifm_trust_remedy((enum ifm_trust_code)code);
        assert_true(remedy && strlen(remedy) > 10 && remedy[strlen(remedy) - 1] == '.');
    }
    assert_string_equal(ifm_trust_code_name((enum ifm_trust_code)999), "unknown");
}

static void the_method_names_every_code(void **state)
{
    (void)state;
    char *path = t_source_path("docs/method.md");
    char *page = t_read(path, NULL);
    for (int code = 0; code < IFM_TRUST_CODE_COUNT; code++) {
        char word[64];
        snprintf(word, sizeof word, "`%s`", ifm_trust_code_name((enum ifm_trust_code)code));
        t_assert_contains(page, word);
    }
    ifm_free(page);
    ifm_free(path);
}

/* -- The run ------------------------------------------------------------------------------------
 */

static void a_quiet_run_is_trusted(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(trust.state, IFM_TRUST_TRUSTED);
    assert_int_equal(trust.findings.count, 0);
    assert_int_equal(trust.unobserved.count, 0);
    ifm_trust_done(&trust);
    ifm_trust_done(&trust);
}

/* One of six is enough: its timings are among the run's. */
static void an_emulated_invocation_is_never_trusted(void **state)
{
    (void)state;
    static char name[] = "qemu-aarch64-static";
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    f.bodies[K - 1].emulator = name;
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    f.bodies[K - 1].emulator = NULL;
    const struct ifm_msg_finding *finding = trust.findings.items;
    assert_int_equal(trust.state, IFM_TRUST_UNTRUSTED);
    assert_int_equal(trust.findings.count, 1);
    assert_string_equal(finding->code, "emulated");
    assert_int_equal(finding->severity, IFM_TRUST_UNTRUSTED_LEVEL);
    assert_int_equal(finding->invocations, 1);
    t_assert_contains(finding->text, name);
    ifm_trust_done(&trust);
}

static void what_is_not_there_lowers_nothing(void **state)
{
    (void)state;
    static const char *const all[] = { "clock", "temperature", "throttling",
                                       "steal", "pressure",    "energy" };
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    for (int i = 0; i < K; i++) {
        f.bodies[i].lanes.count = 0;
        f.bodies[i].energy.count = 0;
        f.bodies[i].clock_ratio = NAN;
        f.bodies[i].involuntary_switches = IFM_JSON_ABSENT;
        f.bodies[i].iterations = IFM_JSON_ABSENT;
        f.bodies[i].memory_steady.major_faults = IFM_JSON_ABSENT;
        f.bodies[i].clock.resolution_ns = 0;
        f.bodies[i].deterministic = false; /* a body of a script */
    }
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(trust.state, IFM_TRUST_TRUSTED);
    assert_int_equal(trust.findings.count, 0);
    assert_int_equal(trust.unobserved.count, COUNT(all));
    for (size_t i = 0; i < COUNT(all); i++)
        assert_string_equal(trust.unobserved.items[i], all[i]);
    ifm_trust_done(&trust);
}

/* A sampler that was switched off in the warm-up has lanes, but none of the timed phase. */
static void a_source_that_ended_early_is_named(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    int64_t before[] = { -SECOND, -SECOND / 2 };
    for (int i = 0; i < K; i++)
        f.groups[i][FREQ].t_ns = (struct ifm_ints){ before, COUNT(before) };
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(trust.state, IFM_TRUST_TRUSTED);
    assert_int_equal(trust.unobserved.count, 1);
    assert_string_equal(trust.unobserved.items[0], "clock");
    ifm_trust_done(&trust);
}

static void few_invocations_are_a_note(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    for (size_t k = 1; k <= 6; k++) {
        quiet();
        assert_int_equal(ifm_trust_assess(&f.run, f.items, k, &trust, &err), 0);
        const struct ifm_msg_finding *few = finding(&trust, IFM_TRUST_FEW_INVOCATIONS);
        assert_int_equal(trust.state, IFM_TRUST_TRUSTED);
        assert_true((few != NULL) == (k < 6));
        if (few)
            assert_int_equal(few->severity, IFM_TRUST_NOTE_LEVEL);
        ifm_trust_done(&trust);
    }
    quiet();
    assert_int_equal(ifm_trust_assess(&f.run, f.items, 0, &trust, &err), 0);
    assert_int_equal(trust.state, IFM_TRUST_UNTRUSTED);
    assert_non_null(finding(&trust, IFM_TRUST_FAILED_INVOCATIONS));
    ifm_trust_done(&trust);
}

/* With two to five invocations the estimate of their spread scatters by half of itself. */
static void small_runs_may_spread_more(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    f.stats[1].p50_ns = 1100000; /* 7 % of two */
    assert_int_equal(ifm_trust_assess(&f.run, f.items, 2, &trust, &err), 0);
    assert_null(finding(&trust, IFM_TRUST_BETWEEN_SPREAD));
    ifm_trust_done(&trust);
    f.stats[1].p50_ns = 1200000;
    assert_int_equal(ifm_trust_assess(&f.run, f.items, 2, &trust, &err), 0);
    assert_int_equal(trust.state, IFM_TRUST_CAUTION);
    ifm_trust_done(&trust);
}

static void a_single_invocation_speaks_for_itself(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    slowdown(0, true);
    assert_int_equal(ifm_trust_assess(&f.run, f.items, 1, &trust, &err), 0);
    assert_non_null(finding(&trust, IFM_TRUST_NOT_STEADY));
    ifm_trust_done(&trust);
}

static void a_target_is_recomputed(void **state)
{
    (void)state;
    static const struct {
        const char *until;
        bool reached;
    } targets[] = { { "p50:5%", true },
                    { "p50:0.5%", false },
                    { "p50:5%,p99:1%", true },
                    { "p50:5%,load:1%", true },
                    { "p50:0.5%,p99:1%", false },
                    { "nonsense", true },
                    { "", true },
                    { "p50", true } };
    for (size_t i = 0; i < COUNT(targets); i++) {
        struct ifm_trust trust;
        struct ifm_err err = IFM_ERR_INIT;
        quiet();
        set("until", targets[i].until);
        for (int n = 0; n < K; n++)
            f.stats[n].p99_ns = 2000000;
        assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
        assert_true((finding(&trust, IFM_TRUST_TARGET_NOT_REACHED) == NULL) == targets[i].reached);
        assert_int_equal(trust.state, targets[i].reached ? IFM_TRUST_TRUSTED : IFM_TRUST_CAUTION);
        ifm_trust_done(&trust);
        assert_int_equal(ifm_trust_assess(&f.run, f.items, 3, &trust, &err), 0); /* no interval */
        assert_true((finding(&trust, IFM_TRUST_TARGET_NOT_REACHED) != NULL) ==
                    (strchr(targets[i].until, ':') != NULL));
        ifm_trust_done(&trust);
    }
}

static void no_filter_is_a_note(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    set("sandbox", "off");
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(finding(&trust, IFM_TRUST_SANDBOX_OFF)->severity, IFM_TRUST_NOTE_LEVEL);
    assert_int_equal(trust.state, IFM_TRUST_TRUSTED);
    ifm_trust_done(&trust);
}

/* Latency of a queue is spread, correlated and full of outliers by nature. */
static void queues_are_not_judged_as_loops(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    set("scenario", "server");
    set("rate", "341");
    for (int i = 0; i < K; i++) {
        spread_within(i, true);
        outliers(i, true);
        correlation(i, true);
        slowdown(i, true);
        drift(i, true);
    }
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(trust.state, IFM_TRUST_TRUSTED);
    ifm_trust_done(&trust);
}

/* A window shorter than the ticks of /proc/stat must not turn one tick into a finding. */
static void short_phases_are_not_judged_by_ticks(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    for (int i = 0; i < K; i++) {
        f.bodies[i].steady_ns = SECOND / 10;
        for (int r = 0; r < READS; r++) {
            f.values[i][OWN][r] = r * SECOND / 20;
            f.values[i][BUSY][r] = r * SECOND / 20 + (r ? SECOND / 25 : 0);
            f.values[i][STEAL][r] = r ? SECOND / 100 : 0;
        }
    }
    for (int r = 0; r < READS; r++)
        f.t[r] = (r - 1) * SECOND / 10;
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_null(finding(&trust, IFM_TRUST_CO_LOAD));
    assert_null(finding(&trust, IFM_TRUST_STEAL));
    ifm_trust_done(&trust);
}

static void hostile_lanes_are_survived(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    quiet();
    f.groups[0][PROC].sampler = NULL;
    f.groups[1][PROC].t_ns.count = 0;
    f.lanes[2][BUSY].name = NULL;
    f.lanes[3][BUSY].values.count = 1;
    f.values[4][BUSY][4] = INT64_MIN;
    f.values[5][STEAL][0] = INT64_MAX;
    f.values[6][KHZ][0] = 0;
    f.values[7][BUSY][4] = INT64_MAX;
    f.values[7][BUSY][0] = INT64_MIN;
    f.bodies[8].steady_ns = IFM_JSON_ABSENT;
    f.stats[9].p50_ns = 0;
    f.items[9].stats = NULL;
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    ifm_trust_done(&trust);
}

/* -- Keeping and printing ------------------------------------------------------------------------
 */

static void findings_are_kept_worst_first(void **state)
{
    (void)state;
    struct ifm_trust trust;
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_run run;
    char line[200];
    quiet();
    ifm_json_init(&ifm_run_table, &run);
    ifm_trust_line(&run, line, sizeof line);
    assert_string_equal(line, "not assessed");
    for (int i = 0; i < K; i++) {
        batched(i, true);
        drift(i, true);
        f.lanes[i][KHZ].name = NULL;
    }
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(ifm_trust_store(&trust, &run, &err), 0);
    assert_int_equal(trust.findings.count, 0);
    ifm_trust_line(&run, line, sizeof line);
    assert_string_equal(line, "caution: drift");
    const struct ifm_msg_finding *items = run.trust_findings.items;
    assert_int_equal(run.trust_findings.count, 2);
    assert_string_equal(items[0].code, "drift");
    assert_string_equal(items[1].code, "batched");
    assert_int_equal(run.trust_reasons.count, 1);
    assert_string_equal(run.trust_reasons.items[0],
                        "drift: The last third was slower than the first: 5.0 % (limit 2 %), in 10 "
                        "of 10 invocations. Let the machine cool down (--cooldown) and fix the "
                        "clock (doctor --tune).");
    for (int i = 0; i < K; i++) {
        f.bodies[i].suspended_ns = SECOND;
        f.lanes[i][HOTTEST].name = NULL;
    }
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(ifm_trust_store(&trust, &run, &err), 0); /* replaces */
    ifm_trust_line(&run, line, sizeof line);
    assert_string_equal(line, "untrusted: suspended, drift");
    quiet();
    for (int i = 0; i < K; i++)
        f.lanes[i][KHZ].name = f.lanes[i][HOTTEST].name = NULL;
    assert_int_equal(ifm_trust_assess(&f.run, f.items, K, &trust, &err), 0);
    assert_int_equal(ifm_trust_store(&trust, &run, &err), 0);
    ifm_trust_line(&run, line, sizeof line);
    assert_string_equal(line, "trusted; clock, temperature not observed");
    char tight[12];
    ifm_trust_line(&run, tight, sizeof tight);
    assert_string_equal(tight, "trusted; cl");
    ifm_json_free(&ifm_run_table, &run);
}

static int whole(void *argument, struct ifm_err *err)
{
    struct ifm_trust trust;
    struct ifm_msg_run run;
    (void)argument;
    ifm_json_init(&ifm_run_table, &run);
    int rc = ifm_trust_assess(&f.run, f.items, K, &trust, err);
    if (!rc)
        rc = ifm_trust_store(&trust, &run, err);
    ifm_trust_done(&trust);
    if (!rc && run.trust_findings.count < 4)
        rc = IFM_ERR_INTERNAL;
    ifm_json_free(&ifm_run_table, &run);
    return rc;
}

static void no_memory_is_said(void **state)
{
    (void)state;
    quiet();
    for (int i = 0; i < K; i++) {
        drift(i, true);
        batched(i, true);
        heat(i, true);
        cooling(i, true); /* the same code, less severe */
        waited(i, true);
        f.bodies[i].energy.count = 0;
    }
    set("sandbox", "off");
    t_sweep_strict("trust", whole, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_run_is_trusted),
        cmocka_unit_test(an_emulated_invocation_is_never_trusted),
        cmocka_unit_test(each_reason_is_found_and_only_then),
        cmocka_unit_test(every_code_has_a_case),
        cmocka_unit_test(the_method_names_every_code),
        cmocka_unit_test(what_is_not_there_lowers_nothing),
        cmocka_unit_test(a_source_that_ended_early_is_named),
        cmocka_unit_test(few_invocations_are_a_note),
        cmocka_unit_test(small_runs_may_spread_more),
        cmocka_unit_test(a_single_invocation_speaks_for_itself),
        cmocka_unit_test(a_target_is_recomputed),
        cmocka_unit_test(no_filter_is_a_note),
        cmocka_unit_test(queues_are_not_judged_as_loops),
        cmocka_unit_test(short_phases_are_not_judged_by_ticks),
        cmocka_unit_test(hostile_lanes_are_survived),
        cmocka_unit_test(findings_are_kept_worst_first),
        cmocka_unit_test(no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
