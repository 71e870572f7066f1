/* The search for the highest rate, over a queue that is reckoned and not waited for: one server,
 * constant service, Poisson arrivals. What it finds is held against the same queue looked at
 * directly. */
#include "tests/lib/testlib.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "agents/cli/capacity.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/scenario.h"

enum { QUERIES_MAX = 4000000 };

static struct fake {
    double service_ns, slow_share, slow_ns; /* a part of the inferences is slow */
    double limit;                           /* no queue: what is above it fails; 0: a queue */
    double generator_max;                   /* per s: beyond it the generator is late; 0: never */
    int64_t start_ns;                       /* of the process, beside the timed phase */
    bool late_passes;                       /* and the bound held all the same */
    int fail_at;                            /* trial that is an error */
    int trials, confirm_fails;              /* confirmations that fail whatever they do */
    double last_rate;
    int same;
    double longest_s;
} fake;

static int64_t *latency, *scratch;
static double ended_ns; /* of the queue's last query */

static size_t queue(double rate, size_t n, uint64_t seed)
{
    struct ifm_rng rng;
    double due = 0, free_at = 0;
    ifm_rng_init(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        due += rate > 0 ? -log1p(-ifm_rng_unit(&rng)) / rate * 1e9 : 0;
        due = rate > 0 ? due : free_at;
        const double service =
            ifm_rng_unit(&rng) < fake.slow_share ? fake.slow_ns : fake.service_ns;
        free_at = (due > free_at ? due : free_at) + service;
        latency[i] = (int64_t)(free_at - due);
    }
    ended_ns = free_at;
    return n;
}

static void disturb(const struct ifm_capacity_trial *t, struct ifm_capacity_outcome *out)
{
    if (fake.generator_max > 0 && t->rate_per_s > fake.generator_max) {
        out->valid = false;
        out->passed = fake.late_passes && out->passed;
        out->over_bound = out->passed ? out->over_bound : t->queries / 20;
        out->lateness_p99_ns = 5000000;
    }
    if (fake.limit > 0) {
        out->passed = t->rate_per_s <= fake.limit;
        out->over_bound = out->passed ? 0 : t->queries;
    }
    if (fake.same > 0 && fake.confirm_fails > 0) {
        fake.confirm_fails--;
        out->passed = false;
    }
}

static int trial(void *arg, const struct ifm_capacity_trial *t, struct ifm_capacity_outcome *out,
                 struct ifm_err *err)
{
    const struct ifm_capacity_search *search = arg;
    const struct ifm_scenario_setup setup = { .kind = t->rate_per_s > 0 ? IFM_SCENARIO_SERVER
                                                                        : IFM_SCENARIO_SINGLE,
                                              .rate_per_s = t->rate_per_s,
                                              .bound_ns = search->bound_ns,
                                              .percentile = search->percentile };
    struct ifm_scenario_figures f;
    assert_true(t->queries > 0 && t->queries <= QUERIES_MAX && t->max_ns > 0);
    fake.same = t->rate_per_s == fake.last_rate ? fake.same + 1 : 0;
    fake.last_rate = t->rate_per_s;
    if (++fake.trials == fake.fail_at) {
        return ifm_err_set(err, IFM_ERR_MEASUREMENT, "trial", "crashed during the timed phase");
    }
    const size_t n = queue(t->rate_per_s, (size_t)t->queries, (uint64_t)t->seed);
    const double seconds = ended_ns / 1e9;
    fake.longest_s = seconds > fake.longest_s ? seconds : fake.longest_s;
    const struct ifm_scenario_input in = { .latency_ns = latency,
                                           .n = n,
                                           .steady_ns = (int64_t)(seconds * 1e9) };
    ifm_scenario_assess(&setup, &in, scratch, &f);
    *out = (struct ifm_capacity_outcome){ .queries = f.queries,
                                          .over_bound = f.over_bound,
                                          .at_bound_ns = f.at_bound_ns,
                                          .lateness_p99_ns = t->rate_per_s > 0 ? 1000 : -1,
                                          .mean_ns = fake.service_ns,
                                          .passed = f.passed,
                                          .valid = true,
                                          .overloaded = f.overloaded,
                                          .took_ns = (int64_t)(seconds * 1e9) + fake.start_ns };
    disturb(t, out);
    return 0;
}

static double seen_rate;
static int64_t seen_left;
static bool seen_phase[5];

static void progress(void *arg, enum ifm_capacity_phase phase, double rate, int64_t left)
{
    (void)arg;
    seen_phase[phase] = true;
    seen_rate = rate;
    seen_left = left;
    assert_true(left > 0);
}

static struct ifm_msg_capacity capacity;
static struct ifm_capacity_verdict verdict;
static struct ifm_err error;

static int find(int64_t bound_ns, unsigned percentile, int64_t budget_ns)
{
    struct ifm_capacity_search search = { .bound_ns = bound_ns,
                                          .percentile = percentile,
                                          .budget_ns = budget_ns,
                                          .seed = 5,
                                          .trial = trial,
                                          .progress = progress };
    search.arg = &search;
    error = (struct ifm_err)IFM_ERR_INIT;
    ifm_free(capacity.rates.items);
    return ifm_capacity_find(&search, &capacity, &verdict, &error);
}

static int reset(void **state)
{
    (void)state;
    fake = (struct fake){ .service_ns = 1e6, .start_ns = 200000000, .last_rate = -1 };
    memset(seen_phase, 0, sizeof seen_phase);
    return 0;
}

/* Part of the queries over the bound at a rate, from many of them. */
static double share_over(double rate, int64_t bound_ns)
{
    size_t over = 0;
    const size_t n = queue(rate, 1000000, 99);
    for (size_t i = 0; i < n; i++) {
        over += latency[i] > bound_ns;
    }
    return (double)over / (double)n;
}

static const struct ifm_msg_rate *rate_at(size_t i)
{
    return (const struct ifm_msg_rate *)capacity.rates.items + i;
}

static void the_highest_rate_of_a_queue_is_found(void **state)
{
    (void)state;
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_FOUND);
    assert_int_equal(capacity.bound_ns, 5000000);
    assert_int_equal(capacity.percentile, 9900);
    assert_true(capacity.failing_per_s > capacity.max_per_s);
    /* passing with 99 % confidence five times means below 1 %; and it was not given away */
    assert_true(share_over(capacity.max_per_s, 5000000) < 0.01);
    assert_true(share_over(capacity.max_per_s * 1.3, 5000000) > 0.01);
    t_assert_contains(verdict.text, "keep 5 ms at P99 in 5 of 5 trials");
    for (int i = 0; i < 5; i++) {
        assert_true(seen_phase[i]);
    }
}

static void confirmation_and_curve_are_among_the_rates(void **state)
{
    size_t confirming = 0, curve = 0;
    (void)state;
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_true(capacity.rates.count > 20 && capacity.rates.count < 80);
    for (size_t i = 0; i < capacity.rates.count; i++) {
        const struct ifm_msg_rate *r = rate_at(i);
        confirming += r->passed && r->rate_per_s == capacity.max_per_s;
        curve += i + 10 >= capacity.rates.count;
        assert_true(r->queries >= 662 && r->over_bound <= r->queries);
    }
    assert_true(confirming >= 5);
    assert_true(fabs(rate_at(capacity.rates.count - 1)->rate_per_s - 1.2 * capacity.max_per_s) <
                1e-6);
    assert_true(rate_at(capacity.rates.count - 10)->passed); /* 12 % of the maximum */
    assert_false(rate_at(capacity.rates.count - 1)->passed);
}

static void a_bound_below_the_service_time_says_what_would_do(void **state)
{
    (void)state;
    fake.slow_share = 0.05;
    fake.slow_ns = 12.3e6;
    assert_int_equal(find(10000000, 9900, 0), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_IMPOSSIBLE);
    assert_true(isnan(capacity.max_per_s) && isnan(capacity.failing_per_s));
    t_assert_contains(
        verdict.text,
        "no rate keeps 10 ms at P99: one inference alone, without any queue, needs 12.3 ms");
    assert_int_equal(fake.trials, 1);
}

static void a_bound_just_above_it_halves_first(void **state)
{
    (void)state;
    assert_int_equal(find(1050000, 9900, INT64_C(36000000000000)), 0); /* hardly any may wait */
    assert_true(verdict.end == IFM_CAPACITY_FOUND);
    assert_true(capacity.max_per_s < 100 && capacity.max_per_s > 1);
    assert_true(share_over(capacity.max_per_s, 1050000) < 0.01);
    fake.slow_share = 0.0099; /* alone within P99, with 99 % confidence never */
    fake.slow_ns = 1e8;
    assert_int_equal(find(1050000, 9900, 0), 0);
    assert_true(verdict.end != IFM_CAPACITY_FOUND);
    assert_true(isnan(capacity.max_per_s));
}

static void a_queue_that_only_grows_has_no_time_to_hide(void **state)
{
    (void)state;
    assert_int_equal(find(500000000, 5000, 0), 0); /* half a second: hundreds may wait */
    assert_int_equal(verdict.end, IFM_CAPACITY_FOUND);
    assert_true(capacity.max_per_s > 800 && capacity.max_per_s < 1150);
    for (size_t i = 0; i < capacity.rates.count; i++) {
        assert_true((double)rate_at(i)->queries >= rate_at(i)->rate_per_s * 5 - 1);
    }
}

static void a_late_generator_is_not_blamed_on_the_model(void **state)
{
    (void)state;
    fake.service_ns = 1e5;
    fake.generator_max = 3000; /* the model could do near 10,000 */
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_GENERATOR);
    assert_true(capacity.max_per_s <= 3000 && capacity.max_per_s > 2900);
    t_assert_contains(verdict.text, "generator itself was late");
    fake.late_passes = true; /* lateness only adds to latencies: what passed has passed */
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_true(capacity.max_per_s > 6000);
    reset(NULL);
    fake.generator_max = 1e-6; /* late whatever the rate */
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_GENERATOR);
    assert_true(isnan(capacity.max_per_s));
    assert_true(fake.trials < 20);
    t_assert_contains(verdict.text, "too busy to tell");
}

static void what_does_not_pass_five_times_is_lowered(void **state)
{
    double first;
    (void)state;
    fake.limit = 700;
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_FOUND);
    assert_true(capacity.max_per_s > 693 && capacity.max_per_s <= 700);
    assert_true(capacity.failing_per_s > 700 &&
                capacity.failing_per_s < 1.0101 * capacity.max_per_s);
    first = capacity.max_per_s;
    reset(NULL);
    fake.limit = 700;
    fake.confirm_fails = 2;
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_FOUND);
    assert_true(fabs(capacity.max_per_s - first * 0.99 * 0.99) < 1e-6);
    assert_true(fabs(capacity.failing_per_s - first * 0.99) < 1e-6);
    reset(NULL);
    fake.confirm_fails = 1000;
    assert_int_equal(find(5000000, 9900, 0), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_UNSTABLE);
    assert_true(isnan(capacity.max_per_s));
    t_assert_contains(verdict.text, "five times in a row");
}

static void a_short_budget_keeps_what_was_found(void **state)
{
    (void)state;
    assert_int_equal(find(5000000, 9900, 15000000000), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_OUT_OF_TIME);
    t_assert_contains(verdict.text, "0.25 minutes");
    assert_true(capacity.max_per_s > 0);
    reset(NULL);
    fake.service_ns = 5e8; /* two a second: 662 queries are five minutes */
    assert_int_equal(find(5000000000, 9900, 60000000000), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_OUT_OF_TIME);
    assert_true(isnan(capacity.max_per_s));
    t_assert_contains(verdict.text, "a trial needs 662 queries");
}

static void a_slow_model_gets_shorter_trials_within_the_budget(void **state)
{
    (void)state;
    fake.service_ns = 30e6;
    assert_int_equal(find(200000000, 9000, 0), 0);
    assert_true(verdict.end == IFM_CAPACITY_FOUND);
    assert_true(fake.longest_s < 60);
    assert_true(share_over(capacity.max_per_s, 200000000) < 0.1);
}

static void a_trial_that_fails_ends_it_with_its_sentence(void **state)
{
    (void)state;
    for (int n = 1; n < 12; n += 5) {
        reset(NULL);
        fake.fail_at = n;
        t_assert_error(find(5000000, 9900, 0), IFM_ERR_MEASUREMENT, &error,
                       "crashed during the timed phase");
        assert_int_equal(fake.trials, n);
    }
}

static void the_result_is_a_message(void **state)
{
    struct ifm_buf json;
    struct ifm_msg_run run;
    (void)state;
    assert_int_equal(find(5000000, 9900, 0), 0);
    ifm_json_init(&ifm_run_table, &run);
    ifm_buf_init(&json, 1 << 20);
    run.capacity = capacity;
    ifm_json_encode(&ifm_run_table, &run, &json);
    assert_int_equal(ifm_buf_check(&json, &error), 0);
    t_assert_contains(json.data, "\"bound_ns\":5000000");
    assert_true(json.len < 32768);
    ifm_buf_done(&json);
}

#define CASE(name) cmocka_unit_test_setup(name, reset)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_highest_rate_of_a_queue_is_found),
        CASE(confirmation_and_curve_are_among_the_rates),
        CASE(a_bound_below_the_service_time_says_what_would_do),
        CASE(a_bound_just_above_it_halves_first),
        CASE(a_queue_that_only_grows_has_no_time_to_hide),
        CASE(a_late_generator_is_not_blamed_on_the_model),
        CASE(what_does_not_pass_five_times_is_lowered),
        CASE(a_short_budget_keeps_what_was_found),
        CASE(a_slow_model_gets_shorter_trials_within_the_budget),
        CASE(a_trial_that_fails_ends_it_with_its_sentence),
        CASE(the_result_is_a_message),
    };
    latency = calloc(QUERIES_MAX, sizeof *latency);
    scratch = calloc(QUERIES_MAX, sizeof *scratch);
    const int failed = !latency || !scratch || cmocka_run_group_tests(tests, NULL, NULL);
    free(latency);
    free(scratch);
    ifm_free(capacity.rates.items);
    return failed;
}
