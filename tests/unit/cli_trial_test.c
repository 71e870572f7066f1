/* A trial of the capacity search with a real worker process and the simulated runtime. */
#include "tests/lib/testlib.h"
#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/cli/capacity.h"
#include "core/mem.h"

static struct ifm_executor *executor;
static char *worker_path;

static struct ifm_capacity_worker worker_of(const struct ifm_msg_spec *spec)
{
    return (struct ifm_capacity_worker){ .ops = &ifm_executor_local,
                                         .executor = executor,
                                         .worker = worker_path,
                                         .spec = spec,
                                         .bound_ns = 1000000000,
                                         .percentile = 9900 };
}

static struct ifm_msg_spec spec_with(struct ifm_map_entry *options, size_t count)
{
    return (struct ifm_msg_spec){ .v = 1,
                                  .runtime = (char *)(uintptr_t) "sim",
                                  .warmup_iterations = 3,
                                  .duration_ns = 5000000000,
                                  .options = { .items = options, .count = count } };
}
#if defined(__SANITIZE_ADDRESS__) /* turns the signal into an exit of its own */
#define CRASHED "exit status"
#else
#define CRASHED "signal 11"
#endif
#define OPTION(k, v)                                                                               \
    {                                                                                              \
        .key = (char *)(uintptr_t)(k), .value = (char *)(uintptr_t)(v)                             \
    }

static void a_trial_alone_and_one_at_a_rate(void **state)
{
    struct ifm_map_entry options[] = { OPTION("latency", "1ms"), OPTION("sleep", "yes") };
    const struct ifm_msg_spec spec = spec_with(options, 2);
    struct ifm_capacity_worker w = worker_of(&spec);
    struct ifm_capacity_trial trial = { .queries = 100, .max_ns = 20000000000 };
    struct ifm_capacity_outcome out;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    assert_int_equal(ifm_capacity_worker_trial(&w, &trial, &out, &err), 0);
    assert_int_equal(out.queries, 100);
    assert_int_equal(out.lateness_p99_ns, -1);
    assert_true(out.mean_ns >= 1e6 && out.at_bound_ns >= 1000000);
    assert_true(out.took_ns > 100000000);
    trial.rate_per_s = 300;
    trial.queries = 700;
    trial.seed = 9;
    assert_int_equal(ifm_capacity_worker_trial(&w, &trial, &out, &err), 0);
    assert_int_equal(out.queries, 700);
    assert_true(out.lateness_p99_ns >= 0 && out.at_bound_ns >= 1000000);
    assert_true(out.over_bound == 0
                    ? out.passed
                    : true); /* a bound of a second: unless the machine stood still */
}

static void queries_without_an_answer_are_over_the_bound(void **state)
{
    struct ifm_map_entry options[] = { OPTION("latency", "20ms"), OPTION("sleep", "yes") };
    const struct ifm_msg_spec spec = spec_with(options, 2);
    struct ifm_capacity_worker w = worker_of(&spec);
    const struct ifm_capacity_trial trial = { .rate_per_s = 2000,
                                              .queries = 700,
                                              .max_ns = 300000000 };
    struct ifm_capacity_outcome out;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    assert_int_equal(ifm_capacity_worker_trial(&w, &trial, &out, &err), 0);
    assert_false(out.passed);
    assert_true(out.over_bound > 300);
    assert_true(out.at_bound_ns == INT64_MAX);
}

static void a_failed_worker_is_an_error_with_its_sentence(void **state)
{
    struct ifm_map_entry crash[] = { OPTION("crash-at", "50"), OPTION("latency", "0s") };
    struct ifm_map_entry typo[] = { OPTION("latncy", "1ms") };
    struct ifm_msg_spec spec = spec_with(crash, 2);
    struct ifm_capacity_worker w = worker_of(&spec);
    const struct ifm_capacity_trial trial = { .rate_per_s = 1000,
                                              .queries = 100,
                                              .max_ns = 1000000000 };
    struct ifm_capacity_outcome out;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    t_assert_error(ifm_capacity_worker_trial(&w, &trial, &out, &err), IFM_ERR_MEASUREMENT, &err,
                   CRASHED);
    spec = spec_with(typo, 1);
    t_assert_error(ifm_capacity_worker_trial(&w, &trial, &out, &err), IFM_ERR_USAGE, &err,
                   "latency");
}

static void the_whole_search_runs_over_workers(void **state)
{
    struct ifm_map_entry options[] = { OPTION("latency", "5ms"), OPTION("sleep", "yes") };
    const struct ifm_msg_spec spec = spec_with(options, 2);
    struct ifm_capacity_worker w = worker_of(&spec);
    w.bound_ns = 1000000; /* below the service time */
    const struct ifm_capacity_search search = {
        .bound_ns = w.bound_ns, .percentile = 5000, .trial = ifm_capacity_worker_trial, .arg = &w
    };
    struct ifm_msg_capacity capacity;
    struct ifm_capacity_verdict verdict;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    w.percentile = 5000;
    assert_int_equal(ifm_capacity_find(&search, &capacity, &verdict, &err), 0);
    assert_int_equal(verdict.end, IFM_CAPACITY_IMPOSSIBLE);
    assert_true(isnan(capacity.max_per_s));
    t_assert_contains(verdict.text,
                      "no rate keeps 1 ms at P50: one inference alone, without any queue, needs 5");
    ifm_free(capacity.rates.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_alone_and_one_at_a_rate),
        cmocka_unit_test(queries_without_an_answer_are_over_the_bound),
        cmocka_unit_test(a_failed_worker_is_an_error_with_its_sentence),
        cmocka_unit_test(the_whole_search_runs_over_workers),
    };
    struct ifm_err err = IFM_ERR_INIT;
    worker_path = t_build_path("bin/inferometer-worker");
    if (access(worker_path, X_OK) != 0) {
        print_message("SKIP: %s is not built\n", worker_path);
        return 77;
    }
    executor = ifm_executor_local.open(&err);
    const int failed = !executor || cmocka_run_group_tests(tests, NULL, NULL);
    ifm_executor_local.close(executor);
    ifm_free(worker_path);
    return failed;
}
