/* The interleaved order, targets of precision, and how warm a machine is. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agents/plan/cool.h"
#include "agents/plan/experiment.h"
#include "agents/plan/until.h"
#include "core/json.h"
#include "core/mem.h"

#define SECOND INT64_C(1000000000)

static void every_round_measures_every_arm_once(void **state)
{
    (void)state;
    uint32_t order[IFM_EXPERIMENT_ARMS_MAX];
    for (size_t arms = 1; arms <= IFM_EXPERIMENT_ARMS_MAX; arms++)
        for (int64_t round = 0; round < 20; round++) {
            uint64_t seen = 0;
            ifm_experiment_round(7, round, arms, order);
            for (size_t i = 0; i < arms; i++) {
                assert_true(order[i] < arms);
                seen |= UINT64_C(1) << order[i];
            }
            assert_int_equal(__builtin_popcountll(seen), arms);
        }
}

static void the_seed_decides(void **state)
{
    (void)state;
    uint32_t a[8], b[8];
    int same_seed = 0, other_seed = 0, next_round = 0;
    for (int64_t round = 0; round < 50; round++) {
        ifm_experiment_round(11, round, 8, a);
        ifm_experiment_round(11, round, 8, b);
        same_seed += memcmp(a, b, sizeof a) == 0;
        ifm_experiment_round(12, round, 8, b);
        other_seed += memcmp(a, b, sizeof a) == 0;
        ifm_experiment_round(11, round + 1, 8, b);
        next_round += memcmp(a, b, sizeof a) == 0;
    }
    assert_int_equal(same_seed, 50);
    assert_int_equal(other_seed, 0);
    assert_int_equal(next_round, 0);
    int64_t seed = ifm_experiment_seed("0193a0aa-0000-7000-8000-000000000001");
    assert_int_equal(seed, ifm_experiment_seed("0193a0aa-0000-7000-8000-000000000001"));
    assert_int_not_equal(seed, ifm_experiment_seed("0193a0aa-0000-7000-8000-000000000002"));
    assert_in_range(seed, 0, INT64_C(1) << 53);
}

/* 12,000 rounds of 4 arms: each of 24 orders 500 times, chi-square with 23 degrees of freedom below 60 (p 4e-5). */
static void orders_are_uniform(void **state)
{
    (void)state;
    int counts[256] = { 0 };
    uint32_t order[4];
    for (uint64_t seed = 0; seed < 1200; seed++)
        for (int64_t round = 0; round < 10; round++) {
            ifm_experiment_round(seed, round, 4, order);
            counts[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
        }
    double chi = 0;
    int kinds = 0;
    for (int i = 0; i < 256; i++)
        if (counts[i]) {
            chi += (counts[i] - 500.0) * (counts[i] - 500.0) / 500.0;
            kinds++;
        }
    assert_int_equal(kinds, 24);
    assert_true(chi < 60);
}

static void the_whole_takes_its_arms_and_pauses(void **state)
{
    (void)state;
    struct ifm_plan_asked asked = { .max_ns = 5 * SECOND };
    struct ifm_plan plan;
    int64_t least, most;
    ifm_plan_make(&asked, &plan);
    ifm_experiment_bounds(&plan, 3, &least, &most);
    assert_int_equal(least, 30 * (SECOND * 9 / 10 + 3 * SECOND) + 29 * SECOND);
    assert_int_equal(most, 30 * (SECOND * 4 / 10 + 10 * SECOND + 5 * SECOND) + 29 * SECOND);
    assert_int_equal(ifm_experiment_left(&plan, 4, 20 * SECOND, 6), 36 * SECOND);
    assert_int_equal(ifm_experiment_left(&plan, 0, 0, 6), 0);
    assert_int_equal(ifm_experiment_left(&plan, 4, 20 * SECOND, 0), 0);
}

static void targets_are_read(void **state)
{
    (void)state;
    struct ifm_target targets[IFM_TARGETS_MAX];
    size_t count;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_targets_parse("p50:1%,p99:5%", targets, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(targets[1].metric, IFM_METRIC_P99);
    assert_true(fabs(targets[1].share - 0.05) < 1e-12);
    static const char *const bad[][2] = {
        { "", "METRIC:PERCENT" },       { "p50", "METRIC:PERCENT" },  { "p50:", "METRIC:PERCENT" },
        { "p50:0%", "METRIC:PERCENT" }, { "p50:-1%", "METRIC" },      { "p50:nan", "METRIC" },
        { "p5:1%", "did you mean p50" }, { "p50:1%,p50:2%", "twice" }, { "p50:1%%", "METRIC" },
        { "p50:100%", "METRIC" },       { "zzzzz:1%", "it may be" }
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        t_assert_error(ifm_targets_parse(bad[i][0], targets, &count, &err), IFM_ERR_USAGE, &err,
                       bad[i][1]);
}

static void targets_are_judged(void **state)
{
    (void)state;
    const struct ifm_target one = { .metric = IFM_METRIC_P50, .share = 0.01 };
    struct ifm_estimate e = { .value = 100, .low = 98, .high = 102, .k = 10, .enough = true };
    struct ifm_target_state now;
    ifm_target_judge(&one, &e, &now);
    assert_true(fabs(now.share - 0.02) < 1e-12);
    assert_false(now.reached);
    assert_int_equal(now.needed, 40); /* half the width takes four times as many */
    e.low = 99.5, e.high = 100.5;
    ifm_target_judge(&one, &e, &now);
    assert_true(now.reached);
    assert_int_equal(now.needed, 6);
    e.enough = false; /* P99 of too few samples: no number of invocations helps */
    ifm_target_judge(&one, &e, &now);
    assert_false(now.reached || now.countable);
    e = (struct ifm_estimate){ .value = 100, .low = NAN, .high = NAN, .k = 5, .enough = true };
    ifm_target_judge(&one, &e, &now);
    assert_false(now.reached);
    assert_true(isnan(now.share));
    assert_int_equal(ifm_target_samples(IFM_METRIC_P99), 459);
}

static void zone(int number, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "sys/class/thermal/thermal_zone%d/temp", number);
    char *full = t_temp_path(path);
    for (char *slash = strchr(full + strlen(t_temp_dir()) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    t_write(full, text, strlen(text));
    ifm_free(full);
}

static void the_hottest_zone_counts(void **state)
{
    (void)state;
    assert_int_equal(ifm_cool_hottest("/nonexistent"), IFM_JSON_ABSENT);
    zone(0, "41000\n");
    zone(1, "63500\n");
    zone(2, "-273000\n");
    zone(3, "2147483647\n"); /* a sensor that is switched off */
    assert_int_equal(ifm_cool_hottest(t_temp_dir()), 63500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_round_measures_every_arm_once),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(orders_are_uniform),
        cmocka_unit_test(the_whole_takes_its_arms_and_pauses),
        cmocka_unit_test(targets_are_read),
        cmocka_unit_test(targets_are_judged),
        cmocka_unit_test(the_hottest_zone_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
