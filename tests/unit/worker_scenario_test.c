/* Scenarios: what is issued when, what a sample is, how a phase ends. Times are asserted from below
 * or against each other only: a machine may be slow. */
#include "tests/lib/testlib.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "agents/worker/registry.h"
#include "agents/worker/scenario.h"
#include "core/rng.h"

/* -- Every allocation of this process is counted --------------------------------------------------
 */
static atomic_size_t allocations;
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *malloc(size_t bytes)
{
    allocations++;
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes)
{
    allocations++;
    return __libc_calloc(count, bytes);
}
#endif

/* -- A runtime that counts ------------------------------------------------------------------------
 */
static struct fake {
    atomic_int runs, syncs, submits, waits, most_in_flight;
    int fail_run, fail_submit, fail_wait, slow_run;
    int64_t slow_ns, each_ns;
} fake;

static void rest(int64_t ns)
{
    const struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
    if (ns > 0) {
        nanosleep(&t, NULL);
    }
}

static int fake_run(void *state)
{
    const int n = ++fake.runs;
    (void)state;
    rest(n == fake.slow_run ? fake.slow_ns : fake.each_ns);
    return n == fake.fail_run ? -7 : 0;
}

static int fake_sync(void *state)
{
    (void)state;
    assert_int_equal(fake.syncs + 1, fake.runs);
    return ++fake.syncs < 0;
}

static int fake_submit(void *state)
{
    const int n = ++fake.submits, flight = n - fake.waits;
    (void)state;
    if (flight > fake.most_in_flight) {
        fake.most_in_flight = flight;
    }
    if (n == fake.fail_submit) {
        fake.submits--;
        return -8;
    }
    return 0;
}

static int fake_wait(void *state)
{
    const int n = ++fake.waits;
    (void)state;
    assert_true(n <= fake.submits); /* never for one that was not submitted */
    rest(fake.each_ns);
    return n == fake.fail_wait ? -9 : 0;
}

static const struct ifm_runtime_ops sync_ops = { .run = fake_run };
static const struct ifm_runtime_ops fenced_ops = { .run = fake_run, .sync = fake_sync };
static const struct ifm_runtime_ops async_ops = {
    .caps = IFM_CAP_ASYNC, .run = fake_run, .submit = fake_submit, .wait = fake_wait
};

static struct ifm_scenario s;

static void start(const struct ifm_runtime_ops *ops, const struct ifm_msg_spec *spec,
                  int64_t p50_ns)
{
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_scenario_init(&s, ops, NULL, spec, p50_ns, &err), 0);
}

static void run(const struct ifm_runtime_ops *ops, const struct ifm_msg_spec *spec)
{
    start(ops, spec, 1000);
    ifm_scenario_run(&s);
}

static int reset(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    ifm_scenario_done(&s);
    return 0;
}

/* -- Schedule -------------------------------------------------------------------------------------
 */
static void arrivals_are_exponential_and_of_their_seed(void **state)
{
    enum { QUERIES = 20000 };
    static int64_t kept[QUERIES];
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER,
                                 .rate_per_s = 1000,
                                 .iterations = QUERIES,
                                 .schedule_seed = 42 };
    struct ifm_rng rng;
    double t = 0, over = 0;
    (void)state;
    start(&sync_ops, &spec, 0);
    assert_int_equal(s.planned, QUERIES);
    ifm_rng_init(&rng, 42);
    for (size_t i = 0; i < QUERIES; i++) { /* the documented generator, and nothing else */
        t += -log1p(-ifm_rng_unit(&rng)) / 1000 * 1e9;
        kept[i] = s.samples[i].start_ns;
        assert_true(llabs(kept[i] - (int64_t)t) <= 1);
        assert_true(i == 0 || kept[i] >= kept[i - 1]);
        over += i > 0 && kept[i] - kept[i - 1] > 1000000;
    }
    /* the sum of n gaps has sd sqrt(n); a gap is above the mean with probability 1/e */
    assert_true(fabs((double)kept[QUERIES - 1] / 1e6 / QUERIES - 1) < 4 / sqrt(QUERIES));
    assert_true(fabs(over / QUERIES - exp(-1)) < 4 * sqrt(.233 / QUERIES));
    ifm_scenario_done(&s);
    start(&sync_ops, &spec, 0);
    for (size_t i = 0; i < QUERIES; i++) {
        assert_int_equal(s.samples[i].start_ns, kept[i]);
    }
    ifm_scenario_done(&s);
    spec.schedule_seed = 43;
    start(&sync_ops, &spec, 0);
    assert_int_not_equal(s.samples[0].start_ns, kept[0]);
}

static void a_fixed_rate_is_a_grid_and_both_minima_hold(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER,
                                 .rate_per_s = 1000,
                                 .arrival = 1,
                                 .iterations = 10,
                                 .duration_ns = 100000000 };
    (void)state;
    start(&sync_ops, &spec, 0);
    assert_int_equal(s.planned, 100);
    assert_int_equal(s.samples[0].start_ns, 0);
    assert_int_equal(s.samples[99].start_ns, 99000000);
    assert_false(s.cut);
    ifm_scenario_done(&s);
    spec.iterations = 300;
    start(&sync_ops, &spec, 0);
    assert_int_equal(s.planned, 300);
    ifm_scenario_done(&s);
    spec.max_samples = 50;
    start(&sync_ops, &spec, 0);
    assert_int_equal(s.planned, 50);
    assert_true(s.cut);
}

static void what_makes_no_scenario_is_refused(void **state)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER };
    (void)state;
    t_assert_error(ifm_scenario_init(&s, &sync_ops, NULL, &spec, 0, &err), IFM_ERR_USAGE, &err,
                   "needs a rate");
    ifm_scenario_done(&s);
    spec.scenario = IFM_SCENARIO_PACED;
    t_assert_error(ifm_scenario_init(&s, &sync_ops, NULL, &spec, 0, &err), IFM_ERR_USAGE, &err,
                   "needs a period");
    ifm_scenario_done(&s);
    spec.scenario = IFM_SCENARIO_MULTI;
    spec.streams = 5000;
    t_assert_error(ifm_scenario_init(&s, &sync_ops, NULL, &spec, 0, &err), IFM_ERR_USAGE, &err,
                   "not 5000");
}

/* -- Closed loops ---------------------------------------------------------------------------------
 */
static void multi_counts_queries_of_several_inferences(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_MULTI, .streams = 5, .iterations = 20 };
    (void)state;
    run(&fenced_ops, &spec);
    assert_int_equal(s.result.count, 20);
    assert_int_equal(fake.runs, 100);
    assert_int_equal(fake.syncs, 100);
    assert_int_equal(s.batch_calls, 1);
    assert_null(s.lateness_ns);
    assert_int_equal(s.result.end, IFM_LOOP_COMPLETE);
    for (size_t i = 1; i < 20; i++) {
        assert_true(s.samples[i].start_ns >=
                    s.samples[i - 1].start_ns + s.samples[i - 1].duration_ns);
    }
}

static void multi_submits_a_query_at_once_where_it_can(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_MULTI, .iterations = 20 };
    (void)state;
    run(&async_ops, &spec);
    assert_int_equal(s.result.count, 20);
    assert_int_equal(fake.runs, 0);
    assert_int_equal(fake.submits, 20 * IFM_SCENARIO_STREAMS);
    assert_int_equal(fake.waits, fake.submits);
    assert_int_equal(fake.most_in_flight, IFM_SCENARIO_STREAMS);
}

static void offline_keeps_its_streams_in_flight(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_OFFLINE, .streams = 4, .iterations = 50 };
    (void)state;
    run(&async_ops, &spec);
    assert_int_equal(fake.most_in_flight, 4);
    assert_int_equal(fake.waits, fake.submits);
    assert_int_equal(s.result.count, fake.waits); /* what was in flight at the end counts too */
    assert_true(s.result.count >= 50 && s.result.count <= 54);
    assert_int_equal(s.unfinished, 0);
    ifm_scenario_done(&s);
    run(&sync_ops, &spec);
    assert_int_equal(s.result.count, 50);
    assert_int_equal(fake.runs, 50);
}

static void a_long_run_of_a_fast_model_is_timed_in_batches(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SUSTAINED,
                                 .iterations = 1000,
                                 .max_samples = 100 };
    (void)state;
    start(&sync_ops, &spec, 1000);
    assert_int_equal(s.batch_calls, 10);
    ifm_scenario_run(&s);
    assert_int_equal(s.result.count, 100);
    assert_int_equal(fake.runs, 1000);
    assert_int_equal(s.result.end, IFM_LOOP_COMPLETE);
    ifm_scenario_done(&s);
    spec = (struct ifm_msg_spec){ .scenario = IFM_SCENARIO_SUSTAINED,
                                  .duration_ns = INT64_C(600000000000) };
    start(&sync_ops, &spec, 20000); /* 30 million in ten minutes */
    assert_int_equal(s.batch_calls, 15);
    assert_true(s.capacity <= 4194304);
    ifm_scenario_done(&s);
    start(&sync_ops, &spec, 30000000);
    assert_int_equal(s.batch_calls, 1);
    assert_int_equal(s.capacity, 40000);
    assert_true(s.bytes >= 640000);
}

static void closed_loops_end_at_the_maximum_and_with_the_array(void **state)
{
    struct ifm_msg_spec spec = {
        .scenario = IFM_SCENARIO_MULTI, .iterations = 1000000, .max_ns = 1, .max_samples = 10
    };
    (void)state;
    run(&sync_ops, &spec);
    assert_int_equal(s.result.count, 1);
    assert_int_equal(s.result.end, IFM_LOOP_MAXIMUM);
    ifm_scenario_done(&s);
    spec.max_ns = 0;
    run(&async_ops, &spec);
    assert_int_equal(s.result.count, 10);
    assert_int_equal(s.result.end, IFM_LOOP_ARRAY_FULL);
    ifm_scenario_done(&s);
    spec.scenario = IFM_SCENARIO_OFFLINE;
    run(&async_ops, &spec);
    assert_int_equal(s.result.count, 10);
    assert_int_equal(s.result.end, IFM_LOOP_ARRAY_FULL);
}

static void a_failure_says_which_call_it_was(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_MULTI, .streams = 4, .iterations = 20 };
    (void)state;
    fake.fail_run = 10;
    run(&sync_ops, &spec);
    assert_int_equal(s.result.status, -7);
    assert_int_equal(s.result.count, 2);
    assert_string_equal(s.slot, "run");
    ifm_scenario_done(&s);
    fake.fail_submit = 10;
    run(&async_ops, &spec);
    assert_int_equal(s.result.status, -8);
    assert_string_equal(s.slot, "submit");
    ifm_scenario_done(&s);
    memset(&fake, 0, sizeof fake);
    fake.fail_wait = 10;
    spec.scenario = IFM_SCENARIO_OFFLINE;
    run(&async_ops, &spec);
    assert_int_equal(s.result.status, -9);
    assert_int_equal(s.result.count, 9);
    assert_string_equal(s.slot, "wait");
}

static void lateness_is_what_the_generator_adds(void **state)
{
    int64_t free_ns = 0;
    (void)state;
    assert_int_equal(ifm_scenario_charge(1000, 1000, 50, &free_ns), 0);
    assert_int_equal(free_ns, 1050);
    assert_int_equal(ifm_scenario_charge(1010, 1050, 50, &free_ns),
                     0); /* waited: the runtime was busy */
    assert_int_equal(ifm_scenario_charge(2000, 2300, 50, &free_ns), 300);
    assert_int_equal(free_ns, 2050); /* as if it had been on time … */
    assert_int_equal(ifm_scenario_charge(2010, 2350, 50, &free_ns),
                     300); /* … so the next is late, too */
    assert_int_equal(ifm_scenario_charge(2500, 2500, 50, &free_ns), 0); /* until there is a pause */
    /* one that cannot keep up: each query adds 1, which is never added up beyond a twentieth of the
     * queue */
    int64_t end = free_ns, late = 0;
    for (int64_t i = 0; i < 100000; i++) {
        const int64_t due = 3000 + i * 10, start = (due > end ? due : end) + 1;
        late = ifm_scenario_charge(due, start, 50, &free_ns);
        end = start + 50;
        assert_true(late >= 1 && late <= 4);
    }
}

/* -- Open loops -----------------------------------------------------------------------------------
 */
/* What holds for every open loop in order: no query starts before it is due or before the one
 * before it has ended, and what the generator is charged with is no more than the wait that was
 * seen. */
static void check_open(bool in_order)
{
    int64_t previous_end = s.result.begin_ns;
    for (size_t i = 0; i < s.result.count; i++) {
        const int64_t due = s.samples[i].start_ns, end = due + s.samples[i].duration_ns;
        assert_true(s.lateness_ns[i] >= 0);
        assert_true(s.lateness_ns[i] <= s.samples[i].duration_ns);
        assert_true(due >= s.result.begin_ns);
        if (in_order) {
            assert_true(end >= previous_end);
            previous_end = end;
        }
    }
    assert_true(s.result.count == 0 || s.result.end_ns == previous_end || !in_order);
}

static void ticks_stay_where_they_are_whatever_a_run_takes(void **state)
{
    const int64_t period = 2000000;
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_PACED,
                                 .period_ns = period,
                                 .iterations = 30 };
    (void)state;
    fake.slow_run = 10;
    fake.slow_ns = 5 * period;
    run(&sync_ops, &spec);
    assert_int_equal(s.result.count, 30);
    assert_int_equal(s.result.end, IFM_LOOP_COMPLETE);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(s.samples[i].start_ns, s.result.begin_ns + (int64_t)i * period);
    }
    assert_true(s.samples[9].duration_ns >= 5 * period);
    assert_true(s.samples[10].duration_ns >= 4 * period); /* waited for the slow one: latency … */
    assert_true(s.samples[12].duration_ns >= 2 * period);
    assert_true(s.lateness_ns[10] <=
                s.samples[10].duration_ns - 4 * period); /* … and no lateness */
    check_open(true);
}

static void a_server_answers_each_query_of_its_schedule(void **state)
{
    struct ifm_msg_spec spec = {
        .scenario = IFM_SCENARIO_SERVER, .rate_per_s = 5000, .iterations = 200, .schedule_seed = 7
    };
    (void)state;
    run(&fenced_ops, &spec);
    assert_int_equal(s.result.count, 200);
    assert_int_equal(fake.syncs, 200);
    assert_true(s.spun_ns > 0 && s.spun_ns <= s.result.end_ns - s.result.begin_ns);
    assert_int_equal(s.unfinished, 0);
    check_open(true);
}

static void an_overloaded_server_leaves_queries_unfinished(void **state)
{
    struct ifm_msg_spec spec = {
        .scenario = IFM_SCENARIO_SERVER, .rate_per_s = 5000, .iterations = 500, .max_ns = 30000000
    };
    (void)state;
    fake.each_ns = 2000000;
    run(&sync_ops, &spec);
    assert_int_equal(s.result.end, IFM_LOOP_MAXIMUM);
    assert_true(s.result.count >= 1 && s.result.count <= 15);
    assert_true(s.unfinished > 50);
    assert_true((int64_t)s.result.count + s.unfinished <= 500);
    check_open(true);
    /* the queue is latency: the last one waited nearly as long as the phase lasted, and nobody was
     * late for it */
    const struct ifm_loop_sample *last = &s.samples[s.result.count - 1];
    assert_true(last->duration_ns > s.lateness_ns[s.result.count - 1]);
}

static void nothing_is_issued_after_the_maximum(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_PACED,
                                 .period_ns = INT64_C(3600000000000),
                                 .iterations = 2,
                                 .max_ns = 1000000 };
    (void)state;
    run(&sync_ops, &spec);
    assert_int_equal(s.result.count, 1);
    assert_int_equal(fake.runs, 1);
    assert_int_equal(s.result.end, IFM_LOOP_MAXIMUM);
    assert_int_equal(s.unfinished, 0);
}

static void open_loops_report_a_failure(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER,
                                 .rate_per_s = 100000,
                                 .iterations = 50 };
    (void)state;
    fake.fail_run = 20;
    run(&sync_ops, &spec);
    assert_int_equal(s.result.status, -7);
    assert_int_equal(s.result.count, 19);
    assert_int_equal(s.unfinished, 0);
}

/* -- Server with submit and wait ------------------------------------------------------------------
 */
static void queries_are_submitted_when_due_and_ended_in_order(void **state)
{
    struct ifm_msg_spec spec = {
        .scenario = IFM_SCENARIO_SERVER, .rate_per_s = 20000, .iterations = 2000, .schedule_seed = 3
    };
    (void)state;
    run(&async_ops, &spec);
    assert_int_equal(s.result.count, 2000);
    assert_int_equal(fake.submits, 2000);
    assert_int_equal(fake.waits, 2000);
    assert_int_equal(fake.runs, 0);
    assert_int_equal(s.result.end, IFM_LOOP_COMPLETE);
    assert_int_equal(s.unfinished, 0);
    assert_int_equal(s.abandoned, 0);
    check_open(true);
}

static void submit_and_wait_failures_end_both_threads(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER,
                                 .rate_per_s = 20000,
                                 .iterations = 2000 };
    (void)state;
    fake.fail_submit = 100;
    run(&async_ops, &spec);
    assert_int_equal(s.result.status, -8);
    assert_string_equal(s.slot, "submit");
    assert_int_equal(s.result.count, 99);
    ifm_scenario_done(&s);
    memset(&fake, 0, sizeof fake);
    fake.fail_wait = 100;
    run(&async_ops, &spec);
    assert_int_equal(s.result.status, -9);
    assert_string_equal(s.slot, "wait");
    assert_int_equal(s.result.count, 99);
}

static void an_overloaded_device_leaves_queries_unfinished_and_is_drained(void **state)
{
    struct ifm_msg_spec spec = {
        .scenario = IFM_SCENARIO_SERVER, .rate_per_s = 2000, .iterations = 1000, .max_ns = 20000000
    };
    (void)state;
    fake.each_ns = 1000000;
    run(&async_ops, &spec);
    assert_int_equal(s.result.end, IFM_LOOP_MAXIMUM);
    assert_true(s.unfinished > 0);
    assert_int_equal(s.in_flight + fake.waits, fake.submits);
    ifm_scenario_settle(&s);
    assert_int_equal(s.in_flight, 0);
    assert_int_equal(s.abandoned + fake.waits, fake.submits);
    assert_true(s.result.count < 1000);
}

static void a_scenario_that_never_ran_is_cleared_away(void **state)
{
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER,
                                 .rate_per_s = 10,
                                 .iterations = 10 };
    (void)state;
    start(&async_ops, &spec, 0);
    ifm_scenario_done(&s);
    ifm_scenario_done(&s);
    assert_int_equal(fake.submits, 0);
}

/* -- The simulated device -------------------------------------------------------------------------
 */
static struct ifm_registry_module module; /* must not move while it is open */

static void open_sim(const char *latency, const char *servers)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_map_entry entries[] = {
        { .key = (char *)(uintptr_t) "latency", .value = (char *)(uintptr_t)latency },
        { .key = (char *)(uintptr_t) "servers", .value = (char *)(uintptr_t)servers },
        { .key = (char *)(uintptr_t) "sleep", .value = (char *)(uintptr_t) "yes" }
    };
    const struct ifm_map options = { .items = entries, .count = 3 };
    static float values[16];
    const struct ifm_tensor input = { .name = "x0",
                                      .dtype = IFM_DTYPE_F32,
                                      .rank = 2,
                                      .dims = { 1, 16 },
                                      .data = values,
                                      .bytes = sizeof values };
    char *modules = t_build_path("lib/inferometer");
    setenv("INFEROMETER_MODULE_DIR", modules, 1);
    assert_int_equal(ifm_registry_open(&module, "sim", NULL, NULL, &err), 0);
    assert_int_equal(ifm_registry_options(&module, &options, &err), 0);
    assert_int_equal(module.ops.open(module.state, NULL), 0);
    assert_int_equal(module.ops.bind(module.state, &input, 1), 0);
    free(modules);
}

static void parallel_servers_answer_what_one_could_not(void **state)
{
    struct ifm_err err = IFM_ERR_INIT;
    /* 2,000 a second at 5 ms each: ten servers are busy, one would need ten times as long */
    struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER,
                                 .rate_per_s = 2000,
                                 .iterations = 400,
                                 .schedule_seed = 1,
                                 .arrival = 1 };
    (void)state;
    open_sim("5ms", "64");
    assert_int_equal(ifm_scenario_init(&s, &module.ops, module.state, &spec, 5000000, &err), 0);
    ifm_scenario_run(&s);
    assert_int_equal(s.result.status, 0);
    assert_int_equal(s.result.count, 400);
    for (size_t i = 0; i < 400; i++) {
        assert_true(s.samples[i].duration_ns >= 5000000);
    }
    /* had they been answered one after the other, the phase would have lasted 2 s */
    int64_t alone = 0;
    for (size_t i = 0; i < 400; i++) {
        alone += s.samples[i].duration_ns;
    }
    assert_true(s.result.end_ns - s.result.begin_ns < alone / 2);
    ifm_registry_close(&module);
}

static void nothing_is_allocated_in_any_scenario(void **state)
{
    static const int kinds[] = { IFM_SCENARIO_MULTI, IFM_SCENARIO_OFFLINE, IFM_SCENARIO_SUSTAINED,
                                 IFM_SCENARIO_PACED, IFM_SCENARIO_SERVER };
    (void)state;
#ifndef COUNTS_ALLOCATIONS
    print_message("SKIP: a sanitizer owns the allocator\n");
    skip();
#endif
    for (size_t i = 0; i < 2 * sizeof kinds / sizeof *kinds; i++) {
        struct ifm_msg_spec spec = {
            .scenario = kinds[i / 2], .iterations = 500, .period_ns = 10000, .rate_per_s = 50000
        };
        start(i % 2 ? &async_ops : &sync_ops, &spec, 1000);
        const size_t before = allocations;
        ifm_scenario_run(&s);
        const size_t during = allocations - before;
        assert_true(s.result.count >= 500);
        assert_int_equal(during, 0);
        ifm_scenario_done(&s);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, reset, finish)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(arrivals_are_exponential_and_of_their_seed),
        CASE(a_fixed_rate_is_a_grid_and_both_minima_hold),
        CASE(what_makes_no_scenario_is_refused),
        CASE(multi_counts_queries_of_several_inferences),
        CASE(multi_submits_a_query_at_once_where_it_can),
        CASE(offline_keeps_its_streams_in_flight),
        CASE(a_long_run_of_a_fast_model_is_timed_in_batches),
        CASE(closed_loops_end_at_the_maximum_and_with_the_array),
        CASE(a_failure_says_which_call_it_was),
        CASE(lateness_is_what_the_generator_adds),
        CASE(ticks_stay_where_they_are_whatever_a_run_takes),
        CASE(a_server_answers_each_query_of_its_schedule),
        CASE(an_overloaded_server_leaves_queries_unfinished),
        CASE(nothing_is_issued_after_the_maximum),
        CASE(open_loops_report_a_failure),
        CASE(queries_are_submitted_when_due_and_ended_in_order),
        CASE(submit_and_wait_failures_end_both_threads),
        CASE(an_overloaded_device_leaves_queries_unfinished_and_is_drained),
        CASE(a_scenario_that_never_ran_is_cleared_away),
        CASE(parallel_servers_answer_what_one_could_not),
        CASE(nothing_is_allocated_in_any_scenario),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
