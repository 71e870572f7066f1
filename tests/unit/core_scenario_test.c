/* Figures of scenarios from samples, and early stopping against the method's reference values. */
#include "tests/lib/testlib.h"
#include <math.h>
#include <string.h>
#include "core/rng.h"
#include "core/scenario.h"

/* -- Early stopping: measurement.md 3.5 -----------------------------------------------------------
 */
static void early_stopping_has_the_reference_values(void **state)
{
    static const int64_t t[] = { 0, 1, 2, 3, 5, 10 };
    static const struct {
        double p;
        int64_t h[6];
    } rows[] = {
        { .5, { 7, 10, 12, 14, 17, 25 } },
        { .9, { 44, 63, 79, 94, 122, 187 } },
        { .95, { 90, 129, 163, 195, 254, 388 } },
        { .97, { 152, 218, 275, 329, 428, 657 } },
        { .99, { 459, 661, 836, 998, 1302, 2000 } },
        { .999, { 4603, 6635, 8401, 10039, 13100, 20130 } },
    };
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(ifm_scenario_early_h(t[i], rows[r].p), rows[r].h[i]);
        }
    }
}

static void early_stopping_needs_so_many_queries(void **state)
{
    (void)state;
    assert_int_equal(ifm_scenario_early_least(.9), 64);
    assert_int_equal(ifm_scenario_early_least(.95), 130);
    assert_int_equal(ifm_scenario_early_least(.97), 219);
    assert_int_equal(ifm_scenario_early_least(.99), 662);
    assert_int_equal(ifm_scenario_early_least(.999), 6636);
    assert_int_equal(ifm_scenario_early_least(.9999), 66381);
}

static void early_stopping_discards_so_many_of_n(void **state)
{
    static const struct {
        double p;
        int64_t n, t;
    } rows[] = {
        { .9, 100, 3 },      { .9, 1000, 78 },      { .9, 1024, 80 },      { .9, 10000, 930 },
        { .9, 24576, 2348 }, { .99, 1000, 2 },      { .99, 1024, 3 },      { .99, 6636, 47 },
        { .99, 10000, 77 },  { .99, 24576, 209 },   { .99, 270336, 2583 }, { .999, 10000, 2 },
        { .999, 24576, 13 }, { .999, 270336, 232 }, { .9, 63, 0 },         { .99, 661, 0 },
    };
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        assert_int_equal(ifm_scenario_early_t(rows[r].n, rows[r].p), rows[r].t);
    }
}

static void estimate_and_server_form_agree_with_h(void **state)
{
    static int64_t sorted[1024];
    (void)state;
    for (int i = 0; i < 1024; i++) {
        sorted[i] = i + 1;
    }
    assert_int_equal(ifm_scenario_early_estimate(sorted, 1024, 9900), 1024 - 3 + 1);
    assert_int_equal(ifm_scenario_early_estimate(sorted, 661, 9900), -1);
    /* the estimate is one rank above the exact one-sided 99 % bound: x_(n - t + 1) */
    assert_int_equal(ifm_scenario_early_estimate(sorted, 100, 9000), 98);
    for (int64_t over = 0; over < 20; over++) {
        const int64_t least = ifm_scenario_early_h(over, .99) + over;
        assert_true(ifm_scenario_early_pass(least, over, 9900));
        assert_false(ifm_scenario_early_pass(least - 1, over, 9900));
    }
    assert_false(ifm_scenario_early_pass(0, 0, 9900));
    assert_false(ifm_scenario_early_pass(5, 5, 9900));
}

/* -- What was asked -------------------------------------------------------------------------------
 */
static struct ifm_map map_of(struct ifm_map_entry *entries, size_t count)
{
    return (struct ifm_map){ .items = entries, .count = count };
}
#define ENTRY(k, v)                                                                                \
    {                                                                                              \
        .key = (char *)(uintptr_t)(k), .value = (char *)(uintptr_t)(v)                             \
    }

static void a_setup_is_read_from_the_configuration(void **state)
{
    struct ifm_map_entry entries[] = {
        ENTRY("arrival", "fixed"),     ENTRY("batch", "4"),
        ENTRY("bound_ns", "10000000"), ENTRY("bound_percentile", "9990"),
        ENTRY("rate", "12.5"),         ENTRY("scenario", "server"),
        ENTRY("streams", "8"),
    };
    struct ifm_map config = map_of(entries, sizeof entries / sizeof *entries);
    struct ifm_scenario_setup s;
    (void)state;
    ifm_scenario_from_config(&config, &s);
    assert_int_equal(s.kind, IFM_SCENARIO_SERVER);
    assert_true(s.rate_per_s == 12.5);
    assert_int_equal(s.batch, 4);
    assert_int_equal(s.streams, 8);
    assert_int_equal(s.arrival, 1);
    assert_int_equal(s.bound_ns, 10000000);
    assert_int_equal(s.percentile, 9990);
    assert_string_equal(ifm_scenario_name(s.kind), "server");
    config.count = 0;
    ifm_scenario_from_config(&config, &s);
    assert_int_equal(s.kind, IFM_SCENARIO_SINGLE);
    assert_true(isnan(s.rate_per_s));
    assert_int_equal(s.percentile, 9900);
    assert_int_equal(s.bound_ns, 0);
}

static void nonsense_in_a_configuration_counts_as_absent(void **state)
{
    struct ifm_map_entry entries[] = {
        ENTRY("bound_ns", "soon"), ENTRY("bound_percentile", "20000"), ENTRY("period_ns", "-4"),
        ENTRY("rate", "-1"),       ENTRY("scenario", "warp"),          ENTRY("streams", "0")
    };
    const struct ifm_map config = map_of(entries, sizeof entries / sizeof *entries);
    struct ifm_scenario_setup s;
    (void)state;
    ifm_scenario_from_config(&config, &s);
    assert_int_equal(s.kind, IFM_SCENARIO_SINGLE);
    assert_int_equal(s.bound_ns, 0);
    assert_int_equal(s.period_ns, 0);
    assert_int_equal(s.streams, 1);
    assert_int_equal(s.percentile, 9900);
    assert_true(isnan(s.rate_per_s));
    assert_string_equal(ifm_scenario_name(99), "single");
}

static void a_bound_is_a_time_and_a_percentile(void **state)
{
    struct ifm_err err = IFM_ERR_INIT;
    int64_t ns;
    unsigned p;
    static const char *const bad[] = { "",
                                       "@p99",
                                       "10ms@",
                                       "10ms@99",
                                       "10ms@p",
                                       "10ms@p100",
                                       "10ms@p0",
                                       "10ms@p99.999",
                                       "10ms@p9.9.9",
                                       "0s@p99",
                                       "fast",
                                       "10ms@p99x",
                                       "-5ms",
                                       "11111111111111111111111111111111111111ms" };
    (void)state;
    assert_int_equal(ifm_scenario_parse_bound("10ms@p99", &ns, &p, &err), 0);
    assert_true(ns == 10000000 && p == 9900);
    assert_int_equal(ifm_scenario_parse_bound("2s@p99.9", &ns, &p, &err), 0);
    assert_true(ns == 2000000000 && p == 9990);
    assert_int_equal(ifm_scenario_parse_bound("250us@p50", &ns, &p, &err), 0);
    assert_true(ns == 250000 && p == 5000);
    assert_int_equal(ifm_scenario_parse_bound("7ms", &ns, &p, &err), 0);
    assert_true(ns == 7000000 && p == 9900);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t_assert_error(ifm_scenario_parse_bound(bad[i], &ns, &p, &err), IFM_ERR_USAGE, &err,
                       "e.g. 10ms@p99");
    }
}

static void lateness_is_allowed_by_bound_or_period(void **state)
{
    struct ifm_scenario_setup s = { .kind = IFM_SCENARIO_SERVER, .bound_ns = 10000000 };
    (void)state;
    assert_int_equal(ifm_scenario_late_limit(&s), 1000000);
    s.bound_ns = 100000000;
    assert_int_equal(ifm_scenario_late_limit(&s), 5000000);
    s = (struct ifm_scenario_setup){ .kind = IFM_SCENARIO_PACED,
                                     .period_ns = 33300000,
                                     .bound_ns = 1 };
    assert_int_equal(ifm_scenario_late_limit(&s), 1665000);
}

/* -- Figures --------------------------------------------------------------------------------------
 */
enum { N = 1000 };
static int64_t latency[N], lateness[N], gaps[N], scratch[N];

static struct ifm_scenario_input input_of(int64_t latency_ns, int64_t period_ns)
{
    for (size_t i = 0; i < N; i++) {
        latency[i] = latency_ns;
        lateness[i] = 1000;
        gaps[i] = i == 0 ? 0 : period_ns - latency_ns;
    }
    return (struct ifm_scenario_input){ .latency_ns = latency,
                                        .lateness_ns = lateness,
                                        .gaps_ns = gaps,
                                        .n = N,
                                        .steady_ns = (N - 1) * period_ns + latency_ns };
}

static void paced_counts_missed_deadlines(void **state)
{
    const struct ifm_scenario_setup s = { .kind = IFM_SCENARIO_PACED,
                                          .period_ns = 10000000,
                                          .percentile = 9900 };
    struct ifm_scenario_input in = input_of(2000000, 10000000);
    struct ifm_scenario_figures f;
    (void)state;
    for (size_t i = 0; i < 30; i++) {
        latency[i * 10] = 10000001;
        latency[i * 10 + 1] = 10000000; /* just in time */
    }
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_int_equal(f.missed, 30);
    assert_true(fabs(f.missed_share - 0.03) < 1e-12);
    assert_true(f.valid && !f.overloaded);
    assert_string_equal(f.reason, "");
    assert_true(fabs(f.achieved_per_s - 100) < 0.2);
    in.unfinished = 10;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_int_equal(f.missed, 40);
    assert_true(f.overloaded);
    t_assert_contains(f.reason, "fell behind");
}

static void a_late_generator_makes_it_invalid(void **state)
{
    struct ifm_scenario_setup s = {
        .kind = IFM_SCENARIO_SERVER, .rate_per_s = 100, .bound_ns = 10000000, .percentile = 9900
    };
    const struct ifm_scenario_input in = input_of(2000000, 10000000);
    struct ifm_scenario_figures f;
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        lateness[i * 3] = 1500000; /* 1 %: not yet at P99 */
    }
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(f.valid);
    assert_int_equal(f.lateness_p99_ns, 1000);
    lateness[500] = 1500000;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_false(f.valid);
    t_assert_contains(f.reason, "late: P99 1.5 ms, at most 1 ms");
    s.bound_ns = 40000000; /* 5 % are 2 ms */
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(f.valid);
}

static void server_passes_by_early_stopping(void **state)
{
    const struct ifm_scenario_setup s = {
        .kind = IFM_SCENARIO_SERVER, .rate_per_s = 100, .bound_ns = 10000000, .percentile = 9900
    };
    struct ifm_scenario_input in = input_of(2000000, 10000000);
    struct ifm_scenario_figures f;
    (void)state;
    latency[5] = latency[6] = 11000000; /* n = 1000: two may be over */
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(f.passed);
    assert_int_equal(f.over_bound, 2);
    assert_int_equal(f.at_bound_ns, 2000000);
    assert_int_equal(f.early_ns, 11000000);
    latency[7] = 11000000;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_false(f.passed);
    in.unfinished = 1; /* no answer is over any bound */
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_false(f.passed);
    assert_int_equal(f.over_bound, 4);
    in.unfinished = 20;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(f.at_bound_ns == INT64_MAX);
    assert_int_equal(f.early_ns, -1);
}

static void an_overloaded_server_is_told_from_one_at_its_rate(void **state)
{
    struct ifm_scenario_setup s = { .kind = IFM_SCENARIO_SERVER,
                                    .rate_per_s = 100,
                                    .percentile = 9900 };
    struct ifm_scenario_input in = input_of(2000000, 10000000);
    struct ifm_scenario_figures f;
    (void)state;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_false(f.overloaded);
    s.rate_per_s = 110; /* within three standard deviations of n Poisson arrivals */
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_false(f.overloaded);
    s.arrival = 1; /* a fixed rate has none */
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(f.overloaded);
    s.arrival = 0;
    s.rate_per_s = 130;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(f.overloaded);
    t_assert_contains(f.reason, "of 130 queries a second");
}

static void offline_counts_items(void **state)
{
    const struct ifm_scenario_setup s = {
        .kind = IFM_SCENARIO_OFFLINE, .batch = 8, .streams = 4, .percentile = 9900
    };
    struct ifm_scenario_input in = input_of(1000000, 1000000);
    struct ifm_scenario_figures f;
    (void)state;
    in.lateness_ns = in.gaps_ns = NULL;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(fabs(f.achieved_per_s - 8000) < 1e-6);
    assert_int_equal(f.lateness_p99_ns, -1);
    assert_true(f.valid && isnan(f.missed_share));
    in.batch_calls = 3;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(fabs(f.achieved_per_s - 24000) < 1e-6);
}

static void nothing_measured_gives_figures_that_say_nothing(void **state)
{
    const struct ifm_scenario_setup s = { .kind = IFM_SCENARIO_SUSTAINED,
                                          .percentile = 9900,
                                          .bound_ns = 5 };
    const struct ifm_scenario_input in = { .n = 0 };
    struct ifm_scenario_figures f;
    (void)state;
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(isnan(f.achieved_per_s));
    assert_true(f.knee_ns == -1 && f.first_p50_ns == -1 && f.last_p50_ns == -1 && !f.passed);
    ifm_scenario_merge(&s, NULL, 0, &f);
    assert_true(isnan(f.achieved_per_s) && !f.passed);
}

/* -- Over time ------------------------------------------------------------------------------------
 */
static void a_sustained_run_shows_its_knee(void **state)
{
    const struct ifm_scenario_setup s = { .kind = IFM_SCENARIO_SUSTAINED, .percentile = 9900 };
    struct ifm_scenario_input in = input_of(100000000, 100000000); /* 100 s */
    struct ifm_scenario_figures f;
    struct ifm_rng rng;
    (void)state;
    in.lateness_ns = NULL;
    ifm_rng_init(&rng, 4);
    for (size_t i = 0; i < N; i++) {
        latency[i] += (int64_t)(ifm_rng_normal(&rng) * 2e6);
        gaps[i] = 0;
    }
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_int_equal(f.knee_ns, -1);
    for (size_t i = 600; i < N; i++) { /* from the 60th second on */
        latency[i] += 20000000;
    }
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_true(f.knee_ns > 57000000000 && f.knee_ns < 63000000000);
    assert_true(f.first_p50_ns > 98000000 && f.first_p50_ns < 102000000);
    assert_true(f.last_p50_ns > 118000000 && f.last_p50_ns < 122000000);
    for (size_t i = 700; i < N; i++) { /* a stall, not a knee */
        latency[i] -= 20000000;
    }
    ifm_scenario_assess(&s, &in, scratch, &f);
    assert_int_equal(f.knee_ns, -1);
}

static void windows_hold_the_samples_that_started_in_them(void **state)
{
    static struct ifm_scenario_window w[IFM_SCENARIO_WINDOWS_MAX];
    struct ifm_scenario_input in = input_of(2000000, 10000000);
    int64_t width = 100000000;
    (void)state;
    for (size_t i = 0; i < N; i++) {
        latency[i] = 1000000 + (int64_t)(i % 10) * 1000;
        gaps[i] = i == 0 ? 0 : 10000000 - latency[i - 1];
    }
    size_t count = ifm_scenario_windows(&in, &width, scratch, w);
    assert_int_equal(count, 100);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(w[i].n, 10);
        assert_int_equal(w[i].p50_ns, 1004000);
        assert_int_equal(w[i].p90_ns, 1008000);
        assert_int_equal(w[i].lateness_p99_ns, 1000);
        assert_int_equal(w[i].t_ns, (int64_t)i * 100000000);
    }
    in.batch_calls = 2; /* shown per call */
    ifm_scenario_windows(&in, &width, scratch, w);
    assert_int_equal(w[0].p50_ns, 502000);
    assert_int_equal(w[0].p90_ns, 504000);
    in.batch_calls = 1;
    gaps[500] += 1000000000; /* a second in which nothing started */
    count = ifm_scenario_windows(&in, &width, scratch, w);
    assert_int_equal(count, 110);
    assert_int_equal(w[55].n, 0);
    assert_int_equal(w[55].p50_ns, -1);
    width = 1000; /* more than there may be */
    count = ifm_scenario_windows(&in, &width, scratch, w);
    assert_true(count <= IFM_SCENARIO_WINDOWS_MAX && count > 500 && width > 1000);
    width = 0;
    assert_true(ifm_scenario_windows(&in, &width, scratch, w) <= IFM_SCENARIO_WINDOWS);
    in.n = 0;
    assert_int_equal(ifm_scenario_windows(&in, &width, scratch, w), 0);
}

static void a_run_is_the_middle_of_its_invocations(void **state)
{
    const struct ifm_scenario_setup s = {
        .kind = IFM_SCENARIO_PACED, .period_ns = 10000000, .bound_ns = 10000000, .percentile = 9900
    };
    const struct ifm_scenario_figures items[] = {
        { .achieved_per_s = 90,
          .queries = 100,
          .missed = 5,
          .lateness_p99_ns = 10,
          .valid = true,
          .passed = true,
          .knee_ns = -1,
          .first_p50_ns = 7,
          .last_p50_ns = 9 },
        { .achieved_per_s = 100,
          .queries = 100,
          .missed = 1,
          .lateness_p99_ns = 2000000,
          .valid = false,
          .reason = "late",
          .passed = true,
          .knee_ns = 50,
          .first_p50_ns = 8,
          .last_p50_ns = 10 },
        { .achieved_per_s = 99,
          .queries = 200,
          .missed = 0,
          .lateness_p99_ns = 30,
          .valid = true,
          .passed = true,
          .overloaded = true,
          .reason = "behind",
          .knee_ns = 70,
          .first_p50_ns = 9,
          .last_p50_ns = -1 },
    };
    struct ifm_scenario_figures f;
    (void)state;
    ifm_scenario_merge(&s, items, 3, &f);
    assert_true(f.achieved_per_s == 99);
    assert_int_equal(f.queries, 400);
    assert_true(fabs(f.missed_share - 6.0 / 400) < 1e-12);
    assert_int_equal(f.lateness_p99_ns, 2000000);
    assert_false(f.valid);
    assert_true(f.overloaded && f.passed);
    assert_string_equal(f.reason, "late");
    assert_int_equal(f.knee_ns, 50);
    assert_int_equal(f.first_p50_ns, 8);
    assert_int_equal(f.last_p50_ns, 9);
    ifm_scenario_merge(&s, items, 2, &f);
    assert_int_equal(f.knee_ns, -1); /* one of two is not most */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_stopping_has_the_reference_values),
        cmocka_unit_test(early_stopping_needs_so_many_queries),
        cmocka_unit_test(early_stopping_discards_so_many_of_n),
        cmocka_unit_test(estimate_and_server_form_agree_with_h),
        cmocka_unit_test(a_setup_is_read_from_the_configuration),
        cmocka_unit_test(nonsense_in_a_configuration_counts_as_absent),
        cmocka_unit_test(a_bound_is_a_time_and_a_percentile),
        cmocka_unit_test(lateness_is_allowed_by_bound_or_period),
        cmocka_unit_test(paced_counts_missed_deadlines),
        cmocka_unit_test(a_late_generator_makes_it_invalid),
        cmocka_unit_test(server_passes_by_early_stopping),
        cmocka_unit_test(an_overloaded_server_is_told_from_one_at_its_rate),
        cmocka_unit_test(offline_counts_items),
        cmocka_unit_test(nothing_measured_gives_figures_that_say_nothing),
        cmocka_unit_test(a_sustained_run_shows_its_knee),
        cmocka_unit_test(windows_hold_the_samples_that_started_in_them),
        cmocka_unit_test(a_run_is_the_middle_of_its_invocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
